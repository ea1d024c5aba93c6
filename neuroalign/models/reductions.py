"""Records of reductions that were fitted to latents: training stimuli, seeds and numbers of the fit.

The records travel with the latents, also through the cache, and end in the provenance of every score.
"""

import json
from collections.abc import Mapping
from typing import Any

import xarray as xr

#: Attribute of latents with the records, as JSON.
ATTRIBUTE = "reductions"
#: Entry of a record with a sentence that becomes a note of the scores, and not part of the provenance.
NOTE = "note"


def reductions_of(latents: xr.DataArray) -> list[dict[str, Any]]:
    """Return the records of the reductions of some latents, in the order in which they were applied.

    Parameters
    ----------
    latents : xarray.DataArray
        Latents with or without the attribute ``reductions``.

    Returns
    -------
    list of dict
        One record for each reduction: its ``reducer`` and its numbers, without notes.
    """
    return [{key: value for key, value in record.items() if key != NOTE} for record in _records(latents)]


def notes_on_reductions(latents: xr.DataArray) -> list[str]:
    """Return the notes in the records of some latents."""
    return [str(record[NOTE]) for record in _records(latents) if record.get(NOTE)]


def add_reduction(before: xr.DataArray, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of reduced latents: the records of the latents before, and one more.

    Parameters
    ----------
    before : xarray.DataArray
        Latents before the reduction.
    record : mapping of str to JSON value
        The ``reducer``, its numbers, and perhaps a ``note``.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign import arrays
    >>> wide = arrays.latents(np.eye(3), stimulus=["a", "b", "c"])
    >>> attrs = add_reduction(wide, {"reducer": "pca", "n": 2, "note": "fitted to all stimuli"})
    >>> narrow = arrays.latents(np.eye(3)[:, :2], stimulus=["a", "b", "c"], attrs=attrs)
    >>> reductions_of(narrow)
    [{'reducer': 'pca', 'n': 2}]
    >>> notes_on_reductions(narrow)
    ['fitted to all stimuli']
    """
    return {ATTRIBUTE: json.dumps([*_records(before), dict(record)])}


def _records(latents: xr.DataArray) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(latents.attrs.get(ATTRIBUTE, "[]"))
    return records
