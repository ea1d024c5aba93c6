"""Matchings of another model in each fold, and the bound of a matching's score by the reliability of the neurons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.trial_ceilings import size_of, trial_ceilings
from neuroalign.benchmarks.turned_matching import share_largest
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import Matching
from neuroalign.metrics.matching_folds import splice_matchings
from neuroalign.scoring.held_out import HeldOut
from neuroalign.stats import weighted_mean_standard_error

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MatchedFolds:
    """Matching of one model, for a score that takes another model in each fold.

    Parameters
    ----------
    matching : Matching
    neuron_order : array of int, shape (J,)
        Index of each neuron of the matching among the neurons of the dataset.
    full : float
        Number of neurons that the matching can match in full.
    """

    matching: Matching
    neuron_order: IntArray
    full: float


def join_matchings(
    fits: Sequence[HeldOut],
    chosen: IntArray,
    dataset: Dataset,
    responses: xr.DataArray,
    predicted: xr.DataArray,
) -> dict[str, Any]:
    """Join the matchings of several models.

    Parameters
    ----------
    fits : sequence of HeldOut
        Models, each with a :class:`MatchedFolds` as its fit.
    chosen : array of int, shape (n_folds, n_neurons)
        Index of the model for each fold and neuron of the dataset.
    dataset : Dataset
    responses, predicted : responses
        All responses, and the responses to the stimuli that some fold predicts.

    Returns
    -------
    dict
        Arguments of :meth:`neuroalign.Benchmark.make_score`.
    """
    ceilings = trial_ceilings(dataset, predicted)
    of_models: list[MatchedFolds] = [fit.fit for fit in fits]
    # All models match the neurons in one order, the order of their names.
    order = of_models[0].neuron_order
    value, per_neuron, share = splice_matchings([fit.matching for fit in of_models], chosen[:, order])
    place = np.argsort(order, kind="stable")
    similarity, share = per_neuron[place], share[place]
    full = float(np.array([fit.full for fit in of_models])[chosen].mean())
    originals = dataset.stimuli.originals(responses["stimulus"].values)
    data = {"similarity": similarity, "matched_share": share, "reliability": ceilings.reliability}
    return {
        "value": value,
        "error": weighted_mean_standard_error(similarity, share),
        "error_over": "neurons",
        "ceiling": bound_score(ceilings.r, full),
        "data": xr.Dataset(
            {name: ("neuroid", values) for name, values in data.items()},
            coords={"neuroid": responses["neuroid"].values},
        ),
        "notes": [*(ceilings.notes[:1] if not ceilings.are_known else []), *originals.notes("folds")],
        "provenance": size_of(responses, originals),
    }


def bound_score(values: FloatArray, n: float) -> float:
    """Return the mean of the largest values, `n` of them; NaN where no value is known.

    Parameters
    ----------
    values : array of float64, shape (n_neurons,)
        Largest expected similarity of each neuron; NaN where it is unknown.
    n : float
        Number of neurons that are matched in full.
    """
    is_known = np.isfinite(values)
    if not is_known.any():
        return float("nan")
    weights = share_largest(np.nan_to_num(values), min(n, float(is_known.sum())), among=is_known)
    return float(np.average(np.nan_to_num(values), weights=weights))
