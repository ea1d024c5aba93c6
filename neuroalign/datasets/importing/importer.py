"""Bring recordings of one's own: read them, name their stimuli, check everything, keep them as a dataset."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.catalogue import datasets_folder, expect_free_name, folder_of, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import replace_landmarks, scratch_folder, write_folder
from neuroalign.datasets.formats.bare import BareArray, expect_numbers
from neuroalign.datasets.formats.bare_files import read_bare_files
from neuroalign.datasets.formats.brainio import average_window, read_brainio
from neuroalign.datasets.formats.detect import Format, detect_format
from neuroalign.datasets.formats.images import Order, check_images, collect_images
from neuroalign.datasets.formats.matrix_csv import CsvLabels
from neuroalign.datasets.formats.rasters import read_rasters
from neuroalign.datasets.formats.time_bins import Window, expect_window
from neuroalign.datasets.image_survey import ImageSurvey, notes_on_images
from neuroalign.datasets.importing.joining import Session, join_sessions
from neuroalign.datasets.importing.labelling import (
    arrange,
    doubtful_values,
    leave_out_unusable,
    parse_axes,
    recording_from_cube,
    state_labels,
)
from neuroalign.datasets.importing.provenance import checksums, sha256
from neuroalign.datasets.importing.stimulus_table import (
    as_stimulus_table,
    describe_stimuli,
    images_of,
    name_stimuli,
    read_stimulus_csv,
)
from neuroalign.datasets.landmarks.csv import with_landmarks
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.variants import COLUMN, VariantTable
from neuroalign.errors import DatasetError, UsageError
from neuroalign.masked import as_numbers
from neuroalign.names.registry import datasets

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class _Reading:
    """A recording with what its file says of the stimuli and what had to be taken for granted."""

    recording: xr.DataArray
    averaged: bool
    known: pd.DataFrame | None = None
    row_ids: NDArray[np.str_] | None = None
    window: Window | None = None
    notes: tuple[str, ...] = ()


def import_dataset(
    name: str,
    *,
    responses: PathLike | Sequence[PathLike] | NDArray[Any],
    axes: str | Sequence[str] | None = None,
    variable: str | None = None,
    images: PathLike | None = None,
    stimuli: PathLike | pd.DataFrame | None = None,
    landmarks: PathLike | None = None,
    window: Window | None = None,
    format: str | None = None,
    stimulus_labels: Sequence[str] | None = None,
    csv_labels: CsvLabels | None = None,
    image_order: Order | None = None,
    stimulus_set: str | None = None,
    region: str | None = None,
    animal: str | None = None,
    averaged: bool | None = None,
    drop: Sequence[str] = (),
    source: str | None = None,
    licence: str | None = None,
    citation: str | None = None,
    description: str | None = None,
    force: bool = False,
) -> Dataset:
    """Import a recording, so that :func:`neuroalign.load_dataset` knows it as `name`.

    The import is complete or leaves nothing behind.

    Parameters
    ----------
    name : str
        Letters, digits, dots, dashes and underscores.
    responses : path, sequence of paths, or array of numbers
        MATLAB (.mat, any version), NumPy (.npy, .npz), CSV, plain HDF5, BrainIO netCDF, or rasters of the Neural
        Decoding Toolbox (folder, ZIP or CSV files). Several files of bare arrays are further neurons; they
        join by the labels of their stimuli, or by position if none has labels. Masked values are missing.
    axes : str or sequence of {"neuroid", "stimulus", "repetition"}
        What the axes of a bare array are; needed for MATLAB, NumPy, CSV and HDF5 files and arrays. NaN along
        the repetition axis is a missing trial.
    variable : str, optional
        Which array of a MATLAB, .npz or HDF5 file.
    images : path, optional
        A folder or ZIP archive of images.
    stimuli : path or pandas.DataFrame, optional
        A table of the stimuli, in the order of the stimulus axis: ``stimulus_id``, ``filename`` (or brainio's
        names for them) and any other columns. An id that repeats makes its rows repetitions of one stimulus.
    landmarks : path, optional
        A CSV of landmarks on the images; see :func:`neuroalign.datasets.landmarks.csv.read_landmark_csv`.
    window : (float, float), optional
        For rasters and for BrainIO files with several time bins: from when to when to count spikes
        (rasters) or to average (BrainIO, weighted by the length of the bins), in milliseconds. Time bins must
        cover the window exactly.
    format : {"matlab", "npy", "npz", "csv", "hdf5", "brainio", "rasters"}, optional
        By default told from the files. Plain HDF5 must be stated: ``axes`` are then in the order of h5py.
    stimulus_labels : sequence of str, optional
        For rasters: the labels whose values together make a stimulus; by default all.
    csv_labels : {"none", "header", "index", "both"}, optional
        Whether the first row and column of a CSV are labels; by default if they hold text alone.
    image_order : {"name", "number"}, optional
        How image files sort where that gives the stimuli their order: "name" puts image10 before image2.
    stimulus_set : str, optional
        What to call the stimulus set; by default `name`.
    region, animal : str, optional
        The label of all neurons, which may not contradict the files; by default as in the files, else "unknown".
    averaged : bool, optional
        Whether values without repetitions are means over trials; by default they are.
    drop : sequence of {"incomplete-neuroids", "incomplete-stimuli", "constant-neuroids"}
        What may be left out because it has no complete mean responses; by default that is an error.
    source, licence, citation, description : str, optional
        Kept with the dataset.
    force : bool
        Whether to replace a dataset of this name.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError, ArrayError, ArchiveError
        If something cannot be read or does not fit; nothing is left behind.
    """
    expect_free_name(name, force=force)
    window = None if window is None else expect_window(window)
    target = datasets_folder() / name
    paths = [] if isinstance(responses, np.ndarray) else _paths(responses)
    kind = detect_format(paths, format) if paths else None
    _refuse_idle_options(
        kind,
        axes=axes,
        variable=variable,
        window=window,
        stimulus_labels=stimulus_labels,
        csv_labels=csv_labels,
    )
    for option, given in (("images", images), ("landmarks", landmarks)):
        if not isinstance(given, str | os.PathLike | None):
            raise UsageError(f"{option} must be a path, not {type(given).__name__}")
    if not isinstance(stimuli, str | os.PathLike | pd.DataFrame | None):
        raise UsageError(f"stimuli must be a path or a pandas.DataFrame, not {type(stimuli).__name__}")
    table_path = None if stimuli is None or isinstance(stimuli, pd.DataFrame) else Path(stimuli).expanduser()
    image_path = None if images is None else Path(images).expanduser()
    landmark_path = None if landmarks is None else Path(landmarks).expanduser()
    if landmark_path is not None and image_path is None:
        raise UsageError("--landmarks are in pixels of the images: give those, too, with --images")
    with scratch_folder(target.parent) as scratch:
        pictures = None if image_path is None else collect_images(image_path, scratch)
        table, of_table = None, list[str]()
        if table_path is not None:
            table, of_table = read_stimulus_csv(table_path)
        elif isinstance(stimuli, pd.DataFrame):
            table, of_table = as_stimulus_table(stimuli)
        if kind == "rasters":
            array, known = read_rasters(paths, window=window, stimulus_labels=stimulus_labels)
            reading = _Reading(array, averaged=False, known=known, window=window)
        elif kind == "brainio":
            reading = _from_brainio(paths, window)
        else:
            arrays = (
                {
                    "the array": BareArray(
                        expect_numbers(as_numbers(cast("NDArray[Any]", responses)), "the array")
                    )
                }
                if kind is None
                else read_bare_files(paths, kind, variable, csv_labels)
            )
            reading = _from_bare(name, arrays, axes, table, pictures, image_order)
        array, dropped = leave_out_unusable(
            state_labels(reading.recording, region=region, animal=animal), drop
        )
        described, images_by_id, notes = _stimuli_of(array, reading, table, pictures, dropped)
        stimulus_set = stimulus_set or reading.recording.attrs.get("stimulus_set") or name
        described_stimuli = StimulusSet(stimulus_set, described, images_by_id)
        if landmark_path is not None:
            described_stimuli, of_landmarks = with_landmarks(described_stimuli, landmark_path)
            notes = [*notes, *of_landmarks]
        files = checksums(
            responses=paths, images=[image_path], stimuli=[table_path], landmarks=[landmark_path]
        )
        provenance = {"source": source, "licence": licence, "citation": citation}
        metadata = {
            "description": description,
            **provenance,
            "window_ms": None if reading.window is None else list(reading.window),
            "dropped_neuroids": dropped["neuroids"] or None,
            "dropped_stimuli": dropped["stimuli"] or None,
            "notes": [*reading.notes, *of_table, *notes, *_hides(name)],
            "files": files,
        }
        array.attrs = {
            "identifier": name,
            "stimulus_set": stimulus_set,
            **{key: value for key, value in provenance.items() if value},
            "sha256": ",".join(each["sha256"] for each in files if each["role"] == "responses"),
            "simulated": "no",
        }
        dataset = Dataset(
            identifier=name,
            recording=array,
            stimuli=described_stimuli,
            averaged=_is_average(reading, averaged),
            metadata={key: value for key, value in metadata.items() if value is not None},
        )
        write_folder(dataset, target, replace=force)
    return load_dataset(name)


def import_landmarks(dataset: str, file: PathLike) -> list[str]:
    """Give a dataset landmarks from a CSV, in place of those that it may have.

    Parameters
    ----------
    dataset : str
        The name of a dataset that was added, or the path of a dataset folder.
    file : path
        See :func:`neuroalign.datasets.landmarks.csv.read_landmark_csv`.

    Returns
    -------
    list of str
        Notes for the user: stimuli without landmarks, landmarks without stimulus.

    Raises
    ------
    DatasetError
        If the file cannot be read or does not fit the images; the dataset is left as it was.
    """
    folder = folder_of(dataset)
    path = Path(file).expanduser()
    stimuli, notes = with_landmarks(load_dataset(folder).stimuli, path)
    assert stimuli.landmarks is not None
    replace_landmarks(folder, stimuli.landmarks, origin=f"{path.name}, SHA-256 {sha256(path)}")
    return notes


def _hides(name: str) -> list[str]:
    hidden = (
        f"From now on {name} is this dataset, not the one that neuroalign or a plug-in has under this name."
    )
    return [hidden] if name in datasets else []


def _paths(responses: PathLike | Sequence[PathLike]) -> list[Path]:
    if hasattr(responses, "__array__"):
        raise UsageError(
            f"responses must be a path, several paths, or a NumPy array, not {type(responses).__name__}; "
            "give its values and say what its axes are"
        )
    several = [responses] if isinstance(responses, str | os.PathLike) else list(responses)
    if not several or not all(isinstance(each, str | os.PathLike) for each in several):
        raise UsageError("responses must be a path, several paths, or a NumPy array")
    return [Path(path).expanduser() for path in several]


def _refuse_idle_options(kind: Format | None, **options: object) -> None:
    """Refuse options that the format has no use for, so that none is silently passed over."""
    uses: dict[str, tuple[Format | None, ...]] = {
        "axes": (None, "matlab", "npy", "npz", "csv", "hdf5"),
        "variable": ("matlab", "npz", "hdf5"),
        "window": ("rasters", "brainio"),
        "stimulus_labels": ("rasters",),
        "csv_labels": ("csv",),
    }
    for option, formats in uses.items():
        if options[option] is not None and kind not in formats:
            raise UsageError(
                f"--{option.replace('_', '-')} means nothing for responses in the format {kind or 'array'}; "
                "leave it out"
            )


def _from_brainio(paths: Sequence[Path], window: Window | None) -> _Reading:
    if len(paths) > 1:
        raise UsageError(f"give one BrainIO file, not {len(paths)}")
    array, known = read_brainio(paths[0])
    mean, window, notes = average_window(array, window, paths[0])
    return _Reading(mean, bool(array.attrs["averaged"]), known, window=window, notes=tuple(notes))


def _from_bare(
    name: str,
    arrays: Mapping[str, BareArray],
    axes: str | Sequence[str] | None,
    table: pd.DataFrame | None,
    pictures: Mapping[str, Path] | None,
    image_order: Order | None,
) -> _Reading:
    """Make a recording of arrays whose axes the user names; each array holds further neurons."""
    if axes is None:
        what, first = next(iter(arrays.items()))
        raise UsageError(
            f"{what} is {' × '.join(map(str, first.values.shape))}: say what its axes are, "
            "for example --axes neuroid,stimulus or --axes neuroid,stimulus,repetition"
        )
    names = parse_axes(axes)
    sessions, notes = {}, []
    for what, bare in arrays.items():
        values, labels, assumed = arrange(bare, names, what)
        sessions[what] = Session(values, labels.get("stimulus"), labels.get("neuroid"))
        notes += [*([] if bare.note is None else [bare.note]), *assumed]
    joined, of_joining = join_sessions(sessions, name)
    cube, stimulus_labels = joined.values, joined.stimulus
    assert joined.neuroid is not None
    shape = " × ".join(map(str, next(iter(arrays.values())).values.shape))
    named = name_stimuli(
        cube.shape[0],
        labels=stimulus_labels,
        table=table,
        image_names=None if pictures is None else list(pictures),
        image_order=image_order,
        shape=f"{shape} read as {','.join(names)}",
    )
    array = recording_from_cube(cube, stimulus_id=named.ids, neuroid_id=joined.neuroid)
    repeated = len(np.unique(named.ids)) < len(named.ids)
    notes = [f"Stimulus ids are {named.origin}.", *notes, *of_joining, *doubtful_values(cube)]
    if repeated:
        notes.append("Stimulus ids repeat: they are taken as repetitions of one stimulus.")
    return _Reading(
        array,
        averaged="repetition" not in names and not repeated,
        row_ids=None if stimulus_labels is not None or table is None else named.ids,
        notes=tuple(notes),
    )


def _stimuli_of(
    array: xr.DataArray,
    reading: _Reading,
    table: pd.DataFrame | None,
    pictures: dict[str, Path] | None,
    dropped: Mapping[str, Sequence[str]],
) -> tuple[pd.DataFrame, dict[str, Path] | None, list[str]]:
    """Describe the stimuli of a recording and check their images."""
    ids = array["stimulus_id"].values.astype(str)
    described, left_out = describe_stimuli(ids, reading.row_ids, table, reading.known)
    if COLUMN in left_out:
        raise DatasetError(
            f"the column {COLUMN} of the stimulus table must be the same in all rows of one stimulus; "
            "name one original for each stimulus"
        )
    described = described[~described.index.isin(dropped["stimuli"])]
    notes = [
        f"Column {column} of the stimulus table was left out: it differs between the rows of one stimulus."
        for column in left_out
    ]
    found = images_of(described, pictures, table, reading.row_ids)
    survey = ImageSurvey()
    if found is not None and pictures is not None:
        check_images(found, survey)
        idle = len(pictures) - len(set(found.values()))
        if idle:
            notes.append(f"{idle} images belong to no stimulus and were left out.")
    ids = described.index.to_numpy().astype(str)
    originals = VariantTable(described, found).originals(ids)
    if originals.has_variants:
        notes.append(
            f"{ids.size:,} stimuli are variants of {originals.n:,} originals: variants of one original stay together "
            "in folds, draws and shuffles."
        )
    if originals.n_identical:
        notes.append(
            f"{originals.n_identical:,} of them share their image with another one byte for byte: equal images count "
            "as one original."
        )
    return described, found, notes + notes_on_images(survey, described)


def _is_average(reading: _Reading, stated: bool | None) -> bool:
    most = int(pd.Series(reading.recording["stimulus_id"].values).value_counts().max())
    if stated and most > 1:
        raise UsageError(
            f"--averaged contradicts the responses, which have up to {most} trials of a stimulus"
        )
    return reading.averaged if stated is None else stated
