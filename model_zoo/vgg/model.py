"""VGG-Face as a model, with its preprocessing of images."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import hash_file
from neuroalign.model_zoo.vgg.weights import BGR, RANDOM, RGB, file_stamp, random_network, read_network
from neuroalign.validation import NonNegative, check_value

if TYPE_CHECKING:
    import torch

#: Version of the computation; it is raised when the same weights and images give other latents.
VERSION = 1
#: Side of the images that the network sees, in pixels.
IMAGE_SIZE = 224
#: Mean of the training images: blue, green and red, on the scale from 0 to 255.
MEAN_BGR = (93.5940, 104.7624, 129.1863)

# A larger batch needs more memory (about 13 MB an image for one layer alone) and is not faster.
_BATCH = 16


class VGGFaceModel:
    """VGG-Face with the 4,096 units of its last hidden layer, after their activation.

    Images are resampled to 224 × 224 pixels. A grey image is used for red, green and blue. The mean of the training
    images of VGG-Face is subtracted on the scale from 0 to 255.

    Parameters
    ----------
    identifier : str
    weights : Path, optional
        File of the weights; without it the weights are random.
    seed : int
        Seed of random weights.
    order : {None, "bgr", "rgb"}
        Colour that comes first in the first layer; see :func:`neuroalign.model_zoo.vgg_face.vgg_face`.
    layer : str, optional
        Module or node of timm's ``vgg16`` in place of the last hidden layer.
    pool : {None, "mean"}
        Units of a layer with positions: every value, or the mean over positions.

    References
    ----------
    Parkhi, Vedaldi & Zisserman (2015), "Deep face recognition", BMVC.
    """

    def __init__(
        self,
        identifier: str,
        *,
        weights: Path | None,
        seed: int = 0,
        order: str | None = None,
        layer: str | None = None,
        pool: str | None = None,
    ) -> None:
        if order not in (None, BGR, RGB):
            raise UsageError(f"{identifier}: order must be {BGR} or {RGB}, got {order!r}")
        check_value(seed, NonNegative, "seed", owner=identifier)
        self.identifier = identifier
        self._weights = weights
        self._seed = seed
        self._order = order
        self._options = {"layer": layer, "pool": pool}
        if weights is not None or layer is not None or pool is not None:
            self._network()  # reports mistakes in the options before anything is scored

    @property
    def fingerprint(self) -> str:
        """Digest of the options and of the weights: the bytes of their file, or their seed and generator."""
        weights: list[Any] = [RANDOM, self._seed, version("torch"), version("timm")]
        if self._weights is not None:
            weights = [hash_file(self._weights, file_stamp(self._weights))]
        return digest("vgg_face", VERSION, weights, self._order, self._options)

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Run the images through the network, a batch at a time.

        Returns
        -------
        latents of shape (n_stimuli, 4096)

        Raises
        ------
        MissingImagesError
            If the images are not available.
        """
        return self._network().latents(stimuli)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of one batch of images after another."""
        return self._network().latent_batches(stimuli)

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List the layers, as :meth:`TorchModel.layer_shapes` does."""
        return self._network().layer_shapes(stimuli, nodes=nodes)

    def _network(self) -> "_Network":
        # The weights stay in this process: a model that is sent to another process has the path of the file only.
        if self._weights is None:
            network, order = random_network(self._seed), BGR
        else:
            network, order = read_network(self._weights, file_stamp(self._weights), self._order is None)
        return _Network(network, self.identifier, order=self._order or order, **self._options)


class _Network(TorchModel):
    """The network with its preprocessing."""

    def __init__(self, network: "torch.nn.Module", identifier: str, *, order: str, **options: Any) -> None:
        self._bgr = order == BGR
        super().__init__(
            network,
            identifier,
            image_size=IMAGE_SIZE,
            mean=[value / 255 for value in MEAN_BGR[::-1]],
            std=1 / 255,
            batch_size=_BATCH,
            **options,
        )

    def _forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        network: Any = self.module
        features = network.forward_features(batch.flip(1) if self._bgr else batch)
        hidden: torch.Tensor = network.forward_head(features, pre_logits=True)
        return hidden
