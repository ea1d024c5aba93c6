"""Training on a cluster: a job for each group of instances, with checkpoints in a folder that the workers share.

Importing this module imports torch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import joblib

from neuroalign.jobs import end_of_command, run_jobs
from neuroalign.model_zoo.training.loop.course import Outcome, TrainingImages
from neuroalign.model_zoo.training.loop.devices import Device, choose_device, fitting_together
from neuroalign.model_zoo.training.loop.groups import Group
from neuroalign.model_zoo.training.loop.trainer import train_together
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import read_trained, stem


def train_on_cluster(
    groups: Sequence[Group], images: Mapping[int, TrainingImages], folder: Path, device: Device
) -> list[Outcome]:
    """Train groups of instances on the joined cluster.

    Parameters
    ----------
    groups : sequence of Group
    images : mapping of image size to TrainingImages
        Images, which are sent to the workers.
    folder : Path
        Folder for weights, records, logs and checkpoints, which the workers share.
    device : {"auto", "cpu", "cuda", "mps"}
        Device of the workers.

    Returns
    -------
    list of Outcome
        Outcomes, group by group.

    Raises
    ------
    UsageError
        If a worker does not have the device.
    """
    jobs = [
        joblib.delayed(train_group)(members, images[members.recipes[0].image_size], folder.absolute(), device)
        for members in groups
    ]
    finished = run_jobs(jobs, n_jobs=1, description="training", unit="group")
    return [outcome for outcomes in finished for outcome in outcomes]


def train_group(group: Group, images: TrainingImages, folder: Path, device: Device) -> list[Outcome]:
    """Train a group on a worker, from its checkpoint if another worker began it.

    The training writes a checkpoint and stops when the command ends that the worker works for.

    Parameters
    ----------
    group : Group
    images : TrainingImages
    folder : Path
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    list of Outcome
        Outcomes in the order of the group.
    """
    # The worker may have died after the end of the training, before the command had the outcome.
    finished = [find_finished(folder, recipe) for recipe in group.recipes]
    done = [outcome for outcome in finished if outcome is not None]
    if len(done) == len(group.recipes):
        return done
    checkpoint = folder / "checkpoints" / group.checkpoint.name
    return train_together(
        group.recipes, images, folder, checkpoint=checkpoint, device=device, stop=end_of_command()
    )


def fitting_on_cluster(device: Device, recipe: Recipe, n_parameters: int) -> int:
    """Return the number of instances that fit on the device of a worker.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
    recipe : Recipe
    n_parameters : int
        Number of parameters of its network.

    Returns
    -------
    int
    """
    [most] = run_jobs(
        [joblib.delayed(fitting_on_worker)(device, recipe, n_parameters)], n_jobs=1, description="devices"
    )
    return int(most)


def fitting_on_worker(device: Device, recipe: Recipe, n_parameters: int) -> int:
    """Return the number of instances that fit on the device of this process."""
    return fitting_together(choose_device(device), recipe, n_parameters)


def find_finished(folder: Path, recipe: Recipe) -> Outcome | None:
    """Return the outcome of an instance with weights in the folder; None for other instances."""
    path = folder / f"{stem(recipe)}.json"
    if not path.is_file():
        return None
    trained = read_trained(path, type(recipe))
    return Outcome(recipe, trained=trained) if trained.path.is_file() else None
