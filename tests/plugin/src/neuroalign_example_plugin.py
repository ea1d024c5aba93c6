"""Example of a third party's package: models, datasets and a benchmark that declares everything the core shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

import neuroalign as na
from neuroalign import arrays
from neuroalign.arrays import Join
from neuroalign.errors import ArrayError
from neuroalign.metrics import correlations
from neuroalign.results.numbers import Number
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic


def brightness(*, power: float = 1.0) -> na.Model:
    """Mean brightness of the left and the right half."""
    return na.as_model(
        lambda pixels: _halves(pixels) ** power,
        identifier="plugin_brightness",
        image_size=8,
    )


class Filters(na.ModelFamily):
    """Random linear filters: one instance for each seed."""

    identifier = "plugin_filters"

    def grid(self, dataset: na.Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return four seeds."""
        return [{"seed": seed} for seed in range(4)]

    def instance(self, dataset: na.Dataset | None = None, **options: Any) -> na.Model:
        """Return the filters of one seed."""
        seed = int(options["seed"])
        filters = np.random.default_rng(seed).standard_normal((64, 3))
        return na.as_model(
            lambda pixels: pixels.reshape(len(pixels), -1) @ filters,
            identifier=self.instance_identifier(seed=seed),
            image_size=8,
            fingerprint=f"plugin_filters 1 {seed}",
        )


class Painter:
    """Two mixtures of the brightness of both halves, and the images that they stand for."""

    def __init__(self, identifier: str, mixing: float, seed: int) -> None:
        self.identifier = identifier
        self.fingerprint = f"{identifier} 1"
        self._mixture = np.eye(2) + mixing * np.random.default_rng(seed).standard_normal((2, 2))

    def latents(self, stimuli: na.StimulusSet) -> xr.DataArray:
        """Mix the brightness of both halves of each image."""
        return arrays.latents(
            _halves(stimuli.pixels(8)) @ self._mixture,
            stimulus=stimuli.ids,
            unit=["first", "second"],
            kl=[2.0, 1.0],
        )

    def decode(self, latents: xr.DataArray) -> np.ndarray:
        """Paint both halves."""
        halves = np.clip(latents.values @ np.linalg.inv(self._mixture), 0, 1)
        return _paint(halves).astype(np.float32)


class Painters(na.ModelFamily):
    """Models with a decoder: one instance for each seed."""

    identifier = "plugin_painters"
    mixing = 0.3

    def grid(self, dataset: na.Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return three seeds."""
        return [{"seed": seed} for seed in range(3)]

    def instance(self, dataset: na.Dataset | None = None, **options: Any) -> Painter:
        """Return the painter of one seed."""
        seed = int(options["seed"])
        return Painter(self.instance_identifier(seed=seed), self.mixing, seed)


class Bound(Painters):
    """Painters that hardly mix, as a ceiling of other models."""

    identifier = "plugin_bound"
    mixing = 0.05
    is_ceiling = True


def recording() -> na.Dataset:
    """Two neurons that follow the halves of forty random images."""
    ids, halves, stimuli = _stimuli()
    return na.Dataset(
        identifier="plugin_recording",
        recording=arrays.recording(10 * halves, stimulus_id=ids, neuroid_id=["left", "right"]),
        stimuli=stimuli,
    )


def population() -> na.Dataset:
    """Twelve noisy neurons that follow one half each, in three trials."""
    ids, halves, stimuli = _stimuli()
    rng = np.random.default_rng(1)
    values = np.repeat(halves[:, np.arange(12) % 2], 3, axis=0)
    return na.Dataset(
        identifier="plugin_population",
        recording=arrays.recording(
            values + 0.2 * rng.standard_normal(values.shape),
            stimulus_id=np.repeat(ids, 3),
            neuroid_id=[f"neuron{index:02d}" for index in range(12)],
        ),
        stimuli=stimuli,
    )


def _stimuli() -> tuple[list[str], np.ndarray, na.StimulusSet]:
    """Return ids and brightness of the halves of forty random images, and the images."""
    rng = np.random.default_rng(0)
    ids = [f"image{index:02d}" for index in range(40)]
    halves = rng.random((40, 2))
    pixels = np.rint(255 * _paint(halves)).astype(np.uint8)
    images = dict(zip(ids, pixels, strict=True))
    return ids, halves, na.StimulusSet("plugin_images", pd.DataFrame(index=ids), images)


def _paint(halves: np.ndarray) -> np.ndarray:
    """Return images of 8 × 8 pixels with halves of these brightnesses."""
    return np.repeat(halves[:, None, :], 8, axis=1).repeat(4, axis=2)


def _halves(pixels: np.ndarray) -> np.ndarray:
    """Return the brightness of the left and of the right half of each image."""
    return np.stack([pixels[:, :, :4].mean((1, 2)), pixels[:, :, 4:].mean((1, 2))], axis=1)


@dataclass(frozen=True, kw_only=True)
class BestCorrelation(na.Benchmark):
    """Mean over neurons of the best unit's correlation."""

    identifier: ClassVar[str] = "plugin_best_correlation"
    symbol: ClassVar[str] = "best r"
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("plugin_worst", "correlation of the worst neuron", "worst\nneuron"),
    )
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "weights": ("unit", "neuroid"),
        "predicted_latents": ("stimulus", "unit"),
    }
    seconds: ClassVar[float] = 7_200.0
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "order of units", "scale of units"}
    )

    absolute: bool = True

    def score(self, model: na.Model, dataset: na.Dataset, *, join: Join = "exact") -> na.Score:
        """Correlate every unit with every neuron, and average the best."""
        latents, responses = self.align(model, dataset, join=join)
        if responses.sizes["stimulus"] < 3:
            raise ArrayError(
                f"{self.identifier} needs three stimuli, got {responses.sizes['stimulus']}; record more"
            )
        matrix = np.nan_to_num(correlations(latents.values, responses.values))
        best = (np.abs(matrix) if self.absolute else matrix).max(axis=0)
        return self.make_score(
            model,
            dataset,
            value=float(best.mean()),
            error=float(best.std(ddof=1) / np.sqrt(best.size)),
            error_over="neurons",
            beside={"plugin_worst": float(best.min())},
            data=xr.Dataset(
                {
                    "plugin_best_correlation": ("neuroid", best),
                    "weights": (("unit", "neuroid"), matrix),
                    "predicted_latents": (("stimulus", "unit"), latents.values[:10]),
                },
                coords={
                    "stimulus": latents["stimulus"].values[:10],
                    "unit": latents["unit"].values,
                    "neuroid": responses["neuroid"].values,
                    "informative": ("unit", latents["informative"].values),
                },
            ),
            provenance={"n_stimuli": responses.sizes["stimulus"], "n_neurons": best.size},
        )

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The mean over neurons."""
        return (Statistic("value", "best r"),)

    def resampling(self, statistic: str = "", scores: Sequence[na.Score] = ()) -> Resampling:
        """Resample the mean over neurons from the correlations of a score."""
        return Resampling(
            self.find_statistic(statistic),
            from_score=lambda score: NeuronStatistic.weighted_mean(
                score.data["neuroid"].values, score.data["plugin_best_correlation"].values
            ),
            reason="plugin_best_correlation is not computed for drawn stimuli",
        )
