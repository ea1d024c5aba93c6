"""Ridge predictivity: held-out correlation of each neuron with its ridge regression on all units."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.predictivity_benchmark import (
    PREDICTIVITY_NUMBERS,
    Problem,
    chosen_arguments,
)
from neuroalign.benchmarks.trial_fits import TrialFits
from neuroalign.metrics import Predictivity, RidgePredictivity, ridge_predictivity
from neuroalign.results.numbers import Number
from neuroalign.scoring.declarations import Invariance


@dataclass(frozen=True, kw_only=True)
class RidgeBenchmark(TrialFits):
    """Correlation of each neuron with its held-out ridge prediction from all units, averaged over neurons.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, self_pairs, n_permutations, seed, fit_to
        See :class:`neuroalign.benchmarks.trial_fits.TrialFits`.
    alpha : float
        Penalty of all neurons; 0 for a penalty for each neuron and fold from 15 penalties, by leaving out each
        training stimulus with its variants. See :func:`neuroalign.metrics.ridge_predictivity`.
    standardise : bool
        Whether units are scaled to unit variance over the training stimuli. By default they keep their scales, as in
        Brain-Score and himalaya.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12:55; Schrimpf et al. (2018), bioRxiv 407007, for predictivity.
    """

    identifier: ClassVar[str] = "ridge"
    question: ClassVar[str] = "How well do all units of the model together predict neurons on new stimuli?"
    units_note: ClassVar[str] = "more units can predict more of a neuron, also on held-out stimuli"
    advice: ClassVar[str] = (
        "Take it for the predictivity of a whole layer, of any number of units. It says nothing about single "
        "units: mixtures of the same units predict as well; take alignment or one of the matchings for these."
    )
    seconds: ClassVar[float] = 9.0
    numbers: ClassVar[tuple[Number, ...]] = (
        *PREDICTIVITY_NUMBERS,
        Number("smallest_alpha", "share of fits with the smallest penalty", "smallest\nα", "percent"),
        Number("largest_alpha", "share of fits with the largest penalty", "largest\nα", "percent"),
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "rotation of units",
            "constant units",
        }
    )

    alpha: float = 0.0
    standardise: bool = False

    def predict(self, problem: Problem) -> RidgePredictivity:
        """Predict the neurons by ridge regression."""
        return ridge_predictivity(
            **chosen_arguments(problem, "Z", "Y", "folds", "groups", "exclude", "counts"),
            alphas=[self.alpha] if self.alpha else None,
            standardise=self.standardise,
        )

    def beside_fit(self, result: Predictivity) -> dict[str, float]:
        """Return the shares of fits with a penalty at an end of the grid."""
        assert isinstance(result, RidgePredictivity)
        fits = int(np.isfinite(result.alpha).sum())
        if self.alpha or not fits:
            return {}
        return {"smallest_alpha": result.n_smallest / fits, "largest_alpha": result.n_largest / fits}

    def notes_on_fit(self, result: Predictivity) -> list[str]:
        """Return a note on penalties at the lower end of the grid, where a smaller penalty may predict better."""
        assert isinstance(result, RidgePredictivity)
        fits = int(np.isfinite(result.alpha).sum())
        if result.n_smallest <= 0.05 * fits:
            return []
        return [
            f"{result.n_smallest} of {fits} fits chose the smallest of the penalties; linear has no penalty"
        ]

    def arrays_of_fit(self, result: Predictivity) -> dict[str, tuple[object, NDArray[np.generic]]]:
        """Return the penalty of each neuron, geometric mean over folds."""
        assert isinstance(result, RidgePredictivity)
        return {"alpha": ("neuroid", np.exp(np.log(result.alpha).mean(axis=0)))}
