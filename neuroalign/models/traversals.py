"""What each unit of a generative model does to an image."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.models.model import Decodes, Model


def latent_traversals(
    model: Model,
    stimuli: StimulusSet,
    *,
    units: Sequence[str] | None = None,
    values: ArrayLike = (-3, -2, -1, 0, 1, 2, 3),
    start: str | None = None,
    in_deviations: bool = False,
) -> xr.DataArray:
    """Decode images while one unit after the other is moved and all others stay.

    Parameters
    ----------
    model : Model with ``decode``
    stimuli : StimulusSet
    units : sequence of str, optional
        By default the informative units, those with the greatest divergence from the prior first.
    values : array of shape (n_values,)
        What the unit is set to.
    start : str, optional
        Stimulus whose latents the other units keep; by default each keeps its mean over the stimuli.
    in_deviations : bool
        Whether values count standard deviations of the unit over the stimuli, from its mean on: what suits models
        without a unit Gaussian as prior.

    Returns
    -------
    xarray.DataArray of float32 in [0, 1], dimensions unit, value, row, column
        The attribute ``identifier`` names the model; ``values`` says what they count, if not what the model does.

    Raises
    ------
    ModelError
        If the model cannot decode.
    UsageError
        If a unit or the stimulus is unknown.
    """
    if not isinstance(model, Decodes):
        raise ModelError(f"{model.identifier} cannot decode, so it has no traversals")
    latents = model.latents(stimuli)
    known = [str(each) for each in latents["unit"].values]
    if units is None:
        informative = np.flatnonzero(latents["informative"].values)
        if "kl" in latents.coords:
            informative = informative[np.argsort(-latents["kl"].values[informative], kind="stable")]
        units = [known[each] for each in informative]
    unknown = [each for each in units if each not in known]
    if unknown:
        raise UsageError(f"{model.identifier} has no unit {name_some(unknown)}; it has {name_some(known)}")
    if start is None:
        centre = latents.values.mean(axis=0)
    elif start in latents["stimulus"].values:
        centre = latents.sel(stimulus=start).values
    else:
        raise UsageError(f"no stimulus is called {start!r}; there are {name_some(stimuli.ids)}")
    steps = np.asarray(values, dtype=np.float64)
    rows = np.tile(centre, (len(units), len(steps), 1))
    for index, unit in enumerate(units):
        column = latents.values[:, known.index(unit)]
        moved = column.mean() + steps * column.std() if in_deviations else steps
        rows[index, :, known.index(unit)] = moved
    flat = xr.DataArray(
        rows.reshape(-1, len(known)),
        dims=("stimulus", "unit"),
        coords={"stimulus": np.arange(len(units) * len(steps)).astype(str), "unit": known},
    )
    images = model.decode(flat)
    return xr.DataArray(
        images.reshape(len(units), len(steps), *images.shape[1:]),
        dims=("unit", "value", "row", "column"),
        coords={"unit": list(units), "value": steps},
        name="traversals",
        attrs={
            "identifier": model.identifier,
            **({"values": "standard deviations from the mean"} if in_deviations else {}),
        },
    )
