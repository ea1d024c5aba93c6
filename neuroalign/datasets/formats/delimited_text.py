"""Text files with commas, semicolons, tabs or blanks between the values."""

import codecs
import re
from pathlib import Path

from neuroalign.errors import DatasetError

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")

#: Numbers with a comma, also with marks between the thousands, as in 1.234,5.
_WITH_COMMA = re.compile(r"[+-]?[\d.' ]*,\d+(?:[eE][+-]?\d+)?")

#: Marks at the start of a file. The mark of UTF-32 starts with the mark of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def delimiter_of(path: Path) -> str:
    """Return the character between the values of a text file: comma, semicolon or tab.

    Commas inside numbers, such as 1,5, do not count where semicolons or tabs stand between the values.

    Raises
    ------
    DatasetError
        If the file is not text.
    """
    first = first_line(path)
    other = max(";\t", key=first.count)
    cells = [cell.strip(' "') for cell in first.split(other)]
    if other in first and all("," not in cell or _WITH_COMMA.fullmatch(cell) for cell in cells):
        return other
    return max(",;\t", key=first.count)


def is_spaced(path: Path) -> bool:
    """Return whether blanks alone stand between the numbers of a text file, as ``numpy.savetxt`` writes them."""
    first = first_line(path)
    cells = first.split()
    if len(cells) < 2 or any(mark in first for mark in ",;\t"):
        return False
    try:
        return all(isinstance(float(cell), float) for cell in cells)
    except ValueError:
        return False


def has_decimal_comma(cell: str) -> bool:
    """Return whether a text is a number with a decimal comma, such as -1,5 or 2,5e-3."""
    return _DECIMAL_COMMA.fullmatch(cell) is not None


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file by the mark at its start: UTF-16 or UTF-32, else UTF-8."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), "utf-8-sig")


def first_line(path: Path) -> str:
    """Return the first line of a text file.

    Raises
    ------
    DatasetError
        If the file is not text in UTF-8, or in UTF-16 with a mark at its start.
    """
    try:
        with path.open(encoding=encoding_of(path)) as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise DatasetError(f"cannot read {path} as text: {error}") from error
