"""Samples of the families of a leaderboard, from stored scores and their arrays: nothing is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neuroalign.comparison.samples import Sample, make_sample
from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.errors import NeuroalignError
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import installed_benchmark
from neuroalign.scoring.resampling import Resampling, Statistic

#: The arrays of so many scores by one benchmark are read without being asked for, which takes about two seconds.
MOST_ARRAYS = 1_000


@dataclass(frozen=True)
class GroupSamples:
    """The families of a leaderboard as samples.

    Parameters
    ----------
    statistic : Statistic
        The number by which families are ranked and tested.
    samples : mapping of str to Sample
        Of this statistic.
    value_statistic : Statistic or None
        Where families are ranked by another number than the score itself: the score, at a common D for alignment.
    value_samples : mapping of str to Sample
        Of `value_statistic`; empty without it.
    is_control : bool
        Whether the benchmark compares a score with another one, so that it ranks no families.
    no_neurons : str
        Why some or all families have no terms of neurons; empty if all have, or if none were asked for.
    """

    statistic: Statistic
    samples: Mapping[str, Sample]
    value_statistic: Statistic | None
    value_samples: Mapping[str, Sample]
    is_control: bool = False
    no_neurons: str = ""

    @property
    def n_neurons(self) -> int:
        """Number of neurons that can be drawn; 0 without any."""
        return max((len(sample.neurons) for sample in self.samples.values()), default=0)


def read_group(group: ScoreGroup, store: ResultsStore, over_neurons: bool | None = None) -> GroupSamples:
    """Read the samples of all families of a group of comparable scores.

    Parameters
    ----------
    group : ScoreGroup
    store : ResultsStore
        The store that its scores are from.
    over_neurons : bool, optional
        Whether to read their arrays; by default where these are :data:`MOST_ARRAYS` at most.

    Returns
    -------
    GroupSamples
    """
    ranking, _, is_control = _declare(group)
    if is_control or over_neurons is False:
        return group_samples(
            group, why_no_neurons=dict.fromkeys(group.families, "their arrays were not read")
        )
    if ranking.from_score is None:
        reason = ranking.reason
        return replace(
            group_samples(group, why_no_neurons=dict.fromkeys(group.families, reason)), no_neurons=reason
        )
    n_arrays = sum(map(len, group.families.values()))
    if over_neurons is None and n_arrays > MOST_ARRAYS:
        reason = f"the arrays of {n_arrays:,} scores were not read; --over-neurons reads them"
        return replace(
            group_samples(group, why_no_neurons=dict.fromkeys(group.families, reason)), no_neurons=reason
        )
    families, unreadable = dict(group.families), {}
    for name, members in group.families.items():
        try:
            families[name] = {
                key: replace(score, data=store.load_arrays(key)) for key, score in members.items()
            }
        except NeuroalignError as error:
            # An import may be damaged or odd; the other families are tested all the same.
            unreadable[name] = str(error)
    samples = group_samples(replace(group, families=families), why_no_neurons=unreadable)
    return replace(samples, no_neurons=_join_reasons(samples.samples))


def group_samples(group: ScoreGroup, *, why_no_neurons: Mapping[str, str] | None = None) -> GroupSamples:
    """Make samples of the families of a group whose scores have their arrays.

    Parameters
    ----------
    group : ScoreGroup
    why_no_neurons : mapping of str to str, optional
        Families whose scores lack their arrays, and why.

    Returns
    -------
    GroupSamples
    """
    ranking, value, is_control = _declare(group)
    lacking = why_no_neurons or {}
    samples, value_samples = {}, {}
    for name, members in group.families.items():
        scores = list(members.values())
        samples[name] = _sample(name, scores, ranking, lacking.get(name, ""))
        if value is not None:
            value_samples[name] = _sample(name, scores, value, lacking.get(name, ""))
    return GroupSamples(
        ranking.statistic,
        samples,
        None if value is None else value.statistic,
        value_samples,
        is_control,
    )


def _sample(name: str, scores: list[Score], resampling: Resampling, why: str) -> Sample:
    if why:
        resampling = replace(resampling, from_score=None, reason=why)
    return make_sample(scores, resampling, name=name)


def _join_reasons(samples: Mapping[str, Sample]) -> str:
    """Say which families have no terms of neurons, and why; once where the reason is the same for all."""
    reasons = {name: sample.why_no_neurons for name, sample in samples.items() if sample.why_no_neurons}
    if len(set(reasons.values())) == 1 and len(reasons) == len(samples):
        return next(iter(reasons.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


def _declare(group: ScoreGroup) -> tuple[Resampling, Resampling | None, bool]:
    """Return how the ranking statistic is resampled, how the score where that is another number, and if a control."""
    benchmark = installed_benchmark(group.benchmark, group.benchmark_version, group.options)
    if benchmark is None:
        statistic = Statistic("value", group.benchmark, group.higher_is_better)
        return (
            Resampling(statistic, reason=f"{group.benchmark} is not installed in this version"),
            None,
            False,
        )
    scores = [score for members in group.families.values() for score in members.values()]
    first, of_value = benchmark.statistics[0], _at_common_d(benchmark, scores)
    if first.identifier == "value":
        return of_value, None, benchmark.is_control
    return benchmark.resampling(first.identifier, scores), of_value, benchmark.is_control


def _at_common_d(benchmark: Benchmark, scores: list[Score]) -> Resampling:
    """Return how the score is resampled: at a common D where models differ in D."""
    bases = {score.beside.get("D", np.nan) for score in scores}
    bases = {base for base in bases if base >= 2}
    has_d = any(statistic.identifier == "at_common_d" for statistic in benchmark.statistics)
    return benchmark.resampling("at_common_d" if has_d and len(bases) > 1 else "value", scores)
