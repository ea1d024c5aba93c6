"""Linear predictivity: held-out correlation of each neuron with its least-squares regression on all units."""

from dataclasses import dataclass
from typing import ClassVar

from neuroalign.benchmarks.predictivity_benchmark import Problem, chosen_arguments
from neuroalign.benchmarks.trial_fits import TrialFits
from neuroalign.metrics import Predictivity, linear_predictivity
from neuroalign.scoring.declarations import Invariance


@dataclass(frozen=True, kw_only=True)
class Linear(TrialFits):
    """Correlation of each neuron with its held-out least-squares prediction from all units, averaged over neurons.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, self_pairs, n_permutations, seed, fit_to
        See :class:`neuroalign.benchmarks.trial_fits.TrialFits`.
    """

    identifier: ClassVar[str] = "linear"
    question: ClassVar[str] = "How well does least squares on all units predict neurons on new stimuli?"
    units_note: ClassVar[str] = (
        "more units can predict more of a neuron, or overfit as they approach the stimuli"
    )
    advice: ClassVar[str] = (
        "Take it for few units and many stimuli, to compare with published least squares. Take ridge elsewhere: "
        "without a penalty the predictions get worse as units approach stimuli in number."
    )
    seconds: ClassVar[float] = 5.0
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "rotation of units",
            "constant units",
            "copies of units",
        }
    )

    def predict(self, problem: Problem) -> Predictivity:
        """Predict the neurons by least squares."""
        return linear_predictivity(**chosen_arguments(problem, "Z", "Y", "folds", "exclude", "counts"))
