"""DCI of units and stimulus factors: disentanglement, completeness and informativeness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.metrics.completeness import Completeness, completeness
from neuroalign.metrics.disentanglement import Disentanglement, disentanglement
from neuroalign.metrics.factors_codes import as_units_and_factors, regression_targets, sum_by_factor
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso.cv import lasso_cv
from neuroalign.metrics.lasso.held_out import lasso_variance_explained
from neuroalign.metrics.lasso.problem import Rule
from neuroalign.metrics.variance_explained import variance_explained

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FactorDCI:
    """Result of :func:`factor_dci`; D units, K factors."""

    #: Importance of each unit for each factor, (D, K).
    importance: FloatArray
    #: Mean over units of their concentration on one factor, weighted by importance; 0 if no unit has importance.
    disentanglement: float
    #: Concentration of each unit, (D,); NaN without importance.
    disentanglement_per_unit: FloatArray
    #: Mean over factors of their concentration on one unit, weighted by importance; 0 if no factor has importance.
    completeness: float
    #: Concentration of each factor, (K,); NaN without importance.
    completeness_per_factor: FloatArray
    #: Mean of `informativeness_per_factor`.
    informativeness: float
    #: Share of the variance of each factor that the units explain, on stimuli outside the fit, (K,).
    informativeness_per_factor: FloatArray


def factor_dci(
    Z: ArrayLike,
    factors: ArrayLike,
    *,
    categorical: ArrayLike | None = None,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    n_lambdas: int = 100,
    rule: Rule = "1se",
    seed: int = 0,
    in_sample: bool = False,
) -> FactorDCI:
    """Measure how well units and factors match one to one, by a Lasso from the units to each factor.

    The importance of unit d for factor k is ``|w_dk|``, its weight in :func:`lasso_cv` for the standardised factor.
    For a category it is the mean of its weights for the indicators of the values, weighted by their variances. From
    the importance follow :func:`disentanglement` and :func:`completeness`, as alignment follows from the weights for
    neurons. The informativeness is the variance of the factor that the same Lasso explains on held-out stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units, stimuli in rows; two at least. Leave out units without variance: completeness depends on D.
    factors : array of shape (N, K)
        Numbers, or categories as numbers; two factors at least.
    categorical : array of bool, shape (K,), optional
        Which factors are categories; by default none.
    n_folds, folds, n_lambdas, rule, seed
        See :func:`lasso_variance_explained`.
    in_sample : bool
        Whether to measure the informativeness on the stimuli of the fit.

    Returns
    -------
    FactorDCI

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a factor does not vary.
    UsageError
        If there is one unit or one factor, or an option is out of range.

    Notes
    -----
    A Lasso sees linear relations only, and it has one solution in any order of the units. Trees, which other
    programs use, also see curves; :func:`factor_information` does so without a fit.

    References
    ----------
    Eastwood, C. & Williams, C. K. I. (2018). A framework for the quantitative evaluation of disentangled
    representations. ICLR.

    Examples
    --------
    >>> from neuroalign.metrics import factor_dci
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).standard_normal((200, 2))
    >>> result = factor_dci(factors[:, ::-1], factors)
    >>> round(result.disentanglement, 3), round(result.completeness, 3), round(result.informativeness, 2)
    (1.0, 1.0, 1.0)
    """
    units, values, is_category = as_units_and_factors(Z, factors, categorical)
    labels = fold_labels(len(units), n_folds, seed=seed) if folds is None else folds
    targets, owners, shares = regression_targets(values, is_category)
    weights = lasso_cv(units, targets, folds=labels, n_lambdas=n_lambdas, rule=rule).weights
    of_units, of_factors = _concentrations(weights, owners, shares)
    if in_sample:
        explained = variance_explained(targets, standardise(units) @ weights)
    else:
        explained = lasso_variance_explained(
            units, targets, folds=labels, n_lambdas=n_lambdas, rule=rule
        ).per_neuron
    informativeness = sum_by_factor(explained * shares, owners)
    return FactorDCI(
        sum_by_factor(np.abs(weights) * shares, owners),
        disentanglement=of_units.score,
        disentanglement_per_unit=of_units.per_unit,
        completeness=of_factors.score,
        completeness_per_factor=of_factors.per_neuron,
        informativeness=float(informativeness.mean()),
        informativeness_per_factor=informativeness,
    )


def factor_concentrations(
    Z: ArrayLike,
    factors: ArrayLike,
    *,
    folds: ArrayLike,
    categorical: ArrayLike | None = None,
    n_lambdas: int = 100,
    rule: Rule = "1se",
) -> tuple[float, float]:
    """Return disentanglement and completeness of :func:`factor_dci` without the informativeness, which takes longer.

    Parameters
    ----------
    Z, factors, folds, categorical, n_lambdas, rule
        See :func:`factor_dci`.

    Returns
    -------
    (float, float)
        Disentanglement and completeness.

    Examples
    --------
    >>> from neuroalign.metrics import factor_concentrations
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).standard_normal((200, 2))
    >>> both = factor_concentrations(factors, factors, folds=np.arange(200) % 5)
    >>> [round(score, 3) for score in both]
    [1.0, 1.0]
    """
    units, values, is_category = as_units_and_factors(Z, factors, categorical)
    targets, owners, shares = regression_targets(values, is_category)
    weights = lasso_cv(units, targets, folds=folds, n_lambdas=n_lambdas, rule=rule).weights
    of_units, of_factors = _concentrations(weights, owners, shares)
    return of_units.score, of_factors.score


def _concentrations(
    weights: FloatArray, owners: NDArray[np.int64], shares: FloatArray
) -> tuple[Disentanglement, Completeness]:
    importance = sum_by_factor(np.abs(weights) * shares, owners)
    return disentanglement(importance), completeness(importance)
