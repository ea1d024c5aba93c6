"""Device and precision with which a model computes its latents."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import Protocol, runtime_checkable

from neuroalign.models.model import Model


@runtime_checkable
class Computed(Model, Protocol):
    """A model that states how it computes its latents; the provenance of its scores has these entries."""

    @property
    def computed_with(self) -> Mapping[str, str]:
        """Entries by name: ``device`` and ``precision`` for networks of torch."""
        ...


def computed_with(model: Model) -> dict[str, Any]:
    """Return how a model computes its latents; empty if the model does not state it.

    Parameters
    ----------
    model : Model
    """
    return dict(model.computed_with) if isinstance(model, Computed) else {}
