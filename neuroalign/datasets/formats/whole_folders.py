"""Folders that are read as a whole, and advice to a user who gives a part of such a folder or the folder around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from neuroalign.errors import count_noun

#: Levels of folders that are searched above a path.
_MOST_LEVELS = 4
#: Entries of a folder that are looked at.
_MOST_ENTRIES = 1000


def advice_on_part(
    path: Path,
    is_whole: Callable[[Path], bool],
    parts: Sequence[str],
    noun: str,
    give: str = "the whole folder",
) -> str:
    """Return advice on a file or folder inside a folder that is read as a whole.

    Parameters
    ----------
    path : Path
    is_whole : callable
        Function that says whether a folder is one that is read as a whole.
    parts : sequence of str
        Names of the entries of the whole folder that belong to the layout; advice concerns nothing else in it.
    noun : str
        Name of the whole folder in the sentence, such as "a scan of Sensorium".
    give : str
        Object of "give".

    Returns
    -------
    str
        Sentence without a full stop; empty if the path lies in no such folder.
    """
    absolute = path.absolute()
    for folder in list(absolute.parents)[:_MOST_LEVELS]:
        inside = absolute.relative_to(folder).parts
        if inside[0] in parts and is_whole(folder):
            return f"{path} is a part of {noun}; give {give}: --responses {folder}"
    return ""


def advice_on_parent(path: Path, is_whole: Callable[[Path], bool], singular: str) -> str:
    """Return advice on a folder around folders or files that are read alone.

    Parameters
    ----------
    path : Path
    is_whole : callable
        Function that says whether an entry of the folder is one that is read alone.
    singular : str
        Name of such an entry in the sentence, such as "scan of Sensorium".

    Returns
    -------
    str
        Sentence without a full stop; empty if the path is not around such entries.
    """
    if not path.is_dir():
        return ""
    try:
        entries = [entry for entry, _ in zip(path.iterdir(), range(_MOST_ENTRIES), strict=False)]
        whole = sorted(entry for entry in entries if is_whole(entry))
    except OSError:
        return ""
    if not whole:
        return ""
    give = "give it" if len(whole) == 1 else "give one of them"
    return f"{path} holds {count_noun(len(whole), singular)}; {give}: --responses {whole[0]}"
