"""Traps in the layouts that laboratories publish, one test for each, and every layout from import to score.

The files are made by a script beside the source tree. The tests of each reader have small files of their own.
"""

import ast
import csv
import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError

TRIAL_ROWS = ("responses", "image_id", "trial_id", "previous_image_id")
ALLEN = {"label": "frame", "window": "0,250"}
RUTISHAUSER = {"label": "external_image_file", "window": "0,1000", "color_order": "bgr"}


@pytest.fixture(scope="module")
def allen(published):
    return published("nwb") / "allen_like.nwb"


@pytest.fixture(scope="module")
def rutishauser(published):
    return next(published("nwb").glob("sub-*.nwb"))


@pytest.fixture(scope="module")
def scan(published):
    return next(published("sensorium").glob("static*"))


@pytest.fixture(scope="module")
def v4(published):
    return published("cadena2024", "cadena2024_v4")


def spikes_of(path):
    """Return the spike times of each unit of an NWB file, in seconds."""
    with h5py.File(path) as file:
        ends = file["units/spike_times_index"][()].astype(int)
        return np.split(file["units/spike_times"][()], ends)[: len(ends)]


def counts_of(path, onsets, length):
    """Return the spikes of each unit in the seconds after each onset, by a loop."""
    return np.array(
        [[((t >= onset) & (t < onset + length)).sum() for t in spikes_of(path)] for onset in onsets]
    )


# NWB


def test_nwb_objects_are_found_by_their_type(allen, tmp_path):
    path = shutil.copy(allen, tmp_path / "moved.nwb")
    with h5py.File(path, "r+") as file:
        file.move("intervals/natural_scenes_presentations", "intervals/pictures")
    moved = import_dataset("a", responses=path, **ALLEN).recording
    np.testing.assert_array_equal(
        moved.values, import_dataset("b", responses=allen, **ALLEN).recording.values
    )


def test_nwb_index_of_spikes_is_of_small_unsigned_integers(allen, rutishauser):
    for path, dtype, options in ((allen, "uint16", ALLEN), (rutishauser, "uint8", RUTISHAUSER)):
        with h5py.File(path) as file:
            assert file["units/spike_times_index"].dtype == dtype
        array = import_dataset("d", responses=path, force=True, **options).recording
        length = float(options["window"].split(",")[1]) / 1000
        np.testing.assert_array_equal(array.values, counts_of(path, array["onset"].values, length))


def test_nwb_regions_of_allen_are_found_by_the_id_of_the_peak_channel(allen):
    array = import_dataset("d", responses=allen, **ALLEN).recording
    assert array["region"].values.tolist() == ["VISp", "VISp", "CA1", "LGd"]


def test_nwb_regions_are_found_by_the_row_of_the_electrode(rutishauser):
    array = import_dataset("d", responses=rutishauser, **RUTISHAUSER).recording
    assert array["region"].values.tolist() == ["VISp", "VISp", "CA1", "LGd"]


def test_nwb_blanks_are_not_a_stimulus(allen):
    dataset = import_dataset("d", responses=allen, **ALLEN)
    assert dataset.recording.sizes == {"presentation": 2 * 118, "neuroid": 4}
    assert sorted(map(int, dataset.stimuli.ids)) == list(range(118))


def test_nwb_onsets_that_differ_from_the_start_are_asked_for(rutishauser, tmp_path):
    path = shutil.copy(rutishauser, tmp_path / "late.nwb")
    with h5py.File(path, "r+") as file:
        file["intervals/trials/stim_on_time"][...] += 0.1
        onsets = file["intervals/trials/stim_on_time"][()]
    options = {"label": "external_image_file", "window": "0,1000"}
    with pytest.raises(DatasetError, match=r"--onset start_time\|stim_on_time"):
        import_dataset("d", responses=path, **options)
    array = import_dataset("d", responses=path, onset="stim_on_time", **options).recording
    np.testing.assert_array_equal(array["onset"].values, onsets)
    np.testing.assert_array_equal(array.values, counts_of(path, onsets, 1))


def test_nwb_frames_of_an_optical_series_are_the_images_of_the_trials(rutishauser):
    dataset = import_dataset("d", responses=rutishauser, **RUTISHAUSER)
    with h5py.File(rutishauser) as file:
        frames = file["stimulus/presentation/StimulusPresentation/data"][:5]
    # Five pictures twice; blue comes first in the file.
    assert len(dataset.stimuli) == 5
    for picture in range(5):
        pixels = dataset.stimuli.select([f"im{picture}"]).pixels(channels=3)[0]
        np.testing.assert_array_equal(np.rint(pixels * 255), frames[picture, :, :, ::-1])


def test_nwb_of_allen_has_no_images(allen):
    assert not import_dataset("d", responses=allen, **ALLEN).stimuli.has_images


def test_nwb_usual_filters_select_units(allen, tmp_path):
    path = shutil.copy(allen, tmp_path / "units.nwb")
    with h5py.File(path, "r+") as file:
        file["units/isi_violations"][...] = [0.5, 0.6, 0.1, 0.1]
        file["units/amplitude_cutoff"][...] = [0.1, 0.05, 0.2, 0.05]
        file["units/presence_ratio"][...] = [0.95, 0.99, 0.99, 0.9]
    condition = "isi_violations <= .5 and amplitude_cutoff <= .1 and presence_ratio >= .95"
    array = import_dataset("d", responses=path, quality=condition, **ALLEN).recording
    assert array["neuroid_id"].values.tolist() == ["950910000"]


def test_nwb_image_files_with_backslashes_are_named_by_their_stems(rutishauser):
    ids = import_dataset("d", responses=rutishauser, **RUTISHAUSER).stimuli.ids
    assert sorted(ids) == [f"im{picture}" for picture in range(5)]


# phy


def add_phy(folder, name="d", quality="all"):
    options = {"events": folder / "events.csv", "window": "0,400"}
    return import_dataset(name, responses=folder, quality=quality, force=True, **options)


def counts_of_clusters(folder, samples_per_second=30_000):
    """Return the spikes of each cluster after each event, by a loop."""
    seconds = np.load(folder / "spike_times.npy") / samples_per_second
    clusters = np.load(folder / "spike_clusters.npy")
    onsets = pd.read_csv(folder / "events.csv")["onset"]
    return np.array(
        [[((seconds >= t) & (seconds < t + 0.4) & (clusters == c)).sum() for c in range(4)] for t in onsets]
    )


def test_phy_spike_times_are_in_samples(published):
    folder = published("phy")
    array = add_phy(folder).recording
    assert array["neuroid_id"].values.tolist() == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(array.values, counts_of_clusters(folder))


def test_phy_spike_times_of_alf_are_in_seconds(published, tmp_path):
    folder = shutil.copytree(published("phy"), tmp_path / "alf")
    samples = np.load(folder / "spike_times.npy")
    expected = counts_of_clusters(folder)
    np.save(folder / "spikes.times.npy", samples / 30_000)
    for name in ("spike_times.npy", "params.py"):
        (folder / name).unlink()
    np.testing.assert_array_equal(add_phy(folder).recording.values, expected)


def test_phy_templates_are_read_where_clusters_are_missing(published, tmp_path):
    folder = shutil.copytree(published("phy"), tmp_path / "kilosort")
    expected = counts_of_clusters(folder)
    (folder / "spike_clusters.npy").unlink()
    np.testing.assert_array_equal(add_phy(folder).recording.values, expected)


def test_phy_params_are_parsed_and_never_executed(published, tmp_path):
    folder = shutil.copytree(published("phy"), tmp_path / "phy")
    trace = tmp_path / "trace"
    with (folder / "params.py").open("a") as file:
        file.write(f"x = open({str(trace)!r}, 'w')\n")
    np.testing.assert_array_equal(add_phy(folder).recording.values, counts_of_clusters(folder))
    assert not trace.exists()


def test_phy_clusters_may_lack_a_label(published):
    folder = published("phy")
    with pytest.raises(
        DatasetError, match=r"4 clusters \(1 good, 1 mua, 1 noise, 1 without label by group\)"
    ):
        add_phy(folder, quality=None)
    assert add_phy(folder, quality="good,mua").recording["neuroid_id"].values.tolist() == ["0", "1"]


def test_phy_labels_of_kilosort_count_where_the_user_gave_none(published, tmp_path):
    folder = shutil.copytree(published("phy"), tmp_path / "phy")
    (folder / "cluster_group.tsv").unlink()
    assert add_phy(folder, quality="good").recording.sizes["neuroid"] == 4


def test_phy_needs_the_events_of_the_user(published):
    with pytest.raises(DatasetError, match=r"--events events\.csv .*--window START,END"):
        import_dataset("d", responses=published("phy"))
    assert add_phy(published("phy")).recording.sizes == {"presentation": 100, "neuroid": 4}


# TVSD and Triple-N: the numbers are tested beside the readers, on smaller files of the same layout.


@pytest.mark.parametrize(
    ("part", "n_stimuli", "n_presentations"), [("train", 24, 24), ("test", 5, 150), ("all", 29, 29)]
)
def test_tvsd_areas_and_images(published, part, n_stimuli, n_presentations):
    dataset = import_dataset("d", responses=published("tvsd"), part=part)
    array = dataset.recording
    assert array.sizes == {"presentation": n_presentations, "neuroid": 2048}
    assert len(dataset.stimuli) == n_stimuli
    sizes = pd.Series(1, index=[array["animal"].values, array["region"].values]).groupby(level=[0, 1]).sum()
    assert sizes["N"].to_dict() == {"V1": 512, "V4": 256, "IT": 256}
    assert sizes["F"].to_dict() == {"V1": 512, "V4": 192, "IT": 320}
    assert set(array["unit_type"].values) == {"multi"}


def test_tvsd_values_of_each_animal(published):
    array = import_dataset("d", responses=published("tvsd"), part="test").recording
    for animal in "NF":
        with h5py.File(published("tvsd") / f"monkey{animal}/THINGS_normMUA.mat") as file:
            trials, reliability = file["test_MUA_reps"][()], file["reliab"][()].mean(axis=0)
        own = array.isel(neuroid=(array["animal"] == animal).values)
        np.testing.assert_allclose(own["reliability"].values, reliability)
        last = own.isel(
            presentation=((own["stimulus_id"] == "class000_05s") & (own["repetition"] == 29)).values
        )
        np.testing.assert_array_equal(last.values[0], trials[29, 4])


def test_triple_n_means_and_single_trials_agree(published):
    root = published("triple_n")
    trials = import_dataset("t", responses=root, part="all", good_units=root, window="0,400").responses
    with h5py.File(next(root.rglob("GoodUnit_*.mat"))) as file:
        psth = [file[reference][()] for reference in file["GoodUnitStrc/response_matrix_img"][:, 0]]
    # The means of the file are rates in bins of 1 ms, from 50 ms before onset.
    expected = np.stack([unit[50:].sum(axis=0) / 1000 for unit in psth], axis=1)
    np.testing.assert_allclose(trials.sortby("stimulus").values, expected, rtol=1e-5)


def test_triple_n_table_of_areas_of_excel(published):
    pytest.importorskip("xlrd")
    table = published("triple_n") / "exclude_area.xls"
    if not table.is_file():
        pytest.skip("the script writes the table only where xlwt is installed")
    options = {"part": "localiser", "variable": "response_best", "areas": table}
    array = import_dataset("d", responses=published("triple_n"), **options).recording
    assert set(array["region"].values) == {"MFace1"}
    assert array["unit_type"].values.tolist() == ["single"] * 4


# Sensorium


def test_sensorium_tiers_are_a_split_column(scan):
    table = import_dataset("d", responses=scan).stimuli.table
    assert table["tier"].to_dict() == {
        str(i): "train" if i < 6 else "validation" if i < 8 else "test" for i in range(10)
    }


def test_sensorium_test_images_repeat(scan):
    dataset = import_dataset("d", responses=scan)
    assert dataset.recording["stimulus_id"].values.tolist() == [str(i) for i in [*range(10), 8, 9]]
    trials = [np.load(scan / f"data/responses/{trial}.npy") for trial in (9, 11)]
    np.testing.assert_allclose(dataset.responses.sel(stimulus="9").values, np.mean(trials, axis=0), rtol=1e-6)


def test_sensorium_labels_of_neurons(scan):
    array = import_dataset("d", responses=scan).recording
    assert array["neuroid_id"].values.tolist() == [f"23964-4-22-{unit}" for unit in range(1, 7)]
    coordinates = np.load(scan / "meta/neurons/cell_motor_coordinates.npy")
    np.testing.assert_array_equal(array["z"].values, coordinates[:, 2])
    assert load_dataset("d[region=V1,layer='L2/3']").recording.sizes["neuroid"] == 6


def test_sensorium_images_belong_to_their_trials(scan):
    dataset = import_dataset("d", responses=scan)
    for trial in (0, 7):
        expected = np.load(scan / f"data/images/{trial}.npy")[0] / 255
        np.testing.assert_allclose(dataset.stimuli.select([str(trial)]).pixels()[0], expected, atol=1e-6)


# Cadena et al. (2024)


def bins_of(v4, split, session):
    """Return the spikes of each trial, neuron and bin, and the image of each trial."""
    with (v4 / split / session / "responses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return np.array([ast.literal_eval(row["responses"]) for row in rows]), [
        int(row["image_id"]) for row in rows
    ]


def test_cadena_text_of_bins_is_counted_from_40_ms(v4):
    array = import_dataset("d", responses=v4, window="70,160").recording
    for session in ("3631896544452", "3632669014376"):
        bins, images = bins_of(v4, "train", session)
        assert bins.shape[2] == 12
        own = array.isel(neuroid=(array["session"] == session).values)
        for counts, image in zip(bins[:, :, 3:].sum(axis=2), images, strict=True):
            row = (own["stimulus_id"] == f"{image:06d}").values
            np.testing.assert_array_equal(own.values[row], [counts])


def test_cadena_ids_of_images_and_trials_are_not_neurons(v4):
    array = import_dataset("d", responses=v4, window="70,160").recording
    assert array.sizes == {"presentation": 10, "neuroid": 5}
    sessions = [("3631896544452", 2), ("3632669014376", 3)]
    assert array["neuroid_id"].values.tolist() == [f"{name}-{i}" for name, n in sessions for i in range(n)]
    assert not set(TRIAL_ROWS) & set(array["neuroid_id"].values)


def test_cadena_splits_images_and_animals(v4):
    dataset = import_dataset("d", responses=v4, window="70,160", held_out="split=test")
    assert sorted(dataset.stimuli.held_out().ids) == ["000004", "000005"]
    assert dataset.stimuli.has_images
    subject = json.loads((v4 / "train/3631896544452/meta_data.json").read_text())["subject_id"]
    assert set(dataset.recording["animal"].values) == {subject}


# From import to score


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "folder", "options", "model", "chosen"),
    [
        ("sensorium", "sensorium/*", {}, "pca[n=3]", "ridge"),
        ("cadena2024", "cadena2024_v4", {"window": "70,160"}, "pca[n=2]", "ridge[n_folds=3]"),
        ("nwb", "nwb/sub-*", RUTISHAUSER, "pca[n=2]", "ridge[n_folds=3]"),
        ("nwb", "nwb/allen_like.nwb", ALLEN, "neurons:d", "ridge[n_folds=3]"),
        ("phy", "phy", {"quality": "all", "window": "0,400"}, "neurons:d", "ridge[n_folds=3]"),
        ("tvsd", "tvsd", {"part": "all", "quality": "electrode <= 4"}, "neurons:d", "ridge[n_folds=3]"),
        (
            "triple_n",
            "triple_n",
            {"part": "localiser", "variable": "response_best"},
            "neurons:d",
            "ridge[n_folds=3]",
        ),
    ],
)
def test_every_layout_is_imported_and_scored(published, layout, folder, options, model, chosen):
    root = published(layout, ".")
    (path,) = root.glob(folder)
    if layout == "phy":
        options = options | {"events": path / "events.csv"}
    import_dataset("d", responses=path, **options)
    assert np.isfinite(na.score(model, "d", chosen).value)
