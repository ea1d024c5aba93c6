"""Text files with commas, semicolons or tabs between the values."""

from pathlib import Path

from neuroalign.errors import DatasetError


def delimiter_of(path: Path) -> str:
    """Return the character between the values of a text file: comma, semicolon or tab.

    Raises
    ------
    DatasetError
        If the file is not UTF-8 text.
    """
    first = first_line(path)
    return max(",;\t", key=first.count)


def first_line(path: Path) -> str:
    """Return the first line of a text file.

    Raises
    ------
    DatasetError
        If the file is not UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {path} as text: {error}") from error
