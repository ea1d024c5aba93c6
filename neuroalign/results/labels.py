"""How the numbers beside a score are called and written in tables."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "count", "percent", "p", "flag", "any"]


@dataclass(frozen=True)
class Label:
    """How a number is called and written.

    Parameters
    ----------
    text : str
        Name with the unit, for one line.
    heading : str
        Name as the heading of a narrow column, with line breaks.
    kind : {"number", "count", "percent", "p", "flag", "any"}
        How the number is written: three decimals, no decimals, a percentage, a p-value, yes or no; "any" for no
        decimals where the number is whole, and three decimals elsewhere.
    """

    text: str
    heading: str
    kind: Kind = "number"


#: The labels of all identifiers in ``Score.beside``.
LABELS = {
    "axis_index": Label("axis index κ", "κ"),
    "axis_index_error": Label("SE of κ over neurons", "SE of κ"),
    "axis_index_p": Label("p of κ against turned tuning", "p of κ", "p"),
    "axis_index_special": Label("axes are special", "special", "flag"),
    "turned": Label("score with turned tuning, mean over turns", "turned"),
    "turned_sd": Label("SD over turns", "SD over\nturns"),
    "regenerated": Label("score of neurons regenerated from linear tuning", "regen-\nerated"),
    "variance_explained": Label("variance explained, mean over neurons", "VE"),
    "explained_share": Label("share of the explainable variance", "VE of\nceiling", "percent"),
    "neurons without weight": Label("neurons without weight", "no\nweight", "count"),
    "predicted_neurons": Label("neurons predicted above chance", "pre-\ndicted", "count"),
    "predicted_alignment": Label("C over the predicted neurons", "C of\npred."),
    "reliability": Label("reliability of the median neuron (split halves)", "reli-\nability"),
    "D": Label("units in the base of the logarithm (D)", "D", "count"),
    "unweighted mean": Label("C without weights, mean over neurons", "C un-\nweighted"),
    "effective units": Label("effective units of the median neuron", "eff.\nunits"),
    "informative units": Label("informative units", "informative\nunits", "count"),
    "unit proportion": Label("share of units that are best for a neuron", "unit pro-\nportion"),
    "corrected for 1/D": Label("score above 1/D: (x − 1/D)/(1 − 1/D)", "above\n1/D"),
    "median r of matched pairs": Label("median r of matched units and neurons", "median r\nof pairs"),
    "median noise-corrected r²": Label("noise-corrected r² of the median neuron", "corrected\nr²"),
    "mean of draws": Label("mean over draws of stimuli", "mean of\ndraws"),
    "native": Label("score of the neurons themselves", "native"),
    "recombined": Label("score of recombined neurons, mean over draws", "recom-\nbined"),
}


def label_of(identifier: str) -> Label:
    """Return the label of a number beside a score; an identifier without a label is its own.

    Parameters
    ----------
    identifier : str
        Key of ``Score.beside``.
    """
    text = identifier.replace("_", " ")
    return LABELS.get(identifier, Label(text, textwrap.fill(text, 12), "any"))


def write_number(value: float, kind: Kind = "number") -> str:
    """Write a number of a table; a dash for NaN.

    Parameters
    ----------
    value : float
    kind : {"number", "count", "percent", "p", "flag", "any"}
        See :class:`Label`.

    Examples
    --------
    >>> write_number(0.0344, "percent"), write_number(24.0, "count"), write_number(24.5, "count")
    ('3.4 %', '24', '24.5')
    """
    if math.isnan(value):
        return "–"
    if kind == "percent":
        return f"{100 * value:.1f} %"
    if kind == "flag":
        return "yes" if value == 1 else "no" if value == 0 else f"{value:.0%} yes"
    if kind == "p":
        return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"
    if kind in ("count", "any") and value == round(value):
        return f"{value:,.0f}"
    # A mean of counts over instances.
    return f"{value:,.1f}" if kind == "count" else f"{value:z.3f}"


def name_benchmark(identifier: str) -> str:
    """Write the identifier of a benchmark in words; options stay as they are."""
    name, bracket, options = identifier.partition("[")
    return f"{name.replace('_', ' ')}{bracket}{options}"


def join_words(words: Sequence[str]) -> str:
    """Join words by commas and "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
