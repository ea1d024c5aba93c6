"""Checked inputs, blocks of neurons and the choice of λ, for the cross-validated Lasso and its nested form."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns
from neuroalign.metrics.lasso.fold_sums import DENSE_UNITS, HeldOut, UnitSums, unit_sums
from neuroalign.metrics.lasso.threads import available_threads, in_threads
from neuroalign.progress import progress

Rule = Literal["1se", "min"]

# Neurons that a thread fits at a time: enough for efficient products of matrices, few enough to share evenly among
# threads and to stop promptly.
_BLOCK = 20
# Any machine has this many bytes.
_SMALL = 1e9


@dataclass(frozen=True)
class Problem:
    """Units and neurons to fit, checked."""

    #: Responses, (N, J).
    neurons: NDArray[np.float64]
    #: Sums of the units that vary.
    sums: UnitSums
    #: Indices of the units that vary, (n_usable,); only these are fitted, the others have no weight.
    usable: NDArray[np.int64]
    #: Number of units, those without variance included.
    n_units: int
    #: Usable unit that each neuron may not use, -1 for no unit, (J,).
    excluded: NDArray[np.int64]
    #: Fold of each stimulus as the caller names it, (N,).
    labels: NDArray[np.int64]
    n_lambdas: int
    lambda_min_ratio: float | None
    rule: Rule
    #: Whether weights must not be negative.
    positive: bool
    n_threads: int | None

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return len(self.sums.rows)

    def powers(self, n_stimuli: int) -> NDArray[np.float64]:
        """Return the grid of λ for a fit to this many stimuli, divided by its first λ, (n_lambdas,)."""
        ratio = self.lambda_min_ratio or (1e-4 if n_stimuli >= self.n_units else 1e-2)
        return ratio ** (np.arange(self.n_lambdas) / max(self.n_lambdas - 1, 1))

    def fit_blocks(self, fit: Callable[[NDArray[np.int64]], int], neurons: NDArray[np.int64]) -> None:
        """Call `fit` with blocks of neurons in threads; it returns the number of neurons that did not converge."""
        blocks = [neurons[start : start + _BLOCK] for start in range(0, neurons.size, _BLOCK)]
        results = in_threads(fit, blocks, self.n_threads)
        unconverged = sum(progress(results, description="Lasso", total=len(blocks)))
        if unconverged:
            warnings.warn(
                f"the Lasso of {unconverged} of {self.excluded.size} neurons did not converge: their weights are "
                "approximate; leave out units that nearly repeat others, or raise lambda_min_ratio",
                NeuroalignWarning,
                stacklevel=4,
            )


def check_problem(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    n_lambdas: int,
    n_folds: int,
    folds: ArrayLike | None,
    rule: Rule,
    positive: bool = False,
    seed: int,
    exclude: ArrayLike | None,
    n_threads: int | None,
    lambda_min_ratio: float | None = None,
) -> Problem:
    """Check arrays and options, and sum the units by fold.

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    UsageError
        If an option is out of range.
    """
    units, neurons = as_pair(Z, Y)
    n_stimuli, n_units = units.shape
    excluded = as_excluded(exclude, n_units, neurons.shape[1])
    labels = _check_folds(folds, n_stimuli, n_folds, seed)
    if n_lambdas < 1:
        raise UsageError(f"n_lambdas must be at least 1, got {n_lambdas}")
    if lambda_min_ratio is not None and not 0 < lambda_min_ratio < 1:
        raise UsageError(f"lambda_min_ratio must be between 0 and 1, got {lambda_min_ratio}")
    if n_threads is not None and n_threads < 1:
        raise UsageError(f"n_threads must be at least 1, got {n_threads}")
    if rule not in ("1se", "min"):
        raise UsageError(f"rule must be '1se' or 'min', got {rule!r}")
    usable = np.flatnonzero(~constant_columns(units))
    _check_memory(
        needed_bytes(
            n_stimuli,
            usable.size,
            neurons.shape[1],
            np.unique(labels).size,
            n_lambdas,
            n_threads or available_threads(),
        ),
        usable.size,
    )
    usable_index = np.full(n_units + 1, -1, dtype=np.int64)
    usable_index[usable] = np.arange(usable.size)
    return Problem(
        neurons,
        unit_sums(units[:, usable], np.unique(labels, return_inverse=True)[1]),
        usable,
        n_units,
        usable_index[excluded],
        labels,
        n_lambdas,
        lambda_min_ratio,
        rule,
        bool(positive),
        n_threads,
    )


def strongest(
    covariance: NDArray[np.float64], excluded: NDArray[np.int64], *, positive: bool
) -> NDArray[np.float64]:
    """Return the largest covariance of each neuron with a unit that it may use, (J,); absolute unless `positive`."""
    strength = np.maximum(covariance, 0.0) if positive else np.abs(covariance)
    strength[np.flatnonzero(excluded >= 0), excluded[excluded >= 0]] = 0.0
    largest: NDArray[np.float64] = strength.max(axis=1, initial=0.0)
    return largest


def held_out_errors(weights: NDArray[np.float64], sums: HeldOut) -> NDArray[np.float64]:
    """Return Σ(y − Zw)² over a held-out fold for the weights (J, L, D) of each neuron and λ, (J, L)."""
    if sums.stimuli is not None and sums.responses is not None:
        return _errors_by_stimulus(weights, sums.stimuli, sums.responses)
    # yᵀy − 2hᵀw + wᵀHw.
    if weights.shape[2] <= DENSE_UNITS:
        # One product of matrices for all neurons and λ.
        along = weights @ sums.units
        along -= 2.0 * sums.products[:, None]
        return np.maximum(sums.squares[:, None] + np.einsum("jld,jld->jl", along, weights), 0.0)
    errors = np.empty(weights.shape[:2])
    for path, products, squares, error in zip(weights, sums.products, sums.squares, errors, strict=True):
        used = np.flatnonzero(path.any(axis=0))
        some = path[:, used]
        along = some @ sums.units[np.ix_(used, used)] - 2.0 * products[used]
        error[:] = np.maximum(squares + np.einsum("ld,ld->l", along, some), 0.0)
    return errors


def _errors_by_stimulus(
    weights: NDArray[np.float64], stimuli: NDArray[np.float64], responses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the same errors from the residual of each held-out stimulus: fewer products than units × units."""
    errors = np.empty(weights.shape[:2])
    for path, response, error in zip(weights, responses, errors, strict=True):
        used = np.flatnonzero(path.any(axis=0))
        residual = path[:, used] @ stimuli[used] - response
        np.einsum("ln,ln->l", residual, residual, out=error)
    return errors


def choose_lambda(
    errors: NDArray[np.float64], sizes: NDArray[np.float64], rule: Rule
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Choose a λ for each neuron.

    Parameters
    ----------
    errors : array of float64, shape (n_folds, J, L)
        Sums of squared errors in each fold, λ descending.
    sizes : array of float64, shape (n_folds,)
        Number of stimuli in each fold.
    rule : {"1se", "min"}

    Returns
    -------
    chosen : array of int64, shape (J,)
        Index of the λ.
    mean, standard_error : arrays of float64, shape (J, L)
        Mean of the squared error over folds weighted by their size, and its standard error.
    """
    mean = errors.sum(axis=0) / sizes.sum()
    by_fold = errors / sizes[:, None, None]
    spread = np.einsum("f,fjl->jl", sizes, (by_fold - mean) ** 2) / sizes.sum()
    standard_error = np.sqrt(spread / (len(sizes) - 1))
    chosen = mean.argmin(axis=1)
    if rule == "1se":
        neurons = np.arange(len(chosen))
        limit = mean[neurons, chosen] + standard_error[neurons, chosen]
        chosen = (mean <= limit[:, None]).argmax(axis=1)
    return chosen, mean, standard_error


def needed_bytes(
    n_stimuli: int, n_units: int, n_neurons: int, n_folds: int, n_lambdas: int, n_threads: int
) -> int:
    """Return the memory in bytes that a fit takes at its peak, beyond the arrays of the caller."""
    # The scatter of each fold and, in each thread, the correlations of a training set with either the sum that they
    # come from or the tableau of a path. The tableau has about as many rows as stimuli, and twice while it grows.
    share = min(n_stimuli / n_units, 1.0) if n_units else 0.0
    threads = min(n_threads, -(-n_neurons // _BLOCK)) * (
        1.0 + max(1.0, 2.0 * share**2 if share < 1.0 else 1.0)
    )
    # The weights of a block of neurons at all λ of two grids.
    paths = 2 * n_threads * min(n_neurons, _BLOCK) * n_lambdas * n_units
    # Copies of the units while they are standardised and sorted by fold.
    rows = 4 * n_stimuli * n_units
    return int(8 * (n_units**2 * (n_folds + threads) + paths + rows))


def _check_memory(needed: int, n_units: int) -> None:
    """Raise an error if the fit needs more memory than the machine has free."""
    if needed > _SMALL and needed > (available := psutil.virtual_memory().available):
        raise UsageError(
            f"the Lasso of {n_units} units takes {needed / 1e9:.0f} GB of memory, and {available / 1e9:.0f} GB are "
            "free; reduce the model to fewer units, as with +pca[n=500], or take a layer that has fewer"
        )


def _check_folds(folds: ArrayLike | None, n_stimuli: int, n_folds: int, seed: int) -> NDArray[np.int64]:
    if folds is None:
        return fold_labels(n_stimuli, n_folds, seed=seed)
    labels = as_labels(folds, "folds")
    if labels.shape != (n_stimuli,) or labels.dtype.kind not in "iu":
        raise ArrayError(f"folds must be integers of shape ({n_stimuli},), got {labels.dtype} {labels.shape}")
    sizes = np.unique(labels, return_counts=True)[1]
    if sizes.size < 2 or n_stimuli - sizes.max() < 2:
        raise UsageError("folds must have two labels at least, and leave two stimuli to fit on")
    return labels.astype(np.int64)
