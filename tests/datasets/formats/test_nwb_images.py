"""Images in NWB files that pynwb writes: series of frames, indexed images, and images with names."""

import datetime

import h5py
import numpy as np
import pytest

from neuroalign.datasets.formats.nwb_tables import find_objects
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import UsageError

pynwb = pytest.importorskip("pynwb")
from pynwb.base import ImageReferences, Images  # noqa: E402
from pynwb.image import GrayscaleImage, IndexSeries, OpticalSeries  # noqa: E402

ONSETS = np.array([1.0, 2.0, 3.0, 4.0])
SHOWN = np.array([1, 0, 1, 0])
"""Number of the picture at each onset; the stimulus is called pNUMBER."""
GREY = np.random.default_rng(0).integers(0, 255, (2, 40, 50), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 255, (2, 40, 50, 3), dtype=np.uint8)


def write(path, *, series=(), templates=()):
    session = pynwb.NWBFile("a session", "id", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    spikes = np.concatenate(
        [onset + 0.1 + 0.001 * np.arange(1 + number) for onset, number in zip(ONSETS, SHOWN, strict=True)]
    )
    session.add_unit(spike_times=spikes)
    session.add_trial_column("picture", "the picture")
    session.add_trial_column("phase", "half of the session")
    for onset, number in zip(ONSETS, SHOWN, strict=True):
        session.add_trial(
            start_time=onset, stop_time=onset + 0.2, picture=f"p{number}", phase=f"h{int(onset > 3)}"
        )
    for container in templates:
        session.add_stimulus_template(container)
    for shown in series:
        session.add_stimulus(shown)
    with pynwb.NWBHDF5IO(path, "w") as file:
        file.write(session)
    return path


def frames(pictures, **changes):
    arguments = {
        "name": "Shown",
        "data": pictures[SHOWN],
        "timestamps": ONSETS + 0.004,
        "orientation": "lower left",
    }
    arguments |= {"format": "raw", "unit": "m", "field_of_view": [0.2, 0.3, 0.7], "distance": 0.7}
    return OpticalSeries(**arguments | changes)


def add(path, label="picture", **options):
    return import_dataset("d", responses=path, label=label, window=(50, 200), force=True, **options)


def pixels(dataset, name):
    return np.asarray(dataset.stimuli.open(name))


def test_frames_of_a_series_belong_to_the_onsets(tmp_path):
    path = write(tmp_path / "x.nwb", series=[frames(COLOUR)])
    dataset = add(path)
    for number in (0, 1):
        np.testing.assert_array_equal(pixels(dataset, f"p{number}"), COLOUR[number])
    assert dataset.metadata["notes"][-1] == (
        "Images are the frames of Shown, with rows first and colours in the order rgb (--color-order bgr for the "
        "reverse)."
    )
    reverse = add(path, color_order="bgr")
    np.testing.assert_array_equal(pixels(reverse, "p1"), COLOUR[1, :, :, ::-1])
    assert reverse.metadata["notes"][-1].endswith("colours in the order bgr.")


def test_stimuli_with_several_images_have_no_image(tmp_path):
    path = write(tmp_path / "x.nwb", series=[frames(COLOUR)])
    with pytest.raises(UsageError, match="--color-order has no effect"):
        add(path, label="phase", color_order="bgr")
    assert add(path, label="phase").metadata["notes"][-1] == (
        "Images in the file were passed over: stimulus h0 has different images in Shown; choose another --label."
    )


def test_times_and_shapes_that_do_not_fit_are_passed_over(tmp_path):
    late = write(tmp_path / "x.nwb", series=[frames(GREY, timestamps=ONSETS + 0.3)])
    dataset = add(late)
    assert not dataset.stimuli.has_images
    assert dataset.metadata["notes"][-1] == (
        "Images in the file were passed over: the images of Shown are up to 0.3 s away from the onsets."
    )
    wide = write(tmp_path / "y.nwb", series=[frames(GREY.astype(np.int16))])
    assert "images must be uint8" in add(wide).metadata["notes"][-1]


def test_index_series(tmp_path):
    pictures = [GrayscaleImage(name=name, data=data) for name, data in zip("ab", GREY, strict=True)]
    # The order of the references, not the order of the names, gives the numbers.
    order = ImageReferences(name="order_of_images", data=[pictures[1], pictures[0]])
    container = Images(name="scenes", images=pictures, order_of_images=order)
    index = IndexSeries(
        name="index", data=np.uint32(SHOWN), unit="N/A", indexed_images=container, timestamps=ONSETS
    )
    other = IndexSeries(
        name="another", data=np.uint32([0, 1]), unit="N/A", indexed_images=container, timestamps=[80.0, 90.0]
    )
    dataset = add(write(tmp_path / "x.nwb", series=[other, index], templates=[container]))
    np.testing.assert_array_equal(pixels(dataset, "p0"), GREY[1])
    np.testing.assert_array_equal(pixels(dataset, "p1"), GREY[0])
    assert dataset.metadata["notes"][-1] == "Images are chosen by the series index, with rows first."


def test_images_with_the_names_of_the_stimuli(tmp_path):
    pictures = [GrayscaleImage(name=f"p{number}", data=GREY[number]) for number in (1, 0)]
    dataset = add(write(tmp_path / "x.nwb", templates=[Images(name="scenes", images=pictures)]))
    np.testing.assert_array_equal(pixels(dataset, "p1"), GREY[1])
    assert dataset.metadata["notes"][-1] == "Images are named like the stimuli, with rows first."
    pictures = [GrayscaleImage(name=f"q{number}", data=GREY[number]) for number in (0, 1)]
    dataset = add(write(tmp_path / "y.nwb", templates=[Images(name="scenes", images=pictures)]))
    assert not dataset.stimuli.has_images
    assert "no image is called p1, as a stimulus is; the first image is q0" in dataset.metadata["notes"][-1]


def test_single_images_of_a_file_are_not_open_at_once(tmp_path):
    with h5py.File(tmp_path / "x.nwb", "w") as file:
        for number in range(30):
            node = file.create_dataset(f"templates/{number}", data=np.zeros((4, 5), np.uint8))
            node.attrs["neurodata_type"] = "GrayscaleImage"
        file.create_group("units").attrs["neurodata_type"] = "Units"
    with h5py.File(tmp_path / "x.nwb") as file:
        objects = find_objects(file)
        assert h5py.h5f.get_obj_count(file.id, h5py.h5f.OBJ_DATASET) == 0
        assert [place.name for place in objects["GrayscaleImage"]] == sorted(
            f"/templates/{number}" for number in range(30)
        )
        assert objects["GrayscaleImage"][7].open().shape == (4, 5)
        assert objects["Units"] == [file["units"]]
