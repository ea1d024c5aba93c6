"""A dataset's own neurons as the units of a model."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign import arrays
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.selection import select_part
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import StimulusMismatchError, name_some
from neuroalign.names.syntax import format_spec, parse_spec


class NeuronModel:
    """Neurons as units: the averaged responses of a dataset to the stimuli that it shares with another one.

    The latents carry the coordinate ``neuroid`` and the attribute ``neuroids_of``, the hash of the whole recording, so
    that a benchmark can keep a neuron from predicting itself, also in a part of the recording. Images are not needed.
    The model has no fingerprint, because computing an average takes no longer than reading it from the cache.

    Parameters
    ----------
    dataset : Dataset
    identifier : str
    neuroids : array of str, optional
        Ids of the neurons; by default all neurons.
    notes : sequence of str
        Notes for a reader of the model's scores.
    """

    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "nothing"

    def __init__(
        self,
        dataset: Dataset,
        identifier: str,
        *,
        neuroids: ArrayLike | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.identifier = identifier
        self.notes = tuple(notes)
        self._dataset = dataset
        self._neuroids = None if neuroids is None else np.asarray(neuroids).astype(str)

    @property
    def neurons_of(self) -> Dataset:
        """Dataset of the neurons."""
        return self._dataset

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the responses to the stimuli that the dataset has responses to.

        Raises
        ------
        StimulusMismatchError
            If the dataset has no response to any of the stimuli.
        """
        responses = self._dataset.responses
        shared = np.intersect1d(stimuli.ids, responses["stimulus"].values)
        if shared.size == 0:
            raise StimulusMismatchError(
                f"{self.identifier} responds to {name_some(responses['stimulus'].values)}, "
                f"but to none of the stimuli of {stimuli.identifier!r} ({name_some(stimuli.ids)})"
            )
        chosen = responses.sel(stimulus=shared)
        if self._neuroids is not None:
            chosen = chosen.sel(neuroid=self._neuroids)
        neuroids = chosen["neuroid"].values
        return arrays.latents(
            chosen.values,
            stimulus=shared,
            unit=neuroids,
            neuroid=neuroids,
            attrs={"neuroids_of": self._dataset.recording_hash},
        )


def neurons(dataset: str, **conditions: Any) -> NeuronModel:
    """The neurons of a dataset: ``neurons:DATASET``, or ``neurons:DATASET[animal=Tito]``.

    Parameters
    ----------
    dataset : str
        Name or folder, as in :func:`neuroalign.load_dataset`.
    **conditions
        Values of columns that select a part of the dataset; see :func:`neuroalign.datasets.selection.select_part`.

    Returns
    -------
    NeuronModel
        Its name has the name of the loaded dataset, so that a stand-in is never mistaken for recordings.

    Raises
    ------
    UnknownNameError
        If the dataset, a column or a value is unknown. The message has the nearest names.
    """
    loaded = select_part(load_dataset(dataset), conditions)
    if loaded.part_of is None:
        return NeuronModel(loaded, f"neurons:{loaded.identifier}")
    part = parse_spec(loaded.identifier)
    return NeuronModel(loaded, format_spec(f"neurons:{part.name}", part.options))
