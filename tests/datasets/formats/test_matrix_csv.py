import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroalign.datasets.formats import matrix_csv
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
    result = read_matrix_csv(written(text))
    np.testing.assert_array_equal(result.values, MATRIX)
    assert result.labels == {}


def test_header(written):
    result = read_matrix_csv(written("n1,n2\n1.5,2\n3,-4e-3\n5,6\n"))
    np.testing.assert_array_equal(result.values, MATRIX)
    assert result.labels[1].tolist() == ["n1", "n2"]
    assert 0 not in result.labels


def test_index(written):
    result = read_matrix_csv(written("a,1.5,2\nb,3,-4e-3\nc,5,6\n"))
    np.testing.assert_array_equal(result.values, MATRIX)
    assert result.labels[0].tolist() == ["a", "b", "c"]
    assert 1 not in result.labels


@pytest.mark.parametrize("corner", ["", "stimulus_id", "stimulus", "Neuroid"])
def test_both(written, corner):
    result = read_matrix_csv(written(f"{corner},n1,n2\na,1.5,2\nb,3,-4e-3\nc,5,6\n"))
    np.testing.assert_array_equal(result.values, MATRIX)
    assert result.labels[0].tolist() == ["a", "b", "c"]
    assert result.labels[1].tolist() == ["n1", "n2"]


def test_one_neuron_or_one_stimulus(written):
    assert read_matrix_csv(written("n1\n1.5\n2\n")).labels[1].tolist() == ["n1"]
    assert read_matrix_csv(written("n1,1.5,2\n")).labels[0].tolist() == ["n1"]


def test_numbers_as_labels_under_a_named_corner(written):
    result = read_matrix_csv(written("stimulus_id,10,20\n7,1.5,2\n8,3,-4e-3\n9,5,6\n"))
    np.testing.assert_array_equal(result.values, MATRIX)
    assert result.labels[0].tolist() == ["7", "8", "9"]
    assert result.labels[1].tolist() == ["10", "20"]


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
    result = read_matrix_csv(written("1,,3\nNA,nan,6\nNaN,null,9\n")).values
    assert np.isnan(result).tolist() == [[False, True, False], [True, True, False], [True, True, False]]


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


@pytest.mark.parametrize("content", [b"1,\x80", b"\xff\xfe1", b"\xfe\xff\xd8\x00\x00,"])
def test_not_text(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
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


# --- labels that could be values


@pytest.mark.parametrize("mark", ["-", "--", ".", "?", "#DIV/0!", "missing", "x"])
@pytest.mark.parametrize(("row", "column"), [(0, 1), (2, 0)])
def test_text_among_numbers_is_not_taken_for_labels(written, mark, row, column):
    cells = [["3.5", "1.25", "2.25"], ["4.5", "1.5", "0.75"], ["1.5", "2.5", "5.0"], ["2.0", "3.0", "4.0"]]
    cells[row][column] = mark
    path = written("\n".join(",".join(line) for line in cells))
    line = "row" if row == 0 else "column"
    message = (
        f"the first {line} of {path} could be labels or values (it holds numbers and {mark!r}); "
        "say which with --csv-labels none|header|index|both"
    )
    with pytest.raises(DatasetError) as caught:
        read_matrix_csv(path)
    assert str(caught.value) == message
    with pytest.raises(DatasetError, match=f"row {row + 1}, column {column + 1} of .* which is not a number"):
        read_matrix_csv(path, "none")


@pytest.mark.parametrize("mark", ["NaN", "nan", "NA", "n/a", "N/A", "#N/A", "null", ""])
@pytest.mark.parametrize(("row", "column"), [(0, 1), (2, 0), (2, 1)])
def test_marks_of_missing_values_stay_values(written, mark, row, column):
    cells = [["3.5", "1.25", "2.25"], ["4.5", "1.5", "0.75"], ["1.5", "2.5", "5.0"], ["2.0", "3.0", "4.0"]]
    cells[row][column] = mark
    result = read_matrix_csv(written("\n".join(",".join(line) for line in cells)))
    assert result.labels == {}
    assert np.argwhere(np.isnan(result.values)).tolist() == [[row, column]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-,2.5,1.5\n4,5,6\n", "row of .* (it starts with '-')"),
        ("NaN,2.5,1.5\n4,5,6\n", "row of .* (it starts with 'NaN')"),
        (",2.5,1.5\n4,5,6\n", "row of .* (its first cell is empty)"),
        ("5,a,b\n1,2,3\n", "row of .* (it starts with '5')"),
        ("x,2.5,1.5\n4,5,6\n", "row of .* (it starts with 'x')"),
        ("image_nr,n1,n2\n12,3.0,4.0\n7,2.0,1.0\n30,5.0,2.0\n", "column of .* (image_nr, 12, 7, …)"),
        ("trial no.,n1\n3,3\n3,2\n", "column of .* (trial no., 3, 3, …)"),
        ("ses,n1,n2\n12,3.5,4.0\n7,2.0,1.0\n30,5.0,2.0\n", "column of .* (ses, 12, 7, …)"),
    ],
)
def test_a_doubtful_first_line_is_asked_about(written, text, why):
    pattern = re.escape(why).replace(r"\.\*", ".*")
    with pytest.raises(DatasetError, match=f"the first {pattern}; say which with --csv-labels"):
        read_matrix_csv(written(text))


def test_the_answer_is_followed(written):
    path = written("image_nr,n1,n2\n12,3.0,4.0\n7,2.0,1.0\n30,5.0,2.0\n")
    result = read_matrix_csv(path, "both")
    assert result.labels[0].tolist() == ["12", "7", "30"]
    assert result.labels[1].tolist() == ["n1", "n2"]
    assert read_matrix_csv(path, "header").labels[1].tolist() == ["image_nr", "n1", "n2"]


def test_counts_of_spikes_below_names_are_values(written):
    result = read_matrix_csv(written("n1,n2\n3,4\n7,1\n5,2\n"))
    assert result.values.tolist() == [[3, 4], [7, 1], [5, 2]]


def test_the_running_numbers_of_pandas_are_labels(written):
    result = read_matrix_csv(written(",0,1,2\n0,5,6,7\n1,5,6,7\n2,1,1,1\n"))
    assert result.values.tolist() == [[5, 6, 7], [5, 6, 7], [1, 1, 1]]
    assert result.labels[0].tolist() == result.labels[1].tolist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        ("stimulus,neuron,response", "stimulus, neuron"),
        ("stimulus_id,neuroid_id,repetition,value", "stimulus_id, neuroid_id, repetition"),
        (",Image,Trial,rate", "Image, Trial"),
    ],
)
def test_long_tables_are_refused(written, header, ids):
    rows = "\n".join(",".join(map(str, [row, row % 3, *[1.5] * (header.count(",") - 1)])) for row in range(9))
    with pytest.raises(
        DatasetError, match=f"with ids in its columns {ids}, not like a matrix; give --format tidy"
    ):
        read_matrix_csv(written(f"{header}\n{rows}\n"))


def test_ids_among_the_responses_are_refused(written):
    with pytest.raises(
        DatasetError, match=r"column stimulus_id of .* looks like ids among the responses; give --format tidy"
    ):
        read_matrix_csv(written("n1,n2,stimulus_id\n1.5,2,3\n2,3,4\n"))


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize(
    ("header", "index"), [(None, False), (["n1", "n2"], False), (["stimulus_id", "n1", "n2"], True)]
)
def test_decimal_comma_between_semicolons_or_tabs(written, delimiter, header, index):
    rows = [["1,5", "2"], ["3", "-4e-3"], ["5", ""]]
    rows = [[f"face{number}", *row] if index else row for number, row in enumerate(rows)]
    text = "\r\n".join(delimiter.join(row) for row in ([header] if header else []) + rows)
    result = read_matrix_csv(written(text))
    np.testing.assert_array_equal(result.values, [[1.5, 2], [3, -0.004], [5, np.nan]])
    assert result.note is not None
    assert result.note.startswith("Commas are decimal marks, as in 1,5: ")
    assert sorted(result.labels) == ([0, 1] if index else [1] if header else [])


def test_labels_keep_their_commas(written):
    result = read_matrix_csv(written("stimulus_id;0,5;1,5\n10,5;1,25;2\n20,5;3;4\n"))
    assert result.labels[0].tolist() == ["10,5", "20,5"]
    assert result.labels[1].tolist() == ["0,5", "1,5"]
    assert result.values.tolist() == [[1.25, 2], [3, 4]]


def test_stated_decimal_comma(written):
    assert read_matrix_csv(written("1,5\n2,25\n-3\n"), decimal=",").values.tolist() == [[1.5], [2.25], [-3]]
    assert read_matrix_csv(written("1,234;5,678\n2,5;1\n"), decimal=",").values.tolist() == [
        [1.234, 5.678],
        [2.5, 1],
    ]
    assert read_matrix_csv(written("1,234;5,678\n9,100;1,200\n"), decimal=",").values[1].tolist() == [
        9.1,
        1.2,
    ]
    result = read_matrix_csv(written("1.5;2\n3;4\n"), decimal=".")
    assert (result.values[0].tolist(), result.note) == ([1.5, 2], None)


@pytest.mark.parametrize(
    ("text", "decimal", "message"),
    [
        (
            "1,234;5,678\n9,100;1,200\n",
            None,
            r"the comma in 1,234 of .* could be a decimal mark or stand between thousa",
        ),
        (
            "1.5;2,5\n3;4\n",
            None,
            r"column 2 of .* holds '2,5', .*; if its comma is a decimal mark, give --decimal ,",
        ),
        ("1.234,5;2\n3,5;4\n", None, r"row 1, column 1 .* holds '1.234,5', which is not a number"),
        (
            "1,5;2\n3.5;4\n",
            ",",
            r"row 2, column 1 .* holds '3.5', a number with a point, but the decimal mark is a co",
        ),
        ("1,2;2\n3;x\n", ",", r"holds 'x', which is not a number"),
        ("1,5,2,5\n", ",", r"holds '1,5,2,5', which is not a number"),
    ],
)
def test_unclear_decimal_marks(written, text, decimal, message):
    with pytest.raises(DatasetError, match=message):
        read_matrix_csv(written(text), labels="none", decimal=decimal)


def test_wrong_decimal_mark(written):
    with pytest.raises(UsageError, match="--decimal must be a point or a comma, got ';'"):
        read_matrix_csv(written("1;2\n"), decimal=";")


@given(values=hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)))
def test_decimal_commas_have_the_values_of_decimal_points(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("decimal", numbered=True) / "x.csv"
    path.write_text("\n".join(";".join(map(repr, map(float, row))) for row in values).replace(".", ","))
    np.testing.assert_array_equal(read_matrix_csv(path, labels="none", decimal=",").values, values)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_encodings_with_a_byte_order_mark(tmp_path, encoding):
    text = "stimulus_id\tn1\tn2\nGesichtä\t1,5\t2\nb\t3\t4\n"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "x.csv").write_bytes((mark + text).encode(encoding))
    result = read_matrix_csv(tmp_path / "x.csv")
    assert result.values.tolist() == [[1.5, 2], [3, 4]]
    assert result.labels[0].tolist() == ["Gesichtä", "b"]


# --- memory


@pytest.mark.parametrize("mark", [".", ","])
def test_text_of_one_row_at_a_time_is_in_memory(written, mark):
    rng = np.random.default_rng(0)
    values = rng.poisson(4, (250, 400)) + 0.25
    values[::7, 3] = np.nan
    lines = [";".join(["id", *(f"n{column}" for column in range(400))])]
    for number, row in enumerate(values.tolist()):
        cells = ["" if np.isnan(value) else str(value).replace(".", mark) for value in row]
        lines.append(";".join([f"s{number}", *cells]))
    path = written("\n".join(lines))
    read_matrix_csv(written("id;n0\ns0;1.5\n", "small.csv"))  # imports modules
    tracemalloc.start()
    result = read_matrix_csv(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result.values, values)
    assert result.labels[0].tolist() == [f"s{number}" for number in range(250)]
    # One row as text takes about 30 kB, and the labels as much.
    assert peak < result.values.nbytes + 300_000


def test_a_file_that_loses_rows_while_it_is_read_is_named(written, monkeypatch):
    path = written("id,n0\ns0,1.5\ns1,2.5\n")

    def find(outline, file):
        file.write_text("id,n0\ns0,1.5\n", encoding="utf-8")
        return True, True

    monkeypatch.setattr(matrix_csv, "find_labels", find)
    with pytest.raises(DatasetError, match=r"x\.csv became shorter while it was read; import it again"):
        read_matrix_csv(path)


def test_numbers_with_blanks_in_between(tmp_path):
    values = np.arange(6.0).reshape(2, 3) / 4
    for name, layout in (("a.txt", "%.18e"), ("b.txt", "%8.2f")):
        np.savetxt(tmp_path / name, values, fmt=layout)
        array = read_matrix_csv(tmp_path / name)
        np.testing.assert_array_equal(array.values, values)
        assert array.labels == {}
    (tmp_path / "c.txt").write_text("1 2\n3 4 5\n")
    with pytest.raises(DatasetError, match=r"row 2 of .*c\.txt has 3 cells, the first has 2"):
        read_matrix_csv(tmp_path / "c.txt")
    (tmp_path / "d.txt").write_text("one two\nthree four\n")
    with pytest.raises(DatasetError, match=r"has no values beside its labels; separate the values by commas"):
        read_matrix_csv(tmp_path / "d.txt")
