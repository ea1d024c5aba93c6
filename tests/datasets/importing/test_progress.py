"""Progress bars of an import: every long step has one, and each reaches its end."""

import h5py
import numpy as np
import pytest
import tqdm
from PIL import Image

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.files import hdf5


@pytest.fixture
def bars(monkeypatch):
    """Names of the bars, with the numbers that they reached and the totals."""
    reached = {}

    class Bar(tqdm.tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **options | {"disable": False, "delay": 1e9})
            reached[self.desc] = self

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    return reached


def test_long_steps_of_an_import_have_bars(tmp_path, bars, monkeypatch):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(30):
        pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number:02d}.png")
    values = rng.poisson(4, (30, 50)).astype(np.float32)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("r", data=values, chunks=(7, 11), compression="gzip")
    monkeypatch.setattr(hdf5, "MANY_BYTES", 0)
    dataset = import_dataset(
        "d",
        responses=tmp_path / "x.h5",
        format="hdf5",
        axes="stimulus,neuroid",
        images=tmp_path / "images",
    )
    np.testing.assert_array_equal(dataset.recording.values, values)
    for step in ("checking images", "comparing images", "writing images"):
        assert (bars[step].n, bars[step].total) == (30, 30), step
    for step in ("reading x.h5", "checking the recording"):
        assert (bars[step].n, bars[step].total) == (values.nbytes, values.nbytes), step
    of_files = bars["checksums of the files"]
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert of_files.n == of_files.total == sum(sizes)
