"""Numbers beside a score: identifier, label, unit, and how tables write them."""

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "count", "percent", "p", "flag", "any"]


@dataclass(frozen=True)
class Number:
    """A number that a benchmark gives beside its score.

    Parameters
    ----------
    identifier : str
        Key in ``Score.beside`` and in records: letters, digits and underscores.
    label : str
        Name in a sentence or a list.
    heading : str
        Name as the heading of a narrow column, with line breaks; by default the label, wrapped.
    kind : {"number", "count", "percent", "p", "flag", "any"}
        How tables write the number: three decimals, no decimals, a percentage, a p-value, yes or no; "any" for no
        decimals where the number is whole, and three decimals elsewhere.
    unit : str
        Unit of the number; empty for a number without a unit.

    Raises
    ------
    ValueError
        If the identifier is not a Python identifier.
    """

    identifier: str
    label: str
    heading: str = ""
    kind: Kind = "number"
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.identifier.isidentifier():
            raise ValueError(
                f"the identifier of a number must consist of letters, digits and underscores, got {self.identifier!r}"
            )
        if not self.heading:
            object.__setattr__(self, "heading", textwrap.fill(self.label, 12))


def undeclared_number(identifier: str) -> Number:
    """Return a number that its benchmark does not declare: the identifier is its label.

    Parameters
    ----------
    identifier : str
        Key of ``Score.beside``.
    """
    return Number(identify_number(identifier), identifier.replace("_", " "), kind="any")


def identify_number(name: str) -> str:
    """Return the identifier for a name: letters without accents, digits and underscores.

    Examples
    --------
    >>> identify_number("median noise-corrected r²"), identify_number("D")
    ('median_noise_corrected_r2', 'D')
    """
    plain = unicodedata.normalize("NFKD", name)
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in plain).split()
    identifier = "_".join(words)
    return identifier if identifier.isidentifier() else f"_{identifier}"


def write_number(value: float, kind: Kind = "number") -> str:
    """Write a number of a table; a dash for NaN.

    Parameters
    ----------
    value : float
    kind : {"number", "count", "percent", "p", "flag", "any"}
        See :class:`Number`.

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
