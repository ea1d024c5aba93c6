"""Families of models that neuroalign can train: the methods that commands and studies call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Unlike the protocols of typing before Python 3.12, these look for members without computing properties.
from typing_extensions import Protocol, runtime_checkable


class TrainedInstance(Protocol):
    """Weights of one trained instance."""

    @property
    def path(self) -> Path:
        """File of the weights."""
        ...

    @property
    def record(self) -> Mapping[str, Any]:
        """Record of the training; see ``Recorded.record``."""
        ...


class TrainingRecipe(Protocol):
    """Settings of the training of one instance."""

    def options(self) -> Mapping[str, Any]:
        """Return the options in the name of the instance."""
        ...


class TrainingOutcome(Protocol):
    """End of the training of one instance: weights, or the reason for a failure."""

    @property
    def recipe(self) -> TrainingRecipe:
        """Settings of the training."""
        ...

    @property
    def trained(self) -> TrainedInstance | None:
        """Weights of the instance; None if its training failed."""
        ...

    @property
    def failure(self) -> str | None:
        """Reason for the failure; None if there are weights."""
        ...


@runtime_checkable
class TrainableFamily(Protocol):
    """A family of models with instances that ``neuroalign train`` and studies can train."""

    @property
    def identifier(self) -> str:
        """Name of the family."""
        ...

    def recipes(self, settings: Mapping[str, Any], *, grid: str | None = None) -> Sequence[Any]:
        """Return one recipe for each instance of a sweep.

        Parameters
        ----------
        settings : mapping of str to value, or to a list of values
            Settings by name. A list stands for one instance for each of its values.
        grid : str, optional
            Name of a sweep, or path of a file with one. `settings` replace the settings of the sweep.
        """
        ...

    def train(
        self,
        source: Any,
        recipes: Sequence[Any],
        *,
        folder: Path | None = None,
        device: Any = "auto",
        together: int | None = None,
        jobs: int = 1,
        overwrite: bool = False,
    ) -> tuple[Path, Sequence[TrainingOutcome]]:
        """Train instances on the training images of a dataset.

        Parameters
        ----------
        source : str, path, Dataset or StimulusSet
            Images to train on.
        recipes : sequence
            Recipes from :meth:`recipes`.
        folder : Path, optional
            Folder for the weights.
        device : {"auto", "cpu", "cuda", "mps"}
        together : int, optional
            Largest number of instances that are trained as one batched network.
        jobs : int
            Number of processes. Families that train in :func:`neuroalign.jobs.run_jobs` also train on clusters.
        overwrite : bool
            Whether to replace instances of the same name with other settings.

        Returns
        -------
        folder : Path
            Folder of the weights.
        outcomes : sequence of TrainingOutcome
            One for each recipe, in the order of `recipes`.
        """
        ...
