"""Metrics as pure functions of NumPy arrays with stimuli in rows."""

from neuroalign.metrics.axis_clustering import AxisClustering, axis_clustering
from neuroalign.metrics.axis_index import AxisIndex, axis_index, is_special
from neuroalign.metrics.banded_ridge import BandedRidge, banded_ridge
from neuroalign.metrics.cka import CKA, cka, cka_by_chance
from neuroalign.metrics.completeness import Completeness, completeness, completeness_at
from neuroalign.metrics.copies import count_copies
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
from neuroalign.metrics.lasso.split import lasso_test_set
from neuroalign.metrics.linear_predictivity import linear_predictivity
from neuroalign.metrics.matching import OneToOne, match_one_to_one
from neuroalign.metrics.matching_folds import Matching
from neuroalign.metrics.monosemanticity import Monosemanticity, monosemanticity
from neuroalign.metrics.noise import noise_precision
from neuroalign.metrics.noise_ceiling import NoiseCeiling, noise_ceiling
from neuroalign.metrics.one_to_one import one_to_one
from neuroalign.metrics.participation_ratio import participation_ratio
from neuroalign.metrics.pls_predictivity import PLSPredictivity, pls_predictivity
from neuroalign.metrics.predictivity import Predictivity
from neuroalign.metrics.privileged_axes import PrivilegedAxes, looks_rectified, privileged_axes
from neuroalign.metrics.ratio_weights import (
    index_of_ratios,
    leave_one_out_ratios,
    ratio_weights,
    shares_of_best_units,
)
from neuroalign.metrics.rdm import crossnobis, dissimilarities
from neuroalign.metrics.rdm_ceiling import AnimalBounds, rdm_ceiling
from neuroalign.metrics.rdm_comparison import RSA, compare_rdms, rsa
from neuroalign.metrics.recombination import mixing_matrix, recombine
from neuroalign.metrics.reliability import (
    Reliability,
    noise_corrected_r2,
    noise_corrected_r2_of_means,
    reliability,
    reliability_of_means,
)
from neuroalign.metrics.reverse_predictivity import ReversePredictivity, reverse_predictivity
from neuroalign.metrics.ridge_predictivity import RidgePredictivity, ridge_predictivity
from neuroalign.metrics.selectivity import d_prime, eta_squared
from neuroalign.metrics.semi_matching import SemiMatching, semi_matching
from neuroalign.metrics.shape import Shape, shape_distance
from neuroalign.metrics.soft_matching import (
    SoftMatching,
    partial_soft_matching,
    soft_matching,
    soft_matching_distance,
)
from neuroalign.metrics.sparseness import Sparseness, sparseness
from neuroalign.metrics.turned_alignment import TurnedAlignment, turned_alignment
from neuroalign.metrics.turned_tuning import TurnedTuning, turned_tuning
from neuroalign.metrics.udr import relative_strength, udr
from neuroalign.metrics.variance_explained import variance_explained

__all__ = [
    "CKA",
    "RSA",
    "AnimalBounds",
    "AxisClustering",
    "AxisIndex",
    "BandedRidge",
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
    "Matching",
    "Monosemanticity",
    "NoiseCeiling",
    "OneToOne",
    "PLSPredictivity",
    "Predictivity",
    "PrivilegedAxes",
    "Reliability",
    "ReversePredictivity",
    "RidgePredictivity",
    "SemiMatching",
    "Shape",
    "SoftMatching",
    "Sparseness",
    "TurnedAlignment",
    "TurnedTuning",
    "aggregate_ratios",
    "axis_clustering",
    "axis_index",
    "banded_ridge",
    "cka",
    "cka_by_chance",
    "compare_rdms",
    "completeness",
    "completeness_at",
    "correlation_ratio",
    "correlations",
    "cosine_distance",
    "count_copies",
    "crossnobis",
    "d_prime",
    "decode_held_out",
    "disentanglement",
    "dissimilarities",
    "eta_squared",
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
    "lasso_test_set",
    "lasso_variance_explained",
    "leave_one_out_ratios",
    "linear_predictivity",
    "looks_rectified",
    "match_one_to_one",
    "mixing_matrix",
    "monosemanticity",
    "noise_ceiling",
    "noise_corrected_r2",
    "noise_corrected_r2_of_means",
    "noise_precision",
    "one_to_one",
    "partial_soft_matching",
    "participation_ratio",
    "pls_predictivity",
    "privileged_axes",
    "ratio_weights",
    "rdm_ceiling",
    "recombine",
    "relative_strength",
    "reliability",
    "reliability_of_means",
    "reverse_predictivity",
    "ridge_predictivity",
    "rsa",
    "semi_matching",
    "shape_distance",
    "shares_of_best_units",
    "soft_matching",
    "soft_matching_distance",
    "sparseness",
    "turned_alignment",
    "turned_tuning",
    "udr",
    "variance_explained",
]
