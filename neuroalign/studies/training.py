"""Training of the instances of a family in a study."""

from typing import Any

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.models.loading import load_model
from neuroalign.models.trainable import TrainableFamily
from neuroalign.studies.study import Family


def load_trainable(family: Family) -> TrainableFamily:
    """Load a family that can be trained.

    Raises
    ------
    UsageError
        If the family cannot be trained.
    """
    loaded = load_model(family.model)
    if not isinstance(loaded, TrainableFamily):
        raise UsageError(
            f"{family.name} must be a family with a training, got {family.model}; leave out train"
        )
    return loaded


def train_family(family: Family, grid: str, dataset: Dataset, *, n_jobs: int = 1) -> list[dict[str, Any]]:
    """Train the instances of a family; instances that are already trained are not trained again.

    Parameters
    ----------
    family : Family
    grid : str
        Grid of the study.
    dataset : Dataset
        Dataset with the training images.
    n_jobs : int
        Number of instances that are trained at once on this machine. Within :func:`neuroalign.jobs.cluster` the family
        trains on the cluster.

    Returns
    -------
    list of dict
        Options of the trained instances.

    Raises
    ------
    NeuroalignError
        If no instance could be trained; the message is the failure of the first instance.
    """
    trainable = load_trainable(family)
    recipes = trainable.recipes({}, grid=family.grids[grid].train)
    folder, outcomes = trainable.train(dataset, recipes, jobs=n_jobs)
    results = [
        str(outcome.failure)
        if outcome.trained is None
        else {**outcome.recipe.options(), "trained_on": folder.name}
        for outcome in outcomes
    ]
    trained = [result for result in results if isinstance(result, dict)]
    if not trained:
        raise NeuroalignError(f"no instance of {family.name} could be trained: {results[0]}")
    return trained
