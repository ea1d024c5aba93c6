"""Autoencoders: networks that are trained to reconstruct images from a few units, without noise or prior."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.training.model import GenerativeModel
from neuroalign.model_zoo.training.objectives.base import Objective, means_of, n_varying
from neuroalign.model_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class AutoencoderRecipe(Recipe):
    """Settings that, together with the images, determine the weights of an autoencoder; see :class:`Recipe`."""

    family: ClassVar[str] = "autoencoder"

    def network(self, n_images: int) -> "nn.Module":
        """Make a network with an encoder to a code, and a decoder."""
        from neuroalign.model_zoo.training.networks.architectures import Autoencoder

        return Autoencoder(self.n_latents, image_size=self.image_size)

    def objective(self, pixels: "NDArray[np.float32] | Tensor") -> "AutoencoderObjective":
        """Make the objective."""
        return AutoencoderObjective(self, pixels)


class AutoencoderObjective(Objective[AutoencoderRecipe]):
    """−‖f(x) − x‖², the squared error summed over pixels.

    Notes
    -----
    f(x) is the sigmoid of the decoder's output, as in the other families: the network is the same, only the objective
    differs, and images lie between 0 and 1. The paper does not specify f.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, eq. 2.
    """

    @cached_property
    def worst(self) -> float:
        """Twice the objective of constant mid-grey images, and at most −0.01 for each pixel."""
        grey = (self.images - 0.5).square().mean().item()
        return -max(0.01, 2 * grey) * self.images[0].numel()

    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Return the ``squared_error`` (n,) and the code ``units`` (n, n_latents)."""
        from neuroalign.model_zoo.training.objectives.terms import squared_error

        (images,) = inputs
        logits, code = network(images)
        return {"squared_error": squared_error(images, logits.sigmoid()), "units": code}

    @property
    def weights(self) -> dict[str, float]:
        """Weight of the squared error: −1."""
        return {"squared_error": -1.0}

    def summary(self, means: Mapping[str, "Tensor"]) -> dict[str, float]:
        """Return the objective and the squared error."""
        return {"objective": self.value(means).item(), "squared_error": means["squared_error"].item()}

    def evaluate(self, network: "nn.Module") -> dict[str, Any]:
        """Return the summary over all images, and the number of units that vary."""
        measured = self.measure_all(network, self.evaluation_inputs())
        return {
            "final": {
                **self.summary(means_of(measured)),
                "informative_units": n_varying(measured["units"]),
            }
        }


class AutoencoderModel(GenerativeModel):
    """A trained autoencoder; its units are the code.

    Parameters
    ----------
    trained : Trained or path
        Weights, or the path of their file.
    identifier : str, optional
        By default ``autoencoder[n_latents=…,seed=…]``.
    """

    recipe = AutoencoderRecipe


class Autoencoder(TrainedFamily):
    """The bundled autoencoders, and the autoencoders that you train.

    They are trained to reconstruct images with the least squared error, without noise or prior. Instances differ in
    the number of latents and the seed.

    For a dataset, the family has the instances that you trained on its images with ``neuroalign train autoencoder
    DATASET``. If you trained none, it has the bundled instances of photographs of faces, or for a simulated dataset
    the bundled instances of rendered faces. ``autoencoder[trained_on=faces]`` and ``autoencoder[trained_on=stand-in]``
    choose between these.

    References
    ----------
    Hinton & Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks"; Higgins
    et al. (2020), arXiv:2006.14304, eq. 2.
    """

    identifier = "autoencoder"
    model = AutoencoderModel
