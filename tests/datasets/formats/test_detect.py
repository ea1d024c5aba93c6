"""Recognition of the format of a file, by the registered readers."""

import numpy as np
import pytest

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    DatasetError,
    NeuroalignError,
    UnknownNameError,
    UsageError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


def test_formats_that_cannot_be_told(tmp_path):
    (tmp_path / "x.xyz").write_bytes(b"rubbish")
    with pytest.raises(DatasetError, match=r"cannot recognise the format of .*x\.xyz; name it with --format"):
        import_dataset("d", responses=tmp_path / "x.xyz", axes="neuroid,stimulus")
    (tmp_path / "x.xyz").write_text("1,2\n4,3\n")
    imported = import_dataset("d", responses=tmp_path / "x.xyz", axes="neuroid,stimulus", format="csv")
    assert imported.responses.values.tolist() == [[1, 4], [2, 3]]
    with pytest.raises(UnknownNameError, match="no format is called 'matlb'; did you mean matlab"):
        import_dataset("e", responses=tmp_path / "x.xyz", format="matlb")
    with pytest.raises(DatasetError, match="does not exist"):
        import_dataset("e", responses=tmp_path / "absent.npy")
    (tmp_path / "empty.npy").touch()
    with pytest.raises(DatasetError, match="is empty"):
        import_dataset("e", responses=tmp_path / "empty.npy")
    with pytest.raises(UsageError, match=r"a path, several paths, a NumPy array, .* got int"):
        import_dataset("e", responses=5, axes="neuroid,stimulus")


@pytest.mark.parametrize("suffix", [".mat", ".npy", ".npz", ".nc", ".zip", ".csv"])
def test_rubbish_of_any_kind_is_one_line(nothing_is_left, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for content in (b"\x00\x01\x02" * 50, b"PK\x03\x04" + bytes(50), b"\x89HDF\r\n\x1a\n" + bytes(600)):
        path.write_bytes(content)
        with pytest.raises(NeuroalignError) as caught:
            import_dataset("d", responses=path, axes="neuroid,stimulus" if suffix != ".nc" else None)
        assert "\n" not in str(caught.value)
    assert nothing_is_left()
