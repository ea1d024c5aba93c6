"""What the linear models of pixels share: one decomposition of the training images for all of them."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

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
#: Some of them, so that a family is scored while one waits.
SIZES = (10, 20, 30, 40, 50)

_BATCH = 256
# All instances for one stimulus set share an entry of some megabytes.
_MOST_KEPT = 4
_kept: dict[tuple[str, int], "Decomposition"] = {}


@dataclass(frozen=True)
class Decomposition:
    """The principal components of the training images, and where the images lie on them.

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
        key = (stimuli.content_hash, self.image_size)
        known = _kept.get(key)
        if known is None or self.n > len(known.components.axes):
            known = self._decompose_anew(stimuli)
            _kept.pop(key, None)
            _kept[key] = known
            for oldest in list(_kept)[:-_MOST_KEPT]:
                del _kept[oldest]
        return known

    def _decompose_anew(self, stimuli: StimulusSet) -> Decomposition:
        # Sorted by id: neither the key nor rounding may depend on the order of the stimuli.
        stimuli = stimuli.select(np.sort(stimuli.ids))
        training = stimuli.training()
        size = self.image_size
        limit = most_components(len(training), size * size)
        if self.n > limit:
            raise ModelError(
                f"{self.identifier} needs more images or pixels: {len(training)} training images of "
                f"{size}×{size} pixels have {limit} principal components; choose n ≤ {limit}"
            )
        pixels = np.concatenate(list(_rows(training, size)))
        components = principal_components(pixels, min(limit, max(self.n, PAPER_SIZES[-1])))
        everything = [components.project(batch) for batch in _rows(stimuli, size)]
        return Decomposition(components, components.project(pixels), np.concatenate(everything))


def _rows(stimuli: StimulusSet, size: int) -> Iterator[Matrix]:
    for batch in stimuli.batches(_BATCH, size=size):
        yield batch.reshape(len(batch), -1).astype(np.float64)
