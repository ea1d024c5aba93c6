"""Hierarchical bootstrap: draws of animals, of sessions within animals, and of neurons within sessions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.stats.bootstrap import BATCH, check_options

#: Highest level that is drawn: animals with their sessions and neurons, sessions with their neurons, or neurons alone.
Over = Literal["animals", "sessions", "neurons"]

#: Number of animals below which an interval over animals is not trustworthy.
FEW_ANIMALS = 5


@dataclass(frozen=True, eq=False)
class Draws:
    """Some draws of a hierarchical bootstrap.

    Parameters
    ----------
    sessions : array of int64, shape (n_draws, n_sessions)
        How often each session is drawn, in the order of the sorted pairs of animal and session.
    neurons : array of float64, shape (n_draws, n_neurons)
        How often each neuron is drawn.
    """

    sessions: NDArray[np.int64]
    neurons: NDArray[np.float64]


def number_sessions(animals: Sequence[str], sessions: Sequence[str]) -> NDArray[np.int64]:
    """Number the sessions of neurons, sorted by animal and session; a session belongs to one animal.

    Parameters
    ----------
    animals, sessions : sequence of str, length n_neurons
        Animal and session of each neuron. Sessions of one name in different animals are different sessions.

    Returns
    -------
    array of int64, shape (n_neurons,)
        Number of the session of each neuron, from 0 without gaps.

    Examples
    --------
    >>> from neuroalign.stats import number_sessions
    >>> number_sessions(["Tito", "Chabo", "Tito"], ["1", "1", "2"])
    array([1, 0, 2])
    """
    pairs = list(zip(animals, sessions, strict=True))
    place = {pair: number for number, pair in enumerate(sorted(set(pairs)))}
    return np.array([place[pair] for pair in pairs], dtype=np.int64)


def draw_hierarchy(
    animals: Sequence[str],
    sessions: Sequence[str],
    *,
    over: Over = "animals",
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Iterator[Draws]:
    """Draw animals, sessions within the drawn animals, and neurons within the drawn sessions, each with replacement.

    Parameters
    ----------
    animals, sessions : sequence of str, length n_neurons
        Animal and session of each neuron.
    over : {"animals", "sessions", "neurons"}
        Highest level that is drawn. With "sessions" every animal, and with "neurons" every session is in each draw
        once. A level with a single member, such as one animal, is not drawn in any case.
    n_resamples : int
        Number of draws.
    seed : int
        Seed of the draws.

    Yields
    ------
    Draws
        Draws in batches; all batches together have `n_resamples` draws. An animal that is drawn twice has its sessions
        drawn twice, independently, and so has a session its neurons: as many as it has each time.

    Raises
    ------
    UsageError
        If an option is out of range.
    ArrayError
        If there are no neurons, or `animals` and `sessions` differ in length.

    Notes
    -----
    A hierarchical bootstrap counts the noise of the lower levels at each level above them, and the variance between A
    animals (A − 1)/A times. So its intervals are too narrow for few animals that differ, and too wide where animals and
    sessions do not differ; the page *Leaderboards* of the documentation has measured coverages.

    References
    ----------
    Saravanan, V., Berman, G. J. & Sober, S. J. (2020). Application of the hierarchical bootstrap to multi-level data in
    neuroscience. Neurons, Behavior, Data Analysis, and Theory 3(5).

    Davison, A. C. & Hinkley, D. V. (1997). Bootstrap Methods and their Application, section 3.8.

    Examples
    --------
    >>> from neuroalign.stats import draw_hierarchy
    >>> (draws,) = draw_hierarchy(["a", "a", "b"], ["1", "2", "3"], n_resamples=3)
    >>> draws.neurons
    array([[0., 2., 1.],
           [2., 0., 1.],
           [0., 0., 2.]])
    """
    check_options(0.95, n_resamples, seed)
    if over not in get_args(Over):
        raise UsageError(f"over must be 'animals', 'sessions' or 'neurons', got {over!r}")
    if len(animals) != len(sessions) or not len(animals):
        raise ArrayError(
            f"animals and sessions must have one label for each neuron, got {len(animals)} and {len(sessions)}"
        )
    of_neuron = number_sessions(animals, sessions)
    n_sessions, n_neurons = int(of_neuron.max()) + 1, len(of_neuron)
    animal_of = dict(zip(of_neuron.tolist(), animals, strict=True))
    names = sorted(set(animals))
    of_animal = [[session for session in range(n_sessions) if animal_of[session] == name] for name in names]
    rng, batch = np.random.default_rng(seed), max(1, BATCH // n_neurons)
    for start in range(0, n_resamples, batch):
        n = min(batch, n_resamples - start)
        ones = np.ones((n, len(names)), dtype=np.int64)
        drawn_animals = _draw(rng, ones[:, :1] * len(names), len(names)) if over == "animals" else ones
        drawn_sessions = np.ones((n, n_sessions), dtype=np.int64)
        for column, own in enumerate(of_animal):
            if over != "neurons":
                drawn_sessions[:, own] = _draw(rng, drawn_animals[:, column, None] * len(own), len(own))
        drawn_neurons = np.empty((n, n_neurons))
        for session in range(n_sessions):
            own_neurons = np.flatnonzero(of_neuron == session)
            totals = drawn_sessions[:, session, None] * len(own_neurons)
            drawn_neurons[:, own_neurons] = _draw(rng, totals, len(own_neurons))
        yield Draws(drawn_sessions, drawn_neurons)


def percentile_interval(distribution: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the bounds of a percentile interval and the standard deviation of a distribution.

    Parameters
    ----------
    distribution : array of float, shape (n_draws,)
        NaN values are left out.
    confidence : float
        Probability that the interval covers, between 0 and 1.

    Returns
    -------
    low, high, standard_error : float
        NaN for fewer than two finite values, or values that do not vary.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import percentile_interval
    >>> [round(number, 2) for number in percentile_interval(np.arange(101.0))]
    [2.5, 97.5, 29.3]
    """
    values = np.asarray(distribution, dtype=np.float64)
    values = values[np.isfinite(values)]
    # A smaller spread is rounding.
    if values.size < 2 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return float("nan"), float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high), float(values.std(ddof=1))


def rank_rows(values: ArrayLike, *, higher_is_better: bool = True) -> NDArray[np.float64]:
    """Rank rows within each column: one plus the number of rows with a better value.

    Parameters
    ----------
    values : array of float, shape (n_rows, n_columns)
        NaN stands for a missing value.
    higher_is_better : bool
        Whether the largest value, or else the smallest one, has the rank 1.

    Returns
    -------
    array of float64, shape (n_rows, n_columns)
        Equal values have equal ranks; missing values have the rank NaN and do not count.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import rank_rows
    >>> rank_rows([[0.3], [0.5], [np.nan], [0.3]]).ravel()
    array([ 2.,  1., nan,  2.])
    """
    given = np.asarray(values, dtype=np.float64) * (1.0 if higher_is_better else -1.0)
    better = (given[None] > given[:, None]).sum(axis=1)
    return np.where(np.isfinite(given), 1.0 + better, np.nan)


def _draw(rng: np.random.Generator, totals: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Draw `totals` members of `n` with replacement, (n_draws, 1), and count them, (n_draws, n)."""
    if n == 1:
        return totals
    counts: NDArray[np.int64] = rng.multinomial(totals[:, 0], np.full(n, 1 / n))
    return counts
