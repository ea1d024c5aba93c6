"""Numbers that claims compare, read from scores with their own options."""

import numpy as np
import pytest
import xarray as xr

from neuroalign.errors import NeuroalignError
from neuroalign.studies.claims import best
from neuroalign.studies.samples import samples


def test_dead_units_do_not_count_at_a_common_d(evidence, score):
    # Six equal weights score .222 at D = 10 and .542 at D = 50.
    few, many = 1 - np.log(6) / np.log(10), 1 - np.log(6) / np.log(50)
    given = evidence(few=[score("few", few, beside={"D": 10})], many=[score("many", many, beside={"D": 50})])
    families = samples(given, "alignment", read="at_common_d")
    assert families["few"].values == pytest.approx([many])
    assert families["many"].values == pytest.approx([many])


def test_common_d_overturns_an_advantage_of_dead_units(evidence, score, spread):
    def with_base(name, d):
        return [
            score(f"{name}[seed={s}]", 1 - np.log(6 + x) / np.log(d), beside={"D": d})
            for s, x in enumerate(0.01 * spread)
        ]

    given = evidence(a=with_base("a", 50), b=with_base("b", 10))
    assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
    corrected = best(given, scoring="alignment", subject="a", read="at_common_d").ours
    assert corrected.verdict == "cannot tell"
    assert corrected.estimate == pytest.approx(0, abs=1e-12)


def test_no_weights_stay_zero_at_every_d(evidence, score, with_neurons):
    dead = with_neurons("dead", [0.5, 0.5], [1.0, 1.0], d=10)
    data = dead.data.assign(weights=0 * dead.data["weights"], alignment=dead.data["alignment"] * np.nan)
    beside = {"D": 10, "neurons_without_weight": 2}
    zero = score("dead", 0.0, data=data, beside=beside, provenance={"n_neurons": 2})
    given = evidence(dead=[zero], many=[score("many", 0.5, beside={"D": 50})])
    assert samples(given, "alignment", read="at_common_d")["dead"].values.tolist() == [0.0]


def test_above_chance(evidence, score):
    ratio = score("a", 0.4, benchmark="correlation_ratio", null=0.2)
    distance = score("b", 0.3, benchmark="decoding", null=0.9)
    assert samples(evidence(a=[ratio]), "alignment", read="above chance")["a"].values == pytest.approx([0.25])
    assert samples(evidence(b=[distance]), "alignment", read="above chance")["b"].values == pytest.approx(
        [2 / 3]
    )


def test_a_number_beside_the_value(evidence, score):
    given = evidence(a=[score("a", 0.4, beside={"unit_proportion": 0.7})])
    assert samples(given, "alignment", read="unit_proportion")["a"].values.tolist() == [0.7]
    with pytest.raises(NeuroalignError, match=r"did you mean unit_proportion\?"):
        samples(given, "alignment", read="unit proportions")


def test_neurons_pair_by_name(evidence, score, with_neurons):
    one = with_neurons("a", [0.1, 0.9], [1.0, 3.0], d=10)
    other = score("a[seed=1]", one.value, data=one.data.isel(neuroid=[1, 0]), beside={"D": 10})
    families = samples(evidence(a=[one, other]), "alignment", read="value")["a"]
    assert families.tested.neurons == ("n00", "n01")
    # Both instances at once: 1 - H times the weight, and the weight, of each.
    parts = families.tested.of_neurons.parts
    np.testing.assert_allclose(np.hstack([part.terms for part in parts]), [[0.1, 1.0] * 2, [2.7, 3.0] * 2])


@pytest.fixture
def ratios(score):
    """Make scores by the correlation ratio, with one aggregate."""

    def make(aggregate, value):
        data = xr.Dataset(
            {
                "correlation_ratio": ("neuroid", [0.9, 0.5, 0.4, 0.3]),
                "best_unit": ("neuroid", ["u", "u", "u", "v"]),
            },
            coords={"neuroid": list("abcd")},
        )
        return [
            score(
                f"x[seed={seed}]",
                value,
                benchmark="correlation_ratio",
                options={"aggregate": aggregate},
                data=data,
                beside={"informative_units": 2, "unit_proportion": 1.0},
            )
            for seed in range(2)
        ]

    return make


@pytest.mark.parametrize(("aggregate", "value"), [("neuron_mean", 0.525), ("unit_mean", 0.45)])
def test_all_neurons_give_the_score_itself(aggregate, value, evidence, ratios):
    sample = samples(evidence(x=ratios(aggregate, value)), "alignment", read="value")["x"]
    assert sample.tested.of_neurons(np.ones((1, 4))) == pytest.approx([value])
    # Without the first neuron; the other neurons keep their shares of the best unit.
    assert sample.tested.of_neurons([[0, 1, 1, 1]]) == pytest.approx(
        [0.4 if aggregate == "neuron_mean" else (0.5 / 3 + 0.4 / 3 + 0.3) / (2 / 3 + 1)]
    )


def test_a_maximum_over_neurons_is_not_tested_as_a_mean(evidence, ratios):
    given = evidence(x=ratios("unit_max", 0.6), y=ratios("unit_max", 0.5))
    result = samples(given, "alignment", read="value")["x"]
    assert result.tested.of_neurons is None
    assert "aggregate=unit_max takes the maximum over neurons" in result.tested.why_no_neurons
