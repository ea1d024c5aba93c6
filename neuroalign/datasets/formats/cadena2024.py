"""Folders of Cadena et al. (2024): spike counts of macaque V1 and V4 in time bins, by session, with images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import (
    Bins,
    binned,
    compact,
    describe_kept,
    expect_same_bins,
    group_bins,
    sum_groups,
)
from neuroalign.datasets.formats.delimited_text import first_line
from neuroalign.datasets.formats.reader import RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, WINDOW
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.formats.whole_folders import advice_on_parent, advice_on_part
from neuroalign.datasets.time_bins import COUNTS
from neuroalign.datasets.time_windows import Window, bins_of_window
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

#: Start of the first time bin after stimulus onset, and length of every bin, in milliseconds.
_START, _LENGTH = 40, 10
_SPLITS = ("train", "test")
_COLUMNS = ("responses", "image_id")


@dataclass(frozen=True, eq=False)
class _Session:
    """Trials of one session in the order of its files: counts (n_trials, n_neurons[, n_bins]), images and splits."""

    name: str
    subject: str
    counts: NDArray[np.floating[Any]]
    image_id: NDArray[np.str_]
    split: NDArray[np.str_]
    edges: NDArray[np.float64] | None


def read_cadena2024(path: Path, window: Window | None, bins: Bins | None = None) -> RecordingParts:
    """Read all sessions of the folder as it is published.

    The column ``responses`` of ``{train,test}/SESSION/responses.csv`` holds the spikes of each neuron in time bins of
    10 ms, the first of which starts 40 ms after stimulus onset. Trials with the same ``image_id`` are repetitions.

    Parameters
    ----------
    path : Path
        Folder with ``train``, ``test`` and ``images``.
    window : (float, float), optional
        Time in milliseconds in which spikes are counted; needed without `bins`, because V1 and V4 respond at
        different times.
    bins : float or "file", optional
        Width in milliseconds of the time bins that the recording keeps, or "file" for the bins of the files.

    Returns
    -------
    RecordingParts
        Single trials. Neurons of several sessions are joined by ``image_id``; NaN stands for an image that a session
        did not show. The column ``split`` of the stimuli is train or test, and the neurons have the label session.

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or no window is given.
    """
    files = {split: sorted((path / split).glob("*/responses.csv")) for split in _SPLITS}
    names = sorted({file.parent.name for split in _SPLITS for file in files[split]})
    if not names:
        raise DatasetError(f"{path} has no sessions: no file train/SESSION/responses.csv")
    sessions = [_read_session(path, name, window, bins) for name in names]
    array, split = _join(sessions)
    stimulus_id = array["stimulus_id"].values.astype(str)
    import pandas as pd

    table, varying = describe_each_stimulus(pd.DataFrame({"split": split}, index=pd.Index(stimulus_id)))
    notes = [
        f"{count_noun(len(names), 'session')} joined by image_id ({name_some(names)}); neurons have the label session.",
        "Stimulus ids are image_id with six digits, as the image files have them.",
        f"Passed over: trial_id and previous_image_id of each trial of {path.name}.",
    ]
    if varying:
        notes.append(
            "Some images are in the training and in the test trials: split is a label of the trials."
        )
        array = array.assign_coords(split=("presentation", split))
    images = None
    if (path / "images").is_dir():
        images = {name: path / "images" / f"{name}.png" for name in table.index}
        missing = [name for name, file in images.items() if not file.is_file()]
        if missing:
            raise DatasetError(f"{path / 'images'} lacks {len(missing)} images: {name_some(missing)}")
    window, of_bins = describe_kept(array, window)
    return RecordingParts(
        array, averaged=False, stimuli=table, images=images, window=window, notes=(*notes, *of_bins)
    )


class Cadena2024Reader(RecordingReader):
    """Reader of the folders of Cadena et al. (2024)."""

    title = "folder of Cadena et al. (2024), V1 or V4"
    options = (WINDOW, BINS)
    gives = ("recording", "stimuli", "images")

    def recognises(self, path: Path) -> bool:
        """Return whether the folder has sessions with a column of responses and of image ids."""
        return _has_sessions(path)

    def advice(self, path: Path) -> str:
        """Return advice on the images or a session of the folder, and on a folder around such folders."""
        noun = "the recordings of Cadena et al. (2024)"
        return advice_on_part(path, _has_sessions, (*_SPLITS, "images"), noun) or advice_on_parent(
            path, _has_sessions, "folder of Cadena et al. (2024)"
        )

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count spikes in the window; see :func:`read_cadena2024`."""
        if len(paths) > 1:
            raise UsageError(f"--responses must be one folder with train and test, got {len(paths)}")
        if not any((paths[0] / split).is_dir() for split in _SPLITS):
            raise DatasetError(
                self.advice(paths[0])
                or f"{paths[0]} must be a folder of Cadena et al. (2024), with images, train and test"
            )
        return read_cadena2024(paths[0], options["window"], options["bins"])


def _has_sessions(path: Path) -> bool:
    file = next((path / "train").glob("*/responses.csv"), None) if path.is_dir() else None
    try:
        return file is not None and set(_COLUMNS) <= set(first_line(file).split(","))
    except DatasetError:
        return False


def _read_session(path: Path, name: str, window: Window | None, kept: Bins | None) -> _Session:
    """Read the training and the test trials of one session."""
    import numpy as np

    counts: list[NDArray[np.floating[Any]]] = []
    edges: NDArray[np.float64] | None = None
    image_id: list[str] = []
    split_of: list[str] = []
    subjects: set[str] = set()
    for split in _SPLITS:
        file = path / split / name / "responses.csv"
        if not file.is_file():
            continue
        bins, images = _read_trials(file)
        if counts and bins.shape[1] != counts[0].shape[1]:
            raise DatasetError(
                f"{file} has {bins.shape[1]} neurons, and its session has {counts[0].shape[1]} in train"
            )
        counted, edges = _count(bins, window, kept, file)
        counts.append(counted)
        image_id += images
        split_of += [split] * len(images)
        subjects.add(_subject(file.parent / "meta_data.json"))
    subject = subjects.pop() if len(subjects) == 1 else "unknown"
    joined = np.concatenate(counts)
    return _Session(name, subject, joined, np.array(image_id), np.array(split_of), edges)


def _read_trials(file: Path) -> tuple[NDArray[np.float64], list[str]]:
    """Return the spikes of each trial, neuron and bin, and the image of each trial."""
    import numpy as np
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        missing = [column for column in _COLUMNS if column not in table]
        if missing:
            raise DatasetError(f"{file} lacks the columns {name_some(missing)}")
        if table.empty:
            raise DatasetError(f"{file} has no trials")
        # The text is a list in brackets, which is valid JSON; it is never evaluated as Python.
        bins = np.array([json.loads(text) for text in table["responses"]], dtype=np.float64)
        images = [f"{int(number):06d}" for number in table["image_id"]]
    except DatasetError:
        raise
    except Exception as error:  # text that is not a list, lists of unequal length
        raise DatasetError(
            f"cannot read {file}: {error}; the column responses must hold [[bins] per neuron]"
        ) from error
    if bins.ndim != 3:
        raise DatasetError(
            f"{file} must hold responses as [[bins] per neuron], got {bins.ndim - 1} axes in each trial"
        )
    return bins, images


def _count(
    bins: NDArray[np.float64], window: Window | None, kept: Bins | None, file: Path
) -> tuple[NDArray[np.floating[Any]], NDArray[np.float64] | None]:
    """Count the spikes in the window or in the bins to keep, and return the edges of these bins."""
    import numpy as np

    starts = _START + _LENGTH * np.arange(bins.shape[2])
    if kept is not None:
        groups, edges = group_bins(starts, starts + _LENGTH, window, kept, str(file))
        return compact(sum_groups(bins, groups)), edges
    if window is None:
        raise DatasetError(
            f"{file} has {bins.shape[2]} time bins from {_START} to {starts[-1] + _LENGTH} ms; count the spikes in "
            "some of them with --window START,END (the authors use 70,160 for V4), or keep them with --bins file"
        )
    chosen = bins_of_window(starts, starts + _LENGTH, window, str(file))
    return bins[:, :, chosen].sum(axis=2), None


def _subject(file: Path) -> str:
    """Return the animal of a session; "unknown" where the file does not name it."""
    if not file.is_file():
        return "unknown"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return str(content.get("subject_id", "unknown"))
    except Exception as error:  # damaged JSON, or JSON that is not an object
        raise DatasetError(f"cannot read {file}: {error}") from error


def _join(sessions: Sequence[_Session]) -> tuple[xr.DataArray, NDArray[np.str_]]:
    """Join the neurons of all sessions by image and number of the repetition, and return the split of each trial."""
    import numpy as np
    import pandas as pd

    from neuroalign.arrays import recording

    keys = []
    for session in sessions:
        trials = pd.DataFrame({"image": session.image_id, "split": session.split})
        trials["repetition"] = trials.groupby(["image", "split"]).cumcount()
        keys.append(pd.MultiIndex.from_frame(trials))
    every = keys[0]
    for key in keys[1:]:
        every = every.union(key, sort=False)
    every = every.sort_values()
    edges = sessions[0].edges
    for session in sessions:
        if edges is not None and session.edges is not None:
            expect_same_bins(session.edges, edges, session.name, sessions[0].name)
    n_neurons = sum(session.counts.shape[1] for session in sessions)
    dtype = np.result_type(*(session.counts for session in sessions))
    values = np.full((len(every), n_neurons, *sessions[0].counts.shape[2:]), np.nan, dtype=dtype)
    start = 0
    for session, key in zip(sessions, keys, strict=True):
        stop = start + session.counts.shape[1]
        values[every.get_indexer(key), start:stop] = session.counts
        start = stop
    labels = [
        (f"{session.name}-{number}", session.name, session.subject)
        for session in sessions
        for number in range(session.counts.shape[1])
    ]
    neuroids, names, animals = (np.array(column) for column in zip(*labels, strict=True))
    array = recording(
        values,
        stimulus_id=every.get_level_values("image").to_numpy().astype(str),
        neuroid_id=neuroids,
        animal=animals,
        **binned(edges, COUNTS),
    ).assign_coords(session=("neuroid", names))
    return array, every.get_level_values("split").to_numpy().astype(str)
