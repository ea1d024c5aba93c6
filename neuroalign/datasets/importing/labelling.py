"""From a bare array to a recording: what its axes are, and which presentations took place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import average_trials, recording, trial_means
from neuroalign.datasets.formats.bare import BareArray
from neuroalign.errors import DatasetError, UsageError, name_some, unknown_name

AXES = ("neuroid", "stimulus", "repetition")
#: Labels that say nothing.
_UNKNOWN = ("", "unknown", "nan", "none")

DROPS = ("incomplete-neuroids", "incomplete-stimuli", "constant-neuroids")


def parse_axes(axes: str | Sequence[str]) -> tuple[str, ...]:
    """Read the names of axes: a sequence, or text with commas.

    Raises
    ------
    UsageError
        If a name is unknown, is there twice or is missing.
    """
    names = tuple(each.strip() for each in (axes.split(",") if isinstance(axes, str) else axes))
    for name in names:
        if name not in AXES:
            raise unknown_name("axis", name, AXES)
    if len(set(names)) != len(names) or not {"neuroid", "stimulus"} <= set(names):
        raise UsageError(
            f"the axes must be neuroid, stimulus and, if any, repetition, each once, not {','.join(names)}"
        )
    return names


def arrange(
    array: BareArray, axes: tuple[str, ...], what: str
) -> tuple[NDArray[Any], dict[str, NDArray[np.str_]], list[str]]:
    """Bring a bare array into the order stimulus, repetition, neuroid.

    Parameters
    ----------
    array : BareArray
    axes : tuple of str
        The name of each axis; see :func:`parse_axes`.
    what : str
        What to call the array in messages.

    Returns
    -------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)
    labels : dict of axis name to array of str
    notes : list of str
        What was assumed.

    Raises
    ------
    DatasetError
        If the array has another number of axes, or is empty.
    """
    values = array.values
    notes = []
    if array.drops_trailing_ones and values.ndim < len(axes):
        notes.append(
            f"{what} holds {' × '.join(map(str, values.shape))}; MATLAB leaves out last axes of length one, so the "
            f"length of {' and '.join(axes[values.ndim :])} is taken as one."
        )
        values = values.reshape(values.shape + (1,) * (len(axes) - values.ndim))
    if values.ndim != len(axes):
        raise DatasetError(
            f"{what} has {values.ndim} axes ({' × '.join(map(str, values.shape))}), "
            f"and --axes names {len(axes)}: {','.join(axes)}"
        )
    if values.size == 0:
        raise DatasetError(f"{what} is empty ({' × '.join(map(str, values.shape))})")
    labels = {axes[axis]: names for axis, names in array.labels.items()}
    order = [axes.index(name) for name in ("stimulus", "repetition", "neuroid") if name in axes]
    values = values.transpose(order)
    return (values if "repetition" in axes else values[:, np.newaxis]), labels, notes


def doubtful_values(values: NDArray[Any]) -> list[str]:
    """Name values that often stand for missing trials; they are taken as responses.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)

    Returns
    -------
    list of str
        A sentence for the user on a negative number among counts, and on trials in which all neurons are silent
        although none would be by chance.
    """
    notes = []
    present = ~np.isnan(values)
    negative = np.unique(values[present & (values < 0)])
    whole = bool((values[present] == np.round(values[present])).all())
    if len(negative) == 1 and whole and values.dtype.kind != "b":
        notes.append(
            f"{negative[0]:g} is there {int((values == negative[0]).sum())} times as the one negative value, and is "
            "taken as a response; write NaN where a trial is missing."
        )
    n_repetitions, n_neuroids = values.shape[1:]
    silent = (values == 0).all(axis=2)
    if n_repetitions > 1 and silent.any() and not silent.all():
        share = float((values[~silent] == 0).mean())
        if silent.size * share**n_neuroids < 1e-6:
            notes.append(
                f"In {int(silent.sum())} trials all {n_neuroids} neurons are 0, which is taken as their response; "
                "write NaN where a trial is missing."
            )
    return notes


def recording_from_cube(
    values: NDArray[Any],
    *,
    stimulus_id: NDArray[np.str_],
    neuroid_id: NDArray[np.str_],
) -> xr.DataArray:
    """Make a recording of single trials or averages; a presentation that nobody recorded is left out.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)
        NaN where there was no trial.
    stimulus_id : array of str, shape (n_stimuli,)
        Where an id repeats, its rows are further repetitions of one stimulus.
    neuroid_id : array of str, shape (n_neuroids,)
    """
    n_stimuli, n_repetitions, n_neuroids = values.shape
    trials = np.asarray(values).reshape(-1, n_neuroids)
    if trials.dtype != np.float32:
        trials = trials.astype(np.float64)
    ids = np.repeat(stimulus_id, n_repetitions)
    took_place = ~np.isnan(trials).all(axis=1)
    # A stimulus without any trial stays, so that it can be named.
    present = set(ids[took_place])
    first = ~pd.Series(ids).duplicated().to_numpy()
    keep = took_place | (first & np.array([each not in present for each in ids]))
    repetition = np.tile(np.arange(n_repetitions), n_stimuli)[keep]
    numbered = pd.MultiIndex.from_arrays([ids[keep], repetition])
    return recording(
        trials[keep],
        stimulus_id=ids[keep],
        repetition=None if numbered.has_duplicates else repetition,
        neuroid_id=neuroid_id,
    )


def state_labels(array: xr.DataArray, *, region: str | None, animal: str | None) -> xr.DataArray:
    """Give all neurons the region and the animal that the user states.

    Parameters
    ----------
    array : recording
    region, animal : str, optional

    Raises
    ------
    UsageError
        If the files label neurons otherwise; capital letters make no difference.
    """
    for name, stated in (("region", region), ("animal", animal)):
        if stated is None:
            continue
        labels = array[name].values.astype(str)
        others = {label for label in labels.tolist() if label.strip().casefold() not in _UNKNOWN}
        others = {label for label in others if label.strip().casefold() != stated.strip().casefold()}
        if others:
            n_others = int(np.isin(labels, list(others)).sum())
            raise UsageError(
                f"--{name} {stated} contradicts the responses: {n_others} of {len(labels)} neurons have the "
                f"{name} {name_some(sorted(others))} in the file; leave --{name} out"
            )
        array = array.assign_coords({name: ("neuroid", np.full(array.sizes["neuroid"], stated))})
    return array


def leave_out_unusable(array: xr.DataArray, drop: Sequence[str]) -> tuple[xr.DataArray, dict[str, list[str]]]:
    """Leave out neurons or stimuli that have no complete mean responses.

    Parameters
    ----------
    array : recording
    drop : sequence of {"incomplete-neuroids", "incomplete-stimuli", "constant-neuroids"}
        What may be left out: neurons that lack every trial of some stimulus, stimuli of which some
        neuron lacks every trial, neurons whose mean response is the same for all stimuli.

    Returns
    -------
    recording, dict of "neuroids" and "stimuli" to the ids that were left out

    Raises
    ------
    DatasetError
        Naming neurons and stimuli that cannot be used and were not asked to be left out.
    """
    for name in drop:
        if name not in DROPS:
            raise unknown_name("choice of --drop", name, DROPS)
    if {"incomplete-neuroids", "incomplete-stimuli"} <= set(drop):
        raise UsageError("drop incomplete-neuroids or incomplete-stimuli: either mends the other")
    dropped: dict[str, list[str]] = {"neuroids": [], "stimuli": []}
    _, counts, stimuli = trial_means(array)
    lacks = counts == 0
    neuroids = array["neuroid_id"].values.astype(str)
    if lacks.any():
        bad_stimuli, bad_neuroids = lacks.any(axis=1), lacks.any(axis=0)
        if "incomplete-neuroids" in drop:
            array, dropped["neuroids"] = array.isel(neuroid=~bad_neuroids), list(neuroids[bad_neuroids])
        elif "incomplete-stimuli" in drop:
            kept = ~np.isin(array["stimulus_id"].values.astype(str), stimuli[bad_stimuli])
            array, dropped["stimuli"] = array.isel(presentation=kept), list(stimuli[bad_stimuli])
        else:
            n_stimuli, n_neuroids = lacks.shape
            raise DatasetError(
                f"{bad_neuroids.sum()} of {n_neuroids} neurons have no trial of some stimuli: neurons "
                f"{name_some(neuroids[bad_neuroids])}; stimuli {name_some(stimuli[bad_stimuli])}; leave out either: "
                f"--drop incomplete-neuroids keeps {(~bad_neuroids).sum()} neurons × {n_stimuli} stimuli, "
                f"--drop incomplete-stimuli keeps {n_neuroids} × {(~bad_stimuli).sum()}"
            )
        _expect_some(array, "no trials are missing")
        took_place = ~np.isnan(array.values).all(axis=tuple(range(1, array.ndim)))
        array = array.isel(presentation=took_place)
    constant = constant_neuroids(array)
    if len(constant):
        if "constant-neuroids" not in drop:
            raise DatasetError(
                f"{len(constant)} of {array.sizes['neuroid']} neurons respond to all stimuli alike: "
                f"{name_some(constant)}; leave them out with --drop constant-neuroids"
            )
        array = array.isel(neuroid=~np.isin(array["neuroid_id"].values.astype(str), constant))
        dropped["neuroids"] += list(constant)
        _expect_some(array, "responses vary")
    average_trials(array)
    return array, dropped


def constant_neuroids(array: xr.DataArray) -> NDArray[np.str_]:
    """Return the ids of neurons whose mean response is the same for all stimuli.

    Parameters
    ----------
    array : recording, without or with one time bin
    """
    means = trial_means(array)[0]
    if len(means) < 2:
        return np.array([], dtype=str)
    # fmin and fmax pass over NaN, where a neuron has no trial of a stimulus.
    same = np.fmax.reduce(means, axis=0) == np.fmin.reduce(means, axis=0)
    return array["neuroid_id"].values.astype(str)[same]


def _expect_some(array: xr.DataArray, wish: str) -> None:
    if array.sizes["neuroid"] == 0 or array.sizes["presentation"] == 0:
        raise DatasetError(f"nothing is left: there are no neurons and stimuli of which {wish}")
