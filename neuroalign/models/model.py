"""The interfaces of a model and of a family of models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import xarray as xr

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_spec

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset


@runtime_checkable
class Model(Protocol):
    """Anything that turns stimuli into latents.

    More is used where a model has it:

    ``decode(latents: xr.DataArray) -> array of float32 in [0, 1], (n, height, width)``
        Reconstruct images from latents.
    ``fingerprint: str``
        Digest of everything that determines the latents of a given image: weights, layer,
        preprocessing, version of the code. With it latents are kept in the cache; without it they are
        computed every time.
    ``latent_batches(stimuli) -> iterator of latents``
        Yield the latents of some stimuli after others, of each stimulus once: those that do not fit into memory
        are then written to a file as they come; see :func:`neuroalign.models.latents_file.gather_latents`.
    ``trained_on: str or None``, ``trained_on_hash: str or None``
        Identifier of the stimuli that the model was trained on, and the content hash of that stimulus set. Scores
        record the first, and say where a dataset has other training images: by the hash, or without one by the
        identifier of the dataset or of its stimuli.
    ``notes: sequence of str``
        Notes for a reader of the model's scores, which carry them.
    ``layer_shapes(stimuli) -> mapping of str to tuple of int``
        The layers that a network has, with the shape of their output for one stimulus.
    """

    @property
    def identifier(self) -> str:
        """Name of the model, for example ``beta_vae[beta=6,seed=0]``."""
        ...

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Compute the value of each unit for each stimulus.

        Parameters
        ----------
        stimuli : StimulusSet
            All stimuli of a dataset, with its marks of what may be used for fitting.

        Returns
        -------
        latents : dimensions stimulus, unit; see :func:`neuroalign.arrays.latents`
        """
        ...


class ModelFamily(ABC):
    """Models that differ only in hyper-parameters and seeds: the instances that statistics need."""

    identifier: str

    #: Whether the instances are a random sample of what the family could give, as those of several seeds are. None:
    #: they are one if their names have an option ``seed``. Other families are tested over neurons only.
    is_sample: bool | None = None

    @abstractmethod
    def grid(self, dataset: "Dataset | None" = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance, in the order of the family.

        Parameters
        ----------
        dataset : Dataset, optional
            What is to be scored, for families whose instances depend on it.
        """

    @abstractmethod
    def instance(self, dataset: "Dataset | None" = None, **options: Any) -> Model:
        """Return the instance with these options.

        Raises
        ------
        UsageError
            If there is no such instance, naming those that there are.
        """

    def available(
        self, wanted: Sequence[Mapping[str, Any]], dataset: "Dataset | None" = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the options of the instances that a dataset allows, in place of those that somebody wants.

        Parameters
        ----------
        wanted : sequence of mapping
            Options of instances.
        dataset : Dataset, optional
            What is to be scored.

        Returns
        -------
        sequence of mapping
            By default the same options. Families with sizes that depend on the dataset return other options where the
            dataset does not allow these, with a warning.
        """
        return wanted

    def instances(self, dataset: "Dataset | None" = None) -> list[Model]:
        """Return all instances."""
        return [self.instance(dataset, **options) for options in self.grid(dataset)]

    def instance_identifier(self, **options: Any) -> str:
        """Name an instance: the family's name and the options."""
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
