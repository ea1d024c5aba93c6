"""NumPy's ``.npy`` files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DatasetError, brief

if TYPE_CHECKING:
    from numpy.typing import NDArray


def open_npy(path: Path) -> "NDArray[Any]":
    """Open the array in a ``.npy`` file; it stays on disk until its values are used.

    Parameters
    ----------
    path : Path

    Returns
    -------
    array
        Read-only array of real numbers.

    Raises
    ------
    DatasetError
        If the file is damaged, or holds Python objects, which are never loaded, or anything but real numbers.
    """
    import numpy as np

    try:
        values = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy parses the header as Python, so damage can raise nearly anything
        raise DatasetError(f"cannot read the NumPy file {path}: {brief(error)}") from error
    if values.dtype.kind not in "fiub":
        raise DatasetError(f"the array in {path.name} must hold real numbers, got {values.dtype}")
    return values
