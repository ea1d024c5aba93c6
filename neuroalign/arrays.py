"""The labelled arrays that everything is computed from: recordings, responses and latents.

All three are plain :class:`xarray.DataArray` objects with flat coordinates:

==========  ======================================  ==========================================
array       dimensions                              coordinates
==========  ======================================  ==========================================
recording   presentation, neuroid[, time_bin]       stimulus_id, repetition; neuroid_id,
                                                    region, animal
responses   stimulus, neuroid                       region, animal
latents     stimulus, unit                          informative[, kl][, neuroid]
==========  ======================================  ==========================================

The dimension coordinates of responses and latents are the ids themselves, so stimuli pair by
label and never by position.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, StimulusMismatchError, name_some
from neuroalign.masked import as_labels, as_numbers

Join = Literal["exact", "intersection"]


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
        Spike counts or rates. NaN marks a presentation for which a neuroid has no trial.
    stimulus_id : array of str, shape (n_presentations,)
    neuroid_id : array of str, shape (n_neuroids,)
        Unique.
    repetition : array of int, shape (n_presentations,), optional
        Counted from 0 for each stimulus. By default the order of appearance.
    region, animal : str or array of str, shape (n_neuroids,)
    time_bin : mapping of coordinate name to array of shape (n_time_bins,), optional
        For example ``{"time_bin_start": [70], "time_bin_end": [170]}``, in milliseconds.
    attrs : mapping, optional
        ``identifier``, ``stimulus_set``, ``source``, ``licence``, ``citation``, ``sha256``, ``simulated``.

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
    attrs : mapping, optional

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
        Units that carry information; by default those that vary at all.
    kl : array of float, shape (n_units,), optional
        Mean divergence of each unit's posterior from the prior, in nats.
    neuroid : array of str, shape (n_units,), optional
        Where units are recorded neurons: their ids, so that a neuron need never predict itself.
    attrs : mapping, optional

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


def validate_recording(array: xr.DataArray) -> xr.DataArray:
    """Return `array` if it is a well-formed recording.

    Raises
    ------
    ArrayError
        Naming the dimensions or ids at fault.
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
    _expect_not_infinite(array, "presentation", array["stimulus_id"].values, array["neuroid_id"].values)
    return array


def validate_responses(array: xr.DataArray) -> xr.DataArray:
    """Return `array` if it is well-formed responses: finite, unique ids, every neuron varies.

    Raises
    ------
    ArrayError
        Naming the dimensions or ids at fault.
    """
    _expect_dims(array, "responses", ("stimulus", "neuroid"))
    _expect_ids(array, ("stimulus", "neuroid"))
    _expect_finite(array, "stimulus", "neuroid")
    constant = np.ptp(array.values, axis=0) == 0 if array.sizes["stimulus"] > 1 else np.array([False])
    if constant.any():
        names = array["neuroid"].values[constant]
        raise ArrayError(
            f"{_count(len(names), 'neuron')} without variance over the {array.sizes['stimulus']} stimuli: "
            f"{name_some(names)}; leave them out"
        )
    return array


def validate_latents(array: xr.DataArray) -> xr.DataArray:
    """Return `array` if it is well-formed latents: finite, unique ids, `informative` marked.

    Raises
    ------
    ArrayError
        Naming the dimensions or ids at fault.
    """
    _expect_dims(array, "latents", ("stimulus", "unit"))
    _expect_ids(array, ("stimulus", "unit"))
    if "informative" not in array.coords or array["informative"].dtype != bool:
        raise ArrayError("latents need the boolean coordinate 'informative' along 'unit'")
    _expect_finite(array, "stimulus", "unit")
    return array


def average_trials(array: xr.DataArray) -> xr.DataArray:
    """Average a recording over the presentations of each stimulus.

    Parameters
    ----------
    array : recording, dimensions presentation, neuroid[, one time_bin]

    Returns
    -------
    responses of shape (n_stimuli, n_neuroids), float64, stimuli in sorted order.

    Raises
    ------
    ArrayError
        If there are several time bins, or a neuron lacks every trial of some stimulus.
    """
    means, counts, stimuli = trial_means(array)
    if (counts == 0).any():
        neuroids = array["neuroid_id"].values[(counts == 0).any(axis=0)]
        missing = stimuli[(counts == 0).any(axis=1)]
        raise ArrayError(
            f"{_count(len(neuroids), 'neuron')} without a trial of some stimuli: neurons "
            f"{name_some(neuroids)}; stimuli {name_some(missing)}; leave either out"
        )
    return responses(
        means,
        stimulus=stimuli,
        neuroid=array["neuroid_id"].values,
        region=array["region"].values if "region" in array.coords else "unknown",
        animal=array["animal"].values if "animal" in array.coords else "unknown",
        attrs=array.attrs,
    )


def trial_means(
    array: xr.DataArray,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]:
    """Average and count the trials of each stimulus and neuroid, complete or not.

    Parameters
    ----------
    array : recording, dimensions presentation, neuroid[, one time_bin]

    Returns
    -------
    means : array of shape (n_stimuli, n_neuroids), float64
        NaN where there was no trial.
    counts : array of shape (n_stimuli, n_neuroids), int64
        The number of trials.
    stimuli : array of str, shape (n_stimuli,)
        The stimulus ids in sorted order.
    """
    array = _single_time_bin(array)
    codes, stimuli = pd.factorize(array["stimulus_id"].values.astype(str), sort=True)
    # Summed in the order of the repetitions, the means have the same bits however presentations come.
    order = np.lexsort((array["repetition"].values, codes))
    codes, values = codes[order], array.values[order].astype(np.float64)
    present = np.isfinite(values)
    sums = np.zeros((len(stimuli), values.shape[1]))
    counts = np.zeros(sums.shape, dtype=np.int64)
    np.add.at(sums, codes, np.where(present, values, 0.0))
    np.add.at(counts, codes, present)
    with np.errstate(invalid="ignore"):
        return sums / counts, counts, stimuli


def trial_cube(array: xr.DataArray) -> NDArray[np.float64]:
    """Arrange a recording as stimuli × repetitions × neuroids.

    Parameters
    ----------
    array : recording

    Returns
    -------
    array of shape (n_stimuli, max_repetitions, n_neuroids), float64
        Stimuli in sorted order, as in :func:`average_trials`; NaN where there was no trial.
    """
    array = _single_time_bin(array)
    stimulus_id = array["stimulus_id"].values.astype(str)
    codes, stimuli = pd.factorize(stimulus_id, sort=True)
    position = pd.DataFrame({"stimulus": codes, "repetition": array["repetition"].values})
    rank = position.groupby("stimulus")["repetition"].rank(method="first").to_numpy().astype(int) - 1
    cube = np.full((len(stimuli), rank.max(initial=0) + 1, array.sizes["neuroid"]), np.nan)
    cube[codes, rank] = array.values
    return cube


def align(
    model_latents: xr.DataArray, neural_responses: xr.DataArray, *, join: Join = "exact"
) -> tuple[xr.DataArray, xr.DataArray]:
    """Pair latents and responses by stimulus id, in sorted order of the ids.

    Sorting makes every later number independent of the order in which either array came.
    Latents of stimuli that were not recorded are dropped: models see training stimuli too.

    Parameters
    ----------
    model_latents : latents
    neural_responses : responses
    join : {"exact", "intersection"}
        "exact" requires latents for every recorded stimulus; "intersection" keeps the shared ones.

    Returns
    -------
    latents, responses
        With identical stimulus coordinates.

    Raises
    ------
    StimulusMismatchError
        Naming recorded stimuli that have no latents, or if nothing is shared.
    """
    if join not in ("exact", "intersection"):
        raise ArrayError(f"join must be 'exact' or 'intersection', not {join!r}")
    recorded = np.sort(neural_responses["stimulus"].values.astype(str))
    available = np.sort(model_latents["stimulus"].values.astype(str))
    shared = np.intersect1d(recorded, available)
    if shared.size == 0:
        raise StimulusMismatchError(
            f"no stimulus is shared: recorded are {name_some(recorded)}, latents are of {name_some(available)}"
        )
    if join == "exact" and shared.size < recorded.size:
        missing = np.setdiff1d(recorded, shared)
        raise StimulusMismatchError(
            f"latents are missing for {_count(missing.size, 'recorded stimulus', 'recorded stimuli')} of "
            f"{recorded.size}: {name_some(missing)}; compute them, or ask for the intersection "
            f"({shared.size} stimuli)"
        )
    return model_latents.sel(stimulus=shared), neural_responses.sel(stimulus=shared)


def _as_matrix(values: ArrayLike, what: str, dims: tuple[str, str]) -> NDArray[np.float64]:
    try:
        matrix = as_numbers(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{what} must be numbers: {error}") from error
    if matrix.ndim != 2:
        raise ArrayError(f"{what} must have two dimensions ({', '.join(dims)}), not shape {matrix.shape}")
    return matrix


def _label_each(label: ArrayLike | str, n: int, name: str) -> NDArray[np.str_]:
    labels = as_labels(label, name).astype(str)
    if labels.ndim == 0:
        return np.full(n, labels)
    _expect_length(name, labels, n, "neuroid")
    return labels


def _single_time_bin(array: xr.DataArray) -> xr.DataArray:
    if "time_bin" not in array.dims:
        return array
    if array.sizes["time_bin"] != 1:
        raise ArrayError(
            f"the recording has {array.sizes['time_bin']} time bins; select one first, "
            "for example recording.isel(time_bin=[0])"
        )
    return array.isel(time_bin=0)


def _count(n: int, singular: str, plural: str | None = None) -> str:
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def _expect_length(name: str, labels: NDArray[Any], n: int, dim: str) -> None:
    if labels.shape != (n,):
        raise ArrayError(f"{name} has shape {labels.shape}; the values have {n} along {dim!r}")


def _expect_dims(
    array: xr.DataArray, what: str, dims: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    if not isinstance(array, xr.DataArray):
        raise ArrayError(f"{what} must be an xarray.DataArray, not {type(array).__name__}")
    if array.dims[: len(dims)] != dims or array.dims[len(dims) :] not in ((), optional):
        raise ArrayError(f"{what} must have dimensions {dims}, not {array.dims}")


def _expect_ids(array: xr.DataArray, dims: tuple[str, ...]) -> None:
    for dim in dims:
        if dim not in array.coords:
            raise ArrayError(f"the dimension {dim!r} needs its ids as coordinate")
        _expect_unique(array[dim].values, f"{dim} ids")


def _expect_unique(ids: NDArray[Any], what: str) -> None:
    repeated = pd.Index(ids)[pd.Index(ids).duplicated()].unique()
    if len(repeated):
        raise ArrayError(f"{what} must be unique; repeated: {name_some(repeated)}")


def _expect_finite(array: xr.DataArray, rows: str, columns: str) -> None:
    bad = ~np.isfinite(array.values)
    if bad.any():
        kind = "NaN" if np.isnan(array.values).any() else "infinite"
        raise ArrayError(
            f"{_count(int(bad.sum()), f'{kind} value')} in {array.name or 'the array'}: {columns} "
            f"{name_some(array[columns].values[bad.any(axis=0)])}; {rows} "
            f"{name_some(array[rows].values[bad.any(axis=1)])}"
        )


def _expect_not_infinite(
    array: xr.DataArray, rows: str, row_ids: NDArray[Any], column_ids: NDArray[Any]
) -> None:
    if not np.issubdtype(array.dtype, np.number):
        raise ArrayError(f"a recording must hold numbers, not {array.dtype}")
    infinite = np.isinf(array.values)
    if infinite.any():
        by_neuroid = infinite.any(axis=tuple(axis for axis in range(infinite.ndim) if axis != 1))
        by_row = infinite.any(axis=tuple(range(1, infinite.ndim)))
        raise ArrayError(
            f"{_count(int(infinite.sum()), 'infinite value')} in the recording: neuroid "
            f"{name_some(column_ids[by_neuroid])}; {rows} of stimulus {name_some(row_ids[by_row])}"
        )
