"""Import of a user's recording as a dataset."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.catalogue import datasets_folder, expect_free_name, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import scratch_folder, write_folder
from neuroalign.datasets.formats.image_stack import ImageStack, pair_images, parse_image_axes
from neuroalign.datasets.formats.image_stack_files import is_stack, open_stack
from neuroalign.datasets.formats.images import Order, collect_images
from neuroalign.datasets.importing.arguments import expect_flags, expect_texts, note_on_name
from neuroalign.datasets.importing.averages import (
    Beside,
    NoiseOfAverages,
    as_beside,
    as_n_trials,
    attach_noise,
)
from neuroalign.datasets.importing.described_stimuli import describe_all_stimuli
from neuroalign.datasets.importing.labelling import leave_out_unusable, state_labels
from neuroalign.datasets.importing.neuron_table import as_neuron_table, label_neurons, read_neuron_table
from neuroalign.datasets.importing.objects import paths_of
from neuroalign.datasets.importing.provenance import checksums
from neuroalign.datasets.importing.reading import Source, expect_averaged
from neuroalign.datasets.importing.stimuli_alone import expect_images_alone, import_stimuli
from neuroalign.datasets.importing.stimulus_marks import Listed
from neuroalign.datasets.importing.stimulus_table import (
    as_stimulus_table,
    read_stimulus_table,
)
from neuroalign.datasets.landmarks.csv import with_landmarks
from neuroalign.datasets.plausibility import implausible
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.time_bins import over_all_bins
from neuroalign.errors import UsageError
from neuroalign.files.plain import as_path

PathLike = str | os.PathLike[str]


def import_dataset(
    name: str,
    *,
    responses: PathLike | Sequence[PathLike] | ArrayLike | pd.DataFrame | xr.DataArray | None = None,
    axes: str | Sequence[str] | None = None,
    images: PathLike | NDArray[Any] | None = None,
    stimuli: PathLike | pd.DataFrame | None = None,
    neurons: PathLike | pd.DataFrame | None = None,
    presented: Listed | None = None,
    training: Listed | None = None,
    held_out: Listed | None = None,
    mirror_training: bool = False,
    landmarks: PathLike | None = None,
    format: str | None = None,
    image_order: Order | None = None,
    image_axes: str | Sequence[str] | None = None,
    image_white: int | None = None,
    stimulus_set: str | None = None,
    region: str | None = None,
    animal: str | None = None,
    averaged: bool | None = None,
    sem: PathLike | Sequence[PathLike] | NDArray[Any] | None = None,
    sem_variable: str | None = None,
    n_trials: int | PathLike | NDArray[Any] | None = None,
    noise: Literal["poisson"] | None = None,
    drop: Sequence[str] = (),
    drop_stimuli: Sequence[str] = (),
    source: str | None = None,
    licence: str | None = None,
    citation: str | None = None,
    description: str | None = None,
    force: bool = False,
    **options: Any,
) -> Dataset:
    """Import a recording, or stimuli alone, so that :func:`neuroalign.load_dataset` finds it under `name`.

    The import is complete or leaves nothing behind.

    Parameters
    ----------
    name : str
        Name of the dataset: letters, digits, dots, dashes and underscores.
    responses : path, sequence of paths, array, tensor, pandas.DataFrame, xarray.DataArray, list of arrays, optional
        Files of one registered format (``neuroalign data formats`` lists them), or responses in memory. Several files
        with arrays hold further neurons, and so do several arrays in a list; they join by the labels of their stimuli,
        or by position if none has labels. Index and columns of a data frame and coordinates of a DataArray are labels
        of stimuli and neurons. Masked values are missing. Without responses, the dataset has stimuli alone, and
        networks can be trained on its images.
    axes : str or sequence of {"neuroid", "stimulus", "repetition"}
        Names of the axes of an array, in their order; needed unless the files name their stimuli and neurons, or a
        DataArray has dimensions of these names. For a list of arrays, the first name may be the axis of the list. NaN
        along the repetition axis is a missing trial.
    images : path or array, optional
        Folder or ZIP archive of images, or a stack of images: an array or a file with an array (``.npy``, ``.npz``,
        ``.mat``, ``.h5``) that has one image for each stimulus, in the order of the stimulus axis or with an array
        ``stimulus_id`` beside it.
    stimuli : path or pandas.DataFrame, optional
        Table of the stimuli, in the order of the stimulus axis: ``stimulus_id``, ``filename`` (or brainio's names for
        them) and any other columns. Rows with the same id are repetitions of one stimulus. A table may have more
        stimuli than the recording: its column ``presented`` marks the stimuli of the axis, or `presented` lists them.
    neurons : path or pandas.DataFrame, optional
        Table of the neurons: ``neuroid_id``, ``region``, ``animal`` (or other names for them) and any other columns,
        which all become labels of the neurons. Rows are matched by id where the files name their neurons; otherwise
        they are the neurons in their order.
    presented : path or sequence of str, optional
        Stimuli of the stimulus axis in its order, as ids or names of image files: a file with one stimulus in each
        line, or a table with a column ``stimulus_id``. For files that do not name their stimuli.
    training, held_out : path, name of a column of the stimulus table, or sequence of str, optional
        Stimuli that models may be fitted to, and stimuli that they may not be fitted to. A column holds yes or no, or
        values of which some are named: ``"tier=train|validation"``. One list implies the other.
    mirror_training : bool
        Whether models are trained on mirror images of the stimuli, as in Higgins et al. (2020).
    landmarks : path, optional
        CSV of landmarks on the images; see ``neuroalign.datasets.landmarks.csv.read_landmark_csv``.
    format : str, optional
        Name of a registered format; by default the content of the files decides.
    image_order : {"name", "number"}, optional
        Order of the image files where it gives the order of the stimuli: "name" puts image10 before image2.
    image_axes : str or sequence of {"image", "height", "width", "channel"}, optional
        Names of the axes of a stack of images, in their order; by default by their lengths, where that is certain.
    image_white : {1, 255}, optional
        Value of white in a stack of images; by default by the largest value, where that is certain.
    stimulus_set : str, optional
        Name of the stimulus set; by default `name`.
    region, animal : str, optional
        Label of all neurons, which may not contradict the files. By default the labels in the files, or "unknown".
    averaged : bool, optional
        Whether values without repetitions are means over trials; by default they are.
    sem : path, sequence of paths, or array, optional
        Standard errors of averaged responses, in the format and with the axes of the responses. They give ceilings and
        noise corrections without single trials.
    sem_variable : str, optional
        Variable of the file of standard errors.
    n_trials : int, name of a column of the stimulus table, path or array, optional
        Number of trials behind each average: of all, of each stimulus, or of each stimulus and neuron.
    noise : {"poisson"}, optional
        Model from which the standard errors of mean spike counts follow: "poisson" for a variance over trials that
        equals the mean. Needs `n_trials`.
    drop : sequence of {"incomplete-neuroids", "incomplete-stimuli", "constant-neuroids"}
        Neurons and stimuli without complete mean responses to leave out; by default they are an error.
    drop_stimuli : sequence of str
        Ids of stimuli to leave out, such as a blank screen or pictures that cannot be shared.
    source, licence, citation, description : str, optional
        Information that is stored with the dataset.
    force : bool
        Whether to replace a dataset of this name.
    **options
        Options of the reader of the format, such as ``variable="responses"`` or ``window=(100, 400)``; ``neuroalign
        data add --help`` describes them.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownNameError
        If no reader is registered for the format, or no reader takes an option.
    UsageError
        If the format does not take an option.
    DatasetError, ArrayError, ArchiveError
        If a file cannot be read, or the parts of the recording do not fit each other; nothing is left behind.

    Examples
    --------
    >>> import numpy as np
    >>> import neuroalign as na
    >>> spikes = np.random.default_rng(0).poisson(5, size=(3, 20, 4))
    >>> dataset = na.import_dataset("example-import", responses=spikes, axes="neuroid,stimulus,repetition", force=True)
    >>> dataset
    <Dataset example-import: 3 recorded neurons × 20 stimuli>
    >>> na.load_dataset("example-import").trials.shape
    (20, 4, 3)
    """
    texts = {"stimulus_set": stimulus_set, "region": region, "animal": animal, "source": source}
    expect_texts(**texts, licence=licence, citation=citation, description=description)
    expect_flags(averaged=averaged, mirror_training=mirror_training, force=force)
    if responses is None:
        described_by = {
            "axes": axes,
            "neurons": neurons is not None,
            "presented": presented,
            "format": format,
        }
        described_by |= {"region": region, "animal": animal, "averaged": averaged is not None, "drop": drop}
        described_by |= {"sem": sem is not None, "sem_variable": sem_variable, "noise": noise}
        described_by |= {"n_trials": n_trials is not None, "image_order": image_order, **options}
        expect_images_alone(described_by)
        return import_stimuli(
            name,
            images=images,
            stimuli=stimuli,
            training=training,
            held_out=held_out,
            mirror_training=mirror_training,
            landmarks=landmarks,
            image_axes=image_axes,
            image_white=image_white,
            stimulus_set=stimulus_set,
            description=description,
            provenance={"source": source, "licence": licence, "citation": citation},
            force=force,
        )
    expect_free_name(name, force=force)
    target = datasets_folder() / name
    paths = paths_of(responses)
    recorded = Source(
        responses if paths is None else paths,
        in_memory=paths is None,
        format=format,
        axes=axes,
        options=options,
    )
    stated_noise = NoiseOfAverages(
        None if sem is None else as_beside(sem, "--sem"), sem_variable, as_n_trials(n_trials), noise
    )
    image_path = None if isinstance(images, np.ndarray) else as_path("images", images)
    landmark_path = as_path("landmarks", landmarks)
    table_path, neuron_path = _table_path("stimuli", stimuli), _table_path("neurons", neurons)
    if landmark_path is not None and images is None and "images" not in recorded.gives:
        raise UsageError("--landmarks are in pixels of the images: give the images, too, with --images")
    with scratch_folder(target.parent) as scratch:
        stack = None
        if isinstance(images, np.ndarray):
            stack = ImageStack(images, "the array of images")
        elif image_path is not None and is_stack(image_path):
            stack = open_stack(image_path, scratch)
        elif image_axes is not None or image_white is not None:
            raise UsageError("--image-axes and --image-white describe a stack of images; leave them out")
        pictures = None if image_path is None or stack is not None else collect_images(image_path, scratch)
        table, notes_on_table = None, list[str]()
        if table_path is not None:
            table, notes_on_table = read_stimulus_table(table_path)
        elif isinstance(stimuli, pd.DataFrame):
            table, notes_on_table = as_stimulus_table(stimuli)
        named: dict[str, Any] = {
            "table": table,
            "image_names": None if pictures is None else list(pictures),
            "image_order": image_order,
            "presented": presented,
        }
        reading = recorded.read(name, **named)
        parts, notes_on_stack = reading.parts, list[str]()
        if stack is not None:
            rows: Any = None if table is None else reading.row_ids
            rows = table.get("stimulus_id") if table is not None and rows is None else rows
            from_stack, notes_on_stack = pair_images(
                stack,
                list(dict.fromkeys(parts.recording["stimulus_id"].values.tolist()))
                if recorded.has_axis
                else None,
                None if rows is None else list(dict.fromkeys(map(str, rows))),
                axes=parse_image_axes(image_axes),
                white=image_white,
            )
            parts = replace(parts, images=from_stack)
            reading = replace(reading, parts=parts)
        is_averaged = expect_averaged(parts.recording, parts.averaged, averaged)

        listed_ids = reading.listed_ids

        def read_beside(values: Beside, variable: str | None) -> xr.DataArray:
            beside = recorded.like(values, variable)
            return beside.read(name, **named, listed_ids=listed_ids).parts.recording

        array, notes_on_noise = attach_noise(
            parts.recording,
            stated_noise,
            averaged=is_averaged,
            table=reading.stimulus_table(table),
            read=read_beside,
        )
        array = state_labels(array, region=region, animal=animal)
        notes_on_neurons: list[str] = []
        if neurons is not None:
            labels, renamed = (
                as_neuron_table(neurons)
                if isinstance(neurons, pd.DataFrame)
                else read_neuron_table(Path(neurons).expanduser())
            )
            array, notes_on_neurons = label_neurons(
                array, labels, named=reading.names_neurons, stated={"region": region, "animal": animal}
            )
            notes_on_neurons = [*renamed, *notes_on_neurons]
        array, dropped = leave_out_unusable(array, drop, drop_stimuli)
        described, images_by_id, notes = describe_all_stimuli(
            array, reading, table, pictures, dropped, training=training, held_out=held_out
        )
        if mirror_training and images_by_id is None:
            raise UsageError("--mirror-training mirrors images: give the images, too, with --images")
        stimulus_set = stimulus_set or parts.recording.attrs.get("stimulus_set") or name
        described_stimuli = StimulusSet(
            stimulus_set, described, images_by_id, mirror_training=mirror_training
        )
        if landmark_path is not None:
            described_stimuli, notes_on_landmarks = with_landmarks(described_stimuli, landmark_path)
            notes = [*notes, *notes_on_landmarks]
        elif parts.landmarks is not None:
            described_stimuli = described_stimuli.with_landmarks(parts.landmarks)
        given: dict[str, Sequence[Path | None]] = {
            "images": [image_path],
            "stimuli": [table_path],
            "neurons": [neuron_path],
            "landmarks": [landmark_path],
            **stated_noise.files,
        }
        files = checksums(**{"responses": paths or [], **given, **parts.files})
        provenance = {"source": source, "licence": licence, "citation": citation}
        metadata = {
            "description": description,
            **provenance,
            "window_ms": None if parts.window is None else list(parts.window),
            "dropped_neuroids": dropped["neuroids"] or None,
            "dropped_stimuli": dropped["stimuli"] or None,
            "notes": [
                *parts.notes,
                *notes_on_stack,
                *notes_on_noise,
                *notes_on_neurons,
                *notes_on_table,
                *notes,
                *note_on_name(name),
            ],
            "warnings": implausible(over_all_bins(array), described_stimuli) or None,
            "files": files,
        }
        array.attrs = {
            "identifier": name,
            "stimulus_set": stimulus_set,
            **{key: value for key, value in provenance.items() if value},
            "sha256": ",".join(file["sha256"] for file in files if file["role"] == "responses"),
            "simulated": "no",
            **{key: value for key, value in array.attrs.items() if key == "response"},
        }
        dataset = Dataset(
            identifier=name,
            recording=array,
            stimuli=described_stimuli,
            averaged=is_averaged,
            metadata={key: value for key, value in metadata.items() if value is not None},
        )
        write_folder(dataset, target, replace=force)
    # The recording on disk takes the place of the one in memory, which may have half of all memory.
    del dataset, array, reading, parts
    return load_dataset(name)


def _table_path(option: str, table: PathLike | pd.DataFrame | None) -> Path | None:
    if not isinstance(table, str | os.PathLike | pd.DataFrame | None):
        raise UsageError(f"{option} must be a path or a pandas.DataFrame, got {type(table).__name__}")
    return None if isinstance(table, pd.DataFrame) else as_path(option, table)
