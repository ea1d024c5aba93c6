"""Statistical tests over scores: pure functions on arrays."""

from neuroalign.stats.bootstrap import Bootstrap, bootstrap_weighted_mean
from neuroalign.stats.jackknife import jackknife_standard_error, weighted_mean_standard_error
from neuroalign.stats.letters import compact_letters
from neuroalign.stats.multiplicity import adjust_p_values
from neuroalign.stats.pairwise import pairwise_matrix, pairwise_welch
from neuroalign.stats.welch import WelchTest, welch

__all__ = [
    "Bootstrap",
    "WelchTest",
    "adjust_p_values",
    "bootstrap_weighted_mean",
    "compact_letters",
    "jackknife_standard_error",
    "pairwise_matrix",
    "pairwise_welch",
    "weighted_mean_standard_error",
    "welch",
]
