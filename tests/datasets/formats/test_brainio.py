"""Files that brainio wrote open here, and files that neuroalign wrote open by the steps of brainio's loader.

brainio 1.1.0 wrote the three files in ``brainio_files`` under xarray 2022.3. Its loader also opened the files that
``write_brainio`` writes for all four real recordings. brainio needs an older xarray than neuroalign, so the tests
follow the steps of its loader with the present xarray.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.formats.assembly import read_brainio, write_brainio
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.selection import select_window
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, UsageError

FILES = Path(__file__).parent / "brainio_files"


def as_dataset(array, **metadata):
    ids = np.unique(array["stimulus_id"].values)
    stimuli = StimulusSet("lab.Stimuli", pd.DataFrame(index=pd.Index(ids)))
    return Dataset(identifier="lab.Cells2024", recording=array, stimuli=stimuli, metadata=metadata)


def load_as_brainio_does(path):
    """One data variable; then all coordinates of a dimension become its index."""
    array = xr.open_dataarray(path, engine="h5netcdf").load()
    along = {dim: [str(n) for n, c in array.coords.items() if c.dims == (dim,)] for dim in array.dims}
    assert all(len(names) >= 2 for names in along.values())
    return array.set_index(along)


def test_file_with_dimensions_in_another_order():
    array, table = read_brainio(FILES / "full.nc")
    assert array.dims == ("presentation", "neuroid", "time_bin")
    np.testing.assert_array_equal(array.values[..., 0], np.arange(12.0).reshape(4, 3))
    assert array["stimulus_id"].values.tolist() == ["b", "a", "b", "a"]
    assert array["repetition"].values.tolist() == [0, 0, 1, 1]
    assert array["neuroid_id"].values.tolist() == ["n2", "n0", "n1"]
    assert array["region"].values.tolist() == ["V4", "IT", "IT"]
    assert array["animal"].values.tolist() == ["x", "y", "y"]
    assert array["row"].values.tolist() == [1, 2, 3]
    assert array["time_bin_end"].values.tolist() == [170]
    assert table["object"].to_dict() == {"b": "car", "a": "cat"}
    assert array.attrs == {"averaged": False, "identifier": "lab.Test2024", "stimulus_set": "lab.Stimuli"}


def test_file_with_lone_coordinates():
    array, table = read_brainio(FILES / "lone.nc")
    assert array["stimulus_id"].values.tolist() == ["d", "c", "b", "a"]
    assert array["neuroid_id"].values.tolist() == ["n2", "n0", "n1"]
    assert array.attrs["averaged"]
    assert table.index.tolist() == ["d", "c", "b", "a"]


def test_file_with_image_id_and_a_lone_time_bin():
    array, _ = read_brainio(FILES / "lone_time.nc")
    assert array["stimulus_id"].values.tolist() == ["b", "a", "b", "a"]
    assert "image_id" not in array.coords
    assert array["time_bin_start"].values.tolist() == [70]


def write_any(path, *, coords, dims=("presentation", "neuroid"), shape=(4, 3), engine="h5netcdf", name="x"):
    array = xr.DataArray(np.arange(float(np.prod(shape))).reshape(shape), dims=dims, coords=coords, name=name)
    array.to_netcdf(path, engine=engine)
    return path


STIMULI = ("presentation", ["b", "a", "b", "a"])
NEUROIDS = ("neuroid", ["n2", "n0", "n1"])


def test_dimension_coordinates_are_ids_too(tmp_path):
    path = write_any(tmp_path / "x.nc", coords={"presentation": list("dcba"), "neuroid": ["u", "v", "w"]})
    array, _ = read_brainio(path)
    assert array["stimulus_id"].values.tolist() == ["d", "c", "b", "a"]
    assert array["neuroid_id"].values.tolist() == ["u", "v", "w"]


def test_repetitions_that_do_not_tell_trials_apart_are_counted_again(tmp_path):
    coords = {"stimulus_id": STIMULI, "neuroid_id": NEUROIDS, "repetition": ("presentation", [0, 0, 0, 0])}
    array, _ = read_brainio(write_any(tmp_path / "x.nc", coords=coords))
    assert array["repetition"].values.tolist() == [0, 0, 1, 1]


def test_what_differs_between_trials_stays_with_the_trials(tmp_path):
    coords = {
        "stimulus_id": STIMULI,
        "neuroid_id": NEUROIDS,
        "latency": ("presentation", [1.0, 2.0, 3.0, 4.0]),
    }
    array, table = read_brainio(write_any(tmp_path / "x.nc", coords=coords))
    assert array["latency"].values.tolist() == [1, 2, 3, 4]
    assert table.columns.tolist() == []


def test_classic_netcdf(tmp_path):
    coords = {"stimulus_id": STIMULI, "neuroid_id": NEUROIDS}
    array, _ = read_brainio(write_any(tmp_path / "x.nc", coords=coords, engine="scipy"))
    assert array["stimulus_id"].values.tolist() == ["b", "a", "b", "a"]


def test_faults(tmp_path):
    path = tmp_path / "x.nc"
    with pytest.raises(DatasetError, match="does not have neuroid ids: expected one of the coordinates"):
        read_brainio(write_any(path, coords={"stimulus_id": STIMULI}))
    with pytest.raises(DatasetError, match="does not have stimulus ids"):
        read_brainio(write_any(path, coords={"neuroid_id": NEUROIDS}))
    with pytest.raises(
        DatasetError,
        match=r"must have the dimensions presentation, neuroid and optionally time_bin, got event, neuroid",
    ):
        read_brainio(write_any(path, coords={}, dims=("event", "neuroid")))
    xr.Dataset({"a": ("x", [1]), "b": ("x", [1])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(DatasetError, match="must hold one data variable, got a, b"):
        read_brainio(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n rubbish")
    with pytest.raises(DatasetError, match="cannot read the netCDF file"):
        read_brainio(path)
    path.write_bytes(b"CDF\x01 rubbish")
    with pytest.raises(DatasetError, match="cannot read the netCDF file"):
        read_brainio(path)


def test_written_files_have_the_documented_layout(tmp_path):
    array = arrays.recording(
        np.arange(6.0).reshape(3, 2), stimulus_id=["b", "a", "b"], neuroid_id=["n0", "n1"], region="IT"
    )
    write_brainio(as_dataset(array, licence="CC0", window_ms=[80, 340]), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as opened:
        assert list(opened.data_vars) == ["data"]
        assert opened.attrs["identifier"] == "lab.Cells2024"
        assert opened.attrs["stimulus_set_identifier"] == "lab.Stimuli"
        assert opened.attrs["licence"] == "CC0"
        assert not set(opened.coords) & set(opened.dims)
    loaded = load_as_brainio_does(tmp_path / "x.nc")
    assert loaded.dims == ("presentation", "neuroid", "time_bin")
    assert loaded.sel(stimulus_id="b").sel(neuroid_id="n1").values.tolist() == [[[1.0]], [[5.0]]]
    assert loaded.indexes["time_bin"].tolist() == [(80, 340)]


def test_lone_time_coordinate_gets_company(tmp_path):
    array = arrays.recording(
        np.zeros((1, 2, 3)),
        stimulus_id=["a"],
        neuroid_id=["m", "n"],
        time_bin={"time_bin_start": [0, 10, 20]},
    )
    write_brainio(as_dataset(array), tmp_path / "x.nc")
    assert load_as_brainio_does(tmp_path / "x.nc")["time_bin_start"].values.tolist() == [0, 10, 20]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@st.composite
def recordings_of_any_kind(draw):
    n_neuroids = draw(st.integers(1, 4))
    neuroid_id = draw(st.lists(TEXT, min_size=n_neuroids, max_size=n_neuroids, unique=True))
    stimulus_id = draw(st.lists(TEXT, min_size=1, max_size=6))
    n_bins = draw(st.sampled_from([None, 1, 3]))
    shape = (len(stimulus_id), n_neuroids) + (() if n_bins is None else (n_bins,))
    values = draw(
        st.lists(
            st.floats(allow_infinity=False, width=32),
            min_size=int(np.prod(shape)),
            max_size=int(np.prod(shape)),
        )
    )
    bins = (
        None
        if n_bins is None
        else {"time_bin_start": np.arange(n_bins), "time_bin_end": np.arange(n_bins) + 1}
    )
    return arrays.recording(
        np.array(values, dtype=draw(st.sampled_from([np.float32, np.float64]))).reshape(shape),
        stimulus_id=stimulus_id,
        neuroid_id=neuroid_id,
        region=draw(st.lists(TEXT, min_size=n_neuroids, max_size=n_neuroids)),
        animal=draw(TEXT),
        time_bin=bins,
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(recordings_of_any_kind())
def test_round_trip(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("brainio") / "x.nc"
    write_brainio(as_dataset(array), path)
    imported, _ = read_brainio(path)
    xr.testing.assert_identical(imported.drop_attrs(), array.drop_attrs())
    assert imported.dtype == array.dtype
    load_as_brainio_does(path)


@pytest.fixture
def assembly(dataset, tmp_path):
    write_brainio(dataset, tmp_path / "x.nc")
    return tmp_path / "x.nc"


def test_brainio(assembly, dataset):
    imported = import_dataset("d", responses=assembly)
    np.testing.assert_array_equal(imported.trials, dataset.trials)
    assert imported.responses["neuroid"].values.tolist() == dataset.responses["neuroid"].values.tolist()
    assert imported.stimuli.identifier == "toy"
    with pytest.raises(
        UsageError, match="--region IT contradicts the responses: 12 of 12 neurons have the region AM"
    ):
        import_dataset("e", responses=assembly, region="IT")
    assert set(import_dataset("e", responses=assembly, region="am").recording["region"].values) == {"am"}
    with pytest.raises(UsageError, match="--axes has no effect on responses in the format brainio"):
        import_dataset("f", responses=assembly, axes="neuroid,stimulus")
    with pytest.raises(UsageError, match="--responses must be one BrainIO file, got 2"):
        import_dataset("f", responses=[assembly, assembly])


def test_brainio_time_bins(dataset, tmp_path):
    from dataclasses import replace

    base = dataset.recording
    bins = {"time_bin_start": ("time_bin", [0, 50, 100]), "time_bin_end": ("time_bin", [50, 100, 150])}
    array = base.expand_dims(time_bin=3, axis=2).copy().assign_coords(bins)
    array.values[...] = base.values[..., None] * np.array([1.0, 10.0, 20.0])
    write_brainio(replace(dataset, recording=array), tmp_path / "x.nc")
    with pytest.raises(
        DatasetError, match="has 3 time bins from 0 to 150 ms; average some of them with --window"
    ):
        import_dataset("d", responses=tmp_path / "x.nc")
    with pytest.raises(DatasetError, match=r"no bin of .* starts at 10 ms; bins start at 0, 50, 100 ms"):
        import_dataset("d", responses=tmp_path / "x.nc", window=(10, 60))
    imported = import_dataset("d", responses=tmp_path / "x.nc", window=(50, 150))
    np.testing.assert_allclose(imported.recording.values, 15 * base.values, rtol=1e-12)
    assert imported.metadata["window_ms"] == [50, 150]
    assert imported.recording.dims == ("presentation", "neuroid")


def binned_file(dataset, path, edges, attrs=None, factors=(1.0, 10.0, 20.0, 40.0)):
    """Write an assembly with the responses of a dataset times a factor in each bin."""
    from dataclasses import replace

    factors = np.array(factors[: len(edges) - 1])
    array = dataset.recording.expand_dims(time_bin=len(factors), axis=2).copy()
    array.values[...] = dataset.recording.values[..., None] * factors
    array = array.assign_coords(
        time_bin_start=("time_bin", list(edges[:-1])), time_bin_end=("time_bin", list(edges[1:]))
    ).assign_attrs(attrs or {})
    write_brainio(replace(dataset, recording=array), path)
    return path


@pytest.mark.slow
def test_brainio_keeps_bins(dataset, tmp_path):
    path = binned_file(dataset, tmp_path / "x.nc", [0, 50, 100, 150, 200])
    base = dataset.recording.values
    binned = import_dataset("binned", responses=path, bins="file")
    np.testing.assert_array_equal(binned.recording.values, base[..., None] * [1, 10, 20, 40])
    assert binned.metadata["notes"][-2:] == [
        "The recording keeps the responses in 4 time bins from 0 to 200 ms, of 50 ms; scores need a window of whole "
        "bins, such as [window=0:50] after the name of the dataset.",
        "x.nc does not say whether the values in its time bins are counts or rates: taken as rates.",
    ]
    direct = import_dataset("direct", responses=path, window=(50, 200))
    assert select_window(binned, (50, 200)).content_hash == direct.content_hash
    wide = import_dataset("wide", responses=path, bins=100, window=(0, 200))
    np.testing.assert_allclose(wide.recording.values, base[..., None] * [5.5, 30], rtol=1e-12)
    assert wide.recording["time_bin_end"].values.tolist() == [100, 200]
    counts = import_dataset("counts", responses=path, bins=100, bin_values="counts")
    np.testing.assert_allclose(counts.recording.values, base[..., None] * [11, 60], rtol=1e-12)
    np.testing.assert_allclose(select_window(counts, (0, 200)).recording.values, 71 * base, rtol=1e-12)
    summed = import_dataset("summed", responses=path, window=(0, 200), bin_values="counts")
    np.testing.assert_allclose(summed.recording.values, 71 * base, rtol=1e-12)
    assert (
        summed.metadata["notes"][-1] == "4 time bins from 0 to 200 ms were summed: their values are counts."
    )


def test_bins_of_unequal_length_need_their_kind(dataset, tmp_path):
    path = binned_file(dataset, tmp_path / "x.nc", [0, 50, 150])
    with pytest.raises(
        DatasetError,
        match=r"time bins of .* last 50 to 100 ms: say whether windows sum or average them with --bin-values",
    ):
        import_dataset("d", responses=path, bins="file")
    base = dataset.recording.values
    for kind, factor in (("counts", 11), ("rates", (50 + 1000) / 150)):
        binned = import_dataset(kind, responses=path, bins="file", bin_values=kind)
        np.testing.assert_allclose(
            select_window(binned, (0, 150)).recording.values, factor * base, rtol=1e-12
        )


@pytest.mark.slow
def test_export_keeps_bins_and_their_kind(dataset, tmp_path):
    path = binned_file(dataset, tmp_path / "x.nc", [0, 50, 150])
    binned = import_dataset("binned", responses=path, bins="file", bin_values="counts")
    write_brainio(binned, tmp_path / "y.nc")
    loaded = load_as_brainio_does(tmp_path / "y.nc")
    assert loaded.indexes["time_bin"].tolist() == [(0, 50), (50, 150)]
    again = import_dataset("again", responses=tmp_path / "y.nc", bins="file")
    assert again.recording_hash == binned.recording_hash
    assert again.recording.attrs["response"] == "counts"
    write_brainio(select_window(binned, (0, 150)), tmp_path / "z.nc")
    assert load_as_brainio_does(tmp_path / "z.nc").indexes["time_bin"].tolist() == [(0, 150)]


def test_options_of_bins_without_bins(dataset, assembly, tmp_path):
    for option, value in (("bins", 10), ("bin_values", "counts")):
        flag = f"--{option.replace('_', '-')}"
        with pytest.raises(
            UsageError, match=f"does not give the times of its responses, so {flag} has no effect"
        ):
            import_dataset("d", responses=assembly, **{option: value})
        one = binned_file(dataset, tmp_path / f"{option}.nc", [70, 170])
        with pytest.raises(UsageError, match=f"has one time bin from 70 to 170 ms, so {flag} has no effect"):
            import_dataset("d", responses=one, **{option: value})
    three = binned_file(dataset, tmp_path / "x.nc", [0, 50, 100, 150])
    with pytest.raises(DatasetError, match="with --window START,END, or keep them with --bins file"):
        import_dataset("d", responses=three)
    with pytest.raises(UsageError, match=r"--bins 75 must divide .* choose 50, 150 ms, or file"):
        import_dataset("d", responses=three, bins=75)
