"""Groups of stored scores that may stand in one table, with counts of the scores that are left out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.names.syntax import format_spec
from neuroalign.results.score import Score, find_repeated, imported_from, name_with_source
from neuroalign.results.store import IMPORTED
from neuroalign.scoring.benchmark import Benchmark, registered_benchmarks

#: Identifier and options of a benchmark.
_Kind = tuple[str, str]


@dataclass(frozen=True)
class ScoreGroup:
    """Scores of one version of a dataset by one version of one benchmark with one set of options.

    Parameters
    ----------
    benchmark : str
        Identifier.
    benchmark_version : int
    options : mapping
    name : str
        The benchmark with the options that differ from its defaults.
    higher_is_better : bool
    families : mapping of str to dict of str to Score
        Scores of each family by their keys in the store, one for each model. A family of imported scores has the name
        of their source in its own name, and never holds a score that was computed here.
    left_out : mapping of str to int
        Number of scores of this benchmark that are not in the group, by reason.
    """

    benchmark: str
    benchmark_version: int
    options: Mapping[str, Any]
    name: str
    higher_is_better: bool
    families: dict[str, dict[str, Score]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def instances(self) -> set[str]:
        """Return the names of all models that are instances of a family, with the sources of imported ones."""
        return {
            name_with_source(score.model, score)
            for scores in self.families.values()
            for score in scores.values()
            if score.model != (score.family or score.model)
        }


def group_scores(
    items: Iterable[tuple[str, Score]], dataset: Dataset, wanted: Sequence[Benchmark] | None = None
) -> list[ScoreGroup]:
    """Sort scores into groups of comparable scores.

    Parameters
    ----------
    items : iterable of (str, Score)
        Keys and scores, the newest first. The first score of a model in a family counts. Imported scores are in
        families of their own, and left out where the same score was computed here.
    dataset : Dataset
        Scores of other contents of the dataset are left out.
    wanted : sequence of Benchmark, optional
        One group for each, also without a score. By default one group for each benchmark, version and options of the
        scores; of a benchmark that is not installed the newest version counts.

    Returns
    -------
    list of ScoreGroup
        In the order of `wanted`; without it, groups with default options first.
    """
    # Scores that were computed here come first, so that an imported score decides nothing about them.
    of_dataset = sorted(
        ((key, score) for key, score in items if score.dataset == dataset.identifier),
        key=lambda item: bool(imported_from(item[1])),
    )
    computed_here = {key for key, score in of_dataset if not imported_from(score)}
    installed = _installed(wanted)
    versions = _versions(of_dataset, installed)
    groups = {
        _kind_of(benchmark): ScoreGroup(
            benchmark.identifier,
            benchmark.version,
            benchmark.options(),
            _name(benchmark.identifier, benchmark.options(), installed),
            benchmark.higher_is_better,
        )
        for benchmark in (installed.values() if wanted is None else wanted)
    }
    n_recorded = np.unique(dataset.recording["stimulus_id"].values).size
    seen: set[tuple[_Kind, str, str, str]] = set()
    left_out: list[tuple[_Kind, str]] = []
    for key, score in of_dataset:
        kind = (score.benchmark, _canonical(score.options))
        instance = (kind, score.family, score.model, imported_from(score))
        reason = None
        if score.provenance.get("dataset_hash") != dataset.content_hash:
            reason = "of another version of the dataset"
        elif score.benchmark_version != versions.get(score.benchmark):
            reason = "of another version of the benchmark"
        elif wanted is not None and kind not in groups:
            reason = "with other options"
        elif _n_stimuli(score, n_recorded) < n_recorded:
            reason = "on a part of the stimuli"
        elif imported_from(score) and key.removesuffix(IMPORTED) in computed_here:
            reason = "of others that were computed here, too"
        elif instance in seen:
            reason = "of an earlier state of the same model"
        if reason:
            left_out.append((kind, reason))
            continue
        seen.add(instance)
        if kind not in groups:
            groups[kind] = ScoreGroup(
                score.benchmark,
                score.benchmark_version,
                score.options,
                _name(score.benchmark, score.options, installed),
                score.higher_is_better,
            )
        family = name_with_source(score.family or score.model, score)
        groups[kind].families.setdefault(family, {})[key] = score
    for kind, group in groups.items():
        left_out += [(kind, reason) for reason in _drop_doubles(group)]
    for kind, reason in left_out:
        # A score without a group is counted in the first group of its benchmark.
        same_benchmark = (group for group in groups.values() if group.benchmark == kind[0])
        counting = groups.get(kind) or next(same_benchmark, None)
        if counting is not None:
            counting.left_out[reason] = counting.left_out.get(reason, 0) + 1
    return list(groups.values())


def _drop_doubles(group: ScoreGroup) -> list[str]:
    """Remove instances that repeat another one, and instances that count as a family, too; return the reasons."""
    reasons = []
    for family, scores in group.families.items():
        repeated = find_repeated(sorted(scores.values(), key=lambda score: score.model))
        reasons += ["with the very latents of another instance"] * len(repeated)
        group.families[family] = {key: score for key, score in scores.items() if score.model not in repeated}
    for model in group.instances() & set(group.families):
        reasons += ["of a model by itself, which counts in its family"] * len(group.families.pop(model))
    return reasons


def _installed(wanted: Sequence[Benchmark] | None) -> dict[str, Benchmark]:
    """Return the installed benchmarks with their default options, by identifier."""
    every = [*(wanted or ()), *registered_benchmarks()]
    return {benchmark.identifier: benchmark for benchmark in every}


def _versions(items: Sequence[tuple[str, Score]], installed: Mapping[str, Benchmark]) -> dict[str, int]:
    """Return the version of each benchmark that counts: the installed one, or else the newest one of the scores."""
    versions: dict[str, int] = {}
    own = {score.benchmark for _, score in items if not imported_from(score)}
    for _, score in items:
        # The version of an imported score counts only for a benchmark without a score that was computed here.
        if score.benchmark not in installed and not (imported_from(score) and score.benchmark in own):
            versions[score.benchmark] = max(score.benchmark_version, versions.get(score.benchmark, 0))
    return versions | {name: benchmark.version for name, benchmark in installed.items()}


def _name(identifier: str, options: Mapping[str, Any], installed: Mapping[str, Benchmark]) -> str:
    """Name a benchmark with the options that differ from its defaults."""
    defaults = installed[identifier].options() if identifier in installed else {}
    differing = {name: value for name, value in options.items() if value != defaults.get(name)}
    return format_spec(identifier, differing)


def _n_stimuli(score: Score, n_recorded: int) -> int:
    n = score.provenance.get("n_stimuli")
    return n if isinstance(n, int) and n else n_recorded


def _kind_of(benchmark: Benchmark) -> _Kind:
    return benchmark.identifier, _canonical(benchmark.options())


def _canonical(options: object) -> str:
    return json.dumps(options, sort_keys=True, default=str)
