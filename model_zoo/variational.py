"""Variational families: recipe, objective and model of networks with a Gaussian posterior."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.model_zoo.training.model import GenerativeModel
from neuroalign.model_zoo.training.objectives.base import EVALUATION_BATCH, Objective, means_of
from neuroalign.model_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Threshold of the mean divergence from the prior above which a unit is informative, in nats.
INFORMATIVE = 0.01


class VariationalRecipe(Recipe):
    """Settings of a network that is trained for :class:`VariationalObjective`."""

    #: Version 1 drew noise by NumPy's generator; version 2 draws it by Philox.
    procedure: ClassVar[int] = 2

    @property
    @abstractmethod
    def kl_weight(self) -> float:
        """Weight of the divergence from the prior."""

    def network(self, n_images: int) -> "nn.Module":
        """Make a network with an encoder to the mean and log-variance of each latent, and a decoder."""
        from neuroalign.model_zoo.training.networks.architectures import VariationalAutoencoder

        return VariationalAutoencoder(self.n_latents, image_size=self.image_size)

    def objective(self, pixels: "NDArray[np.float32] | Tensor") -> "VariationalObjective":
        """Make the objective."""
        return VariationalObjective(self, pixels)


class VariationalObjective(Objective[VariationalRecipe]):
    """log p(x|z) − β·KL(q(z|x)‖p(z)), with a Bernoulli likelihood summed over pixels; in nats.

    References
    ----------
    Higgins et al. (2017), "β-VAE", eq. 4; Higgins et al. (2020), arXiv:2006.14304, eq. 1.
    """

    @property
    def worst(self) -> float:
        """Ten times the objective of a constant grey image, which is −log 2 for each pixel."""
        return float(-10 * np.log(2) * self.images[0].numel())

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number for each image and latent."""
        return self.recipe.batch_size, self.recipe.n_latents

    def evaluation_inputs(self) -> Iterator[tuple["Tensor", ...]]:
        """Yield all images, with one sample of noise for each."""
        from neuroalign.model_zoo.training.images.draws import EVALUATION, Noise

        shape, device = (EVALUATION_BATCH, self.recipe.n_latents), self.images.device
        noise = Noise([self.recipe.seed], shape, device, EVALUATION)
        for number, (images,) in enumerate(super().evaluation_inputs()):
            yield images, noise.at([number])[0, : len(images)]

    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Return ``log_likelihood`` (n,) and ``kl`` (n, n_latents)."""
        from neuroalign.model_zoo.training.objectives.terms import bernoulli_log_likelihood, gaussian_kl

        images, noise = inputs
        logits, mean, log_variance = network(images, noise)
        return {
            "log_likelihood": bernoulli_log_likelihood(images, logits),
            "kl": gaussian_kl(mean, log_variance),
        }

    @property
    def weights(self) -> dict[str, float]:
        """Weights of the log-likelihood, 1, and of the divergence, −β."""
        return {"log_likelihood": 1.0, "kl": -self.recipe.kl_weight}

    def summary(self, means: Mapping[str, "Tensor"]) -> dict[str, float]:
        """Return the objective, its terms, and the number of informative units."""
        return {
            "objective": self.value(means).item(),
            "log_likelihood": means["log_likelihood"].item(),
            "kl": means["kl"].sum().item(),
            "informative_units": int((means["kl"] > INFORMATIVE).sum()),
        }

    def evaluate(self, network: "nn.Module") -> dict[str, Any]:
        """Return the summary over all images, and the divergence of each unit."""
        means = means_of(self.measure_all(network, self.evaluation_inputs()))
        return {"final": self.summary(means), "kl": means["kl"].tolist()}


class VariationalModel(GenerativeModel):
    """A trained network with the means of a Gaussian posterior as units."""

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Encode stimuli.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents of shape (n_stimuli, n_latents)
            Means of the posterior. ``kl`` is the divergence of each unit from the prior in nats, averaged over the
            stimuli. A unit with more than 0.01 nats is ``informative``.

        Raises
        ------
        ModelError
            If the weights are missing or damaged.
        MissingImagesError
            If the images are not available.

        References
        ----------
        The threshold is the one of Duan et al. (2020), arXiv:1905.12614, section 4.
        """
        encoded = self._encode_all(stimuli)
        kl = encoded["kl"].mean(axis=0, dtype=np.float64)
        return self._label(stimuli, encoded["units"], informative=kl > INFORMATIVE, kl=kl)

    def _encode(self, network: Any, images: "Tensor") -> dict[str, "Tensor"]:
        from neuroalign.model_zoo.training.objectives.terms import gaussian_kl

        mean, log_variance = network.encode(images)
        return {"units": mean, "kl": gaussian_kl(mean, log_variance)}
