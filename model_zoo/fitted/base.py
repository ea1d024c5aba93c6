"""Base classes of models that are fitted to the training images of the scored dataset."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError, unknown_name
from neuroalign.files.digests import digest
from neuroalign.model_zoo.fitted.components import Matrix
from neuroalign.models.model import ModelFamily
from neuroalign.validation import Positive, check_value

#: Side of the images that models see, in pixels.
IMAGE_SIZE = 64


class FittedModel(ABC):
    """A model that is fitted to the training images among the stimuli, so that the stimuli determine its units.

    Parameters
    ----------
    identifier : str
    n : int
        Number of units.
    image_size : int
        Images are resampled to image_size × image_size grey pixels.
    dataset : Dataset, optional
        Dataset with the stimuli that :meth:`decode` is fitted to until :meth:`latents` is called with other stimuli.
    """

    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "stimuli"
    #: Version of the computation; it is raised when the same images give other latents.
    version: ClassVar[int] = 1

    def __init__(
        self, identifier: str, *, n: int, image_size: int = IMAGE_SIZE, dataset: Dataset | None = None
    ) -> None:
        for name, value in (("n", n), ("image_size", image_size)):
            check_value(value, Positive, name, owner=identifier)
        self.identifier = identifier
        self.n = n
        self.image_size = image_size
        self._stimuli = None if dataset is None else dataset.stimuli

    @property
    def fingerprint(self) -> str:
        """Digest of the options and of the code's version; the stimuli determine the rest."""
        return digest(type(self).__name__, self.version, self.options())

    def options(self) -> dict[str, Any]:
        """Return the options that distinguish this instance from other instances of its family."""
        return {"n": self.n, "image_size": self.image_size}

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Fit to ``stimuli.training()``, mirrored where the stimulus set asks for it, and encode all stimuli.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents of shape (n_stimuli, n)

        Raises
        ------
        ModelError
            If the training images or features are too few for n units.
        """
        self._stimuli = stimuli
        return self._encode(stimuli)

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images.

        Parameters
        ----------
        latents : xarray.DataArray, dimensions (stimulus, unit)

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, image_size, image_size)

        Raises
        ------
        ModelError
            If the model was not given stimuli to fit to, or the number of units is wrong.
        """
        if self._stimuli is None:
            raise ModelError(
                f"{self.identifier} is fitted to stimuli: call latents(stimuli) before decode, "
                "or load the model for a dataset"
            )
        if latents.sizes["unit"] != self.n:
            raise ModelError(f"{self.identifier} decodes {self.n} units, got {latents.sizes['unit']}")
        images = self._decode(self._stimuli, np.asarray(latents.values, dtype=np.float64))
        return np.clip(images, 0, 1).astype(np.float32)

    @abstractmethod
    def _encode(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of the stimuli."""

    @abstractmethod
    def _decode(self, stimuli: StimulusSet, values: Matrix) -> Matrix:
        """Return images of shape (n, image_size, image_size) for values of shape (n, self.n)."""


class FittedFamily(ModelFamily):
    """A family of fitted models that differ in their options.

    Every set of options in the grid has n, the number of units.
    """

    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "stimuli"
    #: Class of the instances, and the names of their options.
    model: ClassVar[type[FittedModel]]
    option_names: ClassVar[Sequence[str]]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> FittedModel:
        """Return the instance with these options; n is required.

        Parameters
        ----------
        dataset : Dataset, optional
            Dataset to fit the decoder to, so that the instance can decode before it computes latents.
        **options
            Options named as in :meth:`grid`, with any values, and ``image_size``.

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
