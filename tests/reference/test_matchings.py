"""One-to-one, semi- and soft matching against POT, SciPy and closed forms.

The numbers are from POT's `emd`, SciPy's `linear_sum_assignment` and the maximum of `numpy.corrcoef`, in-sample.
"""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import ortho_group

from neuroalign.metrics import one_to_one, partial_soft_matching, semi_matching, soft_matching

EXACT = {"rel": 0, "abs": 1e-12}


@pytest.fixture(scope="module")
def draws():
    """Units, units with noise, an order of the units, noise units, and two noisy copies: 1,000 stimuli, 20 units."""
    rng = np.random.default_rng(0)
    units = rng.standard_normal((1000, 20))
    return {
        "units": units,
        "noisy": units + rng.standard_normal((1000, 20)),
        "order": rng.permutation(20),
        "noise": rng.standard_normal((1000, 20)),
        "copies": (
            units + 0.5 * rng.standard_normal((1000, 20)),
            units + rng.standard_normal((1000, 20)),
        ),
    }


def test_equal_numbers_of_units_and_neurons(draws):
    soft, one = (match(draws["units"], draws["noisy"]) for match in (soft_matching, one_to_one))
    assert soft.score == pytest.approx(0.7040117209751542, **EXACT)
    assert one.score == pytest.approx(0.7040117209751541, **EXACT)
    np.testing.assert_array_equal(soft.best_unit, one.best_unit)


def test_duplicated_units(draws):
    units = draws["units"]
    twice, mixed = np.hstack([units, units]), units[:, draws["order"]]
    assert soft_matching(twice, mixed).score == pytest.approx(1, **EXACT)
    assert one_to_one(twice, mixed).score == pytest.approx(1, **EXACT)
    semi = semi_matching(twice, mixed)
    assert (semi.neurons.score, semi.units.score) == pytest.approx((1, 1), **EXACT)


def test_half_of_the_units_are_noise(draws):
    more = np.hstack([draws["units"], draws["noise"]])
    assert soft_matching(more, draws["units"]).score == pytest.approx(0.5254371929947659, **EXACT)
    assert one_to_one(more, draws["units"]).score == pytest.approx(1, **EXACT)
    semi = semi_matching(more, draws["units"])
    assert semi.neurons.score == pytest.approx(1, **EXACT)
    assert semi.units.score == pytest.approx(0.5294148687500674, **EXACT)
    part = partial_soft_matching(more, draws["units"], mass=0.5)
    assert part.score == pytest.approx(0.9999999999999993, **EXACT)
    # All units that are noise are left out.
    np.testing.assert_allclose(part.unit_share, np.repeat([1.0, 0.0], 20), atol=1e-12)


def test_signs(draws):
    units = draws["units"]
    assert soft_matching(units, -units).score == pytest.approx(0.043774620233510454, **EXACT)
    assert soft_matching(units, -units, absolute=True).score == pytest.approx(1, **EXACT)


def test_independent_noise(draws):
    score = soft_matching(*draws["copies"]).score
    assert score == pytest.approx(0.6311135957924829, **EXACT)
    # √(ρx ρy) with reliabilities 1/(1 + .25) and 1/(1 + 1).
    assert score == pytest.approx(np.sqrt(0.8 * 0.5), abs=0.005)


def test_rotation(draws):
    turned = draws["units"] @ ortho_group.rvs(20, random_state=0)
    assert soft_matching(turned, draws["units"]).score == pytest.approx(0.39379908065344804, **EXACT)
    assert one_to_one(turned, draws["units"]).score == pytest.approx(0.39379908065344793, **EXACT)
    assert semi_matching(turned, draws["units"]).neurons.score == pytest.approx(0.42814275294148685, **EXACT)


def test_chance_of_the_in_sample_scores():
    scores = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        units, neurons = rng.standard_normal((200, 50)), rng.standard_normal((200, 30))
        semi = semi_matching(units, neurons)
        scores.append(
            (
                semi.neurons.score,
                semi.units.score,
                soft_matching(units, neurons).score,
                one_to_one(units, neurons).score,
            )
        )
    expected = [0.15881423390895352, 0.14465824082206777, 0.13525361308446057, 0.15370896819443974]
    np.testing.assert_allclose(np.mean(scores, axis=0), expected, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def areas(recordings):
    """Responses of each area and animal to 25 images, averaged over 28 repetitions."""
    with xr.open_dataset(recordings / "majajhong25" / "assy_majajhong25_legacy.nc") as stored:
        trials = stored["dicarlo.Majaj2015"].squeeze("time_bin").transpose("presentation", "neuroid").load()
    images = trials["image_id"].values
    mean = np.stack(
        [trials.values[images == image].astype(np.float64).mean(0) for image in np.unique(images)]
    )
    region, animal = trials["region"].values, trials["animal"].values
    return {
        "V4": mean[:, region == "V4"],
        "IT": mean[:, region == "IT"],
        "Chabo": mean[:, (region == "IT") & (animal == "Chabo")],
        "Tito": mean[:, (region == "IT") & (animal == "Tito")],
    }


@pytest.mark.parametrize(
    ("first", "second", "soft", "of_second", "of_first"),
    [
        ("V4", "IT", 0.5090520669934471, 0.5647542948447045, 0.5984481155587488),
        ("Chabo", "Tito", 0.42018148813354694, 0.5176313541486844, 0.539724569475802),
    ],
)
def test_areas_of_majaj_and_hong(areas, first, second, soft, of_second, of_first):
    Z, Y = areas[first], areas[second]
    assert soft_matching(Z, Y).score == pytest.approx(soft, **EXACT)
    assert soft_matching(Y, Z).score == pytest.approx(soft, **EXACT)
    semi = semi_matching(Z, Y)
    assert semi.neurons.score == pytest.approx(of_second, **EXACT)
    assert semi.units.score == pytest.approx(of_first, **EXACT)


@pytest.mark.parametrize(("n_units", "n_neurons"), [(7, 12), (12, 7), (30, 20)])
@pytest.mark.parametrize("mass", [0.1, 0.5, 0.73])
def test_partial_transport_of_pot(n_units, n_neurons, mass):
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(n_units)
    Z, Y = rng.standard_normal((50, n_units)), rng.standard_normal((50, n_neurons))
    r = np.corrcoef(Z, Y, rowvar=False)[:n_units, n_units:]
    weights = np.full(n_units, 1 / n_units), np.full(n_neurons, 1 / n_neurons)
    plan = ot.partial.partial_wasserstein(*weights, 1 - r, m=mass)
    result = partial_soft_matching(Z, Y, mass=mass)
    assert result.score == pytest.approx((plan * r).sum() / mass, abs=1e-9)
    np.testing.assert_allclose(result.neuron_share, plan.sum(axis=0) * n_neurons, atol=1e-9)
    np.testing.assert_allclose(result.unit_share, plan.sum(axis=1) * n_units, atol=1e-9)
