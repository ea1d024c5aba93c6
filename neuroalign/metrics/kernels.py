"""Kernels of stimuli, and their Hilbert-Schmidt independence criterion without an N × N matrix where possible."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import UsageError

FloatArray = NDArray[np.float64]
Sums = Any

Estimator = Literal["debiased", "biased"]
KernelName = Literal["linear", "rbf"]

# Largest number of entries of a block of a product of matrices.
_BLOCK = 2**17


@dataclass(frozen=True, eq=False)
class Kernel:
    """Kernel of stimuli, as features or as a matrix, with stimuli that can count several times.

    Parameters
    ----------
    features : array of float64, shape (N, D), or None
        Linear kernel ``features @ features.T``.
    matrix : array of float64, shape (N, N), or None
        Kernel where `features` is None.
    is_centred : bool
        Whether the features have a mean of zero over the stimuli, so that they need not be copied to centre them.
    """

    features: FloatArray | None = None
    matrix: FloatArray | None = None
    is_centred: bool = False

    @property
    def n(self) -> int:
        """Number of stimuli."""
        return len(self.features if self.features is not None else self._matrix)

    @property
    def _matrix(self) -> FloatArray:
        assert self.matrix is not None
        return self.matrix

    def take(self, rows: NDArray[np.int64]) -> "Kernel":
        """Return the kernel of some stimuli, or of all stimuli in another order."""
        if self.features is not None:
            return Kernel(features=self.features[rows])
        return Kernel(matrix=self._matrix[np.ix_(rows, rows)])

    def scaled(self, factor: float) -> "Kernel":
        """Return the kernel times a positive number."""
        if self.features is not None:
            return Kernel(features=self.features * np.sqrt(factor))
        return Kernel(matrix=self._matrix * factor)

    def centred(self, counts: FloatArray) -> "Kernel":
        """Return the kernel of features without their mean over the stimuli, each counted `counts` times."""
        if self.is_centred and (counts == counts[0]).all():
            return self
        shares = counts / counts.sum()
        if self.features is not None:
            return Kernel(features=self.features - shares @ self.features)
        means = self._matrix @ shares
        return Kernel(matrix=self._matrix - means - means[:, None] + shares @ means)

    @property
    def diagonal(self) -> FloatArray:
        """Kernel of each stimulus with itself, (N,)."""
        if self.features is not None:
            return np.asarray(np.einsum("ij,ij->i", self.features, self.features))
        return np.diagonal(self._matrix)

    def full(self) -> FloatArray:
        """Return the matrix, (N, N)."""
        if self.features is not None:
            return np.asarray(self.features @ self.features.T)
        return self._matrix

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return rows of the matrix from their diagonal on, (stop − start, N − start)."""
        if self.features is not None:
            return np.asarray(self.features[start:stop] @ self.features[start:].T)
        return self._matrix[start:stop, start:]


def make_kernel(values: FloatArray, kernel: KernelName, *, bandwidth: float = 1.0) -> Kernel:
    """Return the kernel of stimuli.

    Parameters
    ----------
    values : array of float64, shape (N, D)
    kernel : {"linear", "rbf"}
        "linear": inner products. "rbf": ``exp(−d²/(2 σ²))`` of Euclidean distances d.
    bandwidth : float
        σ as a share of the median distance of two stimuli.

    Raises
    ------
    UsageError
        If `kernel` is unknown.
    """
    # Neither kernel centred for CKA depends on the mean; without it, rounding is smaller.
    centred = values - values.mean(axis=0)
    if kernel == "linear":
        return Kernel(features=centred, is_centred=True)
    if kernel != "rbf":
        raise UsageError(f"kernel must be 'linear' or 'rbf', got {kernel!r}")
    squares = np.einsum("ij,ij->i", centred, centred)
    matrix = centred @ centred.T
    matrix *= -2.0
    matrix += squares
    matrix += squares[:, None]
    np.fill_diagonal(matrix, 0.0)
    # The median of squares is the square of the median up to the mean of the two middle distances.
    median = float(np.median(np.sqrt(np.maximum(matrix[np.triu_indices(len(matrix), 1)], 0.0))))
    scale = 2.0 * (bandwidth * median) ** 2
    return Kernel(matrix=np.exp(np.minimum(-matrix, 0.0) / (scale if scale > 0 else 1.0)))


def hsic(a: Kernel, b: Kernel, estimator: Estimator, counts: FloatArray | None = None) -> float:
    """Return the Hilbert-Schmidt independence criterion of two kernels of the same stimuli, up to a common factor.

    Parameters
    ----------
    a, b : Kernel
    estimator : {"debiased", "biased"}
        See :func:`neuroalign.metrics.cka`.
    counts : array of float64, shape (N,), optional
        How often each stimulus was drawn; by default once. Pairs of a stimulus with itself are left out by
        "debiased", however often the stimulus was drawn.

    Returns
    -------
    float
        "debiased": U-statistic, the mean over all four different stimuli. "biased": trace of the product of the
        centred kernels, divided by the square of the number of stimuli.
    """
    m = np.ones(a.n) if counts is None else counts
    first = a.centred(m)
    return _hsic_of_centred(first, first if b is a else b.centred(m), estimator, m)


def _hsic_of_centred(a: Kernel, b: Kernel, estimator: Estimator, m: FloatArray) -> float:
    products = _products(a, b, m, once=bool((m == 1).all()))
    k, own = a.diagonal, b.diagonal
    return float(
        _estimate(
            products, [m**power @ (k * own) for power in (2, 3, 4)], (m**2 @ k) * (m**2 @ own), estimator, m
        )
    )


def _estimate(
    products: tuple[Sums, Sums, Sums], own: list[Sums], diagonals: Sums, estimator: Estimator, m: FloatArray
) -> Sums:
    """Return the criterion from sums over stimuli.

    Parameters
    ----------
    products : three numbers or arrays
        ``Σ m_i^p m_j^q K_ij L_ij`` for (p, q) = (1, 1), (1, 2) and (2, 2), of centred kernels K and L.
    own : three numbers or arrays
        ``Σ m_i^p K_ii L_ii`` for p = 2, 3, 4.
    diagonals : number or array
        ``Σ m_i² K_ii · Σ m_i² L_ii``.
    """
    if estimator not in ("debiased", "biased"):
        raise UsageError(f"estimator must be 'debiased' or 'biased', got {estimator!r}")
    total = float(m.sum())
    linear, mixed, square = products
    if estimator == "biased":
        return linear / total**2
    s2, s3, s4 = (float((m**power).sum()) for power in (2, 3, 4))
    n_pairs = total**2 - s2
    n_triples = total**3 - 3 * total * s2 + 2 * s3
    n_fours = total**4 - 6 * total**2 * s2 + 3 * s2**2 + 8 * total * s3 - 6 * s4
    if n_fours <= 0:
        return linear * np.nan
    # Sums over two, three and four different stimuli by inclusion and exclusion. The rows of a centred kernel have a
    # weighted sum of zero, so without the diagonal the sum is −m_i K_ii.
    pairs = linear - own[0]
    triples = 2.0 * own[1] - mixed
    fours = diagonals + 2.0 * square - 6.0 * own[2]
    return pairs / n_pairs - 2.0 * triples / n_triples + fours / n_fours


def _products(a: Kernel, b: Kernel, m: FloatArray, once: bool) -> tuple[float, float, float]:
    """Return Σ m_i^p m_j^q K_ij L_ij for (p, q) = (1, 1), (1, 2) and (2, 2)."""
    if a.features is not None and b.features is not None:
        n, d, j = a.n, a.features.shape[1], b.features.shape[1]
        # Costs of the products of features, and of the products of the two N × N matrices.
        if d * j <= n * (d + (0 if b is a else j)):
            return _feature_products(a.features, b.features, m, once)
    return _matrix_products(a, b, m, once)


def _feature_products(x: FloatArray, y: FloatArray, m: FloatArray, once: bool) -> tuple[float, float, float]:
    """Return the products from the smaller D × J matrix, in blocks of the wider features."""
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    step = max(1, _BLOCK // y.shape[1])
    linear = mixed = square = 0.0
    weighted = y if once else m[:, None] * y
    twice = y if once else m[:, None] * weighted
    for start in range(0, x.shape[1], step):
        part = x[:, start : start + step].T
        first = part @ weighted
        linear += float(np.vdot(first, first))
        if not once:
            second = part @ twice
            mixed += float(np.vdot(first, second))
            square += float(np.vdot(second, second))
    return (linear, linear, linear) if once else (linear, mixed, square)


def _matrix_products(a: Kernel, b: Kernel, m: FloatArray, once: bool) -> tuple[float, float, float]:
    """Return the products from the upper triangles of the two N × N matrices, in blocks of rows."""
    step = max(1, _BLOCK // a.n)
    linear = mixed = square = 0.0
    for start in range(0, a.n, step):
        left = a.rows(start, start + step)
        product = left * (left if b is a else b.rows(start, start + step))
        size = len(product)
        # Pairs within the rows occur in both orders, pairs with later rows in one order.
        within, later = product[:, :size], product[:, size:]
        if once:
            linear += float(within.sum()) + 2.0 * float(later.sum())
            continue
        p, q = m[start : start + size], m[start + size :]
        linear += float(p @ within @ p + 2.0 * (p @ later @ q))
        mixed += float(p @ within @ p**2 + p @ later @ q**2 + p**2 @ later @ q)
        square += float(p**2 @ within @ p**2 + 2.0 * (p**2 @ later @ q**2))
    return (linear, linear, linear) if once else (linear, mixed, square)


def neuron_hsic(
    kernel: Kernel, neurons: FloatArray, estimator: Estimator, counts: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return the independence criterion of a kernel with each neuron, and of each pair of neurons.

    Parameters
    ----------
    kernel : Kernel
    neurons : array of float64, shape (N, J)
        Neurons with the linear kernel ``y yᵀ`` of each, which add up to the kernel of the population.
    estimator, counts
        See :func:`hsic`.

    Returns
    -------
    with_kernel : array of float64, shape (J,)
        Criterion of the kernel and each neuron: they add up to the criterion of the kernel and the population.
    pairwise : array of float64, shape (J, J)
        Criterion of each pair of neurons: they add up to the criterion of the population with itself.
    """
    m = np.ones(kernel.n) if counts is None else counts
    a = kernel.centred(m)
    y = neurons - (m / m.sum()) @ neurons
    total = float(m.sum())

    def quadratic(left: FloatArray, right: FloatArray) -> FloatArray:
        """Return Σ_ij left_ij right_ij K_ij for weights of rows and columns, per neuron."""
        if a.features is not None:
            return np.asarray(((a.features.T @ left) * (a.features.T @ right)).sum(axis=0))
        return np.asarray((left * (a._matrix @ right)).sum(axis=0))

    once, twice = m[:, None] * y, (m**2)[:, None] * y
    linear = quadratic(once, once), (once.T @ y) ** 2
    if estimator == "biased":
        # The other sums are not used.
        return linear[0] / total**2, linear[1] / total**2
    mixed = quadratic(once, twice), (once.T @ y) * (twice.T @ y)
    square = quadratic(twice, twice), (twice.T @ y) ** 2
    k, squares = a.diagonal, y**2
    powers = [m**power for power in (2, 3, 4)]
    own = squares.T @ powers[0]
    return (
        _estimate(
            (linear[0], mixed[0], square[0]),
            [(power * k) @ squares for power in powers],
            (powers[0] @ k) * own,
            estimator,
            m,
        ),
        _estimate(
            (linear[1], mixed[1], square[1]),
            [(squares * power[:, None]).T @ squares for power in powers],
            np.outer(own, own),
            estimator,
            m,
        ),
    )
