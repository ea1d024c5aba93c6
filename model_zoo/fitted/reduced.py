"""Base of reducers: models with few units that are made from models with many units."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.fitted.components import Matrix
from neuroalign.models.computed import computed_with
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, Noted, Trained, TrainedOnHash, fingerprint_of
from neuroalign.models.reductions import NOTE
from neuroalign.names.syntax import format_spec


class Reduced:
    """A model that reduces the latents of another model.

    Parameters
    ----------
    model : Model
    name : str
        Name of the reducer.
    identifier : str, optional
        By default the name of the model with the reducer and its options.
    version : int
        Version of the computation; it is raised when the same latents give other reduced latents.
    options : mapping
        Options in the name; they are part of the fingerprint.

    Attributes
    ----------
    depends_on_stimuli : bool
        Whether the units depend on the whole stimulus set, as fitted components do, so that the units of a part of the
        set are other units.
    """

    depends_on_stimuli = False

    def __init__(
        self, model: Model, name: str, identifier: str | None, *, version: int, options: Mapping[str, Any]
    ) -> None:
        self.model = model
        self.identifier = identifier or f"{model.identifier}+{format_spec(name, options)}"
        self.reducer = name
        self.options = dict(options)
        self.key: list[Any] = [name, version, self.options]

    @property
    def fingerprint(self) -> str | None:
        """Digest of the options and the fingerprint of the other model; None if that model has no fingerprint."""
        inner = fingerprint_of(self.model)
        return None if inner is None else digest(inner, self.key)

    @property
    def notes(self) -> Sequence[str]:
        """Notes of the model."""
        return self.model.notes if isinstance(self.model, Noted) else ()

    @property
    def computed_with(self) -> dict[str, Any]:
        """Device and precision of the other model; empty if unknown."""
        return computed_with(self.model)

    @property
    def trained_on(self) -> str | None:
        """Name of the stimuli that the other model was trained on; None if unknown."""
        return self.model.trained_on if isinstance(self.model, Trained) else None

    @property
    def trained_on_hash(self) -> str | None:
        """Content hash of the stimuli that the other model was trained on; None if unknown."""
        return self.model.trained_on_hash if isinstance(self.model, TrainedOnHash) else None


class LatentRows:
    """Latents of some stimuli as a matrix, of which only the used rows and columns are read.

    Parameters
    ----------
    latents : xarray.DataArray, dimensions (stimulus, unit)
        Latents in memory or in a file.
    stimulus : array of str
        Ids of the stimuli; stimuli without latents are left out.

    Attributes
    ----------
    stimulus : array of str, shape (n_rows,)
        Ids of the rows, sorted: rounding must not depend on the order of the stimuli.
    shape : tuple of int
        Numbers of rows and units.
    """

    def __init__(self, latents: xr.DataArray, stimulus: NDArray[np.str_]) -> None:
        self.stimulus = np.intersect1d(stimulus, latents["stimulus"].values)
        self.shape = (len(self.stimulus), latents.sizes["unit"])
        self._latents = latents
        self._rows = latents.indexes["stimulus"].get_indexer(self.stimulus)

    def __getitem__(self, key: slice | tuple[slice, slice]) -> Matrix:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        return self._latents.isel(stimulus=self._rows[rows], unit=columns).values


class TrainingRows:
    """Latents of the training stimuli of a set, which a reducer is fitted to.

    Parameters
    ----------
    reduced : Reduced
        The reduced model.
    latents : xarray.DataArray
        Latents of all stimuli by the model that is reduced.
    stimuli : StimulusSet
        All stimuli of a dataset. Only the stimuli that the column ``training`` marks are used; without this column, all
        of them.
    mirrored : bool
        Whether mirrored training images are encoded where the stimulus set asks for them.

    Attributes
    ----------
    rows : LatentRows
        Latents of the training stimuli.

    Raises
    ------
    ModelError
        If the model has other units for the training stimuli than for all stimuli.
    """

    def __init__(
        self, reduced: Reduced, latents: xr.DataArray, stimuli: StimulusSet, *, mirrored: bool = True
    ) -> None:
        training = stimuli.training()
        asked = mirrored and training.mirrored != stimuli.mirrored
        # The units of a reducer that is fitted to the stimuli would be other units for the training images alone.
        encodes_again = asked and not _depends_on_stimuli(reduced.model)
        fitted = compute_latents(reduced.model, training) if encodes_again else latents
        if fitted.sizes["unit"] != latents.sizes["unit"]:
            raise ModelError(
                f"{reduced.model.identifier} has {latents.sizes['unit']} units for {len(stimuli)} stimuli and "
                f"{fitted.sizes['unit']} for the {len(training)} training stimuli; use a model with the same units for "
                "all images"
            )
        self.rows = LatentRows(fitted, training.ids)
        self._reduced = reduced
        self._lacks_mirrored = asked and not encodes_again
        self._is_marked = stimuli.held_out() is not None
        if encodes_again:
            self._stimuli = training
        else:
            # The digest of the whole set is known already, and the digest of a new set reads all images.
            self._stimuli = stimuli.select(training.ids) if self._is_marked else stimuli

    def expect_enough(self, n: int, limit: int) -> None:
        """Refuse more components than the training stimuli and units allow.

        Raises
        ------
        ModelError
            If `n` is larger than `limit`.
        """
        if n > limit:
            raise ModelError(
                f"{self._reduced.identifier} cannot have {n} components: {self.rows.shape[0]} training stimuli and "
                f"{self.rows.shape[1]} units allow {limit}; choose n ≤ {limit}"
            )

    def record(self, **numbers: Any) -> dict[str, Any]:
        """Return the record of the fit: options, training stimuli and numbers; see :mod:`neuroalign.models.reductions`.

        Parameters
        ----------
        **numbers
            Numbers of the fit, such as the explained variance. A number that is not finite is left out.
        """
        n_training, n_units = self.rows.shape
        return {
            "reducer": self._reduced.reducer,
            **self._reduced.options,
            "n_units": n_units,
            "n_training": n_training,
            "training_stimuli": "marked" if self._is_marked else "all",
            "training_hash": self._stimuli.content_hash,
            "mirrored": self._stimuli.mirrored,
            **{key: value for key, value in numbers.items() if value == value},
            **self._note(),
        }

    def _note(self) -> dict[str, str]:
        notes = []
        if not self._is_marked:
            notes.append(
                f"+{self._reduced.reducer} was fitted to the latents of all {self.rows.shape[0]:,} stimuli (not to "
                "responses), because the stimulus table marks no training stimuli"
            )
        if self._lacks_mirrored:
            notes.append(
                f"+{self._reduced.reducer} was fitted to the training images as they are, not to their mirror images, "
                "because it follows another fitted reducer"
            )
        return {NOTE: "; ".join(notes)} if notes else {}


def _depends_on_stimuli(model: Model) -> bool:
    """Return whether a model, or a model that it reduces, is a reducer with units that depend on the stimulus set."""
    while isinstance(model, Reduced):
        if model.depends_on_stimuli:
            return True
        model = model.model
    return False
