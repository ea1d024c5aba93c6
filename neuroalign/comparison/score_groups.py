"""Which stored scores may stand in one table, and which are left out and why."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.names.registry import benchmarks
from neuroalign.names.syntax import format_spec
from neuroalign.results.score import Score, find_repeated
from neuroalign.scoring.benchmark import Benchmark, make_benchmark


@dataclass(frozen=True)
class ScoreGroup:
    """Scores of one content of one dataset by one version of one benchmark with one set of options.

    Parameters
    ----------
    benchmark : str
        Identifier.
    benchmark_version : int
    options : mapping
    name : str
        The benchmark with those options that are not its defaults.
    higher_is_better : bool
    families : mapping of str to dict of str to Score
        For each family the scores of its models, one each, by their keys in the store.
    left_out : mapping of str to int
        How many scores of this benchmark are not in the group, for each reason.
    """

    benchmark: str
    benchmark_version: int
    options: Mapping[str, Any]
    name: str
    higher_is_better: bool
    families: dict[str, dict[str, Score]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def group_scores(
    items: Iterable[tuple[str, Score]], dataset: Dataset, wanted: Sequence[Benchmark] | None = None
) -> list[ScoreGroup]:
    """Sort scores into groups whose members are comparable.

    Parameters
    ----------
    items : iterable of (str, Score)
        Keys and scores, the newest first; of several of one model in one family the first counts.
    dataset : Dataset
        Scores of this very content count.
    wanted : sequence of Benchmark, optional
        One group for each, also where it has no score. By default one for every benchmark, version and
        options that scores are of; of a benchmark that is not installed the newest version that there is.

    Returns
    -------
    list of ScoreGroup
        In the order of `wanted`; else those with default options first.
    """
    of_dataset = [(key, score) for key, score in items if score.dataset == dataset.identifier]
    installed = _installed(wanted)
    versions = _versions(of_dataset, installed)
    groups = {
        (each.identifier, _canonical(each.options())): ScoreGroup(
            each.identifier, each.version, each.options(), _name(each, installed), each.higher_is_better
        )
        for each in (installed.values() if wanted is None else wanted)
    }
    n_recorded = np.unique(dataset.recording["stimulus_id"].values).size
    seen: set[tuple[tuple[str, str], str, str]] = set()
    left_out: list[tuple[tuple[str, str], str]] = []
    for key, score in of_dataset:
        group = (score.benchmark, _canonical(score.options))
        reason = None
        if score.provenance.get("dataset_hash") != dataset.content_hash:
            reason = "of another version of the dataset"
        elif score.benchmark_version != versions.get(score.benchmark):
            reason = "of another version of the benchmark"
        elif wanted is not None and group not in groups:
            reason = "with other options"
        elif _n_stimuli(score, n_recorded) < n_recorded:
            reason = "on a part of the stimuli"
        elif (group, score.family, score.model) in seen:
            reason = "of an earlier state of the same model"
        if reason:
            left_out.append((group, reason))
            continue
        seen.add((group, score.family, score.model))
        if group not in groups:
            groups[group] = ScoreGroup(
                score.benchmark,
                score.benchmark_version,
                score.options,
                _name(score, installed),
                score.higher_is_better,
            )
        groups[group].families.setdefault(score.family, {})[key] = score
    for group, of_group in groups.items():
        for family, of_family in of_group.families.items():
            in_order = sorted(of_family.values(), key=lambda score: score.model)
            repeated = find_repeated(in_order)
            left_out += [(group, "with the very latents of another instance")] * len(repeated)
            of_group.families[family] = {
                key: score for key, score in of_family.items() if score.model not in repeated
            }
        in_families = {
            score.model
            for family, of in of_group.families.items()
            for score in of.values()
            if score.model != family
        }
        # An instance that was scored by itself, too.
        for model in in_families & set(of_group.families):
            left_out += [(group, "of a model that counts in its family")] * len(of_group.families.pop(model))
    for group, reason in left_out:
        # What is of no group is told where its benchmark comes first.
        told = groups.get(group) or next((of for of in groups.values() if of.benchmark == group[0]), None)
        if told is not None:
            told.left_out[reason] = told.left_out.get(reason, 0) + 1
    return list(groups.values())


def _installed(wanted: Sequence[Benchmark] | None) -> dict[str, Benchmark]:
    """Return the installed benchmarks with their default options, by identifier."""
    made = [make_benchmark(name, registered, {}) for name, registered in benchmarks.items()]
    return {each.identifier: each for each in [*(wanted or ()), *made]}


def _versions(items: Sequence[tuple[str, Score]], installed: Mapping[str, Benchmark]) -> dict[str, int]:
    """Return the version of each benchmark that counts: the installed one, or else the newest there is."""
    versions: dict[str, int] = {}
    for _, score in items:
        if score.benchmark not in installed:
            versions[score.benchmark] = max(score.benchmark_version, versions.get(score.benchmark, 0))
    return versions | {name: each.version for name, each in installed.items()}


def _name(of: Benchmark | Score, installed: Mapping[str, Benchmark]) -> str:
    """Name a benchmark with those options that are not its defaults."""
    if isinstance(of, Benchmark):
        identifier, options = of.identifier, of.options()
    else:
        identifier, options = of.benchmark, dict(of.options)
    defaults = installed[identifier].options() if identifier in installed else {}
    differing = {name: value for name, value in options.items() if value != defaults.get(name)}
    return format_spec(identifier, differing)


def _n_stimuli(score: Score, n_recorded: int) -> int:
    n = score.provenance.get("n_stimuli")
    return n if isinstance(n, int) and n else n_recorded


def _canonical(options: object) -> str:
    return json.dumps(options, sort_keys=True, default=str)
