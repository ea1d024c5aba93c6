"""Neurodata Without Borders (NWB 2): units with spike times, and tables of presentations, in HDF5."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import divide_window
from neuroalign.datasets.formats.event_table import BLANK, LABEL, ONSET, choose_events
from neuroalign.datasets.formats.hdf5 import writer_of
from neuroalign.datasets.formats.nwb_images import COLOR_ORDER, find_images
from neuroalign.datasets.formats.nwb_tables import (
    column_names,
    find_objects,
    member,
    ragged_bounds,
    read_table,
    text_of,
    values_of,
)
from neuroalign.datasets.formats.reader import ReaderOption, RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, WINDOW
from neuroalign.datasets.formats.unit_quality import QUALITY, choose_units
from neuroalign.datasets.formats.whole_folders import advice_on_parent
from neuroalign.errors import DatasetError, NeuroalignError, UsageError, brief, name_some, unknown_name
from neuroalign.files.hdf5 import expect_plausible_size, is_hdf5, open_hdf5

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Columns of the units that name the region of a neuron, in the order in which they count.
_REGION = ("region", "brain_region", "brain_area", "location", "area")

#: Columns of presentations that may be the onset of the stimulus in place of the start of the interval.
_ONSETS = re.compile(r"on_?time|onset", re.IGNORECASE)

INTERVALS = ReaderOption(
    "intervals",
    "Table of an NWB file that has one row for each presentation; needed if the file has several.",
    metavar="NAME",
)


@dataclass(frozen=True)
class _Units:
    """Units of a file: their columns, and the places of their spike times."""

    group: Any
    table: pd.DataFrame
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    notes: list[str]


def read_nwb(path: Path, options: Mapping[str, Any]) -> RecordingParts:
    """Count the spikes of each unit after each presentation.

    Parameters
    ----------
    path : Path
    options : mapping of str to object
        Values of the options of :class:`NwbReader`; None for an option that is not given.

    Raises
    ------
    UnknownNameError
        If the file has no table, column or label of a name that the user gave.
    DatasetError
        If the file is damaged or has no spike times, or a choice is open: the message lists the candidates.
    """
    try:
        with open_hdf5(path) as file:
            return _read(file, path, options)
    except NeuroalignError:
        raise
    except Exception as error:  # the library raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the NWB file {path}: {brief(error)}") from error


def _read(file: Any, path: Path, options: Mapping[str, Any]) -> RecordingParts:
    import numpy as np

    from neuroalign.datasets.formats.spike_times import SpikeSpan, stated_window, trials_from_spikes

    objects = find_objects(file)
    units = _read_units(file, objects, path)
    intervals = _choose_intervals(objects, options["intervals"], path)
    name = intervals.name.rsplit("/", 1)[-1]
    table, passed_over = read_table(intervals)
    if not options["onset"]:
        _expect_one_onset(table, name)
    events, notes = choose_events(
        table.reset_index(drop=True),
        label=options["label"],
        onset=options["onset"],
        blank=options["blank"],
        source=name,
        usual_labels=("stimulus_id", "image_id", "stim_id"),
        usual_onsets=("start_time",),
    )
    window = stated_window(options["window"], str(path))
    bins = options["bins"]
    edges = None if bins is None else divide_window(window, bins, str(path))
    chosen, of_quality = choose_units(units.table, options["quality"], path.name)
    spike_times = member(units.group, "spike_times")
    expect_plausible_size(spike_times)

    def trains() -> Iterator[NDArray[np.float64]]:
        for row in np.flatnonzero(chosen):
            yield spike_times[units.starts[row] : units.ends[row]].astype(np.float64)

    firing = np.flatnonzero(units.ends > units.starts)
    if not len(firing):
        raise DatasetError(f"the units of {path} have no spikes")
    # Spikes of a unit are usually in order, but the format does not ask for it.
    first, last = np.inf, -np.inf
    for row in firing:
        train = spike_times[units.starts[row] : units.ends[row]]
        first, last = min(first, float(np.fmin.reduce(train))), max(last, float(np.fmax.reduce(train)))
    span = SpikeSpan(first, last, int((units.ends - units.starts).sum()))
    kept = units.table[chosen]
    subject = file.get("general/subject/subject_id")
    animal = "unknown" if subject is None else text_of(subject[()])
    parts = trials_from_spikes(
        trains(),
        events,
        window,
        neuroid_id=kept.index.to_numpy().astype(str),
        region=kept["region"].to_numpy(),
        animal=animal,
        neuron_columns={str(column): kept[column].to_numpy() for column in kept if column != "region"},
        span=span,
        source=name,
        edges=edges,
    )
    if passed_over:
        notes.append(
            f"Columns of {name} without one value in each row were passed over: {name_some(passed_over)}."
        )
    images, of_images = find_images(parts.recording, objects, options["color_order"])
    if images is None and options["color_order"]:
        raise UsageError(f"--color-order has no effect: no images of {path} were taken; leave it out")
    all_notes = (*units.notes, *of_quality, *notes, *parts.notes, *of_images)
    return replace(parts, images=images, notes=all_notes)


def _read_units(file: Any, objects: Mapping[str, Sequence[Any]], path: Path) -> _Units:
    """Find the units with spike times, and their regions."""
    groups = [group for group in objects.get("Units", []) if "spike_times" in group]
    if not groups:
        types = sorted(set(objects) - {"VectorData", "VectorIndex", "ElementIdentifiers", "NWBFile"})
        raise DatasetError(
            f"{path} has no Units with spike_times; it has objects of the types {name_some(types, most=20) or 'none'}"
        )
    group = next((group for group in groups if group.name == "/units"), groups[0])
    others = [other.name for other in groups if other.name != group.name]
    table, passed_over = read_table(group, without=("spike_times", "electrodes"))
    starts, ends = ragged_bounds(group, "spike_times")
    if len(starts) != len(table):
        raise DatasetError(f"{group.name} of {path} has {len(table)} units, and spike times of {len(starts)}")
    notes = [f"Neurons are the units of {group.name[1:]}."]
    if others:
        notes.append(f"Other units were passed over: {name_some(others)}.")
    if passed_over:
        notes.append(
            f"Columns of the units without one value in each row were passed over: {name_some(passed_over)}."
        )
    regions, note = _regions(file, group, table, objects)
    return _Units(group, table.assign(region=regions), starts, ends, [*notes, note])


def _regions(
    file: Any, group: Any, table: pd.DataFrame, objects: Mapping[str, Sequence[Any]]
) -> tuple[NDArray[Any], str]:
    """Return the region of each unit, and a note on its origin."""
    import numpy as np
    import pandas as pd

    unknown = np.full(len(table), "unknown", dtype=object)
    for name in _REGION:
        if name in table:
            return table[name].fillna("unknown").astype(
                str
            ).to_numpy(), f"Regions are the column {name} of the units."
    electrodes = _electrodes(file, group, objects)
    if electrodes is None or "location" not in column_names(electrodes):
        return unknown, "The file does not name the regions of its units."
    locations = values_of(member(electrodes, "location")).astype(object)
    if "electrodes" in group:
        rows = values_of(member(group, "electrodes")).astype(np.int64)
        starts, ends = ragged_bounds(group, "electrodes")
        if len(starts) != len(table) or (len(rows) and not (rows.min() >= 0 and rows.max() < len(locations))):
            raise DatasetError(f"{group.name}/electrodes does not fit the table of electrodes")
        several = 0
        for unit, (start, end) in enumerate(zip(starts, ends, strict=True)):
            names = list(dict.fromkeys(locations[rows[start:end]]))
            if names:
                unknown[unit] = names[0] or "unknown"
            several += len(names) > 1
        of_several = (
            f"; {several} units have electrodes in several, of which the first counts" if several else ""
        )
        return unknown, f"Regions are the locations of the electrodes of each unit{of_several}."
    if "peak_channel_id" in table:
        location_of = pd.Series(locations, index=values_of(member(electrodes, "id")))
        location_of = location_of[~location_of.index.duplicated()]
        regions = table["peak_channel_id"].map(location_of).replace("", np.nan).fillna("unknown")
        return regions.to_numpy(dtype=object), (
            "Regions are the locations of the electrodes with the ids in peak_channel_id."
        )
    return (
        unknown,
        "The file does not say which electrodes its units have, so that their regions are unknown.",
    )


def _electrodes(file: Any, group: Any, objects: Mapping[str, Sequence[Any]]) -> Any | None:
    """Return the table of electrodes, to which the units refer where they do."""
    if "electrodes" in group and "table" in group["electrodes"].attrs:
        return file[group["electrodes"].attrs["table"]]
    tables = [*objects.get("ElectrodesTable", []), *objects.get("DynamicTable", [])]
    return next((table for table in tables if table.name.endswith("/electrodes")), None)


def _choose_intervals(objects: Mapping[str, Sequence[Any]], stated: str | None, path: Path) -> Any:
    tables = {
        node.name.lstrip("/"): node
        for nodes in objects.values()
        for node in nodes
        if hasattr(node, "keys") and "colnames" in node.attrs and "start_time" in node
    }
    short = {name.rsplit("/", 1)[-1]: node for name, node in tables.items()}
    if len(short) < len(tables):
        short = tables
    if not short:
        raise DatasetError(
            f"{path} has no table of presentations (TimeIntervals with start_time), so that the stimuli are unknown"
        )
    if stated is not None:
        if stated.lstrip("/") not in tables and stated not in short:
            raise unknown_name(f"table of presentations in {path.name}", stated, short)
        return short.get(stated) or tables[stated.lstrip("/")]
    if len(short) > 1:
        listed = [f"{name} ({node['start_time'].shape[0]:,} rows)" for name, node in short.items()]
        raise DatasetError(
            f"{path} has {len(short)} tables of presentations: choose one with --intervals NAME; there are: "
            f"{name_some(listed, most=20)}"
        )
    return next(iter(short.values()))


def _expect_one_onset(table: pd.DataFrame, name: str) -> None:
    """Ask for the onset where another column has onsets that differ from the start of the interval."""
    import numpy as np

    start = table["start_time"].to_numpy()
    others = [
        column
        for column in map(str, table.columns)
        if _ONSETS.search(column)
        and table[column].dtype.kind in "fiu"
        and not np.allclose(table[column], start, rtol=0, atol=1e-6, equal_nan=True)
    ]
    if others:
        raise DatasetError(
            f"the onset of the stimulus may be start_time or {' or '.join(others)} of {name}, which differ: choose "
            f"with --onset start_time|{'|'.join(others)}"
        )


class NwbReader(RecordingReader):
    """Reader of NWB files."""

    title = "Neurodata Without Borders (NWB 2, HDF5) with spike times"
    suffixes = (".nwb",)
    options = (INTERVALS, LABEL, ONSET, BLANK, WINDOW, BINS, QUALITY, COLOR_ORDER)
    gives = ("recording", "stimuli", "images")

    def recognises(self, path: Path) -> bool:
        """Return whether the root of an HDF5 file is an NWBFile."""
        return is_hdf5(path) and writer_of(path) == "nwb"

    def advice(self, path: Path) -> str:
        """Return advice on a folder with NWB files."""
        return advice_on_parent(path, lambda file: file.suffix == ".nwb" and file.is_file(), "NWB file")

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count the spikes after each presentation; see :func:`read_nwb`."""
        if len(paths) > 1:
            raise UsageError(f"--responses must be one NWB file, got {len(paths)}; add each session alone")
        if paths[0].is_dir():
            raise DatasetError(self.advice(paths[0]) or f"{paths[0]} must be an NWB file, got a folder")
        return read_nwb(paths[0], options)
