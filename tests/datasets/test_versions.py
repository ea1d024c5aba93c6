"""Tests of datasets that are replaced while they are read."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest

from neuroalign.datasets import folder as folders
from neuroalign.datasets import versions
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.errors import DatasetError
from neuroalign.files.folders import previous_folder


@pytest.fixture
def old(dataset_factory):
    return dataset_factory(n_stimuli=20, n_neurons=3)


@pytest.fixture
def new(dataset_factory):
    return dataset_factory(n_stimuli=20, n_neurons=3, seed=1)


@pytest.fixture
def path(old, tmp_path):
    write_folder(old, tmp_path / "toy")
    return tmp_path / "toy"


def replace_before(name, monkeypatch, path, version, times=1):
    """Replace a dataset before a function of the reader is called, the first few times."""
    read, left = getattr(folders, name), [times]

    def replacing(file, *rest):
        if Path(file) in (path, path / "recording.nc") and left[0]:
            left[0] -= 1
            with monkeypatch.context() as patch:
                patch.setattr(folders, name, read)
                write_folder(version, path, replace=True)
        return read(file, *rest)

    monkeypatch.setattr(folders, name, replacing)


@pytest.mark.parametrize("name", ["read_stimuli", "read_recording"])
def test_all_files_are_of_one_version(name, new, path, monkeypatch):
    replace_before(name, monkeypatch, path, new)
    read = read_folder(path)
    np.testing.assert_array_equal(read.recording.values, new.recording.values)
    np.testing.assert_array_equal(read.stimuli.pixels(), new.stimuli.pixels())
    assert read.truth.equals(new.truth)


def test_a_dataset_that_is_always_replaced_is_one_line(new, path, monkeypatch):
    monkeypatch.setattr(versions, "_PAUSE", 0)
    monkeypatch.setattr(versions, "_ATTEMPTS", 2)
    replace_before("read_stimuli", monkeypatch, path, new, times=100)
    with pytest.raises(DatasetError) as caught:
        read_folder(path)
    assert (
        str(caught.value)
        == f"the dataset {path} is replaced again and again while it is read; try again later"
    )


def test_a_dataset_without_its_name_between_two_renames(old, path):
    path.rename(previous_folder(path))
    np.testing.assert_array_equal(read_folder(path).recording.values, old.recording.values)


@pytest.mark.parametrize("process", [lambda stimuli: stimuli, lambda stimuli: stimuli.training()])
def test_images_of_another_version_are_an_error(process, new, path):
    stimuli = process(read_folder(path).stimuli)
    write_folder(new, path, replace=True)
    message = f"the dataset {path} was replaced or removed while it was read; run the command again"
    for read in (stimuli.pixels, lambda: stimuli.open(stimuli.ids[0]), lambda: stimuli.content_hash):
        with pytest.raises(DatasetError) as caught:
            read()
        assert str(caught.value) == message
    shutil.rmtree(path)
    with pytest.raises(DatasetError) as caught:
        stimuli.pixels()
    assert str(caught.value) == message


def test_images_that_change_while_the_last_one_is_read(new, path, monkeypatch):
    from neuroalign.datasets import image_sources

    stimuli, opened = read_folder(path).stimuli, image_sources.open_image

    def replacing(source, stimulus_id, **options):
        if stimulus_id == stimuli.ids[-1]:
            write_folder(new, path, replace=True)
        return opened(source, stimulus_id, **options)

    monkeypatch.setattr(image_sources, "open_image", replacing)
    with pytest.raises(DatasetError, match=r"was replaced (or removed )?while it was read"):
        stimuli.pixels()


def test_images_can_be_copied(old, path):
    stimuli = read_folder(path).stimuli
    sent = copy.deepcopy(stimuli)
    np.testing.assert_array_equal(sent.pixels(), old.stimuli.pixels())
