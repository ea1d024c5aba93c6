import numpy as np
import pytest
import torch
from torch import nn

import neuroalign as na
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.selection import select_part
from neuroalign.errors import UsageError
from neuroalign.model_zoo.reducers import subsample
from neuroalign.models.loading import as_model
from neuroalign.reporting.text.layers import describe_layers, layer_table
from neuroalign.scoring.layers import score_layers
from neuroalign.testing import make_dataset

RIDGE = "ridge[n_permutations=0]"


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 4, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Flatten(),
        nn.LazyLinear(3),
    ]
    network = nn.Sequential(*layers)
    network(torch.zeros(1, 3, 16, 16))
    return network


@pytest.fixture(scope="module")
def regions():
    """Neurons of two regions."""
    dataset = make_dataset(n_stimuli=60, n_neurons=6)
    recording = dataset.recording.assign_coords(region=("neuroid", ["IT", "V4"] * 3))
    return Dataset("regions", recording, dataset.stimuli, metadata=dict(dataset.metadata))


def network(net, layer="*", **options):
    return as_model(net, layer=layer, pool="mean", **options)


def test_each_layer_has_the_score_of_the_layer_alone(net, regions):
    scores = score_layers(network(net), regions, RIDGE, use_cache=False)
    assert [(row.layer, row.depth, row.n_units) for row in scores.rows] == [
        ("0", 1, 4),
        ("1", 2, 4),
        ("2", 3, 6),
        ("4", 4, 3),
    ]
    for row in scores.rows:
        alone = na.score(network(net, row.layer), regions, RIDGE, use_cache=False)
        assert row.score.value == alone.value
        assert row.score.error == alone.error
        assert row.score.model == alone.model
    assert len({row.score.value for row in scores.rows}) == 4


def test_groups_have_a_row_for_each_layer(net, regions):
    scores = score_layers(
        network(net), regions, [RIDGE, "linear[n_permutations=0]"], layers="0,2", by="region", use_cache=False
    )
    assert [(row.group.benchmark, row.layer, row.group.conditions["region"]) for row in scores.rows] == [
        (benchmark, layer, region)
        for benchmark in ("ridge", "linear")
        for layer in ("0", "2")
        for region in ("IT", "V4")
    ]
    part = na.score(network(net, "2"), select_part(regions, {"region": "V4"}), RIDGE, use_cache=False)
    assert scores.rows[3].score.value == part.value
    table = scores.to_table()
    assert table.columns[:4].tolist() == ["depth", "layer", "n_units", "region"]
    assert table["score"].tolist() == [row.score.value for row in scores.rows]


def test_common_units_are_a_recorded_draw(net, regions):
    scores = score_layers(network(net), regions, RIDGE, common_units="min", seed=5, use_cache=False)
    assert scores.common_units == 3
    assert [row.n_units for row in scores.rows] == [3, 3, 3, 3]
    drawn = na.score(subsample(3, seed=5)(network(net, "2")), regions, RIDGE, use_cache=False)
    assert scores.rows[2].score.value == drawn.value
    assert scores.rows[2].score.model.endswith("@2[pool=mean]+subsample[n=3,seed=5]")
    assert scores.rows[3].score.model.endswith("@4[pool=mean]")  # has three units
    assert scores.to_record()["seed_of_units"] == 5
    few = score_layers(network(net), regions, RIDGE, common_units=4, use_cache=False)
    assert [row.score is None for row in few.rows] == [False, False, False, True]
    assert few.rows[3].group.reason == "the layer has 3 units, fewer than 4"
    assert "every layer with 4 units, drawn at random (seed 0)" in describe_layers(few)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"common_units": 0}, "common_units must be a positive number or 'min', got 0"),
        ({"common_units": True}, "common_units must be a positive number or 'min', got True"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_wrong_options_are_refused(net, regions, options, message):
    with pytest.raises(UsageError, match=message):
        score_layers(network(net), regions, RIDGE, **options)


@pytest.mark.parametrize(("common_units", "n_units"), [("min", 2), (1, 1)])
def test_common_units_are_drawn_behind_reducers(regions, tmp_path, common_units, n_units):
    file = tmp_path / "mine.py"
    module = "torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())"
    file.write_text(f"import torch\ntorch.manual_seed(0)\nnet = {module}\n")
    name = f"{file}:net@{{}}+pca[n=2]"
    scores = score_layers(name.format("*"), regions, RIDGE, common_units=common_units, seed=3)
    assert (scores.common_units, [row.n_units for row in scores.rows]) == (n_units, [n_units] * 2)
    drawn = "+subsample[n=1,seed=3]" if n_units == 1 else ""
    alone = na.score(name.format("1") + drawn, regions, RIDGE)
    assert (scores.rows[1].score.model, scores.rows[1].score.value) == (alone.model, alone.value)


def test_a_benchmark_that_fails_on_one_layer_leaves_the_others(regions):
    constant = nn.Sequential(nn.Conv2d(3, 2, 3, stride=4), nn.Conv2d(2, 2, 3))
    with torch.no_grad():
        constant[1].weight.zero_()
    scores = score_layers(as_model(constant, layer="*", pool="mean"), regions, RIDGE, use_cache=False)
    assert scores.rows[0].score is not None
    assert scores.rows[1].score is None or not np.isfinite(scores.rows[1].score.value)


def test_the_table_has_depth_size_score_and_the_dependence_on_units(net, regions):
    scores = score_layers(network(net), regions, RIDGE, by="region", use_cache=False)
    lines = layer_table(scores, width=100).splitlines()
    heading = next(line for line in lines if "layer" in line and " D " in line)
    assert heading.split()[:3] == ["layer", "region", "D"]
    first = lines[lines.index(heading) + 2].split()
    score = scores.rows[0].score
    assert first[:4] == ["1", "0", "IT", "4"]
    assert float(first[4].replace("−", "-")) == pytest.approx(score.value, abs=6e-4)
    assert float(first[6]) == pytest.approx(score.error, abs=6e-4)
    text = " ".join(" ".join(lines).split())
    assert "4 layers, by the order in which the network runs them" in text
    # The flattened maps and the output.
    assert "2 with the same values as a layer in the table" in text
    assert "ridge depends on the number of units (D): more units can predict more of a neuron" in text


def test_the_figure_draws_the_scores_and_their_bounds(net, regions):
    from neuroalign.reporting.figures.layers import scores_by_depth

    scores = score_layers(network(net), regions, "ridge[n_permutations=9]", by="region", use_cache=False)
    (axes,) = scores_by_depth(scores).axes
    lines = {line.get_label(): line for line in axes.lines}
    for region in ("IT", "V4"):
        rows = [row for row in scores.rows if row.group.conditions["region"] == region]
        np.testing.assert_array_equal(lines[region].get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(lines[region].get_ydata(), [row.score.value for row in rows])
        drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
        for bound in ("null", "ceiling"):
            expected = [getattr(row.score, bound) for row in rows]
            assert np.isfinite(expected).all()
            assert any(np.array_equal(values, expected) for values in drawn)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "2", "4"]
    band = axes.collections[0].get_paths()[0].vertices
    first = scores.rows[0].score
    assert band[:, 1].max() >= first.value + first.error - 1e-12


@pytest.mark.slow
def test_several_jobs_give_the_same_scores(net, regions):
    one, two = (
        score_layers(network(net), regions, RIDGE, n_jobs=n, use_cache=False).to_table() for n in (1, 2)
    )
    assert one.equals(two)
