"""Files that hold bare arrays; the user names their axes."""

from collections.abc import Sequence
from pathlib import Path

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.detect import Format
from neuroalign.datasets.formats.hdf5 import read_hdf5
from neuroalign.datasets.formats.matlab import read_matlab
from neuroalign.datasets.formats.matrix_csv import CsvLabels, read_matrix_csv
from neuroalign.datasets.formats.numpy_files import read_npy, read_npz
from neuroalign.errors import UsageError


def read_bare_files(
    paths: Sequence[Path], kind: Format, variable: str | None, csv_labels: CsvLabels | None
) -> dict[str, BareArray]:
    """Read the array in each of several files of one format.

    Parameters
    ----------
    paths : sequence of Path
    kind : {"matlab", "npy", "npz", "csv", "hdf5"}
    variable : str, optional
        The name of the array in files that can hold several.
    csv_labels : {"none", "header", "index", "both"}, optional
        See :func:`neuroalign.datasets.formats.matrix_csv.read_matrix_csv`.

    Returns
    -------
    dict of str to BareArray
        By the name of the file.

    Raises
    ------
    UsageError
        If a file is given twice.
    DatasetError
        If a file cannot be read.
    """
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise UsageError(f"{twice[0]} is given twice; several files are further neurons")
    return {str(path): _read(path, kind, variable, csv_labels) for path in paths}


def _read(path: Path, kind: Format, variable: str | None, csv_labels: CsvLabels | None) -> BareArray:
    if kind == "matlab":
        return read_matlab(path, variable)
    if kind == "npz":
        return read_npz(path, variable)
    if kind == "hdf5":
        return read_hdf5(path, variable)
    return read_npy(path) if kind == "npy" else read_matrix_csv(path, csv_labels)
