"""Base class of training objectives, in which the trained families differ.

Nothing here imports torch until an objective is made, so that families can be listed without torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neuroalign.model_zoo.training.images.draws import BatchOrder

R = TypeVar("R", bound=Recipe)

#: Number of images in a batch of the evaluation.
EVALUATION_BATCH = 64


class Objective(ABC, Generic[R]):
    """Training objective of one instance on its training images.

    Parameters
    ----------
    recipe : Recipe
    pixels : array or tensor of float32 in [0, 1], shape (n_images, image_size, image_size)
        Training images. A tensor is not copied; its device is the device of the training.

    Attributes
    ----------
    images : tensor of float32, shape (n_images, 1, image_size, image_size)
        Training images.
    """

    def __init__(self, recipe: R, pixels: "NDArray[np.float32] | Tensor") -> None:
        import torch

        self.recipe = recipe
        if isinstance(pixels, np.ndarray):
            pixels = torch.from_numpy(np.ascontiguousarray(pixels))
        self.images = pixels[:, None]

    @property
    @abstractmethod
    def worst(self) -> float:
        """Value of the objective below which training has diverged."""

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """Shape of the standard normal noise of a step, the last input of :meth:`measure`; None without noise."""
        return None

    @property
    def n_examples(self) -> int:
        """Number of examples, mirror images not counted: by default the number of images."""
        return len(self.images)

    @cached_property
    def order(self) -> "BatchOrder":
        """Order in which training sees the examples: by default all images."""
        return self._order_of(len(self.images))

    def examples(self, step: int) -> NDArray[np.int64]:
        """Return the examples of a step (counted from 0), shape (batch_size,): by default indices of images."""
        return self.order.batch(step)

    def draw(self, step: int) -> "Tensor":
        """Draw the examples of a step (counted from 0), and the images among them that are mirrored.

        Returns
        -------
        tensor of int64 in the memory of the host, shape (batch_size,)
            Example, plus :attr:`n_examples` for a mirror image.
        """
        import torch

        from neuroalign.model_zoo.training.images.draws import mirrored

        recipe, drawn = self.recipe, self.examples(step)
        if recipe.mirror:
            drawn = drawn + self.n_examples * mirrored(recipe.seed, step, len(drawn), recipe.mirror)
        return torch.from_numpy(drawn)

    def gather(self, drawn: "Tensor") -> tuple["Tensor", ...]:
        """Return the inputs of :meth:`measure` for drawn examples, without noise: by default their images.

        Parameters
        ----------
        drawn : tensor
            Examples from :meth:`draw` on the device of the images, optionally with a leading dimension for instances
            that are trained together.
        """
        return (self.show(self.images[drawn % self.n_examples], drawn),)

    def show(self, images: "Tensor", drawn: "Tensor") -> "Tensor":
        """Mirror the images that :meth:`draw` drew as mirror images.

        Parameters
        ----------
        images : tensor of shape (…, batch_size, 1, image_size, image_size)
        drawn : tensor of shape (…, batch_size)
        """
        import torch

        # Instances that are trained together share the objective of one of them, which may not mirror images itself.
        return torch.where((drawn >= self.n_examples)[..., None, None, None], images.flip(-1), images)

    def inputs(self, step: int) -> tuple["Tensor", ...]:
        """Return the inputs of :meth:`measure` at a step, counted from 0."""
        from neuroalign.model_zoo.training.images.draws import Noise

        gathered = self.gather(self.draw(step).to(self.images.device))
        if self.noise_shape is None:
            return gathered
        return *gathered, Noise([self.recipe.seed], self.noise_shape, self.images.device).at([step])[0]

    def _order_of(self, n_examples: int) -> "BatchOrder":
        from neuroalign.model_zoo.training.images.draws import BatchOrder

        return BatchOrder(self.recipe.seed, n_examples, self.recipe.batch_size)

    def evaluation_inputs(self) -> Iterator[tuple["Tensor", ...]]:
        """Yield the inputs of :meth:`measure` for all training images, a batch at a time."""
        for images in self.images.split(EVALUATION_BATCH):
            yield (images,)

    @abstractmethod
    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Apply the network to a batch.

        Instances that are trained together share the objective of one of them, so the measurements must not depend on
        the settings of the recipe.

        Parameters
        ----------
        network : torch.nn.Module
        *inputs : tensor
            Inputs from :meth:`inputs`.

        Returns
        -------
        dict of name to tensor of shape (n,) or (n, n_latents)
            Measurements of each image.
        """

    @property
    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Weight of each measurement in the objective, by the names in :meth:`measure`."""

    def value(self, means: Mapping[str, "Tensor"]) -> "Tensor":
        """Return the value of the objective, which training maximises.

        Parameters
        ----------
        means : mapping of name to tensor
            Measurements averaged over images.

        Returns
        -------
        tensor without dimensions
        """
        import torch

        return torch.stack([weight * means[name].sum() for name, weight in self.weights.items()]).sum()

    @abstractmethod
    def summary(self, means: Mapping[str, "Tensor"]) -> dict[str, float]:
        """Return the numbers, by name, that logs and the progress bar show, from measurements averaged over images."""

    @abstractmethod
    def evaluate(self, network: "nn.Module") -> dict[str, Any]:
        """Measure a trained network.

        Returns
        -------
        dict
            Entries of the record: ``final``, the numbers by which instances are selected, and further entries of the
            family.
        """

    def hold_out(self, pixels: "NDArray[np.float32] | Tensor") -> "Objective[R] | None":
        """Make the objective on images that training does not use; None if the objective has no value there.

        Parameters
        ----------
        pixels : array or tensor of float32 in [0, 1], shape (n_images, image_size, image_size)
        """
        return type(self)(self.recipe, pixels)

    def early_stopping(self) -> EarlyStopping | None:
        """Return the rule by which training stops before its last step; None if it never does."""
        return None

    def validate(self, network: "nn.Module") -> tuple[float, dict[str, float]]:
        """Return the loss on the validation set, and numbers by name for the log."""
        raise NotImplementedError(f"{self.recipe.family} has no validation set")

    def measure_all(
        self, network: "nn.Module", batches: Iterator[tuple["Tensor", ...]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the measurements of many batches as arrays of shape (n,) or (n, n_latents)."""
        import torch

        with torch.inference_mode():
            measured = [self.measure(network, *inputs) for inputs in batches]
        return {
            name: np.concatenate([batch[name].cpu().numpy() for batch in measured]) for name in measured[0]
        }


def means_of(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, "Tensor"]:
    """Average measurements over images, in double precision."""
    import torch

    return {name: torch.as_tensor(values.mean(axis=0, dtype=np.float64)) for name, values in measured.items()}


def n_varying(units: NDArray[np.float32]) -> int:
    """Return the number of units that are not exactly constant, from their values of shape (n, n_units)."""
    return int((np.ptp(units, axis=0) > 0).sum())
