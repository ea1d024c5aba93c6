"""Scores on collections: means over all neurons, hierarchical errors, missing scores, and the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.models.model import FixedFamily
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.collection import MemberScores, score_members, summarise_members
from neuroalign.scoring.hierarchy import make_hierarchy
from neuroalign.testing import make_dataset, make_score

RIDGE = "ridge[n_permutations=0]"


def simulate(name, animal, n_neurons, seed, **coords):
    dataset = make_dataset(name, n_stimuli=40, n_neurons=n_neurons, seed=seed, image_size=4)
    labels = {"animal": [animal] * n_neurons, **coords}
    recording = dataset.recording.assign_coords({key: ("neuroid", values) for key, values in labels.items()})
    return replace(dataset, recording=recording)


@pytest.fixture(scope="module")
def sessions():
    return [simulate("day1", "A", 5, 1), simulate("day2", "A", 8, 2), simulate("day3", "B", 3, 3)]


def factors_of(dataset, seed=0):
    """Make a model of the true factors with noise."""
    stimuli = dataset.stimuli.ids
    noise = np.random.default_rng(seed).standard_normal((len(stimuli), 4))
    units = dataset.factors.loc[stimuli].to_numpy() + 0.5 * noise
    array = xr.DataArray(units, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
    return na.as_model(array, identifier=f"factors[seed={seed}]")


def scored(dataset, n_instances=1):
    """Score a model, or instances of a family, on one dataset."""
    from neuroalign.scoring.evaluate import score_all

    model = factors_of(dataset)
    if n_instances > 1:
        model = FixedFamily("factors", [factors_of(dataset, seed) for seed in range(n_instances)])
    scores, failures = score_all(model, dataset, [RIDGE])
    return MemberScores(dataset, model.identifier, n_instances > 1, scores, failures)


def per_neuron(score):
    return score.data["r"].values


def test_the_summary_is_the_mean_over_all_neurons(sessions):
    members = [scored(dataset) for dataset in sessions]
    collection = na.load_collection(sessions, identifier="days")
    (summary,) = summarise_members(members, collection)
    values = [per_neuron(member.scores[0]) for member in members]
    assert summary.value == pytest.approx(np.concatenate(values).mean())
    # The datasets have 5, 8 and 3 neurons, so the mean over the datasets is another number.
    assert summary.value != pytest.approx(np.mean([member.scores[0].value for member in members]), abs=1e-4)
    assert [score.dataset for score in summary.members] == ["day1", "day2", "day3"]
    assert summary.dataset == "days"
    assert summary.error_over == "animals, sessions and neurons"
    assert {key: summary.provenance[key] for key in ("n_animals", "n_sessions", "n_neurons")} == {
        "n_animals": 2,
        "n_sessions": 3,
        "n_neurons": 16,
    }
    assert any("2 animals are too few for an interval over animals" in note for note in summary.notes)


def test_the_error_agrees_with_a_loop(sessions):
    members = [scored(dataset) for dataset in sessions]
    values = [per_neuron(member.scores[0]) for member in members]
    days = {"A": [values[0], values[1]], "B": [values[2]]}
    rng = np.random.default_rng(5)
    looped = []
    for _ in range(4_000):
        drawn = []
        for animal in rng.choice(["A", "B"], size=2):
            for day in rng.integers(len(days[animal]), size=len(days[animal])):
                drawn += list(rng.choice(days[animal][day], size=len(days[animal][day])))
        looped.append(np.mean(drawn))
    (summary,) = summarise_members(members, na.load_collection(sessions))
    low, high = summary.provenance["interval"]
    assert summary.error == pytest.approx(np.std(looped, ddof=1), rel=0.05)
    np.testing.assert_allclose([low, high], np.quantile(looped, [0.025, 0.975]), atol=0.3 * summary.error)
    # Over neurons alone the error has a closed form.
    (alone,) = summarise_members(members, na.load_collection(sessions), over="neurons")
    variance = sum(own.size * own.var() for own in values) / 16**2
    assert alone.error == pytest.approx(np.sqrt(variance), rel=0.03)
    assert alone.error_over == "neurons"


def test_a_family_is_the_mean_over_its_instances(sessions):
    members = [scored(dataset, 3) for dataset in sessions]
    (summary,) = summarise_members(members, na.load_collection(sessions))
    values = [
        np.concatenate([per_neuron(member.scores[instance]) for member in members]) for instance in range(3)
    ]
    assert summary.value == pytest.approx(np.mean(values))
    assert all(len(score.instances) == 3 for score in summary.members)


def test_a_member_without_a_score_leaves_no_mean(sessions):
    members = [scored(dataset) for dataset in sessions]
    lacking = [*members[:2], replace(members[2], scores=[replace(members[2].scores[0], value=np.nan)])]
    (summary,) = summarise_members(lacking, na.load_collection(sessions))
    assert np.isnan(summary.value)
    assert np.isnan(summary.error)
    assert "no mean over the datasets, because there is no score for day3" in summary.notes
    missing = [*members[:2], replace(members[2], scores=[])]
    (summary,) = summarise_members(missing, na.load_collection(sessions))
    assert np.isnan(summary.value)


def test_scores_without_terms_of_neurons_count_equally(sessions):
    benchmark = load_benchmark("decoding[turns=0]")
    members = []
    for value, dataset in zip([0.1, 0.2, 0.6], sessions, strict=True):
        score = make_score(value, model="m", benchmark=benchmark, dataset=dataset)
        members.append(MemberScores(dataset, "m", False, [score], []))
    (summary,) = summarise_members(members, na.load_collection(sessions))
    assert summary.value == pytest.approx(0.3)
    assert summary.error_over == "animals and sessions"
    assert any(note.startswith("mean over 3 datasets that count equally: ") for note in summary.notes)


def test_labels_of_neurons_make_the_hierarchy():
    cells = simulate("cells", "A", 4, 1, session=["1", "1", "2", "2"])
    nameless = make_dataset("nameless", n_stimuli=40, n_neurons=2)
    hierarchy = make_hierarchy([cells, nameless])
    assert hierarchy.counts == {"animals": 2, "sessions": 3, "neurons": 6}
    assert hierarchy.drawn == ["animals", "sessions", "neurons"]
    assert any("nameless does not name the animals" in note for note in hierarchy.notes)
    alone = make_hierarchy([nameless])
    assert alone.drawn == ["neurons"]
    assert not alone.has_few_animals
    same = make_hierarchy([cells, simulate("more", "A", 3, 2)])
    assert same.counts["animals"] == 1
    assert "animals of one name are one animal: A in cells, more" in same.notes
    apart = make_hierarchy([cells, simulate("more", "A", 3, 2)], separate_animals=True)
    assert apart.counts["animals"] == 2


def test_parts_of_one_recording_share_their_neurons():
    dataset = simulate("cells", "A", 4, 1, session=["1", "1", "2", "2"])
    write_folder(dataset, datasets_folder() / "cells")
    parts = [na.load_dataset("cells[training=True]"), na.load_dataset("cells[session='1']")]
    hierarchy = make_hierarchy(parts)
    assert hierarchy.counts == {"animals": 1, "sessions": 2, "neurons": 4}
    assert "2 neurons belong to several of the datasets, and are drawn together" in hierarchy.notes


@pytest.mark.slow
def test_the_python_function_scores_a_collection(sessions):
    for dataset in sessions:
        write_folder(dataset, datasets_folder() / dataset.identifier)
    collection = na.load_collection(["day1", "day2", "day3"], identifier="days")
    score = na.score("pca[n=3]", collection, RIDGE)
    members = score_members("pca[n=3]", collection, [RIDGE])
    assert score.value == summarise_members(members, collection)[0].value
    assert [member.value for member in score.members] == [
        na.score("pca[n=3]", name, RIDGE).value for name in ("day1", "day2", "day3")
    ]
    assert na.Score.from_record(score.to_record()).members[1].value == score.members[1].value


@pytest.mark.slow
def test_the_command(sessions, tmp_path, capsys):
    for dataset in sessions:
        write_folder(dataset, datasets_folder() / dataset.identifier)
    path = tmp_path / "days.toml"
    path.write_text(f'datasets = ["day1", "day2", "day3"]\nbenchmarks = ["{RIDGE}"]\n', encoding="utf-8")
    assert run(["score", "pca[n=3]", str(path)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "pca[n=3] on days (simulated neurons)" in text
    assert "3 datasets, 2 animals, 3 sessions, 16 neurons" in text
    rows = [line.split() for line in text.splitlines() if line.startswith(("day", "all 3 datasets  "))]
    assert [row[0] for row in rows[:3]] == ["day1", "day2", "day3"]
    assert rows[3][:4] == ["all", "3", "datasets", "16"]
    assert "a hierarchical\n" in text
    assert "2 animals are too few" in text
    assert run(["score", "pca[n=3]", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [member["dataset"] for member in document["members"]] == ["day1", "day2", "day3"]
    (summary,) = document["summary"]
    sizes, values = [5, 8, 3], [member["scores"][0]["value"] for member in document["members"]]
    assert summary["value"] == pytest.approx(np.dot(sizes, values) / 16)
    assert f"{summary['value']:.3f} ± {summary['error']:.3f}" in text
    # The records of the members are the records of single datasets.
    assert run(["score", "pca[n=3]", "day1", "-b", RIDGE, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["scores"] == document["members"][0]["scores"]


def test_wrong_calls_of_the_command(sessions, capsys):
    write_folder(sessions[0], datasets_folder() / "day1")
    assert run(["score", "pca[n=3]", "day1", "--available"]) == 2
    assert "--available must go with a collection" in capsys.readouterr().err
    assert run(["score", "pca[n=3]", "cowley2023", "-b", RIDGE]) == 2
    error = capsys.readouterr().err
    assert "12 of 12 datasets of cowley2023 are not added" in error
    assert len(error.splitlines()) == 1


def test_a_benchmark_that_fails_is_reported_with_its_dataset(sessions, tmp_path, capsys):
    for dataset in sessions[:2]:
        write_folder(dataset, datasets_folder() / dataset.identifier)
    path = tmp_path / "days.toml"
    path.write_text('datasets = ["day1", "day2"]\n', encoding="utf-8")
    # Decoding matches each unit with a neuron of its own, and day1 has 5 neurons.
    assert run(["score", "pca[n=7]", str(path), "-b", "decoding[turns=0]"]) == 1
    captured = capsys.readouterr()
    assert "neuroalign: day1: no decoding for pca[n=7]: " in captured.err
    assert "no mean over the datasets, because there is no score for day1" in " ".join(captured.out.split())
