"""Models made of other objects: precomputed latents, and functions of pixels."""

from collections.abc import Callable, Iterator, Mapping
from numbers import Integral
from types import FunctionType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.arrays.spelling import find_alike, respell
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, StimulusMismatchError, name_some
from neuroalign.files.digests import digest
from neuroalign.models.fingerprints import behaviour_digest, name_by_digest
from neuroalign.models.latent_arrays import as_latents
from neuroalign.models.latents_file import gather_latents
from neuroalign.models.rows import latents_of_batches


class PrecomputedModel:
    """Precomputed latents as a model.

    Parameters
    ----------
    latents : xarray.DataArray
        Latents with the dimensions stimulus and unit; see ``neuroalign.models.latent_arrays.as_latents``.
    identifier : str
    """

    def __init__(self, latents: xr.DataArray, identifier: str) -> None:
        self._latents = as_latents(latents)
        self.identifier = identifier

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of the stimuli that the model has latents for."""
        latents = self._spelt_as(stimuli.ids)
        own = latents["stimulus"].values
        shared = np.intersect1d(stimuli.ids, own)
        without, idle = np.setdiff1d(stimuli.ids, shared), np.setdiff1d(own, shared)
        alike = find_alike(idle, without) if without.size and idle.size else None
        if alike is not None:
            raise StimulusMismatchError(
                f"{self.identifier} has a stimulus {alike[0]!r} and {stimuli.identifier!r} has {alike[1]!r}, which "
                f"seem to be the same ({len(without)} of {len(stimuli)} stimuli without latents); give both the same "
                "ids"
            )
        if shared.size == 0:
            raise StimulusMismatchError(
                f"{self.identifier} has latents of {name_some(self._latents['stimulus'].values)}, "
                f"but none of the stimuli of {stimuli.identifier!r} ({name_some(stimuli.ids)})"
            )
        return latents.sel(stimulus=shared)

    def _spelt_as(self, ids: NDArray[np.str_]) -> xr.DataArray:
        """Return the latents with the ids of stimuli, where both spell letters with accents in different ways."""
        own = self._latents["stimulus"].values
        if np.isin(ids, own).all():
            return self._latents
        return self._latents.assign_coords(stimulus=respell(own.tolist(), ids.tolist()))


class FunctionModel:
    """A function of pixels as a model.

    Parameters
    ----------
    function : callable
        Function that takes float32 pixels in [0, 1] of shape (n, height, width), or (n, height, width, 3) with
        ``channels=3``, and returns an array of shape (n, n_units), or of any shape with first dimension n.
    identifier : str
    image_size : int, optional
        Images are resampled to image_size × image_size pixels; by default they keep their size.
    channels : {1, 3}
        Grey or RGB.
    batch_size : int
        Number of images in a batch.
    fingerprint : str, optional
        Digest of everything that determines the function's values; see
        :class:`neuroalign.models.model.Fingerprinted`. It becomes None if the function draws random numbers.

    Raises
    ------
    ModelError
        If an option has another type or size; when latents are computed, if the latents of an image depend on the
        other images of its batch.
    """

    def __init__(
        self,
        function: Callable[[NDArray[np.float32]], ArrayLike],
        identifier: str,
        *,
        image_size: int | None = None,
        channels: int = 1,
        batch_size: int = 256,
        fingerprint: str | None = None,
    ) -> None:
        for name, value in (("image_size", image_size), ("batch_size", batch_size)):
            if value is not None and (not isinstance(value, Integral) or value < 1):
                raise ModelError(f"{identifier}: {name} must be a whole number from 1 up, got {value!r}")
        if channels not in (1, 3):
            raise ModelError(f"{identifier}: channels must be 1 (grey) or 3 (RGB), got {channels!r}")
        if fingerprint is not None and not isinstance(fingerprint, str):
            raise ModelError(f"{identifier}: fingerprint must be text, got {fingerprint!r}")
        self.function = function
        self.identifier = identifier
        self.image_size = image_size
        self.channels = channels
        self.batch_size = batch_size
        self.fingerprint = fingerprint

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Apply the function to the images, a batch at a time."""
        return gather_latents(self.latent_batches(stimuli), stimuli.ids)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of one batch of images after another."""
        return latents_of_batches(
            self.function,
            stimuli,
            identifier=self.identifier,
            image_size=self.image_size,
            channels=self.channels,
            batch_size=self.batch_size,
            note_random=self._forget_fingerprint,
        )

    def _forget_fingerprint(self) -> None:
        self.fingerprint = None


def name_latents(latents: xr.DataArray, kind: str = "precomputed") -> str:
    """Name precomputed latents by their attribute ``identifier``, or by their kind and a digest of their values.

    Parameters
    ----------
    latents : xarray.DataArray
    kind : str
    """
    if "identifier" in latents.attrs:
        return str(latents.attrs["identifier"])
    labels = [latents[name].values for name in ("stimulus", "unit") if name in latents.coords]
    return name_by_digest(kind, digest(np.asarray(latents.values), *labels))


def name_function(function: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """Name a function after itself, or after its kind and a digest.

    Parameters
    ----------
    function : callable
    options : mapping
        Options of :class:`FunctionModel`.

    Returns
    -------
    str
        A function at the top of a module gives its own name. Lambdas, functions inside functions and callable objects
        may share their names with others, so that they get a digest of their values and code: ``lambda-1f0c3a9b``.

    Raises
    ------
    ModelError
        If values or code of the function cannot be inspected.
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    if isinstance(function, FunctionType) and function.__qualname__ == name != "<lambda>":
        return name
    kind = "lambda" if name == "<lambda>" else name
    return name_by_digest(kind, options.get("fingerprint") or behaviour_digest(function))
