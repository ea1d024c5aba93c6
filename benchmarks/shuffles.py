"""Level of chance of a score from shuffled stimuli, for benchmarks that shuffle arrays without a refit of the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.scoring.exchange import Exchange
from neuroalign.stats import permutation_p_value

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shuffles:
    """Scores of shuffled stimuli.

    Parameters
    ----------
    scores : array of float64, shape (n_permutations,)
        Empty where no shuffle was asked for, or no two originals can change places.
    notes : tuple of str
        Notes on the variants in shuffles, for the notes of a score.
    """

    scores: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> float:
        """Mean of the shuffled scores; NaN without a shuffle."""
        finite = self.scores[np.isfinite(self.scores)]
        return float(finite.mean()) if finite.size else float("nan")

    @property
    def variables(self) -> dict[str, tuple[str, FloatArray]]:
        """Shuffled scores for the ``data`` of a score, as tests over several scores need them; empty without any."""
        return {"shuffled": ("permutation", self.scores)} if self.scores.size else {}

    def p_value(self, score: float, *, higher_is_better: bool = True) -> float:
        """Return the exact p-value of a score, ``(1 + k)/(1 + B)``; NaN without a shuffle."""
        return permutation_p_value(score, self.scores, higher_is_better=higher_is_better)

    def provenance(self, score: float, seed: int, *, higher_is_better: bool = True) -> dict[str, Any]:
        """Return number, seed and p-value of the shuffles for the provenance of a score; empty without a shuffle."""
        if not self.scores.size:
            return {}
        p = self.p_value(score, higher_is_better=higher_is_better)
        return {
            "n_permutations": int(self.scores.size),
            "permutation_seed": seed,
            "permutation_p": None if np.isnan(p) else p,
        }


#: Stands for the shuffles of a score without shuffles.
NO_SHUFFLES = Shuffles(np.empty(0))


def shuffle_stimuli(
    score: Callable[[NDArray[np.int64]], float], exchange: Exchange, *, n_permutations: int, seed: int
) -> Shuffles:
    """Score shuffled stimuli; variants of one original move together, and tiers and groups stay apart.

    Parameters
    ----------
    score : callable
        Returns the score with the rows of the latents in another order, (n_stimuli,) of int. The responses and the
        folds stay in their places.
    exchange : Exchange
        Permutations of the recorded stimuli, in the order of the rows; see
        ``neuroalign.scoring.benchmark.Benchmark.exchange``.
    n_permutations : int
        Number of shuffles; 0 for none.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    Shuffles
    """

    def score_each(orders: list[NDArray[np.int64]]) -> list[float]:
        return [score(order) for order in orders]

    return shuffle_together(score_each, exchange, n_permutations=n_permutations, seed=seed)


def shuffle_together(
    score: Callable[[list[NDArray[np.int64]]], Sequence[float] | FloatArray],
    exchange: Exchange,
    *,
    n_permutations: int,
    seed: int,
) -> Shuffles:
    """Score all shuffles in one call, for scores that share computations between shuffles.

    Parameters
    ----------
    score : callable
        Returns the score for each of several orders of the rows of the latents; see :func:`shuffle_stimuli`.
    exchange, n_permutations, seed
        See :func:`shuffle_stimuli`, which draws the same orders.

    Returns
    -------
    Shuffles
    """
    if not n_permutations:
        return NO_SHUFFLES
    rng = np.random.default_rng(seed)
    n_possible = n_permutations if exchange.is_possible else 0
    orders = [exchange.permute(rng) for _ in range(n_possible)]
    scores = score(orders) if orders else []
    return Shuffles(np.array(scores, dtype=np.float64), tuple(exchange.notes))
