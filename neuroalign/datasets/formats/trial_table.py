"""Tables with one row for each trial: the columns that describe the stimulus and the columns that vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


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
