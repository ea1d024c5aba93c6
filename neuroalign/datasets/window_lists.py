"""Lists of time windows as text: single windows, evenly spaced windows, or every time bin of a recording."""

from collections.abc import Sequence
from itertools import pairwise

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import bin_edges, windows_of
from neuroalign.datasets.time_windows import Window, bins_of_window, expect_window
from neuroalign.errors import UsageError

#: Word for the windows of all time bins.
BINS = "bins"
_EXAMPLES = "50:70,70:90 (windows), 0:400:20 (start, end and width) or bins (each time bin)"
# Rounding of start and end in units of the width.
_ROUNDING = 1e-6
# More windows than any recording has bins are a slip.
_MOST = 10_000


def list_windows(dataset: Dataset, windows: str | Sequence[Window]) -> list[Window]:
    """Return the windows that a text or a sequence names, in the order of time.

    Parameters
    ----------
    dataset : Dataset
        Dataset with time bins.
    windows : str or sequence of (float, float)
        Windows in milliseconds. Text is ``bins`` for each time bin of the recording, or a list with commas of windows
        ``start:end`` and of evenly spaced windows ``start:end:width``.

    Returns
    -------
    list of (float, float)
        Start and end of each window, by start and then by end.

    Raises
    ------
    UsageError
        If the dataset has no time bins, the text names no windows, or a window occurs twice.
    DatasetError
        If time bins do not cover a window exactly once.

    Examples
    --------
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=40, n_neurons=5, time_bins=[0, 50, 100, 150, 200])
    >>> list_windows(dataset, "50:150,0:200:100")
    [(0.0, 100.0), (50.0, 150.0), (100.0, 200.0)]
    >>> list_windows(dataset, "bins")
    [(0.0, 50.0), (50.0, 100.0), (100.0, 150.0), (150.0, 200.0)]
    """
    edges = bin_edges(dataset.recording)
    if "time_bin" not in dataset.recording.dims:
        raise UsageError(
            f"windows need a recording with time bins, and {dataset.identifier} has one response to each stimulus; "
            "import the recording with --bins"
        )
    if isinstance(windows, str) and windows.strip() == BINS:
        return windows_of(dataset)
    named = _parse(windows) if isinstance(windows, str) else [expect_window(window) for window in windows]
    if not named:
        raise UsageError(f"windows must be {_EXAMPLES}, got none")
    for window in named:
        if named.count(window) > 1:
            raise UsageError(f"the window {window[0]:g}:{window[1]:g} is given twice; give each window once")
        if edges is not None:
            bins_of_window(edges[:, 0], edges[:, 1], window, dataset.identifier)
    return sorted(named)


def _parse(text: str) -> list[Window]:
    windows: list[Window] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        try:
            numbers = [float(number) for number in item.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) == 2:
            windows.append(expect_window((numbers[0], numbers[1])))
        elif len(numbers) == 3:
            windows += _even(*numbers)
        else:
            raise UsageError(f"windows must be {_EXAMPLES}, got {item!r}")
    return windows


def _even(start: float, end: float, width: float) -> list[Window]:
    """Return neighbouring windows of one width."""
    start, end = expect_window((start, end))
    count = (end - start) / width if width > 0 else 0.0
    if not (0.5 < count < _MOST and abs(count - round(count)) <= _ROUNDING):
        raise UsageError(
            f"the width of {start:g}:{end:g}:{width:g} must divide the time from {start:g} to {end:g} ms; "
            "change the width or the end"
        )
    edges = [start + index * width for index in range(round(count))] + [end]
    # Sums of decimals have digits that nobody writes.
    edges = [float(f"{edge:.10g}") for edge in edges]
    return list(pairwise(edges))
