import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.inspecting import validate
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.variants import VariantTable
from neuroalign.errors import DatasetError, StimulusMismatchError


def stimuli(ids, original=None, images=None):
    table = pd.DataFrame(index=pd.Index(list(ids)))
    if original is not None:
        table["original"] = original
    return StimulusSet("toy", table, images)


def test_without_the_column_each_stimulus_is_its_own_original():
    originals = stimuli("cab").originals(["b", "a", "c"])
    assert originals.labels.tolist() == [1, 0, 2]
    assert originals.labels.dtype == np.int64
    assert (originals.has_variants, originals.provenance, originals.notes("folds")) == (False, {}, [])


def test_variants_and_their_original_are_one_group_and_missing_values_are_originals():
    stimulus_set = stimuli(["a", "a_flip", "b", "c", "d_dark", "d_flip"], [None, "a", np.nan, "", "d", "d"])
    ids = ["a", "a_flip", "b", "c", "d_dark", "d_flip"]
    assert stimulus_set.groups(ids).tolist() == [0, 0, 1, 2, 3, 3]
    # Labels follow the smallest id, for every order of the ids.
    assert stimulus_set.groups(ids[::-1]).tolist() == [3, 3, 2, 1, 0, 0]
    originals = stimulus_set.originals(ids)
    assert (originals.n, originals.provenance) == (4, {"n_originals": 4})
    assert originals.notes("folds") == ["folds keep the 4 originals together"]
    with pytest.raises(StimulusMismatchError, match="1 stimulus is not in the stimulus set 'toy': x"):
        stimulus_set.groups(["a", "x"])


@given(st.permutations(range(12)), st.lists(st.sampled_from(["", "p", "q", "r"]), min_size=12, max_size=12))
def test_labels_do_not_depend_on_the_order_of_the_table(order, original):
    ids = np.array([f"s{index:02d}" for index in range(12)])
    first = stimuli(ids, original).groups(ids)
    second = stimuli(ids[order], np.array(original)[order]).groups(ids)
    np.testing.assert_array_equal(first, second)
    assert first[0] == 0
    assert (np.diff(np.unique(first, return_index=True)[1]) > 0).all()


def test_numbers_name_stimuli_as_text_does():
    # A column of numbers with a gap is of floats in pandas.
    assert stimuli(["3", "4", "5"], [np.nan, 3.0, 3.0]).groups(["3", "4", "5"]).tolist() == [0, 0, 0]
    # Missing text that a writer of netCDF stored as text.
    assert stimuli("abc", ["nan", "None", "a"]).groups(list("abc")).tolist() == [0, 1, 0]


def test_a_variant_of_a_variant_is_refused():
    with pytest.raises(DatasetError) as caught:
        stimuli("abc", [None, "a", "b"]).groups(["a", "b", "c"])
    assert str(caught.value) == (
        "the original of stimulus 'c' is 'b', and the original of 'b' is 'a'; name one original for both in the column "
        "original, or label groups by names that are not stimulus ids"
    )


@pytest.mark.parametrize("flags", [[True, False, True], ["yes", "no", "yes"]])
def test_flags_are_no_originals(flags):
    with pytest.raises(
        DatasetError, match="the column original must name the stimulus of which each stimulus"
    ):
        stimuli("abc", flags).groups(["a", "b", "c"])


def test_equal_images_are_one_original(tmp_path):
    rng = np.random.default_rng(0)
    pixels = {name: rng.integers(0, 256, (4, 4), dtype=np.uint8) for name in "abcd"}
    pixels["d"] = pixels["a"].copy()
    originals = stimuli("abcd", None, pixels).originals(list("abcd"))
    assert originals.labels.tolist() == [0, 1, 2, 0]
    assert originals.n_identical == 2
    assert originals.notes("folds") == [
        "folds keep the 3 originals together",
        "2 stimuli share their image with another stimulus byte for byte: equal images count as one original",
    ]
    # Equal images join the variants of both: b is a variant of a, and c of the equal d.
    joined = stimuli("abcd", [None, "a", "d", None], pixels).originals(list("abcd"))
    assert (joined.labels.tolist(), joined.n_identical) == ([0, 0, 0, 0], 2)
    # Images of stimuli that the column marks as variants need no note.
    assert stimuli("abcd", [None, None, None, "a"], pixels).originals(list("abcd")).n_identical == 0
    paths = {name: tmp_path / f"{name}.bin" for name in "abcd"}
    for name, path in paths.items():
        path.write_bytes(b"same" if name in "bd" else name.encode() * 4)
    assert stimuli("abcd", None, paths).groups(list("abcd")).tolist() == [0, 1, 2, 1]
    paths["c"].unlink()
    with pytest.raises(DatasetError, match="cannot read the image of stimulus 'c'"):
        stimuli("abcd", None, paths).groups(list("abcd"))


def make(original):
    ids = [f"{index:03d}" for index in range(8)]
    values = np.random.default_rng(0).standard_normal((8, 2))
    return Dataset(
        identifier="toy",
        recording=arrays.recording(values, stimulus_id=ids, neuroid_id=["m", "n"]),
        stimuli=stimuli(ids, original),
        averaged=True,
    )


def test_scores_of_other_originals_are_other_scores():
    plain, named = make(None), make([None] * 8)
    variants = make([None, "000"] + [None] * 6)
    # Stored scores stay valid where no stimulus is a variant.
    assert plain.content_hash == named.content_hash
    assert plain.content_hash == "cdc6dae112e88ff0016086943c0e5f5f43f05a6eaf60e5a246ecb6315b5bdba6"
    assert variants.content_hash != plain.content_hash
    assert variants.stimuli.content_hash == plain.stimuli.content_hash


def test_originals_survive_the_folder_as_text(tmp_path):
    dataset = make([None, "000", None, "002", None, None, None, "face"])
    write_folder(dataset, tmp_path / "toy")
    back = read_folder(tmp_path / "toy")
    ids = dataset.stimuli.ids
    assert back.stimuli.groups(ids).tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
    assert back.content_hash == dataset.content_hash
    assert validate(back)["originals"] == 6
    assert "originals" not in validate(make(None))
    faulty = make([None, "000", "001"] + [None] * 5)
    assert validate(faulty)["problems"][0].startswith("The original of stimulus '002' is '001'")


def test_an_import_reads_originals_as_text_and_says_how_many(tmp_path):
    np.save(tmp_path / "cells.npy", np.random.default_rng(0).standard_normal((4, 2)))
    (tmp_path / "stimuli.csv").write_text("stimulus_id,original\n007,\n008,007\n009,\n010,009\n")
    imported = import_dataset(
        "cells",
        responses=tmp_path / "cells.npy",
        axes="stimulus,neuroid",
        stimuli=tmp_path / "stimuli.csv",
    )
    assert imported.stimuli.groups(["007", "008", "009", "010"]).tolist() == [0, 0, 1, 1]
    assert imported.metadata["notes"][-1] == (
        "4 stimuli are variants of 2 originals: variants of one original stay together in folds, draws and shuffles."
    )
    (tmp_path / "stimuli.csv").write_text("stimulus_id,original\n007,\n007,x\n009,\n010,009\n")
    with pytest.raises(
        DatasetError, match="the column original of the stimulus table must be the same in all rows"
    ):
        import_dataset(
            "others",
            responses=tmp_path / "cells.npy",
            axes="stimulus,neuroid",
            stimuli=tmp_path / "stimuli.csv",
        )


def test_the_column_and_equal_images_join_originals_together():
    table = pd.DataFrame({"original": ["a", "a", None, None]}, index=list("abcd"))
    grey = np.arange(4, dtype=np.uint8).reshape(2, 2)
    images = {"a": grey, "b": grey + 1, "c": grey + 1, "d": grey + 9}
    originals = VariantTable(table, images).originals(np.array(list("abcd")))
    assert originals.labels.tolist() == [0, 0, 0, 1]
    assert (originals.n, originals.n_identical) == (2, 2)
    without = VariantTable(table, None).originals(np.array(list("dcba")))
    assert without.labels.tolist() == [2, 1, 0, 0]
    assert without.n_identical == 0
