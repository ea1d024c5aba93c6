"""Latents on disk, found again by content: what the model computes with, and the stimuli's bytes."""

import warnings
from pathlib import Path

import xarray as xr

from neuroalign.arrays import validate_latents
from neuroalign.errors import ArrayError, NeuroalignWarning
from neuroalign.hashing import digest
from neuroalign.home import atomic_path, home
from neuroalign.models import Model
from neuroalign.netcdf import read_netcdf
from neuroalign.stimuli import StimulusSet

#: Raised when what is written changes.
FORMAT = 1


def latents_folder() -> Path:
    """Return the folder of cached latents."""
    return home() / "latents"


def compute_latents(model: Model, stimuli: StimulusSet, *, use_cache: bool = True) -> xr.DataArray:
    """Return the latents of a model, from the cache where they are there.

    Parameters
    ----------
    model : Model
        Without a ``fingerprint`` its latents are computed every time: a name is no key.
    stimuli : StimulusSet
    use_cache : bool

    Returns
    -------
    latents
    """
    fingerprint = getattr(model, "fingerprint", None)
    if fingerprint is None or not use_cache:
        return validate_latents(model.latents(stimuli))
    key = digest(FORMAT, fingerprint, stimuli.content_hash, stimuli.landmarks_hash)
    path = latents_folder() / f"{key}.nc"
    cached = _read(path)
    if cached is not None:
        return cached
    computed = validate_latents(model.latents(stimuli))
    kept = computed.drop_attrs()
    # Without it, neurons that are units would not be known for themselves the second time.
    kept.attrs = {name: each for name, each in computed.attrs.items() if name == "neuroids_of"}
    with atomic_path(path) as temporary:
        kept.to_dataset(name="latents").to_netcdf(temporary, engine="h5netcdf")
    return computed


def _read(path: Path) -> xr.DataArray | None:
    if not path.is_file():
        return None
    try:
        array = read_netcdf(path)["latents"]
        for name in ("stimulus", "unit", "neuroid"):
            if name in array.coords:
                array[name] = array[name].astype(str)
        array["informative"] = array["informative"].astype(bool)
        return validate_latents(array)
    except (OSError, ValueError, KeyError, ArrayError) as error:
        warnings.warn(f"ignored unreadable cached latents {path}: {error}", NeuroalignWarning, stacklevel=2)
        return None
