"""A third party's package: one model, one dataset and one benchmark."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

import neuroalign as na
from neuroalign import arrays


def brightness(*, power: float = 1.0) -> na.Model:
    """Mean brightness of the left and the right half."""
    return na.as_model(
        lambda pixels: (
            np.stack([pixels[:, :, :4].mean((1, 2)), pixels[:, :, 4:].mean((1, 2))], axis=1) ** power
        ),
        identifier="plugin_brightness",
        image_size=8,
    )


def recording() -> na.Dataset:
    """Two neurons that follow the halves of forty random images."""
    rng = np.random.default_rng(0)
    ids = [f"image{index:02d}" for index in range(40)]
    halves = rng.random((40, 2))
    pixels = np.repeat(halves[:, None, :], 8, axis=1).repeat(4, axis=2)
    images = {each: np.rint(255 * pixel).astype(np.uint8) for each, pixel in zip(ids, pixels, strict=True)}
    stimuli = na.StimulusSet("plugin_images", pd.DataFrame(index=ids), images)
    return na.Dataset(
        identifier="plugin_recording",
        recording=arrays.recording(10 * halves, stimulus_id=ids, neuroid_id=["left", "right"]),
        stimuli=stimuli,
    )


@dataclass(frozen=True, kw_only=True)
class BestCorrelation(na.Benchmark):
    """Mean over neurons of the best unit's correlation."""

    identifier: ClassVar[str] = "plugin_best_correlation"
    absolute: bool = True

    def score(self, model: na.Model, dataset: na.Dataset, *, join: arrays.Join = "exact") -> na.Score:
        latents, responses = self.align(model, dataset, join=join)
        matrix = np.corrcoef(latents.values.T, responses.values.T)[: latents.shape[1], latents.shape[1] :]
        best = (np.abs(matrix) if self.absolute else matrix).max(axis=0)
        return self.make_score(
            model, dataset, value=float(best.mean()), error=float("nan"), error_over="neurons"
        )
