"""Variance explained by the cross-validated Lasso on held-out stimuli."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.inputs import constant_columns
from neuroalign.metrics.lasso.block import Block
from neuroalign.metrics.lasso.fold_sums import TrainingSets, training_sets
from neuroalign.metrics.lasso.problem import Problem, Rule, check_problem, choose_lambda
from neuroalign.metrics.lasso.threads import one_blas_thread
from neuroalign.metrics.variance_explained import variance_explained


@dataclass(frozen=True)
class LassoVarianceExplained:
    """Result of :func:`lasso_variance_explained`."""

    #: Variance explained of each neuron, (J,); NaN for neurons without variance.
    per_neuron: NDArray[np.float64]
    #: Prediction of each response by a fit to other stimuli, (N, J).
    predicted: NDArray[np.float64]
    #: Mean response to the training stimuli of each prediction, (N, J). The units add ``predicted - baseline`` to it.
    #: The mean itself is low where the held-out responses are high, so that it correlates with them although it
    #: predicts nothing.
    baseline: NDArray[np.float64]
    #: Fold of each stimulus, (N,).
    folds: NDArray[np.int64]


@one_blas_thread()
def lasso_variance_explained(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    n_lambdas: int = 100,
    rule: Rule = "1se",
    positive: bool = False,
    seed: int = 0,
    exclude: ArrayLike | None = None,
    n_threads: int | None = None,
) -> LassoVarianceExplained:
    """Predict each fold by :func:`lasso_cv` on the other folds, and pool the squared errors of all folds.

    One partition of the stimuli serves twice: each fold is predicted by the Lasso, with λ chosen by
    cross-validation over the other folds.

    Parameters
    ----------
    Z : array of shape (N, D)
        Predictors, such as the units of a model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    n_folds : int
        Number of folds, three or more; ignored where `folds` is given.
    folds : array of int, shape (N,), optional
        Fold of each stimulus, any labels; by default a seeded permutation. Variants of one image belong in one fold:
        see `groups` of :func:`neuroalign.metrics.fold_labels`.
    n_lambdas, rule, positive, seed, exclude, n_threads
        See :func:`lasso_cv`.

    Returns
    -------
    LassoVarianceExplained

    Raises
    ------
    ArrayError, UsageError
        As :func:`lasso_cv`, and if there are fewer than three folds.

    Warns
    -----
    NeuroalignWarning
        If some fit did not converge, with the number of neurons.

    Notes
    -----
    Fold i is predicted by ``lasso_cv(Z[rest], Y[rest], folds=folds[rest])``, where `rest` are the stimuli
    outside fold i. To choose its λ, that fit needs the path on all folds except i and j, for every j; the fit that
    predicts j needs the same path. It is computed once, at the λ of both fits.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import lasso_variance_explained
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((200, 3))
    >>> Y = Z[:, :1] + rng.standard_normal((200, 1))
    >>> lasso_variance_explained(Z, Y, n_folds=5).per_neuron.round(2)
    array([0.41])
    """
    problem = check_problem(
        Z,
        Y,
        n_lambdas=n_lambdas,
        n_folds=n_folds,
        folds=folds,
        rule=rule,
        positive=positive,
        seed=seed,
        exclude=exclude,
        n_threads=n_threads,
    )
    if problem.n_folds < 3:
        raise UsageError(
            "variance explained needs three folds at least: λ is chosen over all but the predicted one"
        )
    neurons = problem.neurons
    baseline, predicted = np.empty_like(neurons), np.empty_like(neurons)
    for rows in problem.sums.rows:
        fold = problem.sums.order[rows]
        baseline[fold] = np.delete(neurons, fold, axis=0).mean(axis=0)
    pairs = list(combinations(range(problem.n_folds), 2))
    sets = training_sets(problem.sums, [*pairs, *((fold,) for fold in range(problem.n_folds))])
    problem.fit_blocks(
        lambda block: _predict_block(problem, pairs, sets, block, baseline, predicted),
        np.arange(neurons.shape[1]),
    )
    return LassoVarianceExplained(variance_explained(neurons, predicted), predicted, baseline, problem.labels)


def _predict_block(
    problem: Problem,
    pairs: list[tuple[int, int]],
    sets: TrainingSets,
    block: NDArray[np.int64],
    baseline: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> int:
    """Predict a block of neurons, write their columns of `predicted`, return how many did not converge.

    The training sets are those without each of the pairs of folds, then those without each fold.
    """
    units, n_folds = problem.sums, problem.n_folds
    responses = problem.neurons[:, block]
    fits = Block(problem, sets, block)
    single = range(len(pairs), len(pairs) + n_folds)
    lambdas = np.empty((block.size, n_folds, problem.n_lambdas))
    for fold, index in enumerate(single):
        # A neuron that is constant outside the fold is not fitted: no unit enters at an infinite λ.
        constant = constant_columns(np.delete(responses, units.order[units.rows[fold]], axis=0))
        strength = np.where(constant, np.inf, fits.strongest(index))
        lambdas[:, fold] = strength[:, None] * problem.powers(int(sets.sizes[index]))
    errors = np.empty((n_folds, n_folds - 1, block.size, problem.n_lambdas))
    weights = np.empty((block.size, 2, problem.n_lambdas, problem.usable.size))
    for index, (i, j) in enumerate(pairs):
        fits.fit(index, np.ascontiguousarray(lambdas[:, [i, j]]), weights)
        for side, (predicting, inner) in enumerate([(i, j), (j, i)]):
            errors[predicting, inner - (inner > predicting)] = fits.errors(index, inner, weights[:, side])
    scale = responses.std(axis=0)
    weights = np.empty((block.size, 1, problem.n_lambdas, problem.usable.size))
    for fold, index in enumerate(single):
        chosen, _, _ = choose_lambda(errors[fold], np.delete(units.sizes, fold), problem.rule)
        grid = lambdas[:, fold, None]
        ending = np.maximum(grid, grid[np.arange(block.size), :, chosen, None])
        fits.fit(index, ending, weights)
        rows = units.rows[fold]
        shown = (units.centred[rows] + (units.mean[fold] - sets.mean[index])) / sets.deviation[index]
        cells = np.ix_(units.order[rows], block)
        predicted[cells] = baseline[cells] + shown @ weights[:, 0, -1].T * scale
    return fits.count_unconverged()
