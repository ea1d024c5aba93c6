"""Unsupervised disentanglement ranking (UDR): agreement of units between models of different seeds."""

import warnings
from collections.abc import Sequence
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.masked import as_labels, as_numbers
from neuroalign.metrics.inputs import as_matrix, constant_columns, standardise

Pooling = Literal["paper", "disentanglement_lib"]

#: A unit is informative if its mean divergence from the prior exceeds this, in nats.
INFORMATIVE_KL = 0.01
_LASSO_ALPHA = 0.1


def relative_strength(
    M: ArrayLike,
    *,
    pooling: Pooling = "paper",
    informative: tuple[ArrayLike, ArrayLike] | None = None,
) -> float:
    """Measure how strongly each unit of one model resembles a single unit of another model.

    Parameters
    ----------
    M : array of shape (D_i, D_j)
        Similarities, not negative, of the units of two models.
    pooling : {"paper", "disentanglement_lib"}
        With the strength max² / sum of each informative row and column: "paper" pools all of them,
        with sums over all units; "disentanglement_lib" averages the mean over rows and the mean over
        columns, without uninformative rows and columns.
    informative : pair of arrays of bool, shapes (D_i,) and (D_j,), optional
        By default all units.

    Returns
    -------
    float
        From 0 to 1; 0 if one of the models has no informative unit.

    Raises
    ------
    ArrayError, UsageError
        If M is negative or not a finite matrix, or the pooling is unknown.

    References
    ----------
    Duan et al. (2020), arXiv 1905.12614, eq. 3; disentanglement_lib, ``udr.py``.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import relative_strength
    >>> relative_strength(np.eye(4)), relative_strength(np.full((4, 4), 0.5))
    (1.0, 0.125)
    """
    similarity = as_matrix(M, "M")
    if (similarity < 0).any():
        raise ArrayError("M must not be negative; take absolute correlations")
    rows, columns = (
        (np.ones(n, dtype=bool) for n in similarity.shape)
        if informative is None
        else (as_labels(mask, "informative", bool) for mask in informative)
    )
    if (rows.size, columns.size) != similarity.shape:
        raise ArrayError(
            f"informative must fit M of shape {similarity.shape}, got {(rows.size, columns.size)}"
        )
    if not rows.any() or not columns.any():
        return 0.0
    if pooling == "paper":
        of_rows = _strength(similarity, axis=1)[rows]
        of_columns = _strength(similarity, axis=0)[columns]
        return float((of_rows.sum() + of_columns.sum()) / (of_rows.size + of_columns.size))
    if pooling == "disentanglement_lib":
        similarity = similarity[np.ix_(rows, columns)]
        return float((_strength(similarity, axis=1).mean() + _strength(similarity, axis=0).mean()) / 2)
    raise UsageError(f"pooling must be 'paper' or 'disentanglement_lib', got {pooling!r}")


def udr(
    latents: Sequence[ArrayLike],
    kls: Sequence[ArrayLike],
    *,
    correlation: Literal["spearman", "lasso"] = "spearman",
    pooling: Pooling = "paper",
) -> NDArray[np.float64]:
    """Rank models by the agreement of their units with models of other seeds.

    Parameters
    ----------
    latents : sequence of arrays of shape (N, D_i)
        Latents of models with the same hyper-parameters, for the same stimuli.
    kls : sequence of arrays of shape (D_i,)
        Mean divergence of each unit's posterior from the prior, in nats; units above 0.01 are informative.
    correlation : {"spearman", "lasso"}
        Similarity of units: Spearman's ``|ρ|``, or the ``|weights|`` of a Lasso with α = 0.1 from the informative
        units of the other model to the units of the ranked model, all standardised.
    pooling : {"paper", "disentanglement_lib"}
        See :func:`relative_strength`.

    Returns
    -------
    array of float64, shape (n_models,)
        Median over the other models; 0, with a warning, for a model without any informative unit.

    Raises
    ------
    ArrayError, UsageError
        If there are fewer than two models, their shapes do not fit, or a value is NaN or infinite.

    References
    ----------
    Duan et al. (2020), arXiv 1905.12614.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import udr
    >>> Z, noise = np.random.default_rng(0).standard_normal((2, 200, 3))
    >>> udr([Z, -Z[:, ::-1], 2 * Z, noise], kls=np.ones((4, 3))).round(1)
    array([0.9, 0.9, 0.9, 0.1])
    """
    models = [as_matrix(values, f"latents[{index}]") for index, values in enumerate(latents)]
    if len(models) < 2:
        raise UsageError(f"UDR compares two models at least, got {len(models)}")
    if len(kls) != len(models):
        raise ArrayError(f"{len(models)} models need as many arrays of kl, got {len(kls)}")
    divergences = [as_numbers(kl, np.float64) for kl in kls]
    for index, (values, kl) in enumerate(zip(models, divergences, strict=True)):
        if len(values) != len(models[0]):
            raise ArrayError(f"latents[{index}] has {len(values)} stimuli, latents[0] has {len(models[0])}")
        if kl.shape != values.shape[1:]:
            raise ArrayError(f"kls[{index}] must have shape {values.shape[1:]}, got {kl.shape}")
        if not np.isfinite(kl).all():
            unit = int((~np.isfinite(kl)).argmax())
            raise ArrayError(f"kls[{index}] must be finite; [{unit}] is {kl[unit]}: leave that model out")
    informative = [kl > INFORMATIVE_KL for kl in divergences]
    dead = [index for index, mask in enumerate(informative) if not mask.any()]
    if dead:
        warnings.warn(
            f"{len(dead)} of {len(models)} models have no informative unit, so their UDR is 0: {dead}",
            NeuroalignWarning,
            stacklevel=2,
        )
    if correlation not in ("spearman", "lasso"):
        raise UsageError(f"correlation must be 'spearman' or 'lasso', got {correlation!r}")
    of_spearman = correlation == "spearman"
    similarities = _rank_correlations(models) if of_spearman else _lasso_weights(models, informative)
    pairwise = np.full((len(models), len(models)), np.nan)
    for i, j in permutations(range(len(models)), 2):
        pairwise[i, j] = relative_strength(
            similarities[i][j], pooling=pooling, informative=(informative[i], informative[j])
        )
    return np.nanmedian(pairwise, axis=1)


def _rank_correlations(models: list[NDArray[np.float64]]) -> list[list[NDArray[np.float64]]]:
    """Return the absolute rank correlations of units between every two models, (D_i, D_j)."""
    from scipy.stats import rankdata

    # Spearman's ρ is Pearson's r of the ranks. Constants are made exact, because rounding errors have ranks, too.
    exact = [np.where(constant_columns(latents), 0.0, latents) for latents in models]
    ranks = np.hstack([standardise(rankdata(latents, axis=0)) for latents in exact])
    correlation = np.clip(np.abs(ranks.T @ ranks) / len(ranks), 0.0, 1.0)
    edges = np.cumsum([latents.shape[1] for latents in models])[:-1]
    return [np.split(rows, edges, axis=1) for rows in np.split(correlation, edges)]


def _strength(similarity: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    total = similarity.sum(axis=axis)
    return divide(similarity.max(axis=axis) ** 2, total, otherwise=0.0)


def _lasso_weights(
    models: list[NDArray[np.float64]], informative: list[NDArray[np.bool_]]
) -> list[list[NDArray[np.float64]]]:
    """Return |weights| of a Lasso from the informative units of each model to the units of each other, (D_i, D_j)."""
    from sklearn.linear_model import Lasso

    models = [standardise(latents) for latents in models]
    weights = [[np.zeros((first.shape[1], second.shape[1])) for second in models] for first in models]
    for i, j in permutations(range(len(models)), 2):
        if informative[j].any():
            fit = Lasso(alpha=_LASSO_ALPHA).fit(models[j][:, informative[j]], models[i])
            weights[i][j][:, informative[j]] = np.abs(fit.coef_).reshape(models[i].shape[1], -1)
    return weights
