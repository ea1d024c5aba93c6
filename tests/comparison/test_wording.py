"""Verdicts and other explanations in sentences."""

from dataclasses import replace

import numpy as np
import xarray as xr

from neuroalign.comparison import Sample, generalise, make_sample
from neuroalign.comparison.axes import read_axes
from neuroalign.comparison.wording import conclude, explain
from neuroalign.results.score import summarise
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.testing import make_score


def with_axes(score, index, p, **arrays):
    """Scores of instances as a benchmark with an axis index makes them."""
    beside = {
        "axis_index": index,
        "axis_index_error": 0.02,
        "axis_index_p": p,
        "regenerated": 0.5,
        "turned": 0.4,
        "turned_sd": 0.01,
    }
    return replace(score, beside={**score.beside, **beside}, data=score.data.assign(arrays))


KAPPA = Statistic("axis_index", "axis index κ")


def concluded(kappas, ps):
    """Conclude from two families of three instances with these κ and p."""
    scores = []
    for name, kappa, p in zip(("beta_vae", "pca"), kappas, ps, strict=True):
        instances = [
            with_axes(make_score(model=f"{name}[seed={seed}]"), kappa + 0.001 * seed, p) for seed in range(3)
        ]
        scores.append(summarise(instances, family=name))
    resampling = Resampling(KAPPA, read=lambda score: score.beside["axis_index"])
    samples = [make_sample(score.instances, resampling) for score in scores]
    return conclude(*scores, tuple(samples), KAPPA, generalise(*samples)), scores


def test_where_no_axes_are_special_neither_is_higher():
    (verdict, sentence), scores = concluded((0.05, 0.02), (0.2, 0.6))
    assert verdict == "neither"
    assert sentence == (
        "Neither model's axes are special: beta_vae (κ = 0.051, p = 0.200) and pca (κ = 0.021, p = 0.600). "
        "So their difference of 0.030 ranks neither before the other."
    )
    assert explain(*scores)[0] == (
        "Axes: the axes of beta_vae are not special (κ = 0.051 ± 0.020, median p = 0.200, 0 of 3 instances have "
        "p ≤ .05); C is 0.500, with neurons regenerated from linear tuning 0.500, and with this tuning turned "
        "0.400 ± 0.010."
    )


def test_higher_is_withheld_where_one_side_is_at_chance():
    (verdict, sentence), _ = concluded((0.4, 0.02), (0.01, 0.6))
    assert verdict == "a"
    assert sentence.startswith(
        "The axes of beta_vae are special (κ = 0.401, p = 0.010), the axes of pca are not (κ = 0.021, p = 0.600). "
        "Their difference of 0.380 holds over instances"
    )
    assert "higher" not in sentence
    # κ needs both: a number above .10 and p ≤ .05.
    for kappa, p in ((0.4, 0.06), (0.09, 0.01)):
        (verdict, sentence), _ = concluded((kappa, 0.02), (p, 0.6))
        assert (verdict, sentence.startswith("Neither model's axes are special")) == ("neither", True)
    (verdict, sentence), _ = concluded((0.4, 0.2), (0.01, 0.02))
    assert verdict == "a"
    assert sentence.startswith(
        "beta_vae scores higher than pca by 0.200 in axis index κ (0.401 against 0.201)."
    )


def weaken(score, **beside):
    """Scores of a family of instances that explain little."""
    weak = {"variance_explained": 0.01, "explained_share": 0.02, **beside}
    instances = [
        replace(instance, beside={**instance.beside, **weak}, provenance={"n_neurons": 33})
        for instance in score.instances
    ]
    return summarise(instances, family=score.model)


def test_higher_is_withheld_where_the_better_score_must_not_be_interpreted():
    (verdict, _), (a, b) = concluded((0.4, 0.2), (0.01, 0.02))
    assert verdict == "a"
    resampling = Resampling(KAPPA, read=lambda score: score.beside["axis_index"])
    samples = tuple(make_sample(score.instances, resampling) for score in (a, b))
    tests = generalise(*samples)
    why = (
        "in all 3 instances the units explain 2.0 % of the explainable variance (0.010 of 0.500): do not interpret "
        "alignment"
    )
    assert conclude(weaken(a), b, samples, KAPPA, tests) == (
        "neither",
        f"The score of beta_vae must not be interpreted ({why}). So the difference of 0.200 in axis index κ ranks "
        "neither before the other.",
    )
    assert conclude(weaken(a), weaken(b), samples, KAPPA, tests) == (
        "neither",
        f"The score of beta_vae must not be interpreted ({why}), nor must the score of pca. So the "
        "difference of 0.200 in axis index κ ranks neither before the other.",
    )
    # A lower score that must not be interpreted ranks neither, too.
    assert conclude(a, weaken(b), samples, KAPPA, tests) == (
        "neither",
        f"The score of pca must not be interpreted ({why}). So the difference of 0.200 in axis index κ ranks neither "
        "before the other.",
    )


def test_axes_are_special_by_the_bound_over_neurons():
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    assert read_axes(scores[0]).special
    wide = [
        replace(instance, beside={**instance.beside, "axis_index_error": 0.19})
        for instance in scores[0].instances
    ]
    # .401 − 1.645 · .19 is .088.
    assert not read_axes(summarise(wide, family="beta_vae")).special


def test_chance_by_shuffles_withholds_higher():
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    a, b = (replace(score, value=value) for score, value in zip(scores, (0.6, 0.5), strict=True))
    b = replace(
        b,
        null=0.48,
        instances=[replace(score, provenance={"permutation_p": 0.3}) for score in b.instances],
    )
    statistic = Statistic("value", "alignment C")
    samples = tuple(
        Sample(score.model, np.array([score.value - 0.01, score.value + 0.01])) for score in (a, b)
    )
    verdict, sentence = conclude(a, b, samples, statistic, generalise(*samples))
    assert sentence.startswith(
        "pca is not above chance (0.500, p of chance = 0.300). Their difference of 0.100 "
    )
    assert verdict == "a"


def test_other_explanations_are_named():
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    neurons = [f"n{index}" for index in range(8)]
    given = []
    for score, explained, trained in zip(scores, (0.4, 0.2), ("faces", "objects"), strict=True):
        predicted = np.arange(8) < (7 if explained > 0.3 else 6)
        data = xr.Dataset(
            {
                "variance_explained": ("neuroid", np.full(8, explained)),
                "predicted": ("neuroid", predicted),
            },
            coords={"neuroid": neurons},
        )
        instances = [
            replace(
                one, data=data, provenance={"trained_on": trained}, beside={"neurons_without_weight": 2.0}
            )
            for one in score.instances
        ]
        given.append(summarise(instances, family=score.model))
    assert explain(*given, reliability=0.61) == [
        "Prediction: beta_vae explains 40.0 % of the variance, pca 20.0 %; a model that predicts fewer neurons is "
        "scored on other neurons.",
        "Neurons without weight: 2 for beta_vae, 2 for pca; they do not count in C.",
        "Training images: beta_vae was trained on faces, pca was trained on objects; the images may explain the "
        "difference.",
        "Reliability: 0.61 for the median neuron; noise raises C, because it leaves fewer weights, and lowers variance "
        "explained. alignment[rule=min] depends little on noise: use it, with κ, to compare recordings, areas and "
        "animals.",
    ]
    # The images of a model that was trained on the scored dataset are those that another model is fitted to.
    without = replace(
        given[1], instances=[replace(one, provenance={}) for one in given[1].instances], dataset="faces"
    )
    given_fitted = (replace(given[0], dataset="faces"), without)
    for fitted, clause in (
        ("stimuli", ""),
        ("nothing", "beta_vae was trained on faces, pca has no training images; "),
        (None, "beta_vae was trained on faces, the scores of pca name no training images; "),
    ):
        named = [
            text for text in explain(*given_fitted, fitted=(None, fitted)) if text.startswith("Training")
        ]
        assert named == (
            [f"Training images: {clause}the images may explain the difference."] if clause else []
        )
    elsewhere = [replace(score, dataset="cars") for score in given_fitted]
    assert (
        "Training images: beta_vae was trained on faces, pca was fitted to the stimuli of cars; the images may explain "
        "the difference." in explain(*elsewhere, fitted=(None, "stimuli"))
    )
    assert explain(*given)[-1].startswith(
        "Reliability: unknown without single trials or standard errors; noise raises C"
    )
    by_min = [replace(score, options={"rule": "min"}) for score in given]
    assert explain(*by_min, reliability=0.61)[-1] == (
        "Reliability: 0.61 for the median neuron; noise lowers variance explained, and hardly changes C by rule=min."
    )
    of_others = [replace(score, benchmark="decoding") for score in given]
    assert explain(*of_others, reliability=0.61)[-1] == (
        "Reliability: 0.61 for the median neuron; noise lowers variance explained."
    )
