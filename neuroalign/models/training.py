"""Training of the instances of a family by its name."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, unknown_name
from neuroalign.models.model import ModelFamily
from neuroalign.models.trainable import TrainableFamily, TrainingOutcome
from neuroalign.names.registry import models
from neuroalign.names.syntax import format_spec

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset


def load_trainable(name: str) -> TrainableFamily:
    """Return the registered family with this name, which must declare that it can be trained.

    Parameters
    ----------
    name : str

    Raises
    ------
    UnknownNameError
        If no family with this name can be trained; the message names the families that can.
    """
    if name in models and (family := _as_trainable(models.get(name))) is not None:
        return family
    names = [other for other, registered in models.items() if _as_trainable(registered) is not None]
    raise unknown_name("family that can be trained", name, names)


def _as_trainable(registered: Any) -> TrainableFamily | None:
    is_class = isinstance(registered, type) and issubclass(registered, ModelFamily)
    family = registered() if is_class else registered
    return family if isinstance(family, TrainableFamily) else None


def train(
    family: str,
    dataset: "str | os.PathLike[str] | Dataset",
    *,
    grid: str | None = None,
    folder: "str | os.PathLike[str] | None" = None,
    device: str = "auto",
    together: int | None = None,
    n_jobs: int = 1,
    overwrite: bool = False,
    **settings: Any,
) -> Sequence[TrainingOutcome]:
    """Train instances of a family on the training images of a dataset.

    Parameters
    ----------
    family : str
        Family that can be trained, such as "beta_vae".
    dataset : str, path or Dataset
        Name or folder of a dataset, or a folder or ZIP archive of images.
    grid : str, optional
        Name of a sweep ("small", "bundled" or "paper"), or path of a TOML file with a sweep.
    folder : path, optional
        Folder for the weights; by default the folder of trained models in the neuroalign folder.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" uses a GPU if one is available.
    together : int, optional
        Largest number of instances that are trained as one batched network.
    n_jobs : int
        Number of processes.
    overwrite : bool
        Whether to replace instances with the same name and other settings or images.
    **settings
        Settings of the recipe, such as ``beta=4`` or ``steps=2000``; a list trains one instance for each of its values,
        as in ``seed=[0, 1, 2]``.

    Returns
    -------
    sequence of TrainingOutcome
        One outcome for each instance: ``trained`` has the path and the record of the weights. Scores of the family on
        a dataset with these images use the new instances.

    Raises
    ------
    UnknownNameError
        If no family with this name can be trained.
    ModelError
        If no instance could be trained; the message has the first reason.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.train("beta_vae", "AM-faces-sim", beta=4, seed=[0, 1], steps=2000)  # doctest: +SKIP
    """
    trainable = load_trainable(family)
    recipes = trainable.recipes(settings, grid=grid)
    _, outcomes = trainable.train(
        dataset,
        recipes,
        folder=None if folder is None else Path(folder),
        device=device,
        together=together,
        jobs=n_jobs,
        overwrite=overwrite,
    )
    if outcomes and all(outcome.failure is not None for outcome in outcomes):
        name = format_spec(family, outcomes[0].recipe.options())
        raise ModelError(f"no instance of {family} was trained; {name}: {outcomes[0].failure}")
    return outcomes
