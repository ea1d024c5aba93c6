"""Rows of latents that a function returns for batches of images, with checks on the first batch."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, ModelError
from neuroalign.masked import as_numbers
from neuroalign.models.repeatability import check_rows


def latents_of_batches(
    function: Callable[[NDArray[np.float32]], Any],
    stimuli: StimulusSet,
    *,
    identifier: str,
    image_size: int | None,
    channels: int,
    batch_size: int,
    note_random: Callable[[], None],
) -> Iterator[xr.DataArray]:
    """Apply a function to the images of stimuli, a batch at a time, and label its rows.

    Parameters
    ----------
    function : callable
        Takes float32 pixels in [0, 1] of shape (n, height, width), or (n, height, width, 3) with three channels, and
        returns an array with n rows.
    stimuli : StimulusSet
    identifier : str
        Name of the model, for messages.
    image_size : int, optional
        Images are resampled to image_size × image_size pixels; by default they keep their size.
    channels : {1, 3}
        Grey or RGB.
    batch_size : int
        Number of images in a batch.
    note_random : callable
        Called if the function draws random numbers, before the first batch is yielded.

    Yields
    ------
    latents of float64, shape (n, n_units)
        The latents of one batch.

    Raises
    ------
    ModelError
        If the function returns another number of rows than images, or the row of an image depends on the other images
        of its batch.
    """
    start = 0
    for pixels in stimuli.batches(batch_size, size=image_size, channels=channels):
        if start == 0:  # the function may write into its argument
            last = pixels[-1:].copy()
        try:
            values = as_numbers(returned := function(pixels), np.float64)
        except ArrayError as error:
            raise ModelError(
                f"{identifier} must return one row of numbers for each image, got {type(returned).__name__}: {error}"
            ) from error
        if values.ndim == 0 or len(values) != len(pixels):
            raise ModelError(
                f"{identifier} returned shape {values.shape} for {len(pixels)} images; "
                "it must return one row of unit values for each image"
            )
        if start == 0 and check_rows(
            function,
            last,
            values[-1],
            identifier=identifier,
            n_images=len(pixels),
            batch_size=batch_size,
        ):
            note_random()
        stop = start + len(pixels)
        yield arrays.latents(values.reshape(len(pixels), -1), stimulus=stimuli.ids[start:stop])
        start = stop
