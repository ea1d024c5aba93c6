"""Families of trained models: their bundled instances, and instances that users train."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

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
from neuroalign.names.syntax import format_spec

if TYPE_CHECKING:
    from neuroalign.model_zoo.training.loop.course import Outcome
    from neuroalign.model_zoo.training.loop.devices import Device

#: Options in the name of an instance, and its weights.
Instance = tuple[dict[str, Any], Trained]


#: Bundled instances that were trained on the rendered faces of AM-faces-sim; the names of instances omit it there.
STAND_IN = "stand-in"
#: Bundled instances that were trained on photographs of faces.
PHOTOGRAPHS = "faces"
#: Ending of the name of your own training images where bundled instances have the same name.
OWN = "-own"


class TrainedFamily(ModelFamily):
    """Instances that come with neuroalign, and instances that you train.

    For a dataset, the family has the instances that were trained on its training images: first the instances that you
    trained with ``neuroalign train FAMILY DATASET``, then the bundled ones. If none were, it has the bundled instances
    of rendered faces for a simulation, and the bundled instances of photographs of faces for recordings and for
    simulations over photographs (``neuroalign data simulate-faces``); a note on their scores names the images that they
    were trained on. The names of instances of photographs, and of your own instances, name their training images:
    ``beta_vae[beta=4,seed=0,trained_on=my-faces]``.

    Parameters
    ----------
    trained_on : str, optional
        Training images of all instances: ``"stand-in"``, ``"faces"``, or the name of the images of your own instances.
        By default they depend on the dataset.
    """

    #: Class of the instances.
    model: ClassVar[type[TrainedModel]]

    def __init__(self, trained_on: str | None = None) -> None:
        self._trained_on = trained_on
        if trained_on is not None:
            self.identifier = format_spec(self.recipe.family, {"trained_on": trained_on})

    @property
    def recipe(self) -> type[Recipe]:
        """Class of the recipes of the family."""
        return self.model.recipe

    def part(self, options: Mapping[str, Any]) -> Self | None:
        """Return the instances with the training images that ``trained_on`` names, if it is the only option."""
        if set(options) != {"trained_on"}:
            return None
        name = str(options["trained_on"])
        names = [*self.bundled_sets(), *self._own_sets()]
        if name not in names:
            listed = name_some(names, most=12) if names else "none is trained"
            raise UsageError(
                f"no {self.recipe.family} is trained on {name}; the training images are: {listed}; "
                f"train more with neuroalign train {self.recipe.family} DATASET"
            )
        return type(self)(name)

    def fitting(self, dataset: Dataset) -> Self:
        """Return the instances for a dataset, under a name with their training images where it is not obvious."""
        trained_on = self._trained_on or self._choose(dataset)
        return type(self)(None if self._is_implied(trained_on, dataset) else trained_on)

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance.

        Raises
        ------
        UsageError
            If the family has no bundled instances, and no instance was trained on the images of the dataset.
        """
        instances = self._instances_of(self._trained_on or self._choose(dataset), dataset)
        # Images that were replaced under the same name leave instances of the earlier images in the folder.
        instances = [instance for instance in instances if _is_trained_on(instance[1], dataset)] or instances
        if not instances:
            on = "DATASET" if dataset is None else dataset.identifier
            raise UsageError(
                f"no {self.identifier} comes with neuroalign, and none was trained on the images of {on}; "
                f"train some with neuroalign train {self.recipe.family} {on}"
            )
        return [options for options, _ in instances]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> TrainedModel:
        """Return the instance with these options.

        Parameters
        ----------
        dataset : Dataset, optional
            Dataset to be scored. Without the option ``trained_on``, it chooses among the bundled training images.
        **options
            Settings in the names of instances, and ``trained_on``. An option may be left out if the other options
            determine the instance.

        Raises
        ------
        UsageError
            If no instance or several instances have these options. The message names the instances.
        """
        accepted = (*self.recipe.setting_names(), "trained_on")
        for option in options:
            if option not in accepted:
                raise unknown_name(f"option of {self.identifier}", option, accepted)
        trained_on = options.get("trained_on", self._trained_on)
        wanted = {name: value for name, value in options.items() if name != "trained_on"}
        trained_on = self._choose_bundled(dataset) if trained_on is None else str(trained_on)
        fitting = [
            instance for instance in self._instances_of(trained_on, dataset) if _fits(*instance, wanted)
        ]
        if len(fitting) != 1:
            every = [name for name in (*self.bundled_sets(), *self._own_sets()) if name != trained_on]
            several = fitting or [
                instance for name in (trained_on, *every) for instance in self._instances_of(name, dataset)
            ]
            names = [self.instance_identifier(**names) for names, _ in several]
            raise UsageError(
                f"{self.instance_identifier(**options)} "
                f"{'could be any of' if fitting else 'is not among the trained instances'}: "
                f"{name_some(names, most=12) if names else 'no instance is trained'}"
                f"{'' if fitting else f'; train more with neuroalign train {self.recipe.family} DATASET'}"
            )
        [(own_options, trained)] = fitting
        return self.model(trained, identifier=self.instance_identifier(**own_options))

    def instance_identifier(self, **options: Any) -> str:
        """Return the name of an instance: the name of the family without its training images, and the options."""
        return format_spec(self.recipe.family, options)

    def bundled_sets(self) -> list[str]:
        """Return the names of the training images of the bundled instances."""
        return [name for name in (STAND_IN, PHOTOGRAPHS) if self.bundled(name)]

    def bundled(self, trained_on: str = STAND_IN) -> list[Instance]:
        """Return instances that come with neuroalign.

        Parameters
        ----------
        trained_on : {"stand-in", "faces"}
            Training images: rendered faces, or photographs of faces.
        """
        return [(trained.recipe.options(), trained) for trained in _find_bundled(self.recipe, trained_on)]

    def own_folder(self) -> Path:
        """Return the folder of the instances that you train, with one subfolder for each stimulus set."""
        return home() / "models" / self.recipe.family

    def own(self) -> list[Instance]:
        """Return the instances that you trained."""
        return [instance for name in self._own_sets() for instance in self._instances_of(name)]

    def _own_sets(self) -> dict[str, Path]:
        """Return the folder of own instances for each name of training images."""
        folder = self.own_folder()
        folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        return {path.name: path for path in folders if path.name not in (STAND_IN, PHOTOGRAPHS)}

    def _instances_of(self, trained_on: str, dataset: Dataset | None = None) -> list[Instance]:
        """Return the instances of training images, which their options name if the dataset does not imply them."""
        if trained_on in (STAND_IN, PHOTOGRAPHS):
            instances = self.bundled(trained_on)
        else:
            folder = self._own_sets().get(trained_on)
            in_folder = [] if folder is None else find_trained(folder, self.recipe)
            instances = [(trained.recipe.options(), trained) for trained in in_folder]
        if self._is_implied(trained_on, dataset):
            return instances
        return [({**options, "trained_on": trained_on}, trained) for options, trained in instances]

    def _is_implied(self, trained_on: str, dataset: Dataset | None) -> bool:
        return trained_on == STAND_IN and self._choose_bundled(dataset) == STAND_IN

    def _choose(self, dataset: Dataset | None) -> str:
        """Return the name of the training images of the instances for a dataset."""
        for name, folder in self._own_sets().items():
            if any(_is_trained_on(trained, dataset) for trained in find_trained(folder, self.recipe)):
                return name
        return self._choose_bundled(dataset)

    def _choose_bundled(self, dataset: Dataset | None) -> str:
        bundled = {name: self.bundled(name) for name in self.bundled_sets()}
        for name, instances in bundled.items():
            if any(_is_trained_on(trained, dataset) for _, trained in instances):
                return name
        if dataset is None:
            return STAND_IN
        is_stand_in = dataset.simulated and not dataset.metadata.get("photographs")
        return STAND_IN if is_stand_in or PHOTOGRAPHS not in bundled else PHOTOGRAPHS

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
            name = folder_name(stimuli.identifier)
            own_name = f"{name}{OWN}" if name in (STAND_IN, PHOTOGRAPHS) else name
            folder = folder or self.own_folder() / own_name
            outcomes = train(
                recipes, stimuli, folder, device=device, together=together, jobs=jobs, overwrite=overwrite
            )
            return folder, outcomes


@cache
def _find_bundled(recipe: type[Recipe], trained_on: str) -> tuple[Trained, ...]:
    folder = Path(str(files("neuroalign.model_zoo"))) / "weights" / trained_on / recipe.family
    return tuple(find_trained(folder, recipe))


def _is_trained_on(trained: Trained, dataset: Dataset | None) -> bool:
    """Return whether an instance was trained on the training images of a dataset."""
    if dataset is None or not dataset.stimuli.has_images:
        return False
    # The number comes first, because the digest reads all images.
    n_images = len(dataset.stimuli.training())
    return trained.n_images == n_images and trained.stimulus_set_hash == dataset.training_hash


def _fits(names: Mapping[str, Any], trained: Trained, options: Mapping[str, Any]) -> bool:
    settings = {**trained.recipe.to_mapping(), **names}
    return all(settings[name] == value for name, value in options.items())
