"""Which format a file of responses is in, told from its content."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from neuroalign.datasets.formats.hdf5 import is_hdf5, writer_of
from neuroalign.datasets.formats.matrix_csv import first_line
from neuroalign.datasets.formats.rasters import is_raster_header
from neuroalign.errors import DatasetError, unknown_name

Format = Literal["matlab", "npy", "npz", "csv", "hdf5", "brainio", "rasters"]
FORMATS: tuple[Format, ...] = get_args(Format)


def detect_format(paths: Sequence[Path], stated: str | None = None) -> Format:
    """Tell the format of one or several files, which must all be of the same.

    Parameters
    ----------
    paths : sequence of Path
    stated : str, optional
        The format that the user gave, which is then believed.

    Raises
    ------
    UnknownNameError
        If the format stated is none of :data:`FORMATS`.
    DatasetError
        If a file is missing or of no known format, or files are of different formats.
    """
    for path in paths:
        if not path.exists():
            raise DatasetError(f"{path} does not exist")
    if stated is not None:
        for known in FORMATS:
            if stated == known:
                return known
        raise unknown_name("format", stated, FORMATS)
    found = {path: _detect(path) for path in paths}
    if len(set(found.values())) > 1:
        (first, a), (second, b) = list({kind: (path, kind) for path, kind in found.items()}.values())[:2]
        raise DatasetError(f"all responses must be in one format: {first} is {a}, {second} is {b}")
    return found[paths[0]]


def _detect(path: Path) -> Format:
    if path.is_dir():
        return "rasters"
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(128)
    if not start:
        raise DatasetError(f"{path} is empty")
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"MATLAB 5.0"):
        return "matlab"
    if is_hdf5(path):
        return _detect_hdf5(path)
    if suffix == ".mat":
        return "matlab"
    if start.startswith(b"CDF"):
        return "brainio"
    if zipfile.is_zipfile(path):
        return "npz" if suffix == ".npz" else "rasters"
    if suffix in (".csv", ".tsv", ".txt"):
        return "rasters" if is_raster_header(first_line(path)) else "csv"
    by_name: dict[str, Format] = {".npy": "npy", ".npz": "npz", ".nc": "brainio", ".zip": "rasters"}
    if suffix in by_name:  # damaged: let its reader say how
        return by_name[suffix]
    raise DatasetError(
        f"cannot tell the format of {path}; name it with --format {'|'.join(FORMATS)}, if it is one of these"
    )


def _detect_hdf5(path: Path) -> Format:
    writer = writer_of(path)
    if writer == "unknown":
        raise DatasetError(
            f"{path} is plain HDF5, which does not say in which order its axes are; give --format hdf5, and --axes "
            "in the order in which h5py shows the array (h5read of MATLAB and Julia shows the reverse)"
        )
    return "matlab" if writer == "matlab" else "brainio"
