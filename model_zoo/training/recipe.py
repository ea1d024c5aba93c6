"""Recipes: the settings that, together with the images, determine a trained network."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.validation import (
    NonNegative,
    Positive,
    PositiveFloat,
    Share,
    check_fields,
    check_names,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neuroalign.model_zoo.training.objectives.base import Objective

Storage = Literal["float32", "float16"]
Precision = Literal["float32", "tf32", "bfloat16"]

# Settings that records of earlier versions lack.
_LATER = ("mirror",)


@dataclass(frozen=True)
class Recipe(ABC):
    """Settings that, together with the images, determine the weights of one instance. Families add their own settings.

    Parameters
    ----------
    n_latents : int
        Number of units.
    seed : int
        Seed of initial weights, order of the images and noise.
    image_size : int
        Side of the images in pixels: a power of two, at least 32.
    steps : int
        Number of training steps.
    batch_size : int
        Number of images in a step.
    learning_rate : float
        Learning rate of Adam, with the decay rates 0.9 and 0.999.
    warmup : float
        Share of the steps, at the start, over which the learning rate rises linearly from zero. Without a warm-up, the
        first steps can leave a variational network in a state where it never learns more than the mean image.
    cooldown : float
        Share of the steps, at the end, over which the learning rate falls linearly towards zero.
    mirror : float
        Probability with which a step shows an image mirrored left to right. The seed and the number of the step decide
        it for each image.
    precision : {"float32", "tf32", "bfloat16"}
        Precision of training. ``tf32`` keeps 10 of the 23 bits of the factors of products and convolutions, and needs
        an NVIDIA GPU. ``bfloat16`` is the precision of the convolutions, except for the last one of the decoder.
        Weights, latents, logits, the final measurements and the model that is scored have float32.
    storage : {"float32", "float16"}
        Precision of the final weights.
    """

    #: Name of the family.
    family: ClassVar[str]
    #: Settings that the name of every instance has, in addition to the seed.
    named_by: ClassVar[tuple[str, ...]] = ("n_latents",)
    #: Version of the training; it is raised when the same settings and images give weights that differ by more than
    #: rounding. Records without a version have version 1.
    procedure: ClassVar[int] = 1

    n_latents: Positive = 50
    seed: NonNegative = 0
    image_size: Annotated[int, Meta(ge=32)] = 64
    steps: Positive = 6000
    batch_size: Positive = 32
    learning_rate: PositiveFloat = 1e-3
    warmup: Share = 0.05
    cooldown: Share = 0.0
    mirror: Share = 0.0
    precision: Precision = "float32"
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        check_fields(self, self.family)
        if self.image_size & (self.image_size - 1):
            raise UsageError(
                f"{self.family}: image_size must be a power of two of at least 32, got {self.image_size}"
            )

    @abstractmethod
    def network(self, n_images: int) -> "nn.Module":
        """Make the network of the family; see :mod:`neuroalign.model_zoo.training.networks.architectures`.

        Parameters
        ----------
        n_images : int
            Number of training images.
        """

    @abstractmethod
    def objective(self, pixels: "NDArray[np.float32] | Tensor") -> "Objective[Any]":
        """Make the objective that the network is trained for.

        Parameters
        ----------
        pixels : array or tensor of float32 in [0, 1], shape (n_images, image_size, image_size)
            Training images.
        """

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Make a recipe from settings by name.

        Raises
        ------
        UnknownNameError
            If a setting is unknown. The message has the nearest name.
        UsageError
            If a value is out of range.
        """
        check_names(values, cls.setting_names(), f"setting of {cls.family}")
        return cls(**values)

    @classmethod
    def complete(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return recorded settings with the defaults of the settings that did not exist when they were recorded."""
        return {name: getattr(cls, name) for name in _LATER if name in cls.setting_names()} | dict(values)

    @classmethod
    def setting_names(cls) -> list[str]:
        """Return the names of all settings."""
        return [setting.name for setting in fields(cls)]

    def to_mapping(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)

    def options(self) -> dict[str, Any]:
        """Return the options in the name of the instance: its naming settings, unusual sizes, and the seed."""
        unusual = [
            name
            for name in ("n_latents", "image_size")
            if name not in self.named_by and getattr(self, name) != getattr(type(self), name)
        ]
        return {name: getattr(self, name) for name in (*self.named_by, *unusual, "seed")}

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step; steps are counted from 0."""
        warming, cooling = (round(share * self.steps) for share in (self.warmup, self.cooldown))
        up, down = (step + 1) / (warming + 1), (self.steps - step) / (cooling + 1)
        return self.learning_rate * min(1.0, up, down)


def sweep(recipe: type[Recipe], settings: Mapping[str, Any]) -> list[Recipe]:
    """Make one recipe for each combination of the values of all settings.

    Parameters
    ----------
    recipe : type of Recipe
        Class of the recipes of the family.
    settings : mapping of name to value, or to a list of values
        Settings by name; other settings have the defaults of `recipe`.

    Returns
    -------
    list of Recipe
        Recipes in the order of nested loops, in which the last setting of the mapping varies fastest.

    Raises
    ------
    UsageError
        If a setting is unknown, a value is out of range, or two combinations are the same.
    """
    choices = {
        name: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for name, value in settings.items()
    }
    recipes: list[Recipe] = [
        recipe.from_mapping(dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    ]
    seen: set[Recipe] = set()
    for made in recipes:
        if made in seen:
            raise UsageError(f"{made.options()} is asked for twice")
        seen.add(made)
    return recipes
