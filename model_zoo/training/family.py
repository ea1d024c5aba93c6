"""Families of trained models: their bundled instances, and instances that users train."""

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

#: Options in the name of an instance, and its weights.
Instance = tuple[dict[str, Any], Trained]


class TrainedFamily(ModelFamily):
    """Instances that come with neuroalign, and instances that you train.

    For a dataset, the family has the instances that were trained on its training images with
    ``neuroalign train FAMILY DATASET``. If none were trained, it has the bundled instances; a note on their scores
    names the images that they were trained on. The names of your own instances name their training images:
    ``beta_vae[beta=4,seed=0,trained_on=my-faces]``.
    """

    #: Class of the instances.
    model: ClassVar[type[TrainedModel]]

    @property
    def recipe(self) -> type[Recipe]:
        """Class of the recipes of the family."""
        return self.model.recipe

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance.

        Raises
        ------
        UsageError
            If the family has no bundled instances, and no instance was trained on the images of the dataset.
        """
        instances = self.bundled()
        if dataset is not None and dataset.stimuli.has_images:
            own = self.own()
            if own:
                wanted = dataset.stimuli.training().content_hash
                instances = [
                    (options, weights) for options, weights in own if weights.stimulus_set_hash == wanted
                ] or instances
        if not instances:
            on = "DATASET" if dataset is None else dataset.identifier
            raise UsageError(
                f"no {self.identifier} comes with neuroalign, and none was trained on the images of {on}; "
                f"train some with neuroalign train {self.identifier} {on}"
            )
        return [options for options, _ in instances]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> TrainedModel:
        """Return the instance with these options.

        Parameters
        ----------
        dataset : Dataset, optional
            The dataset has no influence: the options determine the instance.
        **options
            Settings in the names of instances and, for your own instances, ``trained_on``. An option may be left out
            if the other options determine the instance.

        Raises
        ------
        UsageError
            If no instance or several instances have these options. The message names the instances.
        """
        accepted = (*self.recipe.setting_names(), "trained_on")
        for option in options:
            if option not in accepted:
                raise unknown_name(f"option of {self.identifier}", option, accepted)
        available = self.own() if "trained_on" in options else self.bundled()
        fitting = [instance for instance in available if _fits(*instance, options)]
        if len(fitting) != 1:
            several = fitting or [*self.bundled(), *self.own()]
            names = [self.instance_identifier(**names) for names, _ in several]
            raise UsageError(
                f"{self.instance_identifier(**options)} "
                f"{'could be any of' if fitting else 'is not among the trained instances'}: "
                f"{name_some(names, most=12) if names else 'no instance is trained'}"
                f"{'' if fitting else f'; train more with neuroalign train {self.identifier} DATASET'}"
            )
        [(own_options, trained)] = fitting
        return self.model(trained, identifier=self.instance_identifier(**own_options))

    def bundled(self) -> list[Instance]:
        """Return the instances that come with neuroalign."""
        folder = Path(str(files("neuroalign.model_zoo"))) / "weights" / self.identifier
        return [(trained.recipe.options(), trained) for trained in find_trained(folder, self.recipe)]

    def own_folder(self) -> Path:
        """Return the folder of the instances that you train, with one subfolder for each stimulus set."""
        return home() / "models" / self.identifier

    def own(self) -> list[Instance]:
        """Return the instances that you trained."""
        folder = self.own_folder()
        return [
            ({**trained.recipe.options(), "trained_on": path.name}, trained)
            for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
            for trained in find_trained(path, self.recipe)
        ]

    def recipes(
        self, settings: Mapping[str, Any], *, grid: str | os.PathLike[str] | None = None
    ) -> list[Recipe]:
        """Make the recipes of a sweep.

        Parameters
        ----------
        settings : mapping of name to value, or to a list of values
            Settings by name, which replace the settings of every sweep of the grid.
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
        recipes = [made for own in sweeps for made in sweep(self.recipe, {**own, **settings})]
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
        """Train instances, which the family then has for the dataset.

        Parameters
        ----------
        source : str, path, Dataset or StimulusSet
            See :func:`neuroalign.model_zoo.training.images.sources.open_stimuli`.
        recipes : sequence of Recipe
            See :meth:`recipes`.
        folder : Path, optional
            Folder for the weights; by default a subfolder of :meth:`own_folder`.
        device, together, jobs, overwrite
            See :func:`neuroalign.model_zoo.training.loop.runner.train`.

        Returns
        -------
        folder : Path
            Folder of the weights.
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
    # Among options, the name of a stimulus set such as "2023" is read as a number.
    return all(
        str(settings[name]) == str(value) if name == "trained_on" else settings[name] == value
        for name, value in options.items()
    )
