"""Time courses of scores: p-values over all windows together, and the latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.columns import Label
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import ArrayError, NeuroalignError, count_noun
from neuroalign.names.registry import benchmarks
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import make_benchmark
from neuroalign.scoring.grouped import GroupScore
from neuroalign.scoring.resampling import NeuronStatistic
from neuroalign.stats import MaxStatistic, max_statistic

#: Level of the test of all windows together.
ALPHA = 0.05
# Share of the draws outside the interval of the latency.
_OUTSIDE = 0.05


@dataclass(frozen=True)
class Latency:
    """First window with a score above chance.

    Parameters
    ----------
    start, stop : float
        Edges of the first significant window, in milliseconds.
    low, high : float
        95 % interval of `start` over neurons; NaN where it is not known, infinite where no window is significant in
        the draws at this end.
    n_draws : int
        Number of draws behind the interval; 0 without an interval.
    without : float
        Share of the draws without any significant window; NaN without an interval.
    why_no_interval : str
        Reason why the interval is not known; empty otherwise.
    """

    start: float
    stop: float
    low: float = float("nan")
    high: float = float("nan")
    n_draws: int = 0
    without: float = float("nan")
    why_no_interval: str = ""

    @property
    def midpoint(self) -> float:
        """Middle of the window, in milliseconds."""
        return (self.start + self.stop) / 2


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """Scores of one model in all windows of one group.

    Parameters
    ----------
    conditions : mapping of str to value
        Values of the columns that make the group; empty for the whole dataset.
    groups : tuple of GroupScore
        Score of each window, in the order of time.
    p : array of float64, shape (n_windows,)
        P-value of each window by the maximum over windows; NaN where it is not known.
    critical : float
        Score that a window must exceed to be significant; NaN without a test.
    n_permutations : int
        Number of shuffles behind the p-values; 0 without a test.
    why_no_p : str
        Reason why there is no test; empty otherwise.
    latency : Latency or None
        None where no window is significant, or there is no test.
    """

    conditions: Mapping[str, Label]
    groups: tuple[GroupScore, ...]
    p: NDArray[np.float64]
    critical: float = float("nan")
    n_permutations: int = 0
    why_no_p: str = ""
    latency: Latency | None = None

    @property
    def model(self) -> str:
        """Name of the model or family."""
        return self.groups[0].model

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return self.groups[0].benchmark

    @property
    def windows(self) -> list[Window]:
        """Start and end of each window, in milliseconds."""
        return [group.window for group in self.groups if group.window is not None]

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Windows with p ≤ .05, shape (n_windows,)."""
        return np.nan_to_num(self.p, nan=1.0) <= ALPHA

    def to_record(self) -> dict[str, Any]:
        """Return the test and the latency as a dictionary that JSON can hold."""
        latency = self.latency
        return {
            "conditions": dict(self.conditions),
            "model": self.model,
            "benchmark": self.benchmark,
            "windows_ms": [list(window) for window in self.windows],
            "p": [_or_none(p) for p in self.p],
            "critical": _or_none(self.critical),
            "n_permutations": self.n_permutations,
            "why_no_p": self.why_no_p,
            "latency_ms": None
            if latency is None
            else {
                "start": latency.start,
                "stop": latency.stop,
                "midpoint": latency.midpoint,
                "low": _or_none(latency.low),
                "high": _or_none(latency.high),
                "n_draws": latency.n_draws,
                "share_without": _or_none(latency.without),
                "why_no_interval": latency.why_no_interval,
            },
        }


def time_courses(groups: Sequence[GroupScore], *, n_draws: int = 1000, seed: int = 0) -> list[TimeCourse]:
    """Test the windows of each group together, and find the latency.

    Parameters
    ----------
    groups : sequence of GroupScore
        Scores from :func:`neuroalign.scoring.grouped.score_by` with windows.
    n_draws : int
        Draws of neurons for the interval of the latency; 0 for no interval.
    seed : int
        Seed of the draws.

    Returns
    -------
    list of TimeCourse
        One time course for each model, benchmark and group, in the order of `groups`.

    Notes
    -----
    The shuffled scores of all windows belong to the same orders of the stimuli, because the same seed draws orders of
    the same stimuli. So each order has a largest score over windows, and the p-value of a window is the share of
    orders with a largest score as high as its own: ``(1 + #{largest ≥ score})/(1 + B)``. The test needs the same
    stimuli in all windows; the neurons may differ. A family has the mean over its instances in each order.

    The latency is the first window with p ≤ .05. Its interval is a bootstrap over neurons: neurons are drawn with
    replacement, the same in all windows, and the first window with a mean score above the critical value of all
    neurons is found in each draw. Draws without such a window count as later than any window.

    References
    ----------
    Nichols & Holmes (2002), Human Brain Mapping 15:1, for the maximum over windows.

    Examples
    --------
    >>> from neuroalign.scoring.grouped import score_by
    >>> from neuroalign.scoring.time_courses import time_courses
    >>> from neuroalign.testing import make_time_course
    >>> dataset = make_time_course(signal=[0, 1, 1], bin_width=50)
    >>> groups = score_by("factors", dataset, "linear[n_permutations=19]", windows="bins", use_cache=False)
    >>> (course,) = time_courses(groups, n_draws=100)
    >>> course.significant, course.latency.start
    (array([False,  True,  True]), 50.0)
    """
    courses: dict[tuple[str, ...], list[GroupScore]] = {}
    for group in groups:
        options, conditions = (repr(sorted(items.items())) for items in (group.options, group.conditions))
        courses.setdefault((group.model, group.benchmark, options, conditions), []).append(group)
    return [_course(_in_order(members), n_draws, seed) for members in courses.values()]


def _in_order(groups: Sequence[GroupScore]) -> tuple[GroupScore, ...]:
    return tuple(sorted(groups, key=lambda group: group.window or (0.0, 0.0)))


def _course(groups: tuple[GroupScore, ...], n_draws: int, seed: int) -> TimeCourse:
    unknown = np.full(len(groups), np.nan)
    scored = [group for group in groups if group.score is not None]
    why = _why_no_test(groups, scored)
    if why:
        return TimeCourse(groups[0].conditions, groups, unknown, why_no_p=why)
    scores = [group.score for group in scored if group.score is not None]
    shuffled = np.stack([_shuffled(score) for score in scores])
    values = np.array([score.value for score in scores])
    test = max_statistic(values, shuffled, higher_is_better=scores[0].higher_is_better)
    p = unknown.copy()
    p[[group.score is not None for group in groups]] = test.p
    first = np.flatnonzero(np.nan_to_num(p, nan=1.0) <= ALPHA)
    latency = _latency(groups[first[0]].window, scored, test, n_draws, seed) if first.size else None
    return TimeCourse(
        conditions=groups[0].conditions,
        groups=groups,
        p=p,
        critical=test.critical_value(ALPHA),
        n_permutations=int(test.extremes.size),
        latency=latency,
    )


def _why_no_test(groups: Sequence[GroupScore], scored: Sequence[GroupScore]) -> str:
    """Return the reason why the windows cannot be tested together; empty where they can."""
    if not scored:
        return "no window has a score"
    if any(group.window is None for group in groups):
        return "the scores have no windows"
    if len({group.stimuli_hash for group in scored}) > 1:
        sizes = [group.n_stimuli for group in scored]
        return (
            f"the windows have different stimuli ({min(sizes)} to {max(sizes)}), so their shuffles are not the same "
            "orders; leave out the stimuli that some windows lack"
        )
    arrays = [_shuffled(group.score) for group in scored if group.score is not None]
    if any(array.size == 0 for array in arrays):
        return (
            f"{scored[0].benchmark} has no shuffled scores: --permutations B (n_permutations=B) computes them"
        )
    if len({array.size for array in arrays}) > 1:
        return "the windows have different numbers of shuffles"
    return ""


def _shuffled(score: Score) -> NDArray[np.float64]:
    """Return the shuffled scores, the mean over the instances of a family; empty without any."""
    arrays = [
        np.asarray(instance.data["shuffled"].values, dtype=np.float64)
        for instance in (score.instances or (score,))
        if "shuffled" in instance.data
    ]
    n_instances = len(score.instances) or 1
    if len(arrays) < n_instances or len({array.size for array in arrays}) > 1:
        return np.empty(0)
    # As in the mean of a family, instances without a score are left out.
    stacked = np.stack(arrays)
    finite = np.isfinite(stacked)
    count = finite.sum(axis=0)
    total = np.where(finite, stacked, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _latency(
    window: Window | None, scored: Sequence[GroupScore], test: MaxStatistic, n_draws: int, seed: int
) -> Latency:
    assert window is not None
    if not n_draws:
        return Latency(*window, why_no_interval="no draws of neurons were asked for")
    try:
        statistics = [_over_neurons(group.score) for group in scored if group.score is not None]
    except NeuroalignError as error:
        return Latency(*window, why_no_interval=str(error))
    neurons = list(dict.fromkeys(name for statistic in statistics for name in statistic.neurons))
    if len(neurons) < 2:
        return Latency(*window, why_no_interval=f"{count_noun(len(neurons), 'neuron')} cannot be resampled")
    counts = np.random.default_rng(seed).multinomial(
        len(neurons), np.full(len(neurons), 1 / len(neurons)), n_draws
    )
    place = {name: index for index, name in enumerate(neurons)}
    sign, critical = (1.0 if test.higher_is_better else -1.0), test.critical_value(ALPHA)
    above = np.stack(
        [
            sign * statistic(counts[:, [place[name] for name in statistic.neurons]]) > sign * critical
            for statistic in statistics
        ]
    )
    starts = np.array([group.window[0] for group in scored if group.window is not None])
    firsts = np.where(above.any(axis=0), starts[above.argmax(axis=0)], np.inf)
    low, high = np.quantile(firsts, [_OUTSIDE / 2, 1 - _OUTSIDE / 2], method="inverted_cdf")
    return Latency(
        *window, low=float(low), high=float(high), n_draws=n_draws, without=float(np.isinf(firsts).mean())
    )


def _over_neurons(score: Score) -> NeuronStatistic:
    """Return a score as a function of its neurons."""
    name = score.benchmark.partition("[")[0]
    benchmark = make_benchmark(name, benchmarks.get(name), score.options)
    resampling = benchmark.resampling("value", [score])
    if resampling.from_score is None:
        raise ArrayError(resampling.reason or f"{name} has no terms of single neurons")
    return NeuronStatistic.mean([resampling.from_score(instance) for instance in score.instances or (score,)])


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
