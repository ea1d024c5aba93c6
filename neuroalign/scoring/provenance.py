"""Provenance of a score: versions, content hashes, and notes of the model."""

import platform
from dataclasses import replace
from functools import cache
from importlib.metadata import version

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.files.digests import digest
from neuroalign.models.computed import computed_with
from neuroalign.models.model import (
    REMARK,
    Decodes,
    Model,
    Noted,
    Trained,
    TrainedOnHash,
    fingerprint_of,
)
from neuroalign.results.score import TRAINED_ON, Score, describe_trained_on
from neuroalign.results.store import score_key
from neuroalign.scoring.benchmark import Benchmark

#: Libraries with versions in the provenance of a score.
LIBRARIES = ("neuroalign", "numpy", "scipy", "xarray")


#: Number of random projections of latents that are stored with a score.
N_PROJECTIONS = 4

# Numbers of a block of latents in float64 (32 MB).
_NUMBERS_AT_ONCE = 1 << 22

#: Version of the identity of latents; it is raised when its parts change.
IDENTITY = 1


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute scores."""
    return {"python": platform.python_version(), **{name: _installed_version(name) for name in LIBRARIES}}


@cache
def _installed_version(name: str) -> str:
    # Reading it takes a millisecond, and a family of models has many scores.
    return version(name)


def hash_latents(latents: xr.DataArray) -> str:
    """Return a digest of the values and labels of latents; it does not depend on the order of the stimuli."""
    latents = latents.sortby("stimulus")
    labels = [
        latents[name].values
        for name in ("stimulus", "unit", "informative", "neuroid", "band")
        if name in latents.coords
    ]
    neuroids_of = latents.attrs.get("neuroids_of")
    return digest(np.asarray(latents.values, dtype=np.float64), *labels, neuroids_of)


def project_latents(latents: xr.DataArray) -> list[float]:
    """Return numbers by which latents of two runs can be compared, where a digest differs by their last digits.

    Parameters
    ----------
    latents : latents

    Returns
    -------
    list of float
        Norm of the centred latents, and their products with pairs of random vectors over stimuli and units. They do not
        depend on the order of the stimuli. Empty for latents so large that the numbers are infinite.
    """
    values = latents.values
    n_stimuli, n_units = values.shape
    draws = np.random.default_rng(0)
    of_stimuli = draws.standard_normal((N_PROJECTIONS, n_stimuli))
    of_units = draws.standard_normal((N_PROJECTIONS, n_units))
    rows = np.empty_like(of_stimuli)
    rows[:, np.argsort(latents["stimulus"].values, kind="stable")] = of_stimuli
    square, products = 0.0, np.zeros(N_PROJECTIONS)
    step = max(1, _NUMBERS_AT_ONCE // max(n_stimuli, 1))
    with np.errstate(all="ignore"):
        for start in range(0, n_units, step):
            columns = slice(start, start + step)
            block = np.asarray(values[:, columns], dtype=np.float64)
            block = block - block.mean(axis=0)
            square += float(np.einsum("ij,ij->", block, block))
            products += np.einsum("pi,ij,pj->p", rows, block, of_units[:, columns], optimize=True)
    numbers = [float(np.sqrt(square)), *products.tolist()]
    return numbers if np.isfinite(numbers).all() else []


def identify_latents(model: Model, latents_hash: str, stimuli: StimulusSet) -> dict[str, str]:
    """Return the identity of the latents of a model, for the key of a score and for its provenance.

    Latents that two machines compute differ in their last digits, so that their digest would give one score two keys.

    Parameters
    ----------
    model : Model
    latents_hash : str
        Digest of the latents.
    stimuli : StimulusSet

    Returns
    -------
    dict of str to str
        ``identity``: a digest of the fingerprint of the model, the device and precision of its computation, the stimuli
        and their landmarks; the digest of the latents themselves for a model without a fingerprint. ``identified_by``:
        "fingerprint" or "latents".
    """
    fingerprint = fingerprint_of(model)
    if fingerprint is None:
        return {"identity": latents_hash, "identified_by": "latents"}
    parts = (fingerprint, computed_with(model), stimuli.content_hash, stimuli.landmarks_hash)
    return {"identity": digest(IDENTITY, *parts), "identified_by": "fingerprint"}


def key_of_score(
    model: Model, latents_hash: str, dataset: Dataset, benchmark: Benchmark, join: Join, family: str
) -> str | None:
    """Return the key of a score in the results store.

    Returns
    -------
    str or None
        None for a score that depends on a decoder without a fingerprint, which cannot be stored.
    """
    decoder = None
    if benchmark.uses_decoder and isinstance(model, Decodes):
        decoder = fingerprint_of(model)
        if decoder is None:
            return None
    return score_key(
        model=model.identifier,
        family=family,
        identity=identify_latents(model, latents_hash, dataset.stimuli)["identity"],
        decoder=decoder,
        dataset=dataset.identifier,
        dataset_hash=content_of(dataset, benchmark),
        benchmark=benchmark.identifier,
        benchmark_version=benchmark.version,
        options=benchmark.options(),
        join=join,
    )


def content_of(dataset: Dataset, benchmark: Benchmark) -> str:
    """Return the digest of the content that a benchmark reads: most read no column of the stimulus table.

    A benchmark with folds by a column reads this column.

    Parameters
    ----------
    dataset : Dataset
    benchmark : Benchmark
    """
    if "stimulus factors" not in benchmark.needs:
        table = dataset.stimuli.table
        read = [column for column in benchmark.columns_read if column in table]
        if not read:
            return dataset.content_hash
        order = np.argsort(dataset.stimuli.ids)
        columns = {column: [str(value) for value in table[column].iloc[order]] for column in read}
        return digest(dataset.content_hash, dataset.stimuli.ids[order], columns)
    return digest(dataset.content_hash, dataset.stimuli.table_hash)


def add_notes_of_model(
    score: Score, model: Model, dataset: Dataset, latents: xr.DataArray | None = None
) -> Score:
    """Add the notes of a model, and its training stimuli with a note if the dataset has other stimuli.

    Parameters
    ----------
    score : Score
    model : Model
    dataset : Dataset
    latents : xarray.DataArray, optional
        Latents of the stimuli, with the remark of the model on these stimuli if it makes one.
    """
    notes = [note for note in (model.notes if isinstance(model, Noted) else ()) if note not in score.notes]
    score = replace(score, notes=(*score.notes, *notes)) if notes else score
    trained_on = model.trained_on if isinstance(model, Trained) else None
    if trained_on is None:
        return score
    notes = [note for note in score.notes if not note.startswith(TRAINED_ON)]
    if not _is_trained_on(model, trained_on, dataset):
        remark = "" if latents is None else str(latents.attrs.get(REMARK, ""))
        notes.append(describe_trained_on(trained_on, dataset.identifier, remark))
    return replace(score, notes=tuple(notes), provenance={**score.provenance, "trained_on": trained_on})


def _is_trained_on(model: Model, trained_on: str, dataset: Dataset) -> bool:
    """Return whether the training stimuli of a model are the training stimuli of the dataset."""
    expected = model.trained_on_hash if isinstance(model, TrainedOnHash) else None
    if expected is None or not dataset.stimuli.has_images:
        return trained_on in (dataset.identifier, dataset.stimuli.identifier)
    return bool(expected == dataset.training_hash)
