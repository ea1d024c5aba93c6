"""Comparison of two models on one dataset: the difference, its tests, and other possible explanations."""

import os
import warnings
from dataclasses import replace
from typing import Any

from neuroalign.arrays import Join
from neuroalign.comparison.axes import median_reliability
from neuroalign.comparison.differences import (
    add_stimulus_draws,
    compare_at_matched_neurons,
    compare_with_ceiling,
    generalise,
    other_differences,
    read_sample,
    read_samples,
)
from neuroalign.comparison.inference import Inference
from neuroalign.comparison.matched_units import compare_at_matched_units
from neuroalign.comparison.outcome import Comparison
from neuroalign.comparison.samples import instances_of
from neuroalign.comparison.wording import conclude, explain
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.models.ceiling import ceiling_family
from neuroalign.models.loading import load_model
from neuroalign.models.model import Fitted, Model, ModelFamily
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.results.score import Score, summarise
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.cautions import cautions
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.resampling import Statistic
from neuroalign.validation import checks


@checks(
    "statistic",
    "margin",
    "n_resamples",
    "n_stimulus_resamples",
    "n_permutations",
    "seed",
    "join",
    "use_cache",
    "store",
)
def compare(
    model_a: "str | Model | ModelFamily | Any",
    model_b: "str | Model | ModelFamily | Any",
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark = DEFAULT_BENCHMARK,
    *,
    statistic: str = "",
    ceiling: "str | ModelFamily | None" = "auto",
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
    model_a, model_b : str, Model, ModelFamily, or any object that :func:`neuroalign.as_model` takes
        Models or families, by name or as objects.
    dataset : str, path or Dataset
        Dataset, by name, by its folder or as an object.
    benchmark : str or Benchmark
        Benchmark, by name with its options or as an object.
    statistic : str
        Identifier of the compared number of the benchmark's scores; by default the first one.
    ceiling : str, ModelFamily or None
        Family with the scores that are the ceiling. "auto": the family of subsets of the recorded neurons for the score
        itself, and no ceiling for an axis index, which has the bound 1.
    margin : float
        Families with means that differ from the ceiling's mean by less are equivalent to it.
    n_resamples : int
        Number of draws of neurons (no refit).
    n_stimulus_resamples : int
        Number of draws of stimuli. Every instance is fitted to each draw; 0 for no draws.
    n_permutations : int
        Number of shuffles behind the level of chance, as for :func:`neuroalign.score`.
    seed : int
        Seed of all draws.
    join, n_jobs, use_cache, store
        As for :func:`neuroalign.score`.

    Returns
    -------
    Comparison
        The difference with its tests, and its other possible explanations.

    Raises
    ------
    NeuroalignError
        If a name is unknown, or a model cannot be scored.

    Notes
    -----
    Instances are compared by Welch's test. The same neurons and stimuli are drawn for both models, so that the effects
    of shared neurons and stimuli cancel; see :func:`neuroalign.stats.dual_bootstrap`. Where instances and neurons (and
    stimuli) are all sampled, their variances add up: :func:`neuroalign.stats.crossed_test`. The instances of a family
    without seeds, such as the sizes of a PCA, are not a sample: such a family adds no variance over instances.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=8)
    >>> comparison = na.compare("factors", "pca[n=4]", dataset, "linear", ceiling=None, use_cache=False)
    >>> comparison.difference > 0
    True
    """
    _check_numbers(margin, n_resamples, n_stimulus_resamples, n_permutations, seed)
    loaded_dataset, by = load_dataset(dataset), load_benchmark(benchmark)
    expect_one_window(loaded_dataset)
    chosen = by.find_statistic(statistic)
    loaded = [load_model(model, dataset=loaded_dataset) for model in (model_a, model_b)]
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

    scores = summary(loaded[0], n_permutations), summary(loaded[1], n_permutations)
    a, b = scores
    if ceiling == "auto":
        ceiling = _default_ceiling(by, chosen)
    top = None if ceiling is None or not by.has_ceiling else _score_ceiling(ceiling, loaded_dataset, summary)
    declared = [model.is_sample if isinstance(model, ModelFamily) else None for model in loaded]
    draws: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    samples = read_samples(by, chosen.identifier, scores, declared)
    if n_stimulus_resamples:
        samples = add_stimulus_draws(
            samples,
            loaded,
            loaded_dataset,
            by,
            by.resampling(chosen.identifier, instances_of(scores)),
            n_draws=n_stimulus_resamples,
            seed=seed,
            join=join,
            use_cache=use_cache,
        )
    tests = generalise(*samples, **draws)
    matched, n_matched = compare_at_matched_neurons(scores, samples, **draws)
    matched_units = compare_at_matched_units(
        by, loaded, loaded_dataset, join=join, use_cache=use_cache, **draws
    )
    reliability = median_reliability(loaded_dataset)
    verdict, sentence = conclude(a, b, samples, chosen, tests)
    means = {"a": samples[0].mean, "b": samples[1].mean}
    meets_ceiling = {}
    if top is not None:
        of_all = by.resampling(chosen.identifier, instances_of([a, b, top]))
        means["ceiling"] = read_sample(top, of_all, None).mean
        meets_ceiling = compare_with_ceiling(by, chosen, scores, declared, top, margin=margin, **draws)
    return Comparison(
        a=a,
        b=b,
        statistic=chosen,
        means=means,
        difference=samples[0].mean - samples[1].mean,
        generalisations=[_with_number_of_stimuli(test, a) for test in tests],
        others=[
            *other_differences(by, chosen, scores, declared, **draws),
            *([] if matched_units is None else [matched_units]),
        ],
        ceiling=top,
        meets_ceiling=meets_ceiling,
        why_no_samples={"a": samples[0].why_no_sample, "b": samples[1].why_no_sample},
        matched=matched,
        n_matched=n_matched,
        reliability=reliability,
        cautions={"a": cautions(a), "b": cautions(b)},
        confounds=[
            *by.confounds(a, b),
            *explain(
                a,
                b,
                reliability=reliability,
                matched=matched,
                n_matched=n_matched,
                fitted=tuple(model.fitted_to if isinstance(model, Fitted) else None for model in loaded),
            ),
        ],
        verdict=verdict,
        sentence=sentence,
        simulated=loaded_dataset.simulated,
    )


def _check_numbers(
    margin: float, n_resamples: int, n_stimulus_resamples: int, n_permutations: int, seed: int
) -> None:
    if min(n_stimulus_resamples, n_permutations, seed) < 0:
        raise UsageError(
            "n_stimulus_resamples, n_permutations and seed must not be negative, "
            f"got {n_stimulus_resamples}, {n_permutations} and {seed}"
        )
    if not margin > 0:
        raise UsageError(f"margin must be a positive number, got {margin}")
    if n_stimulus_resamples == 1:
        raise UsageError("n_stimulus_resamples must be at least 2, or 0 for no draws of stimuli, got 1")
    if n_resamples < 2:
        raise UsageError(f"n_resamples must be at least 2, got {n_resamples}")


def _default_ceiling(benchmark: Benchmark, statistic: Statistic) -> str | None:
    """Return the family of the recorded neurons; None for the number of a control, which has its own bound."""
    return None if statistic.identifier == benchmark.control else ceiling_family()


def _score_ceiling(ceiling: "str | ModelFamily", dataset: Dataset, summary: Any) -> Score | None:
    try:
        top: Score = summary(load_model(ceiling, dataset=dataset), 0)
    except NeuroalignError as error:
        # Some recordings have too few neurons for a ceiling of neurons.
        warnings.warn(f"no ceiling: {error}", NeuroalignWarning, stacklevel=3)
        return None
    return top


def _with_number_of_stimuli(test: Inference, score: Score) -> Inference:
    """Fill in the number of stimuli of a test over stimuli that was not computed."""
    provenance = instances_of([score])[0].provenance
    n_stimuli = provenance.get("n_originals", provenance.get("n_stimuli"))
    if test.over == "stimuli" and not test.n and isinstance(n_stimuli, int):
        return replace(test, n=f"{n_stimuli:,}")
    return test
