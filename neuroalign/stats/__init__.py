"""Statistical tests over scores: pure functions on arrays."""

from neuroalign.stats.jackknife import jackknife_standard_error, weighted_mean_standard_error
from neuroalign.stats.multiplicity import adjust_p_values
from neuroalign.stats.welch import WelchTest, welch

__all__ = [
    "WelchTest",
    "adjust_p_values",
    "jackknife_standard_error",
    "weighted_mean_standard_error",
    "welch",
]
