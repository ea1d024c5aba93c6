"""Datasets: recorded neurons and their stimuli, or stimuli alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import (
    average_trials,
    trial_cube,
    validate_recording,
    validate_responses,
)
from neuroalign.arrays import recording as make_recording
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.time_bins import bin_edges, expect_one_window, has_bins
from neuroalign.errors import DatasetError, MissingResponsesError, name_some
from neuroalign.files.digests import digest
from neuroalign.validation import check_value


@dataclass(frozen=True, eq=False)
class Dataset:
    """A recording with its stimuli, or stimuli without responses (``of_stimuli()``).

    Parameters
    ----------
    identifier : str
        Name of the dataset.
    recording : xarray.DataArray
        Responses with the dimensions presentation, neuroid and, for a recording with time bins, time_bin; see
        :func:`neuroalign.arrays.recording`. Averages have one presentation for each stimulus and ``averaged=True``.
        Models are compared with one window of the time bins: see
        ``neuroalign.datasets.selection.select_window``.
    stimuli : StimulusSet
        Recorded stimuli, and possibly further stimuli.
    averaged : bool
        Whether the values are means over trials, which do not show the reliability of neurons.
    simulated : bool
        Whether the neurons are simulated. Scores of simulated and of recorded neurons never share a leaderboard.
    metadata : mapping
        Description, source, licence, citation, checksums.
    truth : pandas.DataFrame, optional
        Weight of each generative factor (column) for each neuroid (row) of simulated neurons.
    part_of : str, optional
        For a part of a recording, the :attr:`recording_hash` of the whole recording.
    """

    identifier: str
    recording: xr.DataArray
    stimuli: StimulusSet
    averaged: bool = False
    simulated: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    truth: pd.DataFrame | None = None
    part_of: str | None = None

    def __post_init__(self) -> None:
        validate_recording(self.recording)
        check_value(self.stimuli, StimulusSet, "the stimuli of a dataset")
        recorded = np.unique(self.recording["stimulus_id"].values.astype(str))
        unknown = np.setdiff1d(recorded, self.stimuli.ids)
        if unknown.size:
            raise DatasetError(
                f"{unknown.size} recorded stimuli of {self.identifier!r} are not in its stimulus table: "
                f"{name_some(unknown)}"
            )

    @classmethod
    def of_stimuli(
        cls, stimuli: StimulusSet, *, identifier: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> "Dataset":
        """Make a dataset of stimuli without responses. Networks can be trained on its images.

        Parameters
        ----------
        stimuli : StimulusSet
        identifier : str, optional
            Name of the dataset; by default the name of the stimulus set.
        metadata : mapping, optional
            Description, source, licence, citation, checksums.

        Examples
        --------
        >>> import numpy as np
        >>> images = np.zeros((3, 8, 8), dtype=np.uint8)
        >>> Dataset.of_stimuli(StimulusSet.from_arrays(images, identifier="faces"))
        <Dataset faces: 3 stimuli without responses>
        """
        empty = make_recording(np.empty((0, 0)), stimulus_id=np.empty(0, str), neuroid_id=np.empty(0, str))
        return cls(identifier or stimuli.identifier, empty, stimuli, averaged=True, metadata=metadata or {})

    def __repr__(self) -> str:
        if not self.has_responses:
            return f"<Dataset {self.identifier}: {len(self.stimuli)} stimuli without responses>"
        n_stimuli = len(np.unique(self.recording["stimulus_id"].values))
        kind = "simulated" if self.simulated else "recorded"
        return f"<Dataset {self.identifier}: {self.recording.sizes['neuroid']} {kind} neurons × {n_stimuli} stimuli>"

    @property
    def has_responses(self) -> bool:
        """Whether the dataset has responses of neurons, and not stimuli alone."""
        return self.recording.sizes["neuroid"] > 0

    def expect_responses(self) -> None:
        """Refuse a dataset of stimuli alone.

        Raises
        ------
        MissingResponsesError
            If the dataset has no responses.
        """
        if not self.has_responses:
            raise MissingResponsesError(
                f"the dataset {self.identifier!r} has stimuli without responses, and this needs responses of neurons; "
                "give another dataset, or import the responses with neuroalign data add NAME --responses FILE"
            )

    @cached_property
    def responses(self) -> xr.DataArray:
        """Mean response over trials, dimensions stimulus (sorted ids), neuroid.

        Raises
        ------
        MissingResponsesError
            If the dataset has no responses.
        UsageError
            If the recording has several time bins; select a window first.
        """
        expect_one_window(self)
        return average_trials(self.recording)

    @cached_property
    def trials(self) -> NDArray[np.float64] | None:
        """Single trials, shape (n_stimuli, n_repetitions, n_neuroids), NaN where missing.

        Stimuli are in the order of :attr:`responses`. None if no stimulus was repeated or the values are averages.
        """
        expect_one_window(self)
        if self.averaged:
            return None
        cube = trial_cube(self.recording)
        return cube if cube.shape[1] > 1 else None

    @cached_property
    def standard_errors(self) -> NDArray[np.float64] | None:
        """Standard error of each mean response, shape (n_stimuli, n_neuroids), in the order of :attr:`responses`.

        None for single trials, and where the standard errors of averages are not known.
        """
        return self._beside_averages("sem")

    @cached_property
    def n_trials(self) -> NDArray[np.float64] | None:
        """Number of trials behind each mean response, shape (n_stimuli, n_neuroids); None where it is not known."""
        return self._beside_averages("n_trials")

    @cached_property
    def kept_reliabilities(self) -> dict[bytes, NDArray[np.float64]]:
        """Reliabilities that :func:`~neuroalign.datasets.reliability.neuron_reliability` computed, by the stimuli."""
        return {}

    def _beside_averages(self, name: str) -> NDArray[np.float64] | None:
        """Return a coordinate that describes each average."""
        if not self.averaged or name not in self.recording.coords:
            return None
        place = pd.Index(self.recording["stimulus_id"].values.astype(str)).get_indexer(
            self.responses["stimulus"].values
        )
        return np.asarray(self.recording[name].values[place], dtype=np.float64)

    @cached_property
    def factors(self) -> pd.DataFrame | None:
        """Generative factors of a simulated dataset, stimuli × factors; None for recorded neurons."""
        return None if self.truth is None else self.stimuli.table[list(self.truth.columns)]

    @cached_property
    def training_hash(self) -> str:
        """Content hash of the training stimuli, which identifies the networks that were trained on them."""
        return self.stimuli.training().content_hash

    @cached_property
    def content_hash(self) -> str:
        """Digest of the responses, the stimuli and their originals; independent of the name of the dataset."""
        array = self.recording
        originals = self.stimuli.originals(np.unique(array["stimulus_id"].values.astype(str)))
        # Scores depend on the originals. Without variants the digest equals the one of versions without originals.
        variants = (originals.labels,) if originals.has_variants else ()
        # Ceilings depend on the noise of averages.
        noise = [array[name].values for name in ("sem", "n_trials") if name in array.coords]
        return digest(
            array["stimulus_id"].values,
            array["repetition"].values,
            array["neuroid_id"].values,
            array.values,
            self.averaged,
            self.stimuli.content_hash,
            *variants,
            *noise,
            *self._bins,
        )

    @cached_property
    def recording_hash(self) -> str:
        """Digest of the whole recording; a part of a recording has the digest of the whole.

        Two neurons are one neuron if the digests of their recordings and their ids are equal, also where the datasets
        are different parts of the recording.
        """
        array = self.recording
        return self.part_of or digest(
            array["stimulus_id"].values,
            array["repetition"].values,
            array["neuroid_id"].values,
            array.values,
            self.averaged,
            *self._bins,
        )

    @property
    def _bins(self) -> tuple[NDArray[np.float64], ...]:
        """Edges of the time bins, for digests; empty without several bins, so that older digests stay."""
        edges = bin_edges(self.recording) if has_bins(self.recording) else None
        return () if edges is None else (edges,)

    def with_responses(self, responses: xr.DataArray, *, identifier: str | None = None) -> "Dataset":
        """Return the dataset with other averaged responses in place of its recording.

        Parameters
        ----------
        responses : responses
            Responses to stimuli of this dataset. The neurons may be others, such as linear recombinations.
        identifier : str, optional
            Name of the new dataset; by default the name of this dataset.
        """
        validate_responses(responses)
        recording = xr.DataArray(
            responses.values,
            dims=("presentation", "neuroid"),
            coords={
                "stimulus_id": ("presentation", responses["stimulus"].values),
                "repetition": ("presentation", np.zeros(responses.sizes["stimulus"], dtype=np.int64)),
                "neuroid_id": ("neuroid", responses["neuroid"].values),
                "region": ("neuroid", responses["region"].values),
                "animal": ("neuroid", responses["animal"].values),
            },
            name="recording",
            attrs=responses.attrs,
        )
        return replace(
            self,
            identifier=identifier or self.identifier,
            recording=recording,
            averaged=True,
            truth=None,
            part_of=None,
        )
