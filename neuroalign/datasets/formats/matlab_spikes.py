"""Spike times of a whole session in MATLAB files: a cell array with a vector for each neuron, or a structure array."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import divide_window
from neuroalign.datasets.formats.event_table import (
    BLANK,
    LABEL,
    ONSET,
    USUAL_LABELS,
    USUAL_ONSETS,
    choose_events,
    read_event_table,
)
from neuroalign.datasets.formats.matlab_cells import expect_numbers_in
from neuroalign.datasets.formats.matlab_content import open_matlab
from neuroalign.datasets.formats.matlab_variables import Cells, Content, as_vector, size_of
from neuroalign.datasets.formats.reader import ReaderOption, RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, EVENTS, TIME_UNIT, VARIABLE, WINDOW, seconds_in
from neuroalign.errors import DatasetError, UsageError, name_some, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Part of the names of fields with spike times.
_SPIKES = re.compile(r"spike|spk|times(tamps?)?$|^ts$", re.IGNORECASE)

#: Fields of a structure array that name its neurons, the preferred name first.
_IDS = ("neuroid_id", "neuron_id", "unit_id", "cell_id", "cluster_id", "id", "name", "neuron", "unit", "cell")

_REGION = ("region", "brain_region", "area", "brain_area")
_ANIMAL = ("animal", "subject", "monkey")

EVENTS_VARIABLE = ReaderOption(
    "events_variable",
    "Structure of a MATLAB file with the presentations, in place of --events: fields of equal length, such as onset "
    "and stimulus_id, or a structure array.",
    metavar="NAME",
)


def read_matlab_spikes(path: Path, options: Mapping[str, Any]) -> RecordingParts:
    """Count the spikes of each neuron after each event.

    Parameters
    ----------
    path : Path
    options : mapping of str to object
        Values of the options of :class:`MatlabSpikesReader`.

    Raises
    ------
    DatasetError
        If the file is damaged, holds no spike times, or an option is missing that decides the numbers.
    UsageError
        If both a file and a variable of events are given.
    """
    from neuroalign.datasets.formats.spike_times import stated_window, trials_from_spikes

    with open_matlab(path) as content:
        name = _choose_spikes(content, options["variable"], path)
        cells = content.cells[name]
        source = f"{name} of {path.name}"
        if options["events"] is None and options["events_variable"] is None:
            raise DatasetError(
                f"{source} holds spike times of {len(cells)} neurons: give the onsets of the stimuli with --events "
                "events.csv (columns onset, in seconds, and stimulus_id) or --events-variable NAME, and the window "
                "with --window START,END"
            )
        window = stated_window(options["window"], source)
        seconds, of_unit = seconds_in(options["time_unit"], name)
        if seconds is None:
            raise DatasetError(f"{source} holds spike times: give their unit with --time-unit s|ms")
        table, table_name, events_name = _read_events(content, options, path)
        events, of_events = choose_events(
            table,
            label=options["label"],
            onset=options["onset"],
            blank=options["blank"],
            source=events_name,
            usual_labels=USUAL_LABELS,
            usual_onsets=USUAL_ONSETS,
        )
        ids, columns, described, of_neurons = _describe_neurons(content, name, cells)
        region = next((columns.pop(key) for key in _REGION if key in columns), "unknown")
        animal = next((columns.pop(key) for key in _ANIMAL if key in columns), "unknown")
        parts = trials_from_spikes(
            _trains(cells, name, seconds),
            events,
            window,
            neuroid_id=ids,
            region=region,
            animal=animal,
            neuron_columns=columns,
            source=events_name,
            edges=None if options["bins"] is None else divide_window(window, options["bins"], source),
        )
        used = (name, *described)
        others = [
            other
            for other in (*content.arrays, *content.cells, *content.texts, *content.unreadable)
            if other not in used and not (table_name and other.startswith(f"{table_name}."))
        ]
    notes = [
        f"Neurons are the cells of {source}, {cells.noun} of {size_of(cells.shape)}.",
        *of_unit,
        *of_neurons,
        *([f"Variables passed over: {name_some(others, most=12)}."] if others else []),
    ]
    files = {} if options["events"] is None else {"events": (options["events"],)}
    return replace(parts, notes=(*notes, *of_events, *parts.notes), files=files)


def _choose_spikes(content: Content, variable: str | None, path: Path) -> str:
    """Return the name of the cells with the spike times."""
    candidates = {name: cells for name, cells in content.cells.items() if name not in content.idle}
    if variable is not None:
        if variable not in candidates:
            raise unknown_name(f"cell array of numbers in {path.name}", variable, list(candidates))
        chosen = variable
    else:
        named = [name for name in candidates if _SPIKES.search(name.rpartition(".")[2])] or list(candidates)
        if not named:
            has = name_some([*content.arrays, *content.idle, *content.unreadable]) or "no variable"
            raise DatasetError(
                f"{path} holds no cell array of spike times and no structure array with such a field; it has {has}"
            )
        if len(named) > 1:
            raise DatasetError(
                f"{path} holds several cell arrays: {name_some(named, most=12)}; choose the spike times with "
                "--variable NAME"
            )
        chosen = named[0]
    cells = candidates[chosen]
    if sum(n > 1 for n in cells.shape) > 1:
        raise DatasetError(
            f"{chosen} of {path.name} is {cells.noun} of {size_of(cells.shape)}, with a cell for each trial; give "
            "--format matlab --cells spike-times, and name the axes with --axes"
        )
    return chosen


def _trains(cells: Cells, name: str, seconds: float) -> Iterator[NDArray[Any]]:
    for index in range(len(cells)):
        values = expect_numbers_in(cells, index, name)
        train = as_vector(values)
        if train is None:
            raise DatasetError(
                f"cell {index + 1} of {name} must hold a vector of spike times, got {size_of(values.shape)} numbers"
            )
        yield train.astype("float64") * seconds


def _read_events(
    content: Content, options: Mapping[str, Any], path: Path
) -> tuple[pd.DataFrame, str | None, str]:
    """Return the table of events, the variable that holds it, and its name in messages."""
    events, variable = options["events"], options["events_variable"]
    if events is not None and variable is not None:
        raise UsageError("--events and --events-variable both give the presentations; give one of them")
    if events is not None:
        return read_event_table(events), None, events.name
    return _events_in(content, variable, path), variable, f"{variable} of {path.name}"


def _events_in(content: Content, name: str, path: Path) -> pd.DataFrame:
    """Return the fields of a structure, or of a structure array, as columns."""
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    prefix = f"{name}."
    for field, cells in content.cells.items():
        if field.startswith(prefix):
            values = [_single(cells.read(index)) for index in range(len(cells))]
            if all(value is not None for value in values):
                columns[field.removeprefix(prefix)] = values
    for field, array in content.arrays.items():
        if field.startswith(prefix):
            vector = as_vector(array.read())
            if vector is not None:
                columns[field.removeprefix(prefix)] = vector.tolist()
    if not columns:
        structures = sorted(
            {other.partition(".")[0] for other in (*content.arrays, *content.cells) if "." in other}
        )
        raise unknown_name(f"structure in {path.name}", name, structures)
    lengths = {field: len(values) for field, values in columns.items()}
    most = max(lengths.values())
    kept = {field: values for field, values in columns.items() if len(values) == most}
    return pd.DataFrame(kept)


def _single(value: NDArray[Any] | str) -> Any:
    """Return the number or the text in a cell; None for every other content."""
    if isinstance(value, str):
        return value
    return value.reshape(-1)[0].item() if value.size == 1 else None


def _describe_neurons(
    content: Content, name: str, cells: Cells
) -> tuple[list[str], dict[str, list[Any]], list[str], list[str]]:
    """Return the ids of the neurons, the fields that describe them, the variables with these fields, and notes."""
    structure = name.rpartition(".")[0]
    columns: dict[str, list[Any]] = {}
    if structure and cells.noun != "a cell array":
        for other, held in content.cells.items():
            if other != name and other.rpartition(".")[0] == structure and held.shape == cells.shape:
                values = [_single(held.read(index)) for index in range(len(held))]
                if all(value is not None for value in values):
                    columns[other.rpartition(".")[2]] = values
    described = [f"{structure}.{key}" for key in columns]
    for key in _IDS:
        if key in columns and len(set(map(str, columns[key]))) == len(cells):
            ids = columns.pop(key)
            return (
                list(map(_as_id, ids)),
                columns,
                described,
                [f"Neuron ids are the field {key} of {structure}."],
            )
    width = len(str(len(cells)))
    return (
        [f"{number:0{width}d}" for number in range(1, len(cells) + 1)],
        columns,
        described,
        ["Neuron ids are their position, numbered from 1."],
    )


def _as_id(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


class MatlabSpikesReader(RecordingReader):
    """Reader of spike times of a whole session in MATLAB files; the user names this format."""

    title = "MATLAB cells or structures with spike times of a session"
    options = (EVENTS, EVENTS_VARIABLE, WINDOW, BINS, VARIABLE, TIME_UNIT, LABEL, ONSET, BLANK)
    gives = ("recording", "stimuli")

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count the spikes after each event; see :func:`read_matlab_spikes`."""
        if len(paths) > 1:
            raise UsageError(f"--responses must be one MATLAB file of spike times, got {len(paths)}")
        return read_matlab_spikes(paths[0], options)
