"""Samples: one statistic of the instances of a family, as a function of drawn neurons and stimuli."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ArrayError, NeuroalignError, UsageError
from neuroalign.names.syntax import parse_spec
from neuroalign.progress import progress
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic, Resampling
from neuroalign.stats import bootstrap_means, count_neurons, draw_stimuli_and_neurons

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StimulusDraws:
    """The mean of a family in a bootstrap over stimuli, and over stimuli and neurons together.

    Parameters
    ----------
    values : array of float64, shape (n_draws, 2)
        For each draw of stimuli the mean over instances of the fits to it: with all neurons, and with the neurons that
        :func:`neuroalign.stats.draw_stimuli_and_neurons` draws along with them.
    n_originals, seed : int
        Number of originals that were drawn, and seed; draws of two families pair where these are equal.
    """

    values: FloatArray
    n_originals: int
    seed: int


@dataclass(frozen=True, eq=False)
class Sample:
    """One statistic of the instances of a family, or of a single model.

    Parameters
    ----------
    name : str
        Name of the family.
    values : array of float64, shape (n_instances,)
        Finite; instances without the statistic are left out.
    is_sample : bool
        Whether the instances are a random sample, as those of several seeds are. If not, nothing is drawn over
        instances, and tests are over neurons (and stimuli) only.
    why_no_sample : str
        The reason, for output; empty if `is_sample`.
    of_neurons : NeuronStatistic or None
        The mean over instances as a function of the neurons.
    of_stimuli : StimulusDraws or None
    why_no_neurons, why_no_stimuli : str
        Why these are missing; empty if they exist.
    """

    name: str
    values: FloatArray
    is_sample: bool = True
    why_no_sample: str = ""
    of_neurons: NeuronStatistic | None = None
    of_stimuli: StimulusDraws | None = None
    why_no_neurons: str = "no terms of single neurons were read"
    why_no_stimuli: str = "no stimuli were drawn"
    _drawn: dict[tuple[int, int], FloatArray] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of instances with the statistic."""
        return int(self.values.size)

    @property
    def mean(self) -> float:
        """Mean over instances; NaN without any."""
        return float(self.values.mean()) if self.values.size else float("nan")

    @property
    def neurons(self) -> tuple[str, ...]:
        """Names of the neurons, sorted; empty without `of_neurons`."""
        return () if self.of_neurons is None else self.of_neurons.neurons

    def drawn(self, n_resamples: int, seed: int) -> FloatArray:
        """Return the mean for each draw of neurons, (n_resamples,): the same draws for all samples of these neurons.

        Raises
        ------
        ArrayError
            If the sample has no terms of neurons.
        """
        if self.of_neurons is None:
            raise ArrayError(f"the neurons of {self.name} cannot be drawn: {self.why_no_neurons}")
        key = (n_resamples, seed)
        if key not in self._drawn:
            draw_together([self], n_resamples, seed)
        return self._drawn[key]

    def at(self, neurons: Sequence[str]) -> "Sample":
        """Return the same sample at some of its neurons; without values of instances, whose terms are averaged.

        Raises
        ------
        ArrayError
            If the sample has no terms of neurons, or a neuron is unknown.
        """
        if self.of_neurons is None:
            raise ArrayError(f"the neurons of {self.name} cannot be chosen: {self.why_no_neurons}")
        chosen = self.of_neurons.in_order(neurons)
        return Sample(
            self.name,
            chosen(np.ones((1, len(neurons)))),
            why_no_neurons="",
            is_sample=False,
            why_no_sample=f"the mean of {self.name} over instances is taken as given",
            of_neurons=chosen,
        )

    def with_stimuli(self, draws: StimulusDraws) -> "Sample":
        """Return the sample with its bootstrap over stimuli."""
        return replace(self, of_stimuli=draws, why_no_stimuli="")


def draw_together(samples: Iterable[Sample], n_resamples: int, seed: int) -> None:
    """Draw the neurons of several samples at once, which takes less time than one sample after another.

    Parameters
    ----------
    samples : iterable of Sample
        Their :meth:`Sample.drawn` then returns what it would have drawn.
    n_resamples, seed : int
    """
    key = (n_resamples, seed)
    groups: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        if sample.of_neurons is not None and key not in sample._drawn:
            groups.setdefault(sample.neurons, []).append(sample)
    for neurons, members in groups.items():
        statistics = [sample.of_neurons for sample in members if sample.of_neurons is not None]
        means = bootstrap_means(statistics, len(neurons), n_resamples=n_resamples, seed=seed)
        for sample, drawn in zip(members, means, strict=True):
            sample._drawn[key] = drawn


def make_sample(
    scores: Sequence[Score],
    resampling: Resampling,
    *,
    name: str = "",
    bootstraps: Mapping[str, Score] | None = None,
    is_sample: bool | None = None,
) -> Sample:
    """Read one statistic of the scores of a family.

    Parameters
    ----------
    scores : sequence of Score
        One score for each instance, with their arrays where neurons are to be drawn.
    resampling : Resampling
        Of the statistic; see :meth:`neuroalign.scoring.benchmark.Benchmark.resampling`.
    name : str
        Name of the family; by default that of the first score.
    bootstraps : mapping of str to Score, optional
        Scores by ``stimulus_bootstrap``, by the name of their model, whose statistic shares the terms of this one.
    is_sample : bool, optional
        Whether the instances are a random sample; by default as :func:`explain_no_sample` says.

    Returns
    -------
    Sample

    Raises
    ------
    UsageError
        If there is no score.
    """
    if not scores:
        raise UsageError("a sample needs one score at least, got none")
    name = name or scores[0].family or scores[0].model
    known = [score for score in scores if np.isfinite(resampling.read(score))]
    values = np.array([resampling.read(score) for score in known], dtype=np.float64)
    why = explain_no_sample(scores, name) if is_sample is None else ""
    if is_sample is False:
        why = f"{name} declares no sample of instances, so it is tested over neurons only"
    sample = Sample(name, values, is_sample=not why, why_no_sample=why, why_no_neurons="")
    try:
        statistics = _statistics(known, resampling)
        sample = replace(sample, of_neurons=NeuronStatistic.mean(statistics))
    except NeuroalignError as error:
        return replace(sample, why_no_neurons=str(error), why_no_stimuli=str(error))
    if bootstraps is None:
        return sample
    try:
        draws = _stored_draws(known, statistics, bootstraps, resampling)
    except NeuroalignError as error:
        return replace(sample, why_no_stimuli=str(error))
    return sample.with_stimuli(draws)


def explain_no_sample(scores: Sequence[Score], family: str) -> str:
    """Say why the instances of a family are no random sample; empty if they are one.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances. ``provenance["is_sample"]`` holds what the family declared, if anything.
    family : str

    Returns
    -------
    str
        Empty if the family declares a sample by :attr:`neuroalign.models.model.ModelFamily.is_sample`, or else if its
        instances have an option ``seed`` in their names.
    """
    if len(scores) < 2:
        return f"{family} is a single model, so it is tested over neurons only"
    declared = [score.provenance.get("is_sample") for score in scores]
    if all(given is not None for given in declared):
        return (
            ""
            if all(declared)
            else f"{family} declares no sample of instances, so it is tested over neurons only"
        )
    if has_seeds(scores):
        # Networks of several sizes with one seed each differ by their training as well, which is an error.
        return ""
    options = [_options(score.model) for score in scores]
    differing = {
        option
        for given in options
        for option, value in given.items()
        if any(other.get(option) != value for other in options)
    }
    members = "sizes" if differing == {"n"} else "members"
    return f"{family} has no seed: its {members} are not a sample of instances, so it is tested over neurons only"


def has_seeds(scores: Iterable[Score]) -> bool:
    """Return whether the name of an instance has an option ``seed``, its own or the seed of a reducer."""
    return any("seed" in _options(score.model) for score in scores)


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
        For each family its instances as :meth:`neuroalign.scoring.benchmark.Benchmark.align` returns them.
    resampling : Resampling
        With `refit`.
    dataset : Dataset
    n_draws, seed : int

    Returns
    -------
    dict of str to StimulusDraws

    Raises
    ------
    UsageError
        If the statistic cannot be fitted to drawn stimuli, or families differ in their neurons or stimuli.
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


def _statistics(scores: Sequence[Score], resampling: Resampling) -> list[NeuronStatistic]:
    """Return the statistic of each score as a function of the neurons, sorted by their names."""
    if resampling.from_score is None:
        raise ArrayError(resampling.reason or f"{resampling.statistic.label} has no terms of single neurons")
    if not scores:
        raise ArrayError(f"no instance has a {resampling.statistic.label}")
    order: tuple[str, ...] | None = None
    statistics = []
    for score in scores:
        try:
            own = resampling.from_score(score)
        except (KeyError, ValueError, TypeError, AttributeError, ArrayError) as error:
            raise ArrayError(f"the arrays of {score.model} are not arrays of {score.benchmark}") from error
        # Sorted, so that the same draws are made for every order of the scores.
        names = tuple(sorted(own.neurons))
        order = names if order is None else order
        if names != order:
            raise ArrayError(f"{score.model} was scored on other neurons than the rest")
        statistics.append(own.in_order(order))
    return statistics


def _stored_draws(
    scores: Sequence[Score],
    statistics: Sequence[NeuronStatistic],
    bootstraps: Mapping[str, Score],
    resampling: Resampling,
) -> StimulusDraws:
    """Read the means of a family from stored bootstraps over stimuli."""
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
                f"score it by stimulus_bootstrap[statistic={resampling.terms_of}]"
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


def _options(model: str) -> dict[str, object]:
    """Return the options of a model's name and of its reducers; empty where the name is not a specification."""
    try:
        parsed = parse_spec(model)
    except NeuroalignError:
        return {}
    options: dict[str, object] = dict(parsed.options)
    for wrapper in parsed.wrappers:
        options |= wrapper.options
    return options


def instances_of(scores: Iterable[Score]) -> list[Score]:
    """Return the scores of instances: those of a family's score count in its place."""
    return [instance for score in scores for instance in (score.instances or (score,))]
