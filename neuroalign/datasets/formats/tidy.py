"""Tables of responses or spikes with named columns: CSV, Parquet, Feather and Excel workbooks."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import divide_window
from neuroalign.datasets.formats.delimited_text import delimiter_of, first_line
from neuroalign.datasets.formats.event_table import (
    BLANK,
    LABEL,
    ONSET,
    USUAL_LABELS,
    USUAL_ONSETS,
    choose_events,
    read_event_table,
)
from neuroalign.datasets.formats.matrix_csv import DECIMAL
from neuroalign.datasets.formats.raster_sites import is_raster_header
from neuroalign.datasets.formats.reader import RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, EVENTS, TIME_UNIT, WINDOW, seconds_in
from neuroalign.datasets.formats.tables import header_of, table_kind
from neuroalign.datasets.formats.tidy_columns import (
    COLUMNS,
    NEURON_COLUMNS,
    Columns,
    choose_columns,
    looks_tidy,
)
from neuroalign.datasets.formats.tidy_files import Table, open_table
from neuroalign.datasets.formats.tidy_rows import TableSource
from neuroalign.errors import DatasetError, UsageError, name_some

if TYPE_CHECKING:
    import pandas as pd

#: Options that go with a table of spikes only.
_OF_SPIKES = ("window", "bins", "time_unit", "label", "onset", "blank")


def read_tidy(paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
    """Read a table of responses or spikes, in one file or in several files with the same columns.

    Parameters
    ----------
    paths : sequence of Path
    options : mapping of str to object
        Values of the options of :class:`TidyReader`.

    Returns
    -------
    RecordingParts
        See :func:`neuroalign.datasets.formats.tidy_long.read_long`,
        :func:`neuroalign.datasets.formats.tidy_tables.read_wide` and
        :func:`neuroalign.datasets.formats.spike_times.trials_from_spikes`.

    Raises
    ------
    DatasetError
        If a file cannot be read, the meaning of a column is open, or rows contradict each other.
    UsageError
        If an option does not fit the table.
    """
    from neuroalign.datasets.formats.tidy_long import read_long
    from neuroalign.datasets.formats.tidy_tables import read_wide

    files = [open_table(path, options["decimal"]) for path in paths]
    source = paths[0].name if len(paths) == 1 else f"the {len(paths)} tables"
    for file in files[1:]:
        if set(file.names) != set(files[0].names):
            different = sorted(set(file.names) ^ set(files[0].names))
            raise DatasetError(
                f"{file.path} and {files[0].path} must have the same columns, differ in {name_some(different)}"
            )
    columns = choose_columns(
        files[0].names,
        [name for name in files[0].names if all(name in file.numeric for file in files)],
        source,
        stated=options["columns"],
        patterns=options["neuron_columns"],
        with_events=options["events"] is not None,
    )
    if columns.shape != "spikes":
        for name in _OF_SPIKES:
            if options[name] is not None:
                raise UsageError(
                    f"--{name.replace('_', '-')} has no effect without --events, the onsets of a table of spikes; "
                    "leave it out"
                )
    numbers = [*columns.roles.get("response", ()), *columns.roles.get("time", ()), *columns.neurons]
    table = Table(files)
    notes = tuple(dict.fromkeys(file.note for file in files if file.note is not None))
    if columns.shape == "spikes":
        ids = [name for name in files[0].names if name not in numbers]
        parts = _count(table.read(ids, numbers), columns, table.source, options)
    else:
        parts = (read_long if columns.shape == "long" else read_wide)(table, columns)
    return replace(parts, notes=(*notes, *parts.notes))


def _count(
    table: pd.DataFrame, columns: Columns, source: TableSource, options: Mapping[str, Any]
) -> RecordingParts:
    """Count the spikes of each neuron after each event."""
    from neuroalign.datasets.formats.spike_times import stated_window, trials_from_spikes
    from neuroalign.datasets.formats.tidy_tables import neuron_labels, neuron_trains

    window = stated_window(options["window"], str(source))
    (name,) = columns.roles["time"]
    seconds, of_unit = seconds_in(options["time_unit"], name)
    if seconds is None:
        raise DatasetError(f"{source} holds spike times: give the unit of {name} with --time-unit s|ms")
    path: Path = options["events"]
    events, of_events = choose_events(
        read_event_table(path),
        label=options["label"],
        onset=options["onset"],
        blank=options["blank"],
        source=path.name,
        usual_labels=USUAL_LABELS,
        usual_onsets=USUAL_ONSETS,
    )
    trains, ids, described, notes = neuron_trains(table, columns, seconds, source)
    region, animal, labels = neuron_labels(described)
    parts = trials_from_spikes(
        trains,
        events,
        window,
        neuroid_id=ids,
        region=region,
        animal=animal,
        neuron_columns=labels,
        source=path.name,
        edges=None if options["bins"] is None else divide_window(window, options["bins"], str(source)),
    )
    return replace(parts, notes=(*notes, *of_unit, *of_events, *parts.notes), files={"events": (path,)})


class TidyReader(RecordingReader):
    """Reader of tables with one row for each response, trial or spike."""

    title = "table with columns of neurons, stimuli and trials"
    suffixes = (".parquet", ".feather", ".xlsx")
    options = (COLUMNS, NEURON_COLUMNS, DECIMAL, EVENTS, WINDOW, BINS, TIME_UNIT, LABEL, ONSET, BLANK)
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a file is text, Parquet, Feather or a workbook with a header of ids; a matrix is not."""
        if path.is_dir():
            return False
        if table_kind(path) != "text":
            names = header_of(path)
            return names is None or looks_tidy(names)
        if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
            return False
        with suppress(DatasetError):
            line = first_line(path)
            names = next(csv.reader([line], delimiter=delimiter_of(path)), [])
            return not is_raster_header(line) and looks_tidy([name.strip() for name in names])
        return False

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read a table; see :func:`read_tidy`."""
        return read_tidy(paths, options)
