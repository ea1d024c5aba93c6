"""Fixtures that the tests of imports share."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.catalogue import datasets_folder


@pytest.fixture
def faces(tmp_path):
    """A folder with four images: grey levels 0, 10, 20 and 30."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, name in enumerate(["a", "b", "c", "d"]):
        Image.fromarray(np.full((5, 4), 10 * i, dtype=np.uint8)).save(folder / f"face_{name}.png")
    return folder


@pytest.fixture
def zipped():
    """A function that packs the files of a folder into a ZIP archive beside it."""

    def pack(folder):
        path = folder.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"top/{file.name}")
        return path

    return pack


@pytest.fixture
def nothing_is_left():
    """A function that returns whether a failed import left the folder of datasets empty."""
    return lambda: not datasets_folder().exists() or list(datasets_folder().iterdir()) == []
