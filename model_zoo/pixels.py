"""What the linear models of pixels share: one decomposition of the training images for all of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from neuroalign.model_zoo.components import (
    Matrix,
    PrincipalComponents,
    most_components,
    principal_components,
)
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ModelError, UsageError
from neuroalign.hashing import digest
from neuroalign.models import ModelFamily
from neuroalign.registry import unknown_name
from neuroalign.stimuli import StimulusSet

#: Sizes of the families in Higgins et al. (2020).
PAPER_SIZES = tuple(range(10, 51))
#: Some of them, so that a family is scored while one waits.
SIZES = (10, 20, 30, 40, 50)
#: Side of the images that models see, in pixels.
IMAGE_SIZE = 64

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


class LinearPixelModel(ABC):
    """Units that are linear functions of the pixels, fitted to the training images.

    Parameters
    ----------
    identifier : str
    n : int
        Number of units.
    image_size : int
        Images are resampled to image_size × image_size grey pixels.
    dataset : Dataset, optional
        Its stimuli are what :meth:`decode` is fitted to until :meth:`latents` is called with others.
    """

    #: Raised when the same images would give other latents.
    version: ClassVar[int] = 1

    def __init__(
        self, identifier: str, *, n: int, image_size: int = IMAGE_SIZE, dataset: Dataset | None = None
    ) -> None:
        for name, value in (("n", n), ("image_size", image_size)):
            if not isinstance(value, int) or value < 1:
                raise UsageError(f"{identifier}: {name} must be a positive integer, not {value!r}")
        self.identifier = identifier
        self.n = n
        self.image_size = image_size
        self._stimuli = None if dataset is None else dataset.stimuli

    @property
    def fingerprint(self) -> str:
        """Digest of the options and of the code's version; the stimuli determine the rest."""
        return digest(type(self).__name__, self.version, self.options())

    def options(self) -> dict[str, Any]:
        """Return what distinguishes this instance from others of its family."""
        return {"n": self.n, "image_size": self.image_size}

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Fit to ``stimuli.training()``, mirrored where the set says so, and encode all stimuli.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents of shape (n_stimuli, n)

        Raises
        ------
        ModelError
            If there are too few training images or pixels for n components.
        """
        self._stimuli = stimuli
        decomposition = self._decompose(stimuli)
        rank = np.argsort(np.argsort(stimuli.ids))
        coordinates = decomposition.everything[rank, : self.n]
        return arrays.latents(coordinates @ self._unmixing(decomposition).T, stimulus=stimuli.ids)

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images.

        Parameters
        ----------
        latents : latents
            Dimensions stimulus, unit.

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, image_size, image_size)

        Raises
        ------
        ModelError
            If the model has no stimuli to be fitted to yet, or the number of units is not its own.
        """
        if self._stimuli is None:
            raise ModelError(
                f"{self.identifier} is fitted to stimuli: call latents(stimuli) before decode, "
                "or load the model for a dataset"
            )
        if latents.sizes["unit"] != self.n:
            raise ModelError(f"{self.identifier} decodes {self.n} units, not {latents.sizes['unit']}")
        decomposition = self._decompose(self._stimuli)
        mixing = np.linalg.pinv(self._unmixing(decomposition))
        coordinates = np.asarray(latents.values, dtype=np.float64) @ mixing.T
        pixels = decomposition.components.first(self.n).reconstruct(coordinates)
        images = pixels.reshape(len(pixels), self.image_size, self.image_size)
        return np.clip(images, 0, 1).astype(np.float32)

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


class LinearPixelFamily(ModelFamily):
    """Instances of one linear model of pixels, by their options."""

    #: What an instance is, and the options that it takes.
    model: ClassVar[type[LinearPixelModel]]
    option_names: ClassVar[Sequence[str]]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> LinearPixelModel:
        """Return the instance with these options, of which n is required.

        Parameters
        ----------
        dataset : Dataset, optional
            Lets the instance decode without having computed latents first.
        **options
            As in :meth:`grid`; any n, image_size and, where there is one, seed will do.

        Raises
        ------
        UsageError
            If n is missing, an option is unknown or a value is out of range.
        """
        for option in options:
            if option not in self.option_names:
                raise unknown_name(f"option of {self.identifier}", option, self.option_names)
        if "n" not in options:
            example = self.instance_identifier(**self.grid()[0])
            raise UsageError(f"{self.identifier} needs n, the number of units, as in {example}")
        return self.model(self.instance_identifier(**options), dataset=dataset, **options)


def _rows(stimuli: StimulusSet, size: int) -> Iterator[Matrix]:
    for batch in stimuli.batches(_BATCH, size=size):
        yield batch.reshape(len(batch), -1).astype(np.float64)
