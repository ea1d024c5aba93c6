"""Tables with one row for each response, converted to recordings in passes over parts of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.formats.reader import RecordingParts
from neuroalign.datasets.formats.tidy_columns import Columns, recorded_in
from neuroalign.datasets.formats.tidy_files import Table
from neuroalign.datasets.formats.tidy_ids import ColumnValues, Ids, OneForEach
from neuroalign.datasets.formats.tidy_rows import (
    Described,
    explain_repeated,
    explain_several_places,
    plain_labels,
)
from neuroalign.datasets.formats.tidy_tables import assemble
from neuroalign.errors import DatasetError, count_noun, name_some

if TYPE_CHECKING:
    import pandas as pd

IntArray = NDArray[np.int64]

#: Largest number of values of a recording that is made from a table.
_MOST_VALUES = 1 << 29
#: Factor of a stimulus in the number of a pair of stimulus and trial.
_MOST_TRIALS = 1 << 31


def read_long(table: Table, columns: Columns) -> RecordingParts:
    """Make a recording from a table with one row for each response.

    The rows are read twice, or three times where they are trials in their order: once for the ids, and once for the
    responses, which are written to their places. The memory holds the recording and a part of the rows.

    Parameters
    ----------
    table : Table
    columns : Columns

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
    return _LongTable(table, columns).read()


class _LongTable:
    """Passes over the rows of one table."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self.table, self.columns, self.source = table, columns, table.source
        self.neurons = Ids(columns.roles["neuroid"], "neuron", self.source)
        self.stimuli = Ids(columns.roles["stimulus"], "stimulus", self.source)
        repetition = columns.roles.get("repetition")
        self.trials = None if repetition is None else Ids(repetition, "repetition", self.source)
        self.names = [*self.neurons.names, *self.stimuli.names, *(repetition or ())]
        self.n_rows = 0
        #: Number of trials of the stimulus with the most trials.
        self.n_trials = 1
        #: Stimulus times `n_trials`, plus trial, of each presentation, sorted.
        self.keys: IntArray = np.empty(0, dtype=np.int64)

    def read(self) -> RecordingParts:
        """Read the table in all passes."""
        pairs = self._read_ids()
        if self.trials is not None:
            self.n_trials = len(self.trials)
            self.keys = np.sort(
                self.stimuli.finish()[pairs // _MOST_TRIALS] * self.n_trials
                + self.trials.finish()[pairs % _MOST_TRIALS]
            )
        else:
            self.stimuli.finish()
            n_each = (
                self._count_trials() if self.columns.in_order else np.ones(len(self.stimuli), dtype=np.int64)
            )
            self.n_trials = int(n_each.max())
            self.keys = np.concatenate(
                [stimulus * self.n_trials + np.arange(n) for stimulus, n in enumerate(n_each)]
            )
        if len(self.keys) * len(self.neurons) > _MOST_VALUES:
            raise DatasetError(
                f"{self.source} has {len(self.keys):,} presentations and {len(self.neurons):,} neurons, too many for "
                "one recording; divide it into several datasets"
            )
        return self._read_responses()

    def _read_ids(self) -> IntArray:
        """Read the ids, and return the pairs of stimulus and trial that occur; sort the neurons."""
        places = [] if "neuroid" in self.columns.stated else recorded_in(self.columns.others)
        values = {place: (ColumnValues(place), OneForEach()) for place in places}
        pairs = np.empty(0, dtype=np.int64)
        for start, part in self.table.chunks([*self.names, *places], []):
            self.n_rows = start + len(part)
            neuron, stimulus = self.neurons.number(part, start), self.stimuli.number(part, start)
            if self.trials is not None:
                trial = self.trials.number(part, start)
                pairs = np.union1d(pairs, stimulus * _MOST_TRIALS + trial)
            for numbers, one in values.values():
                one.add(neuron, numbers.number(part))
        rank = self.neurons.finish()
        for place, (_, one) in values.items():
            if not one.is_one:
                first = self.neurons.labels[rank[one.several].min()]
                raise explain_several_places(first, place, self.columns, self.source)
        return pairs

    def _count_trials(self) -> IntArray:
        """Return the number of presentations of each stimulus, where rows are trials in their order."""
        counts = np.zeros((len(self.neurons), len(self.stimuli)), dtype=np.int32)
        for start, part in self.table.chunks(self.names, []):
            np.add.at(counts, (self.neurons.number(part, start), self.stimuli.number(part, start)), 1)
        return counts.max(axis=0).astype(np.int64)

    def _number_trials(
        self, part: pd.DataFrame, start: int, pairs: IntArray, counts: NDArray[np.int32]
    ) -> IntArray:
        """Return the trial of each row; `counts` holds the rows of each pair of neuron and stimulus before."""
        if self.trials is not None:
            return self.trials.number(part, start)
        if not self.columns.in_order:
            return np.zeros(len(part), dtype=np.int64)
        import pandas as pd

        within = pd.Series(pairs).groupby(pairs).cumcount().to_numpy()
        trial = counts[pairs] + within
        np.add.at(counts, pairs, 1)
        return trial.astype(np.int64)

    def _read_responses(self) -> RecordingParts:
        """Write each response to its place, and gather the columns that describe neurons, stimuli and trials."""
        import pandas as pd

        (response,) = self.columns.roles["response"]
        n_neurons = len(self.neurons)
        cube = np.full((len(self.keys), n_neurons), np.nan)
        filled = np.zeros(cube.size, dtype=bool)
        counts = np.zeros(n_neurons * len(self.stimuli) if self.columns.in_order else 0, dtype=np.int32)
        others = [_Other(name) for name in self.columns.others]
        n_repeated, second = 0, (-1, -1)
        for start, part in self.table.chunks([*self.names, *self.columns.others], [response]):
            neuron, stimulus = self.neurons.number(part, start), self.stimuli.number(part, start)
            trial = self._number_trials(part, start, neuron * len(self.stimuli) + stimulus, counts)
            row = np.searchsorted(self.keys, stimulus * self.n_trials + trial)
            places = row * n_neurons + neuron
            repeated = filled[places] | pd.Series(places).duplicated().to_numpy()
            if repeated.any():
                if not n_repeated:
                    at = int(repeated.argmax())
                    second = start + at, int(places[at])
                n_repeated += int(repeated.sum())
            filled[places] = True
            cube.ravel()[places] = part[response].to_numpy(dtype=np.float64)
            for other in others:
                other.add(part, neuron, stimulus, row)
        if n_repeated:
            self._refuse_repeated(second, n_repeated)
        return self._assemble(cube, others)

    def _refuse_repeated(self, second: tuple[int, int], n_repeated: int) -> None:
        """Raise the error that names the first two rows of one trial."""
        index, place = second
        row, neuron = divmod(place, len(self.neurons))
        stimulus, trial = divmod(int(self.keys[row]), self.n_trials)
        parts = [f"neuron {self.neurons.labels[neuron]}", f"stimulus {self.stimuli.labels[stimulus]}"]
        if self.trials is not None:
            parts.append(f"{self.trials.names[0]} {self.trials.labels[trial]}")
        for start, part in self.table.chunks(self.names, []):
            same = (self.neurons.number(part, start) == neuron) & (
                self.stimuli.number(part, start) == stimulus
            )
            if self.trials is not None:
                same &= self.trials.number(part, start) == trial
            if same.any():
                first = start + int(same.argmax())
                break
        raise explain_repeated(
            self.source.row(first), self.source.row(index), parts, n_repeated, self.columns
        )

    def _assemble(self, cube: NDArray[np.float64], others: Sequence[_Other]) -> RecordingParts:
        columns = self.columns
        shown_stimulus, shown_trial = self.keys // self.n_trials, self.keys % self.n_trials
        described = Described()
        described.close([other.name for other in others if not other.describe(described)], "presentation")
        trial_columns = described.of_trials
        notes = [
            f"{self.n_rows:,} rows of {self.source} hold the responses ({columns.roles['response'][0]}) of "
            f"{count_noun(len(self.neurons), 'neuron')} ({'+'.join(self.neurons.names)}: "
            f"{name_some(self.neurons.labels)}) to {len(self.stimuli):,} stimuli ({'+'.join(self.stimuli.names)})."
        ]
        if columns.in_order:
            notes.append(
                "Rows of a neuron and a stimulus are its trials in their order (--columns repetition=in-order)."
            )
        n_missing = int(np.isnan(cube).sum())
        if n_missing:
            notes.append(
                f"{n_missing:,} of {cube.size:,} pairs of a neuron and a presentation have no row or an empty "
                "response: missing trials."
            )
        if self.trials is not None:
            name = self.trials.names[0]
            trial_columns = {name: plain_labels(self.trials.labels[shown_trial]), **trial_columns}
            notes.append(
                f"Rows with the same stimulus and {name} are one presentation, also of different neurons."
            )
        return assemble(
            cube,
            stimulus_id=self.stimuli.labels[shown_stimulus],
            neuroid_id=self.neurons.labels,
            trial_columns=trial_columns,
            neuron_columns=described.of_neurons,
            stimulus_columns=described.of_stimuli,
            averaged=self.trials is None and not columns.in_order,
            notes=[*notes, *described.notes],
        )


class _Other:
    """A column without a meaning of its own, and the thing that it describes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values = ColumnValues(name)
        self._of_neurons, self._of_stimuli, self._of_trials = OneForEach(), OneForEach(), OneForEach()

    def add(self, part: pd.DataFrame, neuron: IntArray, stimulus: IntArray, presentation: IntArray) -> None:
        """Add the rows of a part of the table."""
        values = self._values.number(part)
        self._of_neurons.add(neuron, values)
        self._of_stimuli.add(stimulus, values)
        self._of_trials.add(presentation, values)

    def describe(self, described: Described) -> bool:
        """Add the column to the thing that has one value of it; return False if there is none."""
        for one, target in (
            (self._of_neurons, described.of_neurons),
            (self._of_stimuli, described.of_stimuli),
            (self._of_trials, described.of_trials),
        ):
            if one.is_one:
                target[self.name] = plain_labels(self._values.texts(one.first))
                return True
        return False
