"""Samples of the families of a leaderboard, from stored scores and their arrays (no refit)."""

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True)
class GroupSamples:
    """The families of a leaderboard as samples.

    Parameters
    ----------
    statistic : Statistic
        Number by which families are ranked and tested.
    samples : mapping of str to Sample
        Sample of `statistic` for each family.
    value_statistic : Statistic or None
        The score itself, on common terms of all models, where families are ranked by another number.
    value_samples : mapping of str to Sample
        Sample of `value_statistic` for each family; empty without it.
    is_control : bool
        Whether the benchmark compares a score with another one, so that it ranks no families.
    no_neurons : str
        Why some or all families have no terms of neurons; empty if all have terms, or if `over_neurons` is False.
    """

    statistic: Statistic
    samples: Mapping[str, Sample]
    value_statistic: Statistic | None
    value_samples: Mapping[str, Sample]
    is_control: bool = False
    no_neurons: str = ""

    @property
    def n_neurons(self) -> int:
        """Number of neurons that can be drawn; 0 without terms of neurons."""
        return max((len(sample.neurons) for sample in self.samples.values()), default=0)


def read_group(
    group: ScoreGroup, store: ResultsStore, over_neurons: bool = True, among: Sequence[Score] = ()
) -> GroupSamples:
    """Read the samples of all families of a group of comparable scores.

    Parameters
    ----------
    group : ScoreGroup
    store : ResultsStore
        Store with the scores of the group.
    over_neurons : bool
        Whether to read the arrays of the scores, about 2 ms for each score.
    among : sequence of Score
        Scores on other datasets by the same benchmark, which are put on common terms with the scores of the group.

    Returns
    -------
    GroupSamples
    """
    ranking, _, is_control = _declare(group, among)
    if is_control or not over_neurons:
        return group_samples(
            group, why_no_neurons=dict.fromkeys(group.families, "their arrays were not read"), among=among
        )
    if ranking.from_score is None:
        reason = ranking.reason
        return replace(
            group_samples(group, why_no_neurons=dict.fromkeys(group.families, reason), among=among),
            no_neurons=reason,
        )
    families, unreadable = dict(group.families), {}
    for name, members in group.families.items():
        try:
            families[name] = {
                key: replace(score, data=store.load_arrays(key)) for key, score in members.items()
            }
        except NeuroalignError as error:
            # An imported file may be damaged; the other families are still tested.
            unreadable[name] = str(error)
    samples = group_samples(replace(group, families=families), why_no_neurons=unreadable, among=among)
    return replace(samples, no_neurons=_join_reasons(samples.samples))


def group_samples(
    group: ScoreGroup,
    *,
    why_no_neurons: Mapping[str, str] | None = None,
    among: Sequence[Score] = (),
) -> GroupSamples:
    """Make samples of the families of a group of scores with arrays.

    Parameters
    ----------
    group : ScoreGroup
    why_no_neurons : mapping of str to str, optional
        Families with scores without arrays, and the reasons.
    among : sequence of Score
        Scores on other datasets; see :func:`read_group`.

    Returns
    -------
    GroupSamples
    """
    ranking, value, is_control = _declare(group, among)
    reasons = why_no_neurons or {}
    samples, value_samples = {}, {}
    for name, members in group.families.items():
        scores = list(members.values())
        samples[name] = _sample(name, scores, ranking, reasons.get(name, ""))
        if value is not None:
            value_samples[name] = _sample(name, scores, value, reasons.get(name, ""))
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
    """List the families without terms of neurons, with reasons; a reason of all families stands alone."""
    reasons = {name: sample.why_no_neurons for name, sample in samples.items() if sample.why_no_neurons}
    if len(set(reasons.values())) == 1 and len(reasons) == len(samples):
        return next(iter(reasons.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


def _declare(group: ScoreGroup, among: Sequence[Score]) -> tuple[Resampling, Resampling | None, bool]:
    """Return the resampling of the ranking statistic, and of the score if it is another number, and if a control."""
    benchmark = installed_benchmark(group.benchmark, group.benchmark_version, group.options)
    if benchmark is None:
        statistic = Statistic("value", group.benchmark, group.higher_is_better)
        return (
            Resampling(statistic, reason=f"{group.benchmark} is not installed in this version"),
            None,
            False,
        )
    scores = [score for members in group.families.values() for score in members.values()]
    scores += among
    first, of_value = benchmark.statistics[0], resample_on_common_terms(benchmark, scores)
    if first.identifier == "value":
        return of_value, None, benchmark.is_control
    return benchmark.resampling(first.identifier, scores), of_value, benchmark.is_control


def resample_on_common_terms(benchmark: Benchmark, scores: Sequence[Score]) -> Resampling:
    """Return the resampling of the score itself, on common terms of all models where the benchmark has such terms.

    Parameters
    ----------
    benchmark : Benchmark
    scores : sequence of Score
        Scores of all compared models.
    """
    equalised = common_statistic(benchmark)
    if equalised is None:
        return benchmark.resampling("value", scores)
    bases = {score.beside.get(equalised.equalises, np.nan) for score in scores}
    # A base below two gives no score.
    n_bases = len({base for base in bases if base >= 2})
    return benchmark.resampling(equalised.identifier if n_bases > 1 else "value", scores)


def common_statistic(benchmark: Benchmark) -> Statistic | None:
    """Return the statistic of a benchmark that makes a quantity of the models the same; None without one."""
    return next((statistic for statistic in benchmark.statistics if statistic.equalises), None)
