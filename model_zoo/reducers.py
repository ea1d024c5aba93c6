"""Reducers: models with few units made from models with many units."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Literal

import numpy as np
import psutil
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.model_zoo.fitted.components import most_components, principal_components
from neuroalign.model_zoo.fitted.incremental import incremental_components
from neuroalign.model_zoo.fitted.reduced import LatentRows, Reduced, TrainingRows
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, Rectified
from neuroalign.models.reductions import add_reduction
from neuroalign.validation import NonNegative, Positive, check_value

#: Versions of the computations; they are raised when the same latents give other reduced latents or other records.
PCA_VERSION = 2
SUBSAMPLE_VERSION = 1

Solver = Literal["exact", "incremental"]

# Matrices of the size of the Gram matrix that the exact solver needs at once.
_GRAM_MATRICES = 3


class ReducedByPCA(Reduced):
    """The first principal components of a model's units.

    Parameters
    ----------
    model : Model
    n : int
        Number of components.
    solver : {"exact", "incremental"}
        See :func:`pca`.
    identifier : str, optional
        By default the name of the model with ``+pca[n=…]``.
    mirrored : bool
        Whether components are fitted to mirrored training images where the stimulus set asks for them.
    """

    depends_on_stimuli = True

    def __init__(
        self,
        model: Model,
        n: int,
        *,
        solver: Solver = "exact",
        identifier: str | None = None,
        mirrored: bool = True,
    ) -> None:
        options = {"n": n} if solver == "exact" else {"n": n, "solver": solver}
        super().__init__(model, "pca", identifier, version=PCA_VERSION, options=options)
        self.n = n
        self.solver = solver
        self.mirrored = mirrored
        if not mirrored:
            self.key.append("as they are")
        if solver == "incremental":
            self.key.append(f"scikit-learn {version('scikit-learn')}")

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Fit to the latents of the training stimuli, and project the latents of all stimuli.

        Where a stimulus set asks for mirrored training images, they are encoded as well. Models that identify stimuli
        by id, such as neurons and precomputed latents, return the same latents for an image and its mirror image.

        Raises
        ------
        ModelError
            If n is larger than the number of units and training stimuli allows, or the exact components do not fit
            into memory.
        """
        latents = compute_latents(self.model, stimuli)
        training = TrainingRows(self, latents, stimuli, mirrored=self.mirrored)
        rows = training.rows
        training.expect_enough(self.n, most_components(*rows.shape))
        if self.solver == "incremental":
            components = incremental_components(rows, self.n)
        else:
            self._expect_memory(min(rows.shape))
            components = principal_components(rows, self.n)
        everything = LatentRows(latents, latents["stimulus"].values)
        record = training.record(explained_variance=components.explained_variance)
        projected = arrays.latents(
            components.project(everything),
            stimulus=everything.stimulus,
            attrs=add_reduction(latents, {"solver": self.solver, **record}),
        )
        return projected.sel(stimulus=latents["stimulus"].values)

    def _expect_memory(self, size: int) -> None:
        needed = _GRAM_MATRICES * 8 * size**2
        if needed > (available := psutil.virtual_memory().available):
            raise ModelError(
                f"{self.identifier} takes {needed / 1e9:.0f} GB of memory for exact components, and "
                f"{available / 1e9:.0f} GB are free; use +pca[n={self.n},solver=incremental]"
            )


class Subsample(Reduced):
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
        options = {"n": n, "seed": seed}
        super().__init__(model, "subsample", identifier, version=SUBSAMPLE_VERSION, options=options)
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


def pca(n: int, solver: Solver = "exact") -> Callable[[Model], ReducedByPCA]:
    """First principal components of a model's units.

    Components are fitted to the latents of the training stimuli alone, in double precision. The unit with the
    largest absolute weight in a component has a positive weight. Components without variance are 0 and count as
    uninformative. Scores record the training stimuli and the share of their variance that the components explain.

    Parameters
    ----------
    n : int
        Number of components.
    solver : {"exact", "incremental"}
        ``exact`` needs a square matrix with as many rows as there are training stimuli or units, the smaller of both.
        ``incremental`` adds one block of stimuli after another, and needs a few matrices of n + 50 rows and as many
        columns as units; see :func:`neuroalign.model_zoo.fitted.incremental.incremental_components` for its
        precision.

    Returns
    -------
    callable
        Function from model to reduced model: ``pca(50)(model)``, or ``MODEL+pca[n=50]`` by name.

    Raises
    ------
    UsageError
        If n is not a positive integer, or the solver is unknown.

    Examples
    --------
    >>> import neuroalign as na
    >>> stimuli = na.load_dataset("AM-faces-sim").stimuli
    >>> na.load_model("ica[n=10]+pca[n=3]").latents(stimuli).sizes["unit"]
    3
    """
    check_value(n, Positive, "n", owner="pca")
    check_value(solver, Solver, "solver", owner="pca")
    return lambda model: ReducedByPCA(model, n, solver=solver)


def subsample(n: int, seed: int = 0) -> Callable[[Model], Subsample]:
    """Units of a model, drawn at random.

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
