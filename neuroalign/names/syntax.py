r"""Syntax of names with options, layers and reducers: ``beta_vae[beta=4,seed=0]+pca[n=10]``.

The grammar, where ``|`` separates alternatives and ``( … )*`` means any number of repetitions::

    spec    = part ("+" part)*                  the first part is a model or a benchmark, the others are reducers
    part    = name ["[" [option ("," option)*] "]"] ["@" layer]
    option  = key "=" value
    value   = quoted | list | bare
    list    = "[" [value ("," value)*] "]"
    bare    = text with balanced brackets, commas only inside brackets
    name    = quoted | text without [ ] +       layers may stand in the name, and are written there:
                                                timm:resnet18@layer3[weights=random]
              | file ":" text without [ ] +     file is the path of an existing file that ends in .py, at the start
    layer   = quoted | text without [ ] +
    key     = quoted | text without [ ] , =
    quoted  = text in single or double quotes; a backslash escapes a quote or a backslash,
              and writes other characters as Python does: \n, \t, \xNN, \uNNNN

A quote opens quoted text only at the start of a name, key or value; inside a word it is an apostrophe.
A bare value stands for None, a truth value or a number where it reads as one, else for text. Text that the
parser would read differently is written in quotes, so :func:`parse_spec` and :func:`format_spec` are inverses.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from neuroalign.errors import UsageError


@dataclass(frozen=True)
class Spec:
    """A name, its options and its reducers.

    Parameters
    ----------
    name : str
        Registered name, with a scheme and layers if needed: ``pca``, ``timm:resnet18@layer3``.
    options : mapping of str to value
        Numbers, truth values, None, text, and lists of values.
    wrappers : tuple of Spec
        Reducers in the order in which they are applied; a reducer has no reducers of its own.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple["Spec", ...] = ()

    def __str__(self) -> str:
        return format_spec(self.name, self.options, self.wrappers)


def parse_spec(text: str) -> Spec:
    """Parse ``name[option=value,…]+reducer[option=value,…]``.

    Parameters
    ----------
    text : str
        A name in the grammar of this module.

    Returns
    -------
    Spec

    Raises
    ------
    UsageError
        If the text does not follow the grammar; the message gives the position and the fix.

    Examples
    --------
    >>> parse_spec("beta_vae[beta=0.5,seed=3]")
    Spec(name='beta_vae', options={'beta': 0.5, 'seed': 3}, wrappers=())
    >>> parse_spec("stimulus_bootstrap[benchmark=alignment[rule=min]]").options
    {'benchmark': 'alignment[rule=min]'}
    >>> parse_spec("my_model[files=['a,b.csv',c.csv]]").options
    {'files': ['a,b.csv', 'c.csv']}
    """
    return _Parser(text).spec()


def parse_value(text: str) -> Any:
    """Parse the value of one option, as in ``name[option=value]``.

    Parameters
    ----------
    text : str

    Returns
    -------
    None, bool, int, float, str or list

    Raises
    ------
    UsageError
        If the text is not one value.
    """
    return _Parser(text).only_value()


def format_spec(name: str, options: Mapping[str, Any] | None = None, wrappers: Sequence[Spec] = ()) -> str:
    """Write a name with its options and reducers, as :func:`parse_spec` reads it.

    Parameters
    ----------
    name : str
    options : mapping of str to value, optional
        A tuple is written as a list, and a value of another type as its text.
    wrappers : sequence of Spec

    Returns
    -------
    str

    Examples
    --------
    >>> format_spec("beta_vae", {"beta": 4.0, "seed": 0})
    'beta_vae[beta=4,seed=0]'
    >>> format_spec("my_model", {"weights": "a,b.pth", "tag": "10"})
    "my_model[weights='a,b.pth',tag='10']"
    """
    written = _quote_unless(_Parser.is_name, name)
    if options:
        inside = ",".join(
            f"{_quote_unless(_Parser.is_key, key)}={format_value(value)}" for key, value in options.items()
        )
        written += f"[{inside}]"
    return "+".join([written, *map(str, wrappers)])


def format_value(value: Any) -> str:
    """Write the value of one option, as :func:`parse_value` reads it.

    Parameters
    ----------
    value : None, bool, int, float, str, list or tuple

    Returns
    -------
    str
        Whole floats below 1e16 are written without a decimal point: 4.0 as ``4``.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        text = repr(float(value))
        return text if text == "-0.0" else text.removesuffix(".0")
    if isinstance(value, list | tuple):
        return f"[{','.join(map(format_value, value))}]"
    return _quote_unless(_Parser.is_bare_text, str(value))


_QUOTES = "'\""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_HEXADECIMAL_DIGITS = {"x": 2, "u": 4, "U": 8}
_WORDS = {"true": True, "false": False, "none": None}
_SHOWN = 20
_MAX_DEPTH = 20


class _Parser:
    """Recursive-descent parser of the grammar above."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def spec(self) -> Spec:
        parts = [self._part()]
        while self._take("+"):
            parts.append(self._part())
        if self._at < len(self._text):
            raise self._error("'+' or the end")
        return Spec(parts[0].name, parts[0].options, tuple(parts[1:]))

    def only_value(self) -> Any:
        value = self._value()
        if self._at < len(self._text):
            raise self._error("the end of the value")
        return value

    @classmethod
    def is_name(cls, text: str) -> bool:
        """Whether a name reads as itself without quotes."""
        return cls(text)._reads_as(text, lambda parser: parser._word("[]+", "a name"))

    @classmethod
    def is_key(cls, text: str) -> bool:
        """Whether a key reads as itself without quotes."""
        return cls(text)._reads_as(text, lambda parser: parser._word("[],=", "an option"))

    @classmethod
    def is_bare_text(cls, text: str) -> bool:
        """Whether a text value reads as itself without quotes."""
        return cls(text)._reads_as(text, _Parser._value)

    def _reads_as(self, text: str, read: "Callable[[_Parser], Any]") -> bool:
        try:
            # The comparison of types keeps texts such as "1" apart from numbers.
            value = read(self)
        except UsageError:
            return False
        return isinstance(value, str) and value == text and self._at == len(text) and text.isprintable()

    def _part(self) -> Spec:
        file = self._file() if self._at == 0 else ""
        name = file + self._word("[]+", "a name")
        options: dict[str, Any] = {}
        if self._take("[") and not self._take("]"):
            while True:
                start = self._at
                key = self._word("[],=", "option=value")
                if not self._take("="):
                    raise self._error("option=value", start)
                if key in options:
                    raise self._error(f"each option once, and {key!r} is given twice,", start)
                options[key] = self._value()
                if self._take("]"):
                    break
                if not self._take(","):
                    raise self._error("',' or ']'")
            if self._take("@"):
                name = f"{name}@{self._word('[]+', 'a layer')}"
        return Spec(name, options)

    def _file(self) -> str:
        """Read the path of a Python file with characters that end a name elsewhere, and the colon behind it."""
        for colon in re.finditer(r"(?<=\.py):", self._text):
            path = self._text[: colon.start()]
            if set(path) & set("[]+") and os.path.isfile(path):
                self._at = colon.end()
                return f"{path}:"
        return ""

    def _value(self, depth: int = 0) -> Any:
        self._skip_spaces()
        if self._next() in _QUOTES:
            return self._quoted()
        if self._take("["):
            if depth == _MAX_DEPTH:
                raise self._error(f"at most {_MAX_DEPTH} lists in one another")
            return self._list(depth + 1)
        start = self._at
        text = self._bare_text()
        if not text:
            raise self._error("a value", start)
        return _read_scalar(text)

    def _list(self, depth: int) -> list[Any]:
        values: list[Any] = []
        if self._take("]"):
            return values
        while True:
            values.append(self._value(depth))
            if self._take("]"):
                return values
            if not self._take(","):
                raise self._error("',' or ']'")

    def _word(self, ends: str, expected: str) -> str:
        """Read a name or a key: quoted, or all text before one of the characters `ends`."""
        self._skip_spaces()
        if self._next() in _QUOTES:
            return self._quoted()
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        word = self._text[start : self._at].strip()
        if not word:
            raise self._error(expected, start)
        return word

    def _bare_text(self) -> str:
        """Read text to the next comma or closing bracket of this level, quoted parts of nested names included."""
        start, depth, opens = self._at, 0, False
        while self._at < len(self._text):
            character = self._text[self._at]
            if depth == 0 and character in ",]":
                break
            if character in _QUOTES and opens:
                self._quoted()
                opens = False
                continue
            depth += {"[": 1, "]": -1}.get(character, 0)
            opens = character in "[,=+" or (opens and character.isspace())
            self._at += 1
        if depth:
            raise self._error("']'")
        return self._text[start : self._at].strip()

    def _quoted(self) -> str:
        start, quote = self._at, self._text[self._at]
        characters: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == quote:
                self._skip_spaces()
                return "".join(characters)
            characters.append(self._escaped() if character == "\\" else character)
        raise self._error(f"a closing {quote}", start)

    def _escaped(self) -> str:
        character = self._next()
        self._at += 1
        if (n_digits := _HEXADECIMAL_DIGITS.get(character)) is None:
            return _ESCAPES.get(character, character)
        digits = self._text[self._at : self._at + n_digits]
        if not re.fullmatch(f"[0-9a-fA-F]{{{n_digits}}}", digits) or int(digits, 16) > 0x10FFFF:
            raise self._error(f"{n_digits} hexadecimal digits of a character")
        self._at += n_digits
        return chr(int(digits, 16))

    def _next(self) -> str:
        # No name has the null character unescaped, so it marks the end.
        return self._text[self._at : self._at + 1] or "\0"

    def _take(self, character: str) -> bool:
        self._skip_spaces()
        if self._next() != character:
            return False
        self._at += 1
        self._skip_spaces()
        return True

    def _skip_spaces(self) -> None:
        while self._next().isspace():
            self._at += 1

    def _error(self, expected: str, position: int | None = None) -> UsageError:
        position = self._at if position is None else position
        rest = self._text[position : position + _SHOWN]
        place = f"character {position + 1}, {rest!r}" if rest else "the end"
        return UsageError(
            f"cannot read {self._text!r}: expected {expected} at {place}; write name[option=value,…]+reducer, with "
            f"single quotes around a name or value that has brackets, commas or plus signs"
        )


def _read_scalar(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _quote_unless(reads_as_itself: Callable[[str], bool], text: str) -> str:
    if reads_as_itself(text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    characters = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in escaped)
    return f"'{''.join(characters)}'"
