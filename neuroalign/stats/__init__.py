"""Statistical tests of scores, as pure functions of arrays."""

from neuroalign.stats.bootstrap import (
    Bootstrap,
    OfNeurons,
    bootstrap_means,
    bootstrap_neurons,
    bootstrap_weighted_difference,
    bootstrap_weighted_mean,
    count_neurons,
    weighted_mean,
)
from neuroalign.stats.crossed import CrossedTest, crossed_test
from neuroalign.stats.dual_bootstrap import (
    DualBootstrap,
    draw_stimuli_and_neurons,
    dual_bootstrap,
    dual_variance,
)
from neuroalign.stats.equivalence import Equivalence
from neuroalign.stats.grouped import (
    block_kinds,
    draw_stimuli,
    grouped_standard_error,
    n_fixed,
    permute_blocks,
    permute_stimuli,
    permute_within,
)
from neuroalign.stats.hierarchical import (
    Draws,
    draw_hierarchy,
    number_sessions,
    percentile_interval,
    rank_rows,
)
from neuroalign.stats.letters import compact_letters
from neuroalign.stats.max_statistic import MaxStatistic, max_statistic
from neuroalign.stats.multiplicity import adjust_p_values
from neuroalign.stats.pairwise import pairwise_matrix, pairwise_welch
from neuroalign.stats.permutation import permutation_p_value
from neuroalign.stats.rank_correlation import RankTest, rank_correlation_test
from neuroalign.stats.standard_errors import jackknife_standard_error, weighted_mean_standard_error
from neuroalign.stats.student import t_interval, t_p_value
from neuroalign.stats.welch import WelchTest, welch

__all__ = [
    "Bootstrap",
    "CrossedTest",
    "Draws",
    "DualBootstrap",
    "Equivalence",
    "MaxStatistic",
    "OfNeurons",
    "RankTest",
    "WelchTest",
    "adjust_p_values",
    "block_kinds",
    "bootstrap_means",
    "bootstrap_neurons",
    "bootstrap_weighted_difference",
    "bootstrap_weighted_mean",
    "compact_letters",
    "count_neurons",
    "crossed_test",
    "draw_hierarchy",
    "draw_stimuli",
    "draw_stimuli_and_neurons",
    "dual_bootstrap",
    "dual_variance",
    "grouped_standard_error",
    "jackknife_standard_error",
    "max_statistic",
    "n_fixed",
    "number_sessions",
    "pairwise_matrix",
    "pairwise_welch",
    "percentile_interval",
    "permutation_p_value",
    "permute_blocks",
    "permute_stimuli",
    "permute_within",
    "rank_correlation_test",
    "rank_rows",
    "t_interval",
    "t_p_value",
    "weighted_mean",
    "weighted_mean_standard_error",
    "welch",
]
