"""Models with trained weights: encoding of images, and decoding of units."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import Trained, read_trained
from neuroalign.models.model import REMARK
from neuroalign.names.syntax import format_spec

if TYPE_CHECKING:
    from torch import Tensor

# The batch size is fixed, because kernels may round differently for batches of different sizes.
_BATCH = 64
#: Squared error of reconstructions above which stimuli look unlike the training images, relative to held-out images.
UNLIKE = 1.5
# Number of stimuli that are reconstructed for a comparison with the training images.
_COMPARED = 200


class TrainedModel:
    """A trained network with the outputs of its encoder as units.

    Parameters
    ----------
    trained : Trained or path
        Weights, or the path of their file.
    identifier : str, optional
        By default the name of the family with the options of the instance.
    """

    #: Class of the recipes of the family.
    recipe: ClassVar[type[Recipe]]
    #: Version of the computation; it is raised when the same weights and images give other latents.
    version: ClassVar[int] = 1

    def __init__(self, trained: Trained | Path, *, identifier: str | None = None) -> None:
        self._trained = trained if isinstance(trained, Trained) else read_trained(Path(trained), self.recipe)
        self.identifier = identifier or format_spec(self.recipe.family, self._trained.recipe.options())
        self._loaded: Any = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.identifier}, trained on {self.trained_on}>"

    @property
    def trained_on(self) -> str:
        """Name of the stimulus set that the model was trained on."""
        return self._trained.stimulus_set

    @property
    def trained_on_hash(self) -> str:
        """Content hash of the stimulus set that the model was trained on."""
        return self._trained.stimulus_set_hash

    @property
    def record(self) -> Mapping[str, Any]:
        """Record of the training: recipe, stimulus set, versions and losses."""
        return self._trained.record

    @property
    def fingerprint(self) -> str:
        """Digest of the weights, the architecture and the image size; computed without torch."""
        architecture, size = self._trained.record["architecture"], self._trained.recipe.image_size
        return digest(
            self.recipe.family, self.version, architecture, self._trained.weights_sha256, size, _BATCH
        )

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Encode stimuli.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents of shape (n_stimuli, n_latents)
            Units that are not exactly constant are ``informative``.

        Raises
        ------
        ModelError
            If the weights are missing or damaged.
        MissingImagesError
            If the images are not available.
        """
        return self._label(stimuli, self._encode_all(stimuli)["units"])

    def _encode(self, network: Any, images: "Tensor") -> dict[str, "Tensor"]:
        """Return arrays by name, each with one row for each image: ``units`` (n, n_latents), and others."""
        return {"units": network.encoder(images)}

    def _encode_all(self, stimuli: StimulusSet) -> dict[str, NDArray[np.float32]]:
        """Encode stimuli in sorted order, so that no value depends on the order in which they are given."""
        import torch

        from neuroalign.model_zoo.training.loop.devices import one_thread

        network = self.network()
        size = self._trained.recipe.image_size
        in_order = stimuli.select(np.sort(stimuli.ids))
        encoded = []
        with one_thread(), torch.inference_mode():
            for pixels in in_order.batches(_BATCH, size=size):
                batch = np.zeros((_BATCH, 1, size, size), dtype=np.float32)
                batch[: len(pixels), 0] = pixels
                values = self._encode(network, torch.from_numpy(batch))
                encoded.append({name: value[: len(pixels)].numpy() for name, value in values.items()})
        return {name: np.concatenate([batch[name] for batch in encoded]) for name in encoded[0]}

    def _label(self, stimuli: StimulusSet, units: NDArray[np.float32], **coordinates: Any) -> xr.DataArray:
        """Return the arrays of :meth:`_encode_all` as labelled latents."""
        rank = np.argsort(np.argsort(stimuli.ids))
        attrs = {"identifier": self.identifier, "trained_on": self.trained_on}
        return arrays.latents(units[rank], stimulus=stimuli.ids, attrs=attrs, **coordinates)

    def network(self) -> Any:
        """Return the torch module with its trained weights, which are read once.

        Raises
        ------
        ModelError
            If the weights are missing, damaged, or belong to another architecture.
        """
        if self._loaded is None:
            import torch

            from neuroalign.model_zoo.training.networks.architectures import ARCHITECTURE, empty

            architecture = self._trained.record["architecture"]
            if architecture != ARCHITECTURE:
                raise ModelError(
                    f"{self.identifier} has the architecture {architecture}; this version of neuroalign "
                    f"knows {ARCHITECTURE}"
                )
            network = empty(partial(self._trained.recipe.network, self._trained.n_images))
            state = network.state_dict()
            weights = self._trained.weights({name: tuple(value.shape) for name, value in state.items()})
            with torch.no_grad():
                for name, value in state.items():
                    value.copy_(torch.from_numpy(weights[name]))
            self._loaded = network.eval()
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        # Other processes read the weights from their file.
        return {**self.__dict__, "_loaded": None}


class GenerativeModel(TrainedModel):
    """A trained network with a decoder from units to images.

    Latents of stimuli that look unlike the training images carry a remark, if the record of the training has the
    squared error of held-out images (``reconstruction``, ``held_out``).
    """

    def _label(self, stimuli: StimulusSet, units: NDArray[np.float32], **coordinates: Any) -> xr.DataArray:
        latents = super()._label(stimuli, units, **coordinates)
        usual = self._trained.record.get("reconstruction", {}).get("held_out")
        if usual and self._squared_error(latents, stimuli) > UNLIKE * usual:
            expected = self._trained.record["stimulus_set"].get("crop")
            latents.attrs[REMARK] = (
                f"their reconstructions have more than {UNLIKE:g} times the error of held-out training images, so they "
                f"look unlike the training images{f': {expected}' if expected else ''}"
            )
        return latents

    def _squared_error(self, latents: xr.DataArray, stimuli: StimulusSet) -> float:
        """Return the squared error of reconstructions, summed over pixels and averaged over stimuli."""
        ids = np.sort(stimuli.ids)
        compared = ids[np.unique(np.linspace(0, len(ids) - 1, min(_COMPARED, len(ids))).round().astype(int))]
        pixels = stimuli.select(compared).pixels(self._trained.recipe.image_size)
        errors = (self.decode(latents.sel(stimulus=compared)) - pixels) ** 2
        return float(errors.sum(axis=(1, 2), dtype=np.float64).mean())

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images.

        Parameters
        ----------
        latents : xarray.DataArray, dimensions (stimulus, unit)
            Values of all units of the model, in the order of the units.

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, image_size, image_size)

        Raises
        ------
        ModelError
            If the number of units is wrong, or the weights are damaged.
        """
        import torch

        from neuroalign.model_zoo.training.loop.devices import one_thread

        recipe = self._trained.recipe
        if latents.sizes["unit"] != recipe.n_latents:
            raise ModelError(
                f"{self.identifier} decodes {recipe.n_latents} units, got {latents.sizes['unit']}"
            )
        network = self.network()
        values = np.asarray(latents.values, dtype=np.float32)
        images = np.empty((len(values), recipe.image_size, recipe.image_size), dtype=np.float32)
        with one_thread(), torch.inference_mode():
            for start in range(0, len(values), _BATCH):
                rows = values[start : start + _BATCH]
                batch = np.zeros((_BATCH, recipe.n_latents), dtype=np.float32)
                batch[: len(rows)] = rows
                decoded = torch.sigmoid(network.decode(torch.from_numpy(batch)))
                images[start : start + _BATCH] = decoded[: len(rows), 0].numpy()
        return images
