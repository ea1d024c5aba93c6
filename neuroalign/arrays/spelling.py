"""Spelling of ids: letters with accents are one character or two, depending on the program that wrote them."""

import re
from collections.abc import Iterable
from unicodedata import normalize

_NUMBER = re.compile(r"(\d+)(?:\.0*)?")
_FILE = re.compile(r"\.(png|jpe?g|jfif|p[gp]m|bmp|tiff?|webp|gif)$")


def respell(names: Iterable[str], ids: Iterable[str]) -> list[str]:
    r"""Write names as ids have them, where both differ only in the spelling of letters with accents.

    Parameters
    ----------
    names : iterable of str
        Names of stimuli or neurons from another file.
    ids : iterable of str
        Ids that the names stand for.

    Returns
    -------
    list of str
        For each name the id with the same composed form (Unicode NFC); the name itself where no id or several ids have
        it, or where two different names would become one id.

    Examples
    --------
    >>> respell(["ba\u0308r", "dog"], ["b\u00e4r"]) == ["b\u00e4r", "dog"]
    True
    """
    given = list(map(str, names))
    if all(map(str.isascii, given)):
        return given
    existing = set(map(str, ids))
    spellings: dict[str, list[str]] = {}
    for name in existing:
        spellings.setdefault(normalize("NFC", name), []).append(name)
    chosen: dict[str, str] = {}
    for name in dict.fromkeys(given):
        alike = spellings.get(normalize("NFC", name), [])
        chosen[name] = alike[0] if name not in existing and len(alike) == 1 else name
    # Two spellings in one file can stand for two stimuli.
    if len(set(chosen.values())) < len(chosen):
        return given
    return [chosen[name] for name in given]


def find_alike(names: Iterable[str], ids: Iterable[str]) -> tuple[str, str] | None:
    """Find a name that probably stands for an id that is written in another way.

    Parameters
    ----------
    names : iterable of str
        Names without an id.
    ids : iterable of str
        Ids without a name.

    Returns
    -------
    (str, str) or None
        The first name and id that differ only in leading zeros, decimals, blanks, upper and lower case, or the end of
        the name of an image file.

    Examples
    --------
    >>> find_alike(["07", "8"], ["6", "7"]), find_alike(["Face.PNG"], ["face"]), find_alike(["a"], ["b"])
    (('07', '7'), ('Face.PNG', 'face'), None)
    """
    plain = {_plain(name): str(name) for name in ids}
    return next(((str(name), plain[key]) for name in names if (key := _plain(name)) in plain), None)


def _plain(name: str) -> str:
    text = _FILE.sub("", normalize("NFC", str(name)).strip().casefold())
    number = _NUMBER.fullmatch(text)
    return number[1].lstrip("0") or "0" if number else text
