"""Parts of a dataset: the neurons, trials and stimuli that conditions on columns select, and windows of time.

``DATASET[animal=Tito,region=[IT,V4]]`` names a part wherever a dataset is named. Each option is a condition on one
column; a list means any of its values, and several conditions hold together. ``DATASET[window=70:170]`` selects the
responses from 70 to 170 ms of a recording with time bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import trial_means
from neuroalign.datasets.columns import TABLES, Column, Label, columns_of, find_column
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.time_bins import name_part, reduce_window
from neuroalign.datasets.time_windows import WINDOW, Window, format_window, parse_window
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some
from neuroalign.names.syntax import format_spec, format_value
from neuroalign.validation import checks


@dataclass(frozen=True, eq=False)
class _Condition:
    """Values of one column, of which a row has one."""

    column: Column
    values: Sequence[Label]

    @property
    def option(self) -> Any:
        """Value of the option in a name: one value, or a list of several."""
        return self.values[0] if len(self.values) == 1 else list(self.values)

    def __str__(self) -> str:
        return f"{self.column.name}={format_value(self.option)}"


@checks("dataset", "conditions")
def select_part(dataset: Dataset, conditions: Mapping[str, Any]) -> Dataset:
    """Select a part of a dataset by values of its columns.

    Parameters
    ----------
    dataset : Dataset
    conditions : mapping of str to value or sequence of values
        Values for columns of the neurons (coordinates of the recording such as region, animal, neuroid_id), of the
        trials (such as session, repetition) and of the stimulus table (its columns and stimulus_id). Rows with one
        of the values of each column are selected. None stands for a missing value. The name of the table may stand
        before a column, as in ``neuron.region``; it must where two tables have a column of one name. For a recording
        with time bins, ``window`` is a window of whole bins in milliseconds, ``"70:170"`` or ``(70, 170)``.

    Returns
    -------
    Dataset
        Conditions on stimuli restrict the recording and the stimulus set. Trials without a value of a selected
        neuron are left out, and so are neurons without values, or with one value only, in the selected trials. The
        name has the conditions as options in the order of the columns. ``metadata["part"]`` has the numbers of
        neurons, stimuli and trials. The neurons stay the neurons of the whole recording: see
        :attr:`~neuroalign.Dataset.recording_hash`. The part of a window has no time bins: counts of several bins
        are summed, and rates are averaged, weighted by the length of the bins. ``metadata["window_ms"]`` has its
        edges.

    Raises
    ------
    UnknownNameError
        If a column or a value does not exist; the message names the nearest names and the values that exist.
    UsageError
        If two tables have the column, a column is given twice, or `window` is not a window.
    MissingResponsesError
        If the dataset has stimuli alone.
    DatasetError
        If nothing fulfils all conditions, or time bins do not cover the window exactly once.

    Examples
    --------
    >>> from neuroalign.datasets.selection import select_part
    >>> from neuroalign.testing import make_dataset
    >>> part = select_part(make_dataset(), {"neuroid_id": ["n01", "n00"], "training": True})
    >>> part
    <Dataset single[neuroid_id=[n00,n01],training=True]: 2 simulated neurons × 100 stimuli>
    >>> part.metadata["part"]
    '2 of 12 neurons and 100 of 120 recorded stimuli of single (neuroid_id=[n00,n01], training=True)'
    """
    if not conditions:
        return dataset
    dataset.expect_responses()
    window, conditions = _take_window(dataset, conditions)
    chosen = _resolve(dataset, conditions)
    masks = {table: _mask(dataset, chosen, table) for table in TABLES}
    array, notes = dataset.recording, list[str]()
    if window is not None:
        array, window, notes = reduce_window(array, window, dataset.identifier)
        time = Column(WINDOW, "time", np.array([]))
        chosen = sorted([*chosen, _Condition(time, [format_window(window)])], key=lambda c: c.column.name)
    recording, left_out = _restrict(dataset, array, masks, chosen)
    notes += left_out
    neuroids = recording["neuroid_id"].values.astype(str)
    part = _describe(dataset, recording, chosen)
    return replace(
        dataset,
        identifier=name_part(dataset, {c.column.name: c.option for c in chosen}),
        recording=recording,
        stimuli=_select_stimuli(dataset.stimuli, masks["stimulus"], chosen),
        metadata={
            **dataset.metadata,
            **({} if window is None else {"window_ms": list(window)}),
            "part": part,
            "notes": [*dataset.metadata.get("notes", []), part, *notes],
        },
        truth=None if dataset.truth is None else dataset.truth.loc[neuroids],
        part_of=dataset.recording_hash,
    )


def select_window(dataset: Dataset, window: Window) -> Dataset:
    """Select the responses in a window of a dataset with time bins: ``DATASET[window=START:END]``.

    Parameters
    ----------
    dataset : Dataset
    window : (float, float)
        Start and end in milliseconds; :func:`neuroalign.datasets.time_bins.windows_of` lists the windows of the
        bins.

    Returns
    -------
    Dataset
        Part of the dataset; see :func:`select_part`.

    Examples
    --------
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=40, n_neurons=5, time_bins=[0, 50, 100, 200])
    >>> select_window(dataset, (50, 200))
    <Dataset single[window=50:200]: 5 simulated neurons × 40 stimuli>
    """
    return select_part(dataset, {WINDOW: window})


def _take_window(dataset: Dataset, conditions: Mapping[str, Any]) -> tuple[Window | None, Mapping[str, Any]]:
    """Separate the time window from the conditions on columns."""
    if WINDOW not in conditions:
        return None, conditions
    if "time_bin" not in dataset.recording.dims:
        if any(column.name == WINDOW or column.name.endswith(f".{WINDOW}") for column in columns_of(dataset)):
            return None, conditions
        window = dataset.metadata.get("window_ms")
        its = "" if window is None else f": its responses are from {window[0]:g} to {window[1]:g} ms"
        raise UsageError(
            f"{dataset.identifier} has no time bins{its}; leave window out, or import the recording with --bins"
        )
    rest = {name: value for name, value in conditions.items() if name != WINDOW}
    return parse_window(conditions[WINDOW]), rest


def _resolve(dataset: Dataset, conditions: Mapping[str, Any]) -> list[_Condition]:
    chosen: dict[str, _Condition] = {}
    for name, wanted in conditions.items():
        column = find_column(dataset, name)
        if column.name in chosen:
            raise UsageError(f"the column {column.name} is given twice; give all its values in one list")
        values = list(wanted) if isinstance(wanted, list | tuple | np.ndarray) else [wanted]
        chosen[column.name] = _Condition(column, column.find(values))
    return [chosen[name] for name in sorted(chosen)]


def _mask(dataset: Dataset, chosen: Sequence[_Condition], table: str) -> NDArray[np.bool_] | None:
    """Return which rows of a table fulfil its conditions; None without a condition."""
    masks = [
        condition.column.mask(condition.values) for condition in chosen if condition.column.table == table
    ]
    if not masks:
        return None
    mask: NDArray[np.bool_] = np.logical_and.reduce(masks)
    if not mask.any():
        raise _nothing_left(dataset, [c for c in chosen if c.column.table == table], f"no {table}")
    return mask


def _restrict(
    dataset: Dataset,
    array: xr.DataArray,
    masks: Mapping[str, NDArray[np.bool_] | None],
    chosen: Sequence[_Condition],
) -> tuple[xr.DataArray, list[str]]:
    """Return the selected part of a recording, and notes on neurons that it leaves out."""
    presented = np.ones(array.sizes["presentation"], dtype=bool)
    if masks["trial"] is not None:
        presented &= masks["trial"]
    if masks["stimulus"] is not None:
        presented &= np.isin(array["stimulus_id"].values.astype(str), dataset.stimuli.ids[masks["stimulus"]])
    is_restricted = not presented.all() or any(c.column.table == "time" for c in chosen)
    if not presented.any():
        lacking = "no recorded stimulus" if masks["trial"] is None else "no trial"
        raise _nothing_left(dataset, [c for c in chosen if c.column.table in ("trial", "stimulus")], lacking)
    array = array.isel(presentation=np.flatnonzero(presented))
    if masks["neuron"] is not None:
        array = array.isel(neuroid=np.flatnonzero(masks["neuron"]))
    notes: list[str] = []
    if is_restricted and array.sizes["presentation"] > 1:
        array, notes = _leave_out_flat(array)
    # Neurons of another animal or session may have seen other stimuli.
    has_value = np.isfinite(array.values).any(axis=tuple(range(1, array.ndim)))
    array = array.isel(presentation=np.flatnonzero(has_value))
    if array.sizes["presentation"] == 0 or array.sizes["neuroid"] == 0:
        raise _nothing_left(dataset, chosen, "no neuron that varies, and no trial of one,")
    return array, notes


def _leave_out_flat(array: xr.DataArray) -> tuple[xr.DataArray, list[str]]:
    """Leave out neurons without two different values, which no model can predict."""
    axes = (0, *range(2, array.ndim))
    varies = np.fmin.reduce(array.values, axis=axes) < np.fmax.reduce(array.values, axis=axes)
    if array.ndim == 2 and _n_stimuli(array) > 1:
        # A few spikes in a short window can be spread evenly over the stimuli.
        means = trial_means(array)[0]
        varies &= np.fmin.reduce(means, axis=0) < np.fmax.reduce(means, axis=0)
    if varies.all():
        return array, []
    names = array["neuroid_id"].values[~varies]
    note = f"{count_noun(len(names), 'neuron')} without variance in this part left out: {name_some(names)}"
    return array.isel(neuroid=np.flatnonzero(varies)), [note]


def _select_stimuli(
    stimuli: StimulusSet, mask: NDArray[np.bool_] | None, chosen: Sequence[_Condition]
) -> StimulusSet:
    # The same object stays, because its digest, which reads all images, is cached.
    if mask is None:
        return stimuli
    options = {c.column.name: c.option for c in chosen if c.column.table == "stimulus"}
    return stimuli.select(stimuli.ids[mask], identifier=format_spec(stimuli.identifier, options))


def _describe(dataset: Dataset, recording: xr.DataArray, chosen: Sequence[_Condition]) -> str:
    """Say how many neurons, stimuli and trials of a dataset its part has."""
    whole = dataset.recording
    counts = [
        (recording.sizes["neuroid"], whole.sizes["neuroid"], "neurons"),
        (_n_stimuli(recording), _n_stimuli(whole), "recorded stimuli"),
    ]
    if any(condition.column.table == "trial" for condition in chosen):
        counts.append((recording.sizes["presentation"], whole.sizes["presentation"], "trials"))
    parts = [f"{n:,} of {n_all:,} {noun}" for n, n_all, noun in counts if n < n_all or noun == "neurons"]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return f"{listed} of {dataset.identifier} ({', '.join(map(str, chosen))})"


def _n_stimuli(recording: xr.DataArray) -> int:
    return int(np.unique(recording["stimulus_id"].values).size)


def _nothing_left(dataset: Dataset, chosen: Sequence[_Condition], lacking: str) -> DatasetError:
    conditions = " and ".join(map(str, chosen))
    hint = "leave a condition out" if len(chosen) > 1 else "choose another value"
    return DatasetError(f"{dataset.identifier} has {lacking} with {conditions}; {hint}")
