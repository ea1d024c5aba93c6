from contextlib import ExitStack

import pytest

from neuroalign.datasets.catalogue import (
    added_names,
    dataset_names,
    datasets_folder,
    load_dataset,
    remove_dataset,
)
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import DatasetError, UnknownNameError
from neuroalign.names.registry import datasets


@pytest.fixture
def added(dataset):
    write_folder(dataset, datasets_folder() / "single")
    return dataset


def test_by_name_by_path_and_as_it_is(added, tmp_path):
    assert load_dataset("single").content_hash != ""
    write_folder(added, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere", str(tmp_path / "elsewhere")):
        assert load_dataset(path).identifier == "single"
    assert load_dataset(added) is added


def test_names(added):
    assert added_names() == ["single"]
    assert {"single", "AM-faces", "AM-faces-sim"} <= set(dataset_names())


def test_what_a_killed_import_left_is_no_dataset(added):
    (datasets_folder() / "single").rename(datasets_folder() / ".unfinished-x")
    assert added_names() == []
    with pytest.raises(UnknownNameError):
        load_dataset("single")


@pytest.fixture
def register():
    """A function that registers a dataset for the time of the test."""
    with ExitStack() as stack:
        yield lambda name, made: stack.enter_context(datasets.registered(name, made))


def test_registered_datasets(register, added):
    register("made", lambda: added)
    register("object", added)
    register("wrong", lambda: 3)
    assert load_dataset("made") is added
    assert load_dataset("object") is added
    with pytest.raises(DatasetError, match="'wrong' must be registered as a Dataset, got int"):
        load_dataset("wrong")


def test_added_datasets_come_before_registered_ones(register, dataset_factory, added):
    register("single", lambda: dataset_factory(n_stimuli=5))
    assert len(load_dataset("single").stimuli) == 120


def test_unknown_names(added, tmp_path):
    with pytest.raises(UnknownNameError, match="no dataset is called 'singel'; did you mean single"):
        load_dataset("singel")
    with pytest.raises(DatasetError, match=r"nowhere is not a dataset folder: it has no dataset\.toml"):
        load_dataset(tmp_path / "nowhere")


def test_remove(added):
    with pytest.raises(UnknownNameError, match="did you mean single"):
        remove_dataset("singel")
    for name in ("..", "../datasets", ""):
        with pytest.raises(UnknownNameError):
            remove_dataset(name)
    remove_dataset("single")
    assert added_names() == []
