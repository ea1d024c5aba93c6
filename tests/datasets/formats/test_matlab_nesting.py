"""Depth of cells in version 5, and sizes that contradict each other."""

import struct

import numpy as np
import pytest
import scipy.io

from neuroalign.datasets.formats.matlab_nesting import MOST_LEVELS, expect_shallow

from .mat_files import cell_array, save_v5


def nested(levels):
    inside = np.ones((2, 3))
    for _ in range(levels):
        inside = cell_array((1, 1), [inside])
    return inside


@pytest.mark.parametrize("compressed", [False, True])
def test_depth(tmp_path, compressed):
    path = tmp_path / "x.mat"
    for levels in (1, MOST_LEVELS):
        scipy.io.savemat(path, {"a": np.ones(3), "c": nested(levels)}, do_compression=compressed)
        expect_shallow(path)
    scipy.io.savemat(path, {"a": np.ones(3), "c": nested(MOST_LEVELS + 1)}, do_compression=compressed)
    with pytest.raises(ValueError, match="nested more than 30 levels deep"):
        expect_shallow(path)


def test_siblings_are_not_nested(tmp_path):
    path = save_v5(tmp_path / "x.mat", c=cell_array((1, 100), [cell_array((1, 1), [np.ones(2)])] * 100))
    expect_shallow(path)


def test_sizes_that_contradict_each_other(tmp_path):
    """A cell that ends before its content could hide the depth."""
    path = save_v5(tmp_path / "x.mat", c=nested(3))
    content = bytearray(path.read_bytes())
    (size,) = struct.unpack_from("<I", content, 132)
    struct.pack_into("<I", content, 132, size - 40)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="ends after"):
        expect_shallow(path)


def test_files_that_matlab_itself_wrote():
    folder = pytest.importorskip("scipy.io.matlab").__path__[0] + "/tests/data"
    path = f"{folder}/testcellnest_7.4_GLNX86.mat"
    try:
        scipy.io.whosmat(path)
    except OSError:
        pytest.skip("SciPy is installed without its test data")
    from pathlib import Path

    expect_shallow(Path(path))
