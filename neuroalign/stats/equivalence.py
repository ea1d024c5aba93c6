"""Result of a test of equivalence of two groups of scores within a margin."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Equivalence:
    """Result of ``neuroalign.comparison.inference.infer_equivalence``.

    Parameters
    ----------
    verdict : {"yes", "no", "cannot tell"}
        "yes" if the interval of the difference lies within the margin, "no" if it lies outside.
    reason : str
        Reason of the verdict in words.
    p : float
        The larger of the two one-sided p-values; NaN without a test.
    difference : float
        ``mean(a) - mean(b)``.
    ci_low, ci_high : float
        Interval of `difference` at confidence ``1 - 2 alpha``, which is 90 % by default.
    margin : float
        Largest difference that does not matter, in units of the scores.
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
