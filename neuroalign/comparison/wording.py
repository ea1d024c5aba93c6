"""Sentences about a comparison: the verdict, and other possible explanations of a difference."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from neuroalign.comparison.axes import describe_chance, is_above_chance, read_axes
from neuroalign.comparison.inference import Inference
from neuroalign.comparison.samples import Sample, instances_of
from neuroalign.errors import format_p
from neuroalign.results.numbers import join_words, write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import cautions, is_readable
from neuroalign.scoring.declared import NEURONS_WITHOUT_WEIGHT, effect_of_noise, name_score
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic

#: Smallest p-value of a test that does not call two models different.
ALPHA = 0.05

Verdict = Literal["a", "b", "neither"]


def conclude(
    a: Score, b: Score, samples: tuple[Sample, Sample], statistic: Statistic, tests: Sequence[Inference]
) -> tuple[Verdict, str]:
    """Name the better model, and the things that this holds, does not hold or is not tested over.

    Parameters
    ----------
    a, b : Score
        Scores of the models or families.
    samples : tuple of Sample
    statistic : Statistic
    tests : sequence of Inference
        Tests of the difference of a and b; the last one decides.

    Returns
    -------
    verdict : {"a", "b", "neither"}
    sentence : str
    """
    mean_a, mean_b = samples[0].mean, samples[1].mean
    if not np.isfinite(mean_a - mean_b):
        without = a.model if np.isnan(mean_a) else b.model
        return "neither", f"{without} has no {statistic.label}, so the two cannot be compared."
    if mean_a == mean_b:
        return "neither", f"{a.model} and {b.model} have the same {statistic.label}, {mean_a:.3f}."
    a_is_better = (mean_a > mean_b) == statistic.higher_is_better
    better, worse = (a, b) if a_is_better else (b, a)
    mean_better, mean_worse = (mean_a, mean_b) if a_is_better else (mean_b, mean_a)
    shown, how = _describe_tests(tests)
    verdict: Verdict = ("a" if a_is_better else "b") if shown else "neither"
    unreadable = [score for score in (better, worse) if not is_readable(score)]
    if unreadable:
        both = f", nor must the score of {worse.model}" if len(unreadable) == 2 else ""
        return "neither", (
            f"The score of {unreadable[0].model} must not be interpreted ({cautions(unreadable[0])[0]}){both}. So the "
            f"difference of {abs(mean_a - mean_b):.3f} in {statistic.label} ranks neither before the other."
        )
    above = is_above_chance(better, statistic), is_above_chance(worse, statistic)
    if False in above:
        return (
            verdict if above[0] is not False else "neither",
            _withhold(better, worse, statistic, above, f"{abs(mean_a - mean_b):.3f}", how),
        )
    word = "higher" if statistic.higher_is_better else "lower, which is better,"
    return verdict, (
        f"{better.model} scores {word} than {worse.model} by {abs(mean_a - mean_b):.3f} in {statistic.label} "
        f"({mean_better:.3f} against {mean_worse:.3f}). That {how}."
    )


def _withhold(
    better: Score,
    worse: Score,
    statistic: Statistic,
    above: tuple[bool | None, bool | None],
    difference: str,
    how: str,
) -> str:
    """State that a model is not above chance, without calling either model higher."""
    numbers = {score.model: describe_chance(score, statistic) for score in (better, worse)}
    axes = statistic.identifier == AXIS_INDEX
    if above[0] is False and above[1] is False:
        start = (
            f"Neither model's axes are special: {better.model} ({numbers[better.model]}) and {worse.model} "
            f"({numbers[worse.model]})"
            if axes
            else f"Neither {better.model} ({numbers[better.model]}) nor {worse.model} ({numbers[worse.model]}) is "
            "above chance"
        )
        return f"{start}. So their difference of {difference} ranks neither before the other."
    at_chance, other = (better, worse) if above[0] is False else (worse, better)
    if axes:
        start = (
            f"The axes of {other.model} are special ({numbers[other.model]}), the axes of {at_chance.model} are not "
            f"({numbers[at_chance.model]})"
            if above[0] or above[1]
            else f"The axes of {at_chance.model} are not special ({numbers[at_chance.model]})"
        )
    else:
        start = f"{at_chance.model} is not above chance ({numbers[at_chance.model]})"
        if above[0] or above[1]:
            start += f", {other.model} is ({numbers[other.model]})"
    return f"{start}. Their difference of {difference} {how}."


def _describe_tests(tests: Sequence[Inference]) -> tuple[bool, str]:
    """Return whether the difference is shown, and the things that it holds over, in words."""
    single = [test for test in tests if test.over in ("instances", "neurons", "stimuli")]
    joint = [test for test in tests if test not in single and np.isfinite(test.p)]
    holds = [test.over for test in single if test.p < ALPHA]
    fails = [test.over for test in single if test.p >= ALPHA]
    untested = [test.over for test in single if np.isnan(test.p)]
    parts = []
    if holds:
        parts.append(f"holds over {join_words(holds)}")
    if fails:
        parts.append(f"is not shown to hold over {join_words(fails)}")
    if untested:
        parts.append(f"is not tested over {join_words(untested)}")
    shown = bool(holds) and not fails
    if joint:
        shown = bool(joint[-1].p < ALPHA)
        outcome = "holds" if shown else "is not shown to hold"
        parts.append(f"{outcome} over {joint[-1].over} taken together (p = {format_p(joint[-1].p)})")
    return shown, "; it ".join(parts)


def explain(
    a: Score,
    b: Score,
    *,
    reliability: float = float("nan"),
    matched: Inference | None = None,
    n_matched: int = 0,
    fitted: Sequence[str | None] = (None, None),
) -> list[str]:
    """List explanations of a difference of two models other than their axes.

    Parameters
    ----------
    a, b : Score
        Scores of the models, or of the families with their instances.
    reliability : float
        Median split-half reliability of the neurons; NaN where it is unknown.
    matched : Inference, optional
        Difference at the neurons that both models predict above chance.
    n_matched : int
        Number of these neurons.
    fitted : sequence of {"stimuli", "nothing", None}
        For each model, the images that its units are fitted to, where it has no training images of its own; see
        :class:`neuroalign.models.model.Fitted`.

    Returns
    -------
    list of str
    """
    both = (a, b)
    sentences = [sentence for score in both for sentence in [_describe_axes(score)] if sentence]
    explained = [_mean_of_neurons(score, "variance_explained") for score in both]
    if np.isfinite(explained).all():
        sentences.append(
            f"Prediction: {a.model} explains {100 * explained[0]:.1f} % of the variance, {b.model} "
            f"{100 * explained[1]:.1f} %; "
            "a model that predicts fewer neurons is scored on other neurons."
        )
    if matched is not None:
        test = (
            f"not tested: {matched.reason}"
            if matched.reason
            else (f"{matched.ci_low:+.3f} to {matched.ci_high:+.3f}, p = {format_p(matched.p)}")
        )
        sentences.append(
            f"Matched neurons: at the {n_matched:,} neurons that both predict above chance the difference is "
            f"{matched.estimate:+.3f} ({test})."
        )
    elif n_matched:
        sentences.append(f"Matched neurons: both models predict only {n_matched} neurons above chance.")
    without = [score.beside.get(NEURONS_WITHOUT_WEIGHT.identifier, float("nan")) for score in both]
    if np.isfinite(without).all() and max(without) > 0:
        sentences.append(
            f"Neurons without weight: {write_number(without[0], 'count')} for {a.model}, "
            f"{write_number(without[1], 'count')} for {b.model}; they do not count in {name_score(a.benchmark)}."
        )
    sentences += _describe_training(a, b, fitted)
    sentences.append(_describe_reliability(a, reliability))
    return sentences


def _describe_axes(score: Score) -> str:
    axes = read_axes(score)
    if axes is None or not np.isfinite(axes.index):
        return ""
    error = f" ± {axes.error:.3f}" if np.isfinite(axes.error) else ""
    passing = f", {axes.n_passing} of {axes.n} instances have p ≤ .05" if axes.n > 1 else ""
    median = "median p" if axes.n > 1 else "p"
    verdict = "are special" if axes.special else "are not special"
    turned = f"{axes.turned:.3f}" + (f" ± {axes.turned_sd:.3f}" if np.isfinite(axes.turned_sd) else "")
    name = name_score(score.benchmark)
    return (
        f"Axes: the axes of {score.model} {verdict} (κ = {axes.index:.3f}{error}, {median} = {format_p(axes.p)}"
        f"{passing}); {name} is {axes.native:.3f}, with neurons regenerated from linear tuning {axes.regenerated:.3f}, "
        f"and with this tuning turned {turned}."
    )


def _describe_reliability(score: Score, reliability: float) -> str:
    """Describe the reliability of the neurons, and the effect of noise on the score."""
    median = (
        f"{reliability:.2f} for the median neuron"
        if np.isfinite(reliability)
        else "unknown without single trials or standard errors"
    )
    return f"Reliability: {median}; noise {effect_of_noise(score) or 'lowers variance explained'}."


def _describe_training(a: Score, b: Score, fitted: Sequence[str | None]) -> list[str]:
    trained = [
        sorted({str(instance.provenance.get("trained_on") or "") for instance in instances_of([score])})
        for score in (a, b)
    ]
    named = [[name for name in names if name] for names in trained]
    # A model that is fitted to the stimuli has the images of a model that was trained on this dataset.
    images = [
        [a.dataset] if of_units == "stimuli" and not names else names
        for of_units, names in zip(fitted, named, strict=True)
    ]
    if not any(named) or images[0] == images[1]:
        return []
    clauses = [
        _name_training(score.model, names, of_units, score.dataset)
        for score, names, of_units in zip((a, b), named, fitted, strict=True)
    ]
    return [f"Training images: {clauses[0]}, {clauses[1]}; the images may explain the difference."]


def _name_training(model: str, names: Sequence[str], fitted: str | None, dataset: str) -> str:
    if names:
        return f"{model} was trained on {join_words(names)}"
    if fitted == "stimuli":
        return f"{model} was fitted to the stimuli of {dataset}"
    if fitted == "nothing":
        return f"{model} has no training images"
    return f"the scores of {model} name no training images"


def _mean_of_neurons(score: Score, name: str) -> float:
    """Return the mean over instances and neurons of an array; NaN where an instance has no such array per neuron."""
    arrays = [instance.data.get(name) for instance in instances_of([score])]
    if any(array is None or array.dims != ("neuroid",) for array in arrays):
        return float("nan")
    return float(np.mean([np.nanmean(array.values) for array in arrays if array is not None]))


def describe_difference(statistic: Statistic, means: Mapping[str, float], test: Inference) -> str:
    """Write the difference by one statistic in a line."""
    test_in_words = (
        f"not tested: {test.reason}"
        if test.reason
        else f"95 % interval over {test.over} {test.ci_low:+.3f} to {test.ci_high:+.3f}, p = {format_p(test.p)}"
    )
    numbers = " against ".join(f"{mean:.3f}" for mean in means.values())
    return f"{statistic.label}: {numbers}, difference {test.estimate:+.3f} ({test_in_words})"
