"""Stimuli that are not presented, for training or held out: longer tables, lists and mirrored training images."""

import numpy as np
import pandas as pd
import pytest
import scipy.io
from click.testing import CliRunner
from PIL import Image

from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.importing.stimulus_marks import read_list
from neuroalign.errors import DatasetError, StimulusMismatchError, UsageError

N_ALL, N_PRESENTED, N_HELD_OUT = 12, 9, 3
IDS = [f"face{i:02d}" for i in range(N_ALL)]
#: The faces that only networks are trained on lie between the others, so that positions would be wrong.
PRESENTED = [name for i, name in enumerate(IDS) if i not in (1, 5, 11)]
HELD_OUT = PRESENTED[:N_HELD_OUT]
VALUES = np.random.default_rng(0).normal(size=(4, N_PRESENTED))


@pytest.fixture
def face_images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, name in enumerate(IDS):
        picture = np.zeros((4, 6), dtype=np.uint8)
        picture[:, 0] = 10 * (i + 1)
        Image.fromarray(picture).save(folder / f"{name}.png")
    return folder


def value_of(dataset, stimulus):
    """Return the responses to one stimulus."""
    return dataset.responses.sel(stimulus=stimulus).values


def expect_pairing(dataset):
    """Check that each presented face has its own responses, and that the others are kept without responses."""
    assert dataset.stimuli.ids.size == N_ALL
    assert sorted(dataset.responses["stimulus"].values) == sorted(PRESENTED)
    for i, stimulus in enumerate(PRESENTED):
        np.testing.assert_array_equal(value_of(dataset, stimulus), VALUES[:, i])
    assert dataset.stimuli.table["presented"].to_dict() == {name: name in PRESENTED for name in IDS}


def test_the_column_presented_marks_the_stimuli_of_the_array(face_images, tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"r": VALUES})
    table = pd.DataFrame(
        {"stimulus_id": IDS, "presented": ["yes" if name in PRESENTED else "no" for name in IDS]}
    )
    table.to_csv(tmp_path / "faces.csv", index=False)
    dataset = import_dataset(
        "d",
        responses=tmp_path / "x.mat",
        axes="neuroid,stimulus",
        stimuli=tmp_path / "faces.csv",
        images=face_images,
    )
    expect_pairing(dataset)
    assert dataset.stimuli.has_images
    expect_pairing(load_dataset("d"))


@pytest.mark.parametrize("columns", [["stimulus_id"], ["filename"], ["filename", "stimulus_id"]])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_list_names_the_stimuli_of_the_array(face_images, tmp_path, columns, as_file):
    table = pd.DataFrame({"stimulus_id": IDS, "filename": [f"{name}.png" for name in IDS]})[columns]
    listed = tmp_path / "shown.txt"
    listed.write_text("\n".join(f"{name}.png" for name in PRESENTED) + "\n")
    dataset = import_dataset(
        "d",
        responses=VALUES,
        axes="neuroid,stimulus",
        stimuli=table.iloc[::-1],
        presented=listed if as_file else PRESENTED,
        images=face_images,
    )
    expect_pairing(dataset)
    note = "3 of 12 stimuli have no responses and are kept as stimuli that were not presented."
    assert note in dataset.metadata["notes"]


def test_images_in_order_name_the_rows_of_a_longer_table(face_images):
    table = pd.DataFrame({"presented": [name in PRESENTED for name in IDS], "age": range(N_ALL)})
    dataset = import_dataset(
        "d", responses=VALUES, axes="neuroid,stimulus", stimuli=table, images=face_images
    )
    expect_pairing(dataset)
    assert dataset.stimuli.table["age"].to_dict() == {name: i for i, name in enumerate(IDS)}


def test_labels_in_the_file_match_a_longer_table(tmp_path):
    pd.DataFrame(VALUES.T, index=PRESENTED, columns=list("abcd")).to_csv(
        tmp_path / "r.csv", index_label="stimulus_id"
    )
    dataset = import_dataset(
        "d", responses=tmp_path / "r.csv", axes="stimulus,neuroid", stimuli=pd.DataFrame({"stimulus_id": IDS})
    )
    expect_pairing(dataset)


@pytest.mark.parametrize(
    ("options", "for_training"),
    [
        ({"held_out": HELD_OUT}, set(IDS) - set(HELD_OUT)),
        ({"training": IDS[6:]}, set(IDS[6:])),
        ({"held_out": HELD_OUT, "training": sorted(set(IDS) - set(HELD_OUT))}, set(IDS) - set(HELD_OUT)),
        ({"held_out": "test"}, set(IDS[1:])),
    ],
)
def test_lists_mark_stimuli_for_training(options, for_training):
    table = pd.DataFrame({"stimulus_id": IDS, "test": [name == IDS[0] for name in IDS]})
    dataset = import_dataset(
        "d", responses=VALUES, axes="neuroid,stimulus", stimuli=table, presented=PRESENTED, **options
    )
    assert set(dataset.stimuli.training().ids) == for_training
    assert set(dataset.stimuli.held_out().ids) == set(PRESENTED) - for_training


def test_lists_without_a_table_keep_images_that_were_not_presented(face_images):
    dataset = import_dataset(
        "d",
        responses=VALUES,
        axes="neuroid,stimulus",
        presented=PRESENTED,
        images=face_images,
        training=[f"{name}.png" for name in IDS if name not in HELD_OUT],
        mirror_training=True,
    )
    expect_pairing(dataset)
    training = dataset.stimuli.training()
    assert set(training.ids) == set(IDS) - set(HELD_OUT)
    # Networks are trained on mirror images: the bright column moves from the left to the right.
    own = training.select([IDS[1]]).pixels()[0]
    np.testing.assert_allclose(own[:, -1], 20 / 255, rtol=1e-6)
    assert own[:, :-1].max() == 0
    assert dataset.stimuli.select([IDS[1]]).pixels()[0][:, 0].max() > 0


def test_a_held_out_stimulus_may_be_left_out():
    values = np.repeat(VALUES[:, :, np.newaxis], 2, axis=2)
    values[0, 0] = np.nan
    dataset = import_dataset(
        "d",
        responses=values,
        axes="neuroid,stimulus,repetition",
        presented=PRESENTED,
        held_out=HELD_OUT,
        drop=["incomplete-stimuli"],
    )
    assert set(dataset.stimuli.held_out().ids) == set(HELD_OUT[1:])
    assert "presented" not in dataset.stimuli.table


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"presented": None},
            StimulusMismatchError,
            "the stimulus table has 12 rows, but the responses have 9 .* or list them with --presented",
        ),
        ({"presented": IDS}, StimulusMismatchError, "--presented lists 12 stimuli, but the responses have 9"),
        (
            {"presented": [*PRESENTED[:-1], "x"]},
            StimulusMismatchError,
            "lists 1 stimuli .*: x; the stimuli are",
        ),
        ({"held_out": ["x.png", *HELD_OUT]}, StimulusMismatchError, "--held-out lists 1 .*: x.png"),
        ({"held_out": "nowhere"}, DatasetError, "nowhere must be a file .*; the columns are shown"),
        ({"held_out": IDS[:3], "training": IDS[2:]}, UsageError, "share 1 stimuli: face02"),
        ({"held_out": IDS[:3], "training": IDS[6:]}, UsageError, "2 recorded stimuli are in neither"),
        ({"mirror_training": True}, UsageError, "--mirror-training mirrors images"),
        (
            {"presented": None, "table": {"presented": [True] * 8 + [False] * 4}},
            StimulusMismatchError,
            "marks 8 rows as presented, but the responses have 9",
        ),
        (
            {"table": {"presented": [False] + [True] * 11}},
            StimulusMismatchError,
            "1 recorded stimuli are marked as not presented .*: face00",
        ),
        (
            {"held_out": IDS[:1], "table": {"training": [True] * 12}},
            UsageError,
            "--held-out contradicts the column training .* for 1 stimuli: face00",
        ),
        (
            {"held_out": "presented", "table": {"presented": ["maybe"] * 12}},
            DatasetError,
            "must hold true or",
        ),
    ],
)
def test_wrong_lists(nothing_is_left, options, error, message):
    columns = options.pop("table", {"shown": range(N_ALL)})
    table = pd.DataFrame({"stimulus_id": IDS, **columns})
    options = {"presented": PRESENTED, **options}
    with pytest.raises(error, match=message) as caught:
        import_dataset("d", responses=VALUES, axes="neuroid,stimulus", stimuli=table, **options)
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_presented_has_no_effect_on_files_with_labels(tmp_path):
    pd.DataFrame(VALUES.T, index=PRESENTED, columns=list("abcd")).to_csv(
        tmp_path / "r.csv", index_label="stimulus_id"
    )
    with pytest.raises(UsageError, match="--presented has no effect"):
        import_dataset("d", responses=tmp_path / "r.csv", axes="stimulus,neuroid", presented=PRESENTED)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("face01\n\n face02 \r\n", ["face01", "face02"]),
        ("Image_ID,kind\n007,a\n008,b\n", ["007", "008"]),
        ("kind\tfilename\na\tx/007.png\n", ["x/007.png"]),
        ("\ufeffstimulus_id\n1\n2\n", ["1", "2"]),
    ],
)
def test_forms_of_a_list(tmp_path, text, listed):
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode())
    assert read_list(path) == listed


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"a\n" * 9000 + b"\xff"])
def test_a_list_without_stimuli(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"list\.txt"):
        read_list(path)


def test_command_line(tmp_path, face_images):
    np.save(tmp_path / "r.npy", VALUES)
    pd.DataFrame({"stimulus_id": IDS}).to_csv(tmp_path / "faces.csv", index=False)
    (tmp_path / "shown.txt").write_text("\n".join(PRESENTED))
    (tmp_path / "test.txt").write_text("\n".join(HELD_OUT))
    args = [
        "add",
        "d",
        "--responses",
        tmp_path / "r.npy",
        "--axes",
        "neuroid,stimulus",
        "--images",
        face_images,
    ]
    args += ["--stimuli", tmp_path / "faces.csv", "--presented", tmp_path / "shown.txt", "--mirror-training"]
    result = CliRunner().invoke(data, [str(arg) for arg in [*args, "--held-out", tmp_path / "test.txt"]])
    assert result.exit_code == 0, result.output
    assert (
        "note: 9 of 12 stimuli are for training; 3 recorded stimuli are held out (--held-out)."
        in result.stderr
    )
    stimuli = load_dataset("d").stimuli
    assert stimuli.mirror_training
    assert set(stimuli.held_out().ids) == set(HELD_OUT)
