"""Alignment of latents and responses by stimulus id."""

from typing import Literal

import numpy as np
import xarray as xr

from neuroalign.arrays.spelling import find_alike
from neuroalign.errors import ArrayError, StimulusMismatchError, count_noun, name_some

Join = Literal["exact", "intersection"]


def align(
    model_latents: xr.DataArray, neural_responses: xr.DataArray, *, join: Join = "exact"
) -> tuple[xr.DataArray, xr.DataArray]:
    """Pair latents and responses by stimulus id, in sorted order of the ids.

    Sorting makes every result independent of the order of stimuli in the arrays. Latents of stimuli that were not
    recorded, such as training stimuli, are dropped.

    Parameters
    ----------
    model_latents : xarray.DataArray
        Latents; see :func:`neuroalign.arrays.latents`.
    neural_responses : xarray.DataArray
        Responses; see :func:`neuroalign.arrays.responses`.
    join : {"exact", "intersection"}
        "exact" requires latents for every recorded stimulus; "intersection" keeps the shared stimuli.

    Returns
    -------
    latents, responses
        Arrays with identical stimulus coordinates.

    Raises
    ------
    StimulusMismatchError
        If a recorded stimulus has no latents, or no stimulus is shared.

    Examples
    --------
    >>> from neuroalign.arrays import align, latents, responses
    >>> units = latents([[1.0], [2.0], [3.0]], stimulus=["c", "a", "b"])
    >>> rates = responses([[5.0], [6.0]], stimulus=["b", "a"], neuroid=["n1"])
    >>> paired_units, paired_rates = align(units, rates)
    >>> paired_units.values.ravel(), paired_rates.values.ravel()
    (array([2., 3.]), array([6., 5.]))
    """
    if join not in ("exact", "intersection"):
        raise ArrayError(f"join must be 'exact' or 'intersection', got {join!r}")
    recorded = np.sort(neural_responses["stimulus"].values.astype(str))
    available = np.sort(model_latents["stimulus"].values.astype(str))
    shared = np.intersect1d(recorded, available)
    without, idle = np.setdiff1d(recorded, shared), np.setdiff1d(available, shared)
    alike = find_alike(idle, without) if without.size and idle.size else None
    if alike is not None:
        raise StimulusMismatchError(
            f"the latents have a stimulus {alike[0]!r} and the recording {alike[1]!r}, which seem to be the same "
            f"({count_noun(without.size, 'recorded stimulus', 'recorded stimuli')} of {recorded.size} without "
            "latents); give both the same ids"
        )
    if shared.size == 0:
        raise StimulusMismatchError(
            f"no stimulus is shared: recorded are {name_some(recorded)}, latents are of {name_some(available)}"
        )
    if join == "exact" and shared.size < recorded.size:
        missing = np.setdiff1d(recorded, shared)
        raise StimulusMismatchError(
            f"latents are missing for {count_noun(missing.size, 'recorded stimulus', 'recorded stimuli')} of "
            f"{recorded.size}: {name_some(missing)}; compute them, or ask for the intersection "
            f"({shared.size} stimuli)"
        )
    return model_latents.sel(stimulus=shared), neural_responses.sel(stimulus=shared)
