import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroalign.datasets.formats.matrix_csv import read_matrix_csv
from neuroalign.errors import DatasetError, UsageError

MATRIX = [[1.5, 2.0], [3.0, -4e-3], [5.0, 6.0]]


@pytest.fixture
def written(tmp_path):
    def write(text, name="x.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_bare_matrix(written, delimiter):
    text = "\n".join(delimiter.join(map(str, row)) for row in MATRIX)
    found = read_matrix_csv(written(text))
    np.testing.assert_array_equal(found.values, MATRIX)
    assert found.labels == {}


def test_header(written):
    found = read_matrix_csv(written("n1,n2\n1.5,2\n3,-4e-3\n5,6\n"))
    np.testing.assert_array_equal(found.values, MATRIX)
    assert found.labels[1].tolist() == ["n1", "n2"]
    assert 0 not in found.labels


def test_index(written):
    found = read_matrix_csv(written("a,1.5,2\nb,3,-4e-3\nc,5,6\n"))
    np.testing.assert_array_equal(found.values, MATRIX)
    assert found.labels[0].tolist() == ["a", "b", "c"]
    assert 1 not in found.labels


@pytest.mark.parametrize("corner", ["", "stimulus_id", "stimulus", "Neuroid"])
def test_both(written, corner):
    found = read_matrix_csv(written(f"{corner},n1,n2\na,1.5,2\nb,3,-4e-3\nc,5,6\n"))
    np.testing.assert_array_equal(found.values, MATRIX)
    assert found.labels[0].tolist() == ["a", "b", "c"]
    assert found.labels[1].tolist() == ["n1", "n2"]


def test_one_neuron_or_one_stimulus(written):
    assert read_matrix_csv(written("n1\n1.5\n2\n")).labels[1].tolist() == ["n1"]
    assert read_matrix_csv(written("n1,1.5,2\n")).labels[0].tolist() == ["n1"]


def test_numbers_as_labels_under_a_named_corner(written):
    found = read_matrix_csv(written("stimulus_id,10,20\n7,1.5,2\n8,3,-4e-3\n9,5,6\n"))
    np.testing.assert_array_equal(found.values, MATRIX)
    assert found.labels[0].tolist() == ["7", "8", "9"]
    assert found.labels[1].tolist() == ["10", "20"]


def test_numbers_that_could_be_labels_are_asked_about(written):
    path = written("0,1,2\n1.5,2,9\n3,4,8\n")
    with pytest.raises(DatasetError, match=r"first row of .* could be labels or values \(0, 1, 2, …\)"):
        read_matrix_csv(path)
    assert read_matrix_csv(path, "none").values.shape == (3, 3)
    assert read_matrix_csv(path, "header").labels[1].tolist() == ["0", "1", "2"]
    with pytest.raises(DatasetError, match="first column"):
        read_matrix_csv(written("1,4.5\n2,4.5\n3,1.0\n", "y.csv"))
    assert read_matrix_csv(path, "both").values.tolist() == [[2, 9], [4, 8]]
    with pytest.raises(UsageError, match="must be one of none, header, index, both"):
        read_matrix_csv(path, "sideways")


def test_missing_values(written):
    found = read_matrix_csv(written("1,,3\nNA,nan,6\nNaN,null,9\n")).values
    assert np.isnan(found).tolist() == [[False, True, False], [True, True, False], [True, True, False]]


def test_faults_are_located(written):
    with pytest.raises(DatasetError, match=r"row 3, column 2 of .* holds '1;2', which is not a number"):
        read_matrix_csv(written("a,b,c\n1,2,3\n4,1;2,6\n"))
    with pytest.raises(DatasetError, match=r"row 2 of .* has 3 cells, the first has 2"):
        read_matrix_csv(written("1,2\n1,2,3\n"))
    with pytest.raises(DatasetError, match="is empty"):
        read_matrix_csv(written("\n"))
    with pytest.raises(DatasetError, match="has no values"):
        read_matrix_csv(written("a,b\n"))
    with pytest.raises(DatasetError, match=r"label of column 3 of .* is empty"):
        read_matrix_csv(written("id,n1,\na,1,2\n"))


def test_not_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe1\x002\x00")
    with pytest.raises(DatasetError, match="as text"):
        read_matrix_csv(tmp_path / "x.csv")


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(allow_nan=True, allow_infinity=False),
    )
)
def test_numbers_survive_to_the_last_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text("\n".join(",".join(map(repr, row)) for row in values.tolist()))
    np.testing.assert_array_equal(read_matrix_csv(path, "none").values, values)
