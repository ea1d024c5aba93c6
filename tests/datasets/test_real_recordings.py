"""The four public recordings, brought in by the commands that docs/public_recordings.md shows."""

import json
import re
import shlex
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.rasters import read_rasters
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.importing.labelling import leave_out_unusable
from neuroalign.errors import DatasetError, NeuroalignWarning

DOCUMENTED = Path(__file__).parents[2] / "docs" / "public_recordings.md"


@pytest.mark.slow
def test_freiwald2010_with_time_bins(recordings):
    """The bins from 80 to 340 ms have the spikes of the import without bins."""
    words = documented_commands()["freiwald2010-am"]
    assert words[words.index("--window") + 1] == "80,340"
    options = {
        "responses": recordings / "freiwald2010" / "faceviews_AM_rasters.zip",
        "stimulus_labels": words[words.index("--stimulus-labels") + 1],
        "drop": ["incomplete-neuroids"],
    }
    binned = import_dataset("binned", window=(20, 400), bins=20, **options)
    assert binned.recording.shape == (3547, 187, 19)
    assert binned.recording.dtype == np.float32
    direct = import_dataset("direct", window=(80, 340), **options)
    assert load_dataset("binned[window=80:340]").content_hash == direct.content_hash


def documented_commands():
    """The ``data add`` commands in the documentation, by the name of the dataset."""
    text = DOCUMENTED.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^ *neuroalign data (add .*)$", text, flags=re.MULTILINE)
    return {words[1]: words for words in map(shlex.split, commands)}


@pytest.fixture
def add(recordings, monkeypatch):
    """Run the documented command for a dataset from the folder of the recordings."""
    monkeypatch.chdir(recordings)

    def run(name):
        with warnings.catch_warnings():
            # The folder of one recording has the name of its dataset.
            warnings.filterwarnings("ignore", ".*names both a dataset and a folder here", NeuroalignWarning)
            result = CliRunner().invoke(data, documented_commands()[name])
            assert result.exit_code == 0, result.output
            return load_dataset(name)

    return run


def split_half(trials):
    """Reliability of each neuron: even against odd trials, with Spearman and Brown's correction."""
    halves = np.nanmean(trials[:, ::2], axis=1), np.nanmean(trials[:, 1::2], axis=1)
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(halves[0].T, halves[1].T, strict=True)])
    return 2 * r / (1 + r)


def test_chang2017(add):
    am, mlmf = add("chang2017-am"), add("chang2017-mlmf")
    assert am.responses.shape == (2000, 99)
    assert mlmf.responses.shape == (2000, 106)
    assert am.averaged
    assert mlmf.averaged
    assert am.responses["stimulus"].values.tolist() == mlmf.responses["stimulus"].values.tolist()
    assert not set(am.responses["neuroid"].values) & set(mlmf.responses["neuroid"].values)
    assert not am.stimuli.has_images
    assert am.stimuli.identifier == mlmf.stimuli.identifier
    assert am.responses.values.mean() == pytest.approx(7.529505, abs=1e-6)


def test_cowley2023_single_trials(add):
    imported = add("cowley2023-210325")
    assert imported.responses.shape == (640, 50)
    assert imported.trials.shape == (640, 10, 50)
    assert imported.recording.sizes["presentation"] == 4840
    assert np.median(split_half(imported.trials)) == pytest.approx(0.77, abs=0.005)
    assert imported.stimuli.pixels(channels=3).shape == (640, 112, 112, 3)


@pytest.mark.slow
def test_cowley2023_pairs_the_first_image_with_column_0(add, recordings):
    imported = add("cowley2023-201025")
    values = np.load(recordings / "cowley2023" / "responses_mean_201025.npy")
    assert imported.responses.shape == (1200, 89)
    assert imported.averaged
    np.testing.assert_array_equal(imported.responses.sel(stimulus="image0001").values, values[:, 0])
    np.testing.assert_array_equal(imported.responses.sel(stimulus="image1200").values, values[:, 1199])
    assert imported.stimuli.table.loc["image0001", "filename"] == "image0001.jpg"


def test_majajhong25(add, recordings, tmp_path, monkeypatch):
    imported = add("majajhong25")
    assert imported.responses.shape == (25, 296)
    assert imported.trials.shape == (25, 28, 296)
    assert not np.isnan(imported.trials).any()
    regions, counts = np.unique(imported.recording["region"].values, return_counts=True)
    assert dict(zip(regions.tolist(), counts.tolist(), strict=True)) == {"IT": 168, "V4": 128}
    assert set(imported.recording["animal"].values.tolist()) == {"Chabo", "Tito"}
    assert imported.metadata["window_ms"] == [70, 170]
    assert imported.stimuli.table["category_name"].nunique() == 8
    assert imported.stimuli.pixels(64).shape == (25, 64, 64)
    # Where no folder has the name of the dataset.
    monkeypatch.chdir(tmp_path)
    report = CliRunner().invoke(data, ["validate", "majajhong25", "--json"])
    assert report.exit_code == 0
    assert json.loads(report.stdout)["images_readable"] == 25


@pytest.mark.slow
def test_freiwald2010(recordings):
    """All sites are read once; the import then leaves out neurons or stimuli that lack the other."""
    archive = recordings / "freiwald2010" / "faceviews_AM_rasters.zip"
    words = documented_commands()["freiwald2010-am"]
    window = tuple(map(float, words[words.index("--window") + 1].split(",")))
    labels = words[words.index("--stimulus-labels") + 1].split(",")
    parts = read_rasters([archive], window=window, stimulus_labels=labels)
    array, stimuli = parts.recording, parts.stimuli
    assert array.sizes["neuroid"] == 193
    assert len(stimuli) == 200
    assert stimuli["person"].nunique() == 25
    assert stimuli["orientation"].nunique() == 8
    animals, counts = np.unique(array["animal"].values, return_counts=True)
    assert dict(zip(animals.tolist(), counts.tolist(), strict=True)) == {"bert": 134, "lupo": 59}
    assert set(array["region"].values.tolist()) == {"am"}
    with pytest.raises(DatasetError, match=r"keeps 187 neurons × 200 stimuli, .* keeps 193 × 193"):
        leave_out_unusable(array, ())
    kept, dropped = leave_out_unusable(array.copy(), ["incomplete-neuroids"])
    assert kept.sizes["neuroid"] == 187
    assert len(dropped["neuroids"]) == 6
    kept, dropped = leave_out_unusable(array, ["incomplete-stimuli"])
    assert len(set(kept["stimulus_id"].values.tolist())) == 193
    assert len(dropped["stimuli"]) == 7
    assert words[words.index("--drop") + 1] == "incomplete-neuroids"


@pytest.mark.slow
def test_freiwald2010_by_its_command(add):
    imported = add("freiwald2010-am")
    assert imported.responses.shape == (200, 187)
    assert list(imported.stimuli.table.columns[:3]) == ["stimID", "person", "orientation"]
    assert imported.stimuli.table.loc["10_back", "orientation"] == "back"
