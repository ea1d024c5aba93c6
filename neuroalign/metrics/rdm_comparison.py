"""Comparisons of dissimilarities: correlations, cosines, rank correlations and their whitened forms."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics.inputs import as_pair
from neuroalign.metrics.pair_ranks import rank_pairs, ranked_parts, rounded, step_of
from neuroalign.metrics.pairs import Pairs, as_rdm, blocks, condense, symmetric
from neuroalign.metrics.rdm import Dissimilarity, profiles

FloatArray = NDArray[np.float64]

RdmComparison = Literal[
    "spearman", "pearson", "cosine", "kendall", "rho_a", "whitened_cosine", "whitened_pearson"
]
#: Names of the comparisons.
COMPARISONS: tuple[RdmComparison, ...] = (
    "spearman",
    "pearson",
    "cosine",
    "kendall",
    "rho_a",
    "whitened_cosine",
    "whitened_pearson",
)
#: Comparisons of ranks.
OF_RANKS = ("spearman", "rho_a", "kendall")


@dataclass(frozen=True)
class RSA:
    """Result of :func:`rsa`."""

    #: Similarity of the two sets of dissimilarities; NaN where one of them is constant.
    score: float
    #: Number of pairs of stimuli.
    n_pairs: int


def rsa(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    dissimilarity: Dissimilarity = "correlation",
    comparison: RdmComparison = "spearman",
) -> RSA:
    """Compare the dissimilarities of stimuli for units and for neurons: representational similarity analysis.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    dissimilarity : {"correlation", "euclidean"}
        See :func:`neuroalign.metrics.dissimilarities`.
    comparison : {"spearman", "pearson", "cosine", "kendall", "rho_a", "whitened_cosine", "whitened_pearson"}
        See :func:`neuroalign.metrics.compare_rdms`.

    Returns
    -------
    RSA

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, there are fewer than three stimuli, or a pattern has no
        variance and `dissimilarity` is "correlation".
    UsageError
        If an option is unknown.

    Notes
    -----
    Nothing is fitted, so no stimulus is held out. The dissimilarities are computed block by block: neither an N × N
    matrix nor the covariance of the dissimilarities is formed, and ranks need four bytes for each pair.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2:4; Nili et al. (2014), PLoS Comput. Biol.
    10:e1003553; Schütt et al. (2023), eLife 12:e82566.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import rsa
    >>> Z = np.random.default_rng(0).standard_normal((20, 5))
    >>> round(rsa(Z, Z[:, ::-1]).score, 6)
    1.0
    """
    units, neurons = as_pair(Z, Y)
    a, b = profiles(units, dissimilarity, name="Z"), profiles(neurons, dissimilarity, name="Y")
    return RSA(score=compare_pairs(a, b, comparison), n_pairs=a.n * (a.n - 1) // 2)


def compare_rdms(a: ArrayLike, b: ArrayLike, comparison: RdmComparison = "spearman") -> float:
    """Compare two sets of dissimilarities of the same stimuli.

    Parameters
    ----------
    a, b : array of shape (N·(N − 1)/2,) or (N, N)
        Dissimilarities, such as the result of :func:`neuroalign.metrics.dissimilarities`.
    comparison : {"spearman", "pearson", "cosine", "kendall", "rho_a", "whitened_cosine", "whitened_pearson"}
        "pearson" and "spearman": correlation, and correlation of mid-ranks. "cosine": cosine of the angle. "kendall":
        τ-a, concordant less discordant pairs, as a share of all pairs. "rho_a": mean of Spearman's correlation over
        all ways to break ties. "whitened_cosine" and "whitened_pearson": cosine and correlation after multiplication
        by ``V^(-1/2)``, where V is the covariance of the dissimilarities under equal, independent noise.

    Returns
    -------
    float
        From −1 to 1; NaN where a comparison is not defined because one set is constant, or zero for cosines.

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If `comparison` is unknown.

    Notes
    -----
    For ranks, dissimilarities that differ by less than about 10⁻¹² of the largest one are ties. ``V = (C Cᵀ)²``,
    entry by entry, where C has the contrast of one pair of stimuli in each row. It is not formed: with the double
    centred matrices ``G = −H D H / 2`` of the dissimilarities D, ``aᵀ V⁻¹ b ∝ Σ G_a G_b``, which needs the
    sums of the rows of D only. Hence the whitened cosine of squared Euclidean distances equals biased linear CKA.

    References
    ----------
    Nili et al. (2014), PLoS Comput. Biol. 10:e1003553 (τ-a); Schütt et al. (2023), eLife 12:e82566 (ρ-a); Diedrichsen
    et al. (2021), Neurons Behav. Data Anal. Theory 5(3) (whitened comparisons).

    Examples
    --------
    >>> from neuroalign.metrics import compare_rdms
    >>> a, b = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 6.0, 5.0]
    >>> round(compare_rdms(a, b, "spearman"), 3), round(compare_rdms(a, b, "kendall"), 3)
    (0.943, 0.867)
    """
    first, second = as_rdm(a, "a"), as_rdm(b, "b")
    if first.values.size != second.values.size:
        raise ArrayError(
            f"a and b must have the same stimuli, got {first.values.size} and {second.values.size} dissimilarities"
        )
    return compare_pairs(first, second, comparison)


def compare_pairs(a: Pairs, b: Pairs, comparison: RdmComparison) -> float:
    """Compare the dissimilarities of the same stimuli, computed block by block; see :func:`compare_rdms`.

    Parameters
    ----------
    a, b : Pairs
    comparison
        See :func:`compare_rdms`.
    """
    if comparison not in COMPARISONS:
        raise UsageError(f"comparison must be one of {', '.join(COMPARISONS)}, got {comparison!r}")
    if comparison == "kendall":
        return _kendall(a, b)
    if comparison in OF_RANKS:
        return _spearman(a, b, random_ties=comparison == "rho_a")
    return _cosine(a, b, centred="pearson" in comparison, whitened="whitened" in comparison)


def unit_matrix(pairs: Pairs, comparison: RdmComparison) -> FloatArray:
    """Return a matrix of the dissimilarities with which scores are sums of products, for many scores of one RDM.

    Parameters
    ----------
    pairs : Pairs
    comparison
        See :func:`compare_rdms`; all but "kendall".

    Returns
    -------
    array of float64, shape (N, N)
        The score of two sets of dissimilarities is the sum of the products of their matrices. Rows and columns follow
        the stimuli. NaN where the dissimilarities are constant.

    Raises
    ------
    UsageError
        If `comparison` is "kendall" or unknown.
    """
    n, n_pairs = pairs.n, pairs.n * (pairs.n - 1) // 2
    if comparison not in COMPARISONS or comparison == "kendall":
        raise UsageError(f"scores by {comparison!r} are not sums of products; choose another comparison")
    if comparison in OF_RANKS:
        ranks = rank_pairs(pairs) - float(n_pairs + 1)
        if not ranks.any():
            return np.full((n, n), np.nan)
        full = (float(n_pairs) ** 3 - n_pairs) / 3.0
        length = np.sqrt(2.0 * (full if comparison == "rho_a" else float(ranks @ ranks)))
        return symmetric(ranks / length, n)
    values = condense(pairs)
    centred = values - values.mean() if "pearson" in comparison else values
    matrix = symmetric(centred, n)
    if "whitened" in comparison:
        means = matrix.mean(axis=0)
        matrix += means.mean() - means - means[:, None]
    if centred @ centred <= (n * np.finfo(np.float64).eps) ** 2 * (values @ values):
        return np.full((n, n), np.nan)
    return np.asarray(matrix / np.sqrt((matrix**2).sum()))


def _cosine(a: Pairs, b: Pairs, *, centred: bool, whitened: bool) -> float:
    """Return a cosine from sums over blocks."""
    n = a.n
    means = [_mean(pairs) if centred else 0.0 for pairs in (a, b)]
    # Sums of products aa, ab and bb, and sums of the rows of the matrices.
    products, rows, squares = np.zeros(3), np.zeros((2, n)), np.zeros(2)
    for start, stop in blocks(n):
        x, y = (pairs.block(start, stop) for pairs in (a, b))
        squares += x @ x, y @ y
        if centred:
            x, y = x - means[0], y - means[1]
        products += x @ x, x @ y, y @ y
        if whitened:
            for index, values in enumerate((x, y)):
                _add_rows(rows[index], values, start, stop)
    constant = products[[0, 2]] <= (n * np.finfo(np.float64).eps) ** 2 * squares
    if constant.any():
        return float("nan")
    if whitened:
        total = rows.sum(axis=1)
        products = (
            2 * products
            - 2 / n * np.array([rows[0] @ rows[0], rows[0] @ rows[1], rows[1] @ rows[1]])
            + np.array([total[0] ** 2, total[0] * total[1], total[1] ** 2]) / n**2
        )
    if not (products[[0, 2]] > 0).all():
        return float("nan")
    return float(np.clip(products[1] / np.sqrt(products[0] * products[2]), -1.0, 1.0))


def _mean(pairs: Pairs) -> float:
    total = sum(float(pairs.block(start, stop).sum()) for start, stop in blocks(pairs.n))
    return total / (pairs.n * (pairs.n - 1) / 2)


def _add_rows(rows: FloatArray, values: FloatArray, start: int, stop: int) -> None:
    """Add the sums of the rows and columns of a block of the upper triangle to the sums of the symmetric matrix."""
    n, offset = rows.size, 0
    for row in range(start, stop):
        part = values[offset : offset + n - row - 1]
        rows[row] += part.sum()
        rows[row + 1 :] += part
        offset += part.size


def _spearman(a: Pairs, b: Pairs, *, random_ties: bool) -> float:
    """Return Spearman's correlation of mid-ranks, or its mean over random orders of ties."""
    n_pairs = a.n * (a.n - 1) // 2
    centre = n_pairs + 1
    ranks = rank_pairs(a)
    product = square = other_square = 0.0
    for places, part in ranked_parts(b):
        y = part - float(centre)
        x = ranks[places] - float(centre)
        product += float(x @ y)
        square += float(x @ x)
        other_square += float(y @ y)
        # The next part is made while these names are bound.
        del places, part, x, y
    if not square or not other_square:
        return float("nan")
    # Ranks are doubled, so the sum of the squares of n distinct ones is (n³ − n)/3.
    full = (float(n_pairs) ** 3 - n_pairs) / 3.0
    return float(product / (full if random_ties else np.sqrt(square * other_square)))


def _kendall(a: Pairs, b: Pairs) -> float:
    """Return Kendall's τ-a, from SciPy's τ-b and the numbers of ties."""
    from scipy.stats import kendalltau

    x, y = (np.concatenate(list(rounded(pairs, step_of(pairs)))) for pairs in (a, b))
    total = x.size * (x.size - 1) / 2
    untied = [total - _ties(values) for values in (x, y)]
    if not all(untied):
        return float("nan")
    return float(kendalltau(x, y).statistic * np.sqrt(untied[0] / total) * np.sqrt(untied[1] / total))


def _ties(values: FloatArray) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / 2)
