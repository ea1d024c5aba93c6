"""Inference over scores: means and differences of families, over their instances, neurons and stimuli.

Leaderboards, studies and figures test with the functions of this package, so that they give the same numbers for the
same scores.
"""

from neuroalign.comparison.axes import Axes, is_above_chance, median_reliability, read_axes
from neuroalign.comparison.comparing import compare
from neuroalign.comparison.differences import generalise
from neuroalign.comparison.inference import (
    Inference,
    Over,
    decide,
    infer_difference,
    infer_equivalence,
    infer_mean,
    infer_own_mean,
)
from neuroalign.comparison.outcome import Comparison, OtherDifference
from neuroalign.comparison.pairs import infer_pairs
from neuroalign.comparison.samples import Sample, explain_no_sample, instances_of, make_sample
from neuroalign.comparison.stimulus_draws import StimulusDraws, stimulus_draws

__all__ = [
    "Axes",
    "Comparison",
    "Inference",
    "OtherDifference",
    "Over",
    "Sample",
    "StimulusDraws",
    "compare",
    "decide",
    "explain_no_sample",
    "generalise",
    "infer_difference",
    "infer_equivalence",
    "infer_mean",
    "infer_own_mean",
    "infer_pairs",
    "instances_of",
    "is_above_chance",
    "make_sample",
    "median_reliability",
    "read_axes",
    "stimulus_draws",
]
