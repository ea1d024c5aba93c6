"""The stimulus table and the images of an imported recording."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.datasets.formats.images import ids_spelt_as
from neuroalign.datasets.image_sources import ImageSource
from neuroalign.datasets.importing.pictures import survey_images
from neuroalign.datasets.importing.reading import Reading
from neuroalign.datasets.importing.stimulus_marks import Listed, further_stimuli, mark_stimuli, match_listed
from neuroalign.datasets.importing.stimulus_table import describe_stimuli, images_of
from neuroalign.datasets.variants import COLUMN
from neuroalign.errors import DatasetError


def describe_all_stimuli(
    array: xr.DataArray,
    reading: Reading,
    table: pd.DataFrame | None,
    pictures: dict[str, Path] | None,
    dropped: Mapping[str, Sequence[str]],
    *,
    training: Listed | None,
    held_out: Listed | None,
) -> tuple[pd.DataFrame, Mapping[str, ImageSource] | None, list[str]]:
    """Make the stimulus table of a recording, and find and check the images.

    Parameters
    ----------
    array : xarray.DataArray
        Recording, with the coordinate ``stimulus_id``.
    reading : Reading
        Ids of the rows, and everything in the files beside the responses.
    table : pandas.DataFrame, optional
        Stimulus table of the user.
    pictures : dict of str to Path, optional
        Images of the user by name.
    dropped : mapping of str to sequence of str
        Stimuli that the user dropped, under ``stimuli``.
    training, held_out : Listed, optional
        Stimuli that the user marks.

    Returns
    -------
    table : pandas.DataFrame
    images : mapping of str to ImageSource, or None
    notes : list of str

    Raises
    ------
    DatasetError
        If the rows of one stimulus name different originals.
    """
    ids = array["stimulus_id"].values.astype(str)
    further = list(dropped["stimuli"]) if table is None else []
    if table is None and pictures is not None:
        listed = [
            *further_stimuli(training, reading.parts.stimuli),
            *further_stimuli(held_out, reading.parts.stimuli),
        ]
        further += match_listed(listed, [*ids, *ids_spelt_as(ids, pictures)], "--training or --held-out")
    described, left_out = describe_stimuli(ids, reading.row_ids, table, reading.parts.stimuli, further)
    if COLUMN in left_out:
        raise DatasetError(
            f"the column {COLUMN} of the stimulus table must be the same in all rows of one stimulus; "
            "name one original for each stimulus"
        )
    was_recorded = np.array([*ids, *dropped["stimuli"]])
    described, notes = mark_stimuli(described, was_recorded, training=training, held_out=held_out)
    described = described[~described.index.isin(dropped["stimuli"])]
    notes += [
        f"Column {column} of the stimulus table was left out: it differs between the rows of one stimulus."
        for column in left_out
    ]
    images: Mapping[str, ImageSource] | None = reading.parts.images
    user_images = images_of(described, pictures, table, reading.row_ids)
    if user_images is not None and pictures is not None:
        n_idle = len(pictures) - len(set(user_images.values()))
        if n_idle:
            notes.append(f"{n_idle} images belong to no stimulus and were left out.")
        if images is not None:
            notes.append("The images in the file of responses were left out: --images replaces them.")
        images = user_images
    images, notes_on_images = survey_images(described, images)
    return described, images, notes + notes_on_images
