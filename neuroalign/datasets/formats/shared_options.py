"""Options that the readers of several formats take."""

from neuroalign.datasets.formats.binning import expect_bins
from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.datasets.time_windows import expect_window

VARIABLE = ReaderOption(
    "variable",
    "Name of the array that holds the responses, in a file with several arrays.",
    metavar="NAME",
)

WINDOW = ReaderOption(
    "window",
    "Time window of the responses in milliseconds: from START to before END, which must be edges of time bins. "
    "Spikes are counted; rates in several time bins are averaged, weighted by the length of the bins.",
    metavar="START,END",
    convert=expect_window,
)

BINS = ReaderOption(
    "bins",
    "Keep time bins of WIDTH milliseconds within the window, or the bins of the file. Names such as "
    "NAME[window=70:170] then select a window of whole bins.",
    metavar="WIDTH|file",
    convert=expect_bins,
)
