"""Check of the images of an import, and notes on their variants."""

from collections.abc import Mapping

import pandas as pd

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.images import check_images
from neuroalign.datasets.image_sources import ImageSource, open_image
from neuroalign.datasets.image_survey import ImageSurvey, notes_on_images
from neuroalign.datasets.variants import VariantTable
from neuroalign.errors import DatasetError, name_some


def survey_images(
    described: pd.DataFrame, images: Mapping[str, ImageSource] | None
) -> tuple[dict[str, ImageSource] | None, list[str]]:
    """Decode the image of each stimulus, and describe variants and equal images.

    Parameters
    ----------
    described : pandas.DataFrame
        Table of the stimuli, indexed by stimulus id.
    images : mapping of stimulus id to path or array, optional
        Images of these stimuli and possibly further ones; None where the images are not available.

    Returns
    -------
    images : dict of stimulus id to path or array, optional
        Images in the order of the table.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    DatasetError
        If a stimulus has no image, or images cannot be read; the message names them.
    """
    if images is not None:
        images = dict(zip(respell(images, described.index), images.values(), strict=True))
    survey = ImageSurvey(lambda stimulus: open_image((images or {})[stimulus], stimulus))
    own: dict[str, ImageSource] | None = None
    if images is not None:
        without = [stimulus for stimulus in described.index if stimulus not in images]
        if without:
            raise DatasetError(
                f"{len(without)} stimuli have no image in their file: {name_some(without)}; give all images with "
                "--images"
            )
        own = {stimulus: images[stimulus] for stimulus in described.index}
        check_images(own, survey)
    ids, notes = described.index.to_numpy().astype(str), list[str]()
    originals = VariantTable(described, own).originals(ids)
    if originals.has_variants:
        notes.append(
            f"{ids.size:,} stimuli are variants of {originals.n:,} originals: variants of one original stay together "
            "in folds, draws and shuffles."
        )
    if originals.n_identical:
        notes.append(
            f"{originals.n_identical:,} of them share their image with another stimulus byte for byte: equal images "
            "count as one original."
        )
    return own, notes + notes_on_images(survey, described)
