"""Recordings with time bins: windows as parts of a dataset, digests, descriptions and checks."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.arrays import recording
from neuroalign.cli import main
from neuroalign.comparison.leaderboard import leaderboards
from neuroalign.datasets.catalogue import datasets_folder, load_dataset
from neuroalign.datasets.columns import columns_of
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.inspecting import describe, validate
from neuroalign.datasets.selection import select_part, select_window
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.time_bins import (
    BIN_EDGES,
    COUNTS,
    RATES,
    describe_bins,
    name_window,
    over_all_bins,
    windows_of,
)
from neuroalign.datasets.time_windows import format_window, parse_window
from neuroalign.errors import DatasetError, NeuroalignError, UsageError
from neuroalign.models.loading import load_model
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.evaluate import score
from neuroalign.testing import make_dataset

IDS = [f"s{index}" for index in range(6)]
EDGES = [-50, 0, 70, 170]


def make_cells(
    response=COUNTS, starts=(-50, 0, 70), ends=(0, 70, 170), values=None, dtype=np.float32, **table
):
    """4 neurons, 6 stimuli, 2 trials: counts in bins of 50, 70 and 100 ms."""
    if values is None:
        values = np.random.default_rng(0).poisson(3, (12, 4, len(starts)))
    array = recording(
        np.asarray(values, dtype=dtype),
        stimulus_id=np.repeat(IDS, 2),
        neuroid_id=["n0", "n1", "n2", "n3"],
        region=["IT", "IT", "V4", "V4"],
        time_bin=dict(zip(BIN_EDGES, (starts, ends), strict=True)),
        attrs={} if response is None else {"response": response},
    )
    table = {"kind": ["face", "body"] * 3, **table}
    return Dataset("cells", array, StimulusSet("shown", pd.DataFrame(table, index=IDS)))


@pytest.fixture(scope="module")
def cells():
    return make_cells()


@pytest.fixture
def added():
    made = make_dataset("my-cells", n_stimuli=60, n_neurons=6, time_bins=[0, 50, 100, 200])
    write_folder(made, datasets_folder() / "my-cells")
    return made


def run(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code or 0


# --- windows


def test_counts_are_summed(cells):
    part = select_part(cells, {"window": "0:170"})
    assert part.identifier == "cells[window=0:170]"
    assert part.recording.dims == ("presentation", "neuroid")
    assert part.recording.dtype == np.float64
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[:, :, 1:].sum(axis=2))
    assert part.metadata["window_ms"] == [0, 170]
    assert part.metadata["part"] == "4 of 4 neurons of cells (window=0:170)"
    assert part.metadata["notes"] == [
        part.metadata["part"],
        "2 time bins from 0 to 170 ms were summed: their values are counts.",
    ]


def test_rates_are_averaged_weighted_by_the_length_of_the_bins():
    cells = make_cells(RATES, dtype=np.float64)
    part = select_part(cells, {"window": "-50:170"})
    first, second, third = np.moveaxis(cells.recording.values, 2, 0)
    np.testing.assert_allclose(
        part.recording.values, (50 * first + 70 * second + 100 * third) / 220, rtol=1e-14
    )
    assert part.metadata["notes"][1] == (
        "3 time bins from -50 to 170 ms were averaged, weighted by their length: their values are rates."
    )


def test_one_bin_is_its_own_window(cells):
    part = select_part(cells, {"window": "-50:0"})
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[:, :, 0])
    assert part.metadata["notes"] == [part.metadata["part"]]
    assert select_window(cells, (-50, 0)).content_hash == part.content_hash


def test_values_of_unknown_kind_are_rates_in_equal_bins_and_a_question_in_others():
    equal = make_cells(None, starts=(0, 50, 100), ends=(50, 100, 150))
    part = select_window(equal, (0, 150))
    np.testing.assert_allclose(part.recording.values, equal.recording.values.mean(axis=2), rtol=1e-7)
    assert part.metadata["notes"][1].endswith("their values are taken as rates.")
    with pytest.raises(
        DatasetError,
        match=r"^the 2 time bins of cells from 0 to 170 ms last 70 to 100 ms, and the recording does not say whether "
        r"to sum or to average them: set its attribute response to 'counts' or 'rates'$",
    ):
        select_window(make_cells(None), (0, 170))
    assert select_window(make_cells(None), (0, 70)).responses.shape == (6, 4)


def test_a_window_goes_with_other_conditions(cells):
    part = select_part(cells, {"window": "0:70", "region": "IT", "kind": "face"})
    assert part.identifier == "cells[kind=face,region=IT,window=0:70]"
    assert part.metadata["part"] == (
        "2 of 4 neurons and 3 of 6 recorded stimuli of cells (kind=face, region=IT, window=0:70)"
    )
    rows = np.isin(cells.recording["stimulus_id"].values, ["s0", "s2", "s4"])
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[rows][:, :2, 1])
    of_part = select_part(select_part(cells, {"region": "IT"}), {"window": "0:70"})
    assert of_part.identifier == "cells[region=IT,window=0:70]"
    assert select_part(select_part(cells, {"window": "0:70"}), {"region": "IT"}).identifier == (
        of_part.identifier
    )
    without = select_part(cells, {"region": "IT"})
    assert without.recording.shape == (12, 2, 3)
    with pytest.raises(UsageError, match=r"such as cells\[region=IT,window=-50:170\]"):
        _ = without.responses


def test_other_bins_than_those_of_the_window_are_refused(cells):
    with pytest.raises(
        DatasetError,
        match=r"no bin of cells starts at 10 ms; bins start at -50, 0, 70 ms",
    ):
        select_window(cells, (10, 70))
    with pytest.raises(DatasetError, match=r"no bin of cells ends at 100 ms; bins end at 0, 70, 170 ms"):
        select_window(cells, (0, 100))
    sliding = make_cells(starts=(0, 50, 100), ends=(100, 150, 200))
    with pytest.raises(DatasetError, match="the time bins of cells overlap between 50 and 100 ms"):
        select_window(sliding, (0, 200))
    assert windows_of(sliding) == [(0, 100), (50, 150), (100, 200)]
    for index, window in enumerate(windows_of(sliding)):
        np.testing.assert_array_equal(
            select_window(sliding, window).recording.values, sliding.recording.values[:, :, index]
        )
    with pytest.raises(UsageError, match=r"such as cells\[window=0:100\]"):
        _ = sliding.responses


@pytest.mark.parametrize("value", ["70", "70,170", [70], ["70:170", "170:270"], 70, None, "a:b", "1:2:3"])
def test_a_window_is_two_numbers(cells, value):
    with pytest.raises(
        UsageError, match=r"^the window must be START:END in milliseconds, as in window=70:170, got "
    ):
        select_part(cells, {"window": value})


@pytest.mark.parametrize("value", ["170:70", "70:70", "nan:1", "0:inf"])
def test_a_window_starts_before_it_ends(cells, value):
    with pytest.raises(UsageError, match="must start before it ends"):
        select_part(cells, {"window": value})


def test_equal_windows_have_one_name(cells):
    names = {
        select_part(cells, {"window": value}).identifier
        for value in ("0:70", "-0:70", "0.0:7e1", (0, 70), [0.0, 70.0], " 0 : 70 ")
    }
    assert names == {"cells[window=0:70]"}
    edges = np.array([0.1, 0.2, 0.1 + 0.2])
    decimals = make_cells(
        starts=edges[:2], ends=edges[1:], values=np.random.default_rng(0).random((12, 4, 2))
    )
    assert select_part(decimals, {"window": "0.1:0.3"}).identifier == "cells[window=0.1:0.3]"
    assert windows_of(decimals) == [(0.1, 0.2), (0.2, 0.3)]


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_names_of_windows_read_as_they_are_written(start, length):
    window = (start, start + length)
    name = format_spec("cells", {"window": format_window(window)})
    assert parse_window(parse_spec(name).options["window"]) == window
    assert str(parse_spec(name)) == name


def test_neurons_without_variance_in_a_window_are_left_out():
    values = np.random.default_rng(0).poisson(3, (12, 4, 3))
    values[:, 1, 0] = 0
    values[:, 2, 0] = [0, 1] * 6  # the same mean for each stimulus
    part = select_window(make_cells(values=values), (-50, 0))
    assert part.recording["neuroid_id"].values.tolist() == ["n0", "n3"]
    assert part.metadata["notes"][1] == "2 neurons without variance in this part left out: n1, n2"
    assert select_window(make_cells(values=values), (0, 70)).recording.sizes["neuroid"] == 4
    with pytest.raises(DatasetError, match=r"cells has no neuron that varies.* with window=-50:0"):
        select_window(make_cells(values=values * [0, 1, 1]), (-50, 0))


def test_a_trial_without_a_bin_of_the_window_is_missing():
    values = np.random.default_rng(0).poisson(3, (12, 4, 3)).astype(float)
    values[0, 0, 1] = np.nan
    cells = make_cells(values=values)
    assert np.isnan(select_window(cells, (0, 170)).recording.values[0, 0])
    assert np.isfinite(select_window(cells, (70, 170)).recording.values).all()


def test_a_window_of_a_dataset_without_bins_is_refused(dataset):
    with pytest.raises(UsageError, match=r"has no time bins; leave window out, or import .* with --bins"):
        select_part(dataset, {"window": "70:170"})
    timed = replace(dataset, metadata={"window_ms": [70, 170]})
    with pytest.raises(UsageError, match=r"has no time bins: its responses are from 70 to 170 ms"):
        select_part(timed, {"window": "70:170"})


def test_a_column_of_this_name_stays_a_column(cells, dataset):
    table = dataset.stimuli.table.assign(window=["a", "b"] * 60)
    labelled = replace(dataset, stimuli=StimulusSet("toy", table))
    assert select_part(labelled, {"window": "a"}).recording.sizes["presentation"] == 180
    both = make_cells(window=list("aabbcc"))
    assert "stimulus.window" in [column.name for column in columns_of(both)]
    part = select_part(both, {"window": "0:70", "stimulus.window": "a"})
    assert part.identifier == "cells[stimulus.window=a,window=0:70]"
    assert part.stimuli.ids.tolist() == ["s0", "s1"]


# --- scores


def test_scores_need_a_window(added, capsys):
    message = (
        "my-cells has 3 time bins from 0 to 200 ms, of 50 to 100 ms: choose a window, such as "
        "my-cells[window=0:200], or score every window with neuroalign score … --windows"
    )
    for fails in (
        lambda: score("pca", "my-cells"),
        lambda: leaderboards("my-cells"),
        lambda: added.responses,
        lambda: added.trials,
        lambda: load_model("neurons:my-cells").latents(added.stimuli),
    ):
        with pytest.raises(UsageError) as caught:
            fails()
        assert str(caught.value) == message
    for command in (["score", "pca"], ["leaderboard"], ["units", "pca"], ["figures", "--output", "x"]):
        assert run([*command, "my-cells"]) == 2
        assert message in capsys.readouterr().err


def test_scores_of_a_window_equal_scores_of_its_recording(added):
    bins = added.recording
    mean = (50 * bins[:, :, 1] + 100 * bins[:, :, 2]) / 150
    flat = mean.drop_vars(BIN_EDGES, errors="ignore")
    alone = replace(added, identifier="alone", recording=flat)
    by_name = score("pca[n=5]", "my-cells[window=50:200]", "correlation_ratio", use_cache=False)
    assert by_name.dataset == "my-cells[window=50:200]"
    assert by_name.provenance["part"] == "6 of 6 neurons of my-cells (window=50:200)"
    assert by_name.provenance["window_ms"] == [50, 200]
    np.testing.assert_allclose(
        by_name.value, score("pca[n=5]", alone, "correlation_ratio", use_cache=False).value, rtol=1e-12
    )


def test_neurons_of_a_window_are_the_neurons_of_the_recording(added):
    early, late = (load_dataset(f"my-cells[window={window}]") for window in ("50:100", "100:200"))
    assert early.recording_hash == late.recording_hash == added.recording_hash
    assert early.content_hash != late.content_hash
    model = load_model("neurons:my-cells[window=50:100]")
    assert model.identifier == "neurons:my-cells[window=50:100]"
    latents, responses = model.latents(late.stimuli), late.responses
    assert self_pairs(latents, responses, late).tolist() == list(range(6))


def make_averages(sem=None, n_trials=None, **given):
    """Averages of `make_cells` over the trials of each stimulus, with the noise of averages."""
    cells = make_cells(**given)
    array = cells.recording.isel(presentation=slice(0, None, 2))
    noise = {"sem": sem, "n_trials": n_trials}
    dims = ("presentation", "neuroid", "time_bin")
    array = array.assign_coords(
        {name: (dims[: values.ndim], values) for name, values in noise.items() if values is not None}
    )
    return replace(cells, recording=array, averaged=True)


def test_a_window_of_one_bin_has_the_standard_errors_of_the_bin():
    sem = np.random.default_rng(1).random((6, 4, 3))
    n_trials = np.arange(1, 73).reshape(6, 4, 3)
    part = select_part(make_averages(sem, n_trials), {"window": "0:70", "neuroid_id": ["n1", "n2"]})
    np.testing.assert_array_equal(part.standard_errors, sem[:, 1:3, 1])
    np.testing.assert_array_equal(part.n_trials, n_trials[:, 1:3, 1])
    assert part.metadata["notes"] == [part.metadata["part"]]


@pytest.mark.parametrize("response", [COUNTS, RATES])
def test_a_window_of_several_bins_has_no_standard_errors_of_other_windows(response):
    sem = np.random.default_rng(1).random((6, 4, 3))
    shared = np.repeat(np.arange(1, 25).reshape(6, 4, 1), 3, axis=2)
    averages = make_averages(sem, shared, response=response, dtype=np.float64)
    part = select_window(averages, (0, 170))
    assert part.standard_errors is None
    np.testing.assert_array_equal(part.n_trials, shared[:, :, 0])
    assert part.metadata["notes"][-1] == (
        "The standard errors (sem) of the recording were left out of the window: they do not add up over time bins."
    )
    differing = replace(
        averages, recording=averages.recording.assign_coords(n_trials=averages.recording["sem"])
    )
    assert select_window(differing, (0, 170)).n_trials is None


@pytest.mark.parametrize("window", [(0, 70), (0, 170), (-50, 170)])
def test_standard_errors_without_bins_are_of_no_window(window):
    sem, n_trials = np.ones((6, 4)), np.arange(1, 25).reshape(6, 4)
    part = select_window(make_averages(sem, n_trials), window)
    assert part.standard_errors is None
    np.testing.assert_array_equal(part.n_trials, n_trials)
    assert part.metadata["notes"][-1].endswith("left out of the window: they are not of this window.")
    assert part.content_hash != select_window(make_averages(None), window).content_hash


def test_the_only_bin_of_a_recording_keeps_its_standard_errors():
    sem = np.random.default_rng(1).random((6, 4))
    values = np.random.default_rng(0).poisson(3, (12, 4, 1))
    part = select_window(make_averages(sem, starts=(0,), ends=(70,), values=values), (0, 70))
    np.testing.assert_array_equal(part.standard_errors, sem)


def test_plain_means_over_bins_have_no_standard_errors():
    gaps = make_averages(np.ones((6, 4)), starts=(-50, 0, 90), ends=(0, 70, 170))
    assert "sem" not in over_all_bins(gaps.recording).coords


# --- digests and files


def test_digests_have_the_edges_of_several_bins(cells):
    moved = cells.recording.assign_coords(time_bin_end=("time_bin", [0, 70, 180]))
    other = replace(cells, recording=moved)
    assert other.content_hash != cells.content_hash
    assert other.recording_hash != cells.recording_hash
    relabelled = replace(cells, recording=cells.recording.assign_attrs(response=RATES))
    assert relabelled.content_hash == cells.content_hash


def test_digests_without_several_bins_stay():
    """A version without time bins gave these digests."""
    flat = make_dataset(n_stimuli=12, n_neurons=3, images=False)
    assert flat.recording_hash == "8102381c093e36936a891751027482a793e5718088276bd5f04c80e93cb6ab14"
    one = replace(
        flat,
        recording=flat.recording.expand_dims("time_bin", axis=2).assign_coords(
            time_bin_start=("time_bin", [70]), time_bin_end=("time_bin", [170])
        ),
    )
    assert one.recording_hash == "8e950d9c04b2fcc0830cefba63402014cace65d59be2d8580867d2b5d4d2e54c"


def test_bins_survive_the_folder(cells, tmp_path):
    write_folder(cells, tmp_path / "cells")
    loaded = read_folder(tmp_path / "cells")
    assert loaded.content_hash == cells.content_hash
    assert loaded.recording.dtype == np.float32
    assert loaded.recording.attrs["response"] == COUNTS
    assert windows_of(loaded) == [(-50, 0), (0, 70), (70, 170)]
    part = load_dataset(f"{tmp_path / 'cells'}[window=0:170]")
    assert part.content_hash == select_window(cells, (0, 170)).content_hash
    write_folder(part, tmp_path / "part")
    assert read_folder(tmp_path / "part").recording_hash == cells.recording_hash


# --- descriptions and checks


def test_info_shows_the_bins(added, capsys):
    described = describe(added)
    assert described["time_bins"] == 3
    assert described["time_bins_ms"] == [0, 200]
    assert described["bin_length_ms"] == {"min": 50, "median": 50, "max": 100}
    assert described["response"] == RATES
    assert run(["data", "info", "my-cells"]) == 0
    shown = capsys.readouterr().out
    assert "bin length ms               50 to 100 (median 50)" in shown
    assert run(["data", "list"]) == 0
    assert "6 simulated neurons × 60 stimuli × 3 time bins, 3 presentations each" in capsys.readouterr().out
    assert run(["info", "my-cells"]) == 0
    assert "3 time bins from 0 to 200 ms, of 50 to 100 ms" in capsys.readouterr().out
    assert run(["data", "info", "my-cells[window=50:200]"]) == 0
    shown = capsys.readouterr().out
    assert "window ms" in shown
    assert "time bins " not in shown.split("note")[0]


def test_validate_describes_trials_and_reliability_over_all_bins(added, capsys):
    report = validate(added)
    assert report["problems"] == []
    assert report["missing_trials"] == 0
    assert (
        report["reliability"]["median"] == validate(select_window(added, (0, 200)))["reliability"]["median"]
    )
    # The first bin is noise; the last one has a reliability of 1 / (1 + 0.25 / 3) = 0.92.
    assert abs(validate(load_dataset("my-cells[window=0:50]"))["reliability"]["median"]) < 0.4
    last = validate(load_dataset("my-cells[window=100:200]"))["reliability"]["median"]
    assert last == pytest.approx(12 / 13, abs=0.05)
    assert run(["data", "validate", "my-cells", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reliability"] == report["reliability"]


def test_validate_counts_missing_trials_and_finds_wrong_edges():
    values = np.random.default_rng(0).poisson(3, (12, 4, 3)).astype(float)
    values[0, 0] = np.nan
    values[1, 1, 1] = np.nan
    assert validate(make_cells(values=values))["missing_trials"] == 2
    wrong = validate(make_cells(starts=(0, 70, 70)))
    assert wrong["problems"] == ["Cells has a time bin that does not start before it ends."]


def test_response_over_all_bins():
    cells = make_cells()
    np.testing.assert_array_equal(over_all_bins(cells.recording).values, cells.recording.values.sum(axis=2))
    sliding = make_cells(starts=(0, 50, 100), ends=(100, 150, 200))
    np.testing.assert_allclose(
        over_all_bins(sliding.recording).values, cells.recording.values.mean(axis=2), rtol=1e-6
    )
    flat = select_window(cells, (0, 70)).recording
    assert over_all_bins(flat) is flat


def test_bins_without_edges():
    cells = make_cells()
    bare = replace(cells, recording=cells.recording.drop_vars(BIN_EDGES))
    assert describe_bins(bare.recording) == "3 time bins without edges"
    assert bare.content_hash != cells.content_hash
    with pytest.raises(
        UsageError, match=r"cells has 3 time bins without edges: .* time_bin_start and time_bin_end"
    ):
        _ = bare.responses
    with pytest.raises(DatasetError, match="cells has 3 time bins and does not give their start and end"):
        windows_of(bare)


def test_windows_and_names(cells, dataset):
    assert windows_of(dataset) == []
    unsorted = make_cells(starts=(70, -50, 0), ends=(170, 0, 70))
    assert windows_of(unsorted) == windows_of(cells) == [(-50, 0), (0, 70), (70, 170)]
    assert name_window(cells, (-50.0, 0.0)) == "cells[window=-50:0]"


def test_simulated_signal_rises_over_the_bins():
    made = make_dataset(n_stimuli=30, n_neurons=3, noise=0, time_bins=[0, 10, 30, 60])
    np.testing.assert_allclose(made.recording.values[:, :, 0], 0)
    np.testing.assert_allclose(made.recording.values[:, :, 1], made.recording.values[:, :, 2] / 2)
    flat = make_dataset(n_stimuli=30, n_neurons=3, noise=0)
    np.testing.assert_allclose(made.recording.values[:, :, 2], flat.recording.values)
    assert isinstance(made.recording, xr.DataArray)


def test_error_is_one_line(cells):
    with pytest.raises(NeuroalignError) as caught:
        _ = cells.responses
    assert "\n" not in str(caught.value)
