"""Several models side by side as bands of units of one model."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import StimulusMismatchError, UsageError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.syntax import format_spec


class Bands:
    """Units of several models, each of which is a band.

    The latents have the coordinate ``band``, the name of each unit's model. They have the stimuli that all models
    have latents for.

    Parameters
    ----------
    models : sequence of Model
        Two or more models with different names.

    Raises
    ------
    UsageError
        If there are fewer than two models, or two have one name.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)
        names = [model.identifier for model in models]
        if len(set(names)) < 2 or len(set(names)) < len(names):
            raise UsageError(f"bands must be two or more different models, got {', '.join(names) or 'none'}")
        self.identifier = format_spec("bands", {"models": names})

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the units of all models, for the stimuli that all of them have latents for.

        Raises
        ------
        StimulusMismatchError
            If the models share no stimulus.
        """
        parts = {model.identifier: compute_latents(model, stimuli) for model in self._models}
        shared = reduce(np.intersect1d, [part["stimulus"].values.astype(str) for part in parts.values()])
        if not shared.size:
            raise StimulusMismatchError(f"{self.identifier}: the models share no stimulus")
        parts = {name: part.sel(stimulus=shared) for name, part in parts.items()}
        units = {
            name: [f"{name}:{unit}" for unit in part["unit"].values.astype(str)]
            for name, part in parts.items()
        }
        # A recorded neuron keeps its id, so that it does not predict itself; other units have no neuron.
        recordings = {part.attrs["neuroids_of"] for part in parts.values() if "neuroids_of" in part.attrs}
        one_recording = len(recordings) == 1
        neuroids = [
            part["neuroid"].values.astype(str) if "neuroid" in part.coords else units[name]
            for name, part in parts.items()
        ]
        joined = arrays.latents(
            np.hstack([part.values for part in parts.values()]),
            stimulus=shared,
            unit=np.concatenate(list(units.values())),
            informative=np.concatenate([part["informative"].values for part in parts.values()]),
            neuroid=np.concatenate(neuroids) if one_recording else None,
            attrs={"neuroids_of": recordings.pop()} if one_recording else None,
        )
        band = np.repeat(list(parts), [part.sizes["unit"] for part in parts.values()])
        return joined.assign_coords(band=("unit", band))


def bands(models: Sequence[str]) -> Bands:
    """Several layers or models as bands of units of one model: ``bands[models=[A@layer2,A@layer3]]``.

    Parameters
    ----------
    models : sequence of str
        Names of single models, such as ``timm:resnet18@layer2``.

    Raises
    ------
    UsageError
        If a name is the name of a family.
    """
    loaded = [load_model(name) for name in ([models] if isinstance(models, str) else models)]
    for model in loaded:
        if isinstance(model, ModelFamily):
            raise UsageError(
                f"a band must be one model, got the family {model.identifier}; give an instance, such as "
                f"{model.identifier}[seed=0]"
            )
    return Bands([model for model in loaded if not isinstance(model, ModelFamily)])
