"""Explicitness (InfoE) of stimulus factors: how well a linear model of all units predicts them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.metrics.factors_codes import as_units_and_factors
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.ridge import Ridge, held_out_r2

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FactorExplicitness:
    """Result of :func:`factor_explicitness`; K factors."""

    #: Mean of `per_factor` over the factors that it is defined for.
    score: float
    #: Share of the uncertainty about each factor that the units remove, (K,): 1 is perfect, 0 is no better than the
    #: mean or the frequencies of the values. NaN where no value of a category occurs in two folds.
    per_factor: FloatArray


def factor_explicitness(
    Z: ArrayLike,
    factors: ArrayLike,
    *,
    categorical: ArrayLike | None = None,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    seed: int = 0,
    in_sample: bool = False,
) -> FactorExplicitness:
    """Predict each factor from all units by a linear model, as a share of its uncertainty.

    A number is predicted by ridge regression, and its share is R²; of 15 penalties, the one that predicts the held-out
    stimuli best is taken. In-sample, there is no penalty. A category is predicted by multinomial logistic regression
    (L2, ``C = 1``), and its share is ``(H − L)/H``: L is the mean log loss of the prediction, H the log loss of the
    frequencies of the values among the stimuli of the fit. Units are standardised.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units, stimuli in rows.
    factors : array of shape (N, K)
        Numbers, or categories as numbers.
    categorical : array of bool, shape (K,), optional
        Which factors are categories; by default none.
    n_folds, folds, seed
        Folds of the stimuli: each is predicted from the others. See :func:`fold_labels`. Stimuli with a value that
        occurs in their own fold only are not predicted.
    in_sample : bool
        Whether to predict the stimuli of the fit.

    Returns
    -------
    FactorExplicitness

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a factor does not vary.
    UsageError
        If there are fewer stimuli than folds.

    References
    ----------
    Hsu, K. et al. (2023). Disentanglement via latent quantization. NeurIPS. Its authors fit without a penalty, and
    report the stimuli of the fit.

    Examples
    --------
    >>> from neuroalign.metrics import factor_explicitness
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).standard_normal((200, 2))
    >>> round(factor_explicitness(factors @ [[1.0, 1.0], [1.0, -1.0]], factors).score, 2)
    1.0
    """
    units, values, is_category = as_units_and_factors(Z, factors, categorical)
    labels = np.asarray(fold_labels(len(units), n_folds, seed=seed) if folds is None else folds)
    ridge = Ridge(standardise(units))
    per_factor = np.empty(values.shape[1])
    if (~is_category).any():
        numbers = standardise(values[:, ~is_category])
        if in_sample:
            per_factor[~is_category] = ((ridge.basis.T @ numbers) ** 2).sum(axis=0) / len(numbers)
        else:
            per_factor[~is_category] = held_out_r2(
                ridge, numbers, groups=np.unique(labels, return_inverse=True)[1]
            )
    # As many columns as the rank, rotated: a regression with an L2 penalty gives the same predictions.
    rotated = ridge.basis * np.sqrt(ridge.energy)
    if in_sample:
        splits = [(np.ones(len(units), dtype=bool),) * 2]
    else:
        splits = [(labels != fold, labels == fold) for fold in np.unique(labels)]
    for factor in np.flatnonzero(is_category):
        per_factor[factor] = _explain_category(rotated, values[:, factor], splits)
    finite = per_factor[np.isfinite(per_factor)]
    return FactorExplicitness(float(finite.mean()) if finite.size else float("nan"), per_factor)


def _explain_category(
    units: FloatArray, values: FloatArray, splits: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> float:
    from sklearn.linear_model import LogisticRegression

    loss = baseline = 0.0
    for fitted, predicted in splits:
        levels, counts = np.unique(values[fitted], return_counts=True)
        rows = np.flatnonzero(predicted & np.isin(values, levels))
        if levels.size < 2 or not rows.size:
            continue
        model = LogisticRegression(max_iter=1000).fit(units[fitted], values[fitted])
        at = np.searchsorted(levels, values[rows])
        log_probabilities = model.predict_log_proba(units[rows])
        loss -= float(log_probabilities[np.arange(rows.size), at].sum())
        baseline -= float(np.log(counts / counts.sum())[at].sum())
    return 1.0 - loss / baseline if baseline else float("nan")
