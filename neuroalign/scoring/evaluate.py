"""Score models on datasets: names or objects, one model or a whole family, each number once."""

import os
import platform
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, NeuroalignWarning, UsageError, name_some
from neuroalign.files.digests import digest
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import (
    Decodes,
    Model,
    ModelFamily,
    Noted,
    Trained,
    TrainedOnHash,
    fingerprint_of,
)
from neuroalign.progress import progress
from neuroalign.results.score import (
    TRAINED_ON,
    Score,
    describe_trained_on,
    find_repeated,
    summarise,
)
from neuroalign.results.store import ResultsStore, now, score_key
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.chance import notes_on_null, permutation_null, with_null


@dataclass(frozen=True)
class Failure:
    """A benchmark that could not score a model, and why."""

    model: str
    benchmark: str
    reason: NeuroalignError


class _Prepared:
    """A model whose latents of one stimulus set are computed already."""

    def __init__(self, model: Model, stimuli: StimulusSet, latents: xr.DataArray, use_cache: bool) -> None:
        self.identifier = model.identifier
        self._use_cache = use_cache
        self._model, self._stimuli, self._latents = model, stimuli, latents
        if isinstance(model, Decodes):
            self.decode = model.decode

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        if stimuli is self._stimuli:
            return self._latents
        return compute_latents(self._model, stimuli, use_cache=self._use_cache)


def score(
    model: str | Model | ModelFamily | Any,
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark = "alignment",
    *,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
) -> Score:
    """Score a model, or every instance of a family, on a dataset.

    Parameters
    ----------
    model : str, Model, ModelFamily, or anything that :func:`neuroalign.as_model` takes
    dataset : str, path or Dataset
    benchmark : str or Benchmark
    join : {"exact", "intersection"}
        Whether the model must have latents for every recorded stimulus.
    n_jobs : int
        How many instances of a family are scored at once; the numbers do not depend on it.
    use_cache : bool
        Whether to read and write cached latents and scores.
    n_permutations : int
        Shuffles of the stimuli behind the score's ``null`` and its exact p-value; 0 for none but those that a
        benchmark makes of itself. See :func:`neuroalign.scoring.chance.permutation_null`.
    permutation_seed : int
        Of those shuffles.

    Returns
    -------
    Score
        For a family the mean over its instances, with their scores in ``instances``.

    Raises
    ------
    NeuroalignError
        If a name is unknown, or the benchmark cannot score this model on this dataset.
    """
    loaded_dataset = load_dataset(dataset)
    loaded = load_model(model, dataset=loaded_dataset)
    scores, failures = score_all(
        loaded,
        loaded_dataset,
        [benchmark],
        join=join,
        n_jobs=n_jobs,
        use_cache=use_cache,
        n_permutations=n_permutations,
        permutation_seed=permutation_seed,
    )
    if failures:
        raise failures[0].reason
    return summarise(scores, family=loaded.identifier) if isinstance(loaded, ModelFamily) else scores[0]


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

    Latents are computed once for each instance. A benchmark that cannot score an instance does not
    lose the others.

    Parameters
    ----------
    model, dataset, benchmarks, join, n_jobs, use_cache, n_permutations, permutation_seed
        As for :func:`score`.
    store : ResultsStore, optional
        Where scores are kept; by default in the neuroalign folder.

    Returns
    -------
    scores : list of Score
        Instance by instance, in the order of `benchmarks`.
    failures : list of Failure
    """
    import joblib

    if n_permutations < 0 or permutation_seed < 0:
        raise UsageError(
            f"the number of permutations and their seed must not be negative, "
            f"not {n_permutations} and {permutation_seed}"
        )
    wanted = [load_benchmark(each) for each in benchmarks]
    loaded_dataset = load_dataset(dataset)
    loaded = load_model(model, dataset=loaded_dataset)
    is_family = isinstance(loaded, ModelFamily)
    instances = loaded.instances(loaded_dataset) if isinstance(loaded, ModelFamily) else [loaded]
    if not instances:
        raise ModelError(
            f"{loaded.identifier} has no instance for {loaded_dataset.identifier}; "
            f"neuroalign info {loaded.identifier} says what there is"
        )
    family = loaded.identifier
    is_sample = loaded.is_sample if isinstance(loaded, ModelFamily) else None
    names = Counter(instance.identifier for instance in instances)
    repeated = [name for name, n in names.items() if n > 1]
    if repeated:
        raise ModelError(
            f"{names[repeated[0]]} instances of {family} have the same name {repeated[0]}; give each instance a name "
            "of its own"
        )
    store = store or ResultsStore()
    created = now()
    jobs: Iterable[Any] = (
        joblib.delayed(_score_instance)(
            each,
            loaded_dataset,
            wanted,
            family,
            join,
            use_cache,
            store,
            created,
            n_permutations,
            permutation_seed,
            is_sample,
        )
        for each in instances
    )
    # Either keeps the order of the instances, so the output does not depend on the workers.
    try:
        finished = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    except ValueError:  # the backend, such as Ray's, can return all at once only
        finished = joblib.Parallel(n_jobs=n_jobs)(jobs)
    description = f"scoring {family}" if is_family else "scoring"
    outcomes = [
        outcome
        for of_instance in progress(finished, description=description, total=len(instances), unit="model")
        for outcome in of_instance
    ]
    scores = [outcome for outcome in outcomes if isinstance(outcome, Score)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return _count_once(family, scores) if is_family else scores, failures


def _count_once(family: str, scores: Sequence[Score]) -> list[Score]:
    """Leave out instances with the same latents as another instance, with a note on that instance."""
    repeated = find_repeated(scores)
    if not repeated:
        return list(scores)
    repeats: dict[str, list[str]] = {}
    for name, first in repeated.items():
        repeats.setdefault(first, []).append(name)
    notes = {
        first: f"its latents are identical to the latents of {name_some(names)}, so that they count once"
        for first, names in repeats.items()
    }
    n_instances = len({score.model for score in scores})
    warnings.warn(
        f"{len(repeated)} of {n_instances} instances of {family} have the same latents as another instance "
        f"and are left out: {name_some(list(repeated))}",
        NeuroalignWarning,
        stacklevel=3,
    )
    return [
        replace(score, notes=(*score.notes, notes[score.model])) if score.model in notes else score
        for score in scores
        if score.model not in repeated
    ]


def _score_instance(
    model: Model,
    dataset: Dataset,
    benchmarks: Sequence[Benchmark],
    family: str,
    join: Join,
    use_cache: bool,
    store: ResultsStore,
    created: str,
    n_permutations: int,
    permutation_seed: int,
    is_sample: bool | None = None,
) -> list[Score | Failure]:
    started = time.monotonic()
    try:
        latents = compute_latents(model, dataset.stimuli, use_cache=use_cache)
    except Exception as error:
        reason = _reason(error, f"the latents of {model.identifier} cannot be computed")
        return [Failure(model.identifier, each.identifier, reason) for each in benchmarks]
    latents_seconds = time.monotonic() - started
    prepared = _Prepared(model, dataset.stimuli, latents, use_cache)
    latents_hash = _hash_latents(latents)
    outcomes: list[Score | Failure] = []
    for benchmark in benchmarks:
        key = _score_key(model, latents_hash, dataset, benchmark, join, family)
        known = store.load(key) if use_cache and key else None
        if known is not None and _has_null(known, n_permutations, permutation_seed):
            if is_sample is not None and known.provenance.get("is_sample") != is_sample and key:
                known = replace(known, provenance={**known.provenance, "is_sample": is_sample})
                store.save(key, known)
            outcomes.append(_with_notes(known, model, dataset))
            continue
        started = time.monotonic()
        try:
            computed = known or benchmark.score(prepared, dataset, join=join)
            if n_permutations:
                shuffled = permutation_null(
                    benchmark,
                    prepared,
                    dataset,
                    n_permutations=n_permutations,
                    seed=permutation_seed,
                    join=join,
                )
                notes = notes_on_null(prepared, dataset)
                computed = with_null(computed, shuffled, seed=permutation_seed, notes=notes)
        except Exception as error:
            reason = _reason(error, f"{benchmark.identifier} fails on {model.identifier}")
            outcomes.append(Failure(model.identifier, benchmark.identifier, reason))
            continue
        provenance = {
            "created": created,
            **_versions(),
            "dataset_hash": dataset.content_hash,
            "latents_hash": latents_hash,
            "model_fingerprint": fingerprint_of(model),
            "simulated": dataset.simulated,
            "join": join,
            **({} if is_sample is None else {"is_sample": is_sample}),
            # By which later runs are planned.
            "seconds": round(time.monotonic() - started, 3),
            "latents_seconds": round(latents_seconds, 3),
            **computed.provenance,
        }
        computed = replace(computed, family=family, provenance=provenance)
        computed = _with_notes(computed, model, dataset)
        if use_cache and key:
            store.save(key, computed)
        outcomes.append(computed)
    return outcomes


def _with_notes(score: Score, model: Model, dataset: Dataset) -> Score:
    """Add the notes of a model, and record its training stimuli, with a note where the dataset has others."""
    own = [note for note in (model.notes if isinstance(model, Noted) else ()) if note not in score.notes]
    score = replace(score, notes=(*score.notes, *own)) if own else score
    trained_on = model.trained_on if isinstance(model, Trained) else None
    if trained_on is None:
        return score
    notes = [note for note in score.notes if not note.startswith(TRAINED_ON)]
    if not _is_trained_on(model, trained_on, dataset):
        notes.append(describe_trained_on(trained_on, dataset.identifier))
    return replace(score, notes=tuple(notes), provenance={**score.provenance, "trained_on": trained_on})


def _is_trained_on(model: Model, trained_on: str, dataset: Dataset) -> bool:
    expected = model.trained_on_hash if isinstance(model, TrainedOnHash) else None
    if expected is None or not dataset.stimuli.has_images:
        return trained_on in (dataset.identifier, dataset.stimuli.identifier)
    return bool(expected == _training_hash(dataset.stimuli))


@lru_cache(maxsize=4)
def _training_hash(stimuli: StimulusSet) -> str:
    # All images are read for it.
    return stimuli.training().content_hash


def _has_null(score: Score, n_permutations: int, seed: int) -> bool:
    """Whether a score that is known has as many shuffles as are asked for, of this seed."""
    known = score.provenance
    return n_permutations == 0 or (
        known.get("n_permutations") == n_permutations and known.get("permutation_seed") == seed
    )


def _reason(error: Exception, what: str) -> NeuroalignError:
    """Turn whatever a model or a benchmark of somebody's raises into a reason, with its cause."""
    if isinstance(error, NeuroalignError):
        return error
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    reason = NeuroalignError(f"{what}: {type(error).__name__}: {error} ({where})")
    reason.__cause__ = error
    return reason


def _score_key(
    model: Model, latents_hash: str, dataset: Dataset, benchmark: Benchmark, join: Join, family: str
) -> str | None:
    decoder = None
    if benchmark.uses_decoder and isinstance(model, Decodes):
        decoder = fingerprint_of(model)
        if decoder is None:
            return None
    return score_key(
        model=model.identifier,
        family=family,
        latents_hash=latents_hash,
        decoder=decoder,
        dataset=dataset.identifier,
        dataset_hash=dataset.content_hash,
        benchmark=benchmark.identifier,
        benchmark_version=benchmark.version,
        options=benchmark.options(),
        join=join,
    )


def _hash_latents(latents: xr.DataArray) -> str:
    latents = latents.sortby("stimulus")
    labels = [
        latents[name].values
        for name in ("stimulus", "unit", "informative", "neuroid")
        if name in latents.coords
    ]
    neuroids_of = latents.attrs.get("neuroids_of")
    return digest(np.asarray(latents.values, dtype=np.float64), *labels, neuroids_of)


def _versions() -> dict[str, str]:
    libraries = ("neuroalign", "numpy", "scipy", "xarray")
    return {"python": platform.python_version(), **{name: version(name) for name in libraries}}
