"""Linear models of pixels, which share one decomposition of the training images."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.model_zoo.fitted.base import FittedModel
from neuroalign.model_zoo.fitted.components import (
    Matrix,
    PrincipalComponents,
    most_components,
    principal_components,
)

#: Sizes of the families in Higgins et al. (2020).
PAPER_SIZES = tuple(range(10, 51))
#: Default sizes: fewer, so that scoring a family takes little time.
SIZES = (10, 20, 30, 40, 50)

_BATCH = 256


@dataclass(frozen=True)
class Decomposition:
    """Principal components of the training images, and the coordinates of all images on them.

    Parameters
    ----------
    components : PrincipalComponents
    training : array of shape (n_training, n_components)
        Coordinates of the training images.
    everything : array of shape (n_stimuli, n_components)
        Coordinates of all stimuli, in sorted order of their ids.
    """

    components: PrincipalComponents
    training: Matrix
    everything: Matrix


@dataclass(frozen=True)
class DecompositionRequest:
    """Arguments of :func:`decompose`. Two requests are equal if their images have the same content.

    Parameters
    ----------
    content_hash : str
        Content hash of the stimuli.
    image_size : int
        Side of the images in pixels.
    n_components : int
    stimuli : StimulusSet
    """

    content_hash: str
    image_size: int
    n_components: int
    stimuli: StimulusSet = field(compare=False, repr=False)


# All instances for one stimulus set share an entry of some megabytes.
@lru_cache(maxsize=4)
def decompose(request: DecompositionRequest) -> Decomposition:
    """Compute the principal components of the training images, and the coordinates of all images."""
    # Sorted by id: neither the cache nor rounding may depend on the order of the stimuli.
    stimuli = request.stimuli.select(np.sort(request.stimuli.ids))
    pixels = np.concatenate(list(_rows(stimuli.training(), request.image_size)))
    components = principal_components(pixels, request.n_components)
    everything = [components.project(batch) for batch in _rows(stimuli, request.image_size)]
    return Decomposition(components, components.project(pixels), np.concatenate(everything))


class LinearPixelModel(FittedModel):
    """Units that are linear functions of the pixels, fitted to the training images."""

    def _encode(self, stimuli: StimulusSet) -> xr.DataArray:
        decomposition = self._decompose(stimuli)
        rank = np.argsort(np.argsort(stimuli.ids))
        coordinates = decomposition.everything[rank, : self.n]
        return arrays.latents(coordinates @ self._unmixing(decomposition).T, stimulus=stimuli.ids)

    def _decode(self, stimuli: StimulusSet, values: Matrix) -> Matrix:
        decomposition = self._decompose(stimuli)
        coordinates = values @ np.linalg.pinv(self._unmixing(decomposition)).T
        pixels = decomposition.components.first(self.n).reconstruct(coordinates)
        return pixels.reshape(len(pixels), self.image_size, self.image_size)

    @abstractmethod
    def _unmixing(self, decomposition: Decomposition) -> Matrix:
        """Return the (n, n) matrix that turns the first n principal coordinates into units."""

    def _decompose(self, stimuli: StimulusSet) -> Decomposition:
        n_training, size = len(stimuli.training()), self.image_size
        limit = most_components(n_training, size * size)
        if self.n > limit:
            raise ModelError(
                f"{self.identifier} needs more images or pixels: {n_training} training images of "
                f"{size}×{size} pixels have {limit} principal components; choose n ≤ {limit}"
            )
        n_components = min(limit, max(self.n, PAPER_SIZES[-1]))
        return decompose(DecompositionRequest(stimuli.content_hash, size, n_components, stimuli))


def _rows(stimuli: StimulusSet, size: int) -> Iterator[Matrix]:
    for batch in stimuli.batches(_BATCH, size=size):
        yield batch.reshape(len(batch), -1).astype(np.float64)
