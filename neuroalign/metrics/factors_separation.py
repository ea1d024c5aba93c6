"""SAP of units and stimulus factors: how much better the best unit predicts a factor than the next one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.metrics.factors_codes import as_units_and_factors
from neuroalign.metrics.folds import fold_labels

FloatArray = NDArray[np.float64]

# Largest number of distances in memory at a time.
_BLOCK = 2**22


@dataclass(frozen=True, eq=False)
class FactorSeparation:
    """Result of :func:`factor_separation`; D units, K factors."""

    #: Mean of `per_factor`.
    score: float
    #: Prediction of each factor by its best unit, minus the prediction by its second best unit, (K,).
    per_factor: FloatArray
    #: Prediction of each factor by each unit alone, (D, K): R² of a number, balanced accuracy of a category.
    predictions: FloatArray


def factor_separation(
    Z: ArrayLike,
    factors: ArrayLike,
    *,
    categorical: ArrayLike | None = None,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    seed: int = 0,
    in_sample: bool = False,
) -> FactorSeparation:
    """Predict each factor from each unit alone, and compare the best two units (separated attribute predictability).

    ``SAP = mean_k (S_(1)k − S_(2)k)``, where S_dk is the R² of the linear regression of a number on unit d, or the
    balanced accuracy of a category that unit d decides by the nearest mean of its values. With one unit,
    the second best prediction is 0, or the accuracy of a guess.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units, stimuli in rows.
    factors : array of shape (N, K)
        Numbers, or categories as numbers.
    categorical : array of bool, shape (K,), optional
        Which factors are categories; by default none.
    n_folds, folds, seed
        Folds of the stimuli: each is predicted from the others. See :func:`fold_labels`.
    in_sample : bool
        Whether to predict the stimuli of the fit; S of a number is then the squared correlation.

    Returns
    -------
    FactorSeparation

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a factor does not vary.
    UsageError
        If there are fewer stimuli than folds.

    References
    ----------
    Kumar, A., Sattigeri, P. & Balakrishnan, A. (2018). Variational inference of disentangled latent concepts from
    unlabeled observations. ICLR. Its categories are decided by thresholds of a linear classifier.

    Examples
    --------
    >>> from neuroalign.metrics import factor_separation
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).standard_normal((200, 2))
    >>> round(factor_separation(factors, factors, in_sample=True).score, 2)
    1.0
    """
    units, values, is_category = as_units_and_factors(Z, factors, categorical)
    if in_sample:
        splits = [(np.ones(len(units), dtype=bool),) * 2]
    else:
        labels = np.asarray(fold_labels(len(units), n_folds, seed=seed) if folds is None else folds)
        splits = [(labels != fold, labels == fold) for fold in np.unique(labels)]
    predictions = np.empty((units.shape[1], values.shape[1]))
    guesses = np.zeros(values.shape[1])
    if (~is_category).any():
        predictions[:, ~is_category] = _explained(units, values[:, ~is_category], splits)
    for factor in np.flatnonzero(is_category):
        levels, codes = np.unique(values[:, factor], return_inverse=True)
        predictions[:, factor] = _accuracies(units, codes, levels.size, splits)
        guesses[factor] = 1.0 / levels.size
    if len(predictions) == 1:
        gaps = predictions[0] - guesses
    else:
        largest = np.sort(predictions, axis=0)[::-1]
        gaps = largest[0] - largest[1]
    return FactorSeparation(float(gaps.mean()), gaps, predictions)


def _explained(
    units: FloatArray, numbers: FloatArray, splits: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> FloatArray:
    """Return R² of the regression of each number on each unit, (D, K), with sums over all predicted stimuli."""
    errors = np.zeros((units.shape[1], numbers.shape[1]))
    for fitted, predicted in splits:
        unit_mean, mean = units[fitted].mean(axis=0), numbers[fitted].mean(axis=0)
        centred, targets = units[fitted] - unit_mean, numbers[fitted] - mean
        slopes = divide(centred.T @ targets, (centred**2).sum(axis=0)[:, None], otherwise=0.0)
        new, real = units[predicted] - unit_mean, numbers[predicted] - mean
        errors += (
            (real**2).sum(axis=0) - 2 * slopes * (new.T @ real) + slopes**2 * (new**2).sum(axis=0)[:, None]
        )
    explained: FloatArray = 1.0 - errors / ((numbers - numbers.mean(axis=0)) ** 2).sum(axis=0)
    return explained


def _accuracies(
    units: FloatArray,
    codes: NDArray[np.int64],
    n_levels: int,
    splits: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
) -> FloatArray:
    """Return the balanced accuracy of the nearest mean of each unit, (D,)."""
    is_right = np.zeros(units.shape, dtype=bool)
    for fitted, predicted in splits:
        indicator = (codes[fitted][:, None] == np.arange(n_levels)).astype(np.float64)
        counts = indicator.sum(axis=0)
        means = divide(indicator.T @ units[fitted], counts[:, None], otherwise=np.inf)
        rows = np.flatnonzero(predicted)
        width = max(1, _BLOCK // (rows.size * n_levels))
        for start in range(0, units.shape[1], width):
            block = slice(start, start + width)
            distances = np.abs(units[rows][:, None, block] - means[None, :, block])
            is_right[rows, block] = distances.argmin(axis=1) == codes[rows][:, None]
    of_levels = [is_right[codes == level].mean(axis=0) for level in range(n_levels)]
    return np.mean(of_levels, axis=0)
