"""Responses in memory: arrays, tensors, data frames, labelled arrays, and lists of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.formats.assembly import recording_of_assembly
from neuroalign.datasets.formats.bare import AXES, BareArray, expect_numbers, parse_axes
from neuroalign.datasets.formats.frames import matrix_of_frame
from neuroalign.datasets.formats.reader import RecordingParts
from neuroalign.errors import DatasetError, NeuroalignError, UsageError
from neuroalign.masked import as_numbers

_KINDS = "a path, several paths, a NumPy array, a tensor, a pandas.DataFrame, an xarray.DataArray, or a list of arrays"
_ADVICE = "make the labels the index (frame.set_index) and leave other columns out"
_TIDY = "save it and give format='tidy', or make it a matrix (frame.pivot)"


@dataclass(frozen=True)
class MemoryArrays:
    """Arrays in memory with the names of their axes.

    Parameters
    ----------
    arrays : dict of str to BareArray
        Arrays by a name for messages; several hold further neurons.
    axes : tuple of str, optional
        Names of the axes, by `axes` of the import or by the dimensions of a labelled array.
    columns : mapping of axis to pandas.DataFrame
        Further labels along an axis of a labelled array.
    noun : str
        Noun for an array in messages: "array" or "file".
    """

    arrays: dict[str, BareArray]
    axes: tuple[str, ...] | None
    columns: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    noun: str = "array"


def paths_of(responses: Any) -> list[Path] | None:
    """Return the paths of files with responses, or None for responses in memory.

    Raises
    ------
    UsageError
        If the responses are neither, or some are paths and others are not.
    """
    if isinstance(responses, str | os.PathLike):
        return [Path(responses).expanduser()]
    if _is_array(responses):
        return None
    if not isinstance(responses, Iterable) or isinstance(responses, Mapping | bytes):
        raise UsageError(f"responses must be {_KINDS}, got {type(responses).__name__}")
    several = list(responses)
    are_paths = [isinstance(part, str | os.PathLike) for part in several]
    if not several or any(are_paths) != all(are_paths):
        given = "an empty list" if not several else "paths and other objects"
        raise UsageError(f"responses must be {_KINDS}, got {given}")
    return [Path(path).expanduser() for path in several] if all(are_paths) else None


def read_objects(responses: Any, axes: str | Sequence[str] | None) -> MemoryArrays:
    """Read responses in memory.

    Parameters
    ----------
    responses : array_like, tensor, pandas.DataFrame, xarray.DataArray, or sequence of them
        Parts with as many axes as `axes` names hold further neurons; parts with one axis less are one array, and `axes`
        starts with the axis of the sequence.
    axes : str or sequence of str, optional

    Raises
    ------
    UsageError
        If dimensions of a labelled array contradict `axes`, or parts of a sequence do not fit `axes`.
    DatasetError
        If values are not real numbers.
    """
    names = None if axes is None else parse_axes(axes)
    if isinstance(responses, xr.DataArray):
        return _read_labelled(responses, names)
    if _is_array(responses):
        return MemoryArrays({"the array": _read_array(responses, "the array")}, names)
    parts = list(responses)
    if any(isinstance(part, xr.DataArray) for part in parts):
        raise UsageError("several DataArrays must be joined first: responses=xarray.concat(arrays, dim)")
    if names is not None and all(_is_array(part) for part in parts):
        arrays = {
            f"array {number}": _read_array(part, f"array {number}") for number, part in enumerate(parts, 1)
        }
        dimensions = {array.values.ndim for array in arrays.values()}
        if dimensions == {len(names)}:
            return MemoryArrays(arrays, names)
        labelled = next((name for name, array in arrays.items() if array.labels), None)
        if dimensions != {len(names) - 1} or labelled is not None:
            raise UsageError(
                f"the arrays have {' or '.join(map(str, sorted(dimensions)))} axes, and axes names {len(names)} "
                f"({','.join(names)}): each array must have these axes (further neurons), or, without labels, all "
                "but the first"
            )
        parts = [array.values for array in arrays.values()]
    return MemoryArrays({"the array": BareArray(_stacked(parts))}, names)


def is_assembly(responses: Any) -> bool:
    """Return whether an object is a DataArray with one row for each presentation, as in BrainIO files."""
    return isinstance(responses, xr.DataArray) and "presentation" in responses.dims


def read_assembly(array: xr.DataArray) -> RecordingParts:
    """Read a DataArray with the dimensions presentation and neuroid and with their labels as coordinates.

    Raises
    ------
    DatasetError
        If ids are missing, or the array has several time bins.
    """
    if array.sizes.get("time_bin", 1) != 1:
        raise DatasetError(
            f"the DataArray has {array.sizes['time_bin']} time bins; average some of them first, for example "
            "array.isel(time_bin=slice(7, 17)).mean('time_bin')"
        )
    if "time_bin" in array.dims:
        array = array.isel(time_bin=0, drop=True)
    levels = [str(dim) for dim in array.dims if isinstance(array.indexes.get(dim), pd.MultiIndex)]
    array = array.reset_index(levels) if levels else array
    recording, stimuli = recording_of_assembly(array, "the DataArray")
    averaged = bool(recording.attrs["averaged"])
    return RecordingParts(recording.copy(data=_read_only(recording.values)), averaged, stimuli)


def as_text(values: pd.Series) -> NDArray[Any]:
    """Return a column of labels as numbers, flags or text, as a recording stores them."""
    return values.to_numpy() if values.dtype.kind in "iufb" else values.astype(str).to_numpy(dtype=str)


def _is_array(value: Any) -> bool:
    return isinstance(value, pd.DataFrame) or any(
        hasattr(value, name) for name in ("__array__", "__dlpack__", "to_pandas", "toarray")
    )


def _read_array(value: Any, source: str) -> BareArray:
    """Return one array without names of its axes, which the import does not overwrite."""
    if hasattr(value, "to_pandas"):  # tables of Polars and Arrow
        value = value.to_pandas()
    if isinstance(value, pd.DataFrame):
        bare = matrix_of_frame(value, "the DataFrame", labels=None, advice=_ADVICE, tidy=_TIDY)
        return BareArray(_read_only(bare.values), bare.labels, note=bare.note)
    return BareArray(_read_only(expect_numbers(_values(value, source), source)))


def _values(value: Any, source: str) -> NDArray[Any]:
    """Return the values of an array or a tensor on any device."""
    try:
        if hasattr(value, "detach"):  # a tensor of torch that records gradients, or is on a graphics card
            value = value.detach().cpu()
        if hasattr(value, "toarray"):  # a sparse matrix
            value = value.toarray()
        if not hasattr(value, "__array__"):
            value = np.from_dlpack(value)
        return as_numbers(value)
    except NeuroalignError:
        raise
    except Exception as error:  # conversions of other libraries
        first = (str(error).splitlines() or [""])[0]
        raise DatasetError(
            f"{source} ({type(value).__name__}) cannot become a NumPy array: {first}; give its values in float32 or "
            "float64"
        ) from error


def _stacked(parts: Sequence[Any]) -> NDArray[Any]:
    """Return a nested list, or a list of arrays of one shape, as an array."""
    try:
        values = np.stack(parts) if all(isinstance(part, np.ndarray) for part in parts) else as_numbers(parts)
    except ValueError as error:
        raise DatasetError(
            "the parts of the list must have one shape; write NaN where a trial is missing"
        ) from error
    return _read_only(expect_numbers(values, "the list"))


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    view = values.view()
    view.flags.writeable = False
    return view


def _read_labelled(array: xr.DataArray, names: tuple[str, ...] | None) -> MemoryArrays:
    """Read an array with named dimensions, in any order."""
    dims = tuple(map(str, array.dims))
    if set(dims) <= set(AXES):
        if names is not None and names != dims:
            raise UsageError(
                f"axes={','.join(names)} contradicts the dimensions of the DataArray, {', '.join(dims)}; leave axes out"
            )
        names = parse_axes(dims)
    elif names is None:
        raise UsageError(
            f"the DataArray has the dimensions {', '.join(dims)}: name them in their order, for example "
            "axes='neuroid,stimulus'"
        )
    elif len(names) != len(dims):
        raise UsageError(
            f"the DataArray has {len(dims)} dimensions ({', '.join(dims)}), and axes names {len(names)}: "
            f"{','.join(names)}"
        )
    labels, columns = {}, {}
    for axis, (dim, name) in enumerate(zip(dims, names, strict=True)):
        if name == "repetition":
            continue
        given = {str(key): coord for key, coord in array.coords.items() if coord.dims == (dim,)}
        usual = (dim, f"{name}_id", "image_id") if name == "stimulus" else (dim, f"{name}_id")
        key = next((key for key in usual if key in given), None)
        if key is not None:
            labels[axis] = np.array([_label(value, key) for value in given.pop(key).values.tolist()])
        flat = {key: coord.values for key, coord in given.items() if coord.ndim == 1}
        if flat:
            columns[name] = pd.DataFrame(flat)
    values = _read_only(expect_numbers(_values(array, "the DataArray"), "the DataArray"))
    lines = [f"the dimension {dims[axis]} ({names[0]}, …)" for axis, names in labels.items()]
    note = f"Labels of the DataArray are the coordinates of {' and '.join(lines)}." if lines else None
    return MemoryArrays({"the DataArray": BareArray(values, labels, note=note)}, names, columns)


def _label(value: Any, name: str) -> str:
    text = "" if pd.isna(value) else str(value)
    if not text.strip():
        raise DatasetError(f"the coordinate {name} of the DataArray has an empty label")
    return text
