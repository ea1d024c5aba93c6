"""Sparse random projection of units: a reducer that is fitted to nothing and needs one batch at a time."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.fitted.components import Matrix
from neuroalign.model_zoo.fitted.reduced import Reduced
from neuroalign.models.latents_cache import stream_latents
from neuroalign.models.latents_file import gather_latents
from neuroalign.models.model import Batched, Model
from neuroalign.models.reductions import NOTE, add_reduction
from neuroalign.validation import NonNegative, Positive, check_value

#: Version of the computation; it is raised when the same latents give other projections or other records.
VERSION = 1


class ReducedBySRP(Reduced):
    """Random projections of a model's units, with a sparse matrix.

    Parameters
    ----------
    model : Model
    n : int, optional
        Number of projections; by default the number that keeps distances within `eps`.
    eps : float
        Largest relative error of squared distances, for the default of `n`.
    seed : int
    """

    def __init__(self, model: Model, n: int | None, eps: float, seed: int) -> None:
        options = {"eps": eps, "seed": seed} if n is None else {"n": n, "seed": seed}
        super().__init__(model, "srp", None, version=VERSION, options=options)
        self.n = n
        self.depends_on_stimuli = n is None
        self.eps = eps
        self.seed = seed
        # Another version of the library may draw another matrix.
        self.key.append(f"scikit-learn {version('scikit-learn')}")

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Project the latents of all stimuli, block by block.

        Raises
        ------
        ModelError
            If `n` is larger than the number of units.
        """
        blocks = list(self.projected(stimuli))
        if not blocks:
            raise ModelError(f"{self.identifier} needs at least one stimulus, got an empty stimulus set")
        stimulus = np.concatenate([block["stimulus"].values for block in blocks])
        return gather_latents(iter(blocks), stimulus)

    def projected(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the projections of one block of stimuli after another.

        Parameters
        ----------
        stimuli : StimulusSet

        Yields
        ------
        latents
        """
        matrix: csr_array[np.float64] | None = None
        record: dict[str, Any] = {}
        for number, block in enumerate(stream_latents(self.model, stimuli)):
            if number == 0:
                matrix, record = self._draw(block.sizes["unit"], len(stimuli))
            attrs = add_reduction(block, record)
            if matrix is None:
                yield block.assign_attrs(attrs)
            else:
                yield arrays.latents(
                    project(matrix, block.values), stimulus=block["stimulus"].values, attrs=attrs
                )

    def _draw(self, n_units: int, n_stimuli: int) -> "tuple[csr_array[np.float64] | None, dict[str, Any]]":
        """Return the matrix, and the record of the projection; None for a layer that stays as it is."""
        n = enough_projections(n_stimuli, self.eps) if self.n is None else self.n
        record: dict[str, Any] = {"reducer": "srp", "n": n, "seed": self.seed, "n_units": n_units}
        if self.n is None:
            record |= {"eps": self.eps, "n_stimuli": n_stimuli}
        if self.n is None and n >= n_units:
            note = (
                f"+srp: {n_units:,} units stay as they are, because eps={self.eps:g} asks for {n:,} projections of "
                f"{n_stimuli:,} stimuli"
            )
            return None, {**record, "n": n_units, "projected": False, NOTE: note}
        if n > n_units:
            raise ModelError(
                f"{self.identifier} cannot make {n} projections of {n_units} units; choose n ≤ {n_units}"
            )
        matrix = projection_matrix(n_units, n, self.seed)
        return matrix, {**record, "density": float(1 / np.sqrt(n_units)), "projected": True}


class StreamedSRP(ReducedBySRP):
    """Random projections of a model that yields batches; see :class:`ReducedBySRP`.

    A whole layer is neither in memory nor on the disk.
    """

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the projections of one batch of stimuli after another."""
        return self.projected(stimuli)


def enough_projections(n_stimuli: int, eps: float) -> int:
    """Return the number of projections that keeps all distances between stimuli within a relative error.

    Parameters
    ----------
    n_stimuli : int
    eps : float
        Largest relative error of squared distances, above 0 and below 1.

    Returns
    -------
    int
        ``4 ln(n_stimuli) / (eps²/2 − eps³/3)``, rounded down, by scikit-learn's ``johnson_lindenstrauss_min_dim``; at
        least 1.

    References
    ----------
    Dasgupta & Gupta (2003), "An elementary proof of a theorem of Johnson and Lindenstrauss", Random Structures &
    Algorithms 22:60.

    Examples
    --------
    >>> enough_projections(1000, 0.1)
    5920
    """
    from sklearn.random_projection import johnson_lindenstrauss_min_dim

    return max(1, int(johnson_lindenstrauss_min_dim(n_samples=max(1, n_stimuli), eps=eps)))


def projection_matrix(n_units: int, n: int, seed: int) -> "csr_array[np.float64]":
    """Draw the matrix of a sparse random projection, by scikit-learn's ``SparseRandomProjection``.

    Parameters
    ----------
    n_units : int
    n : int
        Number of projections.
    seed : int

    Returns
    -------
    sparse array of float64, shape (n, n_units)
        A share of ``1/√n_units`` of the entries is ±√(√n_units / n); the others are 0.

    References
    ----------
    Li, Hastie & Church (2006), "Very sparse random projections", KDD.
    """
    from sklearn.random_projection import SparseRandomProjection

    drawn = SparseRandomProjection(n, density="auto", random_state=seed)
    # The matrix depends on the number of units alone, not on the values of the rows.
    drawn.fit(np.zeros((1, n_units)))
    return csr_array(drawn.components_)


def project(matrix: "csr_array[np.float64]", rows: Matrix) -> Matrix:
    """Return the projections of rows, to the same bytes for any division of the rows into blocks.

    Parameters
    ----------
    matrix : sparse array, shape (n, n_units)
    rows : array of float64, shape (n_rows, n_units)

    Returns
    -------
    array of float64, shape (n_rows, n)

    Notes
    -----
    Each value is the sum over the entries of one row of the matrix in their order. SciPy has another loop for one
    column, which a row of zeros next to a single row avoids.
    """
    padded = rows if len(rows) > 1 else np.concatenate([rows, np.zeros_like(rows)])
    with threadpool_limits(limits=1, user_api="blas"):
        projected = matrix @ np.ascontiguousarray(padded.T)
    return np.ascontiguousarray(projected.T[: len(rows)])


def srp(n: int | None = None, eps: float = 0.1, seed: int = 0) -> Callable[[Model], ReducedBySRP]:
    """Sparse random projections of a model's units.

    Distances between stimuli are kept to a relative error that depends on n alone, not on the number of units. The
    matrix depends on the seed and the number of units, and not on any stimulus. Networks are projected batch by batch.

    Parameters
    ----------
    n : int, optional
        Number of projections; by default the smallest number by Johnson and Lindenstrauss for all stimuli of the
        dataset. A layer that has fewer units stays as it is, with a note.
    eps : float
        Largest relative error of squared distances between stimuli, for the default of `n`.
    seed : int

    Returns
    -------
    callable
        Function from model to reduced model: ``srp(512)(model)``, or ``MODEL+srp[n=512,seed=0]`` by name.

    Raises
    ------
    UsageError
        If n is not a positive integer, eps is not between 0 and 1, or the seed is negative.

    Examples
    --------
    >>> import neuroalign as na
    >>> model = na.load_model("ica[n=10]+srp[n=5]")
    >>> model.identifier
    'ica[n=10]+srp[n=5,seed=0]'
    >>> model.latents(na.load_dataset("AM-faces-sim").stimuli).sizes["unit"]
    5
    """
    check_value(n, Positive | None, "n", owner="srp")
    eps = check_value(eps, float, "eps", owner="srp")
    check_value(seed, NonNegative, "seed", owner="srp")
    if not 0 < eps < 1:
        raise UsageError(f"srp: eps must be above 0 and below 1, got {eps:g}")
    return lambda model: (StreamedSRP if isinstance(model, Batched) else ReducedBySRP)(model, n, eps, seed)
