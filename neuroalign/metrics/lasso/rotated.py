"""Lasso fits of rotated units, from sums that all rotations share.

The scatter of rotated units Z·W in a fold is Wᵀ·S·W, and their products with the neurons are P·W, so that a rotation
needs no pass over the stimuli.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso.cv import LassoCV, fit_problem
from neuroalign.metrics.lasso.fold_sums import NeuronSums, UnitSums, neuron_sums
from neuroalign.metrics.lasso.problem import Problem, check_problem

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RotatedLasso:
    """Sums of coordinates and neurons by fold, for Lasso fits of linear mixtures of the coordinates.

    Parameters
    ----------
    problem : Problem
        Problem with the coordinates in place of units.
    neurons : NeuronSums
        Sums of all neurons with the coordinates.
    deviation : array of float64, shape (K,)
        Standard deviation of each coordinate; the problem has the standardised coordinates.
    """

    problem: Problem
    neurons: NeuronSums
    deviation: FloatArray

    def fit(self, rows: FloatArray) -> LassoCV:
        """Fit the Lasso of units that are mixtures of the coordinates.

        Parameters
        ----------
        rows : array of float64, shape (K, D)
            Weights of the coordinates in each unit.

        Returns
        -------
        LassoCV
            As :func:`neuroalign.metrics.lasso_cv` of ``coordinates @ rows``, up to rounding.
        """
        mixing = self.deviation[:, None] * rows
        # Coordinates are uncorrelated, so this is the standard deviation of a unit.
        mixing = mixing / np.sqrt((mixing**2).sum(axis=0))
        base, n_units = self.problem.sums, rows.shape[1]
        shape = (len(base.rows), n_units)
        sums = UnitSums(
            np.empty((0, n_units)),
            base.order,
            base.rows,
            base.sizes,
            base.mean @ mixing,
            np.array([mixing.T @ scatter @ mixing for scatter in base.scatter]),
            # A unit varies in a training set if its variance is not rounding.
            smallest=np.full(shape, -1.0),
            largest=np.full(shape, 1.0),
        )
        problem = replace(self.problem, sums=sums, usable=np.arange(n_units), n_units=n_units)
        return fit_problem(problem, replace(self.neurons, products=self.neurons.products @ mixing))


def rotated_lasso(
    coordinates: FloatArray, neurons: FloatArray, folds: NDArray[np.int64], *, n_threads: int | None = None
) -> RotatedLasso:
    """Sum principal coordinates and neurons by fold.

    Parameters
    ----------
    coordinates : array of float64, shape (N, K)
        Uncorrelated columns, such as :attr:`neuroalign.metrics.rotations.Rotations.coordinates`.
    neurons : array of float64, shape (N, J)
    folds : array of int64, shape (N,)
    n_threads : int, optional
        Number of threads of each fit.

    Returns
    -------
    RotatedLasso
    """
    options: dict[str, Any] = {
        "n_lambdas": 100, "n_folds": 2, "rule": "1se", "seed": 0, "exclude": None, "n_threads": n_threads,
    }  # fmt: skip
    problem = check_problem(coordinates, neurons, folds=folds, **options)
    sums = neuron_sums(problem.sums, standardise(problem.neurons))
    return RotatedLasso(problem, sums, coordinates[:, problem.usable].std(axis=0))
