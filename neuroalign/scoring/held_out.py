"""Held-out predictions of a benchmark, for a comparison with other responses of the same neurons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import Protocol, runtime_checkable

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import Model
from neuroalign.results.score import Score


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out predictions of the neurons of one dataset.

    Parameters
    ----------
    stimulus : array of str, shape (n_stimuli,)
        Ids of the scored stimuli, in the order of the fit.
    neuroid : array of str, shape (n_neurons,)
        Ids of the neurons.
    fit : object
        Predictions in a form that the benchmark reads.
    """

    stimulus: NDArray[Any]
    neuroid: NDArray[Any]
    fit: Any

    def shared_neurons(self, other: "HeldOut") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of the neurons that two datasets share, in the first one and in the second one."""
        place = {name: index for index, name in enumerate(other.neuroid.tolist())}
        shared = [(own, place[name]) for own, name in enumerate(self.neuroid.tolist()) if name in place]
        first, second = np.array(shared, dtype=np.int64).reshape(-1, 2).T
        return first, second


@runtime_checkable
class PredictsHeldOut(Protocol):
    """A benchmark with held-out predictions that can be compared with other responses of the same neurons."""

    def held_out(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> HeldOut:
        """Return the held-out predictions behind the score of a model.

        Parameters
        ----------
        model, dataset, join
            As for :meth:`neuroalign.Benchmark.score`.
        """
        ...

    def score_across(self, fitted: HeldOut, tested: HeldOut) -> float:
        """Return the score of predictions of one dataset on the responses of another one.

        Parameters
        ----------
        fitted, tested : HeldOut
            Predictions of the same stimuli in the same folds. Of `tested` only the responses count. The score of a
            dataset on itself must be the value of its ordinary score, bit by bit.
        """
        ...


@runtime_checkable
class ChoosesByFold(Protocol):
    """A benchmark that scores held-out predictions with another model in each fold.

    Such a benchmark can choose the best of several models, such as the layers of a network, without the stimuli that
    it is scored on; see :func:`neuroalign.scoring.layer_choice.choose_layer`. The resampling of its score needs
    ``refit``.
    """

    #: Smallest number of folds that the benchmark can be fitted with.
    least_folds: ClassVar[int]
    #: Whether groups of neurons may have models of their own. It is false where neurons compete for units.
    chooses_by_group: ClassVar[bool]

    def held_out(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> HeldOut:
        """Return the held-out predictions behind the score of a model; see :meth:`PredictsHeldOut.held_out`."""
        ...

    def score_chosen(
        self,
        model: Model,
        dataset: Dataset,
        responses: xr.DataArray,
        fits: Sequence[HeldOut],
        chosen: NDArray[np.int64],
    ) -> Score:
        """Score predictions that are joined from several models.

        Parameters
        ----------
        model : Model
            Model with the name of the score; its latents are not used.
        dataset : Dataset
        responses : responses
            Responses from :meth:`neuroalign.Benchmark.align`.
        fits : sequence of HeldOut
            Results of :meth:`held_out` of the models.
        chosen : array of int, shape (n_folds, n_neurons)
            Index of the model in `fits` that predicts each fold, in the order of its labels, of each neuron, in the
            order of `responses`.

        Returns
        -------
        Score
            With one model for all folds, the value, the error and the ceiling of its ordinary score.
        """
        ...
