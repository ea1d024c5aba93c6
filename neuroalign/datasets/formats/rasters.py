"""Spike rasters of the Neural Decoding Toolbox: a folder or ZIP archive with one CSV for each recorded site.

Each row of a file is a trial. Columns ``site_info.*`` describe the site, columns ``labels.*`` describe the stimulus,
and columns ``time.START_END`` hold the spikes in each time bin, in milliseconds [1]_.

References
----------
.. [1] Meyers, E. M. (2013). The neural decoding toolbox. Frontiers in Neuroinformatics, 7, 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import (
    Bins,
    binned,
    compact,
    describe_kept,
    expect_same_bins,
    group_bins,
    sum_groups,
)
from neuroalign.datasets.formats.delimited_text import first_line
from neuroalign.datasets.formats.reader import (
    ReaderOption,
    RecordingParts,
    RecordingReader,
    names_in_zip,
    split_names,
)
from neuroalign.datasets.formats.shared_options import BINS, WINDOW
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.time_bins import COUNTS
from neuroalign.datasets.time_windows import Window, bins_of_window
from neuroalign.errors import DatasetError, name_some, unknown_name
from neuroalign.files.archives import open_archive, read_member, visible_files
from neuroalign.progress import progress

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray


_NUMBER = r"-?\d+(?:\.\d+)?"
_TIME = re.compile(rf"time\.(?P<start>{_NUMBER})_(?P<end>{_NUMBER})")
_ANIMAL = ("monkey", "animal", "subject")
_REGION = ("region", "brain_area", "area")


@dataclass(frozen=True)
class _Site:
    """Content of one file."""

    neuroid: str
    info: dict[str, str]
    labels: pd.DataFrame
    counts: NDArray[np.floating[Any]]
    edges: NDArray[np.float64] | None


def read_rasters(
    sources: Sequence[Path],
    *,
    window: Window | None,
    stimulus_labels: Sequence[str] | None = None,
    bins: Bins | None = None,
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Count the spikes of each trial and arrange the sites as one recording.

    Parameters
    ----------
    sources : sequence of Path
        CSV files, folders of CSV files, or ZIP archives of CSV files.
    window : (float, float)
        Start and end of the count in milliseconds; spikes at the end are not counted. May be None with `bins`, for
        all time bins of the files.
    stimulus_labels : sequence of str, optional
        Labels, without ``labels.``, that together identify a stimulus. By default all labels; the first label with a
        different value for each stimulus is then the stimulus id.
    bins : float or "file", optional
        Width in milliseconds of the time bins that the recording keeps, or "file" for the bins of the files. By
        default one count for the whole window.

    Returns
    -------
    recording : xarray.DataArray
        Presentations are pairs (stimulus, repetition): the trials of a site count from 0 for each stimulus, and NaN
        stands for a trial that a site lacks. Sites were not recorded together, so equal repetition numbers of two
        sites do not denote one presentation. Counts are float64; counts in time bins are float32 where this is exact.
    stimuli : pandas.DataFrame
        Labels of each stimulus, indexed by stimulus id.

    Raises
    ------
    DatasetError
        If a file is damaged or is not a raster, or the window does not fit it; the message names the file.
    """
    import numpy as np
    import pandas as pd

    from neuroalign.arrays import recording

    sites = [_read_site(name, file, window, bins) for name, file in _open_all(sources)]
    if not sites:
        raise DatasetError(f"no raster CSV in {name_some(sources)}")
    edges = sites[0].edges
    for site in sites:
        if edges is not None and site.edges is not None:
            expect_same_bins(site.edges, edges, site.neuroid, sites[0].neuroid)
    neuroids = _strip_common_prefix([site.neuroid for site in sites])
    trials = pd.concat([site.labels for site in sites], ignore_index=True)
    trials["stimulus_id"] = _stimulus_ids(trials, stimulus_labels)
    trials["neuroid"] = np.repeat(np.arange(len(sites)), [len(site.labels) for site in sites])
    trials["repetition"] = trials.groupby(["neuroid", "stimulus_id"]).cumcount()

    shown = trials[["stimulus_id", "repetition"]].drop_duplicates().sort_values(["stimulus_id", "repetition"])
    presentation = pd.MultiIndex.from_frame(shown)
    row = presentation.get_indexer(pd.MultiIndex.from_frame(trials[["stimulus_id", "repetition"]]))
    of_bins = () if edges is None else (len(edges),)
    dtype = np.result_type(*(site.counts for site in sites))
    values = np.full((len(presentation), len(sites), *of_bins), np.nan, dtype=dtype)
    values[row, trials["neuroid"]] = np.concatenate([site.counts for site in sites])

    info = pd.DataFrame([site.info for site in sites]).fillna("unknown")
    animal = next((info.pop(name) for name in _ANIMAL if name in info), "unknown")
    region = next((info.pop(name) for name in _REGION if name in info), "unknown")
    array = recording(
        values,
        stimulus_id=shown["stimulus_id"],
        repetition=shown["repetition"],
        neuroid_id=neuroids,
        animal=animal,
        region=region,
        **binned(edges, COUNTS),
    )
    array = array.assign_coords(
        {name: ("neuroid", column.to_numpy().astype(str)) for name, column in info.items()}
    )
    return array, _stimulus_table(trials)


def is_raster_header(line: str) -> bool:
    """Return whether a CSV that starts with this line is a raster."""
    columns = [cell.strip().strip('"') for cell in line.split(",")]
    return any(column.startswith("labels.") for column in columns) and any(map(_TIME.fullmatch, columns))


def _open_all(sources: Sequence[Path]) -> Iterator[tuple[str, IO[bytes]]]:
    """Open each CSV in folders, archives and lists of files in turn."""
    with ExitStack() as stack:
        for source in sources:
            if source.is_dir():
                files = sorted(path for path in source.rglob("*.csv") if not path.name.startswith("."))
                for path in progress(files, description=f"reading {source.name}", unit="site"):
                    with path.open("rb") as file:
                        yield path.name, file
            elif source.suffix.lower() == ".zip":
                archive = stack.enter_context(open_archive(source))
                members = visible_files(archive, (".csv",))
                for member in progress(members, description=f"reading {source.name}", unit="site"):
                    yield PurePosixPath(member.filename).name, BytesIO(read_member(archive, member))
            else:
                with source.open("rb") as file:
                    yield source.name, file


def _read_site(name: str, file: IO[bytes], window: Window | None, kept: Bins | None) -> _Site:
    import numpy as np
    import pandas as pd

    try:
        header = pd.read_csv(file, nrows=0).columns
        file.seek(0)
        bins, groups, edges = _bins_within(header, window, kept, name)
        described = [column for column in header if column.startswith(("site_info.", "labels."))]
        if not any(column.startswith("labels.") for column in described):
            raise DatasetError(f"{name} has no column labels.*, so the stimulus of its trials is unknown")
        types = dict.fromkeys(described, str) | dict.fromkeys(bins, np.float64)
        table = pd.read_csv(
            file,
            usecols=[*described, *bins],
            dtype=types,
            keep_default_na=False,
            na_values=dict.fromkeys(bins, ""),
        )
    except (ValueError, UnicodeDecodeError) as error:  # a DatasetError is a ValueError
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"cannot read the raster {name}: {error}") from error
    if table.empty:
        raise DatasetError(f"the raster {name} has no trials")
    info = {}
    for column in (column for column in described if column.startswith("site_info.")):
        values = table[column].unique()
        if len(values) > 1:
            raise DatasetError(f"{column} of {name} must be the same in all rows, got {name_some(values)}")
        info[column.removeprefix("site_info.")] = str(values[0])
    labels = table[[column for column in described if column.startswith("labels.")]]
    of_bins = table[bins].to_numpy()
    counts: NDArray[Any] = of_bins.sum(axis=1) if groups is None else compact(sum_groups(of_bins, groups))
    finite = np.isfinite(counts).reshape(len(counts), -1).all(axis=1)
    if not finite.all():
        raise DatasetError(
            f"the raster {name} has an empty or infinite cell in row {int(np.argmin(finite)) + 2}"
        )
    labels = labels.rename(columns=lambda column: column.removeprefix("labels."))
    return _Site(Path(name).stem, info, labels, counts, edges)


def _bins_within(
    header: pd.Index, window: Window | None, kept: Bins | None, name: str
) -> tuple[list[str], list[NDArray[np.int64]] | None, NDArray[np.float64] | None]:
    """Return the columns of the time bins that lie in the window, and their places in the bins to keep."""
    import numpy as np

    matches = ((column, _TIME.fullmatch(column)) for column in header)
    bins = {column: tuple(map(float, match.groups())) for column, match in matches if match is not None}
    if not bins:
        raise DatasetError(f"{name} is not a raster: it has no columns time.START_END")
    edges = sorted({edge for pair in bins.values() for edge in pair})
    covered = f"{name} covers {edges[0]:g} to {edges[-1]:g} ms"
    if window is None and kept is None:
        raise DatasetError(
            f"rasters need the window in which to count spikes: --window START,END ({covered}); --bins WIDTH keeps "
            "time bins within it"
        )
    start, end = window or (edges[0], edges[-1])
    for edge in (start, end):
        if edge not in edges:
            nearest = min(edges, key=lambda other: abs(other - edge))
            raise DatasetError(
                f"the window {start:g},{end:g} does not start and end at time bins: {covered}, "
                f"and the edge nearest to {edge:g} is {nearest:g}"
            )
    names, (starts, ends) = list(bins), zip(*bins.values(), strict=True)
    if kept is None:
        return [names[index] for index in bins_of_window(starts, ends, (start, end), name)], None, None
    groups, edges_of_bins = group_bins(starts, ends, (start, end), kept, name)
    used = np.concatenate(groups)
    bounds = np.cumsum([0, *map(len, groups)])
    places = [np.arange(first, last) for first, last in pairwise(bounds)]
    return [names[index] for index in used], places, edges_of_bins


def _stimulus_ids(trials: pd.DataFrame, chosen: Sequence[str] | None) -> pd.Series:
    """Name the stimulus of each trial after its labels."""
    labels = list(trials.columns)
    if chosen is not None:
        for name in chosen:
            if name not in labels:
                raise unknown_name("label", name, labels)
    absent = trials[list(chosen or labels)].isna().any()
    if absent.any():
        raise DatasetError(f"not all rasters have the label {name_some(list(absent.index[absent]))}")
    if chosen is None:
        stimuli = trials.drop_duplicates()
        naming = next(([label] for label in labels if stimuli[label].is_unique), labels)
    else:
        naming = list(chosen)
    return trials[naming].astype(str).agg("_".join, axis=1)


def _stimulus_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the labels that are the same in all trials of a stimulus."""
    import pandas as pd

    labels = trials.drop(columns=["neuroid", "repetition"]).set_index("stimulus_id")
    table = describe_each_stimulus(labels)[0].sort_index()
    for name in table:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if numbers.notna().all() and (numbers.astype(str) == table[name]).all():
            table[name] = numbers
    return table


def _strip_common_prefix(names: list[str]) -> list[str]:
    """Remove "raster_data_", which the toolbox writes before the name of every site."""
    prefix = "raster_data_"
    return (
        [name.removeprefix(prefix) for name in names]
        if all(map(str.startswith, names, [prefix] * len(names)))
        else names
    )


#: Number of CSV files in a folder that recognition looks at.
_FILES_LOOKED_AT = 5


class RasterReader(RecordingReader):
    """Reader of the rasters of the Neural Decoding Toolbox."""

    title = "rasters of the Neural Decoding Toolbox: folder, archive or files"
    suffixes = (".zip",)
    options = (
        WINDOW,
        BINS,
        ReaderOption(
            "stimulus_labels",
            'Labels, without "labels.", that together identify a stimulus. By default all labels.',
            metavar="LABEL[,LABEL]",
            convert=split_names,
        ),
    )
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a folder holds rasters, an archive holds CSV files, or a text file is a raster."""
        if path.is_dir():
            return any(self.recognises(file) for file in islice(path.rglob("*.csv"), _FILES_LOOKED_AT))
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            with suppress(DatasetError):
                return is_raster_header(first_line(path))
            return False
        return any(name.lower().endswith(".csv") for name in names_in_zip(path))

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count spikes in the window; see :func:`read_rasters`."""
        window, labels, bins = options["window"], options["stimulus_labels"], options["bins"]
        array, stimuli = read_rasters(paths, window=window, stimulus_labels=labels, bins=bins)
        window, notes = describe_kept(array, window)
        return RecordingParts(array, averaged=False, stimuli=stimuli, window=window, notes=notes)
