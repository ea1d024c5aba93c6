"""Time bins that an import keeps: widths, groups of bins of a file, and exact storage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.datasets.formats.binning import (
    compact,
    divide_window,
    expect_bins,
    expect_same_bins,
    group_bins,
    sum_groups,
)
from neuroalign.errors import DatasetError, UsageError

STARTS = np.arange(0, 400, 10)
ENDS = STARTS + 10


def test_bins_are_a_width_or_the_bins_of_the_file():
    assert expect_bins("10") == expect_bins(10) == 10.0
    assert expect_bins("2.5") == 2.5
    assert expect_bins("file") == "file"


@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "ten", "", "10,20", [10], "File"])
def test_other_bins_are_refused(value):
    with pytest.raises(UsageError, match="--bins must be a width in milliseconds, such as 10, or file"):
        expect_bins(value)


def test_a_window_is_divided():
    assert divide_window((-50, 100), 50, "x").tolist() == [-50, 0, 50, 100]
    assert divide_window((0, 1), 0.1, "x").tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    assert divide_window((70, 170), 100, "x").tolist() == [70, 170]


@pytest.mark.parametrize(("width", "others"), [(30, "25 or 33.3333"), (70, "50 or 100"), (101, "100")])
def test_a_width_divides_the_window(width, others):
    with pytest.raises(
        UsageError,
        match=rf"^--bins {width} must divide the window 70,170, which lasts 100 ms; choose another width, such as "
        rf"{others}, or another window$",
    ):
        divide_window((70, 170), width, "x")


def test_spike_times_have_no_bins():
    with pytest.raises(
        UsageError, match=r"--bins file has no effect on x\.nwb, which holds spike times and no bins"
    ):
        divide_window((0, 100), "file", "x.nwb")


def test_bins_of_the_file_are_grouped():
    groups, edges = group_bins(STARTS, ENDS, (80, 140), 20, "x")
    assert [group.tolist() for group in groups] == [[8, 9], [10, 11], [12, 13]]
    assert edges.tolist() == [[80, 100], [100, 120], [120, 140]]
    groups, edges = group_bins(STARTS, ENDS, None, "file", "x")
    assert [group.tolist() for group in groups] == [[index] for index in range(40)]
    np.testing.assert_array_equal(edges, np.stack([STARTS, ENDS], axis=1))
    values = np.arange(40.0)
    np.testing.assert_array_equal(sum_groups(values, group_bins(STARTS, ENDS, None, 200, "x")[0]), [190, 590])


def test_bins_of_unequal_length_in_any_order_are_grouped():
    starts, ends = [30, 0, 10, 40], [40, 10, 30, 60]
    groups, edges = group_bins(starts, ends, None, 30, "x")
    assert [group.tolist() for group in groups] == [[1, 2], [0, 3]]
    assert edges.tolist() == [[0, 30], [30, 60]]
    with pytest.raises(
        UsageError, match=r"must divide the window 0,60 into whole bins of x; choose 30, 60 ms, or file"
    ):
        group_bins(starts, ends, None, 20, "x")


def test_overlapping_bins_of_the_file_are_kept_and_never_joined():
    starts, ends = [0, 50, 100], [100, 150, 200]
    groups, edges = group_bins(starts, ends, (0, 200), "file", "x")
    assert len(groups) == 3
    assert edges.tolist() == [[0, 100], [50, 150], [100, 200]]
    with pytest.raises(DatasetError, match="the time bins of x overlap between 50 and 100 ms"):
        group_bins(starts, ends, (0, 200), 100, "x")


@pytest.mark.parametrize("width", [15, 5, 500, 30, 150])
def test_widths_are_whole_bins_of_the_file(width):
    with pytest.raises(
        UsageError,
        match=rf"--bins {width} must divide the window 0,400 into whole bins of x; choose 10, 20, 40, 50, 80, 100, "
        r"200, 400 ms, or file for the bins of the file",
    ):
        group_bins(STARTS, ENDS, None, width, "x")


def test_windows_start_and_end_at_edges():
    for bins in (20, "file"):
        with pytest.raises(DatasetError, match="no bin of x starts at 5 ms"):
            group_bins(STARTS, ENDS, (5, 105), bins, "x")


@given(st.integers(1, 40), st.integers(1, 12), st.integers(-100, 100), st.sampled_from([0.1, 0.5, 1, 20]))
def test_groups_cover_the_window_once(per_group, n_groups, first, length):
    edges_of_file = (first + np.arange(per_group * n_groups + 1)) * length
    groups, edges = group_bins(edges_of_file[:-1], edges_of_file[1:], None, per_group * length, "x")
    assert np.concatenate(groups).tolist() == list(range(per_group * n_groups))
    assert {len(group) for group in groups} == {per_group}
    np.testing.assert_array_equal(edges[1:, 0], edges[:-1, 1])


def test_storage_is_exact():
    counts = np.array([0.0, 3.0, np.nan, 2.0**24])
    assert compact(counts).dtype == np.float32
    np.testing.assert_array_equal(compact(counts), counts)
    for other in (2.0**24 + 1, 0.1, 1e300):
        assert compact(np.array([other])).dtype == np.float64


def test_files_have_the_same_bins():
    first = np.array([[0.0, 10], [10, 20]])
    expect_same_bins(first, first, "b", "a")
    with pytest.raises(
        DatasetError, match="must have the same time bins: b has 1 from 0 to 10 ms, a has 2 from 0 to 20"
    ):
        expect_same_bins(first[:1], first, "b", "a")
