"""Two models on one dataset: which scores higher, by how much, how sure, and what else could explain it."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmark import Benchmark, NeuronTerms, load_benchmark
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.drawn_neurons import neuron_terms
from neuroalign.errors import ArrayError, NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.latents_cache import compute_latents
from neuroalign.models import Model, ModelFamily, load_model
from neuroalign.results import ResultsStore
from neuroalign.scores import Score, summarise
from neuroalign.scoring import score_all
from neuroalign.stats import (
    Bootstrap,
    Equivalence,
    OfNeurons,
    WelchTest,
    bootstrap_weighted_difference,
    crossed_test,
    dual_bootstrap,
    equivalence,
    weighted_mean,
    welch,
)

#: A test calls two models different below it.
ALPHA = 0.05

Verdict = Literal["a", "b", "neither"]


@dataclass(frozen=True)
class Generalisation:
    """One answer to: would others like these give the same difference?

    Parameters
    ----------
    over : str
        What is taken to be sampled: "instances", "neurons", "stimuli", or several of them.
    n : str
        How many there are, in words.
    method : str
    standard_error, ci_low, ci_high, p : float
        Of the difference, 95 % interval; NaN where there is no test.
    reason : str
        Why there is no test; empty if there is one.
    """

    over: str
    n: str
    method: str
    standard_error: float
    ci_low: float
    ci_high: float
    p: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The outcome of :func:`compare`.

    Parameters
    ----------
    a, b : Score
        Of the models, or of the families with their ``instances``.
    difference : float
        Value of a less that of b.
    generalisations : sequence of Generalisation
    ceiling : Score or None
        Of the family that stands for the ceiling.
    meets_ceiling : mapping of str to Equivalence
        For a and b, whether their means are those of the ceiling within the margin; not for the ceiling itself.
    confounds : sequence of str
        What else could explain the difference.
    verdict : {"a", "b", "neither"}
        Which is better over all that could be tested together.
    sentence : str
        The verdict in words.
    simulated : bool
        Whether the neurons are simulated.
    """

    a: Score
    b: Score
    difference: float
    generalisations: Sequence[Generalisation]
    ceiling: Score | None
    meets_ceiling: dict[str, Equivalence]
    confounds: Sequence[str]
    verdict: Verdict
    sentence: str
    simulated: bool

    def to_record(self) -> dict[str, Any]:
        """Return everything but arrays and instances as a dictionary that JSON can hold (NaN becomes None)."""
        scores = {"a": self.a, "b": self.b, "ceiling": self.ceiling}
        return {
            "dataset": self.a.dataset,
            "simulated": self.simulated,
            "benchmark": self.a.benchmark,
            "benchmark_version": self.a.benchmark_version,
            "options": dict(self.a.options),
            **{
                name: None
                if score is None
                else {**score.to_record(), "instances": [each.to_record() for each in score.instances]}
                for name, score in scores.items()
            },
            "difference": _plain(self.difference),
            "generalisations": [_plain(asdict(each)) for each in self.generalisations],
            "meets_ceiling": {name: _plain(asdict(each)) for name, each in self.meets_ceiling.items()},
            "confounds": list(self.confounds),
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


def compare(
    model_a: "str | Model | ModelFamily | Any",
    model_b: "str | Model | ModelFamily | Any",
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark = "alignment",
    *,
    ceiling: "str | ModelFamily | None" = "neuron_subset",
    margin: float = 0.05,
    n_resamples: int = 10_000,
    n_stimulus_resamples: int = 0,
    n_permutations: int = 0,
    seed: int = 0,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    store: ResultsStore | None = None,
) -> Comparison:
    """Compare two models, or two families, on one dataset by one benchmark.

    Parameters
    ----------
    model_a, model_b : str, Model, ModelFamily, or anything that :func:`neuroalign.as_model` takes
    dataset : str, path or Dataset
    benchmark : str or Benchmark
    ceiling : str, ModelFamily or None
        The family whose scores stand for the ceiling; by default subsets of the neurons.
    margin : float
        Families whose means differ from the ceiling's by less are equivalent to it.
    n_resamples : int
        Draws of neurons, which need no fit.
    n_stimulus_resamples : int
        Draws of stimuli, each of which is fitted anew for every instance; 0 for none.
    n_permutations : int
        Shuffles behind the level of chance, as for :func:`neuroalign.score`.
    seed : int
        Of all of them.
    join, n_jobs, use_cache, store
        As for :func:`neuroalign.score`.

    Returns
    -------
    Comparison

    Raises
    ------
    NeuroalignError
        If a name is unknown, or a model cannot be scored.

    Notes
    -----
    Instances are compared by Welch's test. Neurons and stimuli are drawn for both models together, so that what these
    share cancels out; see :func:`neuroalign.stats.dual_bootstrap`. Where instances and neurons (and stimuli) are all
    sampled, their variances add up: :func:`neuroalign.stats.crossed_test`.
    """
    if min(n_stimulus_resamples, n_permutations, seed) < 0:
        raise UsageError("numbers of resamples and permutations and the seed must not be negative")
    if not margin > 0:
        raise UsageError(f"margin must be a positive number, not {margin}")
    if n_stimulus_resamples == 1:
        raise UsageError("n_stimulus_resamples must be 2 at least, or 0 for none, not 1")
    loaded_dataset, by = load_dataset(dataset), load_benchmark(benchmark)
    loaded = [load_model(each, dataset=loaded_dataset) for each in (model_a, model_b)]
    if loaded[0].identifier == loaded[1].identifier:
        raise UsageError(f"both models are {loaded[0].identifier}; name two that differ")

    def summary(model: Model | ModelFamily, shuffles: int) -> Score:
        scores, failures = score_all(
            model,
            loaded_dataset,
            [by],
            join=join,
            n_jobs=n_jobs,
            use_cache=use_cache,
            n_permutations=shuffles,
            permutation_seed=seed,
            store=store,
        )
        if failures:
            raise failures[0].reason
        return summarise(scores, family=model.identifier) if isinstance(model, ModelFamily) else scores[0]

    a, b = (summary(each, n_permutations) for each in loaded)
    difference = a.value - b.value
    generalisations = _generalise(
        a, b, loaded, loaded_dataset, by, n_resamples, n_stimulus_resamples, seed, join, use_cache
    )
    top: Score | None = None
    if ceiling is not None and not by.is_control:
        try:
            top = summary(load_model(ceiling, dataset=loaded_dataset), 0)
        except NeuroalignError as error:
            # Some recordings have too few neurons for a ceiling of neurons.
            warnings.warn(f"there is no ceiling: {error}", NeuroalignWarning, stacklevel=2)
    meets = (
        {}
        if top is None
        else {
            name: equivalence(_values(score), _values(top), margin=margin)
            for name, score in (("a", a), ("b", b))
            # The ceiling meets itself.
            if score.model != top.model
        }
    )
    verdict, sentence = _conclude(a, b, difference, generalisations)
    return Comparison(
        a,
        b,
        difference,
        generalisations,
        top,
        meets,
        by.confounds(a, b),
        verdict,
        sentence,
        loaded_dataset.simulated,
    )


def generalise_over_neurons(
    a: Sequence[Score],
    b: Sequence[Score],
    benchmark: Benchmark,
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> list[Generalisation]:
    """Say how far the difference of two families generalises, from their scores alone.

    Parameters
    ----------
    a, b : sequence of Score
        Of the instances of two families on one dataset by this benchmark, with their arrays.
    benchmark : Benchmark
    n_resamples, seed : int
        Draws of neurons.

    Returns
    -------
    list of Generalisation
        Over instances, over neurons, and, where both can be had, over instances and neurons together.

    Notes
    -----
    Only the last is calibrated for claims about other neurons; the documentation's page on calibration has the
    numbers.
    """
    test = welch(_values_of(a), _values_of(b))
    found = [
        Generalisation(
            "instances",
            f"{test.n_a} and {test.n_b}",
            "Welch's t-test",
            test.standard_error,
            test.ci_low,
            test.ci_high,
            test.p,
            test.reason or "",
        )
    ]
    try:
        of_a = neuron_terms(a, benchmark)
        of_b = None if of_a is None else neuron_terms(b, benchmark, of_a[0])
    except ArrayError as error:
        return [*found, _untested("neurons", "", str(error))]
    if of_a is None or of_b is None:
        return [*found, _untested("neurons", "", f"{benchmark.identifier} is no weighted mean over neurons")]
    n_neurons = len(of_a[0])
    drawn = bootstrap_weighted_difference(*of_a[1], *of_b[1], n_resamples=n_resamples, seed=seed)
    over = _drawn("neurons", f"{n_neurons:,}", f"paired bootstrap, {n_resamples:,}", drawn)
    return [*found, over, *_together("instances and neurons", test, drawn, n_neurons - 1)]


def _drawn(over: str, n: str, method: str, result: Bootstrap) -> Generalisation:
    reason = "" if np.isfinite(result.p) else "nothing varies"
    return Generalisation(over, n, method, result.standard_error, result.low, result.high, result.p, reason)


def _together(over: str, test: WelchTest, drawn: Bootstrap, df: int) -> list[Generalisation]:
    """Add up the variances over instances and over what was drawn, where both are known."""
    if test.reason is not None or not np.isfinite(drawn.standard_error):
        return []
    errors = [test.standard_error, drawn.standard_error]
    both = crossed_test(test.difference, errors, [test.df, df])
    return [
        Generalisation(
            over,
            "together",
            "sum of variances, t",
            both.standard_error,
            both.ci_low,
            both.ci_high,
            both.p,
        )
    ]


def _generalise(
    a: Score,
    b: Score,
    models: Sequence[Model | ModelFamily],
    dataset: Dataset,
    benchmark: Benchmark,
    n_resamples: int,
    n_stimulus_resamples: int,
    seed: int,
    join: Join,
    use_cache: bool,
) -> list[Generalisation]:
    found = generalise_over_neurons(
        _instances(a), _instances(b), benchmark, n_resamples=n_resamples, seed=seed
    )
    n_stimuli = _instances(a)[0].provenance.get("n_stimuli")
    how_many = f"{n_stimuli:,}" if isinstance(n_stimuli, int) else ""
    if not n_stimulus_resamples or found[1].reason:
        why = found[1].reason or "not drawn; ask for resamples of stimuli"
        return [*found[:2], _untested("stimuli", how_many, why), *found[2:]]
    fit, n_stimuli, n_neurons = _refit(models, dataset, benchmark, join, use_cache)
    dual = dual_bootstrap(
        fit,
        n_stimuli=n_stimuli,
        n_neurons=n_neurons,
        n_resamples=n_stimulus_resamples,
        n_neuron_resamples=n_resamples,
        seed=seed,
    )
    found = [
        *found[:2],
        _drawn("stimuli", how_many, f"bootstrap with refits, {n_stimulus_resamples:,}", dual.stimuli),
        _drawn(
            "neurons and stimuli",
            f"{n_neurons:,} × {n_stimuli:,}",
            f"dual bootstrap, {n_stimulus_resamples:,}",
            dual.both,
        ),
    ]
    test = welch(_values(a), _values(b))
    df = min(n_neurons, n_stimuli, n_stimulus_resamples) - 1
    together = _together("instances, neurons and stimuli", test, dual.both, df)
    return [*found, *together]


def _refit(
    models: Sequence[Model | ModelFamily], dataset: Dataset, benchmark: Benchmark, join: Join, use_cache: bool
) -> tuple[Callable[[NDArray[np.int64]], OfNeurons], int, int]:
    """Return a function that fits both families to stimuli that are drawn, and the numbers of stimuli and neurons."""
    families = [
        [
            benchmark.align(_Known(each, dataset, use_cache), dataset, join=join)
            for each in (model.instances(dataset) if isinstance(model, ModelFamily) else [model])
        ]
        for model in models
    ]

    def fit(stimuli: NDArray[np.int64]) -> OfNeurons:
        means = []
        for family in families:
            terms = [benchmark.refit(latents, responses, dataset, stimuli) for latents, responses in family]
            if any(each is None for each in terms):
                raise UsageError(f"{benchmark.identifier} has no refit to stimuli that are drawn")
            means.append(weighted_mean(*_stack([each for each in terms if each is not None])))
        return lambda neurons: means[0](neurons) - means[1](neurons)

    responses = families[0][0][1]
    return fit, responses.sizes["stimulus"], responses.sizes["neuroid"]


class _Known:
    """A model whose latents come from the cache."""

    def __init__(self, model: Model, dataset: Dataset, use_cache: bool) -> None:
        self.identifier = model.identifier
        self._latents = compute_latents(model, dataset.stimuli, use_cache=use_cache)

    def latents(self, stimuli: object) -> Any:
        return self._latents


def _stack(terms: Sequence[NeuronTerms]) -> NeuronTerms:
    return np.stack([each[0] for each in terms]), np.stack([each[1] for each in terms])


def _untested(over: str, n: str, reason: str) -> Generalisation:
    return Generalisation(over, n, "", np.nan, np.nan, np.nan, np.nan, reason)


def _instances(score: Score) -> Sequence[Score]:
    return score.instances or (score,)


def _values(score: Score) -> NDArray[np.float64]:
    return _values_of(_instances(score))


def _values_of(scores: Sequence[Score]) -> NDArray[np.float64]:
    return np.array([each.value for each in scores])


def _conclude(
    a: Score, b: Score, difference: float, generalisations: Sequence[Generalisation]
) -> tuple[Verdict, str]:
    """Say which is better, over what that holds, and over what it does not or is not known."""
    if not np.isfinite(difference):
        return "neither", "A model has no score, so the two cannot be compared."
    if difference == 0:
        return "neither", f"{a.model} and {b.model} score the same, {a.value:.3f}."
    a_is_better = (difference > 0) == a.higher_is_better
    better, worse = (a, b) if a_is_better else (b, a)
    word = "higher" if a.higher_is_better else "lower, which is better,"
    start = (
        f"{better.model} scores {word} than {worse.model} by {abs(difference):.3f} "
        f"({better.value:.3f} against {worse.value:.3f})."
    )
    single = [each for each in generalisations if each.over in ("instances", "neurons", "stimuli")]
    joint = [each for each in generalisations if each not in single]
    holds = [each.over for each in single if each.p < ALPHA]
    fails = [each.over for each in single if each.p >= ALPHA]
    unknown = [each.over for each in single if np.isnan(each.p)]
    parts = []
    if holds:
        parts.append(f"holds over {_and(holds)}")
    if fails:
        parts.append(f"is not shown to hold over {_and(fails)}")
    if unknown:
        parts.append(f"is not tested over {_and(unknown)}")
    deciding = joint[-1] if joint else None
    if deciding is not None:
        sure = "holds" if deciding.p < ALPHA else "is not shown to hold"
        parts.append(f"{sure} over {deciding.over} taken together (p = {_p(deciding.p)})")
        is_shown = deciding.p < ALPHA
    else:
        is_shown = bool(holds) and not fails
    verdict: Verdict = ("a" if a_is_better else "b") if is_shown else "neither"
    return verdict, f"{start} That {'; it '.join(parts)}."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _p(value: float) -> str:
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """Replace NaN by None, which JSON can hold."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
