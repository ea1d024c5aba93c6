"""PLS predictivity: held-out correlation of each neuron with its partial least squares on all units."""

from dataclasses import dataclass
from typing import ClassVar

from neuroalign.benchmarks.predictivity_benchmark import (
    PREDICTIVITY_NUMBERS,
    Problem,
    chosen_arguments,
)
from neuroalign.benchmarks.trial_fits import TrialFits
from neuroalign.metrics import PLSPredictivity, Predictivity, pls_predictivity
from neuroalign.results.numbers import Number
from neuroalign.scoring.declarations import Invariance
from neuroalign.validation import NonNegative


@dataclass(frozen=True, kw_only=True)
class PLS(TrialFits):
    """Correlation of each neuron with its held-out prediction by partial least squares, averaged over neurons.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, self_pairs, n_permutations, seed, fit_to
        See :class:`neuroalign.benchmarks.trial_fits.TrialFits`.
    n_components : int
        Number of components; fewer where the units have a lower rank. See
        :func:`neuroalign.metrics.pls_predictivity`.
    standardise : bool
        Whether units and neurons are scaled to unit variance over the training stimuli; Brain-Score does not scale.

    References
    ----------
    Yamins et al. (2014), PNAS 111:8619; Schrimpf et al. (2018), bioRxiv 407007.
    """

    identifier: ClassVar[str] = "pls"
    question: ClassVar[str] = (
        "How well do a few components that units and neurons share predict neurons on new stimuli?"
    )
    units_note: ClassVar[str] = "more units can predict more of a neuron, also on held-out stimuli"
    advice: ClassVar[str] = (
        "Take it to compare with Brain-Score, which used 25 components. Ridge has a penalty for each neuron and "
        "mostly predicts better."
    )
    seconds: ClassVar[float] = 3.5
    numbers: ClassVar[tuple[Number, ...]] = (
        *PREDICTIVITY_NUMBERS,
        Number("components", "components, mean over folds", "compo-\nnents", "any"),
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "constant units",
        }
    )
    neurons_are_independent: ClassVar[bool] = False

    n_components: NonNegative = 25
    standardise: bool = True

    def predict(self, problem: Problem) -> PLSPredictivity:
        """Predict the neurons by partial least squares."""
        return pls_predictivity(
            **chosen_arguments(problem, "Z", "Y", "folds", "exclude", "counts"),
            n_components=self.n_components,
            standardise=self.standardise,
        )

    def beside_fit(self, result: Predictivity) -> dict[str, float]:
        """Return the number of components."""
        assert isinstance(result, PLSPredictivity)
        return {"components": float(result.n_components.mean())}
