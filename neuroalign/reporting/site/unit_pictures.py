"""Pictures of units on the page of a model: the stimuli with their lowest and highest values."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import DatasetError
from neuroalign.models.latents_cache import read_cached_latents
from neuroalign.reporting.site.stimulus_pictures import as_address, small_copy
from neuroalign.results.store import ResultsStore

#: Units on a page, and stimuli at each end of a unit.
MOST, N_ENDS = 6, 4

# Side of one stimulus, and gap between two stimuli, in pixels.
_SIDE, _GAP = 96, 4
_GREY = (128, 128, 128)


class UnitPictures:
    """Pictures of units from cached latents. No model is loaded: its name may come from a record of a stranger.

    Parameters
    ----------
    dataset : Dataset
        Dataset with images that may be shown.
    store : ResultsStore
        Store with the arrays of the scores.
    """

    def __init__(self, dataset: Dataset, store: ResultsStore) -> None:
        self._dataset, self._store = dataset, store
        self._recorded = np.unique(dataset.recording["stimulus_id"].values.astype(str))
        self._copy = cache(lambda stimulus_id: small_copy(dataset, stimulus_id, _SIDE))

    def show(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """Lay out pictures of a few units of a model.

        Parameters
        ----------
        model : mapping
            Model of :func:`neuroalign.reporting.site.contents.collect_families`.

        Returns
        -------
        dict or None
            ``pictures``, each with ``unit`` and its ``ends``, which have ``address`` (a data URI) and ``description``,
            and ``note``. None where the
            cache has no latents of the model, or an image cannot be read.
        """
        latents = self._latents(model)
        if latents is None:
            return None
        weights = self._weights(model)
        names = latents["unit"].values.astype(str).tolist()
        places = [names.index(unit) for unit in weights if unit in names][:MOST]
        chosen = "with the largest weights"
        if not places:
            places = np.flatnonzero(latents["informative"].values)[:MOST].tolist()
            chosen = "in the model’s order"
        recorded = latents.isel(unit=places).sel(stimulus=self._recorded)
        try:
            pictures = [self._picture(recorded[:, place]) for place in range(len(places))]
        except DatasetError:
            return None  # the page of the dataset says why
        return {
            "pictures": pictures,
            "note": f"The {len(pictures)} of {len(names)} units {chosen}. In each row, the {N_ENDS} stimuli with the "
            f"lowest values are on the left and the {N_ENDS} with the highest values on the right.",
        }

    def _latents(self, model: Mapping[str, Any]) -> xr.DataArray | None:
        first, *others = (
            score.provenance.get("model_fingerprint") for _, score, _ in model["scores"].values()
        )
        # The scores may be of two versions of the model.
        if not isinstance(first, str) or any(other != first for other in others):
            return None
        latents = read_cached_latents(first, self._dataset.stimuli)
        if latents is None or not np.isin(self._recorded, latents["stimulus"].values.astype(str)).all():
            return None
        return latents

    def _weights(self, model: Mapping[str, Any]) -> list[str]:
        """Return the units with weights, the largest sum over neurons first, from the first score that has weights."""
        for key, _, _ in model["scores"].values():
            loaded = self._store.load(key)
            if loaded is None or "weights" not in loaded.data:
                continue
            weights = loaded.data["weights"]
            if weights.dims == ("unit", "neuroid") and "unit" in weights.coords:
                summed = np.nan_to_num(np.abs(weights.values)).sum(axis=1)
                order = np.argsort(-summed, kind="stable")
                return [str(weights["unit"].values[place]) for place in order if summed[place] > 0]
        return []

    def _picture(self, values: xr.DataArray) -> dict[str, Any]:
        """Draw the stimuli with the lowest and with the highest values of a unit."""
        order = np.argsort(values.values, kind="stable")
        ids = values["stimulus"].values.astype(str)[order].tolist()
        n_low, n_high = min(N_ENDS, len(ids) // 2), min(N_ENDS, len(ids) - len(ids) // 2)
        ends = {"lowest": ids[:n_low], "highest": ids[-n_high:]}
        unit = str(values["unit"].item())
        return {
            "unit": unit,
            "ends": [
                {
                    "address": as_address(self._strip(shown)),
                    "description": f"stimuli with the {end} values of unit {unit}: {', '.join(shown)}",
                }
                for end, shown in ends.items()
                if shown
            ],
        }

    def _strip(self, ids: Sequence[str]) -> Image.Image:
        """Draw stimuli side by side."""
        step = _SIDE + _GAP
        strip = Image.new("RGB", (len(ids) * step - _GAP, _SIDE), _GREY)
        for place, stimulus_id in enumerate(ids):
            copy = self._copy(stimulus_id)
            strip.paste(copy, (place * step + (_SIDE - copy.width) // 2, (_SIDE - copy.height) // 2))
        return strip
