"""Level of chance of a benchmark: scores with the latents shuffled over the stimuli."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.models.model import Model
from neuroalign.progress import progress
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.stats import permutation_p_value
from neuroalign.validation import checks


class _Shuffled:
    """Model with the latents of the recorded stimuli in another order."""

    def __init__(self, model: Model, latents: xr.DataArray, order: NDArray[np.int64]) -> None:
        self.identifier = model.identifier
        self._latents = latents.copy(data=latents.values[order])

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        return self._latents


@checks("n_permutations", "seed", "join", "part")
def permutation_null(
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    *,
    n_permutations: int,
    seed: int = 0,
    join: Join = "exact",
    part: slice = slice(None),
) -> NDArray[np.float64]:
    """Score a model with its latents shuffled over the recorded stimuli.

    The shuffle keeps the values and the correlations of units, the values and the correlations of neurons, and the
    folds. So the score of a model that is independent of the neurons is exchangeable with its shuffled scores.
    Variants of one original move together, in their order, to the place of an original with equally many variants;
    see :func:`neuroalign.stats.permute_stimuli`. With the option ``folds=split:…`` stimuli stay in their tier, and with
    ``folds=group:…`` in their group, or the whole group moves; see
    ``neuroalign.scoring.benchmark.Benchmark.exchange``.

    Parameters
    ----------
    benchmark : Benchmark
        Benchmark of the scores. Its own shuffles (its option ``n_permutations``) are switched off.
    model : Model
    dataset : Dataset
    n_permutations : int
        Number of shuffles, at least 1; each takes as long as the score.
    seed : int
        Seed of the shuffles.
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.
    part : slice
        Shuffles to score, among all; by default every shuffle.

    Returns
    -------
    array of float64, shape (n,)
        Score of each shuffle in the part, by default all `n_permutations`.

    Raises
    ------
    UsageError
        If `n_permutations` is not positive, `seed` negative, or no two originals have equally many variants.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.scoring.chance import permutation_null
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=4)
    >>> model = na.load_model("factors", dataset=dataset)
    >>> shuffled = permutation_null(na.load_benchmark("linear"), model, dataset, n_permutations=5)
    >>> shuffled.shape, bool(abs(shuffled.mean()) < 0.2)
    ((5,), True)
    """
    if n_permutations < 1 or seed < 0:
        raise UsageError(
            f"n_permutations must be at least 1 and seed not negative, got {n_permutations} and {seed}"
        )
    # The level of chance belongs to the score alone, not to its axis index.
    benchmark = benchmark.alone()
    latents = recorded_latents(model.latents(dataset.stimuli), dataset)
    orders = draw_orders(
        benchmark, dataset, latents["stimulus"].values, n_permutations=n_permutations, seed=seed
    )[part]
    return np.array(
        [
            benchmark.score(_Shuffled(model, latents, order), dataset, join=join).value
            for order in progress(orders, description="shuffles", total=len(orders), unit="shuffle")
        ]
    )


def recorded_latents(latents: xr.DataArray, dataset: Dataset) -> xr.DataArray:
    """Return the latents of the recorded stimuli, sorted by stimulus, in the order that shuffles refer to."""
    # A shuffle must not depend on the order of the latents.
    return latents[_recorded(latents, dataset)].sortby("stimulus")


def draw_orders(
    benchmark: Benchmark, dataset: Dataset, stimuli: NDArray[np.str_], *, n_permutations: int, seed: int
) -> list[NDArray[np.int64]]:
    """Draw the orders of stimuli of :func:`permutation_null`.

    Parameters
    ----------
    benchmark : Benchmark
    dataset : Dataset
    stimuli : array of str, shape (n_stimuli,)
        Recorded stimuli with latents, sorted.
    n_permutations, seed : int
        Number and seed of the shuffles.

    Returns
    -------
    list of arrays of int64, each of shape (n_stimuli,)

    Raises
    ------
    UsageError
        If no two originals have equally many variants.
    """
    exchange = benchmark.exchange(dataset, stimuli)
    if not exchange.is_possible:
        raise UsageError(
            f"shuffles need originals with equally many variants, but the {exchange.originals.n} originals all differ "
            "in their number of variants; leave out variants, or set n_permutations=0"
        )
    rng = np.random.default_rng(seed)
    return [exchange.permute(rng) for _ in range(n_permutations)]


def notes_on_null(benchmark: Benchmark, model: Model, dataset: Dataset) -> list[str]:
    """Return the notes on the shuffles of :func:`permutation_null`."""
    latents = model.latents(dataset.stimuli)
    return benchmark.exchange(dataset, latents["stimulus"].values[_recorded(latents, dataset)]).notes


def _recorded(latents: xr.DataArray, dataset: Dataset) -> NDArray[np.bool_]:
    return np.isin(latents["stimulus"].values, dataset.responses["stimulus"].values)


def with_null(score: Score, shuffled: NDArray[np.float64], *, seed: int, notes: Sequence[str] = ()) -> Score:
    """Return a score with its level of chance.

    Parameters
    ----------
    score : Score
    shuffled : array of float64, shape (n_permutations,)
        Shuffled scores from :func:`permutation_null`.
    seed : int
        Seed of the shuffles.
    notes : sequence of str
        Notes from :func:`notes_on_null`; notes that the score already has are not repeated.

    Returns
    -------
    Score
        Score with the mean of the shuffled scores in ``null``, the shuffled scores in ``data["shuffled"]``, and their
        number, seed and exact p-value in ``provenance`` (``n_permutations``, ``permutation_seed``,
        ``permutation_p``).
    """
    finite = shuffled[np.isfinite(shuffled)]
    p = permutation_p_value(score.value, shuffled, higher_is_better=score.higher_is_better)
    return replace(
        score,
        notes=[*score.notes, *(note for note in notes if note not in score.notes)],
        null=float(finite.mean()) if finite.size else float("nan"),
        data=score.data.drop_dims("permutation", errors="ignore").assign(shuffled=("permutation", shuffled)),
        provenance={
            **score.provenance,
            "n_permutations": int(shuffled.size),
            "permutation_seed": seed,
            "permutation_p": None if np.isnan(p) else p,
        },
    )
