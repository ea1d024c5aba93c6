"""The level of chance of any benchmark: its scores where latents and responses belong to different stimuli."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.variants import Originals
from neuroalign.errors import UsageError
from neuroalign.models.model import Model
from neuroalign.progress import progress
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.stats import n_fixed, permutation_p_value, permute_stimuli


class _Shuffled:
    """A model whose latents of the recorded stimuli have changed places."""

    def __init__(self, model: Model, latents: xr.DataArray, order: NDArray[np.int64]) -> None:
        self.identifier = model.identifier
        self._latents = latents.copy(data=latents.values[order])

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        return self._latents


def permutation_null(
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    *,
    n_permutations: int,
    seed: int = 0,
    join: Join = "exact",
) -> NDArray[np.float64]:
    """Score a model whose latents are shuffled over the recorded stimuli.

    Everything else stays: units keep their values and their correlations, neurons theirs, and the folds are the
    same. So the scores are exchangeable with the model's own if it knows nothing of the neurons. Variants of one
    original move together, in their order, to the place of an original with equally many variants; see
    :func:`neuroalign.stats.permute_stimuli`.

    Parameters
    ----------
    benchmark : Benchmark
        Any; shuffles of its own (its option ``n_permutations``) are left out.
    model : Model
    dataset : Dataset
    n_permutations : int
        How often, from 1; each takes as long as the score.
    seed : int
        Of the permutations.
    join : {"exact", "intersection"}
        As for :func:`neuroalign.score`.

    Returns
    -------
    array of float64, shape (n_permutations,)

    Raises
    ------
    UsageError
        If `n_permutations` is not positive, `seed` negative, or no two originals have equally many variants.
    """
    if n_permutations < 1 or seed < 0:
        raise UsageError(
            f"n_permutations must be 1 at least and seed not negative, not {n_permutations} and {seed}"
        )
    # Shuffles give the level of chance of the score, not of its axis index.
    benchmark = benchmark.alone()
    latents = model.latents(dataset.stimuli)
    # In the order of the ids, so that a permutation does not depend on the order of the latents.
    latents = latents[_recorded(latents, dataset)].sortby("stimulus")
    originals = dataset.stimuli.originals(latents["stimulus"].values)
    if not can_shuffle(originals):
        raise UsageError(
            f"no two of the {originals.n} originals have equally many variants, so none can change places; "
            "leave out variants so that originals have equally many, or ask for no permutations"
        )
    rng = np.random.default_rng(seed)
    orders = [permute_stimuli(originals.labels, rng) for _ in range(n_permutations)]
    return np.array(
        [
            benchmark.score(_Shuffled(model, latents, order), dataset, join=join).value
            for order in progress(orders, description="shuffles", total=n_permutations, unit="shuffle")
        ]
    )


def can_shuffle(originals: Originals) -> bool:
    """Whether some original can take the place of another one; each stimulus can where none has variants."""
    return not originals.has_variants or n_fixed(originals.labels) < originals.n


def notes_on_shuffles(originals: Originals) -> list[str]:
    """Say how shuffles treat variants; empty where each stimulus is its own original."""
    if not originals.has_variants:
        return []
    if not can_shuffle(originals):
        return [
            f"no two of the {originals.n:,} originals have equally many variants, so there is no shuffle: "
            "the level of chance is not known"
        ]
    notes, fixed = originals.notes("shuffles"), n_fixed(originals.labels)
    if fixed:
        notes.append(
            f"{fixed:,} of {originals.n:,} originals keep their place in shuffles: no other one has as many variants"
        )
    return notes


def notes_on_null(model: Model, dataset: Dataset) -> list[str]:
    """Return :func:`notes_on_shuffles` of the stimuli that :func:`permutation_null` shuffles."""
    latents = model.latents(dataset.stimuli)
    return notes_on_shuffles(
        dataset.stimuli.originals(latents["stimulus"].values[_recorded(latents, dataset)])
    )


def _recorded(latents: xr.DataArray, dataset: Dataset) -> NDArray[np.bool_]:
    return np.isin(latents["stimulus"].values, dataset.responses["stimulus"].values)


def with_null(score: Score, shuffled: NDArray[np.float64], *, seed: int, notes: Sequence[str] = ()) -> Score:
    """Put a score beside its scores by chance.

    Parameters
    ----------
    score : Score
    shuffled : array of float64, shape (n_permutations,)
        As :func:`permutation_null` returns them.
    seed : int
        That they were drawn with.
    notes : sequence of str
        What :func:`notes_on_null` says; notes that the score has already are not repeated.

    Returns
    -------
    Score
        ``null`` is their mean, ``data["shuffled"]`` holds them, and ``provenance`` their number, the seed and the
        exact p-value (``n_permutations``, ``permutation_seed``, ``permutation_p``).
    """
    known = shuffled[np.isfinite(shuffled)]
    p = permutation_p_value(score.value, shuffled, higher_is_better=score.higher_is_better)
    return replace(
        score,
        notes=[*score.notes, *(note for note in notes if note not in score.notes)],
        null=float(known.mean()) if known.size else float("nan"),
        data=score.data.drop_dims("permutation", errors="ignore").assign(shuffled=("permutation", shuffled)),
        provenance={
            **score.provenance,
            "n_permutations": int(shuffled.size),
            "permutation_seed": seed,
            "permutation_p": None if np.isnan(p) else p,
        },
    )
