"""Figures of scores in one house style; they need the extra ``figures``."""

from neuroalign.reporting.figures.faces import decoded_faces, traversals
from neuroalign.reporting.figures.neurons import neurons_in_order
from neuroalign.reporting.figures.relations import (
    correlation_ratio_against_unit_proportion,
    udr_against_alignment,
)
from neuroalign.reporting.figures.scores import native_and_recombined, scores_by_family
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
    "correlation_ratio_against_unit_proportion",
    "decoded_faces",
    "family_styles",
    "native_and_recombined",
    "neurons_in_order",
    "save",
    "scores_by_family",
    "traversals",
    "udr_against_alignment",
    "unit_shares",
    "units_by_neurons",
]
