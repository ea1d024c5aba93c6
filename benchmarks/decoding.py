"""Decoding of novel stimuli: can each latent be read off one neuron?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.turned_control import check_turns, regenerate
from neuroalign.benchmarks.turned_distances import TurnedDistances
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ModelError, UsageError
from neuroalign.metrics import match_one_to_one
from neuroalign.metrics.inputs import constant_columns
from neuroalign.models.model import Decodes, Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark, Invariance, Need, self_pairs
from neuroalign.scoring.chance import can_shuffle, notes_on_shuffles
from neuroalign.scoring.declared import AXIS_NUMBERS, INFORMATIVE_UNITS, PREDICTION_NUMBERS
from neuroalign.scoring.resampling import AXIS_INDEX, Resampling, Statistic
from neuroalign.stats import grouped_standard_error, permute_stimuli
from neuroalign.stats.standard_errors import standard_error

#: Fewer held-out stimuli, or originals, are refused, and below the second number a note doubts the score.
MIN_HELD_OUT, FEW_HELD_OUT = 3, 10


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
        Share of the stimuli that is held out, at random, where the dataset marks none; of the originals where stimuli
        are variants. No original has stimuli on both sides.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may be matched with itself.
    turns : int
        Random turns of the neurons' tuning behind the axis index; 0 for a score without it. See
        :func:`neuroalign.metrics.turned_tuning`.
    predictive_power : bool
        Whether to compute the variance explained, and the neurons that are predicted above chance, beside the score.
    n_permutations : int
        Shuffles of the held-out stimuli behind the chance level.
    seed : int
        Seed of the random split, of the turns and of the shuffles.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Decoding novel faces from single neurons".
    """

    identifier: ClassVar[str] = "decoding"
    version: ClassVar[int] = 2
    higher_is_better: ClassVar[bool] = False
    numbers: ClassVar[tuple[Number, ...]] = (
        *AXIS_NUMBERS,
        *PREDICTION_NUMBERS,
        INFORMATIVE_UNITS,
        Number("median_r_of_matched_pairs", "median r of matched units and neurons", "median r\nof pairs"),
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"held-out stimuli"})
    control: ClassVar[str] = AXIS_INDEX
    seconds: ClassVar[float] = 0.9
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "scale of units"}
    )
    asks_about_single_units: ClassVar[bool] = True
    depends_on_n_units: ClassVar[bool] = True

    absolute: bool = False
    held_out: float = 0.1
    self_pairs: Literal["exclude", "include"] = "exclude"
    turns: int = 20
    predictive_power: bool = True
    n_permutations: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.held_out < 1:
            raise UsageError(f"held_out must be between 0 and 1, not {self.held_out}")
        check_turns(self.turns)

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Match units and neurons, then decode the held-out stimuli."""
        latents, responses = self.align(model, dataset, join=join)
        stimuli = responses["stimulus"].values
        split = self._split(dataset, stimuli)
        fitted, held_out = split.fitted, split.held_out
        originals, decoded = (
            dataset.stimuli.originals(stimuli[rows]) for rows in (fitted | held_out, held_out)
        )
        informative = latents["informative"].values
        if not informative.any():
            raise ModelError(f"{model.identifier} has no informative unit, so there is nothing to decode")
        units, unit_mean, unit_deviation = _standardise(latents.values[:, informative], fitted)
        neurons, _, _ = _standardise(responses.values, fitted)
        pairs = self_pairs(latents, responses, dataset)
        # Indices among the informative units only.
        among_informative = np.append(np.where(informative, np.cumsum(informative) - 1, -1), -1)[pairs]
        matched = match_one_to_one(
            units[fitted],
            neurons[fitted],
            absolute=self.absolute,
            exclude=among_informative if self.self_pairs == "exclude" else None,
        )
        predicted = matched.correlation * neurons[np.ix_(held_out, matched.neuron)]
        real = units[held_out]
        distance = _cosine_distance(predicted, real)
        rng = np.random.default_rng(self.seed)
        shuffled = [
            np.nanmean(_cosine_distance(predicted[permute_stimuli(decoded.labels, rng)], real))
            for _ in range(self.n_permutations if can_shuffle(decoded) else 0)
        ]
        turned = self._turned(latents, responses, dataset, split, units)
        power = predict(latents, responses, dataset) if self.predictive_power else NO_POWER
        unstandardised = np.tile(latents.values[fitted].mean(axis=0), (len(real), 1))
        unstandardised[:, informative] = predicted * unit_deviation + unit_mean
        data = xr.Dataset(
            {
                **power.variables,
                **turned.variables(stimuli[held_out]),
                "cosine_distance": ("stimulus", distance),
                "predicted_latents": (("stimulus", "unit"), unstandardised),
                "correlation": ("matched_unit", matched.correlation),
                "matched_neuroid": ("matched_unit", responses["neuroid"].values[matched.neuron]),
            },
            coords={
                "stimulus": responses["stimulus"].values[held_out],
                "unit": latents["unit"].values,
                "matched_unit": latents["unit"].values[informative],
                "neuroid": responses["neuroid"].values,
            },
        )
        notes = [f"{len(real)} stimuli decoded", *turned.notes, *power.notes]
        if decoded.n < FEW_HELD_OUT:
            what = "originals" if decoded.has_variants else "stimuli"
            notes.append(f"only {decoded.n} {what}: the distance is unreliable")
        if split.n_left_out:
            notes.append(
                f"{split.n_left_out} held-out stimuli are variants of stimuli that models are fitted to: left out"
            )
        notes += originals.notes("fit and held-out stimuli")
        notes += notes_on_shuffles(decoded) if self.n_permutations else []
        if not split.is_marked:
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
            error=grouped_standard_error(distance, decoded.labels)
            if decoded.has_variants
            else standard_error(distance),
            error_over="originals" if decoded.has_variants else "stimuli",
            null=float(np.mean(shuffled)) if shuffled else float("nan"),
            beside={
                "informative_units": int(informative.sum()),
                "median_r_of_matched_pairs": float(np.median(matched.correlation)),
                **turned.beside(decoded.labels, self.seed),
                **power.beside,
            },
            data=data,
            notes=notes,
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **dataset.stimuli.originals(stimuli).provenance,
                "n_held_out": int(held_out.sum()),
                **({"n_held_out_originals": decoded.n} if decoded.has_variants else {}),
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The axis index of the distance, and the mean cosine distance, 0 for a perfect model."""
        by_value = (Statistic("value", "decoding distance", higher_is_better=False, perfect=0.0),)
        return (Statistic("axis_index", "axis index of decoding"), *by_value) if self.turns else by_value

    def _turned(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        split: "_Split",
        units: NDArray[np.float64],
    ) -> TurnedDistances:
        """Decode the held-out stimuli from the regenerated neurons."""
        control = regenerate(latents, responses, dataset, n_turns=self.turns, seed=self.seed)
        if control is None or control.neurons.size < units.shape[1]:
            return TurnedDistances(None, self.turns > 0)
        distances = []
        for regenerated in control.sets():
            neurons, _, _ = _standardise(regenerated, split.fitted)
            matched = match_one_to_one(units[split.fitted], neurons[split.fitted], absolute=self.absolute)
            predicted = matched.correlation * neurons[np.ix_(split.held_out, matched.neuron)]
            distances.append(_cosine_distance(predicted, units[split.held_out]))
        return TurnedDistances(np.array(distances), self.turns > 0)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Say why neurons cannot be drawn: each unit has a neuron of its own."""
        chosen = self.find_statistic(statistic)
        return replace(
            super().resampling(chosen.identifier),
            reason="decoding matches each unit with one neuron, so drawn neurons need a new matching",
        )

    def _split(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> "_Split":
        """Split the stimuli so that no original has some on both sides."""
        marked = dataset.stimuli.held_out()
        chosen = np.zeros(len(stimuli), dtype=bool) if marked is None else np.isin(stimuli, marked.ids)
        is_marked = bool(chosen.any())
        held_out = chosen
        if is_marked:
            held_out = chosen & ~_has_fitted_variant(dataset, stimuli, chosen)
        else:
            groups = dataset.stimuli.groups(stimuli)
            n_originals = int(groups.max()) + 1
            order = np.random.default_rng(self.seed).permutation(n_originals)
            held_out = chosen = np.isin(groups, order[: round(self.held_out * n_originals)])
        n_left_out = int((chosen & ~held_out).sum())
        decoded = dataset.stimuli.originals(stimuli[held_out])
        if decoded.n < MIN_HELD_OUT or (~chosen).sum() < 3:
            what = "originals" if decoded.has_variants or n_left_out else "stimuli"
            left_out = (
                f" ({n_left_out} others are variants of stimuli that models are fitted to: mark whole originals)"
                if n_left_out
                else ""
            )
            raise UsageError(
                f"decoding needs three held-out {what} and three other stimuli at least, not {decoded.n} and "
                f"{int((~chosen).sum())}{left_out}; mark others in the dataset, or where none are marked choose "
                "another held_out"
            )
        return _Split(~chosen, held_out, is_marked, n_left_out)


@dataclass(frozen=True, eq=False)
class _Split:
    """Stimuli to fit and to decode; those in neither have variants on both sides."""

    fitted: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    #: Whether the dataset marks the held-out stimuli.
    is_marked: bool
    #: Number of marked stimuli that are not decoded.
    n_left_out: int


def _has_fitted_variant(
    dataset: Dataset, stimuli: NDArray[np.str_], held_out: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which recorded stimuli share their original with a training stimulus or one that is not held out."""
    everything = dataset.stimuli.ids
    groups = dataset.stimuli.groups(everything)
    # A model may be trained on variants that were not recorded.
    fitted = np.isin(everything, dataset.stimuli.training().ids) | np.isin(everything, stimuli[~held_out])
    leaks = np.isin(groups, groups[fitted])
    return np.isin(stimuli, everything[leaks])


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
    if not isinstance(model, Decodes):
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
