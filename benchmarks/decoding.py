"""Decoding of held-out stimuli from single neurons, one neuron for each unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.held_out_split import HeldOutSplit, held_out_groups, split_held_out
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.turned_control import check_turns, regenerate
from neuroalign.benchmarks.turned_distances import TurnedDistances
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.variants import Originals
from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.metrics import cosine_distance, decode_held_out
from neuroalign.models.model import Decodes, Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.declarations import Invariance, Need
from neuroalign.scoring.declared import AXIS_NUMBERS, INFORMATIVE_UNITS, PREDICTION_NUMBERS
from neuroalign.scoring.folded import FOLD_NUMBERS, FoldedBenchmark
from neuroalign.scoring.folds import Tiers, find_groups, parse_folds
from neuroalign.scoring.resampling import AXIS_INDEX, Resampling, Statistic
from neuroalign.stats import grouped_standard_error
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative

#: A note says that the distance is unreliable where fewer held-out stimuli, or originals, are decoded.
FEW_HELD_OUT = 10


@dataclass(frozen=True, kw_only=True)
class Decoding(FoldedBenchmark):
    """Cosine distance between the latents of held-out stimuli and their prediction from matched neurons.

    Each informative unit is matched with one neuron of its own, by their correlation over the other stimuli, and is
    predicted by regression on this neuron alone. The score is the mean over held-out stimuli of the cosine distance
    between predicted and actual latents, both standardised: 0 is perfect, 1 is chance. See
    :func:`neuroalign.metrics.decode_held_out`.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`. "random" takes the marks of the dataset, or a random
        share. "group:COLUMN" holds out whole groups, the share `held_out` of the groups, one at least.
        "split:COLUMN" fits the training tier and decodes the test tiers.
    absolute : bool
        Whether a negative correlation is as good as a positive one in the matching.
    held_out : float
        Share of the stimuli (or of the originals, where stimuli are variants) that is held out at random where the
        dataset marks no stimuli as held out. No original has stimuli on both sides.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may be matched with itself.
    turns : int
        Number of random turns of the neurons' tuning behind the axis index; 0 for a score without the index. See
        :func:`neuroalign.metrics.turned_tuning`.
    predictive_power : bool
        Whether to compute the variance explained and the number of neurons that are predicted above chance.
    n_permutations : int
        Number of shuffles of the held-out stimuli behind the chance level.
    seed : int
        Seed of the random split, of the turns and of the shuffles.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Decoding novel faces from single neurons".
    """

    identifier: ClassVar[str] = "decoding"
    question: ClassVar[str] = "Can each unit of the model be decoded from one neuron of its own?"
    advice: ClassVar[str] = (
        "Take it for models with fewer units than neurons, on recordings with held-out stimuli. A model with "
        "a decoder also shows the reconstructed images."
    )
    score_by_chance: ClassVar[str] = "printed with the score; κ is 0"
    bounds: ClassVar[tuple[float, float]] = (0.0, 2.0)
    version: ClassVar[int] = 2
    # Version 2 added the axis index and the predictive power beside the distance.
    recomputes_since: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = False
    numbers: ClassVar[tuple[Number, ...]] = (
        *AXIS_NUMBERS,
        *PREDICTION_NUMBERS,
        INFORMATIVE_UNITS,
        Number("median_r_of_matched_pairs", "median r of matched units and neurons", "median r\nof pairs"),
        *FOLD_NUMBERS,
    )
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {"predicted_latents": ("stimulus", "unit")}
    needs: ClassVar[frozenset[Need]] = frozenset({"held-out stimuli"})
    control: ClassVar[str] = AXIS_INDEX
    seconds: ClassVar[float] = 0.9
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "scale of units", "constant units"}
    )
    asks_about_single_units: ClassVar[bool] = True
    depends_on_n_units: ClassVar[bool] = True

    absolute: bool = False
    held_out: float = 0.1
    self_pairs: Literal["exclude", "include"] = "exclude"
    turns: NonNegative = 20
    predictive_power: bool = True
    n_permutations: NonNegative = 100
    seed: NonNegative = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.held_out < 1:
            raise UsageError(f"held_out must be between 0 and 1, got {self.held_out}")
        check_turns(self.turns)

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Match units and neurons, then decode the held-out stimuli."""
        latents, responses = self.align(model, dataset, join=join)
        stimuli = responses["stimulus"].values
        split = self._split(dataset, stimuli)
        originals, decoded = (
            dataset.stimuli.originals(stimuli[rows])
            for rows in (split.fitted | split.held_out, split.held_out)
        )
        informative = latents["informative"].values
        if not informative.any():
            raise ModelError(f"{model.identifier} has no informative unit, so there is nothing to decode")
        pairs = self_pairs(latents, responses, dataset)
        # Indices among the informative units only.
        among_informative = np.append(np.where(informative, np.cumsum(informative) - 1, -1), -1)[pairs]
        decoding = decode_held_out(
            latents.values[:, informative],
            responses.values,
            fitted=split.fitted,
            held_out=split.held_out,
            absolute=self.absolute,
            exclude=among_informative if self.self_pairs == "exclude" else None,
        )
        rng = np.random.default_rng(self.seed)
        exchange = self.exchange(dataset, stimuli).take(split.held_out, decoded)
        shuffled = [
            np.nanmean(cosine_distance(decoding.predicted[exchange.permute(rng)], decoding.actual))
            for _ in range(self.n_permutations if exchange.is_possible else 0)
        ]
        turned = self._turned(latents, responses, dataset, split)
        power = NO_POWER
        if self.predictive_power:
            power = predict(latents, responses, dataset, folds=self.folds)
        predicted_latents = np.tile(latents.values[split.fitted].mean(axis=0), (int(split.held_out.sum()), 1))
        predicted_latents[:, informative] = decoding.predicted_latents
        data = xr.Dataset(
            {
                **power.variables,
                **turned.variables(stimuli[split.held_out]),
                **({"shuffled": ("permutation", np.array(shuffled))} if shuffled else {}),
                "cosine_distance": ("stimulus", decoding.distance),
                "predicted_latents": (("stimulus", "unit"), predicted_latents),
                "correlation": ("matched_unit", decoding.correlation),
                "matched_neuroid": ("matched_unit", responses["neuroid"].values[decoding.neuron]),
            },
            coords={
                "stimulus": stimuli[split.held_out],
                "unit": latents["unit"].values,
                "matched_unit": latents["unit"].values[informative],
                "neuroid": responses["neuroid"].values,
            },
        )
        n_held_out = int(split.held_out.sum())
        return self.make_score(
            model,
            dataset,
            value=float(np.nanmean(decoding.distance)),
            error=grouped_standard_error(decoding.distance, decoded.labels)
            if decoded.has_variants
            else standard_error(decoding.distance),
            error_over="originals" if decoded.has_variants else "stimuli",
            null=float(np.mean(shuffled)) if shuffled else float("nan"),
            beside={
                "informative_units": int(informative.sum()),
                "median_r_of_matched_pairs": float(np.median(decoding.correlation)),
                **turned.beside(decoded.labels, self.seed),
                **power.beside,
            },
            data=data,
            notes=[
                f"{n_held_out} stimuli decoded",
                *turned.notes,
                *power.notes,
                *_notes_on_split(split, decoded),
                *originals.notes("fit and held-out stimuli"),
                *(exchange.notes if self.n_permutations else []),
                *_notes_on_marks(split, dataset),
            ],
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **dataset.stimuli.originals(stimuli).provenance,
                "n_held_out": n_held_out,
                **({"n_held_out_originals": decoded.n} if decoded.has_variants else {}),
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    def notes_on_folds(self, dataset: Dataset, ids: NDArray[np.str_], tiers: Tiers | None) -> list[str]:
        """Name the groups that are held out, or the tiers."""
        if tiers is not None:
            return super().notes_on_folds(dataset, ids, tiers)
        column = parse_folds(self.folds).place
        groups = find_groups(dataset.stimuli, ids, column)
        held_out = np.isin(groups.labels, held_out_groups(groups.labels, self.held_out, self.seed))
        names = dataset.stimuli.table[column].loc[ids[held_out].tolist()].astype(str).unique()
        n_held_out = np.unique(groups.labels[held_out]).size
        return [f"{n_held_out} of {groups.n} groups of {column} are held out: {name_some(sorted(names))}"]

    def _split(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> HeldOutSplit:
        """Return the fitted and the held-out stimuli by the option `folds`."""
        choice = parse_folds(self.folds)
        labels = groups = None
        if choice.kind == "split":
            labels = self.labels_of_folds(dataset, stimuli)
        elif choice.kind == "group":
            groups = find_groups(dataset.stimuli, stimuli, choice.place).labels
            if groups.max() < 1:
                raise UsageError(
                    f"folds={self.folds} needs two groups at least, got one; choose another column"
                )
        return split_held_out(
            dataset, stimuli, share=self.held_out, seed=self.seed, labels=labels, groups=groups
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the mean distance over held-out stimuli, and its error where stimuli are not variants."""
        distance = score.data["cosine_distance"].values
        numbers = {**super().recompute(score), "value": float(np.nanmean(distance))}
        return numbers | ({"error": standard_error(distance)} if score.error_over == "stimuli" else {})

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Axis index of the distance, and mean cosine distance, which is 0 for a perfect model."""
        by_value = (Statistic("value", "decoding distance", higher_is_better=False, perfect=0.0),)
        return (Statistic("axis_index", "axis index of decoding"), *by_value) if self.turns else by_value

    def _turned(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, split: HeldOutSplit
    ) -> TurnedDistances:
        """Decode the held-out stimuli from the regenerated neurons."""
        informative = latents["informative"].values
        control = regenerate(latents, responses, dataset, n_turns=self.turns, seed=self.seed)
        if control is None or control.neurons.size < informative.sum():
            return TurnedDistances(None, self.turns > 0)
        distances = [
            decode_held_out(
                latents.values[:, informative],
                neurons,
                fitted=split.fitted,
                held_out=split.held_out,
                absolute=self.absolute,
            ).distance
            for neurons in control.sets()
        ]
        return TurnedDistances(np.array(distances), self.turns > 0)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Explain why neurons cannot be drawn: each unit is matched with one neuron."""
        chosen = self.find_statistic(statistic)
        return replace(
            super().resampling(chosen.identifier),
            reason="decoding matches each unit with one neuron, so drawn neurons need a new matching",
        )


def _notes_on_split(split: HeldOutSplit, decoded: Originals) -> list[str]:
    """Say that few stimuli are decoded, or that stimuli are left out."""
    notes = []
    if decoded.n < FEW_HELD_OUT:
        counted = "originals" if decoded.has_variants else "stimuli"
        notes.append(f"only {decoded.n} {counted}: the distance is unreliable")
    if split.n_left_out:
        notes.append(
            f"{split.n_left_out} held-out stimuli are variants of stimuli that models are fitted to: left out"
        )
    return notes


def _notes_on_marks(split: HeldOutSplit, dataset: Dataset) -> list[str]:
    """Say that the held-out stimuli were chosen at random, and why."""
    if split.is_marked:
        return []
    marked = dataset.stimuli.held_out()
    reason = (
        "the held-out stimuli that the dataset marks have no latents and responses"
        if marked is not None and len(marked)
        else "the dataset marks no held-out stimuli"
    )
    return [f"{reason}: a model fitted to its images has seen these"]


def reconstruct(model: Model, score: Score) -> NDArray[np.float32]:
    """Decode images of the held-out stimuli from the latents that matched neurons predict.

    Parameters
    ----------
    model : Model
        Model with a decoder.
    score : Score
        Score of this model by :class:`Decoding`.

    Returns
    -------
    array of float32 in [0, 1], shape (n_held_out, height, width)
        Images in the order of ``score.data["stimulus"]``; uninformative units are at their mean.

    Raises
    ------
    ModelError
        If the model has no decoder.
    """
    if not isinstance(model, Decodes):
        raise ModelError(f"{model.identifier} has no decoder, so it cannot reconstruct images")
    images: NDArray[np.float32] = model.decode(score.data["predicted_latents"])
    return images
