"""BrainIO netCDF files, the file format of Brain-Score."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroalign.datasets.formats.hdf5 import has_dimensions_of_brainio, writer_of
from neuroalign.datasets.formats.reader import ReaderOption, RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, WINDOW
from neuroalign.datasets.time_bins import COUNTS, RATES
from neuroalign.errors import UsageError
from neuroalign.files.hdf5 import is_hdf5

BIN_VALUES = ReaderOption(
    "bin_values",
    "Kind of the values in time bins: counts, which a window sums, or rates (the default), which it averages.",
    choices=(COUNTS, RATES),
)


class BrainioReader(RecordingReader):
    """Reader of BrainIO data assemblies."""

    title = "BrainIO netCDF, as of Brain-Score"
    suffixes = (".nc",)
    signatures = (b"CDF",)
    options = (WINDOW, BINS, BIN_VALUES)
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether the file is netCDF-4 with the dimensions presentation and neuroid."""
        return is_hdf5(path) and writer_of(path) == "netcdf" and has_dimensions_of_brainio(path)

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read an assembly, and average or keep its time bins; see :mod:`neuroalign.datasets.formats.assembly`."""
        if len(paths) > 1:
            raise UsageError(f"--responses must be one BrainIO file, got {len(paths)}")
        from neuroalign.datasets.formats.assembly import choose_bins, read_brainio

        array, stimuli = read_brainio(paths[0])
        averaged = bool(array.attrs["averaged"])
        chosen, window, notes = choose_bins(
            array, options["window"], paths[0], bins=options["bins"], values=options["bin_values"]
        )
        return RecordingParts(chosen, averaged, stimuli, window=window, notes=tuple(notes))
