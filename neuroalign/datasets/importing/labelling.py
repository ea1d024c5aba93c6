"""Conversion of an array to a recording: order of the axes, presentations, labels, unusable neurons and stimuli."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import average_trials, recording, trial_mean_blocks
from neuroalign.arrays.blocks import convert, select, slices
from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.time_bins import over_all_bins
from neuroalign.errors import DatasetError, UsageError, name_some, unknown_name

#: Labels of unknown regions and animals.
_UNKNOWN = ("", "unknown", "nan", "none")

DROPS = ("incomplete-neuroids", "incomplete-stimuli", "constant-neuroids")


def arrange(
    array: BareArray, axes: tuple[str, ...], source: str
) -> tuple[NDArray[Any], dict[str, NDArray[np.str_]], list[str]]:
    """Bring a bare array into the order stimulus, repetition, neuroid.

    Parameters
    ----------
    array : BareArray
    axes : tuple of str
        Name of each axis; see :func:`neuroalign.datasets.formats.bare.parse_axes`.
    source : str
        Name of the array in messages.

    Returns
    -------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)
    labels : dict of axis name to array of str
    notes : list of str
        Sentences for the user on every assumption.

    Raises
    ------
    DatasetError
        If the array has another number of axes, or is empty.
    """
    array = _without_ones(array, len(axes))
    values = array.values
    notes = []
    if array.drops_trailing_ones and values.ndim < len(axes):
        notes.append(
            f"{source} holds {' × '.join(map(str, values.shape))}; MATLAB leaves out last axes of length one, so the "
            f"length of {' and '.join(axes[values.ndim :])} is taken as one."
        )
        values = values.reshape(values.shape + (1,) * (len(axes) - values.ndim))
    if values.ndim != len(axes):
        raise DatasetError(
            f"{source} has {values.ndim} axes ({' × '.join(map(str, values.shape))}), "
            f"and --axes names {len(axes)}: {','.join(axes)}"
        )
    if values.size == 0:
        raise DatasetError(f"{source} is empty ({' × '.join(map(str, values.shape))})")
    for axis, (least, most) in array.ragged.items():
        if axes[axis] != "repetition":
            raise DatasetError(
                f"the cells of {source} differ in length along the axis {axes[axis]} ({least} to {most}); only the "
                "repetition axis may differ between cells"
            )
    labels = {axes[axis]: names for axis, names in array.labels.items()}
    order = [axes.index(name) for name in ("stimulus", "repetition", "neuroid") if name in axes]
    values = values.transpose(order)
    return (values if "repetition" in axes else values[:, np.newaxis]), labels, notes


def _without_ones(array: BareArray, n_axes: int) -> BareArray:
    """Drop the axes of length one that may be dropped, if that gives the number of axes that the user named."""
    removable = array.removable
    if not removable or array.values.ndim - len(removable) != n_axes:
        return array
    kept = [axis for axis in range(array.values.ndim) if axis not in removable]
    ragged = {kept.index(axis): lengths for axis, lengths in array.ragged.items()}
    return replace(array, values=array.values.squeeze(removable), ragged=ragged, removable=())


def doubtful_values(values: NDArray[Any]) -> list[str]:
    """Return notes on values that often stand for missing trials, and that the import takes as responses.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)

    Returns
    -------
    list of str
        Sentences for the user: on a negative number among counts, and on trials in which all neurons are silent
        where chance predicts no such trial.
    """
    notes = []
    negative, n_negative, whole = set[Any](), 0, values.dtype.kind != "b"
    silent = np.empty(values.shape[:2], dtype=bool)
    n_zeros = 0
    for block in slices(values):
        part = values[block]
        present = part[~np.isnan(part)]
        below = present[present < 0]
        n_negative += below.size
        if len(negative) < 2:
            negative.update(np.unique(below)[:2].tolist())
        whole = whole and bool((present == np.round(present)).all())
        silent[block] = (part == 0).all(axis=2)
        n_zeros += int((part == 0).sum())
    if len(negative) == 1 and whole:
        notes.append(
            f"{next(iter(negative)):g} occurs {n_negative} times as the only negative value, and is "
            "taken as a response; write NaN where a trial is missing."
        )
    n_repetitions, n_neuroids = values.shape[1:]
    if n_repetitions > 1 and silent.any() and not silent.all():
        share = (n_zeros - int(silent.sum()) * n_neuroids) / (int((~silent).sum()) * n_neuroids)
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
    """Make a recording of single trials or averages; a presentation without any response is left out.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)
        Responses; NaN stands for a missing trial. A writeable array is overwritten if presentations are left out.
    stimulus_id : array of str, shape (n_stimuli,)
        Stimulus ids; rows with the same id are repetitions of one stimulus.
    neuroid_id : array of str, shape (n_neuroids,)
        Neuron ids.
    """
    n_stimuli, n_repetitions, n_neuroids = values.shape
    trials = np.asarray(values).reshape(-1, n_neuroids)
    if trials.dtype != np.float32:
        trials = convert(trials, np.float64)
    ids = np.repeat(stimulus_id, n_repetitions)
    took_place = _took_place(trials)
    # A stimulus without any trial stays, so that messages can name it.
    present = set(ids[took_place])
    first = ~pd.Series(ids).duplicated().to_numpy()
    keep = took_place | (first & np.array([stimulus not in present for stimulus in ids]))
    repetition = np.tile(np.arange(n_repetitions), n_stimuli)[keep]
    numbered = pd.MultiIndex.from_arrays([ids[keep], repetition])
    return recording(
        select(trials, keep, axis=0),
        stimulus_id=ids[keep],
        repetition=None if numbered.has_duplicates else repetition,
        neuroid_id=neuroid_id,
    )


def is_unknown(label: Any) -> bool:
    """Return whether a label of a neuron is missing: an empty text, "unknown", "none" or NaN."""
    return str(label).strip().casefold() in _UNKNOWN


def state_labels(array: xr.DataArray, *, region: str | None, animal: str | None) -> xr.DataArray:
    """Give all neurons the region and the animal that the user states.

    Parameters
    ----------
    array : recording
    region, animal : str, optional

    Raises
    ------
    UsageError
        If the files give neurons another label; upper and lower case are equal.
    """
    for name, stated in (("region", region), ("animal", animal)):
        if stated is None:
            continue
        labels = array[name].values.astype(str)
        others = {label for label in labels.tolist() if not is_unknown(label)}
        others = {label for label in others if label.strip().casefold() != stated.strip().casefold()}
        if others:
            n_others = int(np.isin(labels, list(others)).sum())
            raise UsageError(
                f"--{name} {stated} contradicts the responses: {n_others} of {len(labels)} neurons have the "
                f"{name} {name_some(sorted(others))} in the file; leave --{name} out"
            )
        array = array.assign_coords({name: ("neuroid", np.full(array.sizes["neuroid"], stated))})
    return array


def leave_out_unusable(
    array: xr.DataArray, drop: Sequence[str], drop_stimuli: Sequence[str] = ()
) -> tuple[xr.DataArray, dict[str, list[str]]]:
    """Leave out named stimuli, and neurons or stimuli that have no complete mean responses.

    Parameters
    ----------
    array : recording
        Its values are overwritten if they are writeable, so that a large recording needs no second array.
    drop : sequence of {"incomplete-neuroids", "incomplete-stimuli", "constant-neuroids"}
        Parts to leave out: neurons that lack every trial of some stimulus, stimuli of which some neuron lacks every
        trial, and neurons with the same mean response to all stimuli.
    drop_stimuli : sequence of str
        Ids of recorded stimuli to leave out.

    Returns
    -------
    recording : recording
    dropped : dict of str to list of str
        Ids that were left out, under the keys "neuroids" and "stimuli".

    Raises
    ------
    DatasetError
        If neurons or stimuli cannot be used and `drop` does not include them; the message names them.
    UnknownNameError
        If no recorded stimulus has a name in `drop_stimuli`.
    """
    for option, given in (("drop", drop), ("drop_stimuli", drop_stimuli)):
        if not isinstance(given, Iterable):
            raise UsageError(f"{option} must be a list of names, got {given!r}; leave it out to keep all")
    drop = [drop] if isinstance(drop, str) else drop
    drop_stimuli = [drop_stimuli] if isinstance(drop_stimuli, str) else [str(name) for name in drop_stimuli]
    for name in drop:
        if name not in DROPS:
            raise unknown_name("choice of --drop", name, DROPS)
    if {"incomplete-neuroids", "incomplete-stimuli"} <= set(drop):
        raise UsageError(
            "--drop must be incomplete-neuroids or incomplete-stimuli, not both: either is enough"
        )
    recorded = array["stimulus_id"].values.astype(str)
    named = list(dict.fromkeys(respell(drop_stimuli, recorded)))
    dropped: dict[str, list[str]] = {"neuroids": [], "stimuli": named}
    for name in dropped["stimuli"]:
        if name not in recorded:
            raise unknown_name("recorded stimulus", name, recorded.tolist())
    if dropped["stimuli"]:
        array = _keep(array, "presentation", ~np.isin(recorded, dropped["stimuli"]))
        _expect_some(array, "stimuli stay after --drop-stimulus")
    stimuli, blocks = trial_mean_blocks(over_all_bins(array))
    neuroids = array["neuroid_id"].values.astype(str)
    bad_stimuli, bad_neuroids = np.zeros(len(stimuli), dtype=bool), np.zeros(len(neuroids), dtype=bool)
    for columns, _, counts in blocks:
        lacks = counts == 0
        bad_stimuli |= lacks.any(axis=1)
        bad_neuroids[columns] = lacks.any(axis=0)
    if bad_neuroids.any():
        if "incomplete-neuroids" in drop:
            array, dropped["neuroids"] = _keep(array, "neuroid", ~bad_neuroids), list(neuroids[bad_neuroids])
        elif "incomplete-stimuli" in drop:
            kept = ~np.isin(array["stimulus_id"].values.astype(str), stimuli[bad_stimuli])
            array = _keep(array, "presentation", kept)
            dropped["stimuli"] += list(stimuli[bad_stimuli])
        else:
            n_stimuli, n_neuroids = len(stimuli), len(neuroids)
            raise DatasetError(
                f"{bad_neuroids.sum()} of {n_neuroids} neurons have no trial of some stimuli: neurons "
                f"{name_some(neuroids[bad_neuroids])}; stimuli {name_some(stimuli[bad_stimuli])}; "
                "leave out the neurons or the stimuli: "
                f"--drop incomplete-neuroids keeps {(~bad_neuroids).sum()} neurons × {n_stimuli} stimuli, "
                f"--drop incomplete-stimuli keeps {n_neuroids} × {(~bad_stimuli).sum()}"
            )
        _expect_some(array, "all neurons have trials of all stimuli")
        array = _keep(array, "presentation", _took_place(array.values))
    constant = constant_neuroids(array)
    if len(constant):
        if "constant-neuroids" not in drop:
            raise DatasetError(
                f"{len(constant)} of {array.sizes['neuroid']} neurons respond to all stimuli alike: "
                f"{name_some(constant)}; leave them out with --drop constant-neuroids"
            )
        array = _keep(array, "neuroid", ~np.isin(array["neuroid_id"].values.astype(str), constant))
        dropped["neuroids"] += list(constant)
        _expect_some(array, "responses vary between stimuli")
    over_bins = over_all_bins(array)
    for columns in slices(over_bins.values, axis=1, itemsize=8):
        average_trials(over_bins[:, columns])
    return array, dropped


def constant_neuroids(array: xr.DataArray) -> NDArray[np.str_]:
    """Return the ids of neurons with the same mean response to all stimuli.

    Parameters
    ----------
    array : recording
        The responses over all time bins count.
    """
    stimuli, blocks = trial_mean_blocks(over_all_bins(array))
    if len(stimuli) < 2:
        return np.array([], dtype=str)
    same = np.zeros(array.sizes["neuroid"], dtype=bool)
    for columns, means, _ in blocks:
        # fmin and fmax ignore NaN, which stands for a neuron without a trial of a stimulus.
        same[columns] = np.fmax.reduce(means, axis=0) == np.fmin.reduce(means, axis=0)
    return array["neuroid_id"].values.astype(str)[same]


def _took_place(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each presentation has a response of some neuron."""
    took_place = np.empty(len(values), dtype=bool)
    for block in slices(values):
        part = values[block]
        took_place[block] = ~np.isnan(part).all(axis=tuple(range(1, part.ndim)))
    return took_place


def _keep(array: xr.DataArray, dim: str, keep: NDArray[np.bool_]) -> xr.DataArray:
    """Return a part of a recording, in the memory of the recording if it is writeable."""
    values = select(array.values, keep, array.dims.index(dim))
    coords = array.coords.to_dataset().isel({dim: keep}).coords
    return xr.DataArray(values, dims=array.dims, coords=coords, name=array.name, attrs=array.attrs)


def _expect_some(array: xr.DataArray, condition: str) -> None:
    if array.sizes["neuroid"] == 0 or array.sizes["presentation"] == 0:
        raise DatasetError(f"nothing is left: no neurons and stimuli remain for which {condition}")
