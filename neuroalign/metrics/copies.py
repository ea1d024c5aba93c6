"""Number of units that have a copy among the other units."""

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.metrics.inputs import as_matrix, constant_columns, standardise

#: Units that correlate more than this with another unit, with either sign, are copies.
SAME = 0.999
#: Units are compared in blocks, so that all their correlations never exist at once.
_BLOCK = 1_000


def count_copies(Z: ArrayLike, *, max_units: int = 10_000) -> float:
    """Count the units that correlate by more than .999, with either sign, with another unit.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    max_units : int
        Largest number of units that are compared; the time grows with its square.

    Returns
    -------
    float
        Number of units with a copy; NaN for more units than `max_units`.

    Raises
    ------
    ArrayError
        If there are not two dimensions, or a value is NaN or infinite.

    Examples
    --------
    >>> from neuroalign.metrics import count_copies
    >>> import numpy as np
    >>> Z = np.random.default_rng(0).standard_normal((50, 3))
    >>> count_copies(Z[:, [0, 1, 1, 2]] * [1, 1, -2, 1])
    2.0
    """
    units = as_matrix(Z, "Z")
    units = units[:, ~constant_columns(units)]
    n_stimuli, n_units = units.shape
    if n_units > max_units:
        return float("nan")
    values = (standardise(units) / np.sqrt(n_stimuli)).astype(np.float32)
    n_copies = 0
    for start in range(0, n_units, _BLOCK):
        r = np.abs(values[:, start : start + _BLOCK].T @ values)
        r[np.arange(len(r)), np.arange(start, start + len(r))] = 0.0
        n_copies += int((r.max(axis=1, initial=0.0) > SAME).sum())
    return float(n_copies)
