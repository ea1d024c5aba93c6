"""Recipes: the settings that, together with the images, determine a trained network."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neuroalign.model_zoo.training.objectives.base import Objective

Storage = Literal["float32", "float16"]
Precision = Literal["float32", "bfloat16"]


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
    precision : {"float32", "bfloat16"}
        Precision of the convolutions in training, except for the last one of the decoder. Weights, latents, logits, the
        final measurements and the model that is scored have float32.
    storage : {"float32", "float16"}
        Precision of the final weights.
    """

    #: Name of the family.
    family: ClassVar[str]
    #: Settings that the name of every instance has, in addition to the seed.
    named_by: ClassVar[tuple[str, ...]] = ("n_latents",)

    n_latents: int = 50
    seed: int = 0
    image_size: int = 64
    steps: int = 6000
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.05
    cooldown: float = 0.0
    precision: Precision = "float32"
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        self._check_number("learning_rate", low=0)
        self._check_number("warmup", low=0, high=1)
        self._check_number("cooldown", low=0, high=1)
        for name, low in (("seed", 0), ("n_latents", 1), ("image_size", 32), ("steps", 1), ("batch_size", 1)):
            self._check_whole(name, low=low)
        if self.image_size & (self.image_size - 1):
            raise UsageError(f"image_size must be a power of two of at least 32, not {self.image_size}")
        if self.learning_rate == 0:
            raise UsageError("learning_rate must be above 0")
        for name, choices in (("precision", get_args(Precision)), ("storage", get_args(Storage))):
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} must be {' or '.join(choices)}, not {getattr(self, name)!r}")

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
        for name in values:
            if name not in cls.setting_names():
                raise unknown_name(f"setting of {cls.family}", name, cls.setting_names())
        return cls(**values)

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

    def _check_whole(self, name: str, *, low: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise UsageError(f"{name} must be a whole number of at least {low}, not {value!r}")

    def _check_number(self, name: str, *, low: float, high: float = math.inf) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(f"{name} must be a number, not {value!r}")
        if not low <= value <= high:
            wanted = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            raise UsageError(f"{name} must be {wanted}, not {value!r}")
        object.__setattr__(self, name, float(value))


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
