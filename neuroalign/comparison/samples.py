"""Samples of instances: one statistic of a family, as a function of drawn neurons and stimuli."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.comparison.stimulus_draws import StimulusDraws, read_stimulus_draws
from neuroalign.errors import ArrayError, NeuroalignError, UsageError
from neuroalign.names.syntax import parse_spec
from neuroalign.results.numbers import join_words
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic, Resampling
from neuroalign.stats import bootstrap_means

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """One statistic of the instances of a family, or of a single model.

    Parameters
    ----------
    name : str
        Name of the family.
    values : array of float64, shape (n_instances,)
        Finite values; instances without the statistic are left out.
    is_sample : bool
        Whether the instances are a random sample, as instances of several seeds are. If not, the variance over
        instances is left out, and tests are over neurons (and stimuli) only.
    why_no_sample : str
        Reason why the instances are not a random sample; empty if `is_sample`.
    of_neurons : NeuronStatistic or None
        Mean over instances as a function of the drawn neurons; None if neurons cannot be drawn.
    of_stimuli : StimulusDraws or None
        Bootstrap of the mean over stimuli.
    why_no_neurons, why_no_stimuli : str
        Reasons why `of_neurons` and `of_stimuli` are missing; empty if they exist.
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
        """Return the mean for each draw of neurons, (n_resamples,).

        All samples of the same neurons have the same draws.

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
        """Return the sample at some of its neurons, with the mean over instances as its only value.

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
        :meth:`Sample.drawn` of each of them then returns the same values as without this call.
    n_resamples, seed : int
        Number of draws, and seed.
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
        Resampling of the statistic; see ``neuroalign.scoring.benchmark.Benchmark.resampling``.
    name : str
        Name of the family; by default the family of the first score.
    bootstraps : mapping of str to Score, optional
        Stored bootstraps over stimuli by the names of the models; see
        ``neuroalign.comparison.stimulus_draws.read_stimulus_draws``.
    is_sample : bool, optional
        Whether the instances are a random sample; by default as :func:`explain_no_sample` says.

    Returns
    -------
    Sample

    Raises
    ------
    UsageError
        If `scores` is empty.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.comparison import make_sample
    >>> from neuroalign.testing import make_score
    >>> scores = [make_score(0.4 + 0.1 * seed, model=f"vae[seed={seed}]", benchmark="ridge") for seed in range(3)]
    >>> sample = make_sample(scores, na.load_benchmark("ridge").resampling("value"))
    >>> sample.name, sample.n, round(sample.mean, 3), sample.is_sample
    ('vae', 3, 0.5, True)
    """
    if not scores:
        raise UsageError("a sample needs one score at least, got none")
    name = name or scores[0].family or scores[0].model
    with_value = [score for score in scores if np.isfinite(resampling.read(score))]
    values = np.array([resampling.read(score) for score in with_value], dtype=np.float64)
    why = explain_no_sample(scores, name) if is_sample is None else ""
    if is_sample is False:
        why = _declares_no_sample(name)
    sample = Sample(name, values, is_sample=not why, why_no_sample=why, why_no_neurons="")
    try:
        statistics = _statistics(with_value, resampling)
        sample = replace(sample, of_neurons=NeuronStatistic.mean(statistics))
    except NeuroalignError as error:
        return replace(sample, why_no_neurons=str(error), why_no_stimuli=str(error))
    if bootstraps is None:
        return sample
    try:
        draws = read_stimulus_draws(with_value, statistics, bootstraps, resampling)
    except NeuroalignError as error:
        return replace(sample, why_no_stimuli=str(error))
    return sample.with_stimuli(draws)


def explain_no_sample(scores: Sequence[Score], family: str) -> str:
    """Explain why the instances of a family are not a random sample; empty if they are.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances. ``provenance["is_sample"]`` holds the declaration of the family, if it made one.
    family : str
        Name of the family, for the sentence.

    Returns
    -------
    str
        The reason. The declaration ``neuroalign.models.model.ModelFamily.is_sample`` decides. Without a
        declaration, instances with an option ``seed`` in their names are a random sample.

    Examples
    --------
    >>> from neuroalign.comparison import explain_no_sample
    >>> from neuroalign.testing import make_score
    >>> explain_no_sample([make_score(model="vae[seed=0]"), make_score(model="vae[seed=1]")], "vae")
    ''
    >>> explain_no_sample([make_score(model="pca[n=5]"), make_score(model="pca[n=9]")], "pca")
    'pca has no seed: its sizes are not a sample of instances, so it is tested over neurons only'
    """
    if len(scores) < 2:
        return f"{family} is a single model, so it is tested over neurons only"
    declared = [score.provenance.get("is_sample") for score in scores]
    if all(is_sample is not None for is_sample in declared):
        return "" if all(declared) else _declares_no_sample(family)
    if has_seeds(scores):
        # Networks of several sizes with one seed each differ by their random training, too, so they vary as a sample.
        return ""
    options = [_options(score.model) for score in scores]
    differing = {
        option
        for of_instance in options
        for option, value in of_instance.items()
        if any(of_other.get(option) != value for of_other in options)
    }
    members = "sizes" if differing == {"n"} else "members"
    return f"{family} has no seed: its {members} are not a sample of instances, so it is tested over neurons only"


def join_no_samples(reasons: Mapping[str, str]) -> list[str]:
    """Join the reasons of :func:`explain_no_sample` for several models, so that each reason stands once.

    Parameters
    ----------
    reasons : mapping of str to str
        Reasons by the names of the models; empty texts are left out.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from neuroalign.comparison.samples import explain_no_sample, join_no_samples
    >>> from neuroalign.testing import make_score
    >>> names = ("pca[n=5]", "ica[n=5]")
    >>> join_no_samples({name: explain_no_sample([make_score(model=name)], name) for name in names})
    ['pca[n=5] and ica[n=5] are single models, so they are tested over neurons only']
    """
    models: dict[str, list[str]] = {}
    for model, reason in reasons.items():
        if reason:
            models.setdefault(reason.removeprefix(f"{model} "), []).append(model)
    return [
        f"{join_words(names)} {reason if len(names) == 1 else _in_plural(reason)}"
        for reason, names in models.items()
    ]


def _in_plural(reason: str) -> str:
    for one, several in _PLURALS.items():
        reason = reason.replace(one, several)
    return reason


_PLURALS = {
    "is a single model": "are single models",
    "has no seed: its": "have no seeds: their",
    "declares no sample": "declare no sample",
    "so it is": "so they are",
}


def _declares_no_sample(family: str) -> str:
    return f"{family} declares no sample of instances, so it is tested over neurons only"


def has_seeds(scores: Iterable[Score]) -> bool:
    """Return whether the name of an instance has an option ``seed``, of the model or of a reducer."""
    return any("seed" in _options(score.model) for score in scores)


def _statistics(scores: Sequence[Score], resampling: Resampling) -> list[NeuronStatistic]:
    """Return the statistic of each score as a function of the neurons, sorted by their names."""
    if resampling.from_score is None:
        raise ArrayError(resampling.reason or f"{resampling.statistic.label} has no terms of single neurons")
    if not scores:
        raise ArrayError(f"no instance has the statistic {resampling.statistic.label}")
    order: tuple[str, ...] | None = None
    statistics = []
    for score in scores:
        try:
            own = resampling.from_score(score)
        except (KeyError, ValueError, TypeError, AttributeError, ArrayError) as error:
            raise ArrayError(f"the arrays of {score.model} are not arrays of {score.benchmark}") from error
        # Sorted, so that the draws do not depend on the order of the scores.
        names = tuple(sorted(own.neurons))
        order = names if order is None else order
        if names != order:
            raise ArrayError(f"{score.model} was scored on other neurons than the rest")
        statistics.append(own.in_order(order))
    return statistics


def _options(model: str) -> dict[str, object]:
    """Return the options in a model's name and in its reducers; empty where the name is not a specification."""
    try:
        parsed = parse_spec(model)
    except NeuroalignError:
        return {}
    options: dict[str, object] = dict(parsed.options)
    for wrapper in parsed.wrappers:
        options |= wrapper.options
    return options


def instances_of(scores: Iterable[Score]) -> list[Score]:
    """Return the scores of instances.

    Parameters
    ----------
    scores : iterable of Score
        Scores of models and of families.

    Returns
    -------
    list of Score
        The score of a family is replaced by the scores of its instances.

    Examples
    --------
    >>> from neuroalign.comparison import instances_of
    >>> from neuroalign.testing import make_score
    >>> instances = tuple(make_score(model=f"vae[seed={seed}]") for seed in (0, 1))
    >>> family = make_score(model="vae", instances=instances)
    >>> [score.model for score in instances_of([family, make_score(model="pca[n=5]")])]
    ['vae[seed=0]', 'vae[seed=1]', 'pca[n=5]']
    """
    return [instance for score in scores for instance in (score.instances or (score,))]
