"""One site of a raster of the Neural Decoding Toolbox, from a CSV or a ``.mat`` file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import Bins, compact, group_bins, sum_groups
from neuroalign.datasets.formats.raster_mat import read_raster_mat
from neuroalign.datasets.time_windows import Window, bins_of_window
from neuroalign.errors import DatasetError, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

_NUMBER = r"-?\d+(?:\.\d+)?"
_TIME = re.compile(rf"time\.(?P<start>{_NUMBER})_(?P<end>{_NUMBER})")


@dataclass(frozen=True)
class RasterSite:
    """Spike counts of one site.

    Parameters
    ----------
    neuroid : str
        Name of the site.
    info : dict of str to str
        Description of the site.
    labels : pandas.DataFrame
        Labels of each trial.
    counts : array of float, shape (n_trials,) or (n_trials, n_kept_bins)
        Spikes in the window, or in each time bin to keep.
    n_bins : int
        Number of time bins in the window.
    onset : str
        Sentence on the stimulus onset, for the user; empty if the file decides it.
    passed_over : tuple of str
        Variables of the file that are not used.
    edges : array of float64, shape (n_kept_bins, 2), optional
        Start and end of the time bins to keep.
    """

    neuroid: str
    info: dict[str, str]
    labels: pd.DataFrame
    counts: NDArray[np.floating[Any]]
    n_bins: int
    onset: str = ""
    passed_over: tuple[str, ...] = ()
    edges: NDArray[np.float64] | None = None


def is_raster_header(line: str) -> bool:
    """Return whether a CSV that starts with this line is a raster."""
    columns = [cell.strip().strip('"') for cell in line.split(",")]
    return any(column.startswith("labels.") for column in columns) and any(map(_TIME.fullmatch, columns))


def read_site(
    name: str, path: Path, window: Window | None, onset: float | None, kept: Bins | None
) -> RasterSite:
    """Count the spikes in the raster of one site.

    Parameters
    ----------
    name : str
        Name of the file, in messages and as the id of the site.
    path : Path
    window : (float, float), optional
        Start and end of the count in milliseconds after stimulus onset; needed.
    onset : float, optional
        Stimulus onset; see :func:`neuroalign.datasets.formats.rasters.read_rasters`.

    kept : float or "file", optional
        Time bins to keep; see :func:`neuroalign.datasets.formats.rasters.read_rasters`.

    Raises
    ------
    DatasetError
        If the file is damaged or is not a raster, the window does not fit it, or the onset is open.
    """
    if path.suffix.lower() == ".mat":
        site = read_raster_mat(path, name, onset)
        bins, groups, edges = _bins_within(site.starts, site.ends, window, kept, name)
        counts = _sum_bins(site.spikes[:, bins], groups)
        return RasterSite(
            Path(name).stem.removesuffix("_raster_data"),
            site.info,
            site.labels,
            counts,
            len(bins),
            site.onset,
            site.passed_over,
            edges,
        )
    return _read_csv(name, path, window, onset, kept)


def _read_csv(
    name: str, file: Path, window: Window | None, onset: float | None, kept: Bins | None
) -> RasterSite:
    import numpy as np
    import pandas as pd

    try:
        header = pd.read_csv(file, nrows=0).columns
        _expect_each_once(file, name)
        times = _times_of(header, name)
        starts, ends = (
            np.array([edges[index] for edges in times.values()]) - (onset or 0) for index in (0, 1)
        )
        names = list(times)
        inside, groups, edges = _bins_within(starts, ends, window, kept, name)
        bins = [names[index] for index in inside]
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
    if onset is None:
        _expect_onset_at_zero(info, name)
    labels = table[[column for column in described if column.startswith("labels.")]]
    counts = _sum_bins(table[bins].to_numpy(), groups)
    finite = np.isfinite(counts).reshape(len(counts), -1).all(axis=1)
    if not finite.all():
        raise DatasetError(
            f"the raster {name} has an empty or infinite cell in row {int(np.argmin(finite)) + 2}"
        )
    labels = labels.rename(columns=lambda column: column.removeprefix("labels."))
    note = (
        "" if onset is None else f"Stimulus onset is at time {onset:g} ms of the rasters (--stimulus-onset)."
    )
    return RasterSite(Path(name).stem, info, labels, counts, len(bins), note, edges=edges)


def _expect_each_once(file: Path, name: str) -> None:
    """Refuse a raster with two columns of one name, which pandas would number."""
    import pandas as pd

    columns = pd.read_csv(file, nrows=1, header=None, dtype=str).iloc[0].dropna()
    repeated = columns[columns.duplicated()]
    if len(repeated):
        raise DatasetError(f"{name} has the column {repeated.iloc[0]} twice; leave one of them out")


def _expect_onset_at_zero(info: Mapping[str, str], name: str) -> None:
    """Refuse a site with a description that puts the stimulus onset at another time than 0."""
    for key, value in info.items():
        if key != "alignment_event_time" and "onset" not in key.lower():
            continue
        try:
            elsewhere = float(value) != 0
        except ValueError:
            continue
        if elsewhere:
            raise DatasetError(
                f"site_info.{key} of {name} is {value}, so that stimulus onset may not be at time 0 of the columns "
                f"time.*: give the onset on the clock of these columns with --stimulus-onset MS (0 or {value})"
            )


def _times_of(header: pd.Index, name: str) -> dict[str, tuple[float, float]]:
    """Return the start and end of the time bin in each column of spikes."""
    matches = ((column, _TIME.fullmatch(column)) for column in header)
    times = {
        column: (float(match["start"]), float(match["end"])) for column, match in matches if match is not None
    }
    if not times:
        raise DatasetError(f"{name} is not a raster: it has no columns time.START_END")
    return times


def _bins_within(
    starts: ArrayLike, ends: ArrayLike, window: Window | None, kept: Bins | None, name: str
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]] | None, NDArray[np.float64] | None]:
    """Return the time bins that cover the window, their places in the bins to keep, and the edges of these."""
    import numpy as np

    edges = np.unique([starts, ends]).tolist()
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
    if kept is None:
        return bins_of_window(starts, ends, (start, end), name), None, None
    groups, edges_of_bins = group_bins(starts, ends, (start, end), kept, name)
    bounds = np.cumsum([0, *map(len, groups)])
    places = [np.arange(first, last) for first, last in pairwise(bounds)]
    return np.concatenate(groups), places, edges_of_bins


def _sum_bins(values: NDArray[Any], groups: list[NDArray[np.int64]] | None) -> NDArray[Any]:
    """Return the spikes of each trial in the window, or in each time bin to keep."""
    counts: NDArray[Any] = values.astype("float64")
    return counts.sum(axis=1) if groups is None else compact(sum_groups(counts, groups))
