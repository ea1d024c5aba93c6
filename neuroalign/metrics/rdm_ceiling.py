"""Bounds of the score of a perfect model from the dissimilarities of several animals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics.pair_ranks import rank_pairs
from neuroalign.metrics.pairs import as_rdm
from neuroalign.metrics.rdm_comparison import COMPARISONS, OF_RANKS, RdmComparison, compare_rdms

FloatArray = NDArray[np.float64]
Geometry = TypeVar("Geometry")


@dataclass(frozen=True, eq=False)
class AnimalBounds:
    """Bounds of the mean score over animals; see :func:`rdm_ceiling`."""

    #: Score of the other animals' mean against each animal, (n_animals,).
    lower_of_animal: FloatArray
    #: Score of the mean of all animals against each animal, (n_animals,).
    upper_of_animal: FloatArray

    @property
    def lower(self) -> float:
        """Mean score of the other animals: a perfect model scores higher on average."""
        return float(self.lower_of_animal.mean())

    @property
    def upper(self) -> float:
        """Mean score of all animals, with the animal itself: hardly any model scores higher on average."""
        return float(self.upper_of_animal.mean())


def rdm_ceiling(rdms: Sequence[ArrayLike], comparison: RdmComparison = "spearman") -> AnimalBounds:
    """Estimate the score of a perfect model from the differences between animals.

    Parameters
    ----------
    rdms : sequence of array, shapes (N·(N − 1)/2,) or (N, N)
        Dissimilarities of two or more animals for the same stimuli.
    comparison
        See :func:`neuroalign.metrics.compare_rdms`.

    Returns
    -------
    AnimalBounds
        A model is compared with each animal, and the mean of its scores with the bounds.

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If `comparison` is unknown, or there are fewer than two animals.

    References
    ----------
    Nili et al. (2014), PLoS Comput. Biol. 10:e1003553.

    Examples
    --------
    >>> from neuroalign.metrics import rdm_ceiling
    >>> bounds = rdm_ceiling([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], "pearson")
    >>> round(bounds.lower, 3), round(bounds.upper, 3)
    (0.5, 0.866)
    """
    vectors = [as_rdm(values, f"rdms[{index}]").values for index, values in enumerate(rdms)]
    if len({vector.size for vector in vectors}) > 1:
        raise ArrayError(
            f"animals must have the same stimuli, got {sorted({vector.size for vector in vectors})} dissimilarities"
        )
    return bounds_of_animals(
        vectors,
        lambda parts: pool_rdms(parts, comparison),
        lambda pooled, animal: compare_rdms(pooled, animal, comparison),
    )


def bounds_of_animals(
    animals: Sequence[Geometry],
    pool: Callable[[Sequence[Geometry]], Geometry],
    compare: Callable[[Geometry, Geometry], float],
) -> AnimalBounds:
    """Compare each animal with the mean of the other animals, and with the mean of all.

    Parameters
    ----------
    animals : sequence
        Dissimilarities or kernels of each animal, at least two.
    pool : callable
        Returns the mean of several animals.
    compare : callable
        Returns the score of a mean against an animal.

    Raises
    ------
    UsageError
        If there are fewer than two animals.
    """
    if len(animals) < 2:
        raise UsageError(f"bounds need two animals at least, got {len(animals)}; use the ceiling from trials")
    every = pool(animals)
    lower = [
        compare(pool([*animals[:index], *animals[index + 1 :]]), animal)
        for index, animal in enumerate(animals)
    ]
    return AnimalBounds(np.array(lower), np.array([compare(every, animal) for animal in animals]))


def pool_rdms(rdms: Sequence[ArrayLike], comparison: RdmComparison) -> FloatArray:
    """Return the mean dissimilarities of animals that score highest against these animals.

    Parameters
    ----------
    rdms : sequence of array
        See :func:`rdm_ceiling`.
    comparison
        Mean of the dissimilarities divided by their root mean square for cosines, of their z-scores for Pearson's
        correlations, and of their ranks for rank correlations.

    Returns
    -------
    array of float64, shape (N·(N − 1)/2,)
    """
    if comparison not in COMPARISONS:
        raise UsageError(f"comparison must be one of {', '.join(COMPARISONS)}, got {comparison!r}")
    pooled = []
    for index, values in enumerate(rdms):
        rdm = as_rdm(values, f"rdms[{index}]")
        if comparison in OF_RANKS:
            pooled.append(rank_pairs(rdm) / 2.0)
            continue
        vector = rdm.values - rdm.values.mean() if "pearson" in comparison else rdm.values
        size = float(np.sqrt((vector**2).mean()))
        pooled.append(vector / size if size > 0 else vector)
    return np.asarray(np.mean(pooled, axis=0))
