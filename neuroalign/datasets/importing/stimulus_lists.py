"""Lists of image names in the file of responses, which name the stimuli of an axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.formats.images import Order, ids_of_images, stems
from neuroalign.datasets.importing.stimulus_columns import (
    are_files,
    file_name,
    is_column_of_images,
    named_images,
)
from neuroalign.errors import StimulusMismatchError


@dataclass(frozen=True)
class StimulusList:
    """List that names the stimuli of an axis.

    Parameters
    ----------
    variable : str
        Name of the list in its file.
    ids : array of str
        Stimulus id of each place along the axis.
    """

    variable: str
    ids: NDArray[np.str_]


def find_stimulus_list(
    texts: Mapping[str, NDArray[np.str_]],
    n: int,
    source: str,
    *,
    table: pd.DataFrame | None,
    image_names: Sequence[str] | None,
    image_order: Order | None,
) -> StimulusList | None:
    """Find the list of texts that names the image of each stimulus.

    Parameters
    ----------
    texts : mapping of str to array of str
        Lists of texts beside the responses, by the name of the variable.
    n : int
        Length of the stimulus axis.
    source : str
        Name of the file in messages.
    table : pandas.DataFrame, optional
        The user's stimulus table. A list that names its files or ids counts.
    image_names : sequence of str, optional
        Names of the user's image files. A list that names them counts.
    image_order : {"name", "number"}, optional
        Order of the image files that the user states.

    Returns
    -------
    StimulusList or None
        None if no list names the stimuli.

    Raises
    ------
    StimulusMismatchError
        If two lists, or a list and `image_order`, name different images.
    """
    lists: list[StimulusList] = []
    for variable, values in texts.items():
        ids = _ids_in(values, table, image_names) if len(values) == n else None
        if ids is not None:
            lists.append(StimulusList(variable, ids))
    if not lists:
        return None
    first = lists[0]
    for other in lists[1:]:
        _expect_same(first, other.ids, f"{other.variable} names", source)
    if image_order is not None and image_names is not None:
        ordered = np.array(ids_of_images(image_names, image_order))
        _expect_same(first, ordered, f"--image-order {image_order} means", source)
    return first


def _expect_same(first: StimulusList, ids: NDArray[np.str_], other: str, source: str) -> None:
    if len(ids) != len(first.ids):
        raise StimulusMismatchError(
            f"{first.variable} of {source} names the images of {len(first.ids)} stimuli, and {other} {len(ids)} "
            "images; leave --image-order out"
        )
    differ = np.flatnonzero(ids != first.ids)
    if len(differ):
        row = int(differ[0])
        raise StimulusMismatchError(
            f"{first.variable} of {source} names {first.ids[row]} as the image of stimulus {row + 1}, and {other} "
            f"{ids[row]}; "
            + ("leave --image-order out, or " if other.startswith("--") else "")
            + "list the images in the order of the stimulus axis with --presented FILE"
        )


def _ids_in(
    values: NDArray[np.str_], table: pd.DataFrame | None, image_names: Sequence[str] | None
) -> NDArray[np.str_] | None:
    """Return the ids that a list of texts names: ids in the stimulus table, or names of images without suffix."""
    texts = pd.Series(values)
    id_maps: list[dict[str, str]] = []
    if table is not None and "filename" in table:
        files = list(dict.fromkeys(table["filename"]))
        ids = table.get("stimulus_id")
        owners = stems(files) if ids is None else table.drop_duplicates("filename")["stimulus_id"].astype(str)
        id_maps.append(dict(zip(files, owners, strict=True)))
    if table is not None and "stimulus_id" in table:
        id_maps.append({name: name for name in table["stimulus_id"].astype(str)})
    if image_names is not None and not id_maps:
        id_maps.append(dict(zip(image_names, stems(list(image_names)), strict=True)))
    for id_of in id_maps:
        named = named_images(texts, list(id_of))
        if is_column_of_images(named, len(id_of)):
            # A text without an image names a stimulus, so that a later message can name the missing image.
            return np.array(
                [
                    PurePosixPath(file_name(text)).stem if name is None else id_of[name]
                    for text, name in zip(values.tolist(), named, strict=True)
                ]
            )
    if not id_maps and are_files(texts):
        files = list(dict.fromkeys(text.replace("\\", "/") for text in values.tolist()))
        stem_of = dict(zip(files, stems(files), strict=True))
        return np.array([stem_of[text.replace("\\", "/")] for text in values.tolist()])
    return None
