from math import comb

import numpy as np
import pytest

from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignWarning, StimulusMismatchError, UnknownNameError, UsageError
from neuroalign.model_zoo.neuron_subset import NeuronSubset
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.evaluate import score
from neuroalign.studies.members import load_members
from neuroalign.studies.run import plan_study


def test_neurons_of_a_dataset_are_its_responses(dataset, tmp_path):
    write_folder(dataset, tmp_path / "toy")
    model = load_model(f"neurons:{tmp_path / 'toy'}")
    assert model.identifier == "neurons:single"
    latents = model.latents(dataset.stimuli)
    np.testing.assert_allclose(latents.values, dataset.responses.values)
    assert latents["neuroid"].values.tolist() == dataset.responses["neuroid"].values.tolist()
    assert latents["unit"].values.tolist() == dataset.responses["neuroid"].values.tolist()


def test_self_pairs_are_recognised_also_after_the_cache(dataset, dataset_factory):
    model = load_model("neuron_subset[n=5,seed=1]", dataset=dataset)
    for _ in range(2):
        latents = compute_latents(model, dataset.stimuli)
        pairs = self_pairs(latents, dataset.responses, dataset)
        assert (pairs >= 0).sum() == 5
        neuroids = dataset.responses["neuroid"].values
        for neuron, unit in enumerate(pairs):
            if unit >= 0:
                assert latents["neuroid"].values[unit] == neuroids[neuron]
                np.testing.assert_array_equal(latents[:, unit], dataset.responses[:, neuron])
    # Neurons of the same name in another recording are other neurons.
    other = dataset_factory(seed=1)
    assert (self_pairs(latents, other.responses, other) == -1).all()


def test_no_images_are_needed(dataset):
    bare = StimulusSet("bare", dataset.stimuli.table)
    assert NeuronModel(dataset, "any").latents(bare).shape == (120, 12)


def test_other_stimuli_are_refused(dataset):
    other = StimulusSet.from_arrays(np.zeros((2, 4, 4)), identifier="other")
    with pytest.raises(
        StimulusMismatchError, match=r"neurons:single responds to s000, .* none of the stimuli"
    ):
        NeuronModel(dataset, "neurons:single").latents(other)


def test_unknown_dataset():
    with pytest.raises(UnknownNameError, match="did you mean AM-faces"):
        load_model("neurons:AM-facs")


def test_the_papers_fifty_subsets(dataset_factory):
    dataset = dataset_factory(n_neurons=159, n_stimuli=20)
    family = NeuronSubset()
    grid = family.grid(dataset)
    sizes = sorted({options["n"] for options in grid})
    assert len(grid) == 50
    assert len(sizes) == 5
    assert sizes[0] >= 10
    assert sizes[-1] <= 50
    assert [options["seed"] for options in grid] == list(range(10)) * 5
    subsets = [model.latents(dataset.stimuli)["neuroid"].values for model in family.instances(dataset)]
    assert [len(set(subset)) for subset in subsets] == [options["n"] for options in grid]
    assert len({tuple(subset) for subset in subsets}) == 50
    # Independent draws: no subset lies within a larger one.
    assert not any(set(a) < set(b) for a in subsets for b in subsets)
    # Every neuron is drawn, none too often (about 10 of 50 times: 1,500 of 50 × 159 draws).
    counts = np.unique(np.concatenate(subsets), return_counts=True)[1]
    assert len(counts) == 159
    assert counts.max() < 25


def test_golden_sizes_and_subset(dataset_factory):
    dataset = dataset_factory(n_neurons=159, n_stimuli=20)
    assert sorted({options["n"] for options in NeuronSubset().grid(dataset)}) == GOLDEN_SIZES
    subset = load_model("neuron_subset[n=4,seed=0]", dataset=dataset).latents(dataset.stimuli)
    assert subset["neuroid"].values.tolist() == GOLDEN_SUBSET


GOLDEN_SIZES = [20, 22, 29, 34, 41]
GOLDEN_SUBSET = ["n123", "n154", "n157", "n79"]


@pytest.mark.parametrize("n_neurons", [3, 4, 6, 10, 14, 15, 30, 50, 51])
def test_small_datasets(dataset_factory, n_neurons):
    dataset = dataset_factory(n_neurons=n_neurons, n_stimuli=20)
    family = NeuronSubset()
    grid = family.grid(dataset)
    sizes = {options["n"] for options in grid}
    assert len(sizes) == min(5, n_neurons - 2)
    assert max(sizes) < n_neurons
    assert min(sizes) >= (10 if n_neurons >= 15 else 2)
    for n in sizes:
        subsets = [
            tuple(family.instance(dataset, **options).latents(dataset.stimuli)["neuroid"].values)
            for options in grid
            if options["n"] == n
        ]
        assert len(subsets) == len(set(subsets)) == min(10, comb(n_neurons, n))


def test_mistakes_are_explained(dataset, dataset_factory):
    with pytest.raises(UsageError, match="give the dataset"):
        load_model("neuron_subset").instances()
    with pytest.raises(UsageError, match="give the dataset"):
        load_model("neuron_subset[n=3]")
    with pytest.raises(UsageError, match="needs n from 1 to 12 neurons, got 13"):
        load_model("neuron_subset[n=13]", dataset=dataset)
    with pytest.raises(UsageError, match="needs n from 1 to 12 neurons, got None"):
        load_model("neuron_subset[seed=1]", dataset=dataset)
    with pytest.raises(UnknownNameError, match="did you mean seed"):
        load_model("neuron_subset[n=3,sede=1]", dataset=dataset)
    with pytest.raises(UsageError, match="at least 3 neurons; single has 2"):
        NeuronSubset().grid(dataset_factory(n_neurons=2))


def test_sizes_that_a_small_recording_does_not_allow_are_replaced(dataset, dataset_factory):
    wanted = [{"n": n, "seed": seed} for n in (10, 20, 30, 40, 50) for seed in (0, 1)]
    family = NeuronSubset()
    with pytest.warns(
        NeuroalignWarning,
        match=r"^single has 12 neurons, too few for subsets of 20, 30, 40 and 50: subsets of 7, 8, 9 and 11 stand in",
    ):
        fitting = family.available(wanted, dataset)
    assert [options["n"] for options in fitting] == [7, 7, 8, 8, 9, 9, 10, 10, 11, 11]
    subsets = [
        frozenset(family.instance(dataset, **options).latents(dataset.stimuli)["neuroid"].values)
        for options in fitting
    ]
    assert len(set(subsets)) == 10
    with pytest.warns(NeuroalignWarning, match="subsets of 2 stand in for these"):
        few = family.available(wanted, dataset_factory(n_neurons=3))
    assert few == [{"n": 2, "seed": 0}, {"n": 2, "seed": 1}]
    large = dataset_factory(n_neurons=51, n_stimuli=10)
    assert family.available(wanted, large) == wanted


def test_scores_of_small_recordings_say_how_large_subsets_are(dataset, dataset_factory):
    note = "single has 12 neurons, so subsets have 2 to 11 neurons instead of 10 to 50"
    scored = score("neuron_subset[n=5,seed=0]", dataset, "correlation_ratio")
    assert note in scored.notes
    assert NeuronSubset().instance(dataset_factory(n_neurons=51, n_stimuli=10), n=5).notes == ()


def test_a_study_of_a_small_recording_keeps_its_ceiling(dataset, tmp_path):
    write_folder(dataset, tmp_path / "small")
    run = plan_study("higgins2020", dataset=str(tmp_path / "small"), grid="small", folder=tmp_path / "out")
    family = run.study.families["Neuron subsets"]
    with pytest.warns(
        NeuroalignWarning, match="single has 12 neurons, too few for subsets of 20, 30, 40 and 50"
    ):
        members, impossible = load_members(family.model, family.grids[run.grid].options, run.dataset)
    assert len(members.instances()) == 10
    assert set(impossible) == {f"n={n}, seed={seed}" for n in (20, 30, 40, 50) for seed in (0, 1)}
