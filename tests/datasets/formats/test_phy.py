"""Folders of Kilosort and phy with known spikes."""

import numpy as np
import pytest

from neuroalign.datasets.formats.phy import read_clusters, read_params
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.selection import select_window
from neuroalign.errors import DatasetError, UsageError

RATE = 20_000.0
TIMES = np.array([1010, 1060, 1100, 2050, 2051, 2149, 2150, 3300, 3301, 3302, 3303]) * 20
"""Samples; with 20 samples in a millisecond, the numbers are milliseconds."""
CLUSTERS = np.array([0, 0, 1, 0, 7, 0, 0, 1, 7, 0, 1])
EVENTS = "onset,stimulus_id,block\n3.25,a,2\n1,a,1\n2,b,1\n"
COUNTS = {0: [1, 2, 1], 1: [1, 0, 2], 7: [0, 1, 1]}
"""Spikes of each cluster from 50 to before 150 ms after the onsets at 1, 2 and 3.25 s."""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "sorted"
    made.mkdir()
    np.save(made / "spike_times.npy", TIMES[:, None].astype(np.uint64))
    np.save(made / "spike_clusters.npy", CLUSTERS.astype(np.int32))
    np.save(made / "spike_templates.npy", np.zeros(len(TIMES), dtype=np.int32))
    (made / "params.py").write_text(f"dat_path = ['raw.bin']\nsample_rate = {RATE}\nhp_filtered = False\n")
    (made / "cluster_group.tsv").write_text("cluster_id\tgroup\n0\tgood\n1\tnoise\n9\tgood\n")
    (made / "cluster_Amplitude.tsv").write_text("cluster_id\tAmplitude\n0\t30.5\n1\t12\n7\t90\n")
    (made / "events.csv").write_text(EVENTS)
    return made


def add(folder, **options):
    options = {"events": folder / "events.csv", "window": (50, 150), "quality": "all"} | options
    return import_dataset("d", responses=folder, force=True, **options)


def counts(dataset):
    array = dataset.recording
    assert array["stimulus_id"].values.tolist() == ["a", "b", "a"]
    assert array["repetition"].values.tolist() == [0, 0, 1]
    return {
        int(neuron): values.tolist()
        for neuron, values in zip(array["neuroid_id"].values, array.values.T, strict=True)
    }


def test_spikes_in_samples(folder):
    dataset = add(folder)
    assert counts(dataset) == COUNTS
    assert dataset.recording["group"].values.tolist() == ["good", "noise", ""]
    assert dataset.recording["Amplitude"].values.tolist() == [30.5, 12, 90]
    assert dataset.recording["block"].values.tolist() == [1, 1, 2]
    assert not dataset.averaged
    assert dataset.metadata["window_ms"] == [50, 150]
    assert dataset.metadata["notes"] == [
        "Stimuli are the column stimulus_id of events.csv, onsets the column onset.",
        "Spike times are spike_times.npy of sorted, in samples at 20,000 Hz (params.py).",
        "Neurons are the clusters of spike_clusters.npy.",
        "All 3 neurons of sorted were taken.",
        "Clusters without spikes were left out: 9.",
        "Spikes of 3 neurons were counted from 50 to before 150 ms after 3 onsets of 2 stimuli (events.csv).",
    ]
    assert [(file["role"], file["name"]) for file in dataset.metadata["files"]] == [
        ("responses", "spike_times.npy"),
        ("responses", "spike_clusters.npy"),
        ("responses", "params.py"),
        ("responses", "cluster_Amplitude.tsv"),
        ("responses", "cluster_group.tsv"),
        ("events", "events.csv"),
    ]


def test_spikes_in_seconds(folder):
    np.save(folder / "spikes.times.npy", TIMES / RATE)
    (folder / "spike_times.npy").unlink()
    (folder / "params.py").unlink()
    dataset = add(folder)
    assert counts(dataset) == COUNTS
    assert "Spike times are spikes.times.npy of sorted, in seconds." in dataset.metadata["notes"]
    with pytest.raises(UsageError, match="--sample-rate has no effect"):
        add(folder, sample_rate=RATE)


def test_templates_stand_in_for_clusters(folder):
    np.save(folder / "spike_templates.npy", CLUSTERS)
    (folder / "spike_clusters.npy").unlink()
    dataset = add(folder)
    assert counts(dataset) == COUNTS
    assert "Neurons are the clusters of spike_templates.npy." in dataset.metadata["notes"]
    (folder / "spike_templates.npy").unlink()
    with pytest.raises(DatasetError, match=r"no spike_clusters.npy or spike_templates.npy"):
        add(folder)


def test_the_quality_is_asked_for(folder):
    message = r"has 3 clusters \(1 good, 1 noise, 1 without label by group\): choose with --quality"
    with pytest.raises(DatasetError, match=message):
        add(folder, quality=None)
    assert counts(add(folder, quality="good")) == {0: COUNTS[0]}
    assert list(counts(add(folder, quality="Amplitude > 20"))) == [0, 7]
    (folder / "cluster_group.tsv").unlink()
    assert counts(add(folder, quality=None)) == COUNTS
    (folder / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n0\tgood\n1\tmua\n7\tgood\n")
    with pytest.raises(DatasetError, match=r"2 good, 1 mua by KSLabel"):
        add(folder, quality=None)
    assert list(counts(add(folder, quality="mua"))) == [1]


def test_the_sample_rate_is_never_guessed(folder):
    with pytest.raises(UsageError, match="--sample-rate 30000 contradicts sample_rate = 20000"):
        add(folder, sample_rate=30_000)
    (folder / "params.py").write_text("sample_rate = 'fast'\n")
    with pytest.raises(DatasetError, match="must assign a number to sample_rate, got 'fast'"):
        add(folder)
    (folder / "params.py").unlink()
    with pytest.raises(
        DatasetError, match=r"has no params.py: give the samples in a second with --sample-rate HZ"
    ):
        add(folder)
    assert counts(add(folder, sample_rate="20000")) == COUNTS
    with pytest.raises(UsageError, match="--sample-rate must be above 0, got '-1'"):
        add(folder, sample_rate="-1")


def test_params_are_never_executed(folder, tmp_path):
    trace = tmp_path / "trace"
    path = folder / "params.py"
    path.write_text(
        f"import os\nopen({str(trace)!r}, 'w').close()\nsample_rate = 20000.\n"
        f"dtype = open({str(trace)!r}, 'w')\nn = 4 * 8\nname = 'x'\n"
    )
    assert read_params(path) == {"sample_rate": 20_000.0, "name": "x"}
    assert not trace.exists()
    for content in (b"sample_rate = ", b"\xff\xfe\x00", b"(" * 5000, b"#" * 200_000, b"a\x00b"):
        path.write_bytes(content)
        with pytest.raises(DatasetError) as caught:
            read_params(path)
        assert "\n" not in str(caught.value)


def test_a_single_file_of_a_folder_is_refused(folder, tmp_path):
    for name in ("spike_times.npy", "spike_clusters.npy"):
        with pytest.raises(
            DatasetError, match=rf"{name} holds .*--responses \S*sorted --events events.csv --window"
        ):
            import_dataset("d", responses=folder / name, axes="stimulus,neuroid", format=None)
        with pytest.raises(DatasetError, match="not responses to stimuli"):
            import_dataset("d", responses=folder / name, axes="stimulus,neuroid", format="npy")


def test_options_that_are_missing(folder):
    with pytest.raises(DatasetError, match=r"holds spike times: give the onsets .* with --events events.csv"):
        add(folder, events=None)
    with pytest.raises(DatasetError, match="holds spike times: give the window"):
        add(folder, window=None)
    with pytest.raises(UsageError, match="--axes has no effect"):
        add(folder, axes="neuroid,stimulus")
    with pytest.raises(UsageError, match="must be one folder of spike times, got 2"):
        import_dataset("d", responses=[folder, folder], events=folder / "events.csv", window=(0, 100))


def test_files_that_contradict_each_other(folder):
    np.save(folder / "spike_clusters.npy", CLUSTERS[:-1])
    with pytest.raises(
        DatasetError, match=r"spike_clusters.npy of \S* has 10 spikes, spike_times.npy has 11"
    ):
        add(folder)
    np.save(folder / "spike_clusters.npy", CLUSTERS + 0.5)
    with pytest.raises(DatasetError, match="must hold whole numbers"):
        add(folder)
    np.save(folder / "spike_times.npy", TIMES / RATE)
    with pytest.raises(DatasetError, match=r"must be in samples, got fractions; .* call it spikes.times.npy"):
        add(folder)
    np.save(folder / "spike_times.npy", np.ones((3, 3)))
    with pytest.raises(DatasetError, match=r"one value for each spike, got shape \(3, 3\)"):
        add(folder)


def test_tables_of_clusters(folder):
    info = "cluster_id\tgroup\tdepth\n0\tmua\t5\n1\tmua\t6\n7\tmua\t7\n"
    (folder / "cluster_info.tsv").write_text(info)
    table = read_clusters(folder)
    assert table["group"].dropna().to_dict() == {0: "good", 1: "noise", 9: "good"}
    assert table["depth"].dropna().to_dict() == {0: 5, 1: 6, 7: 7}
    (folder / "cluster_info.tsv").write_text("cluster_id\tx\n0\t1\n0\t2\n")
    with pytest.raises(DatasetError, match="lists clusters twice: 0"):
        read_clusters(folder)
    (folder / "cluster_info.tsv").write_text("name\tx\n0\t1\n")
    with pytest.raises(DatasetError, match="must have a column cluster_id"):
        read_clusters(folder)


def test_bins_are_kept(folder):
    binned = add(folder, bins=50)
    assert binned.recording.shape == (3, 3, 2)
    assert {
        int(name): binned.recording.values[:, i].sum(axis=1).tolist() for i, name in enumerate([0, 1, 7])
    } == COUNTS
    # Cluster 1 fires 100 ms after the first onset, at the edge of the bins.
    assert binned.recording.values[0, 1].tolist() == [0, 1]
    assert select_window(binned, (50, 150)).content_hash == add(folder).content_hash
    with pytest.raises(UsageError, match="--bins 40 must divide the window 50,150"):
        add(folder, bins=40)
    with pytest.raises(UsageError, match="--bins file has no effect"):
        add(folder, bins="file")
