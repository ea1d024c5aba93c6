"""Non-negative matrix factorisation of units."""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError
from neuroalign.model_zoo.fitted.components import Matrix, parts_of
from neuroalign.model_zoo.fitted.reduced import LatentRows, Reduced, TrainingRows
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import MEMORY_VARIABLE, memory_budget
from neuroalign.models.model import Model
from neuroalign.models.reductions import NOTE, add_reduction
from neuroalign.validation import NonNegative, Positive, check_value

#: Version of the computation; it is raised when the same latents give other values or other records.
VERSION = 1

_MAX_ITERATIONS = 1000
_TOLERANCE = 1e-4


class ReducedByNMF(Reduced):
    """Non-negative parts of a model's units.

    Parameters
    ----------
    model : Model
    n : int
        Number of parts.
    seed : int, optional
        See :func:`nmf`.
    """

    depends_on_stimuli = True

    def __init__(self, model: Model, n: int, seed: int | None) -> None:
        options = {"n": n} if seed is None else {"n": n, "seed": seed}
        super().__init__(model, "nmf", None, version=VERSION, options=options)
        self.n = n
        self.seed = seed
        self.key.append(f"scikit-learn {version('scikit-learn')}")

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Fit to the latents of the training stimuli, and find the weights of the parts for all stimuli.

        Raises
        ------
        ModelError
            If a latent is negative, n is larger than the number of units and training stimuli allows, or the training
            latents do not fit into memory.
        """
        latents = compute_latents(self.model, stimuli)
        training = TrainingRows(self, latents, stimuli)
        everything = LatentRows(latents, latents["stimulus"].values)
        for rows in (everything, training.rows):
            self._expect_non_negative(rows, latents["unit"].values)
        training.expect_enough(self.n, min(training.rows.shape))
        n_bytes = 8 * training.rows.shape[0] * training.rows.shape[1]
        if n_bytes > memory_budget():
            raise ModelError(
                f"{self.identifier} needs the latents of all training stimuli in memory, {n_bytes / 1e9:.1f} GB; "
                f"average positions with pool=mean, or set {MEMORY_VARIABLE} to a higher number of megabytes"
            )
        fitted = training.rows[:]
        parts, numbers = fit_parts(fitted, self.n, self.seed)
        if not numbers["converged"]:
            numbers[NOTE] = f"+nmf did not converge in {_MAX_ITERATIONS} iterations"
        explained = _explained_variance(fitted, weights_of(parts, fitted) @ parts)
        record = training.record(explained_variance=explained)
        notes = [text for text in (record.pop(NOTE, None), numbers.pop(NOTE, None)) if text]
        record |= {**numbers, **({NOTE: "; ".join(notes)} if notes else {})}
        weights = np.concatenate(
            [weights_of(parts, everything[part]) for part in parts_of(*everything.shape)]
            or [np.empty((0, self.n))]
        )
        reduced = arrays.latents(weights, stimulus=everything.stimulus, attrs=add_reduction(latents, record))
        return reduced.sel(stimulus=latents["stimulus"].values)

    def _expect_non_negative(self, rows: LatentRows, units: Any) -> None:
        for part in parts_of(*rows.shape):
            lowest = rows[part].min(axis=0)
            if (lowest < 0).any():
                unit = int(np.argmin(lowest))
                raise ModelError(
                    f"{self.identifier} needs latents of at least 0, got {lowest[unit]:.3g} in unit "
                    f"{str(units[unit])!r}; name a layer after its ReLU, or use +pca or +srp"
                )


def fit_parts(rows: Matrix, n: int, seed: int | None) -> tuple[Matrix, dict[str, Any]]:
    """Factorise non-negative rows by scikit-learn's ``NMF`` (coordinate descent, squared error).

    Parameters
    ----------
    rows : array of shape (n_rows, n_units)
        Values of at least 0.
    n : int
        Number of parts.
    seed : int, optional
        Seed of random initial values. By default the initial values come from singular vectors (``nndsvda``), and
        random numbers play no part beyond rounding.

    Returns
    -------
    parts : array of shape (n, n_units)
    numbers : dict
        ``init``, ``iterations`` and whether the fit ``converged``.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    init = "nndsvda" if seed is None else "random"
    model = NMF(n, init=init, random_state=seed or 0, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE)
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    iterations = int(model.n_iter_)
    numbers = {"init": init, "iterations": iterations, "converged": iterations < _MAX_ITERATIONS}
    return np.asarray(model.components_, dtype=np.float64), numbers


def weights_of(parts: Matrix, rows: Matrix) -> Matrix:
    """Find the non-negative weights of the parts that fit each row best, exactly.

    Parameters
    ----------
    parts : array of shape (n, n_units)
    rows : array of shape (n_rows, n_units)

    Returns
    -------
    array of shape (n_rows, n)

    Notes
    -----
    Every row is a problem of its own. ``NMF.transform`` of scikit-learn stops by a sum over all rows, so that a row
    would depend on the other rows in the last digits.

    Examples
    --------
    >>> weights_of(np.eye(2, 3), np.array([[1.0, 2.0, 5.0], [-1.0, 3.0, 0.0]]))
    array([[1., 2.],
           [0., 3.]])
    """
    with threadpool_limits(limits=1, user_api="blas"):
        basis, triangle = np.linalg.qr(parts.T)
        # Products of vectors, row by row, so that the division into blocks changes no bit.
        weights = [nnls(triangle, basis.T @ row, maxiter=100 * len(parts))[0] for row in rows]
    return np.array(weights).reshape(len(rows), len(parts))


def _explained_variance(rows: Matrix, fitted: Matrix) -> float:
    total = float(((rows - rows.mean(axis=0)) ** 2).sum())
    return 1 - float(((rows - fitted) ** 2).sum()) / total if total > 0 else float("nan")


def nmf(n: int, seed: int | None = None) -> Callable[[Model], ReducedByNMF]:
    """Non-negative parts of a model's units.

    The latents of the training stimuli are factorised as weights × parts, both non-negative. The reduced latents are
    the weights. The latents of all stimuli must be at least 0, as after a ReLU.

    Parameters
    ----------
    n : int
        Number of parts.
    seed : int, optional
        Seed of random initial values. By default the initial values come from singular vectors, and there is one
        result.

    Returns
    -------
    callable
        Function from model to reduced model: ``nmf(20)(model)``, or ``MODEL+nmf[n=20]`` by name.

    Raises
    ------
    UsageError
        If n is not a positive integer or the seed is negative.

    References
    ----------
    Lee & Seung (1999), "Learning the parts of objects by non-negative matrix factorization", Nature 401:788.

    Examples
    --------
    >>> from neuroalign.datasets.stimuli import StimulusSet
    >>> import neuroalign as na
    >>> images = np.random.default_rng(0).integers(0, 255, (20, 4, 4)).astype(np.uint8)
    >>> pixels = na.as_model(lambda images: images, identifier="pixels")
    >>> nmf(3)(pixels).latents(StimulusSet.from_arrays(images)).sizes["unit"]
    3
    """
    check_value(n, Positive, "n", owner="nmf")
    check_value(seed, NonNegative | None, "seed", owner="nmf")
    return lambda model: ReducedByNMF(model, n, seed)
