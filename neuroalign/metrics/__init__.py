"""Metrics as pure functions of NumPy arrays with stimuli in rows."""

from neuroalign.metrics.axis_index import AxisIndex, axis_index, is_special
from neuroalign.metrics.completeness import Completeness, completeness, completeness_at
from neuroalign.metrics.correlation import CorrelationRatio, aggregate_ratios, correlation_ratio, correlations
from neuroalign.metrics.decoding import HeldOutDecoding, cosine_distance, decode_held_out, index_of_distances
from neuroalign.metrics.disentanglement import Disentanglement, disentanglement
from neuroalign.metrics.factors_dci import FactorDCI, factor_concentrations, factor_dci
from neuroalign.metrics.factors_explicitness import FactorExplicitness, factor_explicitness
from neuroalign.metrics.factors_information import FactorInformation, factor_information
from neuroalign.metrics.factors_separation import FactorSeparation, factor_separation
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.lasso.cv import LassoCV, lasso_cv
from neuroalign.metrics.lasso.held_out import LassoVarianceExplained, lasso_variance_explained
from neuroalign.metrics.matching import OneToOne, match_one_to_one
from neuroalign.metrics.ratio_weights import (
    index_of_ratios,
    leave_one_out_ratios,
    ratio_weights,
    shares_of_best_units,
)
from neuroalign.metrics.recombination import mixing_matrix, recombine
from neuroalign.metrics.reliability import Reliability, noise_corrected_r2, reliability
from neuroalign.metrics.turned_alignment import TurnedAlignment, turned_alignment
from neuroalign.metrics.turned_tuning import TurnedTuning, turned_tuning
from neuroalign.metrics.udr import relative_strength, udr
from neuroalign.metrics.variance_explained import variance_explained

__all__ = [
    "AxisIndex",
    "Completeness",
    "CorrelationRatio",
    "Disentanglement",
    "FactorDCI",
    "FactorExplicitness",
    "FactorInformation",
    "FactorSeparation",
    "HeldOutDecoding",
    "LassoCV",
    "LassoVarianceExplained",
    "OneToOne",
    "Reliability",
    "TurnedAlignment",
    "TurnedTuning",
    "aggregate_ratios",
    "axis_index",
    "completeness",
    "completeness_at",
    "correlation_ratio",
    "correlations",
    "cosine_distance",
    "decode_held_out",
    "disentanglement",
    "factor_concentrations",
    "factor_dci",
    "factor_explicitness",
    "factor_information",
    "factor_separation",
    "fold_labels",
    "index_of_distances",
    "index_of_ratios",
    "is_special",
    "lasso_cv",
    "lasso_variance_explained",
    "leave_one_out_ratios",
    "match_one_to_one",
    "mixing_matrix",
    "noise_corrected_r2",
    "ratio_weights",
    "recombine",
    "relative_strength",
    "reliability",
    "shares_of_best_units",
    "turned_alignment",
    "turned_tuning",
    "udr",
    "variance_explained",
]
