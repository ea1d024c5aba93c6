import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.reporting.figures import neurons_in_order


def test_neurons_of_each_instance_are_sorted_by_themselves(per_neuron, drawn):
    given = [
        per_neuron([0.1, 0.9, 0.5]),
        per_neuron([0.7, 0.3, 1.0], model="a[seed=1]"),
        per_neuron([0.6, 0.2, 0.2], model="a[seed=2]"),
    ]
    axes = neurons_in_order(given)
    (curve,) = drawn(axes, "a")
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3])
    # Sorted: (.9 .5 .1), (1 .7 .3), (.6 .2 .2).
    np.testing.assert_allclose(curve.get_ydata(), [0.9, 0.5, 0.2])
    (band,) = axes.collections
    edges = band.get_paths()[0].vertices
    at_first = edges[edges[:, 0] == 1, 1]
    np.testing.assert_allclose([at_first.min(), at_first.max()], np.quantile([0.9, 1.0, 0.6], [0.1, 0.9]))
    assert axes.get_ylabel() == "alignment of the neuron"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a (n = 3)"]
    assert axes.get_title(loc="left") == "toy, simulated neurons"


def test_a_curve_ends_where_half_of_the_instances_do(per_neuron, drawn):
    given = [
        per_neuron([0.4, np.nan, np.nan, 0.8]),
        per_neuron([0.5, 0.6, 0.7, np.nan], model="a[seed=1]"),
        per_neuron([0.5, np.nan, np.nan, np.nan], model="a[seed=2]"),
        per_neuron([0.9, 0.1, np.inf, np.nan], model="a[seed=3]"),
    ]
    (curve,) = drawn(neurons_in_order(given), "a")
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2])
    np.testing.assert_allclose(
        curve.get_ydata(), [np.median([0.8, 0.7, 0.5, 0.9]), np.median([0.4, 0.6, 0.1])]
    )


def test_an_instance_without_any_value_is_named_but_not_drawn(per_neuron):
    nothing = per_neuron([0.1, 0.2])
    nothing.data["alignment"][:] = np.nan
    axes = neurons_in_order([nothing])
    assert not axes.lines
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a (n = 1)"]


def test_other_benchmarks_of_neurons(per_neuron, drawn):
    axes = neurons_in_order([per_neuron([-0.1, 0.4], benchmark="variance_explained")])
    np.testing.assert_allclose(drawn(axes, "a")[0].get_ydata(), [0.4, -0.1])
    assert axes.get_ylabel() == "variance explained of the neuron"


def test_scores_without_arrays(score):
    with pytest.raises(UsageError, match=r"a\[seed=0\] by alignment has no value for each neuron"):
        neurons_in_order([score()])
