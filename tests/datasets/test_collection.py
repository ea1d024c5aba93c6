"""Collections of datasets: names, files, parts by a column, members that are missing, mixed kinds."""

from dataclasses import replace

import numpy as np
import pytest

import neuroalign as na
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.collection import Collection, find_collection, load_collection
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import DatasetError, UnknownNameError, UsageError
from neuroalign.testing import make_dataset


def add(name, **options):
    dataset = make_dataset(name, n_stimuli=20, images=False, **options)
    write_folder(dataset, datasets_folder() / name)
    return dataset


@pytest.fixture
def toml(tmp_path):
    def write(text, name="mine.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_public_collections_have_their_members():
    collection = find_collection("cowley2023")
    assert len(collection.members) == 12
    assert collection.missing() == list(collection.members)
    assert find_collection("cowley2023-210325") is None
    assert find_collection("freiwald2010") is None
    assert find_collection("no-such-name") is None


def test_members_that_are_missing_are_named_with_the_command():
    add("cowley2023-201025")
    collection = find_collection("cowley2023")
    with pytest.raises(UnknownNameError) as caught:
        collection.load()
    message = str(caught.value)
    assert message.startswith("11 of 12 datasets of cowley2023 are not added: cowley2023-190923, ")
    assert "cowley2023-201025" not in message
    assert "neuroalign data fetch cowley2023, or use the 1 others only: --available" in message
    assert [dataset.identifier for dataset in collection.load(available=True)] == ["cowley2023-201025"]


def test_without_any_member_there_is_nothing_to_use():
    with pytest.raises(UnknownNameError, match=r"12 of 12 datasets .*neuroalign data fetch cowley2023$"):
        find_collection("cowley2023").load(available=True)


def test_a_file_names_datasets_folders_and_collections(toml, tmp_path):
    one, two = add("one", seed=1), make_dataset("two", n_stimuli=20, images=False, seed=2)
    write_folder(two, tmp_path / "recordings" / "two")
    toml('datasets = ["./recordings/two"]', "inner.toml")
    path = toml('name = "mine"\ndatasets = ["one", "inner.toml"]')
    collection = load_collection(path)
    assert collection.identifier == "mine"
    loaded = collection.load()
    assert [dataset.content_hash for dataset in loaded] == [one.content_hash, two.content_hash]
    # Without a name, the collection has the name of its file.
    assert find_collection(str(tmp_path / "inner.toml")).identifier == "inner"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dataset = ["one"]', "no key is called 'dataset'; did you mean datasets?"),
        ("datasets = []", "datasets must have at least one name, got none"),
        ('datasets = "one"', "datasets must be a list of texts, got 'one'"),
        ('datasets = ["one", 2]', "item 2 of datasets must be text, got 2"),
        ('datasets = ["one"]\nresamples = 5', "resamples must be a whole number between 100 and 1,000,000"),
        ('datasets = ["one"]\nover = "animal"', "over must be animals, sessions or neurons, got 'animal'"),
        ("datasets", "is not a TOML file"),
        ('datasets = ["mine.toml"]', "does a file list itself?"),
    ],
)
def test_faults_of_a_file(toml, text, message):
    with pytest.raises(UsageError) as caught:
        find_collection(toml(text))
    assert message in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(UsageError, match=r"none.toml cannot be read: No such file or directory"):
        find_collection(str(tmp_path / "none.toml"))


@pytest.mark.slow
def test_a_star_stands_for_every_value_of_a_column():
    dataset = make_dataset("cells", n_stimuli=20, n_neurons=6, images=False)
    recording = dataset.recording.assign_coords(
        session=("neuroid", ["2", "2", "1", "1", "1", "1"]), region=("neuroid", ["IT", "V4"] * 3)
    )
    write_folder(replace(dataset, recording=recording), datasets_folder() / "cells")
    by_session = load_collection("cells[session=*]")
    assert by_session.identifier == "cells[session=*]"
    loaded = by_session.load()
    assert [part.identifier for part in loaded] == ["cells[session='1']", "cells[session='2']"]
    assert [part.recording.sizes["neuroid"] for part in loaded] == [4, 2]
    both = load_collection("cells[region=*,session='2']").load()
    assert [part.identifier for part in both] == [
        "cells[region=IT,session='2']",
        "cells[region=V4,session='2']",
    ]
    crossed = load_collection("cells[region=*,session=*]").load()
    assert sum(part.recording.sizes["neuroid"] for part in crossed) == 6
    with pytest.raises(UnknownNameError, match="did you mean session"):
        find_collection("cells[sesion=*]")


def test_lists_of_datasets(dataset):
    other = make_dataset("other", n_stimuli=20, seed=5)
    collection = na.load_collection([dataset, other], identifier="both")
    assert collection.identifier == "both"
    assert collection.load() == (dataset, other)
    with pytest.raises(UsageError, match="at least one dataset, got none"):
        load_collection([])
    with pytest.raises(UnknownNameError, match="no-such-name"):
        load_collection("no-such-name")


def test_one_dataset_is_not_twice_in_a_collection():
    dataset = make_dataset("one", n_stimuli=20, images=False)
    with pytest.raises(DatasetError, match="3 datasets has the dataset one twice"):
        load_collection([dataset, make_dataset("two", n_stimuli=20, seed=3), dataset]).load()
    with pytest.raises(DatasetError, match="one dataset under two names, one and again"):
        load_collection([dataset, replace(dataset, identifier="again")]).load()


def test_simulated_and_recorded_neurons_are_never_together():
    simulated = make_dataset("simulated", n_stimuli=20, images=False)
    recorded = replace(make_dataset("recorded", n_stimuli=20, images=False, seed=1), simulated=False)
    with pytest.raises(DatasetError, match=r"got simulated \(simulated\) and recorded \(recorded\)"):
        Collection("both", (simulated, recorded)).load()


def test_conditions_in_a_file_keep_their_slashes(toml):
    add("one")
    path = toml("datasets = [\"one[region='A/B']\"]")
    assert find_collection(path).members == ("one[region='A/B']",)
    assert np.size(find_collection(path).missing()) == 0
