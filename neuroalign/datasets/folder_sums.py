"""SHA-256 sums of the recording and the images in a dataset folder, in its file ``SHA256SUMS``.

Both are compared with their sums at each reading, before HDF5 or a decoder of images sees them. The text files of a
dataset have no sums, because users may edit them. Folders that were made by hand or by an earlier version have no list
of sums, and are read as they are.
"""

from collections.abc import Mapping
from pathlib import Path

from neuroalign.errors import DatasetError
from neuroalign.files.plain import oddity
from neuroalign.files.sums import SUMS, parse_sums, sha256_of


def read_folder_sums(path: Path) -> dict[str, str]:
    """Return the sums of the files in a dataset folder by their names; empty for a folder without sums.

    Parameters
    ----------
    path : Path
        Folder of the dataset.

    Raises
    ------
    DatasetError
        If the list of sums cannot be read.
    """
    file = path / SUMS
    if not file.exists() and not file.is_symlink():
        return {}
    if kind := oddity(file):
        raise DatasetError(f"{file} must be a file, got {kind}")
    try:
        return parse_sums(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"cannot read {file}: {error}; delete it if all other files of the folder are as you want them"
        ) from error


def expect_sum(file: Path, name: str, sums: Mapping[str, str]) -> None:
    """Refuse a file that differs from its sum.

    Parameters
    ----------
    file : Path
    name : str
        Name of the file in the list of sums.
    sums : mapping of str to str

    Raises
    ------
    DatasetError
        The message names the file.
    """
    if name in sums and file.is_file() and sha256_of(file) != sums[name]:
        raise DatasetError(
            f"cannot read {file}: its content differs from its SHA-256 in {SUMS}, so that it is damaged; import the "
            f"dataset again, or delete the line from {SUMS} if you changed the file"
        )
