"""Figures of scores in one house style."""

from neuroalign.reporting.figures.faces import decoded_faces, traversals
from neuroalign.reporting.figures.neurons import neurons_in_order
from neuroalign.reporting.figures.recombination import native_and_recombined
from neuroalign.reporting.figures.relations import score_against_unit_proportion, udr_against_alignment
from neuroalign.reporting.figures.scores import scores_by_family
from neuroalign.reporting.figures.style import (
    FORMATS,
    FamilyStyle,
    family_styles,
    save,
)
from neuroalign.reporting.figures.units import unit_shares, units_by_neurons

__all__ = [
    "FORMATS",
    "FamilyStyle",
    "decoded_faces",
    "family_styles",
    "native_and_recombined",
    "neurons_in_order",
    "save",
    "score_against_unit_proportion",
    "scores_by_family",
    "traversals",
    "udr_against_alignment",
    "unit_shares",
    "units_by_neurons",
]
