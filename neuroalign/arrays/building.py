"""Builders of labelled arrays: recordings, responses and latents."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.arrays.validation import validate_latents, validate_recording, validate_responses
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
    """
    try:
        values = as_numbers(values)
    except ValueError as error:
        raise ArrayError(f"a recording must be numbers: {error}") from error
    stimulus_id = as_labels(stimulus_id, "stimulus_id").astype(str)
    neuroid_id = as_labels(neuroid_id, "neuroid_id").astype(str)
    dims = ("presentation", "neuroid", "time_bin")[: values.ndim]
    if values.ndim not in (2, 3) or (values.ndim == 3) != (time_bin is not None):
        raise ArrayError(
            f"a recording has dimensions presentation, neuroid and, with time_bin=, time_bin; "
            f"the values have shape {values.shape}"
        )
    _expect_length("stimulus_id", stimulus_id, values.shape[0], "presentation")
    _expect_length("neuroid_id", neuroid_id, values.shape[1], "neuroid")
    if repetition is None:
        repetition = pd.Series(stimulus_id).groupby(stimulus_id).cumcount().to_numpy()
    repetition = as_labels(repetition, "repetition", np.int64)
    _expect_length("repetition", repetition, values.shape[0], "presentation")
    n_neuroids = values.shape[1]
    coords: dict[str, Any] = {
        "stimulus_id": ("presentation", stimulus_id),
        "repetition": ("presentation", repetition),
        "neuroid_id": ("neuroid", neuroid_id),
        "region": ("neuroid", _label_each(region, n_neuroids, "region")),
        "animal": ("neuroid", _label_each(animal, n_neuroids, "animal")),
    }
    for name, bins in (time_bin or {}).items():
        edges = as_labels(bins, name)
        _expect_length(name, edges, values.shape[2], "time_bin")
        coords[name] = ("time_bin", edges)
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
    """
    values = _as_matrix(values, "responses", ("stimulus", "neuroid"))
    stimulus = as_labels(stimulus, "stimulus").astype(str)
    neuroid = as_labels(neuroid, "neuroid").astype(str)
    _expect_length("stimulus", stimulus, values.shape[0], "stimulus")
    _expect_length("neuroid", neuroid, values.shape[1], "neuroid")
    array = xr.DataArray(
        values,
        dims=("stimulus", "neuroid"),
        coords={
            "stimulus": stimulus,
            "neuroid": neuroid,
            "region": ("neuroid", _label_each(region, len(neuroid), "region")),
            "animal": ("neuroid", _label_each(animal, len(neuroid), "animal")),
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
    """
    values = _as_matrix(values, "latents", ("stimulus", "unit"))
    stimulus = as_labels(stimulus, "stimulus").astype(str)
    unit = as_labels(np.arange(values.shape[1]) if unit is None else unit, "unit").astype(str)
    _expect_length("stimulus", stimulus, values.shape[0], "stimulus")
    _expect_length("unit", unit, values.shape[1], "unit")
    varies = np.ptp(values, axis=0) > 0 if values.size else np.zeros(values.shape[1], dtype=bool)
    coords: dict[str, Any] = {"stimulus": stimulus, "unit": unit}
    per_unit = {"informative": varies if informative is None else as_labels(informative, "informative", bool)}
    if kl is not None:
        per_unit["kl"] = as_numbers(kl, np.float64)
    if neuroid is not None:
        per_unit["neuroid"] = as_labels(neuroid, "neuroid").astype(str)
    for name, coordinate in per_unit.items():
        _expect_length(name, coordinate, values.shape[1], "unit")
        coords[name] = ("unit", coordinate)
    array = xr.DataArray(
        values, dims=("stimulus", "unit"), coords=coords, name="latents", attrs=dict(attrs or {})
    )
    return validate_latents(array)


def _as_matrix(values: ArrayLike, name: str, dims: tuple[str, str]) -> NDArray[np.float64]:
    try:
        matrix = as_numbers(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{name} must be numbers: {error}") from error
    if matrix.ndim != 2:
        raise ArrayError(f"{name} must have two dimensions ({', '.join(dims)}), got shape {matrix.shape}")
    return matrix


def _label_each(label: ArrayLike | str, n: int, name: str) -> NDArray[np.str_]:
    labels = as_labels(label, name).astype(str)
    if labels.ndim == 0:
        return np.full(n, labels)
    _expect_length(name, labels, n, "neuroid")
    return labels


def _expect_length(name: str, labels: NDArray[Any], n: int, dim: str) -> None:
    if labels.shape != (n,):
        raise ArrayError(f"{name} has shape {labels.shape}; the values have {n} along {dim!r}")
