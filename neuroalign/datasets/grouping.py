"""Groups of a dataset: the combinations of values that some of its columns have."""

from collections.abc import Sequence
from itertools import chain, product

import numpy as np

from neuroalign.datasets.columns import TABLES, Column, Label, find_column
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError


def group_conditions(dataset: Dataset, by: Sequence[str]) -> list[dict[str, Label]]:
    """Return the combinations of values of some columns, each as the conditions that select its part.

    Parameters
    ----------
    dataset : Dataset
    by : sequence of str
        Columns of the neurons, the trials or the stimuli, as in :func:`neuroalign.datasets.selection.select_part`.

    Returns
    -------
    list of dict
        One dictionary for each combination, with the names of the columns in the order of `by`, sorted by the first
        column, then by the second, and so on. Values of columns of one table are combined where a neuron, a trial or
        a recorded stimulus has them. Combinations of different tables all occur: a combination of an animal and a
        category may have no trial.

    Raises
    ------
    UnknownNameError
        If a column does not exist; the message names the nearest columns.
    UsageError
        If two tables have the column, a column is given twice, or no column is given.

    Examples
    --------
    >>> from neuroalign.testing import make_dataset
    >>> group_conditions(make_dataset(), ["region", "training"])
    [{'region': 'AM', 'training': False}, {'region': 'AM', 'training': True}]
    """
    if not by:
        raise UsageError("groups must have at least one column, got none; name a column such as region")
    columns = [find_column(dataset, name) for name in by]
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the column {name} is given twice; give each column once")
    recorded = np.isin(dataset.stimuli.ids, dataset.recording["stimulus_id"].values.astype(str))
    combinations = []
    for table in TABLES:
        members = [column for column in columns if column.table == table]
        if members:
            codes = np.stack([column.codes for column in members], axis=1)
            # Stimuli that were not recorded have no responses to score.
            unique = np.unique(codes[recorded] if table == "stimulus" else codes, axis=0)
            combinations.append([dict(zip(_names(members), row, strict=True)) for row in unique.tolist()])
    joined = [dict(chain.from_iterable(parts)) for parts in product(*map(_items, combinations))]
    joined.sort(key=lambda codes: [codes[name] for name in names])
    return [{column.name: column.distinct[codes[column.name]] for column in columns} for codes in joined]


def _names(columns: Sequence[Column]) -> list[str]:
    """Return the names of columns."""
    return [column.name for column in columns]


def _items(combinations: Sequence[dict[str, int]]) -> list[list[tuple[str, int]]]:
    return [list(codes.items()) for codes in combinations]
