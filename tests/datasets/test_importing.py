"""Imports of small recordings whose numbers are known."""

import hashlib
import tomllib
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.io
from PIL import Image

from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
from neuroalign.datasets.formats.brainio import write_brainio
from neuroalign.datasets.importing import importer as importing
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    ArchiveError,
    ArrayError,
    DatasetError,
    MissingImagesError,
    NeuroalignError,
    StimulusMismatchError,
    UnknownNameError,
    UsageError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, name in enumerate(["a", "b", "c", "d"]):
        Image.fromarray(np.full((5, 4), 10 * i, dtype=np.uint8)).save(folder / f"face_{name}.png")
    return folder


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"top/{file.name}")
    return path


def nothing_is_left():
    return not datasets_folder().exists() or list(datasets_folder().iterdir()) == []


def test_averages_from_an_array():
    found = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", region="AM", animal="x")
    assert found.averaged
    assert found.trials is None
    assert found.responses.values.tolist() == MEANS.T.tolist()
    assert found.responses["stimulus"].values.tolist() == ["0", "1", "2", "3"]
    assert found.responses["neuroid"].values.tolist() == ["d-0", "d-1", "d-2"]
    assert set(found.responses["region"].values) == {"AM"}
    assert set(found.responses["animal"].values) == {"x"}
    assert not found.simulated
    assert added_names() == ["d"]
    with pytest.raises(MissingImagesError, match="has no images, and this model needs them"):
        found.stimuli.pixels()


@pytest.mark.parametrize("axes", ["stimulus,neuroid", "neuroid,stimulus"])
def test_axes_may_come_in_any_order(axes):
    values = MEANS.T if axes.startswith("stimulus") else MEANS
    assert import_dataset("d", responses=values, axes=axes).responses.values.tolist() == MEANS.T.tolist()


def test_trials_and_missing_trials():
    trials = np.arange(24.0).reshape(3, 4, 2) ** 2
    trials[:, 1, 1] = np.nan  # nobody saw stimulus 1 twice
    trials[2, 3, 0] = np.nan  # one neuron missed one trial
    found = import_dataset("d", responses=trials, axes=["neuroid", "stimulus", "repetition"])
    assert not found.averaged
    assert found.recording.sizes["presentation"] == 7
    np.testing.assert_array_equal(found.trials, trials.transpose(1, 2, 0))
    np.testing.assert_array_equal(found.responses.values, np.nanmean(trials, axis=2).T)


@pytest.mark.parametrize("averaged", [True, False])
def test_the_user_says_whether_a_matrix_is_an_average(averaged):
    assert (
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", averaged=averaged).averaged is averaged
    )


def test_averaged_contradicts_repetitions():
    with pytest.raises(UsageError, match="up to 2 trials of a stimulus"):
        import_dataset(
            "d", responses=np.stack([MEANS, MEANS], axis=2), axes="neuroid,stimulus,repetition", averaged=True
        )
    assert nothing_is_left()


def test_matlab_leaves_out_a_last_axis_of_one(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"r": MEANS[..., None]})
    found = import_dataset("d", responses=tmp_path / "x.mat", axes="neuroid,stimulus,repetition")
    assert found.responses.values.tolist() == MEANS.T.tolist()
    assert not found.averaged


def test_variable(tmp_path):
    np.savez(tmp_path / "x.npz", r=MEANS, other=MEANS + 1)
    found = import_dataset("d", responses=tmp_path / "x.npz", axes="neuroid,stimulus", variable="r")
    assert found.responses.values.tolist() == MEANS.T.tolist()


def test_labels_of_a_csv(tmp_path):
    table = pd.DataFrame(MEANS, index=["n2", "n0", "n1"], columns=["d", "c", "b", "a"])
    table.to_csv(tmp_path / "x.csv")
    found = import_dataset("d", responses=tmp_path / "x.csv", axes="neuroid,stimulus")
    assert found.responses["stimulus"].values.tolist() == ["a", "b", "c", "d"]
    assert found.responses.sel(stimulus="d", neuroid="n1").item() == 5.0
    assert found.responses.sel(stimulus="a", neuroid="n2").item() == 8.0


def test_files_side_by_side_are_further_neurons(tmp_path):
    np.save(tmp_path / "a.npy", MEANS[:2])
    np.save(tmp_path / "b.npy", MEANS[2:])
    found = import_dataset("d", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus")
    assert found.responses.values.tolist() == MEANS.T.tolist()
    assert [each["name"] for each in found.metadata["files"]] == ["a.npy", "b.npy"]
    np.save(tmp_path / "b.npy", MEANS[2:, :3])
    with pytest.raises(
        DatasetError, match=r"must have the same stimuli in the same order; .*a\.npy has 4 and .*b\.npy has 3"
    ):
        import_dataset("e", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus")
    np.savez(tmp_path / "b.npz", MEANS[2:])
    with pytest.raises(DatasetError, match=r"in one format: .*a\.npy is npy, .*b\.npz is npz"):
        import_dataset("e", responses=[tmp_path / "a.npy", tmp_path / "b.npz"], axes="neuroid,stimulus")


def test_files_with_fewer_repetitions_end_in_missing_trials(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([MEANS[:2], MEANS[:2] + 1], axis=2))
    np.save(tmp_path / "b.npy", MEANS[2:, :, None])
    found = import_dataset(
        "d", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus,repetition"
    )
    assert found.trials.shape == (4, 2, 3)
    assert np.isnan(found.trials[:, 1, 2]).all()
    assert found.responses.values[:, 2].tolist() == MEANS[2].tolist()


# --- stimuli and images


@pytest.mark.parametrize("archive", [False, True])
def test_images_in_sorted_order_name_the_stimuli(faces, archive):
    found = import_dataset(
        "d", responses=MEANS, axes="neuroid,stimulus", images=zipped(faces) if archive else faces
    )
    assert found.responses["stimulus"].values.tolist() == ["face_a", "face_b", "face_c", "face_d"]
    assert found.responses.values.tolist() == MEANS.T.tolist()
    assert (found.stimuli.pixels() * 255).max(axis=(1, 2)).tolist() == [0, 10, 20, 30]
    assert found.metadata["notes"] == [
        "Stimulus ids are the images' file names, sorted by name: the first is face_a."
    ]


def test_the_table_names_stimuli_and_images(faces):
    table = pd.DataFrame(
        {
            "stimulus_id": ["s3", "s1", "s2", "s0"],
            "filename": ["face_c.png", "face_a.png", "face_b.png", "face_d.png"],
            "age": [30, 10, 20, 0],
        }
    )
    found = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table, images=faces)
    assert found.responses.sel(stimulus="s3").values.tolist() == MEANS[:, 0].tolist()
    assert found.stimuli.table["age"].to_dict() == {"s3": 30, "s1": 10, "s2": 20, "s0": 0}
    assert round(found.stimuli.select(["s3"]).pixels().max() * 255) == 20


def test_the_table_may_name_files_only(faces, tmp_path):
    (tmp_path / "s.csv").write_text(
        "filename,view\nface_d.png,left\nface_c.png,up\nface_b.png,up\nface_a.png,left\n"
    )
    found = import_dataset(
        "d", responses=MEANS, axes="neuroid,stimulus", stimuli=tmp_path / "s.csv", images=faces
    )
    assert found.responses.sel(stimulus="face_d").values.tolist() == MEANS[:, 0].tolist()
    assert found.stimuli.table["view"].to_dict()["face_a"] == "left"


def test_the_table_may_name_nothing(faces, tmp_path):
    (tmp_path / "s.csv").write_text("view\nleft\nup\nup\ndown\n")
    options = {"responses": MEANS, "axes": "neuroid,stimulus", "stimuli": tmp_path / "s.csv"}
    assert import_dataset("d", **options).stimuli.table["view"].to_dict()["3"] == "down"
    found = import_dataset("e", **options, images=faces)
    assert found.stimuli.table["view"].to_dict()["face_d"] == "down"


def test_brainio_column_names(tmp_path):
    (tmp_path / "s.csv").write_text("image_id,object\nx,car\ny,cat\nz,cow\nw,dog\n")
    found = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=tmp_path / "s.csv")
    assert found.stimuli.table["object"].to_dict() == {"x": "car", "y": "cat", "z": "cow", "w": "dog"}


def test_ids_that_repeat_are_repetitions():
    table = pd.DataFrame({"stimulus_id": ["a", "b", "a", "b"], "view": [1, 2, 1, 2], "block": [1, 1, 2, 2]})
    found = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table)
    assert not found.averaged
    assert found.responses.values.tolist() == [[2.5, 3.5, 3.5], [5.0, 1.0, 7.5]]
    assert found.trials[0, :, 0].tolist() == [1, 4]
    assert found.stimuli.table.columns.tolist() == ["view"]
    assert "Column block of the stimulus table was left out" in found.metadata["notes"][-1]


def test_a_table_may_know_more_stimuli_than_labelled_responses_have(tmp_path):
    pd.DataFrame(MEANS, index=list("uvw"), columns=list("dcba")).to_csv(tmp_path / "x.csv")
    table = pd.DataFrame({"stimulus_id": list("abcde"), "training": [True, False, True, True, False]})
    found = import_dataset("d", responses=tmp_path / "x.csv", axes="neuroid,stimulus", stimuli=table)
    assert found.stimuli.ids.tolist() == list("abcde")
    assert found.stimuli.training().ids.tolist() == ["a", "c", "d"]
    with pytest.raises(StimulusMismatchError, match="1 recorded stimuli are not in the stimulus table: d"):
        import_dataset("e", responses=tmp_path / "x.csv", axes="neuroid,stimulus", stimuli=table[:3])


def test_two_recordings_of_the_same_stimuli_have_the_same_ids(faces):
    one = import_dataset("one", responses=MEANS, axes="neuroid,stimulus")
    two = import_dataset("two", responses=MEANS[:2] + 1, axes="neuroid,stimulus")
    assert one.responses["stimulus"].values.tolist() == two.responses["stimulus"].values.tolist()
    assert not set(one.responses["neuroid"].values) & set(two.responses["neuroid"].values)


def test_numbered_ids_sort_in_their_order():
    found = import_dataset("d", responses=np.random.default_rng(0).random((2, 101)), axes="neuroid,stimulus")
    ids = found.recording["stimulus_id"].values.tolist()
    assert ids == sorted(ids)
    assert (ids[0], ids[-1]) == ("000", "100")


def test_numbers_that_do_not_fit_are_told(faces):
    with pytest.raises(
        StimulusMismatchError,
        match=r"there are 4 images, but the responses have 3 stimuli "
        r"\(3 × 4 read as stimulus,neuroid\); is --axes right",
    ):
        import_dataset("d", responses=MEANS, axes="stimulus,neuroid", images=faces)
    with pytest.raises(
        StimulusMismatchError, match="the stimulus table has 2 rows, but the responses have 4"
    ):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=pd.DataFrame({"x": [1, 2]}))
    table = pd.DataFrame(
        {"stimulus_id": list("abcd"), "filename": ["face_a.png", "f.png", "g.png", "face_b.png"]}
    )
    with pytest.raises(DatasetError, match=r"2 of 4 images are missing: f\.png, g\.png"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table, images=faces)
    assert nothing_is_left()


def test_images_of_no_stimulus_are_left_out_and_told(faces):
    table = pd.DataFrame({"stimulus_id": ["face_a", "face_b"]})
    found = import_dataset("d", responses=MEANS[:, :2], axes="neuroid,stimulus", stimuli=table, images=faces)
    assert "2 images belong to no stimulus and were left out." in found.metadata["notes"]
    assert len(list((datasets_folder() / "d" / "images").iterdir())) == 2


# --- what cannot be used


def holes():
    values = MEANS.copy()
    values[0, 1] = values[0, 3] = np.nan
    return values


def test_neurons_without_a_trial_are_named_with_the_way_out():
    message = (
        r"1 of 3 neurons have no trial of some stimuli: neurons d-0; stimuli 1, 3; leave out either: "
        r"--drop incomplete-neuroids keeps 2 neurons × 4 stimuli, --drop incomplete-stimuli keeps 3 × 2"
    )
    with pytest.raises(DatasetError, match=message):
        import_dataset("d", responses=holes(), axes="neuroid,stimulus")
    assert nothing_is_left()


def test_drop_incomplete_neuroids():
    found = import_dataset("d", responses=holes(), axes="neuroid,stimulus", drop=["incomplete-neuroids"])
    assert found.responses.values.tolist() == MEANS[1:].T.tolist()
    assert found.metadata["dropped_neuroids"] == ["d-0"]


def test_drop_incomplete_stimuli(faces):
    found = import_dataset(
        "d", responses=holes(), axes="neuroid,stimulus", drop=["incomplete-stimuli"], images=faces
    )
    assert found.responses.values.tolist() == MEANS[:, [0, 2]].T.tolist()
    assert found.metadata["dropped_stimuli"] == ["face_b", "face_d"]
    assert found.stimuli.ids.tolist() == ["face_a", "face_c"]


def test_a_stimulus_without_any_trial():
    trials = np.stack([MEANS, MEANS + 1], axis=2)
    trials[:, 2] = np.nan
    options = {"responses": trials, "axes": "neuroid,stimulus,repetition"}
    with pytest.raises(DatasetError, match=r"3 of 3 neurons have no trial of some stimuli: .* stimuli 2;"):
        import_dataset("d", **options)
    assert import_dataset("d", **options, drop=["incomplete-stimuli"]).responses.shape == (3, 3)
    with pytest.raises(DatasetError, match="nothing is left"):
        import_dataset("e", **options, drop=["incomplete-neuroids"])


def test_constant_neurons():
    values = np.vstack([MEANS, np.full(4, 7.0)])
    with pytest.raises(
        DatasetError, match=r"1 of 4 neurons respond to all stimuli alike: d-3; .* --drop constant-neuroids"
    ):
        import_dataset("d", responses=values, axes="neuroid,stimulus")
    found = import_dataset("d", responses=values, axes="neuroid,stimulus", drop=["constant-neuroids"])
    assert found.responses.values.tolist() == MEANS.T.tolist()


def test_drops_go_together_or_do_not():
    values = np.vstack([holes(), np.full(4, 7.0)])
    found = import_dataset(
        "d", responses=values, axes="neuroid,stimulus", drop=["constant-neuroids", "incomplete-neuroids"]
    )
    assert found.metadata["dropped_neuroids"] == ["d-0", "d-3"]
    with pytest.raises(UsageError, match="either mends the other"):
        import_dataset(
            "e", responses=values, axes="neuroid,stimulus", drop=["incomplete-stimuli", "incomplete-neuroids"]
        )
    with pytest.raises(UnknownNameError, match="did you mean constant-neuroids"):
        import_dataset("e", responses=values, axes="neuroid,stimulus", drop=["constant-neurons"])


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (MEANS, {}, UsageError, "the array is 3 × 4: say what its axes are"),
        (
            MEANS,
            {"axes": "neuron,stimulus"},
            UnknownNameError,
            "no axis is called 'neuron'; did you mean neuroid",
        ),
        (MEANS, {"axes": "neuroid,neuroid"}, UsageError, "each once, not neuroid,neuroid"),
        (MEANS, {"axes": "neuroid"}, UsageError, "must be neuroid, stimulus"),
        (
            MEANS,
            {"axes": "neuroid,stimulus,repetition"},
            DatasetError,
            r"2 axes \(3 × 4\), and --axes names 3",
        ),
        (MEANS[:, :0], {"axes": "neuroid,stimulus"}, DatasetError, "is empty"),
        (MEANS.astype(str), {"axes": "neuroid,stimulus"}, DatasetError, "must hold real numbers"),
        (
            MEANS * np.inf,
            {"axes": "neuroid,stimulus"},
            ArrayError,
            "12 infinite values .* neuroid d-0, d-1, d-2",
        ),
        (MEANS, {"axes": "neuroid,stimulus", "window": (1, 2)}, UsageError, "--window means nothing"),
        (
            MEANS,
            {"axes": "neuroid,stimulus", "stimulus_labels": ["a"]},
            UsageError,
            "--stimulus-labels means nothing",
        ),
        (MEANS, {"axes": "neuroid,stimulus", "variable": "x"}, UsageError, "--variable means nothing"),
    ],
)
def test_wrong_calls(values, options, error, message):
    with pytest.raises(error, match=message) as caught:
        import_dataset("d", responses=values, **options)
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


@pytest.mark.parametrize(
    "name", ["", "..", "../evil", "a/b", "a\\b", ".hidden", "/abs", "a b", "x" * 101, "naïve", "-x", "a\n"]
)
def test_names_cannot_leave_the_folder(name, neuroalign_home):
    before = sorted(neuroalign_home.parent.rglob("*"))
    with pytest.raises(DatasetError, match="cannot name a dataset"):
        import_dataset(name, responses=MEANS, axes="neuroid,stimulus")
    assert sorted(neuroalign_home.parent.rglob("*")) == before


def test_nothing_is_overwritten_without_force():
    import_dataset("d", responses=MEANS, axes="neuroid,stimulus")
    with pytest.raises(DatasetError, match="'d' exists already; replace it with --force"):
        import_dataset("d", responses=MEANS + 1, axes="neuroid,stimulus")
    assert load_dataset("d").responses.values.tolist() == MEANS.T.tolist()
    import_dataset("d", responses=MEANS + 1, axes="neuroid,stimulus", force=True)
    assert load_dataset("d").responses.values.tolist() == (MEANS + 1).T.tolist()
    assert [each.name for each in datasets_folder().iterdir()] == ["d"]


def test_a_failing_replacement_keeps_the_old(faces):
    import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=faces)
    (faces / "face_b.png").write_text("no image")
    with pytest.raises(DatasetError, match="face_b: it is not an image"):
        import_dataset("d", responses=MEANS + 1, axes="neuroid,stimulus", images=faces, force=True)
    found = load_dataset("d")
    assert found.responses.values.tolist() == MEANS.T.tolist()
    assert len(found.stimuli.pixels()) == 4
    assert [each.name for each in datasets_folder().iterdir()] == ["d"]


def test_hostile_images_leave_nothing_behind(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("good.png", b"x")
        archive.writestr("../../evil.png", b"x")
    with pytest.raises(ArchiveError, match=r"'\.\./\.\./evil\.png' leaves the folder"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=tmp_path / "x.zip")
    assert nothing_is_left()
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("step", ["write_folder", "check_images", "leave_out_unusable", "describe_stimuli"])
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_whatever_fails_leaves_nothing_behind(faces, monkeypatch, step, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(importing, step, fail)
    with pytest.raises(type(error)):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=zipped(faces))
    assert nothing_is_left()
    assert added_names() == []


def test_a_table_that_cannot_be_read_back_leaves_nothing_behind():
    table = pd.DataFrame({"stimulus_id": list("abcd"), "training": ["yes", "no", "perhaps", "no"]})
    with pytest.raises(DatasetError, match="must hold true or false, not 'perhaps'"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table)
    assert nothing_is_left()


def test_provenance(tmp_path, faces):
    np.save(tmp_path / "x.npy", MEANS)
    import_dataset(
        "d",
        responses=tmp_path / "x.npy",
        axes="neuroid,stimulus",
        images=zipped(faces),
        source="our laboratory",
        licence="CC0",
        citation="Us (2024)",
        description="Three cells.",
        stimulus_set="faces",
    )
    stored = tomllib.loads((datasets_folder() / "d" / "dataset.toml").read_text())
    assert {key: stored[key] for key in ("identifier", "source", "licence", "citation", "description")} == {
        "identifier": "d",
        "source": "our laboratory",
        "licence": "CC0",
        "citation": "Us (2024)",
        "description": "Three cells.",
    }
    assert stored["stimulus_set"] == "faces"
    sha256 = hashlib.sha256((tmp_path / "x.npy").read_bytes()).hexdigest()
    assert stored["files"][0] == {"role": "responses", "name": "x.npy", "sha256": sha256}
    assert stored["files"][1]["name"] == "faces.zip"
    attrs = load_dataset("d").recording.attrs
    assert attrs == {
        "identifier": "d",
        "stimulus_set": "faces",
        "source": "our laboratory",
        "licence": "CC0",
        "citation": "Us (2024)",
        "sha256": sha256,
        "simulated": "no",
    }


def test_checksums_of_folders_follow_their_content(faces):
    def sha256(name):
        found = import_dataset(name, responses=MEANS, axes="neuroid,stimulus", images=faces)
        return found.metadata["files"][0]["sha256"]

    first = sha256("a")
    assert sha256("b") == first
    Image.new("L", (5, 4), 99).save(faces / "face_a.png")
    assert sha256("c") != first


# --- brainio


@pytest.fixture
def assembly(dataset, tmp_path):
    write_brainio(dataset, tmp_path / "x.nc")
    return tmp_path / "x.nc"


def test_brainio(assembly, dataset):
    found = import_dataset("d", responses=assembly)
    np.testing.assert_array_equal(found.trials, dataset.trials)
    assert found.responses["neuroid"].values.tolist() == dataset.responses["neuroid"].values.tolist()
    assert found.stimuli.identifier == "toy"
    with pytest.raises(
        UsageError, match="--region IT contradicts the responses: 12 of 12 neurons have the region AM"
    ):
        import_dataset("e", responses=assembly, region="IT")
    assert set(import_dataset("e", responses=assembly, region="am").recording["region"].values) == {"am"}
    with pytest.raises(UsageError, match="--axes means nothing for responses in the format brainio"):
        import_dataset("f", responses=assembly, axes="neuroid,stimulus")
    with pytest.raises(UsageError, match="one BrainIO file, not 2"):
        import_dataset("f", responses=[assembly, assembly])


def test_brainio_time_bins(dataset, tmp_path):
    from dataclasses import replace

    base = dataset.recording
    bins = {"time_bin_start": ("time_bin", [0, 50, 100]), "time_bin_end": ("time_bin", [50, 100, 150])}
    array = base.expand_dims(time_bin=3, axis=2).copy().assign_coords(bins)
    array.values[...] = base.values[..., None] * np.array([1.0, 10.0, 20.0])
    write_brainio(replace(dataset, recording=array), tmp_path / "x.nc")
    with pytest.raises(
        DatasetError, match="has 3 time bins from 0 to 150 ms; average some of them with --window"
    ):
        import_dataset("d", responses=tmp_path / "x.nc")
    with pytest.raises(DatasetError, match=r"no bin of .* starts at 10 ms; bins start at 0, 50, 100 ms"):
        import_dataset("d", responses=tmp_path / "x.nc", window=(10, 60))
    found = import_dataset("d", responses=tmp_path / "x.nc", window=(50, 150))
    np.testing.assert_allclose(found.recording.values, 15 * base.values, rtol=1e-12)
    assert found.metadata["window_ms"] == [50, 150]
    assert found.recording.dims == ("presentation", "neuroid")


def test_a_name_that_is_registered_is_told():
    found = import_dataset("AM-faces", responses=MEANS, axes="neuroid,stimulus")
    assert "From now on AM-faces is this dataset" in found.metadata["notes"][-1]
    assert load_dataset("AM-faces").recording.sizes["neuroid"] == 3


def test_formats_that_cannot_be_told(tmp_path):
    (tmp_path / "x.xyz").write_bytes(b"rubbish")
    with pytest.raises(DatasetError, match=r"cannot tell the format of .*x\.xyz; name it with --format"):
        import_dataset("d", responses=tmp_path / "x.xyz", axes="neuroid,stimulus")
    (tmp_path / "x.xyz").write_text("1,2\n4,3\n")
    found = import_dataset("d", responses=tmp_path / "x.xyz", axes="neuroid,stimulus", format="csv")
    assert found.responses.values.tolist() == [[1, 4], [2, 3]]
    with pytest.raises(UnknownNameError, match="no format is called 'matlb'; did you mean matlab"):
        import_dataset("e", responses=tmp_path / "x.xyz", format="matlb")
    with pytest.raises(DatasetError, match="does not exist"):
        import_dataset("e", responses=tmp_path / "absent.npy")
    (tmp_path / "empty.npy").touch()
    with pytest.raises(DatasetError, match="is empty"):
        import_dataset("e", responses=tmp_path / "empty.npy")
    with pytest.raises(UsageError, match="a path, several paths, or a NumPy array"):
        import_dataset("e", responses=[[1, 2], [3, 4]], axes="neuroid,stimulus")


@pytest.mark.parametrize("suffix", [".mat", ".npy", ".npz", ".nc", ".zip", ".csv"])
def test_rubbish_of_any_kind_is_one_line(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for content in (b"\x00\x01\x02" * 50, b"PK\x03\x04" + bytes(50), b"\x89HDF\r\n\x1a\n" + bytes(600)):
        path.write_bytes(content)
        with pytest.raises(NeuroalignError) as caught:
            import_dataset("d", responses=path, axes="neuroid,stimulus" if suffix != ".nc" else None)
        assert "\n" not in str(caught.value)
    assert nothing_is_left()
