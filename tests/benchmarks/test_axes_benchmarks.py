import numpy as np
import pytest
import torch
from torch import nn

import neuroalign as na
from neuroalign.benchmarks.axis_clustering import AxisClustering
from neuroalign.benchmarks.privileged_axes import SHARED_MARGINALS, PrivilegedAxes
from neuroalign.errors import UsageError
from neuroalign.metrics import fold_labels, privileged_axes
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.testing import make_dataset
from neuroalign.testing.units import GivenUnits, example_model


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(n_stimuli=60, n_neurons=20, n_factors=3, reliability=0.8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 6), nn.ReLU(), nn.Linear(6, 2))


QUICK = {"n_rotations": 9, "n_folds": 3}


def test_score_is_the_drop_of_the_function(dataset):
    score = PrivilegedAxes(**QUICK).score(example_model(dataset), dataset)
    latents, responses = PrivilegedAxes().align(example_model(dataset), dataset)
    informative = latents["informative"].values
    expected = privileged_axes(
        latents.values[:, informative],
        responses.values,
        absolute=True,
        folds=fold_labels(60, 3),
        n_rotations=9,
    )
    assert score.value == pytest.approx(expected.drop)
    assert score.beside["native"] == pytest.approx(expected.native)
    assert score.beside["rotation_p"] == expected.p
    assert score.null == 0.0
    assert score.error > 0


@pytest.mark.parametrize("metric", ["semi", "soft", "one_to_one", "alignment"])
def test_every_metric_gives_a_drop_that_neurons_resample(dataset, metric):
    benchmark = PrivilegedAxes(metric=metric, **QUICK)
    score = benchmark.score(example_model(dataset), dataset)
    assert benchmark.resampling().from_score(score)(np.ones((1, 20)))[0] == pytest.approx(score.value)
    assert score.value == pytest.approx(score.beside["native"] - score.beside["rotated"])


def test_inputs_of_a_relu_are_rotated(dataset, network):
    model = na.as_model(network, layer="2", channels=1, identifier="network")
    score = na.score(model, dataset, PrivilegedAxes(**QUICK), use_cache=False)
    assert score.beside["inputs_rotated"] == 1.0
    assert SHARED_MARGINALS not in score.notes
    _, responses = PrivilegedAxes().align(model, dataset)
    units, inputs = (
        na.as_model(network, layer=layer, channels=1)
        .latents(dataset.stimuli)
        .sel(stimulus=responses["stimulus"])
        .values
        for layer in ("2", "1")
    )
    expected = privileged_axes(
        units, responses.values, before=inputs, absolute=True, folds=fold_labels(60, 3), n_rotations=9
    )
    assert score.value == pytest.approx(expected.drop)


def test_rectified_units_without_inputs_carry_a_note(dataset, network):
    model = na.as_model(network, layer="2", channels=1, identifier="network")
    never = PrivilegedAxes(before="never", **QUICK).score(model, dataset)
    unknown = PrivilegedAxes(**QUICK).score(GivenUnits(model.latents(dataset.stimuli)), dataset)
    for score in (never, unknown):
        assert score.beside["inputs_rotated"] == 0.0
        assert SHARED_MARGINALS in score.notes
    assert never.value == pytest.approx(unknown.value)


def test_neurons_that_are_units_are_left_out(dataset):
    names = dataset.responses["neuroid"].values
    score = PrivilegedAxes(**QUICK).score(NeuronModel(dataset, "subset", neuroids=names[:5]), dataset)
    assert score.data["neuroid"].values.tolist() == sorted(names[5:])
    assert any("5 neurons are units of the model" in note for note in score.notes)
    with pytest.raises(UsageError, match="not units of the model"):
        PrivilegedAxes(**QUICK).score(NeuronModel(dataset, "all"), dataset)


def test_in_sample_score_says_so(dataset):
    held_out, in_sample = (
        PrivilegedAxes(in_sample=flag, **QUICK).score(example_model(dataset), dataset)
        for flag in (False, True)
    )
    assert in_sample.beside["native"] > held_out.beside["native"]
    assert any(note.startswith("in-sample") for note in in_sample.notes)
    assert not any(note.startswith("in-sample") for note in held_out.notes)


def test_copies_of_neurons_are_named(dataset):
    responses = dataset.responses.copy()
    responses.values[:, 1] = 2.0 * responses.values[:, 0]
    score = AxisClustering(n_draws=9).score(example_model(dataset), dataset.with_responses(responses))
    first, second = sorted(map(str, responses["neuroid"].values[:2]))
    assert score.beside["copies"] == 1.0
    assert any(f"{first} and {second}" in note for note in score.notes)


def test_clustering_leaves_out_neurons_that_are_units(dataset):
    score = AxisClustering(n_draws=9).score(NeuronModel(dataset, "all"), dataset)
    assert np.isnan(score.value)
    assert any(note.startswith("no angles") for note in score.notes)
