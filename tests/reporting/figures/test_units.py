import numpy as np
import pytest
import xarray as xr

from neuroalign.errors import UsageError
from neuroalign.reporting.figures import unit_shares, units_by_neurons
from neuroalign.reporting.figures.units import in_order

WEIGHTS = np.array([[0.0, 3.0, 0.0, 1.0], [2.0, -4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])


@pytest.fixture
def alignment(score):
    data = xr.Dataset(
        {"weights": (("unit", "neuroid"), WEIGHTS.copy())},
        coords={
            "unit": ["u0", "u1", "u2"],
            "neuroid": list("abcd"),
            "informative": ("unit", [True, True, False]),
        },
    )
    return score(data=data)


@pytest.fixture
def explained(score):
    # In another order: neurons pair by their ids.
    data = xr.Dataset(
        {"variance_explained": ("neuroid", [-0.1, 0.5, 0.2, 0.8])}, coords={"neuroid": ["d", "b", "c", "a"]}
    )
    return score(benchmark="variance_explained", data=data)


def test_shares_of_the_squared_weights(alignment):
    shares = unit_shares(alignment)
    np.testing.assert_allclose(shares.sel(neuroid="b"), [9 / 25, 16 / 25, 0])
    assert np.isnan(shares.sel(neuroid="c")).all()
    assert shares.attrs["quantity"] == "share of the squared weights"


def test_shares_of_the_variance_explained(alignment, explained):
    shares = unit_shares(alignment, explained)
    np.testing.assert_allclose(shares.sel(neuroid="b"), [0.5 * 9 / 25, 0.5 * 16 / 25, 0])
    np.testing.assert_allclose(shares.sel(neuroid="a"), [0, 0.8, 0])
    # Neuron d is not explained, although it has weights.
    assert np.isnan(shares.sel(neuroid="d")).all()


def test_shares_of_uncorrelated_units_are_the_drop_of_r2(score):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((50, 3))
    units = np.linalg.qr(values - values.mean(axis=0))[0] * np.sqrt(50)
    weights = np.array([0.8, -0.5, 0.1])
    signal = units @ weights
    data = xr.Dataset(
        {"weights": (("unit", "neuroid"), weights[:, None])},
        coords={"unit": list("xyz"), "neuroid": ["n"], "informative": ("unit", [True] * 3)},
    )
    total = signal.var()
    drops = [(total - (signal - units[:, item] * weights[item]).var()) / total for item in range(3)]
    np.testing.assert_allclose(unit_shares(score(data=data))[:, 0], drops)


def test_shares_that_cannot_be(alignment, explained, score):
    with pytest.raises(UsageError, match="has no weights"):
        unit_shares(score())
    with pytest.raises(UsageError, match="its own variance explained"):
        unit_shares(alignment, score("b[seed=0]", benchmark="variance_explained", data=explained.data))


def test_order_of_units_and_neurons(alignment):
    ordered = in_order(unit_shares(alignment))
    # u1 explains 1 + 16/25, u0 9/25 + 1; u2 is not informative and explains nothing.
    assert ordered["unit"].values.tolist() == ["u1", "u0"]
    assert ordered["neuroid"].values.tolist() == ["a", "b", "d", "c"]


def test_units_that_are_not_informative_are_below(alignment):
    alignment.data["weights"][2, 0] = 9.0
    ordered = in_order(unit_shares(alignment))
    assert ordered["unit"].values.tolist() == ["u0", "u1", "u2"]


def test_matrix(alignment, explained, drawn):
    shares = unit_shares(alignment, explained)
    axes = units_by_neurons(shares, model="m", dataset="toy", simulated=True)
    np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), in_order(shares).values)
    assert axes.images[0].get_clim() == (0.0, 0.8)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["u1", "u0"]
    assert axes.get_ylabel() == "2 informative units\nof 3; 1 other\nexplains nothing"
    assert axes.get_xlabel() == "4 neurons, sorted by their best unit; 2 (hatched) are not explained"
    assert axes.get_title(loc="left") == "m on toy, simulated neurons"
    (mark,) = drawn(axes, "informative")
    np.testing.assert_allclose(mark.get_ydata(), [1, 0])
    assert axes.figure.axes[1].get_ylabel() == "variance explained"


def test_mark_ends_with_the_informative_units(alignment, drawn):
    alignment.data["weights"][2, 0] = 9.0
    (mark,) = drawn(
        units_by_neurons(unit_shares(alignment), model="m", dataset="d", simulated=False), "informative"
    )
    np.testing.assert_allclose(mark.get_ydata(), [1, 1 / 3])


def test_nothing_is_explained(alignment):
    alignment.data["weights"][:] = 0.0
    axes = units_by_neurons(unit_shares(alignment), model="m", dataset="d", simulated=False)
    assert "; 4 (hatched) are not explained" in axes.get_xlabel()
    alignment.data["informative"][:] = False
    with pytest.raises(UsageError, match="nothing to draw: no unit is informative"):
        units_by_neurons(unit_shares(alignment), model="m", dataset="d", simulated=False)


def test_wrong_dimensions(alignment):
    with pytest.raises(UsageError, match="dimensions unit, neuroid"):
        units_by_neurons(unit_shares(alignment).T, model="m", dataset="d", simulated=False)
