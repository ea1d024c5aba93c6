"""Marks of stimuli: the stimuli that animals saw, and the stimuli that models may be fitted to."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.delimited_text import encoding_of, first_line
from neuroalign.datasets.formats.images import stems
from neuroalign.datasets.formats.tables import read_table
from neuroalign.datasets.image_sources import IMAGE_SUFFIXES
from neuroalign.datasets.importing.stimulus_columns import FILE_NAMES, ID_NAMES, canonical_columns, plain_name
from neuroalign.datasets.stimulus_flags import as_flags
from neuroalign.errors import DatasetError, StimulusMismatchError, UsageError, name_some
from neuroalign.files.plain import oddity

#: Stimuli as a user lists them: a file, a column of the stimulus table, or ids.
Listed = str | os.PathLike[str] | Sequence[str]

_TABLES = (b"PAR1", b"ARROW1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_list(path: Path) -> list[str]:
    """Read a list of stimuli.

    Parameters
    ----------
    path : Path
        Text with one stimulus in each line, or a table with a column ``stimulus_id`` or ``filename`` (or another name
        for them).

    Returns
    -------
    list of str
        Ids or file names, in the order of the file.

    Raises
    ------
    DatasetError
        If the file cannot be read, is empty, or is a table without such a column.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise DatasetError(f"cannot read the list of stimuli {path}: {error}") from error
    is_table = start.startswith(_TABLES)
    if not is_table:
        first = first_line(path)
        names = {plain_name(cell) for cell in first.replace(";", ",").replace("\t", ",").split(",")}
        is_table = bool(names & {*ID_NAMES, *FILE_NAMES})
    if not is_table:
        try:
            lines = [line.strip() for line in path.read_text(encoding=encoding_of(path)).splitlines()]
        except UnicodeError as error:
            raise DatasetError(f"cannot read the list of stimuli {path} as text: {error}") from error
        listed = [line for line in lines if line]
        if not listed:
            raise DatasetError(f"the list of stimuli {path} is empty")
        return listed
    table = read_table(path, "list of stimuli", lambda column: plain_name(column) in (*ID_NAMES, *FILE_NAMES))
    table, _ = canonical_columns(table, f"the list of stimuli {path}", first_row=2)
    for column in ("stimulus_id", "filename"):
        if column in table:
            return table[column].astype(str).tolist()
    raise DatasetError(f"the list of stimuli {path} needs a column stimulus_id or filename")


def match_listed(listed: Sequence[str], ids: Sequence[str], option: str) -> list[str]:
    """Find the stimulus that each entry of a list names, by its id or by the name of its image file.

    Parameters
    ----------
    listed : sequence of str
    ids : sequence of str
        Ids of all stimuli.
    option : str
        Option of the list in messages, such as "--held-out".

    Returns
    -------
    list of str
        Id of each entry.

    Raises
    ------
    StimulusMismatchError
        If entries name no stimulus; the message names them.
    """
    existing = set(ids)
    spelt = respell(listed, ids)
    spelt = [name if name in existing else _without_suffix(name) for name in spelt]
    matched = respell(spelt, ids)
    unknown = [name for name, stimulus in zip(listed, matched, strict=True) if stimulus not in existing]
    if unknown:
        raise StimulusMismatchError(
            f"{option} lists {len(unknown)} stimuli that are not in the stimulus table: {name_some(unknown)}; the "
            f"stimuli are {name_some(list(ids), most=3)}"
        )
    return matched


def list_presented(presented: Listed, ids: Sequence[str] | None) -> NDArray[np.str_]:
    """Return the stimulus ids along the stimulus axis from the option ``--presented``.

    Parameters
    ----------
    presented : path or sequence of str
        File (see :func:`read_list`) or ids, in the order of the axis.
    ids : sequence of str, optional
        Ids of all stimuli, where a table or images name them.
    """
    listed = (
        read_list(Path(presented).expanduser())
        if isinstance(presented, str | os.PathLike)
        else _texts(presented, "--presented")
    )
    return np.array(listed if ids is None else match_listed(listed, ids, "--presented"))


def further_stimuli(listed: Listed | None, table: pd.DataFrame | None) -> list[str]:
    """Return the stimuli of a list that is not a column of the stimulus table; empty without a list."""
    if listed is None or _is_column(listed, table):
        return []
    if isinstance(listed, str | os.PathLike):
        return read_list(_path(listed, table))
    return _texts(listed, "--training and --held-out")


def _texts(listed: Iterable[Any], option: str) -> list[str]:
    """Return ids as text."""
    if not isinstance(listed, Iterable):
        raise UsageError(f"{option} must be a file, a column or a list of ids, got {listed!r}")
    return [str(stimulus) for stimulus in listed]


def mark_stimuli(
    described: pd.DataFrame,
    recorded: NDArray[np.str_] | None,
    *,
    training: Listed | None = None,
    held_out: Listed | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Mark the stimuli that animals saw and the stimuli that models may be fitted to.

    Parameters
    ----------
    described : pandas.DataFrame
        Stimulus table, indexed by stimulus id.
    recorded : array of str, optional
        Ids of the recorded stimuli; None for a set of stimuli without responses.
    training, held_out : path, name of a column, or sequence of str, optional
        Stimuli that models may be fitted to, and stimuli that they may not: a file (see :func:`read_list`), a column
        of `described` with yes or no, a column with values (``tier=train|validation``), or ids. One list implies the
        other.

    Returns
    -------
    table : pandas.DataFrame
        Table with the column ``presented`` if some stimuli were not recorded, and ``training`` if the table or the
        user marks these stimuli.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    StimulusMismatchError
        If a list names other stimuli, or the table says that a recorded stimulus was not presented.
    UsageError
        If the lists contradict each other or the column ``training``.
    """
    described, notes = described.copy(), list[str]()
    source = "the stimulus table"
    ids = described.index.to_numpy().astype(str)
    is_recorded = np.ones(len(ids), dtype=bool) if recorded is None else np.isin(ids, recorded)
    noun = "stimuli" if recorded is None else "recorded stimuli"
    if "presented" in described:
        described["presented"] = as_flags(described["presented"], "presented", source)
        wrong = described.index[is_recorded & ~described["presented"].to_numpy()]
        if len(wrong):
            raise StimulusMismatchError(
                f"{len(wrong)} recorded stimuli are marked as not presented in {source}: "
                f"{name_some(wrong.tolist())}; correct the column presented"
            )
    elif not is_recorded.all():
        described["presented"] = is_recorded
        notes.append(
            f"{int((~is_recorded).sum())} of {len(described)} stimuli have no responses and are kept as stimuli that "
            "were not presented."
        )
    marks = {
        option: _flags(listed, described, option)
        for option, listed in (("--training", training), ("--held-out", held_out))
        if listed is not None
    }
    if "training" in described:
        described["training"] = as_flags(described["training"], "training", source)
    if not marks:
        return described, notes
    for_training = marks.get("--training", ~marks.get("--held-out", np.zeros(len(described), dtype=bool)))
    if len(marks) == 2:
        both = described.index[for_training & marks["--held-out"]]
        neither = described.index[~for_training & ~marks["--held-out"] & is_recorded]
        if len(both):
            raise UsageError(
                f"--training and --held-out share {len(both)} stimuli: {name_some(both.tolist())}"
            )
        if len(neither):
            raise UsageError(
                f"{len(neither)} {noun} are in neither of the lists --training and --held-out: "
                f"{name_some(neither.tolist())}; leave one list out, or complete it"
            )
    if "training" in described and (described["training"].to_numpy() != for_training).any():
        differ = described.index[described["training"].to_numpy() != for_training]
        raise UsageError(
            f"{' and '.join(marks)} contradicts the column training of {source} for {len(differ)} stimuli: "
            f"{name_some(differ.tolist())}; leave either out"
        )
    described["training"] = for_training
    n_held_out = int((~for_training & is_recorded).sum())
    notes.append(
        f"{int(for_training.sum())} of {len(described)} stimuli are for training; {n_held_out} {noun} are held out "
        f"({' and '.join(marks)})."
    )
    return described, notes


def _flags(listed: Listed, described: pd.DataFrame, option: str) -> NDArray[np.bool_]:
    ids = described.index.astype(str).tolist()
    if _is_column(listed, described):
        column, _, value = str(listed).partition("=")
        if str(listed) in described or not value:
            column = str(listed)
            return as_flags(described[column], column, "the stimulus table").to_numpy(dtype=bool)
        chosen = described[column].astype(str).isin(value.split("|")).to_numpy(dtype=bool)
        if not chosen.any():
            existing = described[column].astype(str).unique().tolist()
            raise DatasetError(f"column {column} has no value {value}; it has {name_some(existing, most=12)}")
        return chosen
    return np.isin(np.array(ids), match_listed(further_stimuli(listed, described), ids, option))


def _is_column(listed: Listed, table: pd.DataFrame | None) -> bool:
    """Return whether text names a column of the stimulus table, or a column with a value: ``tier=test``."""
    return (
        isinstance(listed, str)
        and table is not None
        and (listed in table or ("=" in listed and listed.partition("=")[0] in table))
    )


def _path(listed: str | os.PathLike[str], table: pd.DataFrame | None) -> Path:
    path = Path(listed).expanduser()
    if oddity(path) or not path.is_file():
        columns = (
            "none" if table is None else name_some([str(name) for name in table.columns], most=12) or "none"
        )
        raise DatasetError(
            f"{listed} must be a file that lists stimuli or a column of the stimulus table; the columns are {columns}"
        )
    return path


def _without_suffix(name: str) -> str:
    return stems([name.replace("\\", "/")])[0] if name.lower().endswith(IMAGE_SUFFIXES) else name
