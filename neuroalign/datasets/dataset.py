"""A dataset: recorded neurons and the stimuli that they responded to."""

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
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, name_some
from neuroalign.files.digests import digest


@dataclass(frozen=True, eq=False)
class Dataset:
    """A recording with its stimuli.

    Parameters
    ----------
    identifier : str
    recording : xarray.DataArray
        Dimensions presentation, neuroid; see :func:`neuroalign.arrays.recording`. Where only averages
        are known, one presentation for each stimulus and ``averaged=True``.
    stimuli : StimulusSet
        At least the recorded stimuli.
    averaged : bool
        Whether the values are means over trials, so that nothing can be said of reliability.
    simulated : bool
        Whether the neurons are simulated. Such scores never share a leaderboard with recorded ones.
    metadata : mapping
        Description, source, licence, citation, checksums.
    truth : pandas.DataFrame, optional
        For simulated neurons: the weight of each generative factor (column) for each neuroid (row).
    """

    identifier: str
    recording: xr.DataArray
    stimuli: StimulusSet
    averaged: bool = False
    simulated: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    truth: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        validate_recording(self.recording)
        recorded = np.unique(self.recording["stimulus_id"].values.astype(str))
        unknown = np.setdiff1d(recorded, self.stimuli.ids)
        if unknown.size:
            raise DatasetError(
                f"{unknown.size} recorded stimuli of {self.identifier!r} are not in its stimulus table: "
                f"{name_some(unknown)}"
            )

    def __repr__(self) -> str:
        n_stimuli = len(np.unique(self.recording["stimulus_id"].values))
        kind = "simulated" if self.simulated else "recorded"
        return f"<Dataset {self.identifier}: {self.recording.sizes['neuroid']} {kind} neurons × {n_stimuli} stimuli>"

    @cached_property
    def responses(self) -> xr.DataArray:
        """Mean response over trials, dimensions stimulus (sorted ids), neuroid."""
        return average_trials(self.recording)

    @cached_property
    def trials(self) -> NDArray[np.float64] | None:
        """Single trials, shape (n_stimuli, n_repetitions, n_neuroids), NaN where missing.

        Stimuli are in the order of :attr:`responses`. None where no stimulus was repeated or only
        averages are known.
        """
        if self.averaged:
            return None
        cube = trial_cube(self.recording)
        return cube if cube.shape[1] > 1 else None

    @cached_property
    def factors(self) -> pd.DataFrame | None:
        """Generative factors of a simulated dataset, stimuli × factors; None where unknown."""
        return None if self.truth is None else self.stimuli.table[list(self.truth.columns)]

    @cached_property
    def content_hash(self) -> str:
        """Digest of what was recorded, of the stimuli and of their originals, whatever the dataset is called."""
        array = self.recording
        originals = self.stimuli.originals(np.unique(array["stimulus_id"].values.astype(str)))
        # Scores depend on the originals; without variants the digest stays as it was before there were any.
        variants = (originals.labels,) if originals.has_variants else ()
        return digest(
            array["stimulus_id"].values,
            array["repetition"].values,
            array["neuroid_id"].values,
            array.values,
            self.averaged,
            self.stimuli.content_hash,
            *variants,
        )

    def with_responses(self, responses: xr.DataArray, *, identifier: str | None = None) -> "Dataset":
        """Return the dataset with other averaged responses in place of its recording.

        Parameters
        ----------
        responses : responses
            Of stimuli of this dataset; the neurons may be others, such as linear recombinations.
        identifier : str, optional
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
            self, identifier=identifier or self.identifier, recording=recording, averaged=True, truth=None
        )
