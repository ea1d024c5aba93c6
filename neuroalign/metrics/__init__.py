"""Metrics as pure functions of NumPy arrays with stimuli in rows."""

from neuroalign.metrics.axis_clustering import AxisClustering, axis_clustering
from neuroalign.metrics.axis_index import AxisIndex, axis_index, is_special
from neuroalign.metrics.completeness import Completeness, completeness, completeness_at
from neuroalign.metrics.copies import count_copies
from neuroalign.metrics.correlation import CorrelationRatio, aggregate_ratios, correlation_ratio, correlations
from neuroalign.metrics.decoding import HeldOutDecoding, cosine_distance, decode_held_out, index_of_distances
from neuroalign.metrics.disentanglement import Disentanglement, disentanglement
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.lasso.cv import LassoCV, lasso_cv
from neuroalign.metrics.lasso.held_out import LassoVarianceExplained, lasso_variance_explained
from neuroalign.metrics.matching import OneToOne, match_one_to_one
from neuroalign.metrics.matching_folds import Matching
from neuroalign.metrics.one_to_one import one_to_one
from neuroalign.metrics.privileged_axes import PrivilegedAxes, looks_rectified, privileged_axes
from neuroalign.metrics.ratio_weights import (
    index_of_ratios,
    leave_one_out_ratios,
    ratio_weights,
    shares_of_best_units,
)
from neuroalign.metrics.recombination import mixing_matrix, recombine
from neuroalign.metrics.reliability import Reliability, noise_corrected_r2, reliability
from neuroalign.metrics.semi_matching import SemiMatching, semi_matching
from neuroalign.metrics.soft_matching import (
    SoftMatching,
    partial_soft_matching,
    soft_matching,
    soft_matching_distance,
)
from neuroalign.metrics.turned_alignment import TurnedAlignment, turned_alignment
from neuroalign.metrics.turned_tuning import TurnedTuning, turned_tuning
from neuroalign.metrics.udr import relative_strength, udr
from neuroalign.metrics.variance_explained import variance_explained

__all__ = [
    "AxisClustering",
    "AxisIndex",
    "Completeness",
    "CorrelationRatio",
    "Disentanglement",
    "HeldOutDecoding",
    "LassoCV",
    "LassoVarianceExplained",
    "Matching",
    "OneToOne",
    "PrivilegedAxes",
    "Reliability",
    "SemiMatching",
    "SoftMatching",
    "TurnedAlignment",
    "TurnedTuning",
    "aggregate_ratios",
    "axis_clustering",
    "axis_index",
    "completeness",
    "completeness_at",
    "correlation_ratio",
    "correlations",
    "cosine_distance",
    "count_copies",
    "decode_held_out",
    "disentanglement",
    "fold_labels",
    "index_of_distances",
    "index_of_ratios",
    "is_special",
    "lasso_cv",
    "lasso_variance_explained",
    "leave_one_out_ratios",
    "looks_rectified",
    "match_one_to_one",
    "mixing_matrix",
    "noise_corrected_r2",
    "one_to_one",
    "partial_soft_matching",
    "privileged_axes",
    "ratio_weights",
    "recombine",
    "relative_strength",
    "reliability",
    "semi_matching",
    "shares_of_best_units",
    "soft_matching",
    "soft_matching_distance",
    "turned_alignment",
    "turned_tuning",
    "udr",
    "variance_explained",
]
