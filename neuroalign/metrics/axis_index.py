"""Axis index κ: how far the axes of a recording are from turned axes, between chance and one unit for each neuron."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.errors import UsageError


@dataclass(frozen=True)
class AxisIndex:
    """Result of :func:`axis_index`."""

    #: κ: 0 where the axes are no better than turned axes, 1 for a perfect score; NaN where undefined.
    value: float
    #: Share of turns that score at least as well, the native score included.
    p: float
    #: Score of the neurons that are regenerated with their tuning as it is.
    native: float
    #: Mean score of the turned neurons.
    turned: float
    #: Standard deviation over turns (ddof 1).
    turned_sd: float
    #: Number of turns with a score.
    n_turns: int


def axis_index(native: float, turned: ArrayLike, *, perfect: float = 1.0) -> AxisIndex:
    """Place a score on the scale from 0 for turned tuning to 1 for a perfect score.

    κ = (S(I) − S̄(Q)) / (S_perfect − S̄(Q)) for a score S of regenerated neurons, where I leaves their tuning as it is
    and Q turns it at random; p = (1 + #{S(Q) as good as S(I)}) / (1 + B).

    Parameters
    ----------
    native : float
        S(I).
    turned : array of float, shape (n_turns,)
        S(Q) of each turn; NaN entries are left out.
    perfect : float
        Score of a perfect model: 1 for alignment, 0 for a distance. Scores improve towards it.

    Returns
    -------
    AxisIndex
        κ and p are NaN without two turns or where all turned neurons score perfectly.

    Raises
    ------
    UsageError
        If `perfect` is not finite.

    Notes
    -----
    For alignment, C = 1 − H/ln D, so that κ = 1 − H(I)/H̄(Q) does not depend on D.

    Examples
    --------
    >>> from neuroalign.metrics import axis_index
    >>> result = axis_index(0.8, [0.5, 0.6, 0.4])
    >>> round(result.value, 3), result.p
    (0.6, 0.25)
    """
    if not np.isfinite(perfect):
        raise UsageError(f"perfect must be a finite number, got {perfect}")
    scores = np.asarray(turned, dtype=np.float64).ravel()
    scores = scores[np.isfinite(scores)]
    nan = float("nan")
    if scores.size < 2 or not np.isfinite(native):
        return AxisIndex(nan, nan, float(native), nan, nan, int(scores.size))
    mean, sd = float(scores.mean()), float(scores.std(ddof=1))
    room = perfect - mean
    # The index is undefined where turned neurons score perfectly, up to rounding.
    if abs(room) < 1e-9:
        return AxisIndex(nan, nan, float(native), mean, sd, int(scores.size))
    sign = np.sign(room)
    as_good = int((sign * scores >= sign * native).sum())
    return AxisIndex(
        (native - mean) / room, (1 + as_good) / (1 + scores.size), float(native), mean, sd, scores.size
    )


#: Axes are called special only where κ exceeds this number.
SPECIAL = 0.10
#: Level of the test against turned axes, and of the one-sided bound over neurons.
ALPHA = 0.05
# 95 % quantile of the normal distribution.
_ONE_SIDED = 1.6448536269514722


def is_special(index: float, error: float, p: float) -> bool:
    """Say whether a recording's axes are special for a model's units.

    Parameters
    ----------
    index : float
        κ.
    error : float
        Standard error of κ over neurons; NaN where it is unknown; the axes are then not special.
    p : float
        p-value of :func:`axis_index`.

    Returns
    -------
    bool
        Whether p ≤ .05 and the one-sided 95 % bound of κ over neurons, ``κ − 1.645·error``, exceeds .10. The bound is
        needed: by p and κ > .10 alone, up to half of the recordings of low reliability with noise or with weights of
        one sign would be called special; see the calibration in the documentation.

    Examples
    --------
    >>> from neuroalign.metrics import is_special
    >>> is_special(0.5, 0.05, 1 / 21), is_special(0.2, 0.1, 1 / 21)
    (True, False)
    """
    return bool(p <= ALPHA and index - _ONE_SIDED * error > SPECIAL)
