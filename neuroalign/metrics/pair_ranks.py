"""Ranks of the dissimilarities of all pairs of stimuli, in little more memory than the ranks themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.pairs import Condensed, Pairs, Square, blocks, condense, symmetric

FloatArray = NDArray[np.float64]

# Number of dissimilarities that are sorted at a time. A larger recording is read once for each such part.
_PART = 100_000
#: Dissimilarities that differ by a smaller share of the largest one are ties: sums in another order differ by rounding.
TIES = 2.0**-45


@dataclass(frozen=True, eq=False)
class Ranked(Square):
    """Dissimilarities replaced by their doubled mid-ranks, which are ranked again by counting, without a sort.

    Parameters
    ----------
    matrix : array of int64, shape (N, N)
        Symmetric.
    """

    matrix: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> "Ranked":
        """Return the ranks of some stimuli, or of all stimuli in another order."""
        return Ranked(self.matrix[np.ix_(rows, rows)])

    def ranks(self) -> NDArray[np.int64]:
        """Return twice the mid-rank of each pair among these stimuli, (N·(N − 1)/2,)."""
        values = condense(self)
        counts = np.bincount(values)
        return np.asarray((2 * np.cumsum(counts) - counts + 1)[values])


def rank_matrix(pairs: Pairs) -> Ranked:
    """Return dissimilarities by their ranks: the same scores by comparisons of ranks, for many scores of one RDM."""
    # The matrix takes more memory than the dissimilarities, so they are computed once.
    return Ranked(symmetric(rank_pairs(Condensed(condense(pairs))), pairs.n).astype(np.int64))


def rank_pairs(pairs: Pairs) -> NDArray[Any]:
    """Return twice the mid-rank of each dissimilarity, shape (N·(N − 1)/2,): whole numbers from 2 to 2 N(N − 1)/2.

    Parameters
    ----------
    pairs : Pairs
        Dissimilarities. Values that differ by rounding only have the same rank, the mean of their ranks.
    """
    if isinstance(pairs, Ranked):
        return pairs.ranks()
    n_pairs = pairs.n * (pairs.n - 1) // 2
    ranks: NDArray[Any] = np.empty(n_pairs, dtype=np.uint32 if 2 * n_pairs < 2**32 else np.uint64)
    for places, part in ranked_parts(pairs):
        ranks[places] = part
        # The next part is made while these names are bound.
        del places, part
    return ranks


def ranked_parts(pairs: Pairs) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the places and the doubled mid-ranks of dissimilarities, from the smallest ones to the largest.

    Parameters
    ----------
    pairs : Pairs
    """
    if isinstance(pairs, Ranked):
        ranks = pairs.ranks()
        yield np.arange(ranks.size), ranks
        return
    step, edges = _parts(pairs)
    below = 0
    for first, last in pairwise(edges.tolist()):
        places, values = _between(pairs, step, first, last)
        order = np.argsort(values)
        values = values[order]
        places = places[order]
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        sizes = np.diff(np.r_[starts, values.size])
        del values
        # The ranks start + 1 to start + size have the mean start + (size + 1)/2.
        part = 2 * (below + starts) + sizes + 1
        below += places.size
        yield places, part if part.size == places.size else np.repeat(part, sizes)
        del places, part, order, starts, sizes


def rounded(pairs: Pairs, step: float) -> Iterator[FloatArray]:
    """Yield dissimilarities, block by block, in whole steps.

    Parameters
    ----------
    pairs : Pairs
    step : float
        Largest difference of values that are ties.
    """
    for start, stop in blocks(pairs.n):
        yield np.rint(pairs.block(start, stop) / step)


def step_of(pairs: Pairs) -> float:
    """Return the largest difference of dissimilarities that are ties."""
    return _step(max(float(np.abs(pairs.block(start, stop)).max()) for start, stop in blocks(pairs.n)))


def _step(largest: float) -> float:
    # The nearest power of two below, so that the division is exact.
    return float(2.0 ** np.floor(np.log2(largest))) * TIES if largest > 0 else 1.0


def _parts(pairs: Pairs) -> tuple[float, FloatArray]:
    """Return the step of ties, and values that separate the dissimilarities into parts of nearly equal size."""
    n_pairs = pairs.n * (pairs.n - 1) // 2
    # Parts save memory only where the dissimilarities are not in memory.
    n_parts = 1 if isinstance(pairs, Condensed | Square) else -(-n_pairs // _PART)
    every = max(1, n_pairs // (1024 * n_parts))
    largest, sample = 0.0, []
    for start, stop in blocks(pairs.n):
        values = pairs.block(start, stop)
        largest = max(largest, float(np.abs(values).max()))
        sample.append(values[::every].copy())
    step = _step(largest)
    shares = np.arange(1, n_parts) / n_parts
    inner = np.quantile(np.concatenate(sample), shares) if n_parts > 1 else np.empty(0)
    # Half a step above an odd number of steps: the values that numpy.rint rounds up are above.
    inner = (2.0 * np.floor(inner / (2.0 * step)) + 1.5) * step
    return step, np.r_[-np.inf, np.unique(inner), np.inf]


def _between(pairs: Pairs, step: float, first: float, last: float) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the places and values of the dissimilarities from one value to below another one."""
    dtype = np.uint32 if pairs.n < 2**16 else np.int64
    places, kept, offset = [], [], 0
    for start, stop in blocks(pairs.n):
        values = pairs.block(start, stop)
        chosen = np.flatnonzero((values >= first) & (values < last))
        places.append((chosen + offset).astype(dtype))
        kept.append(np.rint(values[chosen] / step))
        offset += values.size
    return np.concatenate(places), np.concatenate(kept)
