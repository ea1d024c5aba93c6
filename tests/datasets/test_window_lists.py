import pytest

from neuroalign.datasets.window_lists import list_windows
from neuroalign.errors import DatasetError, UsageError
from neuroalign.testing import make_time_course


@pytest.fixture(scope="module")
def course():
    return make_time_course(signal=[0, 1, 1, 0], bin_width=25)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("bins", [(0, 25), (25, 50), (50, 75), (75, 100)]),
        ("50:100", [(50, 100)]),
        (" 50:100 , 0:50,", [(0, 50), (50, 100)]),
        ("0:100:50", [(0, 50), (50, 100)]),
        ("0:100:25,0:100", [(0, 25), (0, 100), (25, 50), (50, 75), (75, 100)]),
    ],
)
def test_texts(course, text, windows):
    assert list_windows(course, text) == windows


def test_pairs(course):
    assert list_windows(course, [(50, 100), (0, 25)]) == [(0, 25), (50, 100)]


def test_decimals_stay_short():
    course = make_time_course(signal=[0, 1, 1], bin_width=0.1)
    assert list_windows(course, "0:0.3:0.1") == [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3)]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("0:100:30", UsageError, r"the width of 0:100:30 must divide the time from 0 to 100 ms"),
        ("0:100:-25", UsageError, r"the width of 0:100:-25 must divide"),
        ("0:100:0", UsageError, r"the width of 0:100:0 must divide"),
        ("0:1e9:1e-3", UsageError, r"must divide"),
        ("bin", UsageError, r"windows must be 50:70,70:90 .* got 'bin'"),
        ("1:2:3:4", UsageError, r"got '1:2:3:4'"),
        ("nan:50", UsageError, r"must start before it ends"),
        ("50:0", UsageError, r"must start before it ends"),
        (",", UsageError, r"got none"),
        ("0:50,0:50", UsageError, r"the window 0:50 is given twice"),
        ("10:50", DatasetError, r"no bin of course starts at 10 ms"),
        ("0:200", DatasetError, r"no bin of course ends at 200 ms"),
    ],
)
def test_texts_that_cannot_be(course, text, error, message):
    with pytest.raises(error, match=message):
        list_windows(course, text)


def test_a_recording_without_bins(dataset):
    with pytest.raises(
        UsageError, match="windows need a recording with time bins, and single has one response"
    ):
        list_windows(dataset, "bins")
