"""Builders of labelled arrays: recordings, responses and latents."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.arrays.validation import (
    expect_texts,
    validate_latents,
    validate_recording,
    validate_responses,
)
from neuroalign.errors import ArrayError
from neuroalign.masked import as_labels, as_numbers


def recording(
    values: ArrayLike,
    *,
    stimulus_id: ArrayLike,
    neuroid_id: ArrayLike,
    repetition: ArrayLike | None = None,
    region: ArrayLike | str = "unknown",
    animal: ArrayLike | str = "unknown",
    time_bin: Mapping[str, ArrayLike] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Build and validate a recording: one value for each presentation and neuroid.

    Parameters
    ----------
    values : array of shape (n_presentations, n_neuroids) or (n_presentations, n_neuroids, n_time_bins)
        Spike counts or rates. NaN marks a missing trial of a neuroid.
    stimulus_id : array of str, shape (n_presentations,)
        Id of the stimulus of each presentation.
    neuroid_id : array of str, shape (n_neuroids,)
        Unique ids of the neuroids.
    repetition : array of int, shape (n_presentations,), optional
        Number of the presentation of its stimulus, from 0; by default in the order of the rows.
    region, animal : str or array of str, shape (n_neuroids,)
        Brain region and animal of each neuroid.
    time_bin : mapping of coordinate name to array of shape (n_time_bins,), optional
        Coordinates of the time bins, for example ``{"time_bin_start": [70], "time_bin_end": [170]}``, in milliseconds.
    attrs : mapping, optional
        Attributes: ``identifier``, ``stimulus_set``, ``source``, ``licence``, ``citation``, ``sha256``, ``simulated``.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    ArrayError
        If a label repeats, a shape does not fit or a value is infinite.

    Examples
    --------
    >>> from neuroalign.arrays import recording
    >>> spikes = [[3, 0], [4, 1], [0, 2]]
    >>> array = recording(spikes, stimulus_id=["face1", "face1", "face2"], neuroid_id=["n1", "n2"], region="AM")
    >>> array.dims, array["repetition"].values
    (('presentation', 'neuroid'), array([0, 1, 0]))
    """
    try:
        values = as_numbers(values)
    except ValueError as error:
        raise ArrayError(f"a recording must be numbers: {error}") from error
    dims = ("presentation", "neuroid", "time_bin")[: values.ndim]
    if values.ndim not in (2, 3) or (values.ndim == 3) != (time_bin is not None):
        raise ArrayError(
            f"a recording has dimensions presentation, neuroid and, with time_bin=, time_bin; "
            f"the values have shape {values.shape}"
        )
    n = dict(zip(dims, values.shape, strict=True))
    stimulus_id = _label(stimulus_id, "stimulus_id", "presentation", n, str)
    if repetition is None:
        repetition = pd.Series(stimulus_id).groupby(stimulus_id).cumcount().to_numpy()
    coords: dict[str, Any] = {
        "stimulus_id": ("presentation", stimulus_id),
        "repetition": ("presentation", _label(repetition, "repetition", "presentation", n, np.int64)),
        "neuroid_id": ("neuroid", _label(neuroid_id, "neuroid_id", "neuroid", n, str)),
        "region": ("neuroid", _label_all(region, "region", n)),
        "animal": ("neuroid", _label_all(animal, "animal", n)),
    }
    for name, bins in (time_bin or {}).items():
        coords[name] = ("time_bin", _label(bins, name, "time_bin", n))
    array = xr.DataArray(values, dims=dims, coords=coords, name="recording", attrs=dict(attrs or {}))
    return validate_recording(array)


def responses(
    values: ArrayLike,
    *,
    stimulus: ArrayLike,
    neuroid: ArrayLike,
    region: ArrayLike | str = "unknown",
    animal: ArrayLike | str = "unknown",
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Build and validate responses: the mean over trials for each stimulus and neuroid.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_neuroids)
    stimulus : array of str, shape (n_stimuli,)
        Unique stimulus ids.
    neuroid : array of str, shape (n_neuroids,)
        Unique neuroid ids.
    region, animal : str or array of str, shape (n_neuroids,)
        Brain region and animal of each neuroid.
    attrs : mapping, optional
        Attributes of the array.

    Returns
    -------
    xarray.DataArray of float64

    Raises
    ------
    ArrayError
        If a label repeats, a value is NaN or infinite, or a neuron has no variance.

    Examples
    --------
    >>> from neuroalign.arrays import responses
    >>> rates = responses([[3.5, 0.5], [0.0, 2.0]], stimulus=["face1", "face2"], neuroid=["n1", "n2"])
    >>> float(rates.sel(stimulus="face2", neuroid="n2"))
    2.0
    """
    dims = ("stimulus", "neuroid")
    values = _as_matrix(values, "responses", dims)
    n = dict(zip(dims, values.shape, strict=True))
    array = xr.DataArray(
        values,
        dims=dims,
        coords={
            "stimulus": _label(stimulus, "stimulus", "stimulus", n, str),
            "neuroid": _label(neuroid, "neuroid", "neuroid", n, str),
            "region": ("neuroid", _label_all(region, "region", n)),
            "animal": ("neuroid", _label_all(animal, "animal", n)),
        },
        name="responses",
        attrs=dict(attrs or {}),
    )
    return validate_responses(array)


def latents(
    values: ArrayLike,
    *,
    stimulus: ArrayLike,
    unit: ArrayLike | None = None,
    informative: ArrayLike | None = None,
    kl: ArrayLike | None = None,
    neuroid: ArrayLike | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Build and validate latents: the value of each model unit for each stimulus.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_units)
    stimulus : array of str, shape (n_stimuli,)
        Unique stimulus ids.
    unit : array of str, shape (n_units,), optional
        Unique unit ids; by default "0", "1", ….
    informative : array of bool, shape (n_units,), optional
        Units that carry information; by default the units that vary.
    kl : array of float, shape (n_units,), optional
        Mean divergence of each unit's posterior from the prior, in nats.
    neuroid : array of str, shape (n_units,), optional
        Ids of the neurons, for units that are recorded neurons, so that benchmarks can leave out a neuron itself.
    attrs : mapping, optional
        Attributes of the array.

    Returns
    -------
    xarray.DataArray of float64

    Raises
    ------
    ArrayError
        If a label repeats, a shape does not fit or a value is NaN or infinite.

    Examples
    --------
    >>> from neuroalign.arrays import latents
    >>> units = latents([[0.1, 1.0], [0.7, 1.0]], stimulus=["face1", "face2"])
    >>> units["informative"].values
    array([ True, False])
    """
    dims = ("stimulus", "unit")
    values = _as_matrix(values, "latents", dims)
    n = dict(zip(dims, values.shape, strict=True))
    if informative is None:
        informative = np.ptp(values, axis=0) > 0 if values.size else np.zeros(n["unit"], dtype=bool)
    coords: dict[str, Any] = {
        "stimulus": _label(stimulus, "stimulus", "stimulus", n, str),
        "unit": _label(np.arange(n["unit"]) if unit is None else unit, "unit", "unit", n, str),
        "informative": ("unit", _label(informative, "informative", "unit", n, bool)),
    }
    if kl is not None:
        coords["kl"] = ("unit", _expect_length(as_numbers(kl, np.float64), "kl", "unit", n))
    if neuroid is not None:
        coords["neuroid"] = ("unit", _label(neuroid, "neuroid", "unit", n, str))
    array = xr.DataArray(values, dims=dims, coords=coords, name="latents", attrs=dict(attrs or {}))
    return validate_latents(array)


def _as_matrix(values: ArrayLike, name: str, dims: tuple[str, str]) -> NDArray[np.float64]:
    try:
        matrix = as_numbers(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{name} must be numbers: {error}") from error
    if matrix.ndim != 2:
        raise ArrayError(f"{name} must have two dimensions ({', '.join(dims)}), got shape {matrix.shape}")
    return matrix


def _label(
    labels: ArrayLike, name: str, dim: str, n: Mapping[str, int], dtype: type | None = None
) -> NDArray[Any]:
    """Return the labels of a dimension, of which there must be one for each of its entries."""
    array = as_labels(labels, name)
    if array.dtype.kind in "UO":
        expect_texts(array.ravel().tolist(), name)
    return _expect_length(array if dtype is None else array.astype(dtype), name, dim, n)


def _label_all(labels: ArrayLike | str, name: str, n: Mapping[str, int]) -> NDArray[np.str_]:
    """Return a label for each neuroid; a single label is the label of all neuroids."""
    if np.ndim(labels) == 0:
        labels = np.full(n["neuroid"], as_labels(labels, name).astype(str))
    return _label(labels, name, "neuroid", n, str)


def _expect_length(array: NDArray[Any], name: str, dim: str, n: Mapping[str, int]) -> NDArray[Any]:
    if array.shape != (n[dim],):
        raise ArrayError(f"{name} has shape {array.shape}; the values have {n[dim]} along {dim!r}")
    return array
