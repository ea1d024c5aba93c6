"""SHA-256 sums of the files in a dataset folder, in its file ``SHA256SUMS``.

All files are compared with their sums at each reading, before HDF5, a reader of tables or a decoder of images sees
them. A user who edits a text file deletes its line. Folders that were made by hand have no sums, folders of earlier
versions no sums of text files; files without a sum are read as they are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from neuroalign.errors import DatasetError
from neuroalign.files.home import write_file
from neuroalign.files.plain import oddity
from neuroalign.files.sums import SUMS, parse_sums, sha256_of, write_sums


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
    """Refuse a file that differs from its sum; a file that does not exist passes.

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


def expect_listed(folder: Path, names: Iterable[str], sums: Mapping[str, str]) -> None:
    """Refuse a folder that has lost one of its files that a dataset need not have.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Names of the files.
    sums : mapping of str to str

    Raises
    ------
    DatasetError
        The message names the file.
    """
    for name in names:
        if name in sums and not (folder / name).exists():
            raise DatasetError(
                f"{folder / name} is missing, and {SUMS} lists it; import the dataset again, or delete the line from "
                f"{SUMS} if you deleted the file"
            )


@contextmanager
def replacing_files(folder: Path, names: Collection[str]) -> Iterator[None]:
    """Let a block replace files of a dataset folder, and state their sums after it.

    The sums of the files are left out first: a process that is killed in the block leaves files without sums, and none
    that differs from its sum.

    Parameters
    ----------
    folder : Path
    names : collection of str
        Names of the files, which the block writes whole.
    """
    sums = read_folder_sums(folder)
    if not sums:
        yield
        return
    others = {name: sum_ for name, sum_ in sums.items() if name not in names}
    write_file(folder / SUMS, write_sums(others))
    try:
        yield
    finally:
        written = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
        write_file(folder / SUMS, write_sums(others | written))
