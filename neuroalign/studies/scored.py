"""Scores of the instances of a family in a study."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.models.model import Model
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.evaluate import Failure, score_all
from neuroalign.studies.members import load_members
from neuroalign.studies.study import Family, Scoring, Study


@dataclass(frozen=True, eq=False)
class Scored:
    """Instances of a family with their scores.

    Parameters
    ----------
    models : sequence of Model
        Instances.
    scores : mapping of str to sequence of Score
        Scores by scoring, without scorings that failed for all instances.
    failures : sequence of Failure
        Benchmarks that could not score an instance.
    impossible : mapping of str to str
        Reasons why the dataset does not allow instances that the study names, by their options.
    """

    models: Sequence[Model]
    scores: Mapping[str, Sequence[Score]]
    failures: Sequence[Failure]
    impossible: Mapping[str, str] = field(default_factory=dict)


def explain_unsupported(scoring: Scoring, dataset: Dataset) -> str:
    """Return the reason why a dataset does not support a scoring; empty if it does."""
    if scoring.needs == "held-out stimuli":
        held_out = dataset.stimuli.held_out()
        recorded = np.unique(dataset.recording["stimulus_id"].values.astype(str))
        if held_out is None or not np.isin(recorded, held_out.ids).any():
            return f"{dataset.identifier} marks no held-out stimuli that were recorded"
    return ""


def supported_scorings(study: Study, family: Family, dataset: Dataset) -> list[Scoring]:
    """Return the scorings of a family that a dataset supports."""
    return [
        scoring
        for scoring in study.scorings.values()
        if family.name in scoring.families and not explain_unsupported(scoring, dataset)
    ]


def score_family(
    study: Study,
    family: Family,
    options: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    dataset: Dataset,
    *,
    n_jobs: int,
    store: ResultsStore,
) -> Scored:
    """Score the instances of a family by all scorings that the dataset supports.

    Parameters
    ----------
    study : Study
    family : Family
    options : mapping, or sequence of mappings
        Options of the instances; see :func:`neuroalign.studies.members.load_members`.
    dataset : Dataset
    n_jobs : int
        Number of instances that are scored at once.
    store : ResultsStore
        Store of the scores.

    Raises
    ------
    NeuroalignError
        If the dataset supports no scoring of the family, or no instance can be scored.
    """
    members, impossible = load_members(family.model, options, dataset)
    scorings = supported_scorings(study, family, dataset)
    if not scorings:
        raise NeuroalignError(f"the dataset supports no scoring of {family.name}")
    benchmarks = [scoring.benchmark for scoring in scorings]
    scores, failures = score_all(members, dataset, benchmarks, n_jobs=n_jobs, store=store)
    if not scores:
        raise failures[0].reason
    scores_by_scoring = {
        scoring.name: [score for score in scores if _is_by(score, scoring.benchmark)] for scoring in scorings
    }
    available = {name: members_scores for name, members_scores in scores_by_scoring.items() if members_scores}
    return Scored(members.instances(), available, failures, impossible)


def _is_by(score: Score, benchmark: Benchmark) -> bool:
    return (score.benchmark, score.benchmark_version, _canonical(score.options)) == (
        benchmark.identifier,
        benchmark.version,
        _canonical(benchmark.options()),
    )


def _canonical(options: Mapping[str, Any]) -> str:
    # Options from a stored record have lists in place of tuples.
    return json.dumps(dict(options), sort_keys=True, default=str)
