from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign import as_model, score
from neuroalign.datasets.selection import select_part
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.models.model import FixedFamily
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.grouped import score_by


@pytest.fixture
def labelled(dataset):
    recording = dataset.recording.assign_coords(
        region=("neuroid", ["IT"] * 8 + ["V4"] * 4), animal=("neuroid", ["A", "B"] * 4 + ["A", "A", "A", "B"])
    )
    return replace(dataset, recording=recording)


class Counting:
    """The true factors with noise of a seed; counts how often the latents are computed."""

    def __init__(self, dataset, seed=0, fingerprint=None):
        self.identifier = f"noisy[seed={seed}]"
        self.n_calls = 0
        self._dataset, self._seed = dataset, seed

    def latents(self, stimuli):
        self.n_calls += 1
        values = self._dataset.factors.loc[stimuli.ids].to_numpy()
        noise = np.random.default_rng(self._seed).standard_normal(values.shape)
        return xr.DataArray(
            values + noise,
            dims=("stimulus", "unit"),
            coords={"stimulus": stimuli.ids, "unit": list("0123"), "informative": ("unit", [True] * 4)},
        )


def test_each_group_has_the_score_of_its_part(labelled):
    model = Counting(labelled)
    groups = score_by(model, labelled, "ridge", by=["region", "animal"])
    assert [list(group.conditions.values()) for group in groups] == [
        ["IT", "A"],
        ["IT", "B"],
        ["V4", "A"],
        ["V4", "B"],
    ]
    assert [group.n_neurons for group in groups] == [4, 4, 3, 1]
    assert {group.n_stimuli for group in groups} == {120}
    assert model.n_calls == 1
    for group in groups:
        part = select_part(labelled, group.conditions)
        alone = score(Counting(labelled), part, "ridge", use_cache=False)
        assert group.dataset == part.identifier == alone.dataset
        assert group.score.value == alone.value
        assert group.score.provenance["part"] == part.metadata["part"]
        np.testing.assert_array_equal(group.score.data["r"].values, alone.data["r"].values)
    # One neuron has a score without an error over neurons.
    assert np.isnan(groups[-1].score.error)
    assert np.isfinite(groups[-1].score.value)


def test_scores_of_groups_are_stored_under_the_names_of_the_parts(labelled):
    groups = score_by("pca[n=2]", labelled, "linear", by="region")
    assert {stored.dataset for stored in ResultsStore().scores()} == {
        "single[region=IT]",
        "single[region=V4]",
    }
    created = {stored.provenance["created"] for stored in ResultsStore().scores()}
    again = score("pca[n=2]", select_part(labelled, {"region": "V4"}), "linear")
    assert again.value == groups[1].score.value
    assert {stored.provenance["created"] for stored in ResultsStore().scores()} == created


@pytest.mark.slow
def test_the_number_of_jobs_changes_nothing(labelled):
    # A model of the package: other processes cannot import the classes of a test module.
    model = as_model(Counting(labelled).latents(labelled.stimuli), identifier="noisy")
    one, two = (
        score_by(model, labelled, "linear", by="region,animal", n_jobs=n, use_cache=False) for n in (1, 2)
    )
    assert [group.score.value for group in one] == [group.score.value for group in two]


def test_family_has_the_mean_over_instances(labelled):
    members = [Counting(labelled, seed) for seed in range(3)]
    groups = score_by(FixedFamily("noisy", members), labelled, "linear", by="region")
    assert [model.n_calls for model in members] == [1, 1, 1]
    for group in groups:
        values = [
            score(Counting(labelled, seed), select_part(labelled, group.conditions), "linear").value
            for seed in range(3)
        ]
        assert [instance.value for instance in group.score.instances] == values
        assert group.score.value == pytest.approx(np.mean(values))
        assert group.score.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
        assert group.score.error_over == "instances"


def test_groups_without_a_score_have_a_reason(labelled):
    groups = score_by("neuron_subset", labelled, "linear", by=["region", "animal"])
    assert [group.score is None for group in groups] == [False, False, False, True]
    assert groups[-1].n_neurons == 1
    assert "neuron_subset draws from at least 3 neurons" in groups[-1].reason


def test_a_combination_of_two_tables_without_data_has_a_reason(dataset_factory):
    dataset = dataset_factory(n_stimuli=60, n_neurons=4, n_repetitions=1, images=False)
    dataset.stimuli.table["block"] = ["first"] * 30 + ["second"] * 30
    values = dataset.recording.values.copy()
    values[:30, 2:] = np.nan
    recording = dataset.recording.copy(data=values).assign_coords(
        region=("neuroid", ["IT", "IT", "V4", "V4"])
    )
    groups = score_by(Counting(dataset), replace(dataset, recording=recording), "linear", by="region,block")
    assert [group.score is None for group in groups] == [False, False, True, False]
    assert list(groups[2].conditions.values()) == ["V4", "first"]
    assert (groups[2].n_neurons, groups[2].n_stimuli) == (0, 0)
    assert "region=V4" in groups[2].reason


def test_calls_that_cannot_be(labelled):
    with pytest.raises(UnknownNameError, match="no column of single is called 'regio'"):
        score_by("pca[n=2]", labelled, "linear", by="regio")
    with pytest.raises(UsageError, match="columns or windows, got neither"):
        score_by("pca[n=2]", labelled, "linear")
    with pytest.raises(UnknownNameError, match="'pcaa'"):
        score_by("pcaa", labelled, "linear", by="region")


def test_two_sets_of_options_of_one_benchmark_stay_apart(labelled):
    specs = ["ridge[n_permutations=0]", "ridge[alpha=100,n_permutations=0]"]
    groups = score_by(Counting(labelled), labelled, specs, by="region")
    first, second = groups[0].score, groups[1].score
    assert (first.options["alpha"], second.options["alpha"]) == (0.0, 100.0)
    assert first.value != second.value
    assert groups[0].options == first.options
