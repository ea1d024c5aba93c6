"""Random linear mixtures of neurons, which carry the same information on other axes."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.inputs import as_matrix, standardise

Kind = Literal["abs_gaussian", "orthogonal"]


def recombine(Y: ArrayLike, *, kind: Kind = "abs_gaussian", seed: int = 0) -> NDArray[np.float64]:
    """Replace each neuron by a random mixture of all of them.

    Parameters
    ----------
    Y : array of shape (N, J)
        Responses; the function standardises each neuron over stimuli.
    kind, seed
        See :func:`mixing_matrix`.

    Returns
    -------
    array of float64, shape (N, J)
        Mixtures of the standardised neurons, one in each column.

    Raises
    ------
    UsageError
        If the kind is unknown.
    ArrayError
        If Y is not a finite matrix.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import recombine
    >>> Y = np.random.default_rng(0).standard_normal((500, 3))
    >>> mixtures = recombine(Y, kind="orthogonal")
    >>> mixtures.shape, round(float(mixtures.var(axis=0).sum()), 6)
    ((500, 3), 3.0)
    """
    neurons = standardise(as_matrix(Y, "Y"))
    return neurons @ mixing_matrix(neurons.shape[1], kind=kind, seed=seed)


def mixing_matrix(n_neurons: int, *, kind: Kind = "abs_gaussian", seed: int = 0) -> NDArray[np.float64]:
    """Draw a square matrix of random weights, one mixture of neurons in each column.

    Parameters
    ----------
    n_neurons : int
        Number of neurons, and of mixtures.
    kind : {"abs_gaussian", "orthogonal"}
        "abs_gaussian": weights ``|N(0, 1)|``, scaled so that the weights of a mixture sum to 1. All weights are
        positive, so that even mixtures of independent neurons correlate at 2/π. "orthogonal": a rotation drawn from the
        Haar measure, which keeps the spectrum of the covariance.
    seed : int
        Seed of the random weights.

    Returns
    -------
    array of float64, shape (n_neurons, n_neurons)
        Mixtures in columns.

    Raises
    ------
    UsageError
        If the kind is unknown.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c; Khosla et al. (2024), "Privileged representational axes in
    biological and artificial neural networks", for rotations.

    Examples
    --------
    >>> from neuroalign.metrics import mixing_matrix
    >>> mixing_matrix(3).sum(axis=0).round(6)
    array([1., 1., 1.])
    >>> rotation = mixing_matrix(3, kind="orthogonal")
    >>> (rotation.T @ rotation).round(6) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    rng = np.random.default_rng(seed)
    if kind == "abs_gaussian":
        mixing = np.abs(rng.standard_normal((n_neurons, n_neurons)))
        return mixing / mixing.sum(axis=0)
    if kind == "orthogonal":
        from scipy.stats import ortho_group

        return ortho_group.rvs(n_neurons, random_state=rng) if n_neurons > 1 else np.eye(1)
    raise UsageError(f"kind must be 'abs_gaussian' or 'orthogonal', got {kind!r}")
