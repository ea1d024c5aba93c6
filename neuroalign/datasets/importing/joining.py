"""Join of files with further neurons: by the labels of their stimuli, or by position without labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.arrays.blocks import forget_pages
from neuroalign.arrays.spelling import respell
from neuroalign.errors import DatasetError, name_some


@dataclass(frozen=True)
class Session:
    """Responses in one file.

    Parameters
    ----------
    values : array of shape (n_stimuli, n_repetitions, n_neuroids)
    stimulus, neuroid : array of str, optional
        Labels in the file. Rows with the same stimulus label are repetitions of one stimulus.
    """

    values: NDArray[Any]
    stimulus: NDArray[np.str_] | None = None
    neuroid: NDArray[np.str_] | None = None


def join_sessions(
    sessions: Mapping[str, Session], name: str, noun: str = "file"
) -> tuple[Session, list[str]]:
    """Join the neurons of several files.

    Parameters
    ----------
    sessions : mapping of file name to Session
    name : str
        Name of the dataset, after which neurons without labels are named.
    noun : str
        Noun for a session in messages.

    Returns
    -------
    session : Session
        All neurons. Stimuli are in the order of the first file, followed by further stimuli of later files. NaN
        stands for a stimulus without a response of a neuron.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    DatasetError
        If only some files label their stimuli, if files without labels have different numbers of stimuli, or if
        two files have a neuron with the same name.
    """
    notes: list[str] = []
    first = next(iter(sessions))
    labels = {file: session.stimulus for file, session in sessions.items() if session.stimulus is not None}
    if labels and len(labels) < len(sessions):
        without = next(file for file, session in sessions.items() if session.stimulus is None)
        raise DatasetError(
            f"{without} does not label its stimuli and {next(iter(labels))} does, so the stimuli cannot be matched; "
            f"label the stimuli of all {noun}s or of no {noun}"
        )
    neuroid = _neuroids(sessions, name)
    if not labels:
        for file, session in sessions.items():
            if len(session.values) != len(sessions[first].values):
                raise DatasetError(
                    f"{noun}s without labels must have the same stimuli in the same order; "
                    f"{first} has {len(sessions[first].values)} and {file} has {len(session.values)}"
                )
        if len(sessions) > 1:
            notes.append(
                f"{len(sessions)} {noun}s were joined by position, because no {noun} labels its stimuli: "
                f"stimulus n of each {noun} is taken to be the same."
            )
        values = [session.values for session in sessions.values()]
        return Session(_side_by_side(values, len(values[0])), None, neuroid), notes
    if len(sessions) == 1:
        return Session(sessions[first].values, sessions[first].stimulus, neuroid), notes
    keys = {
        file: _numbered(np.array(respell(stimulus.tolist(), labels[first].tolist()), dtype=str))
        for file, stimulus in labels.items()
    }
    joined = keys[first]
    for key in keys.values():
        joined = joined.append(key.difference(joined, sort=False))
    places = [joined.get_indexer(key) for key in keys.values()]
    if any(not keys[first].equals(key) for key in keys.values()):
        everywhere = joined
        for key in keys.values():
            everywhere = everywhere.intersection(key)
        partial = joined.difference(everywhere, sort=False).get_level_values(0).unique()
        differ = f"; not in all {noun}s: {name_some(partial.tolist())}" if len(partial) else ""
        notes.append(f"{len(sessions)} {noun}s were joined by the labels of their stimuli{differ}.")
    cube = _side_by_side([session.values for session in sessions.values()], len(joined), places)
    return Session(cube, joined.get_level_values(0).to_numpy().astype(str), neuroid), notes


def _neuroids(sessions: Mapping[str, Session], name: str) -> NDArray[np.str_]:
    """Return the labels of all neurons; a neuron without a label gets the name of the dataset with a number."""
    n_neuroids = sum(session.values.shape[2] for session in sessions.values())
    # The name of the dataset makes ids unique: equal ids in two datasets would denote one neuron.
    width = len(str(n_neuroids - 1))
    ids: list[str] = []
    owner: dict[str, str] = {}
    for file, session in sessions.items():
        start = len(ids)
        own = [f"{name}-{start + i:0{width}d}" for i in range(session.values.shape[2])]
        own = own if session.neuroid is None else session.neuroid.tolist()
        shared = [neuroid for neuroid in own if owner.get(neuroid, file) != file]
        if shared:
            raise DatasetError(
                f"{owner[shared[0]]} and {file} both have neurons called {name_some(shared)}; "
                "files hold further neurons, so give each neuron a name of its own"
            )
        owner |= dict.fromkeys(own, file)
        ids += own
    return np.array(ids)


def _numbered(stimulus: NDArray[np.str_]) -> pd.MultiIndex:
    """Number the rows of each stimulus, so that all rows differ."""
    return pd.MultiIndex.from_arrays([stimulus, pd.Series(stimulus).groupby(stimulus).cumcount()])


def _side_by_side(
    cubes: list[NDArray[Any]], n_stimuli: int, places: list[NDArray[np.int64]] | None = None
) -> NDArray[Any]:
    """Join arrays (n_rows, n_repetitions, n_neuroids) along neuroids; NaN fills missing stimuli and repetitions.

    ``places`` has the stimulus of each row of each array, where the rows differ between the arrays.
    """
    if len(cubes) == 1 and places is None:
        return cubes[0]
    most = max(cube.shape[1] for cube in cubes)
    joined = np.full((n_stimuli, most, sum(cube.shape[2] for cube in cubes)), np.nan)
    start = 0
    for number, cube in enumerate(cubes):
        part = joined[:, : cube.shape[1], start : start + cube.shape[2]]
        part[slice(None) if places is None else places[number]] = cube
        forget_pages(cube)
        start += cube.shape[2]
    return joined
