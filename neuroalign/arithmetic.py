"""Division where the denominator may be zero."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def divide(numerator: ArrayLike, denominator: ArrayLike, *, otherwise: float) -> NDArray[Any]:
    """Divide where the denominator is positive, without warnings.

    Parameters
    ----------
    numerator, denominator : arrays of float
        Shapes that broadcast.
    otherwise : float
        Result where the denominator is zero, negative or NaN.

    Returns
    -------
    array of float64, the common shape
        Infinite where a quotient is too large for a float.

    Examples
    --------
    >>> divide([1.0, 2.0], [4.0, 0.0], otherwise=0.0)
    array([0.25, 0.  ])
    """
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    with np.errstate(over="ignore"):
        return np.divide(top, bottom, out=np.full(top.shape, otherwise), where=bottom > 0)
