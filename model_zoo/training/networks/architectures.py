"""Convolutional networks of the trained families, which share encoder and decoder.

Importing this module imports torch.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from neuroalign.model_zoo.training.networks.resampling import Downsampling, Upsampling

#: Version of the architecture; it changes when the same weights give other values.
ARCHITECTURE = "convolutional-1"
#: Filters of the four convolutions; each halves height and width.
FILTERS = (32, 32, 64, 64)
#: Units of the fully connected layer between the convolutions and the latents.
HIDDEN = 256


class Encoder(nn.Module):
    """Encoder from grey images to a vector: four 4×4 convolutions of stride 2, a hidden layer, and a linear layer.

    Parameters
    ----------
    n_outputs : int
    image_size : int
        A multiple of 16.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "β-VAE model"; Fig. 7a.
    """

    #: Precision of the convolutions; by default the precision of the images.
    precision: torch.dtype | None = None

    def __init__(self, n_outputs: int, *, image_size: int = 64) -> None:
        super().__init__()
        channels = (1, *FILTERS)
        self.convolutions = nn.ModuleList(
            Downsampling(n_in, n_out) for n_in, n_out in itertools.pairwise(channels)
        )
        self.hidden = nn.Linear(FILTERS[-1] * (image_size // 16) ** 2, HIDDEN)
        self.output = nn.Linear(HIDDEN, n_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 1, image_size, image_size) to (n, n_outputs)."""
        values = images.to(self.precision or images.dtype)
        for convolution in self.convolutions:
            values = convolution(values).relu_()
        # flatten reads the values as (n, channels, height, width), independent of their layout in memory.
        return self.output(self.hidden(values.flatten(1).to(images.dtype)).relu_())


class Decoder(nn.Module):
    """Decoder from a vector to the logits of grey images: the mirror image of :class:`Encoder`.

    Parameters
    ----------
    n_inputs : int
    image_size : int
        A multiple of 16.
    """

    #: Precision of all convolutions except the last; by default the precision of the latents.
    precision: torch.dtype | None = None

    def __init__(self, n_inputs: int, *, image_size: int = 64) -> None:
        super().__init__()
        self.side = image_size // 16
        channels = (*reversed(FILTERS), 1)
        self.hidden = nn.Linear(n_inputs, HIDDEN)
        self.spread = nn.Linear(HIDDEN, FILTERS[-1] * self.side**2)
        self.convolutions = nn.ModuleList(
            Upsampling(n_in, n_out) for n_in, n_out in itertools.pairwise(channels)
        )

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (n, n_inputs) to logits (n, 1, image_size, image_size)."""
        values = self.spread(self.hidden(latents).relu_()).relu_()
        values = values.reshape(-1, FILTERS[-1], self.side, self.side)
        # Channels last is about a third faster on a CPU; the weights have the same layout.
        # The layout is written as a permutation because vmap does not support memory formats.
        values = values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        values = values.to(self.precision or latents.dtype)
        for convolution in self.convolutions[:-1]:
            values = convolution(values).relu_()
        return self.convolutions[-1](values.to(latents.dtype))


class VariationalAutoencoder(nn.Module):
    """An encoder to the mean and log-variance of a Gaussian, and a decoder.

    Parameters
    ----------
    n_latents : int
    image_size : int
        A multiple of 16.
    """

    def __init__(self, n_latents: int, *, image_size: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(2 * n_latents, image_size=image_size)
        self.decoder = Decoder(n_latents, image_size=image_size)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (n, 1, size, size) to means and log-variances, each (n, n_latents)."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents (n, n_latents) to logits (n, 1, size, size)."""
        return self.decoder(latents)

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, sample and decode.

        Parameters
        ----------
        images : tensor of shape (n, 1, size, size)
        noise : tensor of shape (n, n_latents)
            Standard normal.

        Returns
        -------
        logits : tensor of shape (n, 1, size, size)
        mean, log_variance : tensors of shape (n, n_latents)
        """
        mean, log_variance = self.encode(images)
        return self.decode(mean + noise * torch.exp(0.5 * log_variance)), mean, log_variance


class Autoencoder(nn.Module):
    """An encoder to a code, and a decoder.

    Parameters
    ----------
    n_latents : int
    image_size : int
        A multiple of 16.
    """

    def __init__(self, n_latents: int, *, image_size: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(n_latents, image_size=image_size)
        self.decoder = Decoder(n_latents, image_size=image_size)

    def decode(self, latents: Tensor) -> Tensor:
        """Map codes (n, n_latents) to logits (n, 1, size, size)."""
        return self.decoder(latents)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (n, 1, size, size) to logits of the same shape and codes (n, n_latents)."""
        code = self.encoder(images)
        return self.decode(code), code


class Classifier(nn.Module):
    """An encoder to a few linear units, and one logit for each face.

    Parameters
    ----------
    n_latents : int
    n_faces : int
    image_size : int
        A multiple of 16.
    """

    def __init__(self, n_latents: int, n_faces: int, *, image_size: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(n_latents, image_size=image_size)
        self.logits = nn.Linear(n_latents, n_faces)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (n, 1, size, size) to logits (n, n_faces) and units (n, n_latents)."""
        units = self.encoder(images)
        return self.logits(units), units


def convolve_in(network: nn.Module, precision: torch.dtype) -> None:
    """Set the precision of the convolutions of a network; its weights stay in float32."""
    for module in network.modules():
        if isinstance(module, Encoder | Decoder):
            module.precision = precision


def convolve_by_products(network: nn.Module) -> None:
    """Let a network convolve by matrix products; see :mod:`neuroalign.model_zoo.training.networks.quarters`."""
    for module in network.modules():
        if isinstance(module, Downsampling | Upsampling):
            module.by_products = True


Network = TypeVar("Network", bound=nn.Module)


def build(make: Callable[[], Network], *, seed: int = 0) -> Network:
    """Make a network with initial weights that depend on the seed alone.

    The global generator of torch is neither read nor changed, so networks can be made in parallel. Weights and biases
    are uniform within ±1/√(inputs of the layer), which is torch's default.

    Parameters
    ----------
    make : callable
        Function that makes the network, with any weights.
    seed : int

    Returns
    -------
    torch.nn.Module, float32, channels last
    """
    network = empty(make)
    rng = np.random.default_rng([seed, 0])
    with torch.no_grad():
        # The weights of each layer precede its biases.
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                bound = 1 / np.sqrt(parameter[0].numel())
            values = rng.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(torch.from_numpy(values))
    return network


def empty(make: Callable[[], Network]) -> Network:
    """Make a network with uninitialised weights.

    Parameters
    ----------
    make : callable
        Function that makes the network, with any weights.

    Returns
    -------
    torch.nn.Module, float32, channels last
    """
    with torch.device("meta"):
        network = make()
    return network.to_empty(device="cpu").to(memory_format=torch.channels_last)
