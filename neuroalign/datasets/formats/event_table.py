"""Tables of events: the columns with the onset and the stimulus of each presentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.delimited_text import delimiter_of
from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.errors import DatasetError, count_noun, name_some, unknown_name

if TYPE_CHECKING:
    import pandas as pd

#: Label that marks the presentation of a blank in files of the Allen Institute.
_BLANK = "-1"

#: Names of the columns of the stimulus and of the onset in a table of events of the user.
USUAL_LABELS, USUAL_ONSETS = ("stimulus_id", "image_id", "stim_id"), ("onset",)

LABEL = ReaderOption(
    "label",
    "Column of the events that names the stimulus.",
    metavar="COLUMN",
)
ONSET = ReaderOption(
    "onset",
    "Column of the events with the onset of the stimulus, in seconds on the clock of the spikes.",
    metavar="COLUMN",
)
BLANK = ReaderOption(
    "blank",
    "Label of presentations without a stimulus, which are left out; 'none' leaves out no presentation. By default "
    "-1, if all other labels are whole numbers from 0.",
    metavar="LABEL",
    convert=str,
)


def read_event_table(path: Path) -> pd.DataFrame:
    """Read a text file with a header and one row for each event.

    Raises
    ------
    DatasetError
        If the file cannot be read, or has no rows.
    """
    import pandas as pd

    try:
        table = pd.read_csv(
            path, sep=delimiter_of(path), encoding="utf-8-sig", index_col=False, skipinitialspace=True
        )
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read the events {path}: {error}") from error
    if table.empty:
        raise DatasetError(f"the events {path} have no rows")
    return table


def choose_events(
    table: pd.DataFrame,
    *,
    label: str | None,
    onset: str | None,
    blank: str | None,
    source: str,
    usual_labels: Sequence[str] = (),
    usual_onsets: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Take the onset and the stimulus of each event from a table.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each event.
    label, onset : str, optional
        Columns that the user named.
    blank : str, optional
        Label of presentations without a stimulus; see :data:`BLANK`.
    source : str
        Name of the table in messages.
    usual_labels, usual_onsets : sequence of str
        Names of columns that are taken if the user does not name a column, the first that the table has.

    Returns
    -------
    events : pandas.DataFrame
        Columns ``onset``, ``stimulus_id`` and all other columns of the table except the column of the onset.
    notes : list of str
        Sentences for the user on every choice.

    Raises
    ------
    UnknownNameError
        If the table does not have a column that the user named.
    DatasetError
        If a column is not named and not usual (the message lists the candidates), or an onset is not a number.
    """
    import pandas as pd

    names = [str(name) for name in table.columns]
    table = table.set_axis(names, axis=1)
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(table[name])]
    onset = _choose("onset", onset, names, usual_onsets, numeric, source)
    others = [name for name in names if name not in (onset, *usual_onsets) and not name.endswith("_time")]
    n_values = {name: table[name].nunique() for name in others}
    counted = [f"{name} ({n:,} values)" for name, n in n_values.items() if n > 1]
    label = _choose("label", label, names, usual_labels, counted, source)
    seconds = pd.to_numeric(table[onset], errors="coerce")
    wrong = seconds.isna() & table[onset].notna()
    if wrong.any():
        raise DatasetError(
            f"the column {onset} of {source} must be onsets in seconds, got {table[onset][wrong].iloc[0]!r} in row "
            f"{int(wrong.to_numpy().argmax()) + 1}"
        )
    reserved = [name for name in ("onset", "stimulus_id") if name in table and name not in (onset, label)]
    events = table.drop(columns=[onset, label, *reserved])
    events.insert(0, "onset", seconds.astype("float64"))
    ids, notes = _as_ids(table[label], label)
    events.insert(1, "stimulus_id", ids)
    if reserved:
        notes.append(f"Columns of {source} were passed over: {', '.join(reserved)}.")
    unlabelled = events["stimulus_id"] == ""
    if unlabelled.any():
        notes.append(f"{count_noun(int(unlabelled.sum()), 'event')} without a {label} left out.")
        events = events[~unlabelled]
    events, of_blank = _leave_out_blank(events, blank, label)
    if events.empty:
        raise DatasetError(f"the column {label} of {source} names no stimulus")
    return events.reset_index(drop=True), [
        f"Stimuli are the column {label} of {source}, onsets the column {onset}.",
        *notes,
        *of_blank,
    ]


def _choose(
    noun: str,
    stated: str | None,
    names: Sequence[str],
    usual: Sequence[str],
    candidates: Sequence[str],
    source: str,
) -> str:
    if stated is not None:
        if stated not in names:
            raise unknown_name(f"column of {source}", stated, names)
        return stated
    for name in usual:
        if name in names:
            return name
    meaning = {"onset": "the onsets in seconds", "label": "the stimuli"}[noun]
    raise DatasetError(
        f"choose the column of {source} that holds {meaning} with --{noun} COLUMN; there are: "
        f"{name_some(candidates, most=20) or 'no columns'}"
    )


def _as_ids(labels: pd.Series, name: str) -> tuple[pd.Series, list[str]]:
    """Return labels as text: whole numbers without decimals, and image files without folders and suffix."""
    import pandas as pd

    from neuroalign.datasets.formats.images import stems
    from neuroalign.datasets.image_sources import IMAGE_SUFFIXES

    missing = labels.isna()
    if pd.api.types.is_float_dtype(labels) and (labels.dropna() % 1 == 0).all():
        ids = labels.fillna(0).astype("int64").astype(str)
    elif isinstance(labels.dtype, pd.CategoricalDtype) or labels.dtype != object:
        ids = labels.astype(str)
    else:
        ids = labels.map(lambda value: value.decode() if isinstance(value, bytes) else str(value))
    ids = ids.str.strip().mask(missing, "").astype(object)
    files = ids[ids != ""].str.replace("\\", "/")
    if len(files) and files.str.lower().str.endswith(IMAGE_SUFFIXES).all():
        different = list(dict.fromkeys(files))
        stem_of = dict(zip(different, stems(different), strict=True))
        ids = ids.str.replace("\\", "/").map(lambda value: stem_of.get(value, ""))
        first = different[0]
        return ids, [
            f"The column {name} names image files: their names without "
            f"{'folders and suffix' if len(PurePosixPath(first).parts) > 1 else 'suffix'} are the stimulus ids "
            f"({first} is {stem_of[first]})."
        ]
    return ids, []


def _leave_out_blank(events: pd.DataFrame, blank: str | None, label: str) -> tuple[pd.DataFrame, list[str]]:
    ids: Any = events["stimulus_id"]
    if blank == "none":
        return events, []
    if blank is None:
        others = ids[ids != _BLANK]
        if not len(others) or not others.str.isdecimal().all():
            return events, []
    chosen = _BLANK if blank is None else blank
    is_blank = ids == chosen
    if not is_blank.any():
        if blank is not None:
            raise unknown_name(f"label in the column {label}", blank, [*ids, "none"])
        return events, []
    why = "a blank in files of the Allen Institute; --blank none keeps them" if blank is None else "--blank"
    return events[~is_blank], [
        f"{count_noun(int(is_blank.sum()), 'presentation')} with the {label} {chosen} left out ({why})."
    ]
