"""Stored scores of a board: the families on every dataset by one benchmark with one version and set of options."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroalign.comparison.board_columns import BoardColumn
from neuroalign.comparison.groups import GroupSamples, read_group
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.cautions import cautions_of_instances, is_readable
from neuroalign.scoring.hierarchy import MemberStatistic, member_statistic
from neuroalign.scoring.resampling import Statistic


@dataclass(frozen=True, eq=False)
class BoardScores:
    """Scores of one benchmark with one version and set of options on the datasets of a board.

    Parameters
    ----------
    benchmark : str
    version : int
    options : mapping
    name : str
        The benchmark with the options that differ from its defaults.
    groups : list of ScoreGroup or None
        Scores on each dataset.
    samples : list of GroupSamples or None
        Samples of the families on each dataset, on common terms.
    statistic : Statistic
        Number by which families are ranked.
    is_control : bool
        Whether the benchmark ranks no families.
    left_out : mapping of str to mapping of str to int
        For each dataset the numbers of scores that are left out, by reason.
    """

    benchmark: str
    version: int
    options: Mapping[str, Any]
    name: str
    groups: list[ScoreGroup | None]
    samples: list[GroupSamples | None]
    statistic: Statistic
    is_control: bool
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def families(self) -> list[str]:
        """Families with a score on a dataset, sorted."""
        return sorted({family for group in self.groups if group is not None for family in group.families})

    @property
    def draws_neurons(self) -> bool:
        """Whether a score depends on neurons through sums, so that neurons can be drawn."""
        return any(
            sample.of_neurons is not None
            for samples in self.samples
            if samples is not None
            for sample in samples.samples.values()
        )

    def of(self, family: str, place: int) -> list[Score]:
        """Return the scores of the instances of a family on the dataset at a place."""
        group = self.groups[place]
        return [] if group is None else list(group.families.get(family, {}).values())

    def statistics(self, family: str) -> list[MemberStatistic | None]:
        """Return the ranking statistic of a family on each dataset; None for a missing score."""
        statistics: list[MemberStatistic | None] = []
        for samples in self.samples:
            sample = None if samples is None else samples.samples.get(family)
            statistics.append(
                None
                if sample is None or not sample.n
                else member_statistic(sample.mean, sample.of_neurons, sample.why_no_neurons)
            )
        return statistics

    def ceilings(self, family: str) -> list[float]:
        """Return the mean ceiling of a family on each dataset; NaN where the ranking statistic has no ceiling."""
        ceilings = []
        for place in range(len(self.groups)):
            values = [score.ceiling for score in self.of(family, place) if np.isfinite(score.ceiling)]
            has_ceiling = self.statistic.identifier == "value" and values
            ceilings.append(float(np.mean(values)) if has_ceiling else float("nan"))
        return ceilings

    def cautions(self, family: str, column: BoardColumn) -> list[str]:
        """Return the cautions of a family on the datasets of a column."""
        sentences = []
        for place, dataset in zip(column.places, column.datasets, strict=True):
            prefix = f"{dataset.identifier}: " if len(column.datasets) > 1 else ""
            if own := self.of(family, place):
                sentences += [f"{prefix}{sentence}" for sentence in cautions_of_instances(own)]
        return sentences

    def is_readable(self, family: str, column: BoardColumn) -> bool:
        """Return whether the scores of a family on the datasets of a column may be interpreted."""
        scored = [own for place in column.places if (own := self.of(family, place))]
        return all(is_readable(*own) for own in scored)

    def why_no_neurons(self, families: Sequence[str]) -> list[str]:
        """Return the reasons why neurons cannot be drawn, each once."""
        reasons = {
            samples.samples[family].why_no_neurons
            for samples in self.samples
            if samples is not None
            for family in families
            if family in samples.samples and samples.samples[family].of_neurons is None
        }
        return sorted(filter(None, reasons))


def gather_scores(
    columns: Sequence[BoardColumn], wanted: Sequence[Benchmark] | None, store: ResultsStore
) -> list[BoardScores]:
    """Read the scores on the datasets of a board, sorted by benchmark, version and options.

    Parameters
    ----------
    columns : sequence of BoardColumn
    wanted : sequence of Benchmark, optional
        By default every benchmark with a score.
    store : ResultsStore

    Returns
    -------
    list of BoardScores
        In the order of `wanted`; without it, default options first. A score of another version of the benchmark or the
        dataset, or of other options, is never among them.
    """
    datasets = [dataset for column in columns for dataset in column.datasets]
    by_kind: dict[tuple[str, int, str], list[ScoreGroup | None]] = {}
    for place, dataset in enumerate(datasets):
        for group in group_scores(store.items(dataset=dataset.identifier), dataset, wanted):
            groups = by_kind.setdefault(_kind(group), [None] * len(datasets))
            groups[place] = group
    return [
        _read(groups, [dataset.identifier for dataset in datasets], store)
        for groups in by_kind.values()
        if wanted is not None or any(group is not None and group.families for group in groups)
    ]


def _read(groups: list[ScoreGroup | None], names: Sequence[str], store: ResultsStore) -> BoardScores:
    first = next(group for group in groups if group is not None)
    every = [
        score
        for group in groups
        if group is not None
        for own in group.families.values()
        for score in own.values()
    ]
    samples = [
        None if group is None or not group.families else read_group(group, store, among=every)
        for group in groups
    ]
    read = next((own for own in samples if own is not None), None) or read_group(first, store)
    return BoardScores(
        first.benchmark,
        first.benchmark_version,
        first.options,
        first.name,
        groups,
        samples,
        read.statistic,
        read.is_control,
        {
            name: dict(group.left_out)
            for name, group in zip(names, groups, strict=True)
            if group is not None and group.left_out
        },
    )


def _kind(group: ScoreGroup) -> tuple[str, int, str]:
    options = json.dumps(dict(group.options), sort_keys=True, default=str)
    return group.benchmark, group.benchmark_version, options
