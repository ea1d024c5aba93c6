"""Scores of the stand-ins: axes matter for neurons with single tuning, and not for mixed neurons."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import ortho_group

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.models.wrapped import PrecomputedModel
from neuroalign.scoring.evaluate import score


def as_model(dataset, values, name):
    coords = {"stimulus": dataset.stimuli.ids}
    return PrecomputedModel(xr.DataArray(values, dims=("stimulus", "unit"), coords=coords), name)


def factors(dataset, *, seed=None):
    """The true factors, or with a seed a random rotation of them."""
    values = dataset.factors.to_numpy()
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    if seed is not None:
        values = values @ ortho_group.rvs(values.shape[1], random_state=seed)
    return as_model(dataset, values, "factors" if seed is None else f"rotated{seed}")


def gap(dataset, benchmark):
    """How much better the factors do than five rotations of them."""
    native = score(factors(dataset), dataset, benchmark, use_cache=False).value
    rotated = [
        score(factors(dataset, seed=seed), dataset, benchmark, use_cache=False).value for seed in range(5)
    ]
    return native, native - np.mean(rotated)


@pytest.fixture(scope="module")
def single():
    return load_dataset("AM-faces-sim")


@pytest.fixture(scope="module")
def mixed():
    return load_dataset("AM-faces-sim-mixed")


@pytest.mark.slow
# Neurons tuned to two or three factors or to none, a quarter and a seventh of all, keep the best score below 1.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alignment[turns=0,predictive_power=False]", 0.8),
        ("correlation_ratio[turns=0,predictive_power=False]", 0.6),
    ],
)
def test_factors_align_with_single_factor_neurons_far_better_than_rotations(name, expected, single, mixed):
    native, difference = gap(single, name)
    assert native > expected
    assert difference > 0.35
    _, difference = gap(mixed, name)
    assert abs(difference) < 0.06


def test_factors_find_the_neurons_tuned_to_them(single):
    weights = score(factors(single), single, "alignment[turns=0]", use_cache=False).data["weights"]
    truth = single.truth.loc[weights["neuroid"].values].to_numpy()
    one_factor = (truth != 0).sum(axis=1) == 1
    best = np.abs(weights.values).argmax(axis=0)[one_factor]
    assert np.mean(best == np.abs(truth[one_factor]).argmax(axis=1)) > 0.97
    untuned = (truth == 0).all(axis=1)
    assert np.median(np.abs(weights.values).max(axis=0)[untuned]) < 0.05


@pytest.mark.parametrize("kind", ["abs_gaussian", "orthogonal"])
def test_recombination_lowers_the_native_score(kind, single):
    result = score(factors(single), single, f"linear_recombination[n_draws=2,kind={kind}]", use_cache=False)
    assert result.value > 0.3
    assert (result.data["recombined"] < result.data["native"] - 0.3).all()


def test_a_rotation_of_mixed_neurons_changes_nothing(mixed):
    result = score(factors(mixed), mixed, "linear_recombination[n_draws=2,kind=orthogonal]", use_cache=False)
    assert abs(result.value) < 0.1


@pytest.mark.slow
def test_both_kinds_of_neurons_are_explained_equally_well(single, mixed):
    explained = [
        score(factors(dataset), dataset, "variance_explained", use_cache=False) for dataset in (single, mixed)
    ]
    for result in explained:
        assert 0.35 < result.value < result.ceiling
    assert explained[0].value == pytest.approx(explained[1].value, abs=0.1)


@pytest.mark.slow
def test_pure_noise_scores_near_chance(single):
    noise = np.random.default_rng(0).standard_normal((len(single.stimuli), 12))
    model = as_model(single, noise, "noise")
    explained = score(model, single, "variance_explained", use_cache=False)
    assert abs(explained.value) < 0.01
    alignment = score(model, single, "alignment[turns=0]", use_cache=False)
    # The one-standard-error rule leaves neurons that no unit predicts without any weight.
    assert alignment.value < 0.05
    assert alignment.beside["neurons_without_weight"] > 150
    assert alignment.beside["variance_explained"] == explained.value
    assert alignment.beside["predicted_neurons"] < 0.1 * 159
    ratio = score(model, single, "correlation_ratio[turns=0]", use_cache=False)
    assert ratio.value == pytest.approx(ratio.null, abs=0.02)
    decoding = score(model, single, "decoding[turns=0]", use_cache=False)
    assert decoding.value == pytest.approx(1.0, abs=0.1)
