"""One-to-one matching of units and neurons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.correlation import correlations
from neuroalign.metrics.inputs import as_excluded


@dataclass(frozen=True)
class OneToOne:
    """Result of :func:`match_one_to_one`."""

    #: Indices of the units, 0 to D - 1, (D,).
    unit: NDArray[np.int64]
    #: Neuron matched with each unit, all different, (D,).
    neuron: NDArray[np.int64]
    #: Pearson's r of each pair, signed, (D,).
    correlation: NDArray[np.float64]


def match_one_to_one(
    Z: ArrayLike, Y: ArrayLike, *, absolute: bool = False, exclude: ArrayLike | None = None
) -> OneToOne:
    """Match each unit with a different neuron so that the sum of the correlations is largest.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses to the same stimuli of at least as many neurons as units, J ≥ D.
    absolute : bool
        Whether the absolute correlations are maximised, so that a negative correlation counts like a positive one.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not matched with, such as the neuron itself; -1 for no unit.

    Returns
    -------
    OneToOne

    Raises
    ------
    UsageError
        If there are more units than neurons, or only excluded pairs are left.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    Notes
    -----
    This is the linear assignment problem, with cost 1 - r. The paper names Hopcroft-Karp for it, which solves the
    unweighted problem.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Decoding novel faces from single neurons"; Crouse (2016),
    IEEE Trans. Aerosp. Electron. Syst. 52:1679 (SciPy's algorithm).

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import match_one_to_one
    >>> Z = np.random.default_rng(0).standard_normal((100, 2))
    >>> matched = match_one_to_one(Z, Z[:, ::-1])
    >>> matched.neuron, matched.correlation.round(3)
    (array([1, 0]), array([1., 1.]))
    """
    from scipy.optimize import linear_sum_assignment

    r = correlations(Z, Y)
    n_units, n_neurons = r.shape
    if n_units > n_neurons:
        raise UsageError(
            f"{n_units} units cannot each have a neuron of their own: there are {n_neurons} neurons; "
            "use a smaller model, or reduce it with +pca[n=...] or +subsample[n=...]"
        )
    gain = np.abs(r) if absolute else r.copy()
    excluded = as_excluded(exclude, n_units, n_neurons)
    apart = np.zeros(r.shape, dtype=bool)
    apart[excluded[excluded >= 0], np.flatnonzero(excluded >= 0)] = True
    # One excluded pair costs more than all others can gain.
    gain[apart] = -2.0 * n_units - 1.0
    unit, neuron = linear_sum_assignment(gain, maximize=True)
    if apart[unit, neuron].any():
        raise UsageError("the units cannot be matched without excluded pairs: there are too few neurons")
    return OneToOne(unit=unit, neuron=neuron, correlation=r[unit, neuron])
