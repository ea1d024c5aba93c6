"""Families of trained models: which instances there are, and how more are trained."""

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError, name_some, unknown_name
from neuroalign.files.home import home
from neuroalign.model_zoo.training.grids import load_grid
from neuroalign.model_zoo.training.images.sources import folder_name, open_stimuli
from neuroalign.model_zoo.training.model import TrainedModel
from neuroalign.model_zoo.training.recipe import Recipe, sweep
from neuroalign.model_zoo.training.weights_file import Trained, find_trained
from neuroalign.models.model import ModelFamily

if TYPE_CHECKING:
    from neuroalign.model_zoo.training.loop.course import Outcome
    from neuroalign.model_zoo.training.loop.devices import Device

#: The options that name an instance, and its weights.
Instance = tuple[dict[str, Any], Trained]


class TrainedFamily(ModelFamily):
    """Instances that come with neuroalign, and those that you train.

    The instances for a dataset are those that were trained on its own training images, by
    ``neuroalign train FAMILY DATASET``, if there are any; otherwise the bundled ones, whose scores say
    which images they were trained on. Names of your own
    say what they were trained on: ``beta_vae[beta=4,seed=0,trained_on=my-faces]``.
    """

    #: What an instance is; its recipes are those of the family.
    model: ClassVar[type[TrainedModel]]

    @property
    def recipe(self) -> type[Recipe]:
        """The recipes of the family."""
        return self.model.recipe

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance.

        Raises
        ------
        UsageError
            If no instance comes with neuroalign, and none was trained on the images of the dataset.
        """
        found = self.bundled()
        if dataset is not None and dataset.stimuli.has_images:
            own = self.own()
            if own:
                wanted = dataset.stimuli.training().content_hash
                found = [each for each in own if each[1].stimulus_set_hash == wanted] or found
        if not found:
            on = "DATASET" if dataset is None else dataset.identifier
            raise UsageError(
                f"no {self.identifier} comes with neuroalign, and none was trained on the images of {on}; "
                f"train some with neuroalign train {self.identifier} {on}"
            )
        return [names for names, _ in found]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> TrainedModel:
        """Return the instance with these options.

        Parameters
        ----------
        dataset : Dataset, optional
            Not needed: the options say all.
        **options
            The settings in the names of instances and, for instances of your own, ``trained_on``. An
            option may be left out if the rest leaves only one instance.

        Raises
        ------
        UsageError
            If there is no such instance, or several, naming those that there are.
        """
        known = (*self.recipe.setting_names(), "trained_on")
        for option in options:
            if option not in known:
                raise unknown_name(f"option of {self.identifier}", option, known)
        available = self.own() if "trained_on" in options else self.bundled()
        fitting = [each for each in available if _fits(*each, options)]
        if len(fitting) != 1:
            several = fitting or [*self.bundled(), *self.own()]
            names = [self.instance_identifier(**each) for each, _ in several]
            raise UsageError(
                f"{self.instance_identifier(**options)} "
                f"{'could be any of' if fitting else 'is not among the trained instances'}: "
                f"{name_some(names, most=12) if names else 'there are none'}"
                f"{'' if fitting else f'; train more with neuroalign train {self.identifier} DATASET'}"
            )
        [(found, trained)] = fitting
        return self.model(trained, identifier=self.instance_identifier(**found))

    def bundled(self) -> list[Instance]:
        """Return the instances that come with neuroalign."""
        folder = Path(str(files("neuroalign.model_zoo"))) / "weights" / self.identifier
        return [(each.recipe.options(), each) for each in find_trained(folder, self.recipe)]

    def own_folder(self) -> Path:
        """Return the folder in which the instances that you train are kept, a folder for each stimulus set."""
        return home() / "models" / self.identifier

    def own(self) -> list[Instance]:
        """Return the instances that you trained."""
        folder = self.own_folder()
        return [
            ({**each.recipe.options(), "trained_on": path.name}, each)
            for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
            for each in find_trained(path, self.recipe)
        ]

    def recipes(
        self, settings: Mapping[str, Any], *, grid: str | os.PathLike[str] | None = None
    ) -> list[Recipe]:
        """Make the recipes of a sweep.

        Parameters
        ----------
        settings : mapping of name to value, or to a list of values
            They take the place of those of the grid, in each of its sweeps.
        grid : str or path, optional
            See :func:`neuroalign.model_zoo.training.grids.load_grid`.

        Returns
        -------
        list of Recipe

        Raises
        ------
        UsageError
            If a setting or the grid is unknown, or a value is out of range.
        """
        sweeps = [{}] if grid is None else load_grid(self.identifier, grid)
        recipes = [recipe for each in sweeps for recipe in sweep(self.recipe, {**each, **settings})]
        return list(dict.fromkeys(recipes))

    def train(
        self,
        source: str | os.PathLike[str] | Dataset | StimulusSet,
        recipes: Sequence[Recipe],
        *,
        folder: Path | None = None,
        device: "Device" = "auto",
        together: int | None = None,
        jobs: int = 1,
        overwrite: bool = False,
    ) -> "tuple[Path, list[Outcome]]":
        """Train instances; afterwards they are the family's for the dataset.

        Parameters
        ----------
        source : str, path, Dataset or StimulusSet
            See :func:`neuroalign.model_zoo.training.images.sources.open_stimuli`.
        recipes : sequence of Recipe
            See :meth:`recipes`.
        folder : Path, optional
            For the weights; by default one in neuroalign's own folder.
        device, together, jobs, overwrite
            See :func:`neuroalign.model_zoo.training.loop.runner.train`.

        Returns
        -------
        folder : Path
        outcomes : list of Outcome
            In the order of `recipes`.
        """
        from neuroalign.model_zoo.training.loop.runner import train

        with open_stimuli(source) as stimuli:
            folder = folder or self.own_folder() / folder_name(stimuli.identifier)
            outcomes = train(
                recipes, stimuli, folder, device=device, together=together, jobs=jobs, overwrite=overwrite
            )
            return folder, outcomes


def _fits(names: Mapping[str, Any], trained: Trained, options: Mapping[str, Any]) -> bool:
    settings = {**trained.recipe.to_mapping(), **names}
    # The name of a set such as "2023" is read as a number where it stands among options.
    return all(
        str(settings[name]) == str(value) if name == "trained_on" else settings[name] == value
        for name, value in options.items()
    )
