"""The family of models that provides the ceiling."""

from neuroalign.models.model import ModelFamily
from neuroalign.names.registry import models


def ceiling_family() -> str | None:
    """Return the name of the family with instances that are made of the recorded neurons.

    Its scores show the values that neurons themselves reach, so that they are the ceiling of other models.

    Returns
    -------
    str or None
        Name of the registered family with ``neuroalign.models.model.ModelFamily.is_ceiling``; None if there is
        no such family. Of several, a family that comes with neuroalign precedes installed ones, and the first name
        in alphabetical order precedes the others.

    Examples
    --------
    >>> from neuroalign.models.ceiling import ceiling_family
    >>> ceiling_family()
    'neuron_subset'
    """
    ceilings = [
        (not registered.__module__.startswith("neuroalign."), name)
        for name, registered in models.items()
        if isinstance(registered, type) and issubclass(registered, ModelFamily) and registered.is_ceiling
    ]
    return min(ceilings)[1] if ceilings else None
