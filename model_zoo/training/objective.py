"""What a family trains its network for: all in which families differ, in one place.

Nothing here imports torch until an objective is made, so that families can be named without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from neuroalign.model_zoo.training.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipes import Recipe
from numpy.typing import NDArray

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
    pixels : array of float32 in [0, 1], shape (n_images, image_size, image_size)

    Attributes
    ----------
    images : tensor of float32, shape (n_images, 1, image_size, image_size)
    """

    def __init__(self, recipe: R, pixels: NDArray[np.float32]) -> None:
        import torch

        self.recipe = recipe
        self.images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None]

    @property
    @abstractmethod
    def worst(self) -> float:
        """The value of the objective below which training has diverged."""

    def inputs(self, step: int) -> tuple["Tensor", ...]:
        """Return what :meth:`measure` takes at a step, counted from 0: by default a batch of images."""
        import torch
        from neuroalign.model_zoo.training.draws import batch_indices

        indices = batch_indices(self.recipe.seed, step, len(self.images), self.recipe.batch_size)
        return (self.images[torch.from_numpy(indices)],)

    def evaluation_inputs(self) -> Iterator[tuple["Tensor", ...]]:
        """Yield what :meth:`measure` takes for all that is trained on, a batch at a time."""
        for images in self.images.split(EVALUATION_BATCH):
            yield (images,)

    @abstractmethod
    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Apply the network to a batch.

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

    @abstractmethod
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

    def value_at(self, step: int, means: Mapping[str, "Tensor"]) -> "Tensor":
        """Return what is maximised at a step, counted from 0: by default :meth:`value` at each."""
        return self.value(means)

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
        return {name: np.concatenate([each[name].numpy() for each in measured]) for name in measured[0]}


def means_of(measured: Mapping[str, NDArray[np.float32]]) -> dict[str, "Tensor"]:
    """Average over images, in double precision."""
    import torch

    return {name: torch.as_tensor(values.mean(axis=0, dtype=np.float64)) for name, values in measured.items()}


def n_varying(units: NDArray[np.float32]) -> int:
    """Return how many units, shape (n, n_units), are not exactly constant."""
    return int((np.ptp(units, axis=0) > 0).sum())
