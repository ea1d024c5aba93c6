"""Outcome of an attempt to draw a figure: the figure, or the reason why it is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroalign.errors import NeuroalignError

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
        return Gathered(name, axes=draw(*args, **options))
    except Exception as error:  # Models of third parties raise any class of error.
        return Gathered(name, reason=explain_error(error))


def explain_error(error: Exception) -> str:
    """Return the message of an error in one line, with its class if it is not an error of neuroalign."""
    text = " ".join(str(error).split())
    return text if isinstance(error, NeuroalignError) else f"{type(error).__name__}: {text}"
