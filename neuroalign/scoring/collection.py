"""Scores on the datasets of a collection, and their mean over all neurons with a hierarchical error."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroalign.arrays import Join
from neuroalign.datasets.collection import Collection
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, count_noun, name_some
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily
from neuroalign.results.numbers import join_words
from neuroalign.results.score import Score, summarise
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import installed_benchmark
from neuroalign.scoring.evaluate import Failure, score_together
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.scoring.hierarchy import (
    FloatArray,
    Hierarchy,
    draw_members,
    make_hierarchy,
    mean_by_size,
    read_statistic,
)
from neuroalign.scoring.parts import depends_on_dataset
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.stats.hierarchical import FEW_ANIMALS, Over, percentile_interval
from neuroalign.validation import NonNegative, Positive, checks

#: Number of draws behind the error of a mean over all neurons.
N_RESAMPLES = 10_000

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class MemberScores:
    """Scores of a model, or of the instances of a family, on one dataset of a collection.

    Parameters
    ----------
    dataset : Dataset
    family : str
        Identifier of the model or family.
    is_family : bool
    scores : list of Score
        Scores of the instances, as ``neuroalign.scoring.evaluate.score_all`` returns them.
    failures : list of Failure
        Benchmarks that could not score an instance.
    """

    dataset: Dataset
    family: str
    is_family: bool
    scores: list[Score]
    failures: list[Failure]

    def by_benchmark(self) -> dict[str, Score]:
        """Return one score for each benchmark with its options: of the model, or the mean over instances."""
        groups: dict[str, list[Score]] = {}
        for score in self.scores:
            groups.setdefault(_kind(score), []).append(score)
        return {
            kind: summarise(scores, family=self.family) if self.is_family else scores[0]
            for kind, scores in groups.items()
        }


@checks("collection", "available", "options", "join", "use_cache", "store")
def score_members(
    model: str | Model | ModelFamily | Any,
    collection: Collection,
    benchmarks: Sequence[str | Benchmark],
    *,
    available: bool = False,
    options: Mapping[str, Any] | None = None,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
) -> list[MemberScores]:
    """Score a model, or every instance of a family, on each dataset of a collection.

    Parameters
    ----------
    model : str, Model, ModelFamily or object
        A name of a family is loaded for each dataset, because its instances can depend on the dataset.
    collection : Collection
    benchmarks, join, n_jobs, use_cache, n_permutations, permutation_seed, store
        See ``neuroalign.scoring.evaluate.score_all``.
    available : bool
        Whether to leave out members that were not fetched yet; see
        ``neuroalign.datasets.collection.Collection.load``.
    options : mapping, optional
        Options for the model, such as ``weights``.

    Returns
    -------
    list of MemberScores

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.scoring.collection import score_members
    >>> from neuroalign.testing import make_dataset
    >>> days = na.load_collection([make_dataset(f"day{day}", n_stimuli=60, n_neurons=3, seed=day) for day in (1, 2)])
    >>> members = score_members("factors", days, ["linear"], use_cache=False)
    >>> [(member.dataset.identifier, len(member.by_benchmark())) for member in members]
    [('day1', 1), ('day2', 1)]
    """
    datasets = collection.load(available=available)
    wanted = load_benchmarks(benchmarks)
    if isinstance(model, str) and depends_on_dataset(model, options):
        loaded = [load_model(model, dataset=dataset, **(options or {})) for dataset in datasets]
    else:
        loaded = [load_model(model, dataset=datasets[0], **(options or {}))] * len(datasets)
    scored = score_together(
        list(zip(loaded, datasets, strict=True)),
        wanted,
        join=join,
        n_jobs=n_jobs,
        use_cache=use_cache,
        n_permutations=n_permutations,
        permutation_seed=permutation_seed,
        store=store,
    )
    return [
        MemberScores(dataset, own.identifier, isinstance(own, ModelFamily), scores, failures)
        for own, dataset, (scores, failures) in zip(loaded, datasets, scored, strict=True)
    ]


@checks("collection", "over", "n_resamples", "seed")
def summarise_members(
    members: Sequence[MemberScores],
    collection: Collection,
    *,
    over: Over = "animals",
    n_resamples: Positive = N_RESAMPLES,
    seed: NonNegative = 0,
) -> list[Score]:
    """Average the scores of a model on the datasets of a collection over all neurons, for each benchmark.

    Parameters
    ----------
    members : sequence of MemberScores
        Scores from :func:`score_members`, at least one.
    collection : Collection
        Collection of the datasets; members that are not in `members` are counted in a note.
    over : {"animals", "sessions", "neurons"}
        Highest level of the bootstrap behind the errors; see :func:`neuroalign.stats.draw_hierarchy`.
    n_resamples, seed : int
        Number of draws, and seed.

    Returns
    -------
    list of Score
        For each benchmark with its options the mean over all neurons: datasets count by the number of neurons that
        count in their score, or equally for a score without terms of single neurons. ``error`` is the standard
        deviation of the bootstrap over the levels in ``error_over``, ``provenance["interval"]`` its 95 % percentile
        interval, and ``members`` the scores of the datasets. The value is NaN, with the reason in ``notes``, if a
        dataset has no score.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.scoring.collection import score_members, summarise_members
    >>> from neuroalign.testing import make_dataset
    >>> days = na.load_collection([make_dataset(f"day{day}", n_stimuli=60, n_neurons=3, seed=day) for day in (1, 2)])
    >>> (score,) = summarise_members(score_members("factors", days, ["linear"], use_cache=False), days)
    >>> score.dataset, len(score.members), score.error_over
    ('2 datasets', 2, 'animals and neurons')
    """
    by_member = [member.by_benchmark() for member in members]
    hierarchy = make_hierarchy([member.dataset for member in members], over=over)
    kinds = dict.fromkeys(kind for scores in by_member for kind in scores)
    summaries = []
    for kind in kinds:
        scores = [scores.get(kind) for scores in by_member]
        summary = _summarise(scores, hierarchy, collection, n_resamples, seed)
        n_left = len(collection.members) - len(members)
        if n_left:
            note = f"{n_left} of {len(collection.members)} datasets are not added and left out"
            summary = replace(summary, notes=(*summary.notes, note))
        summaries.append(summary)
    return summaries


def score_collection(
    model: str | Model | ModelFamily | Any, collection: Collection, benchmark: str | Benchmark, **options: Any
) -> Score:
    """Score a model, or every instance of a family, on the datasets of a collection by one benchmark.

    Parameters
    ----------
    model, collection, benchmark
        See :func:`score_members`.
    **options
        Further arguments of :func:`score_members`.

    Returns
    -------
    Score
        See :func:`summarise_members`.

    Raises
    ------
    NeuroalignError
        If the benchmark cannot score the model on a dataset.
    """
    members = score_members(model, collection, [benchmark], **options)
    failures = [failure for member in members for failure in member.failures]
    if failures:
        raise failures[0].reason
    return summarise_members(members, collection)[0]


def _summarise(
    scores: Sequence[Score | None], hierarchy: Hierarchy, collection: Collection, n_resamples: int, seed: int
) -> Score:
    """Average one benchmark over the datasets."""
    given = [score for score in scores if score is not None]
    first = given[0]
    instances = [list(score.instances or (score,)) if score is not None else [] for score in scores]
    value, ranking = _resamplings(first, [score for own in instances for score in own])
    pooled = _Pooled(instances, value, hierarchy, n_resamples, seed)
    beside = {}
    if ranking is not None:
        other = _Pooled(instances, ranking, hierarchy, n_resamples, seed)
        name = ranking.statistic.identifier
        beside = {name: other.value, f"{name}_error": other.error}
    notes = [*pooled.notes, *hierarchy.notes]
    if len({len(own) for own in instances if own}) > 1:
        notes.append("the datasets have different numbers of instances")
    return Score(
        value=pooled.value,
        error=pooled.error,
        error_over=join_words(pooled.drawn) if pooled.drawn else pooled.mean_over,
        model=first.model,
        family=first.family,
        dataset=collection.identifier,
        benchmark=first.benchmark,
        benchmark_version=first.benchmark_version,
        options=first.options,
        higher_is_better=first.higher_is_better,
        null=pooled.average([_NAN if score is None else score.null for score in scores]),
        ceiling=pooled.average([_NAN if score is None else score.ceiling for score in scores]),
        beside=beside,
        provenance={
            "simulated": bool(first.provenance.get("simulated")),
            "interval": None if np.isnan(pooled.interval[0]) else list(pooled.interval),
            "n_datasets": len(scores),
            **{f"n_{level}": n for level, n in hierarchy.counts.items()},
            "over": hierarchy.over,
            "drawn": pooled.drawn,
            "mean_over": pooled.mean_over,
            "n_resamples": n_resamples,
            "seed": seed,
            "trustworthy": not hierarchy.has_few_animals,
        },
        notes=tuple(notes),
        members=tuple(given),
    )


class _Pooled:
    """Mean of one statistic over the datasets, its bootstrap, and notes."""

    def __init__(
        self,
        instances: Sequence[Sequence[Score]],
        resampling: Resampling,
        hierarchy: Hierarchy,
        n_resamples: int,
        seed: int,
    ) -> None:
        statistics = [read_statistic(own, resampling) if own else None for own in instances]
        values = np.array([_NAN if statistic is None else statistic.value for statistic in statistics])
        draws = draw_members(hierarchy, [statistics], n_resamples=n_resamples, seed=seed)
        has_neurons = any(statistic is not None and statistic.of_neurons for statistic in statistics)
        self._sizes: FloatArray = draws.original_sizes[0]
        self.mean_over = "neurons" if has_neurons else "datasets"
        # Without terms of neurons, draws of neurons change nothing.
        self.drawn = [level for level in hierarchy.drawn if has_neurons or level != "neurons"]
        self.value, self.error, self.interval = _NAN, _NAN, (_NAN, _NAN)
        self.notes: list[str] = []
        lacking = [
            name for name, value in zip(hierarchy.datasets, values, strict=True) if not np.isfinite(value)
        ]
        if lacking:
            self.notes.append(
                f"no mean over the datasets, because there is no score for {name_some(lacking)}"
            )
            return
        self.value = self.average(values)
        low, high, self.error = percentile_interval(mean_by_size(draws.values[0], draws.sizes[0]))
        self.interval = (low, high)
        if not has_neurons:
            reason = next(statistic.why_no_neurons for statistic in statistics if statistic is not None)
            self.notes.append(f"mean over {len(values)} datasets that count equally: {reason}")
        if hierarchy.has_few_animals:
            n = count_noun(hierarchy.counts["animals"], "animal")
            self.notes.append(
                f"{n} are too few for an interval over animals (fewer than {FEW_ANIMALS}): it is not trustworthy"
            )

    def average(self, values: Sequence[float] | FloatArray) -> float:
        """Average numbers of the datasets, each by its size; NaN if one is missing."""
        numbers = np.asarray(values, dtype=np.float64)
        if not np.isfinite(numbers).all() or not self._sizes.sum() > 0:
            return _NAN
        return float(mean_by_size(numbers, self._sizes))


def _resamplings(first: Score, scores: Sequence[Score]) -> tuple[Resampling, Resampling | None]:
    """Return the resampling of the score, and of the statistic that ranks models, if it is another number."""
    benchmark = installed_benchmark(first.benchmark, first.benchmark_version, first.options)
    if benchmark is None:
        statistic = Statistic("value", first.benchmark, first.higher_is_better)
        return Resampling(statistic, reason=f"{first.benchmark} is not installed in this version"), None
    try:
        value = benchmark.resampling("value", scores)
    except NeuroalignError:
        statistic = Statistic("value", first.benchmark, first.higher_is_better)
        value = Resampling(statistic, reason=f"{first.benchmark} has no terms of single neurons")
    ranking = benchmark.statistics[0]
    if ranking.identifier == "value" or ranking.is_score:
        return value, None
    return value, benchmark.resampling(ranking.identifier, scores)


def _kind(score: Score) -> str:
    return json.dumps([score.benchmark, dict(score.options)], sort_keys=True, default=str)
