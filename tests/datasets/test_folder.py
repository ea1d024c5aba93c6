import csv

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neuroalign import arrays
from neuroalign.datasets import folder
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, remove_folder, write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError
from neuroalign.files.sums import SUMS


def test_round_trip(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    result = read_folder(tmp_path / "d")
    xr.testing.assert_identical(result.recording, dataset.recording)
    pd.testing.assert_frame_equal(result.truth, dataset.truth, check_names=False)
    pd.testing.assert_frame_equal(
        result.stimuli.table.drop(columns="filename"), dataset.stimuli.table, check_names=False, rtol=1e-15
    )
    np.testing.assert_array_equal(result.stimuli.pixels(), dataset.stimuli.pixels())
    assert result.content_hash != ""
    assert (result.simulated, result.averaged, result.identifier) == (True, False, "single")
    assert result.stimuli.mirror_training


def test_content_hash_survives(tmp_path, dataset):
    bare = Dataset(
        identifier="d",
        recording=dataset.recording,
        stimuli=StimulusSet("s", dataset.stimuli.table),
    )
    write_folder(bare, tmp_path / "d")
    assert read_folder(tmp_path / "d").content_hash == bare.content_hash


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(TEXT, min_size=1, max_size=5, unique=True),
    st.lists(TEXT, min_size=1, max_size=3, unique=True),
    st.data(),
)
def test_any_text_can_be_an_id(tmp_path_factory, stimuli, neuroids, data):
    shape = (len(stimuli), len(neuroids))
    size = shape[0] * shape[1]
    values = data.draw(st.lists(st.floats(allow_infinity=False), min_size=size, max_size=size))
    images = {name: np.full((2, 3), i, dtype=np.uint8) for i, name in enumerate(stimuli)}
    made = Dataset(
        identifier="d",
        recording=arrays.recording(np.reshape(values, shape), stimulus_id=stimuli, neuroid_id=neuroids),
        stimuli=StimulusSet("s", pd.DataFrame({"note": stimuli}, index=pd.Index(stimuli)), images),
        metadata={"description": stimuli[0], "notes": neuroids},
    )
    path = tmp_path_factory.mktemp("folder") / "d"
    write_folder(made, path)
    result = read_folder(path)
    xr.testing.assert_identical(result.recording, made.recording)
    assert result.stimuli.ids.tolist() == stimuli
    np.testing.assert_array_equal(result.stimuli.pixels(), made.stimuli.pixels())
    assert result.metadata["description"] == stimuli[0]
    assert result.metadata["notes"] == neuroids


def test_images_are_named_after_their_stimuli_where_that_is_safe(tmp_path):
    def names(ids):
        images = {name: np.zeros((2, 2), dtype=np.uint8) for name in ids}
        table = pd.DataFrame(index=pd.Index(ids))
        recording = arrays.recording(np.arange(float(len(ids)))[:, None], stimulus_id=ids, neuroid_id=["n"])
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        write_folder(
            Dataset(identifier="d", recording=recording, stimuli=StimulusSet("s", table, images)), path
        )
        return sorted(path.name for path in (path / "images").iterdir())

    assert names(["face_1", "face-2"]) == ["face-2.png", "face_1.png"]
    assert names(["../../evil", "a/b"]) == ["00000.png", "00001.png"]
    # one file on a disk that does not tell capitals apart
    assert names(["Face", "face"]) == ["00000.png", "00001.png"]


def test_an_existing_folder_is_kept(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    with pytest.raises(DatasetError, match="exists already"):
        write_folder(dataset, tmp_path / "d")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match="is not a dataset folder, so it is not replaced"):
        write_folder(dataset, tmp_path / "mine", replace=True)
    with pytest.raises(DatasetError, match="is not a dataset folder"):
        remove_folder(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_replacing_leaves_nothing_of_the_old(dataset, dataset_factory, tmp_path):
    write_folder(dataset, tmp_path / "d")
    write_folder(dataset_factory(n_stimuli=7), tmp_path / "d", replace=True)
    assert len(read_folder(tmp_path / "d").stimuli) == 7
    assert len(list((tmp_path / "d" / "images").iterdir())) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_failure_while_writing_keeps_the_old(dataset, dataset_factory, tmp_path, monkeypatch):
    write_folder(dataset, tmp_path / "d")
    before = read_folder(tmp_path / "d").content_hash

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(folder, "write_recording", fail)
    with pytest.raises(OSError, match="full"):
        write_folder(dataset_factory(n_stimuli=7), tmp_path / "d", replace=True)
    assert read_folder(tmp_path / "d").content_hash == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_failure_while_renaming_restores_the_old(dataset, dataset_factory, tmp_path, monkeypatch):
    from pathlib import Path

    write_folder(dataset, tmp_path / "d")
    rename = Path.rename

    def fail_second(self, target):
        if self.name == "new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(OSError, match="no"):
        write_folder(dataset_factory(n_stimuli=7), tmp_path / "d", replace=True)
    assert len(read_folder(tmp_path / "d").stimuli) == 120
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


@pytest.fixture
def written(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    return tmp_path / "d"


def edit_filename(path, name):
    (path / SUMS).unlink(missing_ok=True)
    rows = list(csv.DictReader((path / "stimuli.csv").open()))
    rows[0]["filename"] = name
    pd.DataFrame(rows).to_csv(path / "stimuli.csv", index=False)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "../dataset.toml"])
def test_images_outside_the_folder_are_refused(written, name):
    edit_filename(written, name)
    with pytest.raises(DatasetError, match="lies outside"):
        read_folder(written)


def test_links_out_of_the_folder_are_refused(written, tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "elsewhere.png")
    (written / "images" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    edit_filename(written, "link.png")
    with pytest.raises(DatasetError, match="lies outside"):
        read_folder(written)


def test_missing_images_are_named(written):
    for name in ("s000.png", "s003.png"):
        (written / "images" / name).unlink()
    with pytest.raises(DatasetError, match=r"2 images are missing from .*: s000\.png, s003\.png"):
        read_folder(written)


def test_damaged_folders_say_what_is_wrong(written):
    def expect(message):
        with pytest.raises(DatasetError, match=message) as caught:
            read_folder(written)
        assert "\n" not in str(caught.value)

    (written / "recording.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    expect(r"cannot read .*recording\.nc")
    (written / SUMS).unlink()
    (written / "recording.nc").unlink()
    expect(r"recording\.nc is missing")
    (written / "stimuli.csv").write_text("id\na\n")
    expect("needs the column stimulus_id, got id")
    (written / "stimuli.csv").write_text("stimulus_id,training\na,perhaps\n")
    expect("column training of .* must hold true or false, got 'perhaps'")
    (written / "dataset.toml").write_text("identifier = ")
    expect(r"cannot read .*dataset\.toml")
    (written / "dataset.toml").unlink()
    expect(r"is not a dataset folder: it has no dataset\.toml")
