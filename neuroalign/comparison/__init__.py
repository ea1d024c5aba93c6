"""Inference over scores: means and differences of families, over their instances, neurons and stimuli.

Leaderboards, studies and figures test with the functions of this package, so that the same scores give the same
numbers in each of them.
"""

from neuroalign.comparison.axes import Axes, is_above_chance, median_reliability, read_axes
from neuroalign.comparison.comparing import compare, generalise
from neuroalign.comparison.inference import (
    Inference,
    Over,
    decide,
    infer_difference,
    infer_equivalence,
    infer_mean,
    infer_own_mean,
    infer_pairs,
)
from neuroalign.comparison.outcome import Comparison, OtherDifference
from neuroalign.comparison.samples import (
    Sample,
    StimulusDraws,
    explain_no_sample,
    instances_of,
    make_sample,
    stimulus_draws,
)

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
