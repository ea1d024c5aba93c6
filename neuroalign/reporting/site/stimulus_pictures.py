"""Pictures of stimuli on the pages of a site: small copies, which the pages hold themselves."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import DatasetError

#: Largest number of stimuli on a page.
MOST = 8

#: Longest side of a copy, in pixels: twice the size on the page, for dense screens.
SIDE = 192


def are_rendered(dataset: Dataset) -> bool:
    """Return whether the renderer of neuroalign made the images of a dataset, so that everyone may show them."""
    return dataset.simulated and "renderer_version" in dataset.metadata


def may_show(dataset: Dataset, wanted: bool | None) -> bool:
    """Return whether pictures of the stimuli of a dataset are shown.

    Parameters
    ----------
    dataset : Dataset
    wanted : bool, optional
        Answer of the user; by default pictures that neuroalign rendered are shown.
    """
    return dataset.stimuli.has_images and (are_rendered(dataset) if wanted is None else wanted)


def show_stimuli(dataset: Dataset, wanted: bool | None = None) -> dict[str, Any] | None:
    """Lay out pictures of a few stimuli of a dataset.

    Parameters
    ----------
    dataset : Dataset
    wanted : bool, optional
        Whether to show pictures; by default only those that neuroalign rendered, because photographs may not be
        published without the permission of their owners.

    Returns
    -------
    dict or None
        ``pictures``, each with ``name`` and ``address`` (a data URI), and ``note``. None for a dataset without images,
        and where no pictures are wanted.
    """
    if wanted is False or not dataset.stimuli.has_images:
        return None
    if not may_show(dataset, wanted):
        return {
            "pictures": [],
            "note": "Pictures of these stimuli are left out: photographs may not be published without the permission "
            "of their owners. With the permission, write the site with --stimulus-pictures.",
        }
    ids = np.unique(dataset.recording["stimulus_id"].values.astype(str))
    shown = choose_evenly(ids, MOST)
    try:
        pictures = [
            {"name": name, "address": as_address(small_copy(dataset, name, SIDE))} for name in shown.tolist()
        ]
    except DatasetError as error:
        return {"pictures": [], "note": f"Pictures of the stimuli are left out: {error}."}
    chosen = (
        f"{len(shown)} of {len(ids):,} stimuli, chosen evenly by name"
        if len(shown) < len(ids)
        else "All stimuli"
    )
    origin = (
        "rendered by neuroalign"
        if are_rendered(dataset)
        else "shown at the request of the person who wrote this site"
    )
    return {"pictures": pictures, "note": f"{chosen}; {origin}."}


def choose_evenly(ids: NDArray[np.str_], most: int) -> NDArray[np.str_]:
    """Return at most `most` ids from the first to the last, with steps of about one length.

    Examples
    --------
    >>> choose_evenly(np.array(list("abcdefg")), 3).tolist()
    ['a', 'd', 'g']
    """
    places = np.linspace(0, len(ids) - 1, min(most, len(ids))).round().astype(int)
    return ids[places]


def as_address(image: Image.Image) -> str:
    """Return a data URI of an image as JPEG."""
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def small_copy(dataset: Dataset, stimulus_id: str, side: int) -> Image.Image:
    """Return the pixels of a stimulus with a longest side of at most `side`, and nothing else from its file.

    Raises
    ------
    DatasetError
        If the image cannot be read.
    """
    copy = dataset.stimuli.open(stimulus_id).convert("RGB")
    copy.thumbnail((side, side))
    # Pillow would write the comment and the colour profile of the file into copies.
    return Image.fromarray(np.asarray(copy))
