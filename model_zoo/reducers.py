"""Reducers: models with few units made from models with many units."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.fitted.components import Matrix, most_components, principal_components
from neuroalign.models.computed import computed_with
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, Noted, Rectified, Trained, TrainedOnHash, fingerprint_of
from neuroalign.names.syntax import format_spec
from neuroalign.validation import NonNegative, Positive, check_value

#: Version of the computation; it is raised when the same latents give other reduced latents.
VERSION = 1


class _Reduced:
    """A model that reduces the latents of another model."""

    def __init__(self, model: Model, name: str, identifier: str | None, **options: int) -> None:
        self.model = model
        self.identifier = identifier or f"{model.identifier}+{format_spec(name, options)}"
        self._key: list[Any] = [name, VERSION, options]

    @property
    def fingerprint(self) -> str | None:
        """Digest of the options and the fingerprint of the other model; None if that model has no fingerprint."""
        inner = fingerprint_of(self.model)
        return None if inner is None else digest(inner, self._key)

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


class _Rows:
    """Latents of some stimuli as a matrix, of which only the used rows and columns are read."""

    def __init__(self, latents: xr.DataArray, stimulus: NDArray[np.str_]) -> None:
        # Sorted by id: rounding must not depend on the order of the stimuli.
        self.stimulus = np.intersect1d(stimulus, latents["stimulus"].values)
        self.shape = (len(self.stimulus), latents.sizes["unit"])
        self._latents = latents
        self._rows = latents.indexes["stimulus"].get_indexer(self.stimulus)

    def __getitem__(self, key: slice | tuple[slice, slice]) -> Matrix:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        return self._latents.isel(stimulus=self._rows[rows], unit=columns).values


class ReducedByPCA(_Reduced):
    """The first principal components of a model's units.

    Parameters
    ----------
    model : Model
    n : int
        Number of components.
    identifier : str, optional
        By default the name of the model with ``+pca[n=…]``.
    mirrored : bool
        Whether components are fitted to mirrored training images where the stimulus set asks for them.
    """

    def __init__(self, model: Model, n: int, *, identifier: str | None = None, mirrored: bool = True) -> None:
        super().__init__(model, "pca", identifier, n=n)
        self.n = n
        self.mirrored = mirrored
        if not mirrored:
            self._key.append("as they are")

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Fit to the latents of the training stimuli, and project the latents of all stimuli.

        Where a stimulus set asks for mirrored training images, they are encoded as well. Models that identify stimuli
        by id, such as neurons and precomputed latents, return the same latents for an image and its mirror image.

        Raises
        ------
        ModelError
            If n is larger than the number of units and training stimuli allows.
        """
        latents = compute_latents(self.model, stimuli)
        training = stimuli.training()
        mirrored = self.mirrored and training.mirrored != stimuli.mirrored
        fitted = _Rows(compute_latents(self.model, training) if mirrored else latents, training.ids)
        limit = most_components(*fitted.shape)
        if self.n > limit:
            raise ModelError(
                f"{self.identifier} cannot have {self.n} components: {fitted.shape[0]} training stimuli and "
                f"{fitted.shape[1]} units allow {limit}; choose n ≤ {limit}"
            )
        components = principal_components(fitted, self.n)
        everything = _Rows(latents, latents["stimulus"].values)
        projected = arrays.latents(components.project(everything), stimulus=everything.stimulus)
        return projected.sel(stimulus=latents["stimulus"].values)


class Subsample(_Reduced):
    """Units of a model, drawn at random without replacement.

    Parameters
    ----------
    model : Model
    n : int
        Number of units.
    seed : int
    identifier : str, optional
        By default the name of the model with ``+subsample[n=…,seed=…]``.
    """

    def __init__(self, model: Model, n: int, seed: int, *, identifier: str | None = None) -> None:
        super().__init__(model, "subsample", identifier, n=n, seed=seed)
        self.n = n
        self.seed = seed

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of the drawn units, with their labels, in the model's order.

        Raises
        ------
        ModelError
            If n is larger than the number of units.
        """
        return self._draw(compute_latents(self.model, stimuli))

    def before_rectification(self, stimuli: StimulusSet) -> xr.DataArray | None:
        """Return the inputs of the drawn units; None where the model does not give inputs."""
        if not isinstance(self.model, Rectified):
            return None
        inputs = self.model.before_rectification(stimuli)
        return None if inputs is None else self._draw(inputs)

    def _draw(self, latents: xr.DataArray) -> xr.DataArray:
        n_units = latents.sizes["unit"]
        if self.n > n_units:
            raise ModelError(
                f"{self.identifier} cannot draw {self.n} of {n_units} units; choose n ≤ {n_units}"
            )
        # The size is part of the seed: otherwise small samples would be parts of large ones.
        drawn = np.random.default_rng([self.seed, self.n]).choice(n_units, self.n, replace=False)
        return latents.isel(unit=np.sort(drawn)).load()


def pca(n: int) -> Callable[[Model], ReducedByPCA]:
    """Return a reducer to the first principal components of a model's units.

    Components are fitted to the latents of the training stimuli alone, exactly, in double precision. The unit with the
    largest absolute weight in a component has a positive weight. Components without variance are 0 and count as
    uninformative.

    Parameters
    ----------
    n : int
        Number of components.

    Returns
    -------
    callable
        Function from model to reduced model: ``pca(50)(model)``, or ``MODEL+pca[n=50]`` by name.

    Raises
    ------
    UsageError
        If n is not a positive integer.
    """
    check_value(n, Positive, "n", owner="pca")
    return lambda model: ReducedByPCA(model, n)


def subsample(n: int, seed: int = 0) -> Callable[[Model], Subsample]:
    """Return a reducer to some of a model's units, drawn at random.

    Parameters
    ----------
    n : int
        Number of units.
    seed : int
        The drawn units depend on the seed, on n and on the number of units.

    Returns
    -------
    callable
        Function from model to reduced model: ``subsample(50, seed=3)(model)``, or
        ``MODEL+subsample[n=50,seed=3]`` by name.

    Raises
    ------
    UsageError
        If n is not a positive integer or the seed is negative.
    """
    check_value(n, Positive, "n", owner="subsample")
    check_value(seed, NonNegative, "seed", owner="subsample")
    return lambda model: Subsample(model, n, seed)
