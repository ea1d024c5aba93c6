"""Decoding of novel stimuli: can each latent be read off one neuron?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmark import Benchmark, self_pairs
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ModelError, UsageError
from neuroalign.metrics import match_one_to_one
from neuroalign.metrics.inputs import constant_columns
from neuroalign.models import Model
from neuroalign.resampling import Resampling, Statistic
from neuroalign.scores import Score, standard_error


@dataclass(frozen=True, kw_only=True)
class Decoding(Benchmark):
    """Cosine distance between the latents of held-out stimuli and their prediction from matched neurons.

    Each informative unit gets a neuron of its own, by their correlation over the other stimuli, and is predicted by
    regression on that neuron alone. The score is the mean over held-out stimuli of the cosine distance between
    predicted and real latents, both standardised: 0 is perfect, 1 is chance.

    Parameters
    ----------
    absolute : bool
        Whether a negative correlation is as good as a positive one in the matching.
    held_out : float
        Share of the stimuli that is held out, at random, where the dataset marks none.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may be matched with itself.
    n_permutations : int
        Shuffles of the held-out stimuli behind the chance level.
    seed : int
        Of the random split and the shuffles.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Decoding novel faces from single neurons".
    """

    identifier: ClassVar[str] = "decoding"
    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = False

    absolute: bool = False
    held_out: float = 0.1
    self_pairs: Literal["exclude", "include"] = "exclude"
    n_permutations: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.held_out < 1:
            raise UsageError(f"held_out must be between 0 and 1, not {self.held_out}")

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Match units and neurons, then decode the held-out stimuli."""
        latents, responses = self.align(model, dataset, join=join)
        held_out, is_marked = self._held_out(dataset, responses["stimulus"].values)
        informative = latents["informative"].values
        if not informative.any():
            raise ModelError(f"{model.identifier} has no informative unit, so there is nothing to decode")
        units, unit_mean, unit_deviation = _standardise(latents.values[:, informative], ~held_out)
        neurons, _, _ = _standardise(responses.values, ~held_out)
        pairs = self_pairs(latents, responses, dataset)
        # Indices among the informative units only.
        among_informative = np.append(np.where(informative, np.cumsum(informative) - 1, -1), -1)[pairs]
        matched = match_one_to_one(
            units[~held_out],
            neurons[~held_out],
            absolute=self.absolute,
            exclude=among_informative if self.self_pairs == "exclude" else None,
        )
        predicted = matched.correlation * neurons[np.ix_(held_out, matched.neuron)]
        real = units[held_out]
        distance = _cosine_distance(predicted, real)
        rng = np.random.default_rng(self.seed)
        shuffled = [
            np.nanmean(_cosine_distance(predicted[rng.permutation(len(real))], real))
            for _ in range(self.n_permutations)
        ]
        unstandardised = np.tile(latents.values[~held_out].mean(axis=0), (len(real), 1))
        unstandardised[:, informative] = predicted * unit_deviation + unit_mean
        data = xr.Dataset(
            {
                "cosine_distance": ("stimulus", distance),
                "predicted_latents": (("stimulus", "unit"), unstandardised),
                "correlation": ("matched_unit", matched.correlation),
                "matched_neuroid": ("matched_unit", responses["neuroid"].values[matched.neuron]),
            },
            coords={
                "stimulus": responses["stimulus"].values[held_out],
                "unit": latents["unit"].values,
                "matched_unit": latents["unit"].values[informative],
            },
        )
        notes = [f"{len(real)} stimuli decoded"]
        if not is_marked:
            marked = dataset.stimuli.held_out()
            why = (
                "there are no latents and responses of the held-out stimuli that the dataset marks"
                if marked is not None and len(marked)
                else "the dataset marks no held-out stimuli"
            )
            notes.append(f"{why}: a model fitted to its images has seen these")
        return self.make_score(
            model,
            dataset,
            value=float(np.nanmean(distance)),
            error=standard_error(distance),
            error_over="stimuli",
            null=float(np.mean(shuffled)) if shuffled else float("nan"),
            beside={"median r of matched pairs": float(np.median(matched.correlation))},
            data=data,
            notes=notes,
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                "n_held_out": int(held_out.sum()),
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The mean cosine distance, 0 for a perfect model."""
        return (Statistic("value", "decoding distance", higher_is_better=False, perfect=0.0),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Say why neurons cannot be drawn: each unit has a neuron of its own."""
        chosen = self.find_statistic(statistic)
        if chosen.identifier != "value":
            return super().resampling(statistic, scores)
        return Resampling(
            chosen,
            reason="decoding matches each unit with one neuron, so drawn neurons need a new matching",
        )

    def _held_out(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> tuple[NDArray[np.bool_], bool]:
        """Return which stimuli are held out, and whether it is the dataset that says so."""
        marked = dataset.stimuli.held_out()
        chosen = np.zeros(len(stimuli), dtype=bool) if marked is None else np.isin(stimuli, marked.ids)
        is_marked = bool(chosen.any())
        if not is_marked:
            n_held_out = round(self.held_out * len(stimuli))
            chosen[np.random.default_rng(self.seed).permutation(len(stimuli))[:n_held_out]] = True
        if chosen.sum() < 2 or (~chosen).sum() < 3:
            raise UsageError(
                f"decoding needs two held-out stimuli and three others at least, not {int(chosen.sum())} and "
                f"{int((~chosen).sum())}; mark others in the dataset, or where none are marked choose another held_out"
            )
        return chosen, is_marked


def reconstruct(model: Model, score: Score) -> NDArray[np.float32]:
    """Decode the held-out stimuli's images from the latents that matched neurons predict.

    Parameters
    ----------
    model : Model
        With a decoder.
    score : Score
        Of this model by :class:`Decoding`.

    Returns
    -------
    array of float32 in [0, 1], shape (n_held_out, height, width)
        In the order of ``score.data["stimulus"]``; uninformative units are at their mean.

    Raises
    ------
    ModelError
        If the model has no decoder.
    """
    if not hasattr(model, "decode"):
        raise ModelError(f"{model.identifier} has no decoder, so it cannot reconstruct images")
    images: NDArray[np.float32] = model.decode(score.data["predicted_latents"])
    return images


def _standardise(
    values: NDArray[np.float64], rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Standardise all rows by the mean and deviation (ddof 0) of some; return those, too."""
    mean, deviation = values[rows].mean(axis=0), values[rows].std(axis=0)
    # A constant that differs from itself in the last bits has no deviation to divide by, and no correlation.
    constant = constant_columns(values[rows])
    deviation = np.where(constant, 1.0, deviation)
    standardised = (values - mean) / deviation
    standardised[np.ix_(rows, constant)] = 0.0
    return standardised, mean, deviation


def _cosine_distance(predicted: NDArray[np.float64], real: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 - cosine of each row, (n,); NaN for a row of zeros."""
    norms = np.linalg.norm(predicted, axis=1) * np.linalg.norm(real, axis=1)
    return 1.0 - np.where(norms > 0, (predicted * real).sum(axis=1) / np.where(norms > 0, norms, 1.0), np.nan)
