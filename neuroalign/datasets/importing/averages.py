"""Noise of averages: their standard errors and numbers of trials, for ceilings without single trials."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays.spelling import respell
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some, unknown_name

# Means in files are often rounded; multiplied by the number of trials, they then miss whole counts by less than this.
_ROUNDING = 0.05

#: Files with an array that has the axes of the responses, or the array.
Beside = Any


@dataclass(frozen=True)
class NoiseOfAverages:
    """Statements of a user on the noise of averages.

    Parameters
    ----------
    sem : paths or array, optional
        Standard errors, with the axes of the responses.
    sem_variable : str, optional
        Variable of the file of standard errors.
    n_trials : int, str, paths or array, optional
        Number of trials of all stimuli, a column of the stimulus table, or an array with the axes of the responses.
    noise : {"poisson"}, optional
        Model of the noise from which the standard errors follow.
    """

    sem: Beside | None = None
    sem_variable: str | None = None
    n_trials: int | str | Beside | None = None
    noise: Literal["poisson"] | None = None

    def __post_init__(self) -> None:
        if self.sem_variable is not None and self.sem is None:
            raise UsageError("--sem-variable must go with --sem; give the file of the standard errors, too")
        if self.noise not in (None, "poisson"):
            raise UsageError(f"--noise must be poisson, got {self.noise!r}; leave it out, and give --sem")
        if self.noise is not None and self.sem is not None:
            raise UsageError(
                "--sem and --noise must not both be given; --sem measures the noise, so give --sem alone"
            )
        if self.noise is not None and self.n_trials is None:
            raise UsageError("--noise poisson must go with the numbers of trials; give them with --n-trials")
        if isinstance(self.n_trials, int) and self.n_trials < 1:
            raise UsageError(f"--n-trials must be at least 1, got {self.n_trials}")

    @property
    def is_stated(self) -> bool:
        """Whether the user stated anything."""
        return self.sem is not None or self.n_trials is not None

    @property
    def files(self) -> dict[str, Sequence[Path]]:
        """Files with standard errors and numbers of trials, by role."""
        given = {"sem": self.sem, "n_trials": self.n_trials}
        return {role: paths for role, paths in given.items() if isinstance(paths, list)}


def attach_noise(
    array: xr.DataArray,
    stated: NoiseOfAverages,
    *,
    averaged: bool,
    table: pd.DataFrame,
    read: Callable[[Beside, str | None], xr.DataArray],
) -> tuple[xr.DataArray, list[str]]:
    """Store the standard errors and the numbers of trials beside the averages of a recording.

    Parameters
    ----------
    array : recording
    stated : NoiseOfAverages
    averaged : bool
        Whether the responses are means over trials.
    table : pandas.DataFrame
        Stimulus table, indexed by stimulus id.
    read : callable
        Function that reads an array with the axes of the responses, or a variable of its file, as a recording with
        the same ids.

    Returns
    -------
    array : recording
        With the coordinates ``sem`` and ``n_trials`` along presentation and neuroid, as far as they are known.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    UsageError
        If the responses are single trials, or the stimulus table lacks the column.
    DatasetError
        If a number is missing, negative or infinite, or the responses are not counts although the noise is Poisson.
    """
    if not stated.is_stated:
        return array, []
    if not averaged:
        option = "--sem" if stated.sem is not None else "--n-trials"
        raise UsageError(
            f"{option} must go with averages, got single trials, which show their noise themselves; leave it out"
        )
    if "time_bin" in array.dims:
        raise UsageError(
            "--sem and --n-trials must go with one response for each stimulus, got time bins; give --window without "
            "--bins"
        )
    notes: list[str] = []
    if stated.n_trials is not None:
        counts, origin = _numbers_of_trials(array, stated.n_trials, table, read)
        _expect(
            counts, array, "--n-trials", "a whole number of at least 1", (counts >= 1) & (counts % 1 == 0)
        )
        array = array.assign_coords(n_trials=(("presentation", "neuroid"), counts.astype(np.int64)))
        notes.append(f"Numbers of trials are {origin}.")
    if stated.sem is not None:
        errors = _paired(read(stated.sem, stated.sem_variable), array, "--sem")
        _expect(errors, array, "--sem", "finite and not negative", np.isfinite(errors) & (errors >= 0))
        origin = (
            "the given array"
            if hasattr(stated.sem, "__array__")
            else name_some([path.name for path in stated.sem])
        )
        return _with_errors(array, errors, notes, f"Standard errors of the averages are from {origin}")
    if stated.noise is None:
        notes.append(
            "The numbers of trials alone do not give the noise, so ceilings are missing: give the standard errors "
            "with --sem, or, for mean spike counts, --noise poisson."
        )
        return array, notes
    return _with_errors(
        array,
        _poisson_errors(array),
        notes,
        "Standard errors of the averages assume Poisson noise (variance over trials = mean)",
    )


def _numbers_of_trials(
    array: xr.DataArray,
    n_trials: int | str | Beside,
    table: pd.DataFrame,
    read: Callable[[Beside, str | None], xr.DataArray],
) -> tuple[NDArray[np.float64], str]:
    """Return the number of trials of each average, and its origin in words."""
    if isinstance(n_trials, int):
        return np.full(array.shape, float(n_trials)), f"{n_trials} for all stimuli"
    if not isinstance(n_trials, str):
        counts = _paired(read(n_trials, None), array, "--n-trials")
        # A response that is missing has no trials.
        return np.where(np.isnan(array.values), np.fmax(counts, 1.0), counts), "from the given array"
    if n_trials not in table:
        raise unknown_name("column of the stimulus table", n_trials, [str(name) for name in table.columns])
    column = pd.to_numeric(table[n_trials], errors="coerce").reindex(array["stimulus_id"].values.astype(str))
    counts = np.repeat(column.to_numpy(dtype=np.float64)[:, None], array.sizes["neuroid"], axis=1)
    return counts, f"from the column {n_trials} of the stimulus table"


def _paired(beside: xr.DataArray, array: xr.DataArray, option: str) -> NDArray[np.float64]:
    """Return the values of another array for the stimuli and neurons of the averages."""
    labels: dict[str, NDArray[Any]] = {}
    for name, noun in (("stimulus_id", "stimuli"), ("neuroid_id", "neurons")):
        labels[name] = np.array(respell(beside[name].values, array[name].values), dtype=str)
        lacking = np.setdiff1d(array[name].values.astype(str), labels[name])
        if lacking.size:
            raise DatasetError(
                f"{option} must have all {noun} of the responses, got {np.unique(labels[name]).size} without "
                f"{name_some(lacking)}; give an array with the axes of the responses"
            )
    rows = pd.Index(labels["stimulus_id"])
    if rows.has_duplicates:
        raise DatasetError(
            f"{option} must have one value for each stimulus, got several for {rows[rows.duplicated()][0]}"
        )
    columns = pd.Index(labels["neuroid_id"])
    values = np.asarray(beside.values, dtype=np.float64)
    values = values[rows.get_indexer(array["stimulus_id"].values.astype(str))]
    return values[:, columns.get_indexer(array["neuroid_id"].values.astype(str))]


def _expect(
    values: NDArray[np.float64], array: xr.DataArray, option: str, rule: str, holds: NDArray[np.bool_]
) -> None:
    """Check the values beside the responses that exist."""
    wrong = ~holds & ~np.isnan(array.values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DatasetError(
            f"{option} must be {rule} for every response, got {values[row, column]:g} for stimulus "
            f"{array['stimulus_id'].values[row]} of neuron {array['neuroid_id'].values[column]} "
            f"({count_noun(int(wrong.sum()), 'such value')})"
        )


def _poisson_errors(array: xr.DataArray) -> NDArray[np.float64]:
    """Return the standard errors of mean counts: the variance over trials of a Poisson variable is its mean."""
    values, counts = array.values.astype(np.float64), array["n_trials"].values
    totals = values * counts
    present = np.isfinite(totals)
    off = present & (np.abs(totals - np.round(totals)) > _ROUNDING)
    if off.any() or (values[present] < 0).any():
        raise DatasetError(
            "--noise poisson must go with mean spike counts: the responses times the numbers of trials must be whole "
            f"numbers of at least 0, and {int(off.sum()):,} of {int(present.sum()):,} are not; multiply rates by the "
            "length of the window in seconds, or give --sem"
        )
    return np.sqrt(values / counts)


def _with_errors(
    array: xr.DataArray, errors: NDArray[np.float64], notes: list[str], origin: str
) -> tuple[xr.DataArray, list[str]]:
    from neuroalign.metrics import reliability_of_means

    array = array.assign_coords(sem=(("presentation", "neuroid"), errors))
    complete = np.isfinite(array.values).all(axis=0)
    per_neuron = (
        reliability_of_means(array.values[:, complete], errors[:, complete])
        if complete.any()
        else np.empty(0)
    )
    per_neuron = per_neuron[np.isfinite(per_neuron)]
    if not per_neuron.size:
        return array, [*notes, f"{origin}."]
    n_below = int((per_neuron <= 0).sum())
    notes = [*notes, f"{origin}; the median neuron has a reliability of {np.median(per_neuron):.2f}."]
    if n_below > per_neuron.size / 2:
        notes.append(
            f"{n_below} of {per_neuron.size} neurons vary less than their standard errors: check that these are "
            "standard errors of the means, not standard deviations over trials (divide by the root of the number of "
            "trials)."
        )
    return array, notes


def as_beside(value: Any, option: str) -> Beside:
    """Return an array, a data frame or a labelled array in memory as it is, and everything else as paths.

    Raises
    ------
    UsageError
        If the value is neither an array nor paths.
    """
    if hasattr(value, "__array__"):
        return value
    several = (
        [value] if isinstance(value, str | os.PathLike) or not isinstance(value, Iterable) else list(value)
    )
    if not several or not all(isinstance(path, str | os.PathLike) for path in several):
        raise UsageError(
            f"{option} must be a path, several paths, or a NumPy array, got {type(value).__name__}"
        )
    return [Path(path).expanduser() for path in several]


def as_n_trials(value: Any) -> int | str | Beside | None:
    """Return a number as a number, the path of an existing file as a path, and other text as the name of a column."""
    if value is None or (isinstance(value, int | np.integer) and not isinstance(value, bool)):
        return value if value is None else int(value)
    if isinstance(value, str) and not Path(value).expanduser().is_file():
        return int(value) if value.strip().isdigit() else value
    return as_beside(value, "--n-trials")
