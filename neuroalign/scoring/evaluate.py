"""Evaluation of models on datasets, by names or objects, for one model or a whole family."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, cast, overload

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.collection import Collection, find_collection
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError, name_some
from neuroalign.jobs import run_jobs
from neuroalign.models.loading import expect_writable_name, load_model, make_instances
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.results.score import Score, find_repeated, summarise
from neuroalign.results.several import Scores
from neuroalign.results.store import ResultsStore, now
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.scoring.instance import Batch, Failure, score_instance
from neuroalign.scoring.shuffles_ahead import shuffle_ahead

__all__ = ["Failure", "score", "score_all"]


# Text is a sequence of text, too; the first signature decides.
@overload
def score(  # type: ignore[overload-overlap]
    model: str | Model | ModelFamily | Any,
    dataset: "str | os.PathLike[str] | Dataset | Collection",
    benchmark: str | Benchmark = ...,
    *,
    join: Join = ...,
    n_jobs: int = ...,
    use_cache: bool = ...,
    n_permutations: int = ...,
    permutation_seed: int = ...,
) -> Score: ...


@overload
def score(
    model: str | Model | ModelFamily | Any,
    dataset: "str | os.PathLike[str] | Dataset | Collection",
    benchmark: Sequence[str | Benchmark],
    *,
    join: Join = ...,
    n_jobs: int = ...,
    use_cache: bool = ...,
    n_permutations: int = ...,
    permutation_seed: int = ...,
) -> Scores: ...


def score(
    model: str | Model | ModelFamily | Any,
    dataset: "str | os.PathLike[str] | Dataset | Collection",
    benchmark: str | Benchmark | Sequence[str | Benchmark] = DEFAULT_BENCHMARK,
    *,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
) -> Score | Scores:
    """Score a model, or every instance of a family, on a dataset.

    Parameters
    ----------
    model : str, Model, ModelFamily or object
        Name of a model or family, or an object that :func:`neuroalign.as_model` accepts.
    dataset : str, path, Dataset or Collection
        Name or folder of a dataset, a dataset, or a collection of several datasets; see
        :func:`neuroalign.load_collection`.
    benchmark : str, Benchmark, or list of str or Benchmark
        Name of a benchmark, with or without options, or a benchmark. Several benchmarks are scored with latents that
        are computed once.
    join : {"exact", "intersection"}
        "exact" if the model must have latents for every recorded stimulus, "intersection" to score the stimuli that
        have both latents and responses.
    n_jobs : int
        Number of jobs at the same time on this machine: instances of a family, datasets of a collection, and, if there
        are fewer of them, parts of the shuffles. The numbers do not depend on it.
    use_cache : bool
        Whether to read and write cached latents and scores.
    n_permutations : int
        Number of shuffles of the stimuli, for the ``null`` of the score and its exact p-value. With 0, the score has
        only the shuffles that its benchmark makes itself. See :func:`neuroalign.scoring.chance.permutation_null`.
    permutation_seed : int
        Seed of the shuffles.

    Returns
    -------
    Score or Scores
        Score of the model, or a list with the scores by several benchmarks, in their order. The score of a family is
        the mean over its instances, with their scores in ``instances``.
        The score of a collection is the mean over all neurons, with the scores of the datasets in ``members``; see
        :func:`neuroalign.scoring.collection.summarise_members`.

    Raises
    ------
    NeuroalignError
        If a name is unknown, or the benchmark cannot score the model on the dataset.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import make_dataset
    >>> score = na.score("factors", make_dataset(n_stimuli=60, n_neurons=4), "linear", use_cache=False)
    >>> score.model, score.error_over, bool(score.value > 0.5)
    ('factors', 'neurons', True)
    >>> score.data["r"].dims
    ('neuroid',)
    """
    is_one = not isinstance(benchmark, list | tuple)
    if isinstance(benchmark, list | tuple):
        if not benchmark:
            raise UsageError("benchmark must name one benchmark at least, got an empty list; leave it out")
        loaded_benchmarks = load_benchmarks(benchmark)
    else:
        loaded_benchmarks = [load_benchmark(cast("str | Benchmark", benchmark))]
    if (collection := find_collection(dataset)) is not None:
        # The scores of a collection are scores of single datasets, so its module imports this one.
        from neuroalign.scoring.collection import score_collection

        of_collection = [
            score_collection(
                model,
                collection,
                loaded_benchmark,
                join=join,
                n_jobs=n_jobs,
                use_cache=use_cache,
                n_permutations=n_permutations,
                permutation_seed=permutation_seed,
            )
            for loaded_benchmark in loaded_benchmarks
        ]
        return of_collection[0] if is_one else Scores(of_collection)
    assert not isinstance(dataset, Collection)
    loaded_dataset = load_dataset(dataset)
    expect_one_window(loaded_dataset)
    loaded = load_model(model, dataset=loaded_dataset)
    [(scores, failures)] = score_together(
        [(loaded, loaded_dataset)],
        loaded_benchmarks,
        join=join,
        n_jobs=n_jobs,
        use_cache=use_cache,
        n_permutations=n_permutations,
        permutation_seed=permutation_seed,
    )
    if failures:
        raise failures[0].reason
    n = len(loaded_benchmarks)
    # Scores are in the order of the benchmarks, instance by instance.
    groups = [scores[place::n] for place in range(n)]
    of_all = [
        summarise(group, family=loaded.identifier) if isinstance(loaded, ModelFamily) else group[0]
        for group in groups
    ]
    return of_all[0] if is_one else Scores(of_all)


def score_all(
    model: str | Model | ModelFamily,
    dataset: "str | os.PathLike[str] | Dataset",
    benchmarks: Sequence[str | Benchmark],
    *,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
) -> tuple[list[Score], list[Failure]]:
    """Score a model, or every instance of a family, by several benchmarks.

    Latents are computed once for each instance. A benchmark that cannot score an instance does not stop the others.

    Parameters
    ----------
    model, dataset
        See :func:`score`.
    benchmarks : sequence of str or Benchmark
        Names, benchmarks, or groups; see :func:`neuroalign.scoring.groups.load_benchmarks`.
    join, n_jobs, use_cache, n_permutations, permutation_seed
        See :func:`score`.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.

    Returns
    -------
    scores : list of Score
        Scores, instance by instance in the order of `benchmarks`.
    failures : list of Failure
        Benchmarks that could not score an instance.
    """
    loaded_benchmarks = load_benchmarks(benchmarks)
    loaded_dataset = load_dataset(dataset)
    expect_one_window(loaded_dataset)
    loaded = load_model(model, dataset=loaded_dataset)
    [scored] = score_together(
        [(loaded, loaded_dataset)],
        loaded_benchmarks,
        join=join,
        n_jobs=n_jobs,
        use_cache=use_cache,
        n_permutations=n_permutations,
        permutation_seed=permutation_seed,
        store=store,
    )
    return scored


def score_together(
    pairs: Sequence[tuple[Model | ModelFamily, Dataset]],
    benchmarks: Sequence[Benchmark],
    *,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
) -> list[tuple[list[Score], list[Failure]]]:
    """Score models or families on datasets, with the jobs of all of them at the same time.

    Parameters
    ----------
    pairs : sequence of (Model or ModelFamily, Dataset)
    benchmarks : sequence of Benchmark
    join, n_jobs, use_cache, n_permutations, permutation_seed
        See :func:`score`.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.

    Returns
    -------
    list of (list of Score, list of Failure)
        Scores and failures of each pair; see :func:`score_all`.
    """
    import joblib

    check_shuffles(n_permutations, permutation_seed)
    store, created = store or ResultsStore(), now()
    serial = store.new_serial() if use_cache else None
    tasks: list[tuple[Model, Batch]] = []
    sizes = []
    for loaded, dataset in pairs:
        batch = Batch(
            dataset=dataset,
            benchmarks=benchmarks,
            family=loaded.identifier,
            is_sample=loaded.is_sample if isinstance(loaded, ModelFamily) else None,
            join=join,
            use_cache=use_cache,
            store=store,
            created=created,
            serial=serial,
            n_permutations=n_permutations,
            permutation_seed=permutation_seed,
        )
        instances = instances_of(loaded, dataset)
        tasks.extend((instance, batch) for instance in instances)
        sizes.append(len(instances))
    shuffles = shuffle_ahead(tasks, n_jobs=n_jobs)
    jobs = [
        joblib.delayed(score_instance)(*task, shuffles=ahead)
        for task, ahead in zip(tasks, shuffles, strict=True)
    ]
    names = {loaded.identifier for loaded, _ in pairs if isinstance(loaded, ModelFamily)}
    description = f"scoring {names.pop()}" if len(names) == 1 else "scoring"
    finished = iter(run_jobs(jobs, n_jobs=n_jobs, description=description))
    results = []
    for (loaded, _), size in zip(pairs, sizes, strict=True):
        scores, failures = separate([next(finished) for _ in range(size)])
        is_family = isinstance(loaded, ModelFamily)
        results.append((count_once(loaded.identifier, scores) if is_family else scores, failures))
    return results


def check_shuffles(n_permutations: int, permutation_seed: int) -> None:
    """Refuse a number or seed of shuffles that is negative or not whole.

    Raises
    ------
    UsageError
        If a number is negative or not whole.
    """
    shuffles = (n_permutations, permutation_seed)
    if not all(isinstance(number, Integral) for number in shuffles):
        raise UsageError(f"n_permutations and permutation_seed must be whole numbers, got {shuffles}")
    if min(shuffles) < 0:
        raise UsageError(f"n_permutations and permutation_seed must not be negative, got {shuffles}")


def instances_of(loaded: Model | ModelFamily, dataset: Dataset) -> list[Model]:
    """Return the instances of a family for a dataset, or a model as its only instance.

    Raises
    ------
    ModelError
        If a family has no instance for the dataset, two instances share a name, or an instance is not a model.
    """
    instances = make_instances(loaded, dataset) if isinstance(loaded, ModelFamily) else [loaded]
    for instance in instances:
        expect_writable_name(instance)
    if not instances:
        raise ModelError(
            f"{loaded.identifier} has no instance for {dataset.identifier}; "
            f"see neuroalign info {loaded.identifier} for its instances"
        )
    names = Counter(instance.identifier for instance in instances)
    repeated = [name for name, n in names.items() if n > 1]
    if repeated:
        raise ModelError(
            f"each instance of {loaded.identifier} must have a name of its own, got {names[repeated[0]]} instances "
            f"named {repeated[0]}"
        )
    return instances


def separate(outcomes: Iterable[Sequence[Score | Failure]]) -> tuple[list[Score], list[Failure]]:
    """Separate the scores of all instances from their failures."""
    every = [outcome for of_instance in outcomes for outcome in of_instance]
    return (
        [outcome for outcome in every if isinstance(outcome, Score)],
        [outcome for outcome in every if isinstance(outcome, Failure)],
    )


def count_once(family: str, scores: Sequence[Score]) -> list[Score]:
    """Leave out instances with the same latents as another instance, with a note on that instance."""
    repeated = find_repeated(scores)
    if not repeated:
        return list(scores)
    repeats: dict[str, list[str]] = {}
    for name, first in repeated.items():
        repeats.setdefault(first, []).append(name)
    notes = {
        first: f"its latents are identical to the latents of {name_some(names)}, so they count once"
        for first, names in repeats.items()
    }
    n_instances = len({score.model for score in scores})
    warnings.warn(
        f"{len(repeated)} of {n_instances} instances of {family} have the same latents as another instance "
        f"and are left out: {name_some(list(repeated))}",
        NeuroalignWarning,
        stacklevel=4,
    )
    return [
        replace(score, notes=(*score.notes, notes[score.model])) if score.model in notes else score
        for score in scores
        if score.model not in repeated
    ]
