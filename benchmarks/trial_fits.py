"""Base class of benchmarks that predict neurons from all units by fits to mean responses or to single trials."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.lasso_benchmark import FEW_STIMULI
from neuroalign.benchmarks.predictivity_benchmark import PredictivityBenchmark, Problem
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.variants import Originals
from neuroalign.errors import UsageError
from neuroalign.scoring.folds import RANDOM


def trial_counts(dataset: Dataset, responses: xr.DataArray) -> NDArray[np.int64]:
    """Return the number of trials behind each response, for fits to single trials.

    Parameters
    ----------
    dataset : Dataset
    responses : responses
        Responses to stimuli of the dataset.

    Returns
    -------
    array of int64, shape (n_stimuli, n_neurons)

    Raises
    ------
    UsageError
        If the dataset has averages without numbers of trials, or no stimulus was repeated.
    """
    counts = dataset.n_trials if dataset.trials is None else np.isfinite(dataset.trials).sum(axis=1)
    if counts is None:
        held = "averages without numbers of trials" if dataset.averaged else "one trial of each stimulus"
        raise UsageError(
            f"fit_to=trials must have the numbers of trials, and {dataset.identifier} has {held}; leave fit_to out"
        )
    scored = np.isin(dataset.responses["stimulus"].values, responses["stimulus"].values)
    return np.asarray(counts[scored], dtype=np.int64)


def note_on_counts(counts: NDArray[np.int64]) -> str:
    """Return a note on the numbers of trials by which stimuli count, shape (n_stimuli, n_neurons)."""
    if (counts == counts[0]).all():
        return "each neuron has as many trials of every stimulus, so that fits to trials are fits to means"
    return (
        f"fits to single trials: a stimulus counts by the trials of each neuron, {counts.min()} to {counts.max()} "
        f"(median {np.median(counts):g})"
    )


@dataclass(frozen=True, kw_only=True)
class TrialFits(PredictivityBenchmark):
    """Benchmark of held-out predictions with a choice of the responses that are fitted.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, self_pairs, n_permutations, seed
        See :class:`neuroalign.benchmarks.predictivity_benchmark.PredictivityBenchmark`.
    fit_to : {"means", "trials"}
        Whether the fits are to the mean response to each stimulus, or to all single trials, where a stimulus counts by
        the number of trials that a neuron has of it. All trials of a stimulus share a fold. Predictions are compared
        with the mean responses to held-out stimuli in both cases, each stimulus once, so that the scores and the
        ceilings are scores and ceilings of the same quantity.
    """

    fit_to: Literal["means", "trials"] = "means"

    def options(self) -> dict[str, Any]:
        """Return the options; `fit_to` only where it is set, so that other scores keep their records and keys."""
        return {
            name: value for name, value in super().options().items() if name != "fit_to" or value != "means"
        }

    def trial_counts(self, dataset: Dataset, responses: xr.DataArray) -> NDArray[np.int64] | None:
        """Return the number of trials behind each response, for fits to single trials.

        Raises
        ------
        UsageError
            If the dataset has averages without numbers of trials, or no stimulus was repeated.
        """
        return None if self.fit_to == "means" else trial_counts(dataset, responses)

    def notes_on_stimuli(self, problem: Problem, originals: Originals) -> list[str]:
        """Return notes on the numbers of trials that weigh the stimuli, and on few stimuli."""
        counts = problem["counts"]
        notes = [] if counts is None else [note_on_counts(counts)]
        if originals.n < FEW_STIMULI and not self.in_sample:
            counted = "originals" if originals.has_variants else "stimuli"
            more = (
                f"; n_folds={originals.n} leaves out one at a time and fits to the most"
                if self.folds == RANDOM and self.n_folds < originals.n
                else ""
            )
            notes.append(
                f"only {originals.n} {counted}: by chance alone, the r of one neuron varies by more than "
                f"{1 / np.sqrt(max(originals.n - 1, 1)):.2f} around 0{more}"
            )
        return notes
