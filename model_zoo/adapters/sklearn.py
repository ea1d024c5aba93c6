"""Fitted scikit-learn transformers as models of flattened pixels."""

from collections.abc import Iterator
from math import isqrt
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.files.digests import digest
from neuroalign.masked import as_numbers
from neuroalign.model_zoo.adapters.checks import comes_from, refuse_unknown
from neuroalign.models.fingerprints import behaviour_digest, name_by_digest
from neuroalign.models.latents_file import gather_latents
from neuroalign.models.rows import latents_of_batches

#: Version of the computation; it is raised when the same transformer gives other latents.
VERSION = 1
#: Default side of the images for transformers that do not record their number of features, in pixels.
IMAGE_SIZE = 64


class TransformerModel:
    """A fitted transformer of pixels as a model.

    Parameters
    ----------
    transformer : fitted scikit-learn transformer
        Transformer with a method ``transform`` that takes float32 pixels in [0, 1], one image in a row: the rows of
        the image from top to bottom, each from left to right, with ``channels=3`` red, green and blue for each pixel.
    identifier : str
    image_size : int, optional
        Images are resampled to image_size × image_size pixels. By default the size that the transformer was fitted to,
        or 64 if the transformer does not record it.
    channels : {1, 3}
        Grey or RGB.
    batch_size : int
        Number of images in a batch.
    fingerprint : str, optional
        See :class:`neuroalign.models.model.Fingerprinted`. By default a digest of all fitted values. None for
        transformers that cannot be inspected, or that draw random numbers.

    Raises
    ------
    ModelError
        If the transformer is fitted to images of another size.
    """

    def __init__(
        self,
        transformer: Any,
        identifier: str,
        *,
        image_size: int | None = None,
        channels: int = 1,
        batch_size: int = 1024,
        fingerprint: str | None = None,
    ) -> None:
        self.transformer = transformer
        self.identifier = identifier
        self.image_size = _image_size(transformer, identifier, image_size, channels)
        self.channels = channels
        self.batch_size = batch_size
        self._fingerprint = fingerprint
        self._is_random = False

    @property
    def fingerprint(self) -> str | None:
        """Digest of the fitted transformer and of the size of its images; None if it draws random numbers."""
        if self._is_random:
            return None
        return self._fingerprint if self._fingerprint is not None else self.behaviour()

    def behaviour(self) -> str | None:
        """Return the digest of the fitted transformer and the size of its images; None if it cannot be inspected."""
        behaviour = behaviour_digest(self.transformer)
        return behaviour and digest("sklearn", VERSION, behaviour, self.image_size, self.channels)

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Transform the images, a batch at a time.

        Raises
        ------
        ModelError
            If the transformer returns another number of rows than it gets, or the row of an image depends on the
            other images.
        """
        return gather_latents(self.latent_batches(stimuli), stimuli.ids)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of one batch of images after another; see :meth:`latents`."""
        return latents_of_batches(
            self._transform,
            stimuli,
            identifier=self.identifier,
            image_size=self.image_size,
            channels=self.channels,
            batch_size=self.batch_size,
            note_random=self._note_random,
        )

    def _note_random(self) -> None:
        self._is_random = True

    def _transform(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        return _dense(self.transformer.transform(images.reshape(len(images), -1)))


class InvertibleTransformerModel(TransformerModel):
    """A fitted transformer of grey pixels that has an inverse; see :class:`TransformerModel`."""

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images with ``inverse_transform``.

        Parameters
        ----------
        latents : latents

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, image_size, image_size)
        """
        pixels = _dense(self.transformer.inverse_transform(latents.values))
        images = pixels.reshape(len(pixels), self.image_size, self.image_size)
        return np.clip(images, 0, 1).astype(np.float32)


def adapt(obj: Any, *, identifier: str | None = None, **options: Any) -> TransformerModel | None:
    """Make a model of a fitted scikit-learn transformer.

    Parameters
    ----------
    obj : object
    identifier : str, optional
        By default the name of its class with a digest of all fitted values, such as ``PCA-1f0c3a9b``.
    **options
        ``image_size``, ``channels``, ``batch_size``, ``fingerprint``; see :class:`TransformerModel`.

    Returns
    -------
    TransformerModel or None
        None for other objects than scikit-learn transformers. A transformer of grey images with
        ``inverse_transform`` gives a model with ``decode``.

    Raises
    ------
    ModelError
        If the transformer is not fitted, is a class, or has no ``transform``.
    UnknownNameError
        For unknown options.
    """
    if not comes_from("sklearn", obj):
        return None
    name = obj.__name__ if isinstance(obj, type) else type(obj).__name__
    if isinstance(obj, type):
        raise ModelError(f"{name} is a class; give a fitted transformer, such as {name}().fit(pixels)")
    if not hasattr(obj, "transform"):
        raise ModelError(f"{name} has no transform, so it has no units; give a fitted transformer")
    _expect_fitted(obj, name)
    refuse_unknown(f"the scikit-learn transformer {name}", TransformerModel, options)
    invertible = hasattr(obj, "inverse_transform") and options.get("channels", 1) == 1
    model = (InvertibleTransformerModel if invertible else TransformerModel)(
        obj, identifier or name, **options
    )
    if identifier is None:
        model.identifier = name_by_digest(name, options.get("fingerprint") or model.behaviour())
    return model


def _expect_fitted(transformer: Any, name: str) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(transformer)
    except NotFittedError as error:
        raise ModelError(
            f"{name} is not fitted; call its fit with pixels of training stimuli first, such as "
            "stimuli.training().pixels(64).reshape(n, -1)"
        ) from error


def _image_size(transformer: Any, identifier: str, asked: int | None, channels: int) -> int:
    fitted = getattr(transformer, "n_features_in_", None)
    if fitted is None:
        return asked or IMAGE_SIZE
    size = asked or isqrt(fitted // channels)
    if size * size * channels != fitted:
        raise ModelError(
            f"{identifier} was fitted to {fitted} features; images of {size}×{size} pixels with "
            f"{channels} channel{'s' if channels > 1 else ''} have {size * size * channels}; "
            "fit it to flattened square images, or give their image_size= and channels="
        )
    return size


def _dense(values: Any) -> NDArray[np.float64]:
    values = values.toarray() if hasattr(values, "toarray") else values
    return as_numbers(values, np.float64)
