"""Tables with one row for each trial: the columns that describe the stimulus and the columns that vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

#: Names of coordinates that every recording has.
_TAKEN = (
    "presentation",
    "neuroid",
    "time_bin",
    "stimulus_id",
    "repetition",
    "neuroid_id",
    "region",
    "animal",
)


def describe_each_stimulus(trials: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Gather the columns that are the same in all rows of each stimulus.

    Parameters
    ----------
    trials : pandas.DataFrame
        One row for each trial, indexed by stimulus id, which may repeat.

    Returns
    -------
    stimuli : pandas.DataFrame
        One row for each stimulus, in order of first appearance, under the index name ``stimulus_id``.
    varying : list of str
        Columns that are left out because they vary between the rows of one stimulus.
    """
    trials = trials.rename_axis("stimulus_id")
    trials.index = trials.index.astype(str)
    n_stimuli = trials.index.nunique()
    varying = [
        str(name)
        for name in trials.columns
        if len(trials[[name]].reset_index().drop_duplicates()) > n_stimuli
    ]
    return trials[~trials.index.duplicated()].drop(columns=varying), varying


def attach_columns(
    array: xr.DataArray,
    trial_columns: Mapping[str, ArrayLike],
    neuron_columns: Mapping[str, ArrayLike],
    *,
    trials: str = "trials",
) -> tuple[xr.DataArray, list[str]]:
    """Add columns of trials and neurons to a recording as labels.

    Parameters
    ----------
    array : recording
    trial_columns : mapping of str to array of shape (n_presentations,)
    neuron_columns : mapping of str to array of shape (n_neuroids,)
    trials : str
        Noun for the trials in notes.

    Returns
    -------
    recording : xarray.DataArray
    notes : list of str
        Sentences on columns that were left out because the recording has labels of the same name.
    """
    notes = []
    used = set(_TAKEN)
    for dim, noun, columns in (
        ("presentation", trials, trial_columns),
        ("neuroid", "neurons", neuron_columns),
    ):
        taken = sorted(used & set(columns))
        used |= set(columns)
        if taken:
            notes.append(
                f"Columns of the {noun} were left out because the recording has labels of the same name: "
                f"{', '.join(taken)}."
            )
        array = array.assign_coords(
            {name: (dim, _plain(values)) for name, values in columns.items() if name not in taken}
        )
    return array, notes


def _plain(values: ArrayLike) -> NDArray[Any]:
    """Return labels as numbers, truth values or text; a missing text is empty."""
    import numpy as np
    import pandas as pd

    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        return array
    return np.where(pd.isna(array), "", array.astype(str)).astype(str)
