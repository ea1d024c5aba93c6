"""Clustering of tuning vectors: angles between nearest neighbours against a Gaussian cloud."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.directions import match_directions
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import as_informative, as_pair, constant_columns, standardise
from neuroalign.metrics.ridge import Ridge, held_out_r2, reduced_rank_ridge

FloatArray = NDArray[np.float64]
Null = Literal["elliptical", "spherical"]

#: Neurons with a larger absolute correlation count as copies of each other.
COPIES = 0.99
#: Tuned neurons for each dimension of the tuning vectors, at least.
NEURONS_PER_DIMENSION = 4


@dataclass(frozen=True, eq=False)
class AxisClustering:
    """Result of :func:`axis_clustering`.

    Parameters
    ----------
    angles : array of float64, shape (J,)
        Mean angle between the tuning vector of each neuron and its nearest neighbours, in degrees; NaN for neurons that
        are not tuned.
    null : array of float64, shape (n_draws,)
        Mean angle of each draw from the Gaussian cloud, in degrees.
    tuned : array of bool, shape (J,)
        Neurons with a tuning vector: held-out responses are predicted better than by their mean.
    rank : int
        Number of dimensions of the tuning vectors; 0 where the units predict no neuron.
    copies : array of int, shape (n_pairs, 2)
        Pairs of tuned neurons that are copies of each other: ``|r| > .99``.
    """

    angles: FloatArray
    null: FloatArray
    tuned: NDArray[np.bool_]
    rank: int
    copies: NDArray[np.int64]

    @property
    def angle(self) -> float:
        """Mean angle over tuned neurons, in degrees; NaN where the tuning vectors have no angles."""
        finite = self.angles[np.isfinite(self.angles)]
        return float(finite.mean()) if finite.size else float("nan")

    @property
    def value(self) -> float:
        """Share by which the mean angle is below the cloud's, ``(null − angle) / null``; positive for clusters."""
        level = float(self.null.mean()) if self.null.size else float("nan")
        return (level - self.angle) / level

    @property
    def p(self) -> float:
        """Share of clouds with at most the mean angle, the neurons themselves included; NaN without angles."""
        if not self.null.size:
            return float("nan")
        return (1 + int((self.null <= self.angle).sum())) / (1 + self.null.size)


def axis_clustering(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    k: int = 3,
    null: Null = "elliptical",
    n_draws: int = 999,
    informative: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> AxisClustering:
    """Test whether the tuning vectors of neurons form clusters, in the space of a model's units.

    With θ_j the mean angle between the tuning vector of neuron j and its k nearest neighbours, the mean of θ over
    neurons is compared with the same mean of vectors drawn from a Gaussian: p = (1 + #{θ(draw) ≤ θ}) / (1 + B).

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model, stimuli in rows.
    Y : array of shape (N, J)
        Responses to the same stimuli.
    k : int
        Number of nearest neighbours.
    null : {"elliptical", "spherical"}
        Gaussian of the draws. "elliptical": directions of draws have the mean and the covariance of the directions of
        the tuning vectors (ePAIRS), by ``neuroalign.metrics.directions.match_directions``. "spherical": mean zero
        and equal variances (PAIRS), which calls any elongated cloud clustered.
    n_draws : int
        B, at least 1.
    informative : array of bool, shape (D,), optional
        Units that count; by default those that vary.
    groups : array of shape (N,), optional
        Stimuli of one group, such as variants of one image, are held out together.
    seed : int
        Seed of the folds and of the draws.

    Returns
    -------
    AxisClustering
        Without angles where fewer than k + 2 neurons are tuned, or their tuning has fewer than two dimensions.

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    UsageError
        If an option is out of range.

    Notes
    -----
    Tuning vectors are the weights of a ridge regression of the standardised neurons on the standardised units, of
    reduced rank; its rank and its penalty, one for all neurons, minimise the squared error of 5-fold cross-validation.
    Weights of full rank would hold more noise than tuning. At most one dimension for four tuned neurons is kept, the
    strongest first. Neurons with a leave-one-out R² of ridge regression below zero are not tuned.
    Each draw has as many vectors as tuned neurons. The published comparison pools the angles of all draws and takes a
    rank-sum test, which treats the angles of one cloud as independent; the p-value here treats a cloud as one
    observation. The fitted cloud is a little more elongated than the cloud of the vectors, so that the test is
    conservative, and blind with few neurons: see the calibration in the documentation.

    Copies of a neuron are neighbours with an angle near zero, so that they look like clusters.

    References
    ----------
    Raposo, Kaufman & Churchland (2014), Nat. Neurosci. 17:1784 (PAIRS); Hirokawa, Vaughan, Masset, Ott & Kepecs
    (2019), Nature 576:446 (ePAIRS).

    Examples
    --------
    Neurons that follow single units, and neurons that follow mixtures:

    >>> import numpy as np
    >>> from neuroalign.metrics import axis_clustering
    >>> rng = np.random.default_rng(0)
    >>> Z, noise = rng.standard_normal((400, 5)), rng.standard_normal((400, 40))
    >>> for Y in (Z[:, [0, 1, 2, 3, 4] * 8] + noise, Z @ rng.standard_normal((5, 40)) + noise):
    ...     result = axis_clustering(Z, Y, n_draws=199)
    ...     print(round(result.value, 1), result.p < 0.05)
    0.8 True
    -0.0 False
    """
    units, neurons = as_pair(Z, Y)
    if null not in get_args(Null):
        raise UsageError(f"null must be 'elliptical' or 'spherical', got {null!r}")
    if k < 1 or n_draws < 1 or seed < 0:
        raise UsageError(
            f"k and n_draws must be at least 1 and seed not negative, got {k}, {n_draws} and {seed}"
        )
    mask = as_informative(informative, ~constant_columns(units)) & ~constant_columns(units)
    x, y = standardise(units[:, mask]), standardise(neurons)
    n_neurons = y.shape[1]
    labels = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    explained = np.nan_to_num(held_out_r2(Ridge(x), y, groups=labels)) if mask.any() else np.zeros(n_neurons)
    tuned = (explained > 0) & ~constant_columns(neurons)
    n_tuned, n_groups = int(tuned.sum()), len(x) if labels is None else int(labels.max()) + 1
    nothing = AxisClustering(
        np.full(n_neurons, np.nan), np.empty(0), tuned, 0, np.empty((0, 2), dtype=np.int64)
    )
    if n_tuned < k + 2 or n_groups < 5:
        return nothing
    vectors = tuning_vectors(x, y[:, tuned], fold_labels(len(x), 5, seed=seed, groups=labels))
    # A cloud of few vectors in many dimensions has no covariance that can be estimated.
    vectors = vectors[:, : max(2, n_tuned // NEURONS_PER_DIMENSION)]
    if vectors.shape[1] < 2:
        return nothing
    angles = np.full(n_neurons, np.nan)
    angles[tuned] = neighbour_angles(vectors, k)
    rng = np.random.default_rng([seed, 1])
    mean, root = np.zeros(vectors.shape[1]), np.eye(vectors.shape[1])
    if null == "elliptical":
        mean, root = match_directions(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rng)
    clouds = (mean + rng.standard_normal(vectors.shape) @ root for _ in range(n_draws))
    draws = np.array([neighbour_angles(cloud, k).mean() for cloud in clouds])
    return AxisClustering(angles, draws, tuned, vectors.shape[1], _copies(y, tuned))


def tuning_vectors(units: FloatArray, neurons: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Return the weights of a reduced-rank ridge regression, in an orthonormal basis of the space that they span.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        Standardised.
    neurons : array of float64, shape (N, J)
        Standardised.
    folds : array of int64, shape (N,)
        Folds that choose rank and penalty.

    Returns
    -------
    array of float64, shape (J, rank)
        Angles and lengths are equal to the angles and lengths of the weights, (J, D).
    """
    fitted = reduced_rank_ridge(units, neurons, folds)
    ridge = Ridge(units - units.mean(axis=0))
    # The weights are to_units @ (basisᵀ·prediction); to_units has orthogonal columns of length 1/√energy.
    weights = (ridge.basis.T @ fitted.prediction) / np.sqrt(ridge.energy)[:, None]
    _, singular, right = np.linalg.svd(weights, full_matrices=False)
    right = right[: fitted.rank]
    # The draws of a cloud must not depend on the arbitrary signs of singular vectors.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    vectors: FloatArray = (singular[: fitted.rank] * signs) * right.T
    return vectors


def neighbour_angles(vectors: FloatArray, k: int) -> FloatArray:
    """Return the mean angle between each vector and its k nearest neighbours, in degrees.

    Parameters
    ----------
    vectors : array of float64, shape (n, n_dimensions)
    k : int
        Less than n.

    Returns
    -------
    array of float64, shape (n,)
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.partition(cosines, -k, axis=1)[:, -k:]
    angles: FloatArray = np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0))).mean(axis=1)
    return angles


def _copies(standard: FloatArray, tuned: NDArray[np.bool_]) -> NDArray[np.int64]:
    kept = np.flatnonzero(tuned)
    r = standard[:, kept].T @ standard[:, kept] / len(standard)
    first, second = np.nonzero(np.triu(np.abs(r) > COPIES, k=1))
    return np.stack([kept[first], kept[second]], axis=1)
