"""TVSD: electrodes of two animals, areas, training and test images, names of images, and wrong or damaged files."""

import h5py
import numpy as np
import pytest

import neuroalign as na
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UsageError
from neuroalign.testing import check_reader

N_ELECTRODES, N_TRAIN, N_TEST, N_TRIALS = 1024, 6, 3, 4
TRAIN = [f"cat_{number:02d}b" for number in range(1, N_TRAIN + 1)]
TEST = [f"dog_{number:02d}s" for number in range(1, N_TEST + 1)]
RNG = np.random.default_rng(0)
#: Arrays of each animal in MATLAB's order: electrodes × images [× trials].
ARRAYS = {
    name: {
        "train_MUA": RNG.standard_normal((N_ELECTRODES, N_TRAIN)),
        "test_MUA_reps": RNG.standard_normal((N_ELECTRODES, N_TEST, N_TRIALS)),
        "SNR": RNG.random((N_ELECTRODES, 4)),
        "lats": RNG.random((N_ELECTRODES, 4)) * 100,
        "reliab": RNG.uniform(-0.4, 1, (N_ELECTRODES, 6)),
        "oracle": RNG.random((N_ELECTRODES, 1)),
    }
    for name in "NF"
}
for arrays in ARRAYS.values():
    arrays["test_MUA"] = arrays["test_MUA_reps"].mean(axis=2)


def write_animal(root, name, train=TRAIN):
    """Write the files of one animal as published; MATLAB 7.3 stores arrays in reverse order of their axes."""
    folder = root / f"monkey{name}"
    (folder / "_logs").mkdir(parents=True)
    with h5py.File(folder / "THINGS_normMUA.mat", "w", userblock_size=512) as file:
        for variable, values in ARRAYS[name].items():
            if variable == "train_MUA":
                values = values[:, [TRAIN.index(image) for image in train]]
            file.create_dataset(variable, data=values.T).attrs["MATLAB_class"] = np.bytes_("double")
    write_names(folder / "_logs" / "things_imgs.mat", train)
    return folder


def write_names(path, train=TRAIN, test=TEST):
    with h5py.File(path, "w", userblock_size=512) as file:
        for split, images in (("train_imgs", train), ("test_imgs", test)):
            group = file.create_group(split)
            for field in ("class", "things_path"):
                references = []
                for number, image in enumerate(images):
                    category = image.split("_")[0]
                    text = category if field == "class" else f"{category}\\{image}.jpg"
                    name = f"#refs#/{split}{field}{number}"
                    codes = np.frombuffer(text.encode("utf-16-le"), np.uint16).reshape(-1, 1)
                    references.append([file.create_dataset(name, data=codes).ref])
                group.create_dataset(field, data=np.array(references, dtype=h5py.ref_dtype))


@pytest.fixture
def root(tmp_path):
    for name in "NF":
        write_animal(tmp_path / "tvsd", name)
    return tmp_path / "tvsd"


def test_the_part_is_asked_for(root):
    assert detect_format([root]) == detect_format([root / "monkeyN"]) == "tvsd"
    with pytest.raises(
        DatasetError, match=r"6 training images .* 3 test images with 4 trials .*--part train"
    ):
        import_dataset("d", responses=root)
    with pytest.raises(UsageError, match=r"--part must be one of train, test, all for TVSD, got 'nsd'"):
        import_dataset("d", responses=root, part="nsd")


def test_training_images_have_one_value_each(root):
    dataset = import_dataset("d", responses=root / "monkeyN", part="train")
    assert dataset.averaged
    assert dataset.recording["stimulus_id"].values.tolist() == TRAIN
    np.testing.assert_array_equal(dataset.recording.values, ARRAYS["N"]["train_MUA"].T)
    assert set(dataset.stimuli.table["split"]) == {"train"}


def test_test_images_have_single_trials(root):
    dataset = import_dataset("d", responses=root / "monkeyF", part="test")
    array = dataset.recording
    assert not dataset.averaged
    assert array.sizes == {"presentation": N_TEST * N_TRIALS, "neuroid": N_ELECTRODES}
    for image, name in enumerate(TEST):
        for trial in range(N_TRIALS):
            row = (array["stimulus_id"] == name) & (array["repetition"] == trial)
            expected = ARRAYS["F"]["test_MUA_reps"][:, image, trial]
            np.testing.assert_array_equal(array.values[row.values][0], expected)


def test_all_images_are_means_with_a_split(root):
    dataset = import_dataset("d", responses=root / "monkeyN", part="all", held_out="split=test")
    assert dataset.averaged
    expected = np.concatenate([ARRAYS["N"]["train_MUA"], ARRAYS["N"]["test_MUA"]], axis=1).T
    np.testing.assert_array_equal(dataset.recording.values, expected)
    assert dataset.stimuli.table["split"].to_dict() == dict.fromkeys(TRAIN, "train") | dict.fromkeys(
        TEST, "test"
    )
    assert sorted(dataset.stimuli.held_out().ids) == TEST


def test_ids_of_images_are_the_stems_of_paths_with_backslashes(root):
    table = import_dataset("d", responses=root, part="all").stimuli.table
    assert list(table.index) == TRAIN + TEST
    assert table.loc["cat_01b", "category"] == "cat"


def test_areas_of_the_two_animals_lie_in_different_order(root):
    array = import_dataset("d", responses=root, part="train").recording
    region = dict(zip(array["neuroid_id"].values.tolist(), array["region"].values.tolist(), strict=True))
    edges = {
        "N": {1: "V1", 512: "V1", 513: "V4", 768: "V4", 769: "IT", 1024: "IT"},
        "F": {1: "V1", 512: "V1", 513: "IT", 832: "IT", 833: "V4", 1024: "V4"},
    }
    for name, areas in edges.items():
        assert {number: region[f"{name}-{number:04d}"] for number in areas} == areas
    counts = {
        (animal, area): load_dataset(f"d[animal={animal},region={area}]").recording.sizes["neuroid"]
        for animal in "NF"
        for area in ("V1", "V4", "IT")
    }
    assert list(counts.values()) == [512, 256, 256, 512, 192, 320]


def test_electrodes_that_share_a_number_are_two_neurons(root):
    array = import_dataset("d", responses=root, part="train").recording
    assert array.sizes["neuroid"] == 2 * N_ELECTRODES
    assert len(set(array["neuroid_id"].values)) == 2 * N_ELECTRODES
    for name in "NF":
        own = array.values[:, (array["animal"] == name).values]
        np.testing.assert_array_equal(own, ARRAYS[name]["train_MUA"].T)


def test_animals_join_by_image_and_not_by_position(tmp_path):
    write_animal(tmp_path, "N")
    write_animal(tmp_path, "F", train=TRAIN[::-1])
    array = import_dataset("d", responses=tmp_path, part="train").recording
    assert array["stimulus_id"].values.tolist() == TRAIN
    own = array.values[:, (array["animal"] == "F").values]
    np.testing.assert_array_equal(own, ARRAYS["F"]["train_MUA"].T)


def test_an_image_that_one_animal_did_not_see_is_a_missing_response(tmp_path):
    write_animal(tmp_path, "N")
    write_animal(tmp_path, "F", train=TRAIN[:4])
    with pytest.raises(DatasetError, match=r"stimuli cat_05b, cat_06b"):
        import_dataset("d", responses=tmp_path, part="train")
    dataset = import_dataset("d", responses=tmp_path, part="train", drop=["incomplete-stimuli"])
    assert list(dataset.stimuli.ids) == TRAIN[:4]


def test_activity_is_of_several_units(root):
    dataset = import_dataset("d", responses=root, part="train")
    assert set(dataset.recording["unit_type"].values) == {"multi"}
    assert any("there are no single units" in note for note in dataset.metadata["notes"])


def test_reliability_is_the_mean_over_pairs_and_selects_electrodes(root):
    reliability = ARRAYS["N"]["reliab"].mean(axis=1)
    dataset = import_dataset("d", responses=root / "monkeyN", part="train", quality="reliability > 0.3")
    array = dataset.recording
    kept = np.flatnonzero(reliability > 0.3)
    assert 0 < len(kept) < N_ELECTRODES
    assert array["electrode"].values.tolist() == (kept + 1).tolist()
    np.testing.assert_allclose(array["reliability"].values, reliability[kept])
    np.testing.assert_allclose(array["snr"].values, ARRAYS["N"]["SNR"].mean(axis=1)[kept])
    np.testing.assert_allclose(array["latency"].values, ARRAYS["N"]["lats"].mean(axis=1)[kept])
    np.testing.assert_array_equal(array["oracle"].values, ARRAYS["N"]["oracle"][kept, 0])
    np.testing.assert_array_equal(array.values, ARRAYS["N"]["train_MUA"][kept].T)
    assert any(
        f"{len(kept)} of 1,024 electrodes have a reliability" in note for note in dataset.metadata["notes"]
    )


def test_one_file_is_read_with_the_names_beside_it(root):
    dataset = import_dataset("d", responses=root / "monkeyF" / "THINGS_normMUA.mat", part="train")
    assert set(dataset.recording["animal"].values) == {"F"}
    roles = [file["role"] for file in dataset.metadata["files"]]
    assert roles == ["responses", "responses"]
    both = import_dataset("e", responses=[root / "monkeyF", root / "monkeyN"], part="train")
    assert both.recording.sizes["neuroid"] == 2 * N_ELECTRODES


def test_another_recording_predicts_the_electrodes_without_images(root):
    import_dataset("d", responses=root, part="all", quality="electrode <= 3")
    assert np.isfinite(na.score("neurons:d[animal=N]", "d[animal=F]", "ridge[n_folds=3]").value)


def rename(root):
    (root / "monkeyN").rename(root / "subjectN")
    return root / "subjectN"


def remove_names(root):
    (root / "monkeyN/_logs/things_imgs.mat").unlink()
    return root / "monkeyN"


def shorten_names(root):
    write_names(root / "monkeyN/_logs/things_imgs.mat", TRAIN[:-1])
    return root / "monkeyN"


def repeat_names(root):
    write_names(root / "monkeyN/_logs/things_imgs.mat", [TRAIN[0], *TRAIN[:-1]])
    return root / "monkeyN"


def give_twice(root):
    return [root, root / "monkeyN"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, "must be called monkeyN or monkeyF"),
        (remove_names, r"needs .*things_imgs\.mat, which names its images"),
        (shorten_names, r"train_MUA .* must have 1,024 electrodes × 5 images .*, got 1024 × 6"),
        (repeat_names, "names images twice: cat_01b"),
        (give_twice, "each animal once, got monkeyN twice"),
    ],
)
def test_files_that_do_not_fit(root, nothing_is_left, change, message):
    with pytest.raises((DatasetError, UsageError), match=message) as caught:
        import_dataset("d", responses=change(root), part="train")
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_an_array_in_another_file_is_never_opened(root, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["train_MUA"] = np.zeros((N_TRAIN, N_ELECTRODES))
    path = root / "monkeyN/THINGS_normMUA.mat"
    with h5py.File(path, "r+") as file:
        del file["train_MUA"]
        file["train_MUA"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "train_MUA")
    with pytest.raises(DatasetError, match=r"train_MUA is in another file, which is never opened"):
        import_dataset("d", responses=root / "monkeyN", part="train")


def test_the_reader_keeps_the_rules(root):
    check_reader("tvsd", root / "monkeyN", options={"part": "test"})
