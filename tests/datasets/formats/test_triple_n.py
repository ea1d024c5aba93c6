"""Triple-N: sets of images, sessions joined by image, types and areas of units, and single trials of failed trials."""

from itertools import pairwise

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

import neuroalign as na
from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UsageError
from neuroalign.testing import check_reader

N_UNITS, N_IMAGES, PRE, N_BINS = 3, 1072, 50, 90
RNG = np.random.default_rng(0)
BEST = {session: RNG.random((N_UNITS, N_IMAGES)) for session in (1, 2)}
BASIC = {session: RNG.random((N_UNITS, N_IMAGES)) for session in (1, 2)}
DEPTH = np.array([100.0, 450.0, 900.0])
#: Every image twice, in random order, between failed trials with the number 0.
ORDER = RNG.permutation(np.repeat(np.arange(1, N_IMAGES + 1), 2))
NUMBERS = np.insert(ORDER.astype(float), [0, 7, 7, len(ORDER)], 0)
RASTER = (RNG.random((N_UNITS, len(ORDER), N_BINS)) < 0.2).astype(np.uint8)
MEANS = {"part": "nsd", "variable": "response_best"}


def write_session(root, session, unit_type=(1, 1, 1)):
    (root / "Processed").mkdir(parents=True, exist_ok=True)
    path = root / "Processed" / f"Processed_ses{session:02d}_24010{session}_M{session}_0.mat"
    content = {
        "response_best": BEST[session],
        "response_basic": BASIC[session],
        "reliability_best": np.array([[0.2], [0.5], [0.9]]),
        "pos": DEPTH[:, None],
        "UnitType": np.array(unit_type, dtype=float)[:, None],
        # The published files also have rows in place of columns.
        "F_SI": np.array([[0.1, 0.2, 0.3]]),
    }
    scipy.io.savemat(path, content)
    return path


def write_trials(root, session, depth=DEPTH, numbers=NUMBERS):
    """Write single trials in MATLAB 7.3: structure arrays are references, and axes are in reverse order."""
    (root / "GoodUnit").mkdir(exist_ok=True)
    path = root / "GoodUnit" / f"GoodUnit_24010{session}_Monkey_NSD1000_LOC_g0.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        units = file.create_group("GoodUnitStrc")
        for name, values in (("Raster", RASTER), ("spikepos", [np.array([[8.0, y]]) for y in depth])):
            references = [
                [file.create_dataset(f"#refs#/{name}{unit}", data=item.T).ref]
                for unit, item in enumerate(values)
            ]
            units.create_dataset(name, data=np.array(references, dtype=h5py.ref_dtype))
        file["global_params/pre_onset"] = np.array([[float(PRE)]])
        file["meta_data/trial_valid_idx"] = numbers[:, None]
        file["meta_data/dataset_valid_idx"] = (numbers > 0).astype(float)[:, None]
    return path


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "triple_n"
    write_session(folder, 1)
    return folder


def test_open_choices_are_asked_for_together(root):
    assert detect_format([root]) == detect_format([root / "Processed"]) == "triple_n"
    with pytest.raises(
        DatasetError, match=r"--part nsd .*--variable response_best .*--good-units DIR"
    ) as caught:
        import_dataset("d", responses=root)
    assert "\n" not in str(caught.value)
    with pytest.raises(
        UsageError, match=r"--part must be one of nsd, localiser, all for Triple-N, got 'test'"
    ):
        import_dataset("d", responses=root, part="test", variable="response_best")
    with pytest.raises(UsageError, match=r"--variable must be response_best or response_basic"):
        import_dataset("d", responses=root, part="nsd", variable="pos")
    with pytest.raises(UsageError, match="--window has no effect without --good-units"):
        import_dataset("d", responses=root, **MEANS, window="60,90")


@pytest.mark.parametrize(
    ("part", "images"), [("nsd", slice(0, 1000)), ("localiser", slice(1000, 1072)), ("all", slice(0, 1072))]
)
def test_images_1_to_1000_are_those_of_nsd_and_the_others_localisers(root, part, images):
    dataset = import_dataset("d", responses=root, part=part, variable="response_best")
    ids = [f"{number:04d}" for number in range(1, 1073)][images]
    assert dataset.recording["stimulus_id"].values.tolist() == ids
    np.testing.assert_array_equal(dataset.recording.values, BEST[1][:, images].T)
    sets = {name: "nsd" if int(name) <= 1000 else "localiser" for name in ids}
    assert dataset.stimuli.table["set"].to_dict() == sets
    assert dataset.averaged


def test_the_variable_decides_on_the_window(root):
    dataset = import_dataset("d", responses=root, part="nsd", variable="response_basic")
    np.testing.assert_array_equal(dataset.recording.values, BASIC[1][:, :1000].T)


def test_shared_images_are_called_as_in_nsd(root, tmp_path):
    shared = np.arange(2951, 2951 + 7 * 1000, 7)
    scipy.io.savemat(tmp_path / "nsd_expdesign.mat", {"sharedix": shared[None]})
    options = {"variable": "response_best", "nsd_design": tmp_path / "nsd_expdesign.mat"}
    ids = import_dataset("d", responses=root, part="all", **options).stimuli.ids
    assert [ids[0], ids[999], ids[1000]] == ["shared0001_nsd02951", "shared1000_nsd09944", "1001"]
    scipy.io.savemat(tmp_path / "nsd_expdesign.mat", {"sharedix": shared[None, :9]})
    with pytest.raises(DatasetError, match=r"sharedix .* must have 1,000 different numbers, got \(9,\)"):
        import_dataset("e", responses=root, part="all", **options)


def test_sessions_join_by_image(root):
    write_session(root, 2)
    array = import_dataset("d", responses=root, **MEANS).recording
    assert array["neuroid_id"].values.tolist() == [f"ses0{s}-{unit}" for s in (1, 2) for unit in (1, 2, 3)]
    assert array["animal"].values.tolist() == ["M1"] * 3 + ["M2"] * 3
    assert array["session"].values.tolist() == ["ses01"] * 3 + ["ses02"] * 3
    np.testing.assert_array_equal(array.values, np.concatenate([BEST[1], BEST[2]])[:, :1000].T)
    array = import_dataset("e", responses=sorted(root.rglob("*.mat"))[1:], **MEANS).recording
    np.testing.assert_array_equal(array.values, BEST[2][:, :1000].T)


def test_types_of_units_are_asked_for(root):
    write_session(root, 1, unit_type=(1, 2, 3))
    with pytest.raises(DatasetError, match=r"3 units \(1 multi, 1 non-somatic, 1 single by unit_type\)"):
        import_dataset("d", responses=root, **MEANS)
    dataset = import_dataset("d", responses=root, **MEANS, quality="single,multi")
    assert dataset.recording["unit_type"].values.tolist() == ["single", "multi"]
    np.testing.assert_array_equal(dataset.recording.values, BEST[1][:2, :1000].T)
    dataset = import_dataset(
        "e", responses=root, **MEANS, quality="reliability > 0.4 and unit_type != 'multi'"
    )
    assert dataset.recording["neuroid_id"].values.tolist() == ["ses01-3"]
    assert dataset.recording["F_SI"].values.tolist() == [0.3]
    assert dataset.recording["depth"].values.tolist() == [900.0]


AREAS = pd.DataFrame(
    {
        "SesIdx": [2, 1, 1],
        "y1": [0, 0, 500],
        "y2": [4000, 400, 1000],
        "AREALABEL": ["AF2", "V4", "MF1"],
        "Area": "IT",
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_areas_depend_on_session_and_depth(root, suffix):
    path = root / f"exclude_area{suffix}"
    AREAS.to_csv(path, index=False) if suffix == ".csv" else AREAS.to_excel(path, index=False)
    dataset = import_dataset("d", responses=root, **MEANS, areas=path)
    assert dataset.recording["region"].values.tolist() == ["V4", "unknown", "MF1"]
    assert dataset.recording["area"].values.tolist() == ["IT", "unknown", "IT"]
    assert any("1 of 3 units lie in no area of the table" in note for note in dataset.metadata["notes"])


def test_a_table_without_depths_is_no_table_of_areas(root):
    AREAS.drop(columns="y1").to_csv(root / "areas.csv", index=False)
    with pytest.raises(DatasetError, match=r"lacks the columns y1; it has SesIdx, y2, AREALABEL, Area"):
        import_dataset("d", responses=root, **MEANS, areas=root / "areas.csv")


def test_failed_trials_are_left_out_and_spikes_are_counted_in_the_window(root):
    write_trials(root, 1)
    dataset = import_dataset("d", responses=root, part="all", good_units=root, window="5,25")
    array = dataset.recording
    assert not dataset.averaged
    assert array.sizes["presentation"] == len(ORDER) == 2 * N_IMAGES
    # Bin c of a raster starts c - 50 ms after onset.
    counts = RASTER[:, :, PRE + 5 : PRE + 25].sum(axis=2)
    for number in (1, 500, 1072):
        rows = (array["stimulus_id"] == f"{number:04d}").values
        np.testing.assert_array_equal(array.values[rows], counts[:, number == ORDER].T)
        assert array["repetition"].values[rows].tolist() == [0, 1]
    assert dataset.metadata["window_ms"] == [5, 25]


@pytest.mark.parametrize(
    ("bins", "window", "edges"),
    [
        ("10", "-10,40", np.arange(-10, 41, 10)),
        ("file", "30,40", np.arange(30, 41)),
        (45, None, np.array([-50, -5, 40])),
    ],
)
def test_time_bins_of_single_trials_are_kept(root, bins, window, edges):
    write_session(root, 2)
    write_trials(root, 1)
    write_trials(root, 2)
    options = {"responses": root, "part": "localiser", "good_units": root, "quality": "depth < 500"}
    dataset = import_dataset("d", **options, window=window, bins=bins)
    array = dataset.recording
    assert array["time_bin_start"].values.tolist() == edges[:-1].tolist()
    assert array["time_bin_end"].values.tolist() == edges[1:].tolist()
    assert array.attrs["response"] == "counts"
    assert dataset.metadata["window_ms"] == [edges[0], edges[-1]]
    counts = np.stack(
        [RASTER[:2, :, PRE + start : PRE + end].sum(axis=2) for start, end in pairwise(edges)], axis=2
    )
    row = (array["stimulus_id"] == "1010").values
    expected = counts[:, ORDER == 1010].transpose(1, 0, 2)
    np.testing.assert_array_equal(array.values[row], np.concatenate([expected, expected], axis=1))
    if bins == "10":
        direct = import_dataset("e", **options, window="0,30").recording
        part = na.load_dataset("d[window=0:30]").recording
        np.testing.assert_array_equal(part.values, direct.values)


def test_bins_need_single_trials_and_whole_bins(root):
    write_trials(root, 1)
    with pytest.raises(UsageError, match="--bins has no effect without --good-units"):
        import_dataset("d", responses=root, **MEANS, bins=10)
    with pytest.raises(
        UsageError, match=r"--bins 7 must divide the window 0,40 .*choose 1, 2, 4, 5, 8, 10, 20, 40 ms"
    ):
        import_dataset("d", responses=root, part="nsd", good_units=root, window="0,40", bins=7)


def test_single_trials_of_sessions_join_by_image_and_repetition(root):
    write_session(root, 2)
    write_trials(root, 1)
    write_trials(root, 2)
    options = {
        "part": "localiser",
        "good_units": root / "GoodUnit",
        "quality": "depth < 500",
        "window": "0,40",
    }
    array = import_dataset("d", responses=root, **options).recording
    assert array.shape == (2 * 72, 4)
    counts = RASTER[:2, :, PRE : PRE + 40].sum(axis=2)
    row = (array["stimulus_id"] == "1010").values
    np.testing.assert_array_equal(array.values[row], np.tile(counts[:, ORDER == 1010].T, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"depth": DEPTH[::-1]},
            r"other units than the processed file .*: unit 1 lies at 900 µm, .* at 100 µm",
        ),
        ({"numbers": NUMBERS[:-9]}, r"raster of unit 1 .* must have 2,136 trials × 90 ms, got 2144 × 90"),
        ({"numbers": NUMBERS + 0.5}, r"trial_valid_idx .* must hold whole numbers"),
    ],
)
def test_trials_that_do_not_fit_the_units(root, nothing_is_left, change, message):
    write_trials(root, 1, **change)
    with pytest.raises(DatasetError, match=message) as caught:
        import_dataset("d", responses=root, part="nsd", good_units=root, window="0,20")
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_single_trials_need_a_window_and_the_file_of_the_session(root):
    write_trials(root, 2)
    with pytest.raises(DatasetError, match=r"count their spikes in a window with --window"):
        import_dataset("d", responses=root, part="nsd", good_units=root)
    with pytest.raises(DatasetError, match=r"needs one file GoodUnit_240101_…_g0\.mat in .*, found 0"):
        import_dataset("d", responses=root, part="nsd", good_units=root, window="0,20")
    with pytest.raises(UsageError, match="--variable response_best has no effect"):
        import_dataset("d", responses=root, **MEANS, good_units=root, window="0,20")
    write_trials(root, 1)
    with pytest.raises(DatasetError, match=r"no bin .* ends at 500 ms"):
        import_dataset("d", responses=root, part="nsd", good_units=root, window="0,500")


def test_files_keep_their_published_names(root):
    path = next((root / "Processed").iterdir())
    path.rename(path.with_name("session.mat"))
    with pytest.raises(DatasetError, match=r"must be called Processed_ses##_DATE_MONKEY_RUN\.mat"):
        import_dataset("d", responses=path.with_name("session.mat"), **MEANS)


def test_another_session_predicts_the_units(root):
    write_session(root, 2)
    import_dataset("d", responses=root, part="localiser", variable="response_best")
    assert np.isfinite(na.score("neurons:d[session=ses01]", "d[session=ses02]", "ridge[n_folds=3]").value)


def test_the_reader_keeps_the_rules(root):
    check_reader("triple_n", next((root / "Processed").iterdir()), options=MEANS)
