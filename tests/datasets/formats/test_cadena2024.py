"""Folders of Cadena et al. (2024): windows, sessions joined by image, splits, and columns that are not neurons."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.selection import select_window
from neuroalign.errors import DatasetError, UsageError
from neuroalign.testing import check_reader

N_IMAGES, N_BINS = 6, 12
SESSIONS = {"3631896544452": 2, "3632669014376": 3}
"""Number of neurons of each session."""
IMAGES = {"train": [3, 0, 2, 1], "test": [4, 5, 4, 5, 4, 5]}


def bins_of(session, split, trial):
    """Return the spikes of one trial, neurons × bins."""
    seed = [int(session), split == "test", trial]
    return np.random.default_rng(seed).integers(0, 4, (SESSIONS[session], N_BINS))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "v4"
    (root / "images").mkdir(parents=True)
    for number in range(N_IMAGES):
        Image.fromarray(np.full((4, 4), 20 * number, dtype=np.uint8)).save(root / f"images/{number:06d}.png")
    for session in SESSIONS:
        for split, numbers in IMAGES.items():
            part = root / split / session
            part.mkdir(parents=True)
            (part / "meta_data.json").write_text(json.dumps({"subject_id": "31", "session_id": session}))
            rows = [[bins_of(session, split, k).tolist(), number, k, -1] for k, number in enumerate(numbers)]
            write_rows(part / "responses.csv", rows)
    return root


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["responses", "image_id", "trial_id", "previous_image_id"])
        writer.writerows(rows)


@pytest.mark.parametrize(("window", "bins"), [("70,160", slice(3, 12)), ((40, 160), slice(0, 12))])
def test_spikes_are_counted_in_the_window(folder, window, bins):
    assert detect_format([folder]) == "cadena2024"
    dataset = import_dataset("d", responses=folder, window=window)
    array = dataset.recording
    names = [f"{session}-{i}" for session, n in SESSIONS.items() for i in range(n)]
    assert array["neuroid_id"].values.tolist() == names
    assert set(array["stimulus_id"].values) == {f"{number:06d}" for number in range(N_IMAGES)}
    for session, n_neurons in SESSIONS.items():
        columns = [names.index(f"{session}-{i}") for i in range(n_neurons)]
        for split, numbers in IMAGES.items():
            for trial, number in enumerate(numbers):
                repetition = numbers[:trial].count(number)
                row = (array["stimulus_id"] == f"{number:06d}") & (array["repetition"] == repetition)
                expected = bins_of(session, split, trial)[:, bins].sum(axis=1)
                np.testing.assert_array_equal(array.values[row.values][0, columns], expected)


def test_labels_images_and_splits(folder):
    dataset = import_dataset("d", responses=folder, window="70,160", region="V4", held_out="split=test")
    assert set(dataset.recording["animal"].values) == {"31"}
    assert dataset.stimuli.table["split"].to_dict() == {
        f"{number:06d}": "test" if number > 3 else "train" for number in range(N_IMAGES)
    }
    assert sorted(dataset.stimuli.held_out().ids) == ["000004", "000005"]
    np.testing.assert_allclose(dataset.stimuli.select(["000003"]).pixels(), 60 / 255, rtol=1e-6)
    assert load_dataset("d[session='3632669014376']").recording.sizes["neuroid"] == 3
    assert dataset.metadata["window_ms"] == [70, 160]


def test_sessions_with_other_images_are_joined_by_image(folder):
    part = folder / "train/3632669014376/responses.csv"
    write_rows(
        part, [[bins_of("3632669014376", "train", k).tolist(), n, k, -1] for k, n in enumerate([0, 1])]
    )
    with pytest.raises(DatasetError, match="stimuli 000002, 000003"):
        import_dataset("d", responses=folder, window="70,160")
    dataset = import_dataset("d", responses=folder, window="70,160", drop=["incomplete-stimuli"])
    assert sorted(dataset.responses["stimulus"].values) == ["000000", "000001", "000004", "000005"]
    expected = bins_of("3632669014376", "train", 1)[:, 3:].sum(axis=1)
    np.testing.assert_array_equal(dataset.responses.sel(stimulus="000001").values[2:], expected)


def test_an_image_in_both_splits_labels_the_trials(folder):
    for session in SESSIONS:
        rows = [[bins_of(session, "train", k).tolist(), n, k, -1] for k, n in enumerate([0, 1, 2, 3, 4])]
        write_rows(folder / "train" / session / "responses.csv", rows)
    dataset = import_dataset("d", responses=folder, window="70,160")
    assert "split" not in dataset.stimuli.table
    rows = dataset.recording["stimulus_id"].values == "000004"
    assert sorted(dataset.recording["split"].values[rows]) == ["test"] * 3 + ["train"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('false')", r"cannot read .*responses\.csv"),
        ("[1, 2, 3]", "got 1 axes in each trial"),
        ("[" * 100_000, r"cannot read .*responses\.csv"),
        ("[[1, 2], [3]]", r"cannot read .*responses\.csv"),
    ],
)
def test_text_that_is_no_list_is_an_error(folder, nothing_is_left, text, message):
    write_rows(folder / "train/3631896544452/responses.csv", [[text, 0, 0, -1]])
    with pytest.raises(DatasetError, match=message) as caught:
        import_dataset("d", responses=folder, window="70,160")
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (None, r"12 time bins from 40 to 160 ms; .*70,160 for V4"),
        ("75,160", "no bin .* starts at 75 ms"),
        ("0,160", "no bin .* starts at 0 ms"),
    ],
)
def test_the_window_must_lie_on_bins(folder, window, message):
    with pytest.raises(DatasetError, match=message):
        import_dataset("d", responses=folder, window=window)


def test_an_image_that_is_missing_is_named(folder):
    (folder / "images/000002.png").unlink()
    with pytest.raises(DatasetError, match="lacks 1 images: 000002"):
        import_dataset("d", responses=folder, window="70,160")


def test_the_reader_keeps_the_rules(folder):
    check_reader("cadena2024", folder, options={"window": "70,160"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "bins", "n_bins"), [((70, 160), 30, 3), ((40, 160), "file", 12), (None, 40, 3)]
)
def test_bins_are_kept(folder, window, bins, n_bins):
    binned = import_dataset("binned", responses=folder, window=window, bins=bins, drop=["incomplete-stimuli"])
    assert binned.recording.sizes["time_bin"] == n_bins
    assert binned.recording.dtype == np.float32
    whole = window or (40, 160)
    direct = import_dataset("direct", responses=folder, window=whole, drop=["incomplete-stimuli"])
    assert select_window(binned, whole).content_hash == direct.content_hash
    later = (100, 160)
    direct = import_dataset("later", responses=folder, window=later, drop=["incomplete-stimuli"])
    if bins != 40:
        assert select_window(binned, later).content_hash == direct.content_hash
    else:
        with pytest.raises(
            DatasetError, match="no bin of binned starts at 100 ms; bins start at 40, 80, 120 ms"
        ):
            select_window(binned, later)


def test_widths_of_bins_are_multiples_of_ten(folder):
    with pytest.raises(
        UsageError, match=r"--bins 15 must divide the window 70,160 .* choose 10, 30, 90 ms, or file"
    ):
        import_dataset("d", responses=folder, window=(70, 160), bins=15)
    with pytest.raises(DatasetError, match=r"with --window START,END .*, or keep them with --bins file"):
        import_dataset("d", responses=folder)
