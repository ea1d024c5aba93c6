"""Rasters as .mat files with known spikes, in both versions of MATLAB's format."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.rasters import read_rasters
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UsageError

from .mat_files import cell_array, save_v5, save_v7_3

PERSONS = ["ann", "bob", "ann", "cy"]


@pytest.fixture(params=[save_v5, save_v7_3], ids=["v5", "v7.3"])
def save(request):
    return request.param


def spikes(*times, n=20):
    """Raster of 0 and 1 with spikes in samples that count from 0."""
    raster = np.zeros((len(times), n), dtype=np.uint8)
    for trial, samples in enumerate(times):
        raster[trial, list(samples)] = 1
    return raster


def site(raster, *, info=None, persons=PERSONS, **variables):
    labels = {"person": cell_array((1, len(persons)), persons), "view": np.arange(len(persons)) * 0.5}
    return {
        "raster_data": raster,
        "raster_labels": labels,
        "raster_site_info": {"monkey": "bert", "depth": 1.5, **(info or {"alignment_event_time": 6})},
        **variables,
    }


# Sample 6, counted from 1, starts at onset: the samples 5 to 7, counted from 0, are 0 to before 3 ms after it.
RASTER = spikes({4, 5, 7, 8}, {5, 6, 7}, {4, 8}, {7, 19})
COUNTS = {"ann": [2, 0], "bob": [3], "cy": [1]}


def counts_of(parts, neuron=0):
    column = pd.Series(
        parts.recording.values[:, neuron], index=parts.recording["stimulus_id"].values
    ).dropna()
    return {stimulus: column[[stimulus]].tolist() for stimulus in dict.fromkeys(column.index)}


def test_spikes_are_counted_after_the_alignment_event(save, tmp_path):
    parts = read_rasters(
        [save(tmp_path / "site01_raster_data.mat", **site(RASTER))], window=(0, 3), stimulus_labels=["person"]
    )
    assert counts_of(parts) == COUNTS
    assert parts.recording["neuroid_id"].values.tolist() == ["site01"]
    assert parts.recording["animal"].values.tolist() == ["bert"]
    assert parts.recording["depth"].values.tolist() == ["1.5"]
    assert parts.window == (0, 3)
    assert (
        "sample 6 (raster_site_info.alignment_event_time, counted from 1), which is 5 ms after"
        in parts.notes[3]
    )
    assert "alignment_event_time" not in parts.recording.coords


def test_a_window_before_the_onset(save, tmp_path):
    path = save(tmp_path / "x.mat", **site(RASTER))
    # Sample 4, counted from 0, is the last before the onset.
    assert counts_of(read_rasters([path], window=(-1, 0), stimulus_labels=["person"])) == {
        "ann": [1, 1],
        "bob": [0],
        "cy": [0],
    }


def test_time_bins_are_kept(save, tmp_path):
    path = save(tmp_path / "x.mat", **site(RASTER))
    array = read_rasters([path], window=(-1, 3), stimulus_labels=["person"], bins=2).recording
    assert array["time_bin_start"].values.tolist() == [-1, 1]
    # The spikes of the trials of ann, bob and cy, in the samples 4 and 5, and 6 and 7, counted from 0.
    assert array.values[:, 0].tolist() == [[2, 1], [1, 0], [1, 2], [0, 1]]
    assert array.dtype == np.float32


def test_the_onset_must_be_known(save, tmp_path):
    path = save(tmp_path / "x.mat", **site(RASTER, info={"monkey": "bert"}))
    with pytest.raises(DatasetError, match=r"x\.mat does not give the stimulus onset.*--stimulus-onset MS"):
        read_rasters([path], window=(0, 3))
    stated = read_rasters([path], window=(0, 3), stimulus_labels=["person"], stimulus_onset=5.0)
    assert counts_of(stated) == COUNTS
    assert "5 ms after the start of each raster (--stimulus-onset)." in stated.notes[3]


def test_a_stated_onset_replaces_the_alignment_event(tmp_path):
    path = save_v5(tmp_path / "x.mat", **site(RASTER))
    parts = read_rasters([path], window=(-1, 2), stimulus_labels=["person"], stimulus_onset=6.0)
    assert counts_of(parts) == COUNTS
    assert "(--stimulus-onset), not at sample 6 of alignment_event_time." in parts.notes[3]


@pytest.mark.parametrize("wrong", [0, 2.5, np.inf])
def test_an_alignment_event_that_is_not_a_sample(tmp_path, wrong):
    path = save_v5(tmp_path / "x.mat", **site(RASTER, info={"alignment_event_time": wrong}))
    with pytest.raises(DatasetError, match="must be the number of a sample, got"):
        read_rasters([path], window=(0, 3))


def test_archives_and_folders_give_the_same_recording(tmp_path):
    folder = tmp_path / "sites"
    folder.mkdir()
    save_v5(folder / "a_raster_data.mat", **site(RASTER))
    save_v7_3(folder / "b_raster_data.mat", **site(RASTER[:2], persons=PERSONS[:2]))
    (folder / "readme.txt").write_text("hello")
    with zipfile.ZipFile(tmp_path / "sites.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"top/{path.name}")
    options = {"window": (0, 3), "stimulus_labels": ["person"]}
    from_folder = read_rasters([folder], **options)
    from_zip = read_rasters([tmp_path / "sites.zip"], **options)
    from_files = read_rasters(sorted(folder.glob("*.mat")), **options)
    for parts in (from_zip, from_files):
        assert parts.recording.identical(from_folder.recording)
    assert from_zip.notes == from_folder.notes
    assert from_folder.notes[-1] == "Files passed over: readme.txt."
    assert counts_of(from_folder, 1) == {"ann": [2], "bob": [3]}
    assert "2 pairs of a site and a stimulus have no trial" not in " ".join(from_folder.notes)
    assert "1 pairs of a site and a stimulus have no trial" in from_folder.notes[1]


def test_import_recognises_rasters_and_keeps_the_notes(save, tmp_path, capsys):
    folder = tmp_path / "sites"
    folder.mkdir()
    for name in "ab":
        save(folder / f"{name}.mat", **site(RASTER, extra=np.arange(3.0)))
    command = [
        "data",
        "add",
        "d",
        "--responses",
        str(folder),
        "--window",
        "0,3",
        "--stimulus-labels",
        "person",
    ]
    assert run(command) == 0
    out, err = capsys.readouterr()
    assert "Added d: 2 recorded neurons × 3 stimuli" in out
    assert "note: Variables passed over: extra." in err
    notes = load_dataset("d").metadata["notes"]
    assert notes[0] == (
        "Spikes were counted from 0 to before 3 ms after onset in 3 time bins of 8 trials at 2 sites (a, b)."
    )
    assert notes[-1] == "Variables passed over: extra."
    one = import_dataset("e", responses=folder / "a.mat", window="0,3", stimulus_labels="person")
    assert one.recording.sizes["neuroid"] == 1


def test_csv_and_mat_together_would_be_the_same_sites_twice(tmp_path):
    save_v5(tmp_path / "a.mat", **site(RASTER))
    (tmp_path / "a.csv").write_text("labels.person,time.0_1\nann,1\n")
    with pytest.raises(DatasetError, match=r"got both \(a\.csv and a\.mat\).*give the files of one kind"):
        read_rasters([tmp_path], window=(0, 1))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"response": np.ones((2, 3))},
            r"x\.mat is not a raster: it has no array raster_data; it has response",
        ),
        (
            {"binned_data": cell_array((1, 1), [np.ones((2, 3))]), "binned_labels": {"a": 1.0}},
            r"x\.mat holds binned data .* bins that may overlap; give the rasters",
        ),
        (site(RASTER * 0.5), r"raster_data of x\.mat must hold numbers of spikes .* got 0\.5"),
        (
            site(np.where(RASTER == 1, np.nan, 0)),
            r"raster_data of x\.mat has NaN or infinity in trial 1, sample 5",
        ),
        (site(RASTER, persons=PERSONS[:3]), r"raster_labels\.\w+ of x\.mat must have .* the 4 trials, got 3"),
        (
            {"raster_data": RASTER, "raster_labels": {"a": "text"}, "raster_site_info": {"unit": "A"}},
            r"x\.mat has no labels in raster_labels",
        ),
        (
            {**site(RASTER), "raster_labels": {"p": cell_array((1, 4), [np.ones(3), "a", "b", "c"])}},
            r"cell 1 of raster_labels\.p of x\.mat must hold a text or a number",
        ),
    ],
)
def test_wrong_files(tmp_path, variables, message):
    path = save_v5(tmp_path / "x.mat", **variables)
    with pytest.raises(DatasetError, match=message) as caught:
        read_rasters([path], window=(0, 3))
    assert "\n" not in str(caught.value)


def test_damaged_file(tmp_path):
    path = save_v7_3(tmp_path / "x.mat", **site(RASTER))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DatasetError, match=r"cannot read the (MATLAB|HDF5) file"):
        read_rasters([path], window=(0, 3))


CSV = "site_info.{info},labels.person,time.1_2,time.2_3\n{value},ann,1,0\n{value},bob,0,1\n"


def test_csv_with_another_onset(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(CSV.format(info="depth", value=7))
    assert counts_of(read_rasters([path], window=(1, 2))) == {"ann": [1], "bob": [0]}
    parts = read_rasters([path], window=(0, 1), stimulus_onset=1.0)
    assert counts_of(parts) == {"ann": [1], "bob": [0]}
    assert "Stimulus onset is at time 1 ms of the rasters (--stimulus-onset)." in parts.notes
    path.write_text(CSV.format(info="stimulus_onset", value=1))
    with pytest.raises(
        DatasetError, match=r"site_info\.stimulus_onset of x\.csv is 1, .* --stimulus-onset MS"
    ):
        read_rasters([path], window=(1, 2))
    assert counts_of(read_rasters([path], window=(1, 2), stimulus_onset=0.0)) == {"ann": [1], "bob": [0]}
    path.write_text(CSV.format(info="stimulus_onset", value=0))
    assert counts_of(read_rasters([path], window=(1, 2))) == {"ann": [1], "bob": [0]}


def test_options_that_have_no_effect(tmp_path):
    path = save_v5(tmp_path / "x.mat", **site(RASTER))
    with pytest.raises(UsageError, match="--axes has no effect on responses in the format rasters"):
        import_dataset("d", responses=path, axes="neuroid,stimulus", window="0,3")
