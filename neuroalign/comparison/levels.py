"""Tests of one model over neurons, against its level of chance and against its ceiling."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from neuroalign.comparison.inference import infer_own_mean
from neuroalign.comparison.samples import make_sample
from neuroalign.errors import NeuroalignError
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import is_readable
from neuroalign.scoring.declared import chance_of, installed_benchmark
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic
from neuroalign.stats import adjust_p_values
from neuroalign.stats.multiplicity import Correction
from neuroalign.validation import checks

#: Largest corrected p-value that is not called a difference.
ALPHA = 0.05


@dataclass(frozen=True)
class LevelTest:
    """Test of one number of a model against its level of chance or its ceiling, over neurons.

    Parameters
    ----------
    benchmark, label : str
        Name of the benchmark, and of the tested number.
    level : {"chance", "ceiling"}
    value, at : float
        The number, and the level. The level is taken as known.
    standard_error : float
        Standard error of the number over neurons.
    n_neurons : int
    p_raw, p : float
        Two-sided p-value by Student's t with ``n_neurons - 1`` degrees of freedom, as it is and corrected over all
        tests.
    is_better : bool
        Whether the number is better than the level.
    """

    benchmark: str
    label: str
    level: Literal["chance", "ceiling"]
    value: float
    at: float
    standard_error: float
    n_neurons: int
    p_raw: float
    p: float
    is_better: bool

    @property
    def outcome(self) -> str:
        """Outcome in words, such as "above chance" or "not shown to differ from its ceiling"."""
        its = "chance" if self.level == "chance" else "its ceiling"
        if not self.p < ALPHA:
            return f"not shown to differ from {its}"
        better = "better than" if self.level == "chance" else "beyond"
        return (
            f"{better if self.is_better else 'short of' if self.level == 'ceiling' else 'worse than'} {its}"
        )


@checks("correction")
def compare_with_levels(scores: Sequence[Score], *, correction: Correction = "holm") -> list[LevelTest]:
    """Test the scores of one model over neurons, against chance and ceiling where they exist.

    Parameters
    ----------
    scores : sequence of Score
        Scores of one model with their arrays, each by another benchmark.
    correction : {"holm", "bh"}
        Correction of the p-values over all tests; see :func:`neuroalign.stats.adjust_p_values`.

    Returns
    -------
    list of LevelTest
        Tests of each score, and of its axis index κ, which is 0 for turned axes and 1 at its ceiling. Scores that must
        not be interpreted, and scores without a standard error over neurons, have no test.

    Notes
    -----
    The standard error comes from the bootstrap over neurons that leaderboards use. Chance and ceiling are taken as
    known numbers, so a test says nothing about their own errors.

    Examples
    --------
    >>> from neuroalign.comparison.levels import compare_with_levels
    >>> from neuroalign.testing import make_score
    >>> compare_with_levels([make_score(0.5)])
    []
    """
    tests = [test for score in scores if is_readable(score) for test in _tests_of(score)]
    corrected = adjust_p_values(np.array([test.p_raw for test in tests], dtype=np.float64), method=correction)
    return [replace(test, p=float(p)) for test, p in zip(tests, corrected, strict=True)]


def _tests_of(score: Score) -> list[LevelTest]:
    benchmark = installed_benchmark(score.benchmark.partition("[")[0], score.benchmark_version, score.options)
    if benchmark is None or benchmark.is_control:
        return []
    tests = []
    for statistic in benchmark.statistics:
        if statistic.identifier not in ("value", AXIS_INDEX):
            continue
        with suppress(NeuroalignError):
            sample = make_sample([score], benchmark.resampling(statistic.identifier, [score]))
            inference = infer_own_mean(sample)
            if inference.reason or inference.over != "neurons":
                continue
            for level, at in _levels(score, statistic).items():
                if math.isfinite(at):
                    tests.append(
                        _test(score, statistic, level, at, inference.standard_error, len(sample.neurons))
                    )
    return tests


def _levels(score: Score, statistic: Statistic) -> dict[Literal["chance", "ceiling"], float]:
    if statistic.identifier == AXIS_INDEX:
        return {"chance": 0.0, "ceiling": 1.0}
    chance = score.null if math.isfinite(score.null) else chance_of(score.benchmark)
    return {"chance": chance, "ceiling": score.ceiling}


def _test(
    score: Score,
    statistic: Statistic,
    level: Literal["chance", "ceiling"],
    at: float,
    error: float,
    n_neurons: int,
) -> LevelTest:
    value = score.beside[AXIS_INDEX] if statistic.identifier == AXIS_INDEX else score.value
    p = float(2 * stats.t.sf(abs(value - at) / error, n_neurons - 1))
    is_better = (value > at) == statistic.higher_is_better
    return LevelTest(
        name_benchmark(score.benchmark),
        statistic.label,
        level,
        value,
        at,
        error,
        n_neurons,
        p,
        p,
        is_better,
    )
