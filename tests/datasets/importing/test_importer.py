"""Imports as a whole: wrong calls, failures, provenance."""

import hashlib
import tomllib
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
from neuroalign.datasets.importing import described_stimuli
from neuroalign.datasets.importing import importer as importing
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    ArchiveError,
    ArrayError,
    DatasetError,
    UnknownNameError,
    UsageError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (MEANS, {}, UsageError, "the array is 3 × 4: name its axes"),
        (
            MEANS,
            {"axes": "neuron,stimulus"},
            UnknownNameError,
            "no axis is called 'neuron'; did you mean neuroid",
        ),
        (MEANS, {"axes": "neuroid,neuroid"}, UsageError, "each once, got neuroid,neuroid"),
        (MEANS, {"axes": "neuroid"}, UsageError, "must name neuroid and stimulus"),
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
        (MEANS, {"axes": "neuroid,stimulus", "window": (1, 2)}, UsageError, "--window has no effect"),
        (
            MEANS,
            {"axes": "neuroid,stimulus", "stimulus_labels": ["a"]},
            UsageError,
            "--stimulus-labels has no effect",
        ),
        (MEANS, {"axes": "neuroid,stimulus", "variable": "x"}, UsageError, "--variable has no effect"),
    ],
)
def test_wrong_calls(nothing_is_left, values, options, error, message):
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
    assert [path.name for path in datasets_folder().iterdir()] == ["d"]


def test_a_failing_replacement_keeps_the_old(faces):
    import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=faces)
    (faces / "face_b.png").write_text("no image")
    with pytest.raises(DatasetError, match="face_b: it is not an image"):
        import_dataset("d", responses=MEANS + 1, axes="neuroid,stimulus", images=faces, force=True)
    imported = load_dataset("d")
    assert imported.responses.values.tolist() == MEANS.T.tolist()
    assert len(imported.stimuli.pixels()) == 4
    assert [path.name for path in datasets_folder().iterdir()] == ["d"]


def test_hostile_images_leave_nothing_behind(nothing_is_left, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("good.png", b"x")
        archive.writestr("../../evil.png", b"x")
    with pytest.raises(ArchiveError, match=r"'\.\./\.\./evil\.png' leaves the folder"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=tmp_path / "x.zip")
    assert nothing_is_left()
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("step", ["write_folder", "survey_images", "leave_out_unusable", "describe_stimuli"])
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_whatever_fails_leaves_nothing_behind(zipped, nothing_is_left, faces, monkeypatch, step, error):
    def fail(*_, **__):
        raise error

    module = importing if hasattr(importing, step) else described_stimuli
    monkeypatch.setattr(module, step, fail)
    with pytest.raises(type(error)):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", images=zipped(faces))
    assert nothing_is_left()
    assert added_names() == []


def test_a_table_that_cannot_be_read_back_leaves_nothing_behind(nothing_is_left):
    table = pd.DataFrame({"stimulus_id": list("abcd"), "training": ["yes", "no", "perhaps", "no"]})
    with pytest.raises(DatasetError, match="must hold true or false, got 'perhaps'"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table)
    assert nothing_is_left()


def test_provenance(zipped, tmp_path, faces):
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
        imported = import_dataset(name, responses=MEANS, axes="neuroid,stimulus", images=faces)
        return imported.metadata["files"][0]["sha256"]

    first = sha256("a")
    assert sha256("b") == first
    Image.new("L", (5, 4), 99).save(faces / "face_a.png")
    assert sha256("c") != first


def test_a_name_that_is_registered_is_told():
    imported = import_dataset("AM-faces", responses=MEANS, axes="neuroid,stimulus")
    assert "From now on AM-faces is this dataset" in imported.metadata["notes"][-1]
    assert load_dataset("AM-faces").recording.sizes["neuroid"] == 3
