"""Outcome of an attempt to draw a figure: the figure, or the reason why it is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroalign.errors import NeuroalignError
from neuroalign.names.foreign_code import foreign_code

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Gathered:
    """A figure, or the reason why it is missing."""

    #: Name of the figure, such as ``scores_alignment`` or ``units_by_neurons_beta_vae``.
    name: str
    axes: "Axes | None" = None
    #: Reason for the missing figure; empty for a figure.
    reason: str = ""


def draw_or_explain(name: str, draw: "Callable[..., Axes]", *args: Any, **options: Any) -> Gathered:
    """Draw a figure; an error becomes the reason why it is missing."""
    try:
        with foreign_code("the figure cannot be drawn"):
            return Gathered(name, axes=draw(*args, **options))
    except NeuroalignError as error:
        return Gathered(name, reason=in_one_line(error))


def in_one_line(error: NeuroalignError) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())
