"""Bootstraps of families over stimuli, from fits to drawn stimuli that are made now or were stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ArrayError, UsageError
from neuroalign.progress import progress
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic, Resampling
from neuroalign.stats import count_neurons, draw_stimuli_and_neurons

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StimulusDraws:
    """Means of a family in a bootstrap over stimuli, and in one over stimuli and neurons together.

    Parameters
    ----------
    values : array of float64, shape (n_draws, 2)
        Mean over instances of the fits to each draw of stimuli: with all neurons, and with the neurons that
        :func:`neuroalign.stats.draw_stimuli_and_neurons` draws along with the stimuli.
    n_originals, seed : int
        Number of originals that were drawn, and seed. The draws of two families pair where both are equal.
    """

    values: FloatArray
    n_originals: int
    seed: int


def stimulus_draws(
    names: Sequence[str],
    fits: Sequence[Sequence[tuple[xr.DataArray, xr.DataArray]]],
    resampling: Resampling,
    dataset: Dataset,
    *,
    n_draws: int,
    seed: int = 0,
) -> dict[str, StimulusDraws]:
    """Fit the instances of several families to the same draws of stimuli.

    Parameters
    ----------
    names : sequence of str
        Names of the families.
    fits : sequence of sequences of (latents, responses)
        Instances of each family, as ``neuroalign.scoring.benchmark.Benchmark.align`` returns them.
    resampling : Resampling
        Resampling of the statistic, with a function `refit` that fits an instance to drawn stimuli.
    dataset : Dataset
        Dataset of the fits.
    n_draws, seed : int
        Number of draws of stimuli, and seed of the draws.

    Returns
    -------
    dict of str to StimulusDraws
        Draws of each family by name.

    Raises
    ------
    UsageError
        If the statistic cannot be fitted to drawn stimuli, or families differ in their neurons or stimuli.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.comparison import stimulus_draws
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=4)
    >>> benchmark = na.load_benchmark("variance_explained[n_folds=3,n_lambdas=20]")
    >>> fit = benchmark.align(na.load_model("factors", dataset=dataset), dataset)
    >>> draws = stimulus_draws(["factors"], [[fit]], benchmark.resampling("value"), dataset, n_draws=3)
    >>> draws["factors"].values.shape
    (3, 2)
    """
    if resampling.refit is None:
        raise UsageError(f"stimuli cannot be drawn: {resampling.reason}")
    shapes = {
        (responses.sizes["stimulus"], responses.sizes["neuroid"])
        for family in fits
        for _, responses in family
    }
    if len(shapes) > 1:
        raise UsageError("stimuli cannot be drawn for models with different stimuli or neurons")
    ((_, n_neurons),) = shapes
    stimuli = fits[0][0][1]["stimulus"].values
    originals = dataset.stimuli.originals(stimuli)
    values = np.empty((len(names), n_draws, 2))
    order: tuple[str, ...] | None = None
    for index in progress(range(n_draws), description="bootstrap", total=n_draws, unit="resample"):
        rows, neurons = draw_stimuli_and_neurons(seed, index, originals.labels, n_neurons)
        counts = _all_and_drawn(neurons, n_neurons)
        for place, family in enumerate(fits):
            statistics = [
                resampling.refit(latents, responses, dataset, rows) for latents, responses in family
            ]
            order = tuple(sorted(statistics[0].neurons)) if order is None else order
            values[place, index] = np.mean([fit.in_order(order)(counts) for fit in statistics], axis=0)
    return {
        name: StimulusDraws(family, originals.n, seed) for name, family in zip(names, values, strict=True)
    }


def read_stimulus_draws(
    scores: Sequence[Score],
    statistics: Sequence[NeuronStatistic],
    bootstraps: Mapping[str, Score],
    resampling: Resampling,
) -> StimulusDraws:
    """Read the means of a family from stored bootstraps over stimuli.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances.
    statistics : sequence of NeuronStatistic
        Statistic of each score as a function of the neurons.
    bootstraps : mapping of str to Score
        Scores with the array ``terms`` (draw, neuroid, term), by the names of the models.
    resampling : Resampling

    Raises
    ------
    ArrayError
        If a bootstrap is missing, or bootstraps differ in their draws, neurons or statistic.
    """
    missing = [score.model for score in scores if score.model not in bootstraps]
    if missing:
        raise ArrayError(f"{missing[0]} was not fitted to drawn stimuli")
    stored = [bootstraps[score.model] for score in scores]
    first = stored[0]
    n_originals, seed = _n_originals(first), int(first.options.get("seed", 0))
    sums = []
    for bootstrap, statistic in zip(stored, statistics, strict=True):
        if bootstrap.options.get("statistic", "value") != resampling.terms_of:
            raise ArrayError(
                f"{bootstrap.model} was fitted to drawn stimuli by another statistic than {resampling.terms_of}; "
                f"score it by {bootstrap.benchmark}[statistic={resampling.terms_of}]"
            )
        same = (_n_originals(bootstrap), bootstrap.options.get("seed", 0)) == (n_originals, seed)
        if not same or bootstrap.data["terms"].shape[0] != first.data["terms"].shape[0]:
            raise ArrayError("the instances were fitted to different draws of stimuli")
        place = {str(neuron): index for index, neuron in enumerate(bootstrap.data["neuroid"].values)}
        if set(place) != set(statistic.neurons):
            raise ArrayError(f"{bootstrap.model} was fitted to drawn stimuli on other neurons")
        terms = bootstrap.data["terms"].values[:, [place[neuron] for neuron in statistic.neurons]]
        sums.append((terms, statistic.combine))
    n_draws, n_neurons = sums[0][0].shape[:2]
    values = np.empty((n_draws, 2))
    for index in range(n_draws):
        _, neurons = draw_stimuli_and_neurons(seed, index, np.arange(n_originals), n_neurons)
        counts = _all_and_drawn(neurons, n_neurons)
        values[index] = np.mean([combine(counts @ terms[index]) for terms, combine in sums], axis=0)
    return StimulusDraws(values, n_originals, seed)


def _n_originals(score: Score) -> int:
    """Return the number of originals that a bootstrap over stimuli draws: one for each stimulus without variants."""
    return int(score.provenance.get("n_originals", score.provenance["n_stimuli"]))


def _all_and_drawn(neurons: NDArray[np.int64], n_neurons: int) -> FloatArray:
    """Return counts of all neurons once, and of the drawn neurons, (2, n_neurons)."""
    return np.vstack([np.ones(n_neurons), count_neurons(neurons[None], n_neurons)])
