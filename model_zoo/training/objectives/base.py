"""What a family trains its network for: all in which families differ, in one place.

Nothing here imports torch until an objective is made, so that families can be named without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

R = TypeVar("R", bound=Recipe)

#: Images measured at once.
EVALUATION_BATCH = 64


class Objective(ABC, Generic[R]):
    """What the network of one instance is trained for, and on what.

    Parameters
    ----------
    recipe : Recipe
    pixels : array or tensor of float32 in [0, 1], shape (n_images, image_size, image_size)
        A tensor is not copied; it says on which device everything is.

    Attributes
    ----------
    images : tensor of float32, shape (n_images, 1, image_size, image_size)
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
        """The value of the objective below which training has diverged."""

    def draw(self, step: int) -> tuple["Tensor", ...]:
        """Return what is drawn at random for a step, counted from 0: by default which images make the batch.

        Returns
        -------
        tuple of tensor
            In the memory of the host, each of shape (batch_size, …).
        """
        import torch

        from neuroalign.model_zoo.training.images.draws import batch_indices

        indices = batch_indices(self.recipe.seed, step, len(self.images), self.recipe.batch_size)
        return (torch.from_numpy(indices),)

    def gather(self, *drawn: "Tensor") -> tuple["Tensor", ...]:
        """Return what :meth:`measure` takes for what was drawn: by default the images, and all else as it is.

        Parameters
        ----------
        *drawn : tensor
            See :meth:`draw`. There may be a leading dimension, of instances that are trained together.

        Returns
        -------
        tuple of tensor
            On the device of the images.
        """
        indices, *rest = (each.to(self.images.device) for each in drawn)
        return self.images[indices], *rest

    def inputs(self, step: int) -> tuple["Tensor", ...]:
        """Return what :meth:`measure` takes at a step, counted from 0."""
        return self.gather(*self.draw(step))

    def evaluation_inputs(self) -> Iterator[tuple["Tensor", ...]]:
        """Yield what :meth:`measure` takes for all that is trained on, a batch at a time."""
        for images in self.images.split(EVALUATION_BATCH):
            yield (images,)

    @abstractmethod
    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Apply the network to a batch.

        Instances that are trained together are measured by the objective of one of them, so what is
        measured must not depend on the recipe's settings.

        Parameters
        ----------
        network : torch.nn.Module
        *inputs : tensor
            See :meth:`inputs`.

        Returns
        -------
        dict of name to tensor of shape (n,) or (n, n_latents)
            What is measured of each image.
        """

    @property
    @abstractmethod
    def weights(self) -> dict[str, float]:
        """The objective, as the weight of each mean in it; the names are among those that are measured."""

    def value(self, means: Mapping[str, "Tensor"]) -> "Tensor":
        """Return the objective, which training maximises.

        Parameters
        ----------
        means : mapping of name to tensor
            What :meth:`measure` returns, averaged over images.

        Returns
        -------
        tensor without dimensions
        """
        import torch

        return torch.stack([weight * means[name].sum() for name, weight in self.weights.items()]).sum()

    @abstractmethod
    def summary(self, means: Mapping[str, "Tensor"]) -> dict[str, float]:
        """Return the named numbers that logs and progress show of such means."""

    @abstractmethod
    def evaluate(self, network: "nn.Module") -> dict[str, Any]:
        """Measure a trained network.

        Returns
        -------
        dict
            What the record says of it: ``final``, the named numbers that instances are selected by,
            and whatever else the family records.
        """

    def early_stopping(self) -> EarlyStopping | None:
        """Return the rule by which training stops before its last step; None if it does not."""
        return None

    def validate(self, network: "nn.Module") -> tuple[float, dict[str, float]]:
        """Return the loss on the validation set, and named numbers for the log."""
        raise NotImplementedError(f"{self.recipe.family} has no validation set")

    def measure_all(
        self, network: "nn.Module", batches: Iterator[tuple["Tensor", ...]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return what :meth:`measure` returns for many batches, as arrays of shape (n,) or (n, n_latents)."""
        import torch

        with torch.inference_mode():
            measured = [self.measure(network, *inputs) for inputs in batches]
        return {name: np.concatenate([each[name].cpu().numpy() for each in measured]) for name in measured[0]}


def means_of(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, "Tensor"]:
    """Average over images, in double precision."""
    import torch

    return {name: torch.as_tensor(values.mean(axis=0, dtype=np.float64)) for name, values in measured.items()}


def n_varying(units: NDArray[np.float32]) -> int:
    """Return how many units, shape (n, n_units), are not exactly constant."""
    return int((np.ptp(units, axis=0) > 0).sum())
