"""Import of stimuli without responses: images, their table and their landmarks."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.catalogue import datasets_folder, expect_free_name, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import scratch_folder, write_folder
from neuroalign.datasets.formats.image_stack import ImageStack, pair_images, parse_image_axes
from neuroalign.datasets.formats.image_stack_files import is_stack, open_stack
from neuroalign.datasets.formats.images import collect_images, stems
from neuroalign.datasets.image_sources import ImageSource
from neuroalign.datasets.importing.pictures import survey_images
from neuroalign.datasets.importing.provenance import checksums
from neuroalign.datasets.importing.stimulus_marks import Listed, mark_stimuli
from neuroalign.datasets.importing.stimulus_table import (
    as_stimulus_table,
    describe_stimuli,
    images_of,
    name_stimuli,
    read_stimulus_table,
)
from neuroalign.datasets.landmarks.csv import with_landmarks
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.files.plain import as_path

PathLike = str | os.PathLike[str]


def import_stimuli(
    name: str,
    *,
    images: PathLike | NDArray[Any] | None,
    stimuli: PathLike | pd.DataFrame | None = None,
    training: Listed | None = None,
    held_out: Listed | None = None,
    mirror_training: bool = False,
    landmarks: PathLike | None = None,
    image_axes: str | Sequence[str] | None = None,
    image_white: int | None = None,
    stimulus_set: str | None = None,
    description: str | None = None,
    provenance: Mapping[str, str | None] | None = None,
    force: bool = False,
) -> Dataset:
    """Import stimuli without responses as a dataset. Networks can be trained on its images.

    Parameters
    ----------
    name : str
        Name of the dataset.
    images, training, held_out, mirror_training, landmarks, image_axes, image_white, stimulus_set, description, force
        See :func:`neuroalign.datasets.importing.importer.import_dataset`.
    stimuli : path or pandas.DataFrame, optional
        Table of the stimuli with a column ``stimulus_id`` or ``filename`` that names their images. Without a table the
        stimuli have the names of the image files.
    provenance : mapping, optional
        ``source``, ``licence`` and ``citation``.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If the stimulus table does not name the images, or options contradict each other.
    DatasetError, ArrayError, ArchiveError
        If a file cannot be read, or the parts do not fit each other; nothing is left behind.
    """
    if images is None:
        raise UsageError("a dataset needs responses or images: give --responses, --images or both")
    expect_free_name(name, force=force)
    target = datasets_folder() / name
    image_path = None if isinstance(images, np.ndarray) else as_path("images", images)
    landmark_path = as_path("landmarks", landmarks)
    table_path = None if isinstance(stimuli, pd.DataFrame) else as_path("stimuli", stimuli)
    with scratch_folder(target.parent) as scratch:
        table, notes = None, list[str]()
        if table_path is not None:
            table, notes = read_stimulus_table(table_path)
        elif isinstance(stimuli, pd.DataFrame):
            table, notes = as_stimulus_table(stimuli)
        row_ids = None if table is None else _ids_of_rows(table)
        stack = None
        if image_path is None:
            stack = ImageStack(np.asarray(images), "the array of images")
        elif is_stack(image_path):
            stack = open_stack(image_path, scratch)
        sources: Mapping[str, ImageSource]
        if stack is not None:
            if stack.ids is None and row_ids is None:
                raise UsageError(
                    f"the images in {stack.source} must have names: give --stimuli TABLE with the column stimulus_id, "
                    "or save an array stimulus_id beside them"
                )
            wanted = None if row_ids is None else list(dict.fromkeys(row_ids.tolist()))
            sources, notes_on_stack = pair_images(
                stack, None, wanted, axes=parse_image_axes(image_axes), white=image_white
            )
            notes += notes_on_stack
            ids = np.array(list(sources)) if row_ids is None else row_ids
            described, left_out = describe_stimuli(ids, row_ids, table, None)
        else:
            if image_axes is not None or image_white is not None:
                raise UsageError("--image-axes and --image-white describe a stack of images; leave them out")
            assert image_path is not None
            pictures = collect_images(image_path, scratch)
            by_id = dict(zip(stems(list(pictures)), pictures.values(), strict=True))
            ids = np.array(list(by_id)) if row_ids is None else row_ids
            described, left_out = describe_stimuli(ids, row_ids, table, None)
            sources = by_id if table is None else images_of(described, pictures, table, row_ids) or {}
            n_idle = len(pictures) - len(set(sources.values()))
            if n_idle:
                notes.append(f"{n_idle} images belong to no stimulus and were left out.")
        notes += [
            f"Column {column} of the stimulus table was left out: it differs between the rows of one stimulus."
            for column in left_out
        ]
        if "presented" in described:
            described = described.drop(columns="presented")
            notes.append(
                "Column presented of the stimulus table was left out: no response shows a presentation."
            )
        described, notes_on_marks = mark_stimuli(described, None, training=training, held_out=held_out)
        own, notes_on_images = survey_images(described, sources)
        stimulus_set = stimulus_set or name
        imported = StimulusSet(stimulus_set, described, own, mirror_training=mirror_training)
        notes += [*notes_on_marks, *notes_on_images]
        if landmark_path is not None:
            imported, notes_on_landmarks = with_landmarks(imported, landmark_path)
            notes += notes_on_landmarks
        files = checksums(images=[image_path], stimuli=[table_path], landmarks=[landmark_path])
        metadata = {"description": description, **(provenance or {}), "notes": notes, "files": files}
        dataset = Dataset.of_stimuli(
            imported,
            identifier=name,
            metadata={key: value for key, value in metadata.items() if value is not None},
        )
        write_folder(dataset, target, replace=force)
    return load_dataset(name)


def expect_images_alone(options: Mapping[str, Any]) -> None:
    """Refuse options that describe responses where no responses are given.

    Parameters
    ----------
    options : mapping of str to object
        Options by name; a value that is false was not given.

    Raises
    ------
    UsageError
        If an option was given.
    """
    idle = [f"--{option.replace('_', '-')}" for option, value in options.items() if value]
    if idle:
        raise UsageError(
            f"{' and '.join(idle)} must come with --responses; give these, or leave the options out"
        )


def _ids_of_rows(table: pd.DataFrame) -> NDArray[np.str_]:
    if "stimulus_id" not in table and "filename" not in table:
        raise UsageError(
            "the stimulus table must name the images in a column stimulus_id or filename, got "
            f"{', '.join(map(str, table.columns))}"
        )
    return name_stimuli(len(table), table=table).ids
