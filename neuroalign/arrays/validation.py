"""Validation of labelled arrays: dimensions, ids and finite values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays.blocks import slices
from neuroalign.errors import ArrayError, count_noun, name_some


def validate_recording(array: xr.DataArray) -> xr.DataArray:
    """Check that an array is a well-formed recording, and return it.

    Raises
    ------
    ArrayError
        If dimensions or ids are wrong; the message names them.
    """
    _expect_dims(array, "a recording", ("presentation", "neuroid"), optional=("time_bin",))
    for name, dim in (
        ("stimulus_id", "presentation"),
        ("repetition", "presentation"),
        ("neuroid_id", "neuroid"),
    ):
        if name not in array.coords or array[name].dims != (dim,):
            raise ArrayError(f"a recording needs the coordinate {name!r} along {dim!r}")
    _expect_unique(array["neuroid_id"].values, "neuroid ids")
    for name in ("stimulus_id", "neuroid_id"):
        if (array[name].values.astype(str) == "").any():
            raise ArrayError(f"{name} must not be empty; entry {int(np.argmax(array[name].values == ''))} is")
    trial = pd.MultiIndex.from_arrays([array["stimulus_id"].values, array["repetition"].values])
    if trial.has_duplicates:
        stimulus, repetition = trial[trial.duplicated()][0]
        raise ArrayError(
            f"two presentations of stimulus {stimulus!r} have the same repetition number {repetition}"
        )
    _expect_texts(array, "a recording")
    _expect_not_infinite(array, "presentation", array["stimulus_id"].values, array["neuroid_id"].values)
    return array


def validate_responses(array: xr.DataArray) -> xr.DataArray:
    """Check that responses are finite with unique ids and that every neuron varies, and return them.

    Raises
    ------
    ArrayError
        If dimensions, ids or values are wrong; the message names them.
    """
    _expect_dims(array, "responses", ("stimulus", "neuroid"))
    _expect_ids(array, ("stimulus", "neuroid"))
    _expect_finite(array, "stimulus", "neuroid")
    constant = np.ptp(array.values, axis=0) == 0 if array.sizes["stimulus"] > 1 else np.array([False])
    if constant.any():
        names = array["neuroid"].values[constant]
        raise ArrayError(
            f"{count_noun(len(names), 'neuron')} without variance over the {array.sizes['stimulus']} stimuli: "
            f"{name_some(names)}; leave them out"
        )
    return array


def validate_latents(array: xr.DataArray) -> xr.DataArray:
    """Check that latents are finite with unique ids and the coordinate `informative`, and return them.

    Raises
    ------
    ArrayError
        If dimensions, ids or values are wrong; the message names them.
    """
    _expect_dims(array, "latents", ("stimulus", "unit"))
    _expect_ids(array, ("stimulus", "unit"))
    _expect_texts(array, "latents")
    if "informative" not in array.coords or array["informative"].dtype != bool:
        raise ArrayError("latents need the boolean coordinate 'informative' along 'unit'")
    _expect_finite(array, "stimulus", "unit")
    return array


def _expect_dims(
    array: xr.DataArray, kind: str, dims: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    if not isinstance(array, xr.DataArray):
        raise ArrayError(f"{kind} must be an xarray.DataArray, got {type(array).__name__}")
    if array.dims[: len(dims)] != dims or array.dims[len(dims) :] not in ((), optional):
        raise ArrayError(f"{kind} must have dimensions {dims}, got {array.dims}")


def _expect_ids(array: xr.DataArray, dims: tuple[str, ...]) -> None:
    for dim in dims:
        if dim not in array.coords:
            raise ArrayError(f"the dimension {dim!r} needs its ids as coordinate")
        _expect_unique(array[dim].values, f"{dim} ids")


def _expect_texts(array: xr.DataArray, kind: str) -> None:
    expect_texts([str(name) for name in array.coords], f"the names of labels of {kind}")
    for name, coordinate in array.coords.items():
        if coordinate.dtype.kind in "UO":
            expect_texts(coordinate.values.ravel().tolist(), str(name))


def expect_texts(labels: Sequence[Any], name: str) -> None:
    """Refuse labels that no file can hold: texts with the character NUL, or with half a character.

    Parameters
    ----------
    labels : sequence
        Labels other than texts pass.
    name : str
        Name of the labels in messages.

    Raises
    ------
    ArrayError
        The message cites the first such label.
    """
    texts = [label for label in labels if isinstance(label, str)]
    if not _can_be_stored("".join(texts)):
        text = next(text for text in texts if not _can_be_stored(text))
        raise ArrayError(f"{name} must be text in UTF-8 without the character NUL, got {text!r}; rename it")


def _can_be_stored(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _expect_unique(ids: NDArray[Any], name: str) -> None:
    repeated = pd.Index(ids)[pd.Index(ids).duplicated()].unique()
    if len(repeated):
        raise ArrayError(f"{name} must be unique; repeated: {name_some(repeated)}")


def _expect_finite(array: xr.DataArray, rows: str, columns: str) -> None:
    if not all(bool(np.isfinite(array.values[block]).all()) for block in slices(array.values)):
        bad = ~np.isfinite(array.values)
        kind = "NaN" if np.isnan(array.values).any() else "infinite"
        raise ArrayError(
            f"{count_noun(int(bad.sum()), f'{kind} value')} in {array.name or 'the array'}: {columns} "
            f"{name_some(array[columns].values[bad.any(axis=0)])}; {rows} "
            f"{name_some(array[rows].values[bad.any(axis=1)])}"
        )


def _expect_not_infinite(
    array: xr.DataArray, rows: str, row_ids: NDArray[Any], column_ids: NDArray[Any]
) -> None:
    if not np.issubdtype(array.dtype, np.number):
        raise ArrayError(f"a recording must hold numbers, got {array.dtype}")
    if any(bool(np.isinf(array.values[block]).any()) for block in slices(array.values)):
        infinite = np.isinf(array.values)
        by_neuroid = infinite.any(axis=tuple(axis for axis in range(infinite.ndim) if axis != 1))
        by_row = infinite.any(axis=tuple(range(1, infinite.ndim)))
        raise ArrayError(
            f"{count_noun(int(infinite.sum()), 'infinite value')} in the recording: neuroid "
            f"{name_some(column_ids[by_neuroid])}; {rows} of stimulus {name_some(row_ids[by_row])}"
        )
