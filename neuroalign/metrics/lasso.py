"""Cross-validated Lasso from model units to every neuron at once."""

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns, standardise
from neuroalign.metrics.moments import UnitMoments, neuron_moments, unit_moments
from neuroalign.progress import progress

Rule = Literal["1se", "min"]

# Neurons that a thread takes at a time: enough for the matrix products, few enough to stop promptly.
_BLOCK = 32

Block = TypeVar("Block")


@dataclass(frozen=True)
class LassoCV:
    """Result of :func:`lasso_cv`; units and neurons are standardised, ddof 0."""

    #: (D, J); zero for neurons and units without variance.
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


def lasso_cv(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    n_lambdas: int = 100,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    lambda_min_ratio: float | None = None,
    rule: Rule = "1se",
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
    n_folds : int
        Ignored where `folds` is given.
    folds : array of int, shape (N,), optional
        Fold of each stimulus, any labels; by default a seeded permutation.
    lambda_min_ratio : float, optional
        Last λ as a share of the first; by default 1e-4, or 1e-2 with fewer stimuli than units.
    rule : {"1se", "min"}
        "1se": the largest λ whose error is within one standard error of the smallest error. "min":
        the λ of the smallest error.
    seed : int
        Of the folds.
    exclude : array of int, shape (J,), optional
        For each neuron the unit that it may not use, such as itself; -1 for none.
    n_threads : int, optional
        By default one for each processor that this process may use. The result does not depend on it.

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
    The rule is that of R's ``cv.glmnet`` (``lambda.1se``): cvm is the mean of the folds' errors weighted by their
    sizes, cvsd = sqrt(weighted mean of (error − cvm)² / (K − 1)). Fits are exact: see
    :mod:`neuroalign.metrics.lasso_path`.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Variance explained"; Friedman, Hastie & Tibshirani (2010),
    J. Stat. Softw. 33:1.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((200, 5))
    >>> Y = Z[:, [1]] + 0.1 * rng.standard_normal((200, 1))
    >>> lasso_cv(Z, Y).weights[:, 0].round(1)
    array([0., 1., 0., 0., 0.])
    """
    units, neurons = as_pair(Z, Y)
    n_stimuli, n_units = units.shape
    excluded = as_excluded(exclude, n_units, neurons.shape[1])
    labels = _check_folds(folds, n_stimuli, n_folds, seed)
    ratio = _check_grid(n_lambdas, lambda_min_ratio, n_stimuli, n_units)
    if n_threads is not None and n_threads < 1:
        raise UsageError(f"n_threads must be at least 1, not {n_threads}")
    if rule not in ("1se", "min"):
        raise UsageError(f"rule must be '1se' or 'min', not {rule!r}")
    # Units that never vary have no weight: the fit is the same without them, and faster.
    usable = np.flatnonzero(~constant_columns(units))
    of_usable = np.full(n_units + 1, -1, dtype=np.int64)
    of_usable[usable] = np.arange(usable.size)
    varies = ~constant_columns(neurons)
    n_neurons = neurons.shape[1]
    result = LassoCV(
        weights=np.zeros((n_units, n_neurons)),
        lambda_=np.full(n_neurons, np.nan),
        lambdas=np.full((n_neurons, n_lambdas), np.nan),
        cv_mean=np.full((n_neurons, n_lambdas), np.nan),
        cv_se=np.full((n_neurons, n_lambdas), np.nan),
        folds=labels,
    )
    columns = np.flatnonzero(varies)
    blocks = [columns[start : start + _BLOCK] for start in range(0, columns.size, _BLOCK)]
    unconverged = 0
    with _one_blas_thread():
        moments = unit_moments(standardise(units[:, usable]), np.unique(labels, return_inverse=True)[1])
        powers = ratio ** (np.arange(n_lambdas) / max(n_lambdas - 1, 1))

        def fit(block: NDArray[np.int64]) -> int:
            return _fit_block(
                moments, neurons, block, of_usable[excluded[block]], powers, rule, usable, result
            )

        for failed in progress(_in_threads(fit, blocks, n_threads), description="Lasso", total=len(blocks)):
            unconverged += failed
    if unconverged:
        warnings.warn(
            f"the Lasso of {unconverged} of {n_neurons} neurons did not converge: their weights are approximate; "
            "leave out units that nearly repeat others, or raise lambda_min_ratio",
            NeuroalignWarning,
            stacklevel=2,
        )
    return result


def _fit_block(
    moments: UnitMoments,
    neurons: NDArray[np.float64],
    block: NDArray[np.int64],
    excluded: NDArray[np.int64],
    powers: NDArray[np.float64],
    rule: Rule,
    usable: NDArray[np.int64],
    result: LassoCV,
) -> int:
    """Fit a block of neurons, write their columns of `result`, return how many did not converge."""
    from neuroalign.metrics.lasso_path import UNCONVERGED, cross_validate

    n_block, n_units = block.size, usable.size
    responses = standardise(neurons[:, block][moments.order])
    sums = neuron_moments(moments, responses)
    strength = np.abs(sums.covariance[-1])
    strength[np.flatnonzero(excluded >= 0), excluded[excluded >= 0]] = 0.0
    lambdas = strength.max(axis=1, initial=0.0)[:, None] * powers
    weights = np.zeros((n_block, n_units))
    chosen = np.empty(n_block, dtype=np.int64)
    how = np.empty(n_block, dtype=np.int64)
    cv_mean, cv_se = np.empty_like(lambdas), np.empty_like(lambdas)
    cross_validate(
        moments.gram,
        sums.covariance,
        moments.varies,
        moments.held_out,
        sums.held_out,
        sums.held_out_squares,
        moments.sizes,
        lambdas,
        excluded,
        rule == "1se",
        weights,
        chosen,
        cv_mean,
        cv_se,
        how,
    )
    result.weights[usable[:, None], block] = weights.T
    result.lambdas[block] = lambdas
    result.lambda_[block] = lambdas[np.arange(n_block), chosen]
    result.cv_mean[block] = cv_mean
    result.cv_se[block] = cv_se
    return int((how == UNCONVERGED).sum())


def _check_folds(folds: ArrayLike | None, n_stimuli: int, n_folds: int, seed: int) -> NDArray[np.int64]:
    if folds is None:
        return fold_labels(n_stimuli, n_folds, seed=seed)
    labels = np.asarray(folds)
    if labels.shape != (n_stimuli,) or labels.dtype.kind not in "iu":
        raise ArrayError(f"folds must be integers of shape ({n_stimuli},), not {labels.dtype} {labels.shape}")
    sizes = np.unique(labels, return_counts=True)[1]
    if sizes.size < 2 or n_stimuli - sizes.max() < 2:
        raise UsageError("folds must have two labels at least, and leave two stimuli to fit on")
    return labels.astype(np.int64)


def _check_grid(n_lambdas: int, ratio: float | None, n_stimuli: int, n_units: int) -> float:
    if n_lambdas < 1:
        raise UsageError(f"n_lambdas must be at least 1, not {n_lambdas}")
    if ratio is None:
        return 1e-4 if n_stimuli >= n_units else 1e-2
    if not 0 < ratio < 1:
        raise UsageError(f"lambda_min_ratio must be between 0 and 1, not {ratio}")
    return ratio


def _in_threads(
    function: Callable[[Block], int], blocks: list[Block], n_threads: int | None
) -> Iterator[int]:
    """Yield `function` of each block in order; an interruption cancels those that have not begun."""
    n_threads = n_threads or available_threads()
    if n_threads == 1 or len(blocks) == 1:
        yield from map(function, blocks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(function, block) for block in blocks]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def available_threads() -> int:
    """Return how many threads to use: the processors of this process, fewer inside a worker of joblib's."""
    import joblib

    # joblib tells its workers with these variables how many of the processors are theirs.
    limits = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return min([joblib.cpu_count(), *[int(each) for each in limits if each.isdigit() and int(each) > 0]])


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # We run the threads ourselves, and matrix products must not depend on their number.
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
