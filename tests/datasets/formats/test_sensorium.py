"""Folders of Sensorium 2022: order of the trials, tiers, repeated test images, withheld responses, damaged files."""

import numpy as np
import pytest

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError
from neuroalign.testing import check_reader

N_TRIALS, N_NEURONS = 12, 5
TIERS = np.array(["train"] * 6 + ["validation"] * 2 + ["test"] * 4)
#: The test images repeat.
IMAGE_IDS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 9])
RESPONSES = np.random.default_rng(0).random((N_TRIALS, N_NEURONS)).astype(np.float32)


@pytest.fixture
def scan(tmp_path):
    """A folder with 12 trials, so that the order of names (0, 1, 10, 11, 2) differs from the order of numbers."""
    folder = tmp_path / "static1-2-3-GrayImageNet"
    for part in ("images", "responses", "behavior", "pupil_center"):
        (folder / "data" / part).mkdir(parents=True)
    for part in ("trials", "neurons"):
        (folder / "meta" / part).mkdir(parents=True)
    for trial in range(N_TRIALS):
        np.save(folder / f"data/images/{trial}.npy", np.full((1, 4, 6), 10.0 * IMAGE_IDS[trial]))
        np.save(folder / f"data/responses/{trial}.npy", RESPONSES[trial])
        np.save(folder / f"data/behavior/{trial}.npy", np.ones(3))
    save_meta(folder, "trials", tiers=TIERS, frame_image_id=IMAGE_IDS, trial_idx=np.arange(N_TRIALS))
    save_meta(
        folder,
        "neurons",
        unit_ids=np.arange(1, N_NEURONS + 1),
        animal_ids=np.full(N_NEURONS, 1),
        sessions=np.full(N_NEURONS, 2),
        scan_idx=np.full(N_NEURONS, 3),
        area=np.array(["V1", "V1", "LM", "LM", "AL"]),
        layer=np.array(["L2/3"] * N_NEURONS),
        cell_motor_coordinates=np.arange(3.0 * N_NEURONS).reshape(N_NEURONS, 3),
    )
    return folder


def save_meta(folder, part, **arrays):
    """Write labels of trials or neurons."""
    for name, values in arrays.items():
        np.save(folder / "meta" / part / f"{name}.npy", values)


def test_trials_keep_their_responses_and_images(scan):
    assert detect_format([scan]) == "sensorium"
    dataset = import_dataset("d", responses=scan)
    array = dataset.recording
    assert array["stimulus_id"].values.tolist() == [str(number) for number in IMAGE_IDS]
    np.testing.assert_array_equal(array.values, RESPONSES)
    assert array["repetition"].values.tolist() == [0] * 10 + [1, 1]
    np.testing.assert_allclose(
        dataset.responses.sel(stimulus="9").values, RESPONSES[[9, 11]].astype(float).mean(axis=0)
    )
    for stimulus in ("0", "7", "9"):
        expected = np.full((4, 6), 10 * int(stimulus) / 255, dtype=np.float32)
        np.testing.assert_allclose(dataset.stimuli.select([stimulus]).pixels()[0], expected, rtol=1e-6)
    assert not dataset.averaged


def test_tiers_are_a_split_column(scan):
    dataset = import_dataset("d", responses=scan, held_out="tier=test")
    tiers = dataset.stimuli.table["tier"].to_dict()
    assert tiers == {str(i): "train" if i < 6 else "validation" if i < 8 else "test" for i in range(10)}
    assert sorted(dataset.stimuli.held_out().ids) == ["8", "9"]
    assert load_dataset("d[tier=test]").recording.sizes["presentation"] == 4
    assert "Trials by tier: test 4, train 6, validation 2." in dataset.metadata["notes"]
    assert "Passed over: behavior and pupil_center of each trial." in dataset.metadata["notes"]
    with pytest.raises(DatasetError, match="column tier has no value final; it has train, validation, test"):
        import_dataset("e", responses=scan, held_out="tier=final")


def test_neurons_have_the_labels_of_the_folder(scan):
    array = import_dataset("d", responses=scan).recording
    assert array["neuroid_id"].values.tolist() == [f"1-2-3-{unit}" for unit in range(1, 6)]
    assert array["region"].values.tolist() == ["V1", "V1", "LM", "LM", "AL"]
    assert set(array["animal"].values) == {"1"}
    assert array["z"].values.tolist() == [2.0, 5.0, 8.0, 11.0, 14.0]
    assert load_dataset("d[layer='L2/3',region=LM]").recording.sizes["neuroid"] == 2


def test_withheld_responses_are_not_silent_neurons(scan):
    for trial in np.flatnonzero(TIERS == "test"):
        np.save(scan / f"data/responses/{trial}.npy", np.zeros(N_NEURONS))
    dataset = import_dataset("d", responses=scan)
    assert dataset.recording.sizes["presentation"] == 8
    assert set(dataset.stimuli.table["tier"]) == {"train", "validation"}
    assert any("All responses of the tier test are 0" in note for note in dataset.metadata["notes"])


def test_trials_without_a_file_are_left_out(scan):
    (scan / "data/responses/3.npy").unlink()
    dataset = import_dataset("d", responses=scan)
    assert "1 trial without responses left out: 3." in dataset.metadata["notes"]
    np.testing.assert_array_equal(dataset.recording.values, np.delete(RESPONSES, 3, axis=0))
    assert "3" not in dataset.stimuli.ids


def test_an_image_in_two_tiers_labels_the_trials(scan):
    save_meta(scan, "trials", tiers=np.where(np.arange(N_TRIALS) == 11, "final_test", TIERS))
    dataset = import_dataset("d", responses=scan)
    assert "tier" not in dataset.stimuli.table
    assert dataset.recording["tier"].values.tolist()[-2:] == ["test", "final_test"]


def test_images_of_several_classes_may_share_numbers(scan):
    save_meta(
        scan,
        "trials",
        frame_image_class=np.array(["imagenet"] * 10 + ["noise"] * 2),
    )
    np.save(scan / "data/images/10.npy", np.full((1, 4, 6), 200.0))
    ids = import_dataset("d", responses=scan).recording["stimulus_id"].values.tolist()
    assert ids[8:] == ["imagenet-8", "imagenet-9", "noise-8", "noise-9"]


def test_trials_of_one_stimulus_with_several_images_are_named(scan):
    np.save(scan / "data/images/10.npy", np.full((1, 4, 6), 3.0))
    dataset = import_dataset("d", responses=scan)
    assert any("The images of 1 trial (10) differ" in note for note in dataset.metadata["notes"])
    assert dataset.stimuli.select(["8"]).pixels()[0, 0, 0] == pytest.approx(80 / 255)


def damage_shape(scan):
    np.save(scan / "data/responses/4.npy", np.ones(3))


def damage_levels(scan):
    np.save(scan / "data/images/4.npy", np.full((1, 4, 6), 300.0))


def damage_pickle(scan):
    np.save(scan / "meta/trials/tiers.npy", np.array([{}] * N_TRIALS, dtype=object), allow_pickle=True)


def damage_labels(scan):
    save_meta(scan, "neurons", area=np.array(["V1"]))


def damage_ids(scan):
    (scan / "meta/trials/frame_image_id.npy").unlink()


def damage_number(scan):
    np.save(scan / "data/responses/12.npy", np.ones(N_NEURONS))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_shape, r"4\.npy must hold 5 numbers, one for each neuron, got float64 of shape \(3,\)"),
        (damage_levels, r"4\.npy must hold grey levels from 0 to 255"),
        (damage_pickle, r"cannot read .*tiers\.npy"),
        (damage_labels, r"area\.npy has the shape \(1,\); it must have 5 entries"),
        (damage_ids, r"cannot read .*frame_image_id\.npy"),
        (damage_number, r"12\.npy belongs to no trial"),
    ],
)
def test_damaged_folders(scan, nothing_is_left, damage, message):
    damage(scan)
    with pytest.raises(DatasetError, match=message) as caught:
        import_dataset("d", responses=scan)
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_the_reader_keeps_the_rules(scan):
    check_reader("sensorium", scan)
