"""Ceilings of a recording from its trials or standard errors, and the size of the recording for the provenance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.datasets.variants import Originals

FloatArray = NDArray[np.float64]

#: Neurons below this reliability have no score over ceiling: its error would be larger than the score.
MIN_RELIABILITY = 0.1


@dataclass(frozen=True, eq=False)
class TrialCeilings:
    """Reliability of the neurons, and the best scores that it allows.

    Parameters
    ----------
    reliability : array of float64, shape (n_neurons,)
        Reliability of the mean over trials; NaN where it is unknown.
    are_known : bool
        Whether the recording has single trials, or averages with standard errors.
    """

    reliability: FloatArray
    are_known: bool

    @property
    def r(self) -> FloatArray:
        """Largest expected correlation of a model with each neuron, √reliability, (n_neurons,); 0 below 0."""
        return np.sqrt(np.maximum(self.reliability, 0.0))

    @property
    def mean_r(self) -> float:
        """Largest expected mean correlation over neurons; NaN where it is unknown."""
        return _mean(self.r)

    @property
    def mean_r2(self) -> float:
        """Largest expected mean share of explained variance over neurons; NaN where it is unknown."""
        return _mean(self.reliability)

    def relative_r(self, r: FloatArray) -> FloatArray:
        """Divide correlations by their ceilings, not clipped; NaN for neurons below :data:`MIN_RELIABILITY`."""
        return self._relative(r, self.r)

    def relative_r2(self, r2: FloatArray) -> FloatArray:
        """Divide shares of variance by their ceilings, not clipped; NaN for neurons below :data:`MIN_RELIABILITY`."""
        return self._relative(r2, self.reliability)

    def _relative(self, values: FloatArray, ceilings: FloatArray) -> FloatArray:
        usable = np.nan_to_num(self.reliability, nan=-1.0) >= MIN_RELIABILITY
        return divide(values, np.where(usable, ceilings, 0.0), otherwise=np.nan)

    @property
    def notes(self) -> list[str]:
        """Reason for a missing ceiling, and the number of neurons without a score over ceiling."""
        if not self.are_known:
            return ["only averages over trials are known, so the ceiling is missing"]
        n_below = int((np.nan_to_num(self.reliability, nan=-1.0) < MIN_RELIABILITY).sum())
        if not n_below:
            return []
        return [
            f"{n_below} of {self.reliability.size} neurons have a reliability below {MIN_RELIABILITY:g}; "
            "scores over ceiling leave these neurons out"
        ]


def trial_ceilings(dataset: Dataset, responses: xr.DataArray) -> TrialCeilings:
    """Estimate the reliability of each neuron from the trials, or the standard errors, of the scored stimuli.

    Parameters
    ----------
    dataset : Dataset
    responses : responses
        Responses from ``neuroalign.scoring.benchmark.Benchmark.align``.

    Returns
    -------
    TrialCeilings
        Ceilings in the order of the neurons of `responses`.
    """
    values = neuron_reliability(dataset, responses["stimulus"].values)
    if values is None:
        return TrialCeilings(np.full(responses.sizes["neuroid"], np.nan), are_known=False)
    return TrialCeilings(values, are_known=True)


def size_of(responses: xr.DataArray, originals: Originals) -> dict[str, Any]:
    """Return the numbers of stimuli, originals and neurons, for the provenance of a score.

    Parameters
    ----------
    responses : responses
        Scored responses.
    originals : Originals
        Originals of the scored stimuli.
    """
    return {
        "n_stimuli": responses.sizes["stimulus"],
        **originals.provenance,
        "n_neurons": responses.sizes["neuroid"],
    }


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
