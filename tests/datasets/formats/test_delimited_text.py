import pytest

from neuroalign.datasets.formats.delimited_text import delimiter_of, first_line
from neuroalign.errors import DatasetError


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b;c,d\n1;2;3", ","),
        ("a;b;c,d", ";"),
        ("a\tb\tc,d", "\t"),
        ("a", ","),
        ('1,5;2,5;"3,5"', ";"),
        ("1,5\t2,5", "\t"),
        ("face;1,face", ","),
    ],
)
def test_the_most_frequent_delimiter_of_the_first_line_counts(tmp_path, text, delimiter):
    (tmp_path / "x.csv").write_text(text)
    assert delimiter_of(tmp_path / "x.csv") == delimiter


def test_the_first_line_has_no_byte_order_mark_and_no_line_end(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert first_line(tmp_path / "x.csv") == "a,b"
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"cannot read .*x\.csv as text"):
        first_line(tmp_path / "x.csv")
