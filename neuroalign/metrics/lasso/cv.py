"""Cross-validated Lasso from model units to every neuron at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.metrics.inputs import constant_columns
from neuroalign.metrics.lasso.block import Block
from neuroalign.metrics.lasso.fold_sums import NeuronSums, TrainingSets, training_sets
from neuroalign.metrics.lasso.problem import Problem, Rule, check_problem, choose_lambda
from neuroalign.metrics.lasso.threads import one_blas_thread


@dataclass(frozen=True)
class LassoCV:
    """Result of :func:`lasso_cv`; units and neurons are standardised, ddof 0."""

    #: Weights, (D, J); zero for neurons and units without variance.
    weights: NDArray[np.float64]
    #: The λ that the rule chose, (J,); NaN for neurons without variance.
    lambda_: NDArray[np.float64]
    #: The grid of each neuron, descending, (J, n_lambdas).
    lambdas: NDArray[np.float64]
    #: Mean squared error over the held-out stimuli, (J, n_lambdas).
    cv_mean: NDArray[np.float64]
    #: Its standard error over folds, (J, n_lambdas).
    cv_se: NDArray[np.float64]
    #: Fold of each stimulus, (N,).
    folds: NDArray[np.int64]


@one_blas_thread()
def lasso_cv(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    n_lambdas: int = 100,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    lambda_min_ratio: float | None = None,
    rule: Rule = "1se",
    positive: bool = False,
    seed: int = 0,
    exclude: ArrayLike | None = None,
    n_threads: int | None = None,
) -> LassoCV:
    """Fit each neuron from all units by Lasso, with λ by cross-validation.

    Minimises ``‖y − Zw‖²/(2N) + λ‖w‖₁`` for standardised units and neurons. Each neuron has one grid of λ for
    all folds, geometric from ``max |zᵀy|/N``. In a fold the units are standardised with the statistics of its
    training stimuli and the neuron is centred, so that a λ means the same in every fold.

    Parameters
    ----------
    Z : array of shape (N, D)
        Latents, stimuli in rows.
    Y : array of shape (N, J)
        Responses averaged over trials, the same stimuli in rows.
    n_lambdas : int
        Number of λ in a grid.
    n_folds : int
        Number of folds; ignored where `folds` is given.
    folds : array of int, shape (N,), optional
        Fold of each stimulus, any labels; by default a seeded permutation. Variants of one image belong in one fold:
        see `groups` of :func:`neuroalign.metrics.fold_labels`.
    lambda_min_ratio : float, optional
        Last λ of a grid divided by the first; by default 1e-4, or 1e-2 with fewer stimuli than units.
    rule : {"1se", "min"}
        "1se": the largest λ with an error within one standard error of the smallest error. "min":
        the λ of the smallest error.
    positive : bool
        Whether weights must not be negative (non-negative Lasso). The grid of a neuron then begins at ``max zᵀy/N``; it
        is 0 for a neuron that covaries with no unit positively, which gets no weight. The sign of a unit then matters.
    seed : int
        Seed of the folds.
    exclude : array of int, shape (J,), optional
        Unit that each neuron may not use, such as the neuron itself; -1 for no unit.
    n_threads : int, optional
        Number of threads, by default one for each processor that this process may use. The result does not depend on
        it.

    Returns
    -------
    LassoCV

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    UsageError
        If an option is out of range.

    Warns
    -----
    NeuroalignWarning
        If some fit did not converge, with the number of neurons.

    Notes
    -----
    The rule is ``lambda.1se`` of R's ``cv.glmnet``: cvm is the mean of the folds' errors weighted by their
    sizes, cvsd = sqrt(weighted mean of (error − cvm)² / (K − 1)). With fewer than three stimuli in a fold,
    ``cv.glmnet`` takes the standard error over single stimuli (``grouped = FALSE``);
    neuroalign still takes it over folds.
    With ``positive=True`` the objective is minimised over w ≥ 0. Units that nearly cancel each other, with weights of
    opposite signs, are then not available for a prediction.
    Fits are exact: see ``neuroalign.metrics.lasso.path``.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Variance explained"; Friedman, Hastie & Tibshirani (2010),
    J. Stat. Softw. 33:1; Prince, Conwell, Alvarez & Konkle (2024), "A case for sparse positive alignment of neural
    systems", for non-negative weights.

    Examples
    --------
    >>> from neuroalign.metrics import lasso_cv
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((200, 5))
    >>> Y = Z[:, [1]] + 0.1 * rng.standard_normal((200, 1))
    >>> lasso_cv(Z, Y).weights[:, 0].round(1)
    array([0., 1., 0., 0., 0.])

    A neuron that falls with a unit has no non-negative weight:

    >>> bool(lasso_cv(Z, -Y, positive=True).weights.max() < 0.1)
    True
    """
    problem = check_problem(
        Z,
        Y,
        n_lambdas=n_lambdas,
        n_folds=n_folds,
        folds=folds,
        lambda_min_ratio=lambda_min_ratio,
        rule=rule,
        positive=positive,
        seed=seed,
        exclude=exclude,
        n_threads=n_threads,
    )
    return fit_problem(problem)


def fit_problem(problem: Problem, sums: NeuronSums | None = None) -> LassoCV:
    """Fit the Lasso of a checked problem; see :func:`lasso_cv`.

    Parameters
    ----------
    problem : Problem
    sums : NeuronSums, optional
        Sums of all neurons with the units of the problem, for a caller that derives them without the units; by
        default they are computed from the units.

    Returns
    -------
    LassoCV
    """
    n_neurons, n_lambdas = problem.excluded.size, problem.n_lambdas
    result = LassoCV(
        weights=np.zeros((problem.n_units, n_neurons)),
        lambda_=np.full(n_neurons, np.nan),
        lambdas=np.full((n_neurons, n_lambdas), np.nan),
        cv_mean=np.full((n_neurons, n_lambdas), np.nan),
        cv_se=np.full((n_neurons, n_lambdas), np.nan),
        folds=problem.labels,
    )
    neurons = problem.neurons
    # The last set is all stimuli.
    sets = training_sets(problem.sums, [*((fold,) for fold in range(problem.n_folds)), ()])

    problem.fit_blocks(
        lambda block: _fit_block(problem, sets, block, sums, result),
        np.flatnonzero(~constant_columns(neurons)),
    )
    return result


def _fit_block(
    problem: Problem,
    sets: TrainingSets,
    block: NDArray[np.int64],
    sums: NeuronSums | None,
    result: LassoCV,
) -> int:
    """Fit a block of neurons, write their columns of `result`, return how many did not converge."""
    fits = Block(problem, sets, block, sums)
    lambdas = fits.strongest(-1)[:, None] * problem.powers(len(problem.neurons))
    grid = lambdas[:, None]
    weights = np.empty((*grid.shape, problem.usable.size))
    errors = np.empty((problem.n_folds, *lambdas.shape))
    for fold in range(problem.n_folds):
        fits.fit(fold, grid, weights)
        errors[fold] = fits.errors(fold, fold, weights[:, 0])
    chosen, result.cv_mean[block], result.cv_se[block] = choose_lambda(
        errors, problem.sums.sizes, problem.rule
    )
    result.lambdas[block] = lambdas
    result.lambda_[block] = lambdas[np.arange(block.size), chosen]
    # The path ends where the grid stops falling. Descent, if it is needed, is warmed up by the larger λ.
    ending = np.maximum(grid, result.lambda_[block, None, None])
    fits.fit(-1, ending, weights)
    chosen_weights = weights[:, 0, -1].T
    # Rounding can leave a negative weight where a unit leaves the path.
    result.weights[problem.usable[:, None], block] = (
        np.maximum(chosen_weights, 0.0) if problem.positive else chosen_weights
    )
    return fits.count_unconverged()
