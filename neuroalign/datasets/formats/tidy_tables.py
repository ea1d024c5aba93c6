"""Tables with one row for each trial or spike, and the recording that is made from any table of responses."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.reader import RecordingParts
from neuroalign.datasets.formats.tidy_columns import Columns, plain
from neuroalign.datasets.formats.tidy_rows import (
    TableSource,
    codes_of,
    describe_columns,
    expect_one_place,
    expect_single_rows,
    plain_labels,
)
from neuroalign.datasets.formats.trial_table import attach_columns, describe_each_stimulus
from neuroalign.errors import DatasetError, count_noun, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from neuroalign.datasets.formats.tidy_files import Table

_REGION = ("region", "brainregion", "area", "brainarea", "visualarea", "roiname")
_ANIMAL = ("animal", "animalid", "subject", "subjectid", "monkey", "mouse", "monkeyid", "mouseid")


def read_wide(rows: Table, columns: Columns) -> RecordingParts:
    """Make a recording from a table with one row for each trial and one column for each neuron.

    Parameters
    ----------
    rows : Table
    columns : Columns

    Raises
    ------
    DatasetError
        If a stimulus or repetition is missing in a row, or two rows hold one trial.
    """
    import numpy as np

    names = [*columns.roles["stimulus"], *columns.roles.get("repetition", ()), *columns.others]
    table, source = rows.read(names, []), rows.source
    stimulus, stimulus_ids = codes_of(table, columns.roles["stimulus"], "stimulus", source)
    trial_columns: dict[str, NDArray[Any]] = {}
    notes = [
        f"{len(table):,} rows of {source} hold one trial each of {len(stimulus_ids):,} stimuli "
        f"({'+'.join(columns.roles['stimulus'])}); the columns of {count_noun(len(columns.neurons), 'neuron')} are "
        f"{name_some(columns.neurons)}."
    ]
    order = np.lexsort([stimulus])
    repeated = len(stimulus_ids) < len(table)
    if "repetition" in columns.roles:
        (name,) = columns.roles["repetition"]
        trial, labels = codes_of(table, (name,), "repetition", source)
        zeros = np.zeros(len(table), dtype=np.int64)
        expect_single_rows(zeros, stimulus, trial, None, stimulus_ids, labels, columns, source)
        order = np.lexsort([trial, stimulus])
        trial_columns[name] = plain_labels(labels[trial][order])
    elif repeated:
        notes.append("Rows with the same stimulus are its trials in their order.")
    ordered = table.iloc[order]
    presentations = np.arange(len(table))
    place = {"neuron": np.zeros(len(table)), "presentation": presentations, "stimulus": stimulus[order]}
    values = np.empty((len(table), len(columns.neurons)))
    place_of_row = np.empty(len(table), dtype=np.int64)
    place_of_row[order] = presentations
    for start, part in rows.chunks([], columns.neurons):
        values[place_of_row[start : start + len(part)]] = part[list(columns.neurons)]
    described = describe_columns(ordered, columns.others, place, wide=True)
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        notes.append(f"{n_missing:,} of {values.size:,} responses are empty: missing trials.")
    return assemble(
        values,
        stimulus_id=stimulus_ids[stimulus[order]],
        neuroid_id=np.array(columns.neurons),
        trial_columns={**trial_columns, **described.of_trials},
        neuron_columns={},
        stimulus_columns=described.of_stimuli,
        averaged=not repeated and "repetition" not in columns.roles,
        notes=[*notes, *described.notes],
    )


def neuron_trains(
    table: pd.DataFrame, columns: Columns, seconds: float, source: TableSource
) -> tuple[list[NDArray[np.float64]], NDArray[np.str_], dict[str, NDArray[Any]], list[str]]:
    """Return the spike times of each neuron from a table with one row for each spike.

    Parameters
    ----------
    table : pandas.DataFrame
        The time as float64, all other columns as categories of text.
    columns : Columns
    seconds : float
        Seconds in the unit of the time.
    source : TableSource

    Returns
    -------
    trains : list of array of float64
        Spike times of each neuron in seconds.
    ids : array of str, shape (n_neurons,)
    columns : dict of str to array of shape (n_neurons,)
        Columns that are the same in all rows of each neuron.
    notes : list of str
    """
    import numpy as np

    neuron, ids = codes_of(table, columns.roles["neuroid"], "neuron", source)
    if "neuroid" not in columns.stated:
        expect_one_place(table, neuron, ids, columns, source)
    (name,) = columns.roles["time"]
    times = table[name].to_numpy(dtype=np.float64) * seconds
    if np.isnan(times).any():
        raise DatasetError(f"{source.row(int(np.isnan(times).argmax()))} has no {name}")
    order = np.argsort(neuron, kind="stable")
    bounds = np.searchsorted(neuron[order], np.arange(len(ids) + 1))
    trains = [times[order[start:end]] for start, end in itertools.pairwise(bounds)]
    described = describe_columns(table, columns.others, {"neuron": neuron}, spikes=True)
    notes = [
        f"{len(table):,} rows of {source} are the spikes of {count_noun(len(ids), 'neuron')} "
        f"({'+'.join(columns.roles['neuroid'])}: {name_some(ids)}); a neuron without spikes has no row.",
        *described.notes,
    ]
    return trains, ids, described.of_neurons, notes


def neuron_labels(
    columns: Mapping[str, NDArray[Any]],
) -> tuple[NDArray[np.str_] | str, NDArray[np.str_] | str, dict[str, NDArray[Any]]]:
    """Return the regions and animals among the columns of neurons, and the other columns."""
    region: NDArray[np.str_] | str = "unknown"
    animal: NDArray[np.str_] | str = "unknown"
    labels = dict(columns)
    for name in columns:
        if plain(name) in _REGION and isinstance(region, str):
            region = labels.pop(name).astype(str)
        elif plain(name) in _ANIMAL and isinstance(animal, str):
            animal = labels.pop(name).astype(str)
    return region, animal, labels


def assemble(
    values: NDArray[np.float64],
    *,
    stimulus_id: NDArray[np.str_],
    neuroid_id: NDArray[np.str_],
    trial_columns: Mapping[str, NDArray[Any]],
    neuron_columns: Mapping[str, NDArray[Any]],
    stimulus_columns: Mapping[str, NDArray[Any]],
    averaged: bool,
    notes: Sequence[str],
) -> RecordingParts:
    """Make a recording; a presentation without any response is left out."""
    import numpy as np
    import pandas as pd

    from neuroalign.arrays import recording

    infinite = np.isinf(values)
    if infinite.any():
        row, neuron = np.argwhere(infinite)[0]
        raise DatasetError(
            f"the response of neuron {neuroid_id[neuron]} to stimulus {stimulus_id[row]} must be finite, got infinity"
        )
    region, animal, labels = neuron_labels(neuron_columns)
    table = pd.DataFrame(index=pd.Index(list(dict.fromkeys(stimulus_id)), name="stimulus_id"))
    for name, column in stimulus_columns.items():
        table[name] = column
    kept = ~np.isnan(values).all(axis=1)
    array = recording(
        values if kept.all() else values[kept],
        stimulus_id=stimulus_id[kept],
        neuroid_id=neuroid_id,
        region=region,
        animal=animal,
    )
    array, of_columns = attach_columns(
        array, {name: np.asarray(column)[kept] for name, column in trial_columns.items()}, labels
    )
    notes = [*notes, *of_columns]
    if not kept.all():
        notes.append(f"{count_noun(int((~kept).sum()), 'presentation')} without any response left out.")
    table, _ = describe_each_stimulus(table.loc[table.index.isin(stimulus_id[kept])])
    return RecordingParts(array, averaged=averaged, stimuli=table, notes=tuple(notes))
