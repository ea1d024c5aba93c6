"""Pixels, sizes and bytes of images in files and in memory."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.image_sources import as_pixels, bytes_of, length_of, open_image, read_batch, size_of
from neuroalign.errors import DatasetError

PIXELS = np.array([[0, 51, 255], [102, 204, 153]], dtype=np.uint8)
"""2 rows × 3 columns."""


@pytest.fixture
def file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def test_a_file_and_an_array_give_the_same_pixels(file):
    sources = {"file": file, "array": PIXELS}
    batch = read_batch(sources, ["file", "array", "file"])
    assert batch.dtype == np.float32
    assert batch.shape == (3, 2, 3)
    assert (batch == PIXELS.astype(np.float32) / np.float32(255)).all()
    assert (read_batch(sources, ["array"], mirrored=True)[0] == batch[0][:, ::-1]).all()
    assert read_batch(sources, ["file"], channels=3).shape == (1, 2, 3, 3)
    assert read_batch(sources, ["file", "array"], size=5).shape == (2, 5, 5)


def test_batches_of_several_sizes_are_refused(file):
    sources = {"a": file, "b": PIXELS.T.copy()}
    with pytest.raises(DatasetError) as caught:
        read_batch(sources, ["a", "b"])
    assert str(caught.value) == "images must have one size, got (2, 3), (3, 2); give a size"


def test_sizes_and_bytes(file):
    assert size_of(file, "s") == size_of(PIXELS, "s") == (3, 2)
    assert bytes_of(file, "s") == file.read_bytes()
    with Image.open(BytesIO(bytes_of(PIXELS, "s"))) as image:
        assert image.format == "PNG"
        assert (np.asarray(image) == PIXELS).all()
    assert length_of(PIXELS, "s") == "array (2, 3)"
    assert length_of(file, "s") == f"file {file.stat().st_size}"


@pytest.mark.parametrize("read", [open_image, size_of, bytes_of, length_of])
def test_a_missing_file_is_named_by_its_stimulus(read, tmp_path):
    with pytest.raises(DatasetError, match=r"^cannot read the image of stimulus 'face_7': "):
        read(tmp_path / "absent.png", "face_7")


def test_floats_are_rounded_to_the_nearest_level():
    assert as_pixels(np.array([[[0.0, 0.5, 1.0]]])).tolist() == [[[0, 128, 255]]]
