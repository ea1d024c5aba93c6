"""Which instances are trained together.

Importing this module imports torch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.model_zoo.training.loop.checkpoints import find_checkpoints
from neuroalign.model_zoo.training.loop.course import TrainingImages, identity
from neuroalign.model_zoo.training.loop.devices import Device, choose_device, fitting_together
from neuroalign.model_zoo.training.loop.trainer import checkpoint_path
from neuroalign.model_zoo.training.networks.architectures import empty
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import stem


@dataclass(frozen=True)
class Group:
    """Instances that are trained as one batched network, and where their checkpoint is."""

    recipes: tuple[Recipe, ...]
    checkpoint: Path


def group(
    recipes: Sequence[Recipe],
    finished: Collection[Recipe],
    images: Mapping[int, TrainingImages],
    folder: Path,
    *,
    device: Device,
    together: int | None,
    jobs: int,
) -> list[Group]:
    """Decide which instances are trained together.

    Those that have begun together go on together. Of the others, those can be together whose networks have
    the same shape and whose batches have the same size.

    Parameters
    ----------
    recipes : sequence of Recipe
    finished : collection of Recipe
        Those among them that need no training.
    images : mapping of image size to TrainingImages
    folder : Path
        Where checkpoints are.
    device : {"auto", "cpu", "cuda", "mps"}
    together : int, optional
        How many at most; by default :func:`neuroalign.model_zoo.training.loop.devices.fitting_together`.
    jobs : int
        How many groups are trained at once, so that there should be as many.

    Returns
    -------
    list of Group
    """
    begun = _begun(recipes, finished, images, folder)
    taken = {recipe for each in begun for recipe in each.recipes}
    alike: dict[Any, list[Recipe]] = {}
    for recipe in recipes:
        if recipe not in finished and recipe not in taken:
            network = empty(partial(recipe.network, len(images[recipe.image_size].pixels)))
            shapes = tuple((name, tuple(each.shape)) for name, each in network.named_parameters())
            kind = (type(recipe), recipe.image_size, recipe.batch_size, shapes)
            alike.setdefault(kind, []).append(recipe)
    new = []
    for (*_, shapes), members in alike.items():
        if together is None:
            n_parameters = sum(int(np.prod(shape)) for _, shape in shapes)
            most = max(1, fitting_together(choose_device(device), members[0], n_parameters) // jobs)
        else:
            most = together
        n_groups = max(-(-len(members) // most), min(jobs, len(members)))
        for part in np.array_split(np.arange(len(members)), n_groups):
            chosen = tuple(members[index] for index in part)
            new.append(Group(chosen, checkpoint_path(folder, *chosen)))
    return [*begun, *new]


def _begun(
    recipes: Sequence[Recipe],
    finished: Collection[Recipe],
    images: Mapping[int, TrainingImages],
    folder: Path,
) -> list[Group]:
    groups: list[Group] = []
    taken: set[Recipe] = set()
    for path, state in find_checkpoints(folder / "checkpoints").items():
        members = tuple(
            recipe
            for recipe in recipes
            if recipe not in taken and _is_of(recipe, images[recipe.image_size], state["runs"])
        )
        # One that was killed right after it wrote its weights is still in the checkpoint, and as long as
        # others go on from there it keeps them company.
        if not set(members) <= set(finished):
            groups.append(Group(members, path))
            taken.update(members)
        elif members:
            path.unlink()
    return groups


def _is_of(recipe: Recipe, images: TrainingImages, runs: Mapping[str, Any]) -> bool:
    found, wanted = runs.get(stem(recipe), {}), identity(recipe, images)
    return {name: found.get(name) for name in wanted} == wanted
