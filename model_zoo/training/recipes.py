"""What determines a trained network, and the presets that name whole sweeps of them."""

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from typing import Any, Literal, get_args

from neuroalign.errors import UsageError
from neuroalign.registry import unknown_name

Storage = Literal["float32", "float16"]


@dataclass(frozen=True)
class Recipe:
    """Everything but the images that determines the weights of one instance.

    Parameters
    ----------
    beta : float
        Weight of the divergence from the prior.
    seed : int
        Of initial weights, order of the images and noise.
    n_latents : int
    image_size : int
        A power of two, at least 32.
    steps : int
    batch_size : int
    learning_rate : float
        Of Adam, with its usual decay rates 0.9 and 0.999.
    cooldown : float
        The share of the steps, at the end, over which the learning rate falls linearly towards zero.
    storage : {"float32", "float16"}
        Precision of the final weights. Training is in float32.
    """

    beta: float = 4.0
    seed: int = 0
    n_latents: int = 50
    image_size: int = 64
    steps: int = 6000
    batch_size: int = 32
    learning_rate: float = 1e-3
    cooldown: float = 0.0
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", _number("beta", self.beta, low=0))
        object.__setattr__(self, "learning_rate", _number("learning_rate", self.learning_rate, low=0))
        object.__setattr__(self, "cooldown", _number("cooldown", self.cooldown, low=0, high=1))
        for name, low in (("seed", 0), ("n_latents", 1), ("image_size", 32), ("steps", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise UsageError(f"{name} must be a whole number of at least {low}, not {value!r}")
        if self.image_size & (self.image_size - 1):
            raise UsageError(f"image_size must be a power of two of at least 32, not {self.image_size}")
        if self.learning_rate == 0:
            raise UsageError("learning_rate must be above 0")
        if self.storage not in get_args(Storage):
            raise UsageError(f"storage must be float32 or float16, not {self.storage!r}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Recipe":
        """Make a recipe of named values.

        Raises
        ------
        UnknownNameError
            If there is no such setting, naming the nearest.
        UsageError
            If a value is out of range.
        """
        for name in values:
            if name not in setting_names():
                raise unknown_name("setting of a recipe", name, setting_names())
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)

    def options(self) -> dict[str, Any]:
        """Return what tells this instance from others: β and seed, and what is not as in the paper."""
        unusual = {
            name: getattr(self, name)
            for name in ("n_latents", "image_size")
            if getattr(self, name) != getattr(type(self), name)
        }
        return {"beta": self.beta, **unusual, "seed": self.seed}

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        cooling = round(self.cooldown * self.steps)
        left = self.steps - step
        return self.learning_rate if left > cooling else self.learning_rate * left / (cooling + 1)


def setting_names() -> list[str]:
    """Return the names of all settings of a recipe."""
    return [each.name for each in fields(Recipe)]


def preset_names() -> list[str]:
    """Return the names of the presets, sorted."""
    return sorted(_presets())


def preset(name: str) -> dict[str, Any]:
    """Return the settings of a preset; a setting may be a list, of which each value is trained.

    Raises
    ------
    UnknownNameError
        Naming the nearest presets.
    """
    known = _presets()
    if name not in known:
        raise unknown_name("preset", name, known)
    return dict(known[name])


def sweep(settings: Mapping[str, Any]) -> list[Recipe]:
    """Make a recipe for each combination of the values of all settings.

    Parameters
    ----------
    settings : mapping of name to value, or to a list of values
        What is not named is as in :class:`Recipe`.

    Returns
    -------
    list of Recipe
        The last setting in the mapping varies fastest.

    Raises
    ------
    UsageError
        If a setting is unknown, a value is out of range, or two combinations are the same.
    """
    choices = {
        name: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for name, value in settings.items()
    }
    recipes = [
        Recipe.from_mapping(dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    ]
    for index, recipe in enumerate(recipes):
        if recipe in recipes[:index]:
            raise UsageError(f"{recipe.options()} is asked for twice")
    return recipes


def _presets() -> dict[str, dict[str, Any]]:
    text = (files("neuroalign.model_zoo.training") / "presets.toml").read_text(encoding="utf-8")
    presets: dict[str, dict[str, Any]] = tomllib.loads(text)
    return presets


def _number(name: str, value: Any, *, low: float, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{name} must be a number, not {value!r}")
    if not low <= value <= high:
        wanted = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise UsageError(f"{name} must be {wanted}, not {value!r}")
    return float(value)
