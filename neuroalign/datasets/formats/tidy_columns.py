"""Meaning of the columns of a table of responses or spikes, by common names or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.errors import DatasetError, UsageError, name_some, unknown_name

Role = Literal["neuroid", "stimulus", "repetition", "response", "time"]
Shape = Literal["long", "wide", "spikes"]

#: Value of the role "repetition" if the rows of a neuron and stimulus are its trials in their order.
IN_ORDER = "in-order"

_NEURONS = "neuroid neuron unit cell cluster site electrode channel voxel roi"
_STIMULI = "stimulus stim image img picture frame"
_TRIALS = "repetition rep repeat trial presentation"
_RESPONSES = (
    "response responses resp value values rate rates firingrate fr spikecount spikecounts count counts nspikes "
    "numspikes spikes dff deltaff beta betas activity meanrate meanresponse"
)
_TIMES = "time times spiketime spiketimes timestamp timestamps t"
_PLACES = "session animal subject monkey mouse date day recording experiment probe array file"
_DESCRIBED = (
    "id index run block region area layer depth onset offset duration start stop end starttime stoptime timebin bin "
    "condition class category label split tier reactiontime rt correct outcome reward x y z unnamed0"
)


def _with_ends(nouns: str, ends: str) -> frozenset[str]:
    """Return all nouns, alone and with each end."""
    return frozenset(f"{noun}{end}" for noun in nouns.split() for end in ("", *ends.split()))


#: Names of columns in lower case with only letters and digits.
_NAMES: dict[Role, frozenset[str]] = {
    "neuroid": _with_ends(_NEURONS, "id name nr number"),
    "stimulus": _with_ends(_STIMULI, "id name nr number file filename") | {"filename"},
    "repetition": _with_ends(_TRIALS, "id nr no number index idx"),
    "response": frozenset(_RESPONSES.split()),
    "time": _with_ends(_TIMES, "s ms sec seconds milliseconds"),
}

#: Columns that distinguish neurons of equal name.
_RECORDED_IN = _with_ends(_PLACES, "id name")

#: Further names of columns that are never the responses of a neuron.
_DESCRIPTIONS = _with_ends(_DESCRIBED, "id") | {""}

COLUMNS = ReaderOption(
    "columns",
    "Columns of a table by their meaning: neuroid, stimulus, repetition, response and time (of spikes), such as "
    "neuroid=cell,stimulus=img. A + joins columns (neuroid=session+unit); repetition=in-order numbers the rows of a "
    "neuron and stimulus.",
    metavar="MEANING=COLUMN[,...]",
    convert=lambda value: _as_columns(value),
)
NEURON_COLUMNS = ReaderOption(
    "neuron_columns",
    "Columns of a table that hold the responses of one neuron each, as names or patterns, such as 'unit_*'.",
    metavar="PATTERN[,PATTERN]",
    convert=lambda value: _as_patterns(value),
)


@dataclass(frozen=True)
class Columns:
    """Columns of a table by their meaning.

    Parameters
    ----------
    shape : {"long", "wide", "spikes"}
        One row for each response, one row for each trial, or one row for each spike.
    roles : mapping of role to tuple of str
        Columns of each role that the table has; several columns together name the neuron or stimulus.
    stated : frozenset of str
        Roles that the user named.
    neurons : tuple of str
        Columns of the neurons of a wide table.
    others : tuple of str
        All other columns.
    in_order : bool
        Whether the rows of a neuron and stimulus are its trials in their order.
    """

    shape: Shape
    roles: Mapping[Role, tuple[str, ...]]
    stated: frozenset[str]
    neurons: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    in_order: bool = False


def plain(name: str) -> str:
    """Return a name in lower case with only letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def looks_tidy(names: Sequence[str]) -> bool:
    """Return whether the header of a text file is a table with columns of ids, and not a matrix.

    Parameters
    ----------
    names : sequence of str
        Cells of the first row.
    """
    named = {role: [name for name in names if plain(name) in usual] for role, usual in _NAMES.items()}
    if named["neuroid"] and len(names) > 1 and (named["stimulus"] or named["time"] or named["response"]):
        return len(names) > 2 or not named["stimulus"]
    if named["response"]:  # responses of one neuron, or of several neurons in one cell
        return False
    ids = [*named["stimulus"], *named["repetition"], *(name for name in names if plain(name) in _RECORDED_IN)]
    return bool(named["stimulus"]) and (len(ids) > 1 or plain(names[0]) not in _NAMES["stimulus"])


def recorded_in(columns: Sequence[str]) -> list[str]:
    """Return the columns that distinguish neurons of equal name, such as session."""
    return [name for name in columns if plain(name) in _RECORDED_IN]


def choose_columns(
    names: Sequence[str],
    numeric: Sequence[str],
    source: str,
    *,
    stated: Mapping[str, tuple[str, ...]] | None,
    patterns: Sequence[str] | None,
    with_events: bool,
) -> Columns:
    """Find the meaning of the columns of a table.

    Parameters
    ----------
    names : sequence of str
        Columns of the table.
    numeric : sequence of str
        Columns with numbers.
    source : str
        Name of the table in messages.
    stated : mapping of role to columns, optional
        Columns that the user named.
    patterns : sequence of str, optional
        Names or patterns of the columns of neurons that the user named.
    with_events : bool
        Whether the user gave a table of events, so that the table holds spikes.

    Raises
    ------
    UnknownNameError
        If the table does not have a column that the user named.
    DatasetError
        If several columns, or no column, could have a meaning that is needed; the message names the option.
    UsageError
        If an option does not fit the table.
    """
    named = dict(stated or {})
    in_order = named.get("repetition") == (IN_ORDER,)
    if in_order:
        del named["repetition"]
    for role, columns in named.items():
        for column in columns:
            if column not in names:
                raise unknown_name(f"column of {source} (for {role})", column, names)
    used = {column for columns in named.values() for column in columns}
    neurons = _matching(names, patterns, used, source) if patterns is not None else ()

    def find(role: Role) -> tuple[str, ...]:
        if role in named:
            return tuple(named[role])
        if role == "repetition" and in_order:
            return ()
        candidates = [
            name for name in names if plain(name) in _NAMES[role] and name not in used and name not in neurons
        ]
        if len(candidates) > 1:
            raise DatasetError(
                f"several columns of {source} could be the {role}: {', '.join(candidates)}; choose one with --columns "
                f"{role}=COLUMN"
                + (f", or join them: {role}={'+'.join(candidates)}" if role == "neuroid" else "")
            )
        return tuple(candidates)

    shape = _shape(names, source, find, wide=patterns is not None, spikes=with_events)
    needed: dict[Shape, tuple[Role, ...]] = {
        "long": ("neuroid", "stimulus", "repetition", "response"),
        "wide": ("stimulus", "repetition"),
        "spikes": ("neuroid", "time"),
    }
    roles = {role: columns for role in needed[shape] if (columns := find(role))}
    for role in named:
        if role not in needed[shape]:
            raise UsageError(f"--columns {role}= has no effect: {source} has {_SHAPES[shape]}; leave it out")
    for role in needed[shape]:
        if role not in roles and role != "repetition":
            candidates = [
                name
                for name in (numeric if role in ("response", "time") else names)
                if not any(name in columns for columns in roles.values())
            ]
            raise DatasetError(
                f"{source} has {_SHAPES[shape]}, and no column with a common name for the {role}: give --columns "
                f"{role}=COLUMN; there are {name_some(candidates, most=12) or 'no other columns'}"
            )
    taken = {column for columns in roles.values() for column in columns}
    if shape == "wide" and not neurons:
        neurons = _find_neurons([name for name in numeric if name not in taken], source)
    others = tuple(name for name in names if name not in taken and name not in neurons)
    return Columns(shape, roles, frozenset(named), neurons, others, in_order)


_SHAPES: dict[Shape, str] = {
    "long": "one row for each response",
    "wide": "one row for each trial",
    "spikes": "one row for each spike",
}


def _shape(names: Sequence[str], source: str, find: Any, *, wide: bool, spikes: bool) -> Shape:
    """Return the kind of a table by the meanings of its columns."""
    if wide and spikes:
        raise UsageError("--neuron-columns has no effect with --events, which goes with a table of spikes")
    if spikes:
        return "spikes"
    if wide:
        return "wide"
    if find("neuroid"):
        if not find("stimulus") and find("time"):
            raise DatasetError(
                f"{source} has one row for each spike: give the onsets of the stimuli with --events events.csv "
                "(columns onset, in seconds, and stimulus_id) and the window with --window START,END"
            )
        return "long"
    if find("stimulus"):
        return "wide"
    raise DatasetError(
        f"{source} has no column with a common name for the neuron or the stimulus (it has "
        f"{name_some(list(names), most=12)}): give --columns neuroid=COLUMN,stimulus=COLUMN,response=COLUMN, or "
        "--columns stimulus=COLUMN for a table with one column for each neuron"
    )


def _matching(names: Sequence[str], patterns: Sequence[str], used: set[str], source: str) -> tuple[str, ...]:
    """Return the columns that match the patterns of the user."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown_name(f"column of {source} (for --neuron-columns)", pattern, names)
    chosen = tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
    both = [name for name in chosen if name in used]
    if both:
        raise UsageError(
            f"--neuron-columns also names {name_some(both)}, which --columns gives another meaning"
        )
    return chosen


def _find_neurons(candidates: Sequence[str], source: str) -> tuple[str, ...]:
    """Return the columns of numbers if their names show that each is a neuron, as unit_1, unit_2, …"""
    others = {name for names in _NAMES.values() for name in names} | _DESCRIPTIONS | _RECORDED_IN
    possible = [name for name in candidates if plain(name) not in others]
    if not possible:
        raise DatasetError(
            f"{source} has one row for each trial, and no column of numbers that could be a neuron; name the neurons "
            "with --neuron-columns 'PATTERN', or the columns of one row for each response with --columns "
            "neuroid=COLUMN,response=COLUMN"
        )
    stems = {re.sub(r"\d+", "#", name) for name in possible}
    if len(stems) > 1 or "#" not in next(iter(stems)):
        patterns = name_some(sorted(stem.replace("#", "*") for stem in stems), most=8)
        raise DatasetError(
            f"{source} has one row for each trial, and its columns of numbers are not all named alike ({patterns}): "
            "name the columns of the neurons with --neuron-columns 'PATTERN'"
        )
    return tuple(possible)


def _as_columns(value: Any) -> dict[str, tuple[str, ...]]:
    """Return the columns of each role from text or a mapping."""
    if isinstance(value, Mapping):
        items = [(str(role), columns) for role, columns in value.items()]
    elif isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",")]
        if not all(separator and column.strip() for _, separator, column in parts):
            raise UsageError(
                f"--columns must be MEANING=COLUMN with commas in between, such as neuroid=cell,stimulus=img, got "
                f"{value!r}"
            )
        items = [(role.strip(), column.strip()) for role, _, column in parts]
    else:
        raise UsageError(f"--columns must be text or a mapping, got {type(value).__name__}")
    for role, _ in items:
        if role not in _NAMES:
            raise unknown_name("meaning of a column", role, list(_NAMES))
    roles = [role for role, _ in items]
    if len(set(roles)) < len(roles):
        raise UsageError(f"--columns must name each meaning once, got {','.join(roles)}")
    columns = {
        role: tuple(named.split("+")) if isinstance(named, str) else tuple(named) for role, named in items
    }
    for role, several in columns.items():
        if len(several) > 1 and role not in ("neuroid", "stimulus"):
            raise UsageError(f"--columns {role}= must be one column, got {'+'.join(several)}")
    return columns


def _as_patterns(value: Any) -> tuple[str, ...]:
    patterns = value.split(",") if isinstance(value, str) else value
    if not isinstance(patterns, list | tuple) or not all(isinstance(item, str) for item in patterns):
        raise UsageError(f"--neuron-columns must be names or patterns, got {value!r}")
    return tuple(pattern.strip() for pattern in patterns)
