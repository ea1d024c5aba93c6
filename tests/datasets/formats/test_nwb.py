"""NWB files with known spikes, written with h5py; pynwb reads the same spikes from its own files."""

import datetime

import h5py
import numpy as np
import pytest

from neuroalign.datasets.formats.nwb import NwbReader
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.selection import select_window
from neuroalign.errors import DatasetError, UnknownNameError, UsageError

ONSETS = [1.0, 2.0, 3.25, 4.0]
TRAINS = [[1.06, 1.07, 3.31, 3.9], [2.05, 2.149, 2.15, 4.06], [1.1, 3.3]]
COUNTS = [[2, 0, 1], [0, 2, 0], [1, 0, 1], [0, 1, 0]]
"""Spikes from 50 to before 150 ms after each onset; the third spike of unit 1 lies on the end, the last of unit 2 on
the start."""


def table(group, kind, columns):
    group.attrs["neurodata_type"] = kind
    group.attrs["colnames"] = list(columns)
    for name, values in columns.items():
        group[name] = values
    if "id" not in group:
        group["id"] = np.arange(len(next(iter(columns.values()))))


@pytest.fixture
def session(tmp_path):
    """A file in which every group has an unusual place and name, since types find them."""
    path = tmp_path / "session.nwb"
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        file.attrs["neurodata_type"] = "NWBFile"
        file["general/subject/subject_id"] = "Tito"
        units = file.create_group("units")
        units["id"] = [101, 205, 3]
        table(
            units,
            "Units",
            {
                "isi_violations": [0.1, 0.2, 0.9],
                "quality": ["good", "good", "noise"],
                "spike_times": np.concatenate(TRAINS),
                "waveform_mean": np.zeros((3, 5)),
            },
        )
        units["spike_times_index"] = np.cumsum([len(train) for train in TRAINS]).astype(np.uint8)
        electrodes = file.create_group("general/extracellular_ephys/electrodes")
        table(electrodes, "DynamicTable", {"location": ["V1", "IT", "V4"]})
        del electrodes["id"]
        electrodes["id"] = [7, 8, 9]
        scenes = file.create_group("intervals/scenes")
        columns = {"start_time": ONSETS, "stop_time": np.add(ONSETS, 0.2), "frame": [0.0, 1.0, 0.0, 1.0]}
        table(scenes, "TimeIntervals", columns | {"block": [1, 1, 2, 2], "stimulus_name": ["s"] * 4})
    return path


def edit(path):
    return h5py.File(path, "r+")


def add(path, **options):
    return import_dataset(
        "d", responses=path, force=True, **{"label": "frame", "window": (50, 150)} | options
    )


def test_counts_labels_and_notes(session):
    dataset = add(session)
    array = dataset.recording
    assert array.values.tolist() == COUNTS
    assert array["stimulus_id"].values.tolist() == ["0", "1", "0", "1"]
    assert array["repetition"].values.tolist() == [0, 0, 1, 1]
    assert array["neuroid_id"].values.tolist() == ["101", "205", "3"]
    assert array["animal"].values.tolist() == ["Tito"] * 3
    assert array["isi_violations"].values.tolist() == [0.1, 0.2, 0.9]
    assert array["block"].values.tolist() == [1, 1, 2, 2]
    assert dataset.stimuli.table["stimulus_name"].tolist() == ["s", "s"]
    assert dataset.metadata["notes"] == [
        "Neurons are the units of units.",
        "Columns of the units without one value in each row were passed over: waveform_mean.",
        "The file does not say which electrodes its units have, so that their regions are unknown.",
        "All 3 neurons of session.nwb were taken, of any quality (2 good, 1 noise); --quality chooses some.",
        "Stimuli are the column frame of scenes, onsets the column start_time.",
        "Spikes of 3 neurons were counted from 50 to before 150 ms after 4 onsets of 2 stimuli (scenes).",
    ]


def test_the_index_of_spikes_is_cast_before_it_is_subtracted(session):
    with edit(session) as file:
        # 300 spikes of unit 0 do not fit into the differences of uint8.
        spikes = np.concatenate([np.linspace(1.05, 1.1499, 300), *TRAINS[1:]])
        ends = np.array([300, 304, 306])
        del file["units/spike_times"], file["units/spike_times_index"]
        file["units/spike_times"], file["units/spike_times_index"] = spikes, ends.astype(np.uint16)
    assert add(session, quality="isi_violations < .15").recording.values[:, 0].tolist() == [300, 0, 0, 0]
    for damaged in ([3, 2, 306], [1, 2, 999]):
        with edit(session) as file:
            file["units/spike_times_index"][...] = damaged
        with pytest.raises(DatasetError, match="spike_times_index does not fit the values"):
            add(session)


def test_spikes_of_a_unit_may_be_in_any_order(session):
    with edit(session) as file:
        spikes = file["units/spike_times"][...]
        # The first unit ends with its first spike, and the last unit begins with its last one.
        file["units/spike_times"][...] = np.concatenate([spikes[:4][::-1], spikes[4:8], spikes[8:][::-1]])
    assert add(session).recording.values.tolist() == COUNTS


def test_a_table_without_ids_is_named(session):
    with edit(session) as file:
        del file["units/id"]
    reason = r"^/units of session\.nwb has no id, which the format asks for; write the file again with pynwb or MatNWB$"
    with pytest.raises(DatasetError, match=reason):
        add(session)


def test_quality_selects_units(session):
    chosen = add(session, quality="isi_violations <= 0.5 and quality == 'good'").recording
    assert chosen["neuroid_id"].values.tolist() == ["101", "205"]
    assert chosen.values.tolist() == [row[:2] for row in COUNTS]
    assert add(session, quality="noise", drop=[]).recording["neuroid_id"].values.tolist() == ["3"]
    with pytest.raises(UnknownNameError, match="no column of the neurons is called 'isi'"):
        add(session, quality="isi < 3")


def test_regions(session):
    with edit(session) as file:
        file["units/peak_channel_id"] = [9, 7, 12]
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "peak_channel_id"]
    assert add(session).recording["region"].values.tolist() == ["V4", "V1", "unknown"]
    with edit(session) as file:
        file["units/electrodes"] = [1, 0, 2]
        file["units/electrodes_index"] = np.array([1, 1, 3], dtype=np.uint8)
        file["units/electrodes"].attrs["table"] = file["general/extracellular_ephys/electrodes"].ref
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "electrodes"]
    dataset = add(session)
    # Rows of the table, not ids; unit 1 has no electrode, unit 2 has two.
    assert dataset.recording["region"].values.tolist() == ["IT", "unknown", "V1"]
    assert (
        "Regions are the locations of the electrodes of each unit; 1 units have electrodes in several, of which the "
        "first counts." in dataset.metadata["notes"]
    )
    with edit(session) as file:
        file["units/location"] = ["A", "B", ""]
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "location"]
    assert add(session).recording["region"].values[:2].tolist() == ["A", "B"]
    with edit(session) as file:
        del file["units/location"]
        file["units/electrodes"][0] = 3
    with pytest.raises(DatasetError, match="does not fit the table of electrodes"):
        add(session)


def test_open_choices_list_the_candidates(session):
    with pytest.raises(
        DatasetError, match=r"--label COLUMN; there are: frame \(2 values\), block \(2 values\)$"
    ):
        add(session, label=None)
    with pytest.raises(DatasetError, match=r"session.nwb holds spike times: give the window"):
        add(session, window=None)
    with edit(session) as file:
        table(file.create_group("processing/behaviour/running"), "TimeIntervals", {"start_time": [1.0, 2.0]})
    message = r"has 2 tables of presentations: choose one with --intervals NAME; there are: scenes \(4 rows\), running"
    with pytest.raises(DatasetError, match=message):
        add(session)
    with pytest.raises(
        UnknownNameError, match=r"no table of presentations in session.nwb is called 'scene'; did you m"
    ):
        add(session, intervals="scene")
    for name in ("scenes", "intervals/scenes", "/intervals/scenes"):
        assert add(session, intervals=name).recording.values.tolist() == COUNTS


def test_onsets_that_differ_from_the_start_are_asked_for(session):
    with edit(session) as file:
        scenes = file["intervals/scenes"]
        scenes["stim_on_time"] = ONSETS
        scenes.attrs["colnames"] = [*scenes.attrs["colnames"], "stim_on_time"]
    assert add(session).recording.values.tolist() == COUNTS
    with edit(session) as file:
        file["intervals/scenes/start_time"][...] = np.subtract(ONSETS, 0.5)
    with pytest.raises(DatasetError, match=r"which differ: choose with --onset start_time\|stim_on_time"):
        add(session)
    assert add(session, onset="stim_on_time").recording.values.tolist() == COUNTS


def test_blanks_and_missing_onsets_are_left_out(session):
    with edit(session) as file:
        file["intervals/scenes/frame"][...] = [0, 1, -1, 1]
        file["intervals/scenes/start_time"][3] = np.nan
    dataset = add(session, drop=["constant-neuroids"])
    assert dataset.recording["stimulus_id"].values.tolist() == ["0", "1"]
    notes = " ".join(dataset.metadata["notes"])
    assert "1 presentation with the frame -1 left out" in notes
    assert "1 of 3 events have no onset and were left out." in notes


def test_columns_of_numbers_with_names(session):
    with edit(session) as file:
        scenes = file["intervals/scenes"]
        scenes["names"] = ["face", "body"]
        scenes["kind"] = np.array([1, 0, 1, 0], dtype=np.uint8)
        scenes["kind"].attrs["elements"] = scenes["names"].ref
        scenes.attrs["colnames"] = [*scenes.attrs["colnames"], "kind"]
    assert add(session, label="kind").recording["stimulus_id"].values.tolist() == ["body", "face"] * 2


def test_values_in_other_files_are_never_read(session, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.concatenate(TRAINS)
    with edit(session) as file:
        del file["units/spike_times"]
        file["units/spike_times"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
    with pytest.raises(DatasetError, match="is in another file, which is never opened"):
        add(session)
    with edit(session) as file:
        del file["units/spike_times"]
        file["units"].create_dataset(
            "spike_times", (10,), dtype="f8", external=[(str(tmp_path / "other.h5"), 0, 80)]
        )
    with pytest.raises(DatasetError, match="is in another file, which is never opened"):
        add(session)


def test_claimed_sizes_are_bounded(session):
    with edit(session) as file:
        del file["units/isi_violations"]
        file["units"].create_dataset("isi_violations", (3,), dtype="f8")
        del file["units/spike_times"]
        file["units"].create_dataset("spike_times", (10**12,), dtype="f8", chunks=(1000,))
    with pytest.raises(DatasetError, match="claims 8,000,000,000,000 bytes, and stores 0"):
        add(session)


def test_files_without_spikes_or_presentations(session):
    with edit(session) as file:
        del file["intervals"]
    with pytest.raises(DatasetError, match="has no table of presentations"):
        add(session)
    with edit(session) as file:
        del file["units/spike_times"]
    with pytest.raises(
        DatasetError, match="has no Units with spike_times; it has objects of the types DynamicTable, U"
    ):
        add(session)
    with pytest.raises(UsageError, match="must be one NWB file, got 2"):
        add([session, session])


def test_the_file_is_recognised_by_its_content(session, tmp_path):
    session.rename(tmp_path / "x.h5")
    assert add(tmp_path / "x.h5").recording.values.tolist() == COUNTS
    (tmp_path / "x.nwb").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(DatasetError, match="cannot read the HDF5 file"):
        add(tmp_path / "x.nwb")
    with pytest.raises(DatasetError, match="cannot read the NWB file"):
        NwbReader().read([tmp_path / "x.nwb"], {})


def test_pynwb_reads_the_same_spikes(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    rng = np.random.default_rng(0)
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    session = pynwb.NWBFile("a session", "id", start)
    device = session.create_device("probe")
    group = session.create_electrode_group("probe", "a probe", "IT", device)
    for location in ("V4", "IT"):
        session.add_electrode(location=location, group=group, group_name="probe")
    session.add_unit_column("snr", "signal over noise")
    for unit in range(4):
        session.add_unit(spike_times=np.sort(rng.uniform(0, 20, 300)), electrodes=[unit % 2], snr=float(unit))
    session.add_trial_column("picture", "the image")
    for trial in range(60):
        onset = 0.3 * trial + 0.1 * rng.random()
        session.add_trial(start_time=onset, stop_time=onset + 0.2, picture=f"im{trial % 5}")
    path = tmp_path / "x.nwb"
    with pynwb.NWBHDF5IO(path, "w") as file:
        file.write(session)
    array = add(path, label="picture", window=(30, 180)).recording
    with pynwb.NWBHDF5IO(path, "r") as file:
        opened = file.read()
        trials, units = opened.trials.to_dataframe(), opened.units.to_dataframe()
        onsets = trials["start_time"].to_numpy()
        counts = [
            [((onset + 0.03 <= train) & (train < onset + 0.18)).sum() for train in units["spike_times"]]
            for onset in onsets
        ]
        locations = [electrodes["location"].iloc[0] for electrodes in units["electrodes"]]
        assert array["stimulus_id"].values.tolist() == trials["picture"].tolist()
        assert array["snr"].values.tolist() == units["snr"].tolist()
    np.testing.assert_array_equal(array.values, counts)
    assert array["region"].values.tolist() == locations


def test_bins_are_kept(session):
    binned = add(session, bins=25)
    assert binned.recording.shape == (4, 3, 4)
    assert binned.recording.values.sum(axis=2).tolist() == COUNTS
    # Unit 101 fires 60 and 70 ms after the first onset; unit 3 fires at the edge, 100 ms.
    assert binned.recording.values[0].tolist() == [[2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    part = select_window(binned, (50, 150))
    assert part.content_hash == add(session).content_hash
    direct = add(session, window=(50, 100), drop=["constant-neuroids"])
    assert select_window(binned, (50, 100)).content_hash == direct.content_hash


def test_bins_that_do_not_fit(session):
    with pytest.raises(
        UsageError, match=r"--bins 30 must divide the window 50,150, .* such as 25 or 33\.3333"
    ):
        add(session, bins=30)
    with pytest.raises(
        UsageError, match=r"--bins file has no effect on .*session\.nwb, which holds spike times"
    ):
        add(session, bins="file")
    with pytest.raises(DatasetError, match="with --window START,END; --bins WIDTH keeps time bins within it"):
        add(session, window=None, bins=10)
