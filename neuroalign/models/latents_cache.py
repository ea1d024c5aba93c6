"""Cache of latents on disk, keyed by the fingerprint of the model and the content of the stimuli."""

import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from itertools import chain, islice
from pathlib import Path

import pandas as pd
import xarray as xr

from neuroalign.arrays import validate_latents
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, ModelError, NeuroalignWarning
from neuroalign.files.digests import digest
from neuroalign.files.home import optional_writing
from neuroalign.models.latent_arrays import as_latents
from neuroalign.models.latents_file import (
    gather_latents,
    latents_folder,
    read_latents,
    row_blocks,
    save_latents,
)
from neuroalign.models.model import Batched, Model, fingerprint_of
from neuroalign.names.foreign_code import foreign_code

#: Version of the files; it is raised when their content changes.
FORMAT = 3

# Whether models inside a model, such as a reduced model, may use the cache.
_allowed: ContextVar[bool] = ContextVar("allowed", default=True)


def compute_latents(model: Model, stimuli: StimulusSet, *, use_cache: bool = True) -> xr.DataArray:
    """Return the latents of a model, from the cache if it has them.

    Parameters
    ----------
    model : Model
        The latents of a model without a fingerprint are computed every time: its name does not identify them.
    stimuli : StimulusSet
    use_cache : bool
        Whether to read and write cached latents, including the latents of models inside this model.

    Returns
    -------
    latents : xarray.DataArray, dimensions (stimulus, unit)
        Latents larger than the available memory stay in their file; see
        ``neuroalign.models.latents_file.gather_latents``.

    Raises
    ------
    NeuroalignError
        If the model raises an error, or its latents have wrong labels or values.
    """
    use_cache = use_cache and _allowed.get()
    token = _allowed.set(use_cache)
    try:
        with foreign_code(f"the latents of {model.identifier} cannot be computed"):
            path = cached_path(model, stimuli)
            if path is None:
                return _compute(model, stimuli, None)
            cached = _read(path)
            return _compute(model, stimuli, path) if cached is None else cached
    finally:
        _allowed.reset(token)


def stream_latents(model: Model, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
    """Yield the latents of a model in blocks of stimuli, and write nothing to the cache.

    Reducers that need one block at a time use it inside :func:`compute_latents`, so that the latents of a whole layer
    are neither in memory nor on the disk.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet

    Yields
    ------
    latents : xarray.DataArray, dimensions (stimulus, unit)
        Blocks of the cached latents if the cache has them; otherwise the batches of a model with ``latent_batches``,
        as the model computes them; otherwise blocks of the model's latents. The values are the same.
    """
    path = cached_path(model, stimuli)
    cached = None if path is None else _read(path)
    if cached is not None:
        yield from row_blocks(cached)
    elif isinstance(model, Batched):
        yield from model.latent_batches(stimuli)
    else:
        yield from row_blocks(compute_latents(model, stimuli))


def cached_path(model: Model, stimuli: StimulusSet) -> Path | None:
    """Return the file of the latents of a model in the cache, which may not exist yet.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet

    Returns
    -------
    Path or None
        None for a model without a fingerprint, or inside a computation without the cache.
    """
    fingerprint = fingerprint_of(model) if _allowed.get() else None
    if fingerprint is None:
        return None
    return _path(fingerprint, stimuli)


def read_cached_latents(fingerprint: str, stimuli: StimulusSet) -> xr.DataArray | None:
    """Return the latents of a model from the cache, without the model.

    Parameters
    ----------
    fingerprint : str
        Fingerprint of the model.
    stimuli : StimulusSet

    Returns
    -------
    latents or None
        None if the cache does not have them.
    """
    return _read(_path(fingerprint, stimuli))


def _path(fingerprint: str, stimuli: StimulusSet) -> Path:
    key = digest(FORMAT, fingerprint, stimuli.content_hash, stimuli.landmarks_hash)
    return latents_folder() / f"{key}.nc"


def _compute(model: Model, stimuli: StimulusSet, path: Path | None) -> xr.DataArray:
    if not isinstance(model, Batched):
        computed = model.latents(stimuli)
        if isinstance(computed, pd.DataFrame) or (
            isinstance(computed, xr.DataArray) and not _is_plain(computed)
        ):
            computed = as_latents(computed)
        computed = validate_latents(computed)
        file = _lasting(model, path)
        if file is not None:
            with optional_writing():
                save_latents(file, computed)
        return computed
    made = model.latent_batches(stimuli)
    if not isinstance(made, Iterable):
        raise ModelError(
            f"latent_batches of {model.identifier} must yield arrays of latents, got {type(made).__name__}"
        )
    yielded = iter(made)
    first = list(islice(yielded, 1))
    file = _lasting(model, path)
    gathered = gather_latents(chain(first, yielded), stimuli.ids, path=file)
    if file is not None and _lasting(model, file) is None:
        # Random numbers for some images only are found late. Latents larger than memory need the file until then.
        weakref.finalize(gathered, file.unlink, missing_ok=True)
    return gathered


def _is_plain(latents: xr.DataArray) -> bool:
    """Return whether latents have all their labels, so that their attributes and files stay as they are."""
    return latents.dims == ("stimulus", "unit") and {"stimulus", "unit", "informative"} <= set(latents.coords)


def _lasting(model: Model, path: Path | None) -> Path | None:
    """Return the file for the latents; None if the model found out while it ran that it draws random numbers."""
    return None if fingerprint_of(model) is None else path


def _read(path: Path) -> xr.DataArray | None:
    if not path.is_file():
        return None
    try:
        return read_latents(path)
    except FileNotFoundError:
        return None  # another command has just cleared the cache
    except (OSError, ValueError, KeyError, ArrayError) as error:
        warnings.warn(f"ignored unreadable cached latents {path}: {error}", NeuroalignWarning, stacklevel=2)
        return None
