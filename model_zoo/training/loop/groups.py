"""Groups of instances that are trained together.

Importing this module imports torch.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.model_zoo.training.loop.checkpoints import find_checkpoints
from neuroalign.model_zoo.training.loop.course import TrainingImages, is_run_of
from neuroalign.model_zoo.training.loop.devices import Device, choose_device, fitting_together
from neuroalign.model_zoo.training.loop.trainer import checkpoint_path
from neuroalign.model_zoo.training.networks.architectures import empty
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import stem


@dataclass(frozen=True)
class Group:
    """Instances that are trained as one batched network, and the path of their checkpoint."""

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
    fitting: Callable[[Recipe, int], int] | None = None,
) -> list[Group]:
    """Divide instances into groups that are trained together.

    Instances that have begun together stay together. Other instances can be in one group if their networks have the
    same shape and precision, and their batches the same size. The groups are formed from all instances, finished ones
    included, which then leave: so a run that continues trains the groups of an uninterrupted run.

    Parameters
    ----------
    recipes : sequence of Recipe
    finished : collection of Recipe
        Recipes among `recipes` that need no training.
    images : mapping of image size to TrainingImages
    folder : Path
        Folder with the checkpoints.
    device : {"auto", "cpu", "cuda", "mps"}
    together : int, optional
        Largest size of a group; by default :func:`neuroalign.model_zoo.training.loop.devices.fitting_together`.
    jobs : int
        Number of groups that are trained at the same time; at least as many groups are formed, if possible.
    fitting : callable, optional
        Function that returns the default of `together` for a recipe and the number of parameters of its network; by
        default the number that fits on the device here, divided by `jobs`.

    Returns
    -------
    list of Group
    """
    begun = _begun(recipes, finished, images, folder)
    taken = {recipe for begun_group in begun for recipe in begun_group.recipes}
    alike: dict[Any, list[Recipe]] = {}
    for recipe in recipes:
        if recipe not in taken:
            network = empty(partial(recipe.network, len(images[recipe.image_size].pixels)))
            shapes = tuple((name, tuple(value.shape)) for name, value in network.named_parameters())
            kind = (type(recipe), recipe.image_size, recipe.batch_size, recipe.precision, shapes)
            alike.setdefault(kind, []).append(recipe)
    new = []
    for (*_, shapes), members in alike.items():
        if set(members) <= set(finished):
            continue
        if together is None:
            n_parameters = sum(int(np.prod(shape)) for _, shape in shapes)
            most = (
                max(1, fitting_together(choose_device(device), members[0], n_parameters) // jobs)
                if fitting is None
                else fitting(members[0], n_parameters)
            )
        else:
            most = together
        n_groups = max(-(-len(members) // most), min(jobs, len(members)))
        for part in np.array_split(np.arange(len(members)), n_groups):
            chosen = tuple(members[index] for index in part if members[index] not in finished)
            if not chosen:
                continue
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
            if recipe not in taken
            and is_run_of(state["runs"].get(stem(recipe), {}), recipe, images[recipe.image_size])
        )
        # An instance that was killed after writing its weights is still in the checkpoint. It stays in the group as
        # long as other instances continue from this checkpoint.
        if not set(members) <= set(finished):
            groups.append(Group(members, path))
            taken.update(members)
        elif members:
            path.unlink()
    return groups
