"""Scores of one instance by several benchmarks, from latents that are computed once."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignError
from neuroalign.models.computed import computed_with
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Decodes, Model, Rectified, fingerprint_of
from neuroalign.models.reductions import notes_on_reductions, reductions_of
from neuroalign.names.foreign_code import explain_error, foreign_code
from neuroalign.progress import progress, show_step
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.chance import notes_on_null, permutation_null, with_null
from neuroalign.scoring.conflicts import warn_of_conflict
from neuroalign.scoring.provenance import (
    add_notes_of_model,
    hash_latents,
    identify_latents,
    key_of_score,
    library_versions,
    project_latents,
)


@dataclass(frozen=True)
class Failure:
    """Benchmark that could not score a model.

    Parameters
    ----------
    model, benchmark : str
        Identifiers of the model and of the benchmark.
    reason : NeuroalignError
        Reason of the failure.
    """

    model: str
    benchmark: str
    reason: NeuroalignError


@dataclass(frozen=True, eq=False)
class Batch:
    """Settings that all instances of a batch share.

    Parameters
    ----------
    dataset : Dataset
    benchmarks : sequence of Benchmark
    family : str
        Name of the family, or of the model.
    is_sample : bool or None
        Whether the family declares its instances as a random sample; None for a single model.
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.
    use_cache : bool
        Whether to read and write cached latents and scores.
    store : ResultsStore
        Store of the scores.
    created : str
        Time of the batch.
    serial : int or None
        Serial number of the scores of the batch in the store, the same for all processes; None where nothing is stored.
    n_permutations, permutation_seed : int
        Number and seed of the shuffles.
    needs_shuffles : bool
        Whether a stored score without the shuffled scores of its benchmark is computed again.
    """

    dataset: Dataset
    benchmarks: Sequence[Benchmark]
    family: str
    is_sample: bool | None
    join: Join
    use_cache: bool
    store: ResultsStore
    created: str
    serial: int | None
    n_permutations: int
    permutation_seed: int
    needs_shuffles: bool = False


class SharedLatents:
    """Latents of models for the stimuli of several datasets, each computed once."""

    def __init__(self) -> None:
        self._computed: dict[tuple[object, int], tuple[xr.DataArray, str, float]] = {}
        self._n_units: dict[str, int] = {}

    def compute(
        self, model: Model, stimuli: StimulusSet, *, use_cache: bool
    ) -> tuple[xr.DataArray, str, float]:
        """Return the latents of a model, their digest, and the seconds of their computation."""
        # The object itself identifies a model without a fingerprint: names do not identify latents.
        key = (fingerprint_of(model) or id(model), id(stimuli))
        if key not in self._computed:
            started = time.monotonic()
            latents = compute_latents(model, stimuli, use_cache=use_cache)
            seconds = time.monotonic() - started
            # A model that draws random numbers may lose its fingerprint while it computes.
            key = (fingerprint_of(model) or id(model), id(stimuli))
            self._computed[key] = (latents, hash_latents(latents), seconds)
            self._n_units[model.identifier] = latents.sizes["unit"]
        return self._computed[key]

    def n_units(self, model: Model) -> int | None:
        """Return the number of units of a model; None if its latents were not computed."""
        return self._n_units.get(model.identifier)


class Prepared:
    """Model with its latents of one stimulus set.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
    latents : xarray.DataArray
        Latents of `stimuli`; latents of other stimuli are computed on request.
    use_cache : bool
        Whether to read and write cached latents.
    """

    def __init__(self, model: Model, stimuli: StimulusSet, latents: xr.DataArray, use_cache: bool) -> None:
        self.identifier = model.identifier
        self._use_cache = use_cache
        self._model, self._stimuli, self._latents = model, stimuli, latents
        if isinstance(model, Decodes):
            self.decode = model.decode
        if isinstance(model, Rectified):
            self.before_rectification = model.before_rectification

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of stimuli."""
        if stimuli is self._stimuli:
            return self._latents
        return compute_latents(self._model, stimuli, use_cache=self._use_cache)


@dataclass(frozen=True, eq=False)
class Shuffles:
    """Shuffled scores of one instance by one benchmark, and the seconds of their computation.

    Parameters
    ----------
    scores : array of float64, shape (n,)
        Shuffled scores; see :func:`neuroalign.scoring.chance.permutation_null`.
    seconds : float
    """

    scores: NDArray[np.float64]
    seconds: float


#: Shuffled scores by the number of the benchmark in the batch; benchmarks without them are shuffled with their score.
Ahead = Mapping[int, Shuffles]


def score_instance(model: Model, batch: Batch, *, shuffles: Ahead | None = None) -> list[Score | Failure]:
    """Score one instance by all benchmarks of a batch.

    Parameters
    ----------
    model : Model
    batch : Batch
    shuffles : mapping of int to Shuffles, optional
        Shuffled scores that were computed ahead; see :mod:`neuroalign.scoring.shuffles_ahead`.

    Returns
    -------
    list of Score or Failure
        One outcome for each benchmark, in order. A benchmark that fails does not stop the others.
    """
    return _score_instance(model, batch, SharedLatents(), shuffles or {})


def score_instance_on_parts(
    parts: Sequence[tuple[Model, Batch, Ahead]],
    *,
    shows_progress: bool = False,
    latents: SharedLatents | None = None,
) -> list[list[Score | Failure]]:
    """Score one instance on several parts of a dataset, with latents that are computed once.

    Parameters
    ----------
    parts : sequence of (Model, Batch, mapping of int to Shuffles)
        Model for each part, its batch, and shuffled scores as :func:`score_instance` takes them. Models with the same
        fingerprint, and parts with the same stimulus set, share their latents.
    shows_progress : bool
        Whether a bar shows the number of parts.
    latents : SharedLatents, optional
        Latents that were computed before.

    Returns
    -------
    list of list of Score or Failure
        Outcomes of each part, as :func:`score_instance` returns them.
    """
    latents = SharedLatents() if latents is None else latents
    items = progress(parts, description="parts", total=len(parts), unit="part") if shows_progress else parts
    return [_score_instance(model, batch, latents, shuffles) for model, batch, shuffles in items]


def shuffle_instance(model: Model, batch: Batch, part: slice) -> dict[int, Shuffles]:
    """Compute a part of the shuffled scores of one instance.

    Parameters
    ----------
    model : Model
    batch : Batch
    part : slice
        Shuffles among all shuffles of the batch.

    Returns
    -------
    dict of int to Shuffles
        Shuffled scores by the number of the benchmark. Benchmarks with a stored score that has the shuffles are left
        out, and benchmarks that fail; their score then fails with the reason.
    """
    shuffles: dict[int, Shuffles] = {}
    try:
        latents, latents_hash, _ = SharedLatents().compute(
            model, batch.dataset.stimuli, use_cache=batch.use_cache
        )
    except Exception:  # the score itself fails in the same way, and its failure states the reason
        return shuffles
    prepared = Prepared(model, batch.dataset.stimuli, latents, batch.use_cache)
    for number, benchmark in enumerate(batch.benchmarks):
        key = key_of_score(model, latents_hash, batch.dataset, benchmark, batch.join, batch.family)
        stored = _load_stored(key, benchmark, batch)
        if stored is not None and _has_null(stored, batch):
            continue
        started = time.monotonic()
        with suppress(NeuroalignError), foreign_code("the shuffles fail"):  # as above
            scores = _shuffle(benchmark, prepared, batch, part)
            shuffles[number] = Shuffles(scores, time.monotonic() - started)
    return shuffles


def _score_instance(
    model: Model, batch: Batch, computed: SharedLatents, shuffles: Ahead
) -> list[Score | Failure]:
    show_step(f"{model.identifier}: latents")
    try:
        latents, latents_hash, seconds = computed.compute(
            model, batch.dataset.stimuli, use_cache=batch.use_cache
        )
    except Exception as error:
        reason = explain_error(error, f"the latents of {model.identifier} cannot be computed")
        return [Failure(model.identifier, benchmark.identifier, reason) for benchmark in batch.benchmarks]
    prepared = Prepared(model, batch.dataset.stimuli, latents, batch.use_cache)
    return [
        score_prepared(benchmark, model, prepared, latents_hash, seconds, batch, shuffles.get(number))
        for number, benchmark in enumerate(batch.benchmarks)
    ]


def score_prepared(
    benchmark: Benchmark,
    model: Model,
    prepared: Prepared,
    latents_hash: str,
    latents_seconds: float,
    batch: Batch,
    shuffles: Shuffles | None = None,
) -> Score | Failure:
    """Read the score of one benchmark from the store, or compute it.

    Parameters
    ----------
    benchmark : Benchmark
    model : Model
    prepared : Prepared
        The model with its latents.
    latents_hash, latents_seconds : str, float
        Digest of the latents, and seconds of their computation.
    batch : Batch
        Settings; its `benchmarks` are not used.
    shuffles : Shuffles, optional
        Scores of shuffled stimuli that other jobs computed.

    """
    key = key_of_score(model, latents_hash, batch.dataset, benchmark, batch.join, batch.family)
    stored = _load_stored(key, benchmark, batch)
    if stored is not None and _has_null(stored, batch):
        if batch.is_sample is not None and stored.provenance.get("is_sample") != batch.is_sample and key:
            stored = replace(stored, provenance={**stored.provenance, "is_sample": batch.is_sample})
            batch.store.keep(key, stored, serial=batch.serial)
        return add_notes_of_model(stored, model, batch.dataset, prepared.latents(batch.dataset.stimuli))
    started = time.monotonic()
    show_step(f"{model.identifier}: {benchmark.identifier}")
    try:
        with foreign_code(f"{benchmark.identifier} fails on {model.identifier}"):
            score = stored or benchmark.score(prepared, batch.dataset, join=batch.join)
            if batch.n_permutations:
                score = _add_null(score, benchmark, prepared, batch, shuffles)
    except NeuroalignError as reason:
        return Failure(model.identifier, benchmark.identifier, reason)
    latents = prepared.latents(batch.dataset.stimuli)
    reductions = reductions_of(latents)
    provenance = {
        "created": batch.created,
        **library_versions(),
        "dataset_hash": batch.dataset.content_hash,
        "latents_hash": latents_hash,
        "latents_projections": project_latents(latents),
        **identify_latents(model, latents_hash, batch.dataset.stimuli),
        "model_fingerprint": fingerprint_of(model),
        **computed_with(model),
        **({"reductions": reductions} if reductions else {}),
        "simulated": batch.dataset.simulated,
        "join": batch.join,
        **({} if batch.is_sample is None else {"is_sample": batch.is_sample}),
        # Durations of later runs are estimated from these numbers.
        "seconds": round(time.monotonic() - started + (shuffles.seconds if shuffles else 0), 3),
        "latents_seconds": round(latents_seconds, 3),
        **score.provenance,
    }
    part, window = (batch.dataset.metadata.get(key) for key in ("part", "window_ms"))
    if part is not None:
        provenance |= {"part": part, **({} if window is None else {"window_ms": list(window)})}
    score = replace(
        score,
        family=batch.family,
        provenance=provenance,
        notes=(
            *score.notes,
            *(note for note in notes_on_reductions(latents) if note not in score.notes),
            *([] if part is None else [part]),
        ),
    )
    score = add_notes_of_model(score, model, batch.dataset, latents)
    if key:
        warn_of_conflict(batch.store, key, score, with_own=not batch.use_cache)
    if batch.use_cache and key:
        batch.store.keep(key, score, serial=batch.serial)
    return score


def _load_stored(key: str | None, benchmark: Benchmark, batch: Batch) -> Score | None:
    """Read a score from the store; None without one that has its shuffled scores."""
    stored = batch.store.load_own(key) if batch.use_cache and key else None
    return stored if stored is not None and _has_shuffles(stored, benchmark, batch) else None


def _has_null(score: Score, batch: Batch) -> bool:
    """Return whether a stored score has the shuffles of the batch."""
    return batch.n_permutations == 0 or (
        score.provenance.get("n_permutations") == batch.n_permutations
        and score.provenance.get("permutation_seed") == batch.permutation_seed
    )


def _has_shuffles(score: Score, benchmark: Benchmark, batch: Batch) -> bool:
    """Return whether a stored score has its shuffled scores, which earlier versions did not store."""
    if not batch.needs_shuffles or batch.n_permutations or not benchmark.options().get("n_permutations"):
        return True
    return "shuffled" in score.data


def _add_null(
    score: Score, benchmark: Benchmark, prepared: Prepared, batch: Batch, shuffles: Shuffles | None
) -> Score:
    """Add the level of chance from shuffled stimuli."""
    shuffled = _shuffle(benchmark, prepared, batch) if shuffles is None else shuffles.scores
    notes = notes_on_null(benchmark, prepared, batch.dataset)
    return with_null(score, shuffled, seed=batch.permutation_seed, notes=notes)


def _shuffle(
    benchmark: Benchmark, prepared: Prepared, batch: Batch, part: slice = slice(None)
) -> NDArray[np.float64]:
    return permutation_null(
        benchmark,
        prepared,
        batch.dataset,
        n_permutations=batch.n_permutations,
        seed=batch.permutation_seed,
        join=batch.join,
        part=part,
    )
