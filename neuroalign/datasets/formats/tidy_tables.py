"""Tables of responses, converted to recordings: one row for each response, or one row for each trial."""

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

_REGION = ("region", "brainregion", "area", "brainarea", "visualarea", "roiname")
_ANIMAL = ("animal", "animalid", "subject", "subjectid", "monkey", "mouse", "monkeyid", "mouseid")

#: Largest number of values of a recording that is made from a table.
_MOST_VALUES = 1 << 29


def read_long(table: pd.DataFrame, columns: Columns, source: TableSource) -> RecordingParts:
    """Make a recording from a table with one row for each response.

    Parameters
    ----------
    table : pandas.DataFrame
        The response as float64, all other columns as categories of text.
    columns : Columns
    source : TableSource

    Returns
    -------
    RecordingParts
        Rows with the same stimulus and repetition are one presentation; NaN stands for a neuron without a row.

    Raises
    ------
    DatasetError
        If a neuron, stimulus or repetition is missing in a row, two rows hold one trial, or one name may denote
        several neurons.
    """
    import numpy as np
    import pandas as pd

    neuron, neuron_ids = codes_of(table, columns.roles["neuroid"], "neuron", source)
    stimulus, stimulus_ids = codes_of(table, columns.roles["stimulus"], "stimulus", source)
    (response,) = columns.roles["response"]
    values = table[response].to_numpy(dtype=np.float64)
    if "neuroid" not in columns.stated:
        expect_one_place(table, neuron, neuron_ids, columns, source)
    notes, labels = list[str](), None
    trial: NDArray[Any]
    if "repetition" in columns.roles:
        (name,) = columns.roles["repetition"]
        trial, labels = codes_of(table, (name,), "repetition", source)
    elif columns.in_order:
        pairs = pd.DataFrame({"neuron": neuron, "stimulus": stimulus})
        trial = pairs.groupby(["neuron", "stimulus"]).cumcount().to_numpy()
        notes.append(
            "Rows of a neuron and a stimulus are its trials in their order (--columns repetition=in-order)."
        )
    else:
        trial = np.zeros(len(table), dtype=np.int64)
    expect_single_rows(neuron, stimulus, trial, neuron_ids, stimulus_ids, labels, columns, source)

    n_trials = int(trial.max()) + 1
    places: NDArray[Any] = stimulus.astype(np.int64) * n_trials + trial
    keys, row = _numbered(places, len(stimulus_ids) * n_trials)
    if len(keys) * len(neuron_ids) > _MOST_VALUES:
        raise DatasetError(
            f"{source} has {len(keys):,} presentations and {len(neuron_ids):,} neurons, too many for one recording; "
            "divide it into several datasets"
        )
    cube = np.full((len(keys), len(neuron_ids)), np.nan)
    cube[row, neuron] = values
    shown_stimulus, shown_trial = keys // n_trials, keys % n_trials
    presentation_of = {"neuron": neuron, "presentation": row, "stimulus": stimulus}
    described = describe_columns(table, columns.others, presentation_of)
    trial_columns = described.of_trials
    if labels is not None:
        trial_columns = {columns.roles["repetition"][0]: plain_labels(labels[shown_trial]), **trial_columns}
    n_missing = int(np.isnan(cube).sum())
    notes = [
        f"{len(table):,} rows of {source} hold the responses ({response}) of {count_noun(len(neuron_ids), 'neuron')} "
        f"({'+'.join(columns.roles['neuroid'])}: {name_some(neuron_ids)}) to {len(stimulus_ids):,} stimuli "
        f"({'+'.join(columns.roles['stimulus'])}).",
        *notes,
    ]
    if n_missing:
        notes.append(
            f"{n_missing:,} of {cube.size:,} pairs of a neuron and a presentation have no row or an empty response: "
            "missing trials."
        )
    if labels is not None:
        notes.append(
            f"Rows with the same stimulus and {columns.roles['repetition'][0]} are one presentation, also of different "
            "neurons."
        )
    return _recording(
        cube,
        stimulus_id=stimulus_ids[shown_stimulus],
        neuroid_id=neuron_ids,
        trial_columns=trial_columns,
        neuron_columns=described.of_neurons,
        stimulus_columns=described.of_stimuli,
        averaged="repetition" not in columns.roles and not columns.in_order,
        notes=[*notes, *described.notes],
    )


def _numbered(places: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers from 0 to before `n` that occur, sorted, and the place of each row among them."""
    import numpy as np

    if n > 4 * len(places):
        keys, row = np.unique(places, return_inverse=True)
        return keys, row
    # No sorted copy of the rows is needed.
    keys = np.flatnonzero(np.bincount(places, minlength=n))
    rank = np.zeros(n, dtype=np.int64)
    rank[keys] = np.arange(len(keys))
    return keys, rank[places]


def read_wide(table: pd.DataFrame, columns: Columns, source: TableSource) -> RecordingParts:
    """Make a recording from a table with one row for each trial and one column for each neuron.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of the neurons as float64, all other columns as categories of text.
    columns : Columns
    source : TableSource

    Raises
    ------
    DatasetError
        If a stimulus or repetition is missing in a row, or two rows hold one trial.
    """
    import numpy as np

    stimulus, stimulus_ids = codes_of(table, columns.roles["stimulus"], "stimulus", source)
    values = table[list(columns.neurons)].to_numpy(dtype=np.float64)
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
    rows = np.arange(len(table))
    place = {"neuron": np.zeros(len(table)), "presentation": rows, "stimulus": stimulus[order]}
    described = describe_columns(ordered, columns.others, place, wide=True)
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        notes.append(f"{n_missing:,} of {values.size:,} responses are empty: missing trials.")
    return _recording(
        values[order],
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


def _recording(
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
        values[kept], stimulus_id=stimulus_id[kept], neuroid_id=neuroid_id, region=region, animal=animal
    )
    array, of_columns = attach_columns(
        array, {name: np.asarray(column)[kept] for name, column in trial_columns.items()}, labels
    )
    notes = [*notes, *of_columns]
    if not kept.all():
        notes.append(f"{count_noun(int((~kept).sum()), 'presentation')} without any response left out.")
    table, _ = describe_each_stimulus(table.loc[table.index.isin(stimulus_id[kept])])
    return RecordingParts(array, averaged=averaged, stimuli=table, notes=tuple(notes))
