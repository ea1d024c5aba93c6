"""Equivalence: are the means of two groups of scores the same within a margin?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.errors import UsageError
from neuroalign.masked import as_numbers
from neuroalign.stats.welch import welch


@dataclass(frozen=True)
class Equivalence:
    """The outcome of :func:`equivalence`.

    Parameters
    ----------
    verdict : {"yes", "no", "cannot tell"}
        "yes": the interval of the difference lies within the margin. "no": it lies outside.
    reason : str
        Why, in words.
    p : float
        The larger of the two one-sided p-values; NaN where there is no test.
    difference : float
        ``mean(a) - mean(b)``.
    ci_low, ci_high : float
        Interval of `difference` at confidence ``1 - 2 alpha``, which is 90 % by default.
    margin : float
    n_a, n_b : int
        Numbers of finite values.
    """

    verdict: Literal["yes", "no", "cannot tell"]
    reason: str
    p: float
    difference: float
    ci_low: float
    ci_high: float
    margin: float
    n_a: int
    n_b: int


def equivalence(a: ArrayLike, b: ArrayLike, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether two groups have the same mean within a margin, by two one-sided Welch tests.

    That a test finds no difference does not show that there is none. "Meets the ceiling" is a claim of equivalence.

    Parameters
    ----------
    a, b : array of float, shapes (n_a,) and (n_b,)
        Values that are not finite are dropped.
    margin : float
        The largest difference that does not matter, in units of the scores. It is to be chosen beforehand.
    alpha : float
        Chance of calling groups equivalent that differ by the margin.

    Returns
    -------
    Equivalence

    Raises
    ------
    UsageError
        If the margin is not positive, or `alpha` not between 0 and 0.5.

    References
    ----------
    Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the power approach for assessing
    the equivalence of average bioavailability. J. Pharmacokinet. Biopharm. 15, 657-680.

    Examples
    --------
    >>> outcome = equivalence([0.50, 0.52, 0.51, 0.49], [0.51, 0.50, 0.52, 0.51], margin=0.05)
    >>> outcome.verdict, outcome.reason
    ('yes', 'the 90 % interval of the difference, -0.020 to 0.010, lies within ±0.05')
    """
    if not (np.isfinite(margin) and margin > 0):
        raise UsageError(f"margin must be a positive number, not {margin}")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must be between 0 and 0.5, not {alpha}")
    test = welch(a, b, confidence=1 - 2 * alpha)
    if test.reason is not None:
        nan = float("nan")
        return Equivalence(
            "cannot tell", test.reason, nan, test.difference, nan, nan, margin, test.n_a, test.n_b
        )
    # Imported here: it takes a second, and most of neuroalign.stats does without it.
    from statsmodels.stats.weightstats import ttost_ind

    finite = [
        scores[np.isfinite(scores)] for scores in (as_numbers(a, np.float64), as_numbers(b, np.float64))
    ]
    p = float(ttost_ind(*finite, -margin, margin, usevar="unequal")[0])
    verdict: Literal["yes", "no", "cannot tell"]
    if p < alpha:
        verdict, where = "yes", "lies within"
    elif test.ci_low > margin or test.ci_high < -margin:
        verdict, where = "no", "lies outside"
    else:
        verdict, where = "cannot tell", "lies across a limit of"
    interval = f"the {100 * (1 - 2 * alpha):g} % interval of the difference"
    return Equivalence(
        verdict,
        f"{interval}, {test.ci_low:.3f} to {test.ci_high:.3f}, {where} ±{margin:g}",
        p,
        test.difference,
        test.ci_low,
        test.ci_high,
        margin,
        test.n_a,
        test.n_b,
    )
