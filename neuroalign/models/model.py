"""Interfaces of models, of families of models, and of the optional capabilities that both can declare.

A model has two members: `identifier` and `latents`. Every further member is a capability with a protocol of its own.
neuroalign asks ``isinstance(model, Decodes)``, and a model declares a capability by having the members of its
protocol; it need not inherit from the protocol.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

# Unlike the protocols of typing before Python 3.12, these look for members without computing properties: a fingerprint
# may take seconds.
from typing_extensions import Protocol, runtime_checkable

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_spec

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset

#: Attribute of latents with a remark of the model on the stimuli, for example that they differ from its training
#: images. It becomes part of the caution about a model that was trained on other images.
REMARK = "remark_on_stimuli"


@runtime_checkable
class Model(Protocol):
    """An object that turns stimuli into latents."""

    @property
    def identifier(self) -> str:
        """Name of the model, for example ``beta_vae[beta=6,seed=0]``."""
        ...

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Compute the value of each unit for each stimulus.

        Parameters
        ----------
        stimuli : StimulusSet
            All stimuli of a dataset; `stimuli.training()` are the ones that a model may be fitted to.

        Returns
        -------
        latents : xarray.DataArray of float64, dimensions (stimulus, unit)
            See :func:`neuroalign.arrays.latents`.
        """
        ...


@runtime_checkable
class Decodes(Model, Protocol):
    """A model that reconstructs images from latents."""

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images from latents.

        Parameters
        ----------
        latents : xarray.DataArray, dimensions (stimulus, unit)
            Values of all units of the model, in the order of the units.

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, height, width)
        """
        ...


@runtime_checkable
class Fingerprinted(Model, Protocol):
    """A model with a digest of everything that determines its latents.

    The latents of such a model are kept in the cache. The latents of other models are computed every time.
    """

    @property
    def fingerprint(self) -> str | None:
        """Digest of weights, layer, preprocessing and version of the code.

        None if the model finds out that no digest can identify its latents, for example because it draws random
        numbers. The digest may change while the object is used: when its weights are trained further, for example.
        """
        ...


def fingerprint_of(model: Model) -> str | None:
    """Return the fingerprint of a model; None if the model does not declare one."""
    return model.fingerprint if isinstance(model, Fingerprinted) else None


@runtime_checkable
class Batched(Model, Protocol):
    """A model that yields latents in batches, so that latents larger than memory are written to a file."""

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of the stimuli, one batch of stimuli after another.

        Parameters
        ----------
        stimuli : StimulusSet

        Yields
        ------
        latents : xarray.DataArray, dimensions (stimulus, unit)
            Every batch has the same units, and every stimulus is in exactly one batch. The order of the stimuli is
            free; see ``neuroalign.models.latents_file.gather_latents``.
        """
        ...


@runtime_checkable
class HasLayers(Model, Protocol):
    """A network with layers to choose from, which ``neuroalign list layers`` lists."""

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> Mapping[str, tuple[int, ...]]:
        """Return the layers by name, each with the shape of its output for one stimulus.

        Parameters
        ----------
        stimuli : StimulusSet
            The first stimulus is run through the network.
        nodes : bool
            Whether to list also the operations of the network's graph that are not modules.
        """
        ...


@runtime_checkable
class Rectified(Model, Protocol):
    """A network that can give the inputs of rectified units, for tests that rotate units."""

    def before_rectification(self, stimuli: StimulusSet) -> xr.DataArray | None:
        """Return the input of the rectification behind each unit.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents or None
            Latents with the stimuli and units of :meth:`Model.latents`; ``max(input, 0)`` is the latents. None where
            the units are not the output of a rectification, or its inputs are not available.
        """
        ...


@runtime_checkable
class Trained(Model, Protocol):
    """A model that states which stimuli it was trained on.

    Scores record the name, and carry a note if the scored dataset has other training stimuli.
    """

    @property
    def trained_on(self) -> str | None:
        """Identifier of the dataset or stimulus set that the model was trained on; None if unknown."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A model or family without training images of its own: the scored dataset determines its units.

    Comparisons state this beside the training images of the other model.
    """

    #: "stimuli" for units that are fitted to the stimuli of the scored dataset; "nothing" for units that are not
    #: fitted, such as recorded neurons.
    fitted_to: ClassVar[Literal["stimuli", "nothing"]]


@runtime_checkable
class TrainedOnHash(Trained, Protocol):
    """A trained model that identifies its training stimuli by content, for datasets that may be renamed."""

    @property
    def trained_on_hash(self) -> str | None:
        """Content hash of the training stimuli; None if unknown. The hash decides in place of the name."""
        ...


@runtime_checkable
class Recorded(Model, Protocol):
    """A trained model with the record of its training, which studies use to select instances."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The record, like JSON.

        ``stimulus_set`` has the ``name`` and the ``content_hash`` of the training stimuli, ``recipe`` the settings
        of the training, and ``final`` the values at its end, such as ``objective`` or ``accuracy``. Each of the
        three may be missing.
        """
        ...


@runtime_checkable
class Noted(Model, Protocol):
    """A model with notes for the reader of its scores."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences that every score of the model carries."""
        ...


@runtime_checkable
class MadeOfNeurons(Model, Protocol):
    """A model with recorded neurons as its units."""

    @property
    def neurons_of(self) -> "Dataset":
        """Dataset of the neurons; the latents have the ids of its neurons as the coordinate ``neuroid``."""
        ...


class ModelFamily(ABC):
    """Models that differ only in hyper-parameters and seeds: the instances that statistics need."""

    identifier: str

    #: Whether the instances are a random sample of the models that the family could give, as instances of several
    #: seeds are. None: they are a sample if their names have an option ``seed``. Comparisons of families without a
    #: sample of instances generalise over neurons only.
    is_sample: bool | None = None

    #: Whether the units of the instances are the recorded neurons themselves, so that the scores of the family are
    #: the ceiling of other models; see :func:`neuroalign.models.ceiling.ceiling_family`.
    is_ceiling: ClassVar[bool] = False

    @abstractmethod
    def grid(self, dataset: "Dataset | None" = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance, in the order of the family.

        Parameters
        ----------
        dataset : Dataset, optional
            Dataset to be scored, for families with instances that depend on it.
        """

    @abstractmethod
    def instance(self, dataset: "Dataset | None" = None, **options: Any) -> Model:
        """Return the instance with these options.

        Raises
        ------
        UsageError
            If the family has no instance with these options. The message names its instances.
        """

    def available(
        self, wanted: Sequence[Mapping[str, Any]], dataset: "Dataset | None" = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the options of instances that a dataset allows, in place of the wanted ones.

        Parameters
        ----------
        wanted : sequence of mapping
            Options of instances.
        dataset : Dataset, optional
            Dataset to be scored.

        Returns
        -------
        sequence of mapping
            By default `wanted`. A family with sizes that depend on the dataset replaces the options that the dataset
            does not allow, with a warning.
        """
        return wanted

    def fitting(self, dataset: "Dataset") -> "ModelFamily":
        """Return the family with the instances that suit a dataset.

        Parameters
        ----------
        dataset : Dataset
            Dataset to be scored.

        Returns
        -------
        ModelFamily
            By default the family itself. A family with several sets of instances returns one of them, under a name
            that says which, so that a leaderboard never mixes them.
        """
        return self

    def part(self, options: Mapping[str, Any]) -> "ModelFamily | None":
        """Return the instances that share these options as a family of their own.

        Parameters
        ----------
        options : mapping of str to value
            Options in the square brackets of a name.

        Returns
        -------
        ModelFamily or None
            None, the default, if the options name one instance.
        """
        return None

    def instances(self, dataset: "Dataset | None" = None) -> list[Model]:
        """Return all instances."""
        return [self.instance(dataset, **options) for options in self.grid(dataset)]

    def instance_identifier(self, **options: Any) -> str:
        """Return the name of an instance: the family's name and the options."""
        return format_spec(self.identifier, options)


class FixedFamily(ModelFamily):
    """A family given as a list of models.

    Parameters
    ----------
    identifier : str
    members : sequence of Model
    is_sample : bool, optional
        See :attr:`ModelFamily.is_sample`.
    """

    def __init__(self, identifier: str, members: Sequence[Model], *, is_sample: bool | None = None) -> None:
        self.identifier = identifier
        self.is_sample = is_sample
        self._members = list(members)

    def grid(self, dataset: "Dataset | None" = None) -> Sequence[Mapping[str, Any]]:
        """Return the index of each member."""
        return [{"index": index} for index in range(len(self._members))]

    def instance(self, dataset: "Dataset | None" = None, **options: Any) -> Model:
        """Return the member with this index."""
        index = options.get("index")
        if set(options) != {"index"} or not isinstance(index, int) or not 0 <= index < len(self._members):
            raise UsageError(f"{self.identifier} has the members index=0 to index={len(self._members) - 1}")
        return self._members[index]
