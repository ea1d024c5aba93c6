"""Latents in memory or in a file, of any kind, as an array labelled by stimulus and unit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign import arrays
from neuroalign.datasets.importing.stimulus_marks import read_list
from neuroalign.errors import ArrayError, ModelError, UsageError
from neuroalign.files.npy import open_npy
from neuroalign.files.plain import oddity

_DIMS = ("stimulus", "unit")


def holds_latents(obj: Any) -> bool:
    """Return whether an object is an array, a tensor, a data frame or a labelled array of latents."""
    return isinstance(obj, xr.DataArray | pd.DataFrame | np.ndarray) or (
        hasattr(obj, "detach") and hasattr(obj, "__array__") and not callable(obj)
    )


def as_latents(obj: Any, stimulus: ArrayLike | None = None) -> xr.DataArray:
    """Make latents of an array, a tensor, a data frame or a labelled array.

    Parameters
    ----------
    obj : array or tensor of shape (n_stimuli, n_units), pandas.DataFrame, or xarray.DataArray
        The index of a data frame, and the coordinate ``stimulus`` of a labelled array, are the stimulus ids. The
        dimensions ``stimulus`` and ``unit`` of a labelled array may have any order. Without the coordinate
        ``informative``, units that vary are informative.
    stimulus : array of str, shape (n_stimuli,), optional
        Stimulus ids of the rows; needed for arrays, tensors, and data frames with the index 0, 1, 2, ….

    Returns
    -------
    latents : xarray.DataArray of float64, dimensions (stimulus, unit)

    Raises
    ------
    ModelError
        If stimulus ids are missing, or the dimensions have other names.
    ArrayError
        If ids repeat or their number does not fit, or values are not finite numbers.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 3.0]}, index=["face1", "face2"])
    >>> as_latents(frame)["informative"].values.tolist()
    [True, False]
    """
    if isinstance(obj, xr.DataArray):
        return _of_labelled(obj, stimulus)
    if isinstance(obj, pd.DataFrame):
        if stimulus is None and isinstance(obj.index, pd.RangeIndex):
            raise ModelError(
                "a DataFrame of latents needs stimulus ids as its index, got 0, 1, 2, …; write "
                "frame.set_index('stimulus_id'), or give stimulus=ids"
            )
        if stimulus is None and obj.index.nlevels > 1:
            raise ModelError(
                f"a DataFrame of latents needs one stimulus id for each row, got an index of {obj.index.nlevels} "
                "levels; write frame.reset_index() and frame.set_index('stimulus_id'), or give stimulus=ids"
            )
        ids = obj.index.to_numpy() if stimulus is None else stimulus
        return arrays.latents(obj.to_numpy(), stimulus=ids, unit=[str(name) for name in obj.columns])
    if stimulus is None:
        raise ModelError(
            f"latents in an array need their stimulus ids: as_model(array, stimulus=ids), one for each of the "
            f"{len(obj) if np.ndim(obj) else 0} rows in their order"
        )
    values = obj.detach().cpu() if hasattr(obj, "detach") else obj
    if hasattr(values, "to") and "bfloat16" in str(getattr(values, "dtype", "")):
        values = values.float()
    return arrays.latents(values, stimulus=stimulus)


def _of_labelled(array: xr.DataArray, stimulus: ArrayLike | None) -> xr.DataArray:
    if set(array.dims) != set(_DIMS):
        raise ModelError(
            f"latents must have the dimensions stimulus and unit, got {', '.join(map(str, array.dims))}; rename them: "
            "array.rename({…})"
        )
    if stimulus is not None:
        raise UsageError("latents in a DataArray have their stimulus ids as a coordinate; leave stimulus out")
    if "stimulus" not in array.coords:
        raise ModelError("latents need their stimulus ids as the coordinate 'stimulus'")
    array = array.transpose(*_DIMS)
    given: dict[str, Any] = {
        name: array[name].values for name in ("unit", "informative", "kl", "neuroid") if name in array.coords
    }
    attrs = {name: value for name, value in array.attrs.items() if name == "identifier"}
    return arrays.latents(array.values, stimulus=array["stimulus"].values, **given, attrs=attrs)


def read_latents_array(file: Path, ids: str | Sequence[Any] | None) -> xr.DataArray:
    """Read latents from a ``.npy`` file.

    Parameters
    ----------
    file : Path
        Array of shape (n_stimuli, n_units).
    ids : str or sequence of str
        Stimulus ids in the order of the rows, or a file with them: text with one id in each line, or a table with a
        column ``stimulus_id``.

    Raises
    ------
    ModelError, DatasetError
        If a file cannot be read, or ids are missing.
    """
    values = open_npy(_expect_file(file))
    if ids is None:
        raise ModelError(
            f"{file} needs the stimulus ids of its rows: write {file}[ids=FILE], with one id in each line of FILE"
        )
    if isinstance(ids, str):
        path = _expect_file(Path(ids).expanduser())
        ids = read_list(path)
    try:
        return as_latents(values, ids)
    except ArrayError as error:
        raise ModelError(f"the latents in {file} cannot be used: {error}") from error


def _expect_file(file: Path) -> Path:
    kind = oddity(file) or (None if file.is_file() else "no file")
    if kind:
        raise ModelError(f"{file} must be a file, got {kind}")
    return file
