"""Latent traversals: images decoded while one unit moves and all other units stay."""

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
    """Decode images while one unit moves and all other units stay, for one unit after another.

    Parameters
    ----------
    model : Decodes
        Model with a decoder.
    stimuli : StimulusSet
    units : sequence of str, optional
        Units to move; by default the informative units, sorted from the greatest divergence from the prior.
    values : array of shape (n_values,)
        Values that the moving unit takes.
    start : str, optional
        Stimulus that provides the values of the other units; by default every unit has its mean over the stimuli.
    in_deviations : bool
        Whether `values` are numbers of standard deviations (ddof 0, over the stimuli) from the mean of the unit. Use
        it for models without a unit Gaussian prior.

    Returns
    -------
    xarray.DataArray
        Images of float32 in [0, 1], with the dimensions ``unit``, ``value``, ``row`` and ``column``. The attribute
        ``identifier`` names the model. With `in_deviations`, the attribute ``values`` names the unit of the values.

    Raises
    ------
    ModelError
        If the model cannot decode.
    UsageError
        If a unit or the stimulus is unknown.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.models.traversals import latent_traversals
    >>> stimuli = na.load_dataset("AM-faces-sim").stimuli
    >>> model = na.load_model("beta_vae[beta=6,seed=0]")
    >>> moved = latent_traversals(model, stimuli.select(stimuli.ids[:20]), values=(-2, 0, 2))
    >>> moved.dims, moved.sizes["value"]
    (('unit', 'value', 'row', 'column'), 3)
    """
    if not isinstance(model, Decodes):
        raise ModelError(f"{model.identifier} cannot decode, so it has no traversals")
    latents = model.latents(stimuli)
    names = [str(name) for name in latents["unit"].values]
    if units is None:
        informative = np.flatnonzero(latents["informative"].values)
        if "kl" in latents.coords:
            informative = informative[np.argsort(-latents["kl"].values[informative], kind="stable")]
        units = [names[index] for index in informative]
    unknown = [unit for unit in units if unit not in names]
    if unknown:
        raise UsageError(f"{model.identifier} has no unit {name_some(unknown)}; it has {name_some(names)}")
    if start is None:
        centre = latents.values.mean(axis=0)
    elif start in latents["stimulus"].values:
        centre = latents.sel(stimulus=start).values
    else:
        raise UsageError(f"no stimulus is called {start!r}; there are {name_some(stimuli.ids)}")
    steps = np.asarray(values, dtype=np.float64)
    rows = np.tile(centre, (len(units), len(steps), 1))
    for index, unit in enumerate(units):
        column = latents.values[:, names.index(unit)]
        moved = column.mean() + steps * column.std() if in_deviations else steps
        rows[index, :, names.index(unit)] = moved
    flat = xr.DataArray(
        rows.reshape(-1, len(names)),
        dims=("stimulus", "unit"),
        coords={"stimulus": np.arange(len(units) * len(steps)).astype(str), "unit": names},
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
