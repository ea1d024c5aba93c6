"""One rule decides between a name and a path: for scoring, for training, and for changing a dataset."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.catalogue import datasets_folder, folder_of, load_dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import NeuroalignWarning, UnknownNameError
from neuroalign.model_zoo.training.images.sources import open_stimuli

NOTE = "demo names both a dataset and a folder here; the dataset is used; write ./demo for the folder"


@pytest.fixture
def shadowed(dataset, tmp_path, monkeypatch):
    """A dataset that was added as demo, and a folder of two images of that name."""
    write_folder(dataset, datasets_folder() / "demo")
    (tmp_path / "demo").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "demo" / f"{name}.png")
    monkeypatch.chdir(tmp_path)


def test_a_name_goes_before_a_folder(shadowed):
    with pytest.warns(NeuroalignWarning, match=NOTE):
        assert len(load_dataset("demo").stimuli) == 120
    with pytest.warns(NeuroalignWarning, match=NOTE), open_stimuli("demo") as stimuli:
        assert len(stimuli) == 120
    with pytest.warns(NeuroalignWarning, match=NOTE):
        assert folder_of("demo") == datasets_folder() / "demo"


@pytest.mark.parametrize("path", ["./demo", Path("demo")])
def test_a_path_is_no_name(shadowed, path):
    with open_stimuli(path) as stimuli:
        assert stimuli.ids.tolist() == ["a", "b"]


def test_registered_names_go_before_folders(dataset, tmp_path, monkeypatch):
    write_folder(dataset, tmp_path / "AM-faces-sim")
    monkeypatch.chdir(tmp_path)
    note = "AM-faces-sim names both a dataset and a folder here"
    with pytest.warns(NeuroalignWarning, match=note):
        assert load_dataset("AM-faces-sim").recording.sizes["neuroid"] == 159
    with pytest.warns(NeuroalignWarning, match=note), open_stimuli("AM-faces-sim") as stimuli:
        assert len(stimuli) == 2162
    with pytest.warns(NeuroalignWarning, match=note), pytest.raises(UnknownNameError):
        folder_of("AM-faces-sim")
    assert load_dataset("./AM-faces-sim").recording.sizes["neuroid"] == 12
