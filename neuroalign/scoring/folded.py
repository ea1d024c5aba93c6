"""Base class of benchmarks with folds: option ``folds``, and the score with random folds beside the score."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.metrics.folds import FITTED_ONLY, fold_labels
from neuroalign.models.model import Decodes, Model, Rectified
from neuroalign.results.numbers import Number, identify_number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.exchange import Exchange
from neuroalign.scoring.folds import (
    MIN_STIMULI,
    RANDOM,
    FoldChoice,
    Tiers,
    find_groups,
    find_tiers,
    label_groups,
    label_tiers,
    notes_on_groups,
    parse_folds,
)

IntArray = NDArray[np.int64]

#: Numbers beside a score with folds by groups or tiers.
FOLD_NUMBERS = (
    Number("random_folds", "score with random folds of the same stimuli", "random\nfolds"),
    Number("generalisation_cost", "how much worse the score is than with random folds", "cost of\ngener."),
)
#: Number of folds of benchmarks without an option for it.
N_FOLDS = 10


class _Computed:
    """Model with latents that are computed once."""

    def __init__(self, model: Model, stimuli: StimulusSet) -> None:
        self.identifier = model.identifier
        self._model, self._stimuli, self._latents = model, stimuli, model.latents(stimuli)
        if isinstance(model, Decodes):
            self.decode = model.decode
        if isinstance(model, Rectified):
            self.before_rectification = model.before_rectification

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        return self._latents if stimuli is self._stimuli else self._model.latents(stimuli)


@dataclass(frozen=True, kw_only=True)
class FoldedBenchmark(Benchmark):
    """Benchmark with folds of the stimuli.

    Parameters
    ----------
    folds : str
        "random" for folds at random; "group:COLUMN" to keep stimuli with one value in a column of the stimulus table in
        one fold; "split:COLUMN" or "split:COLUMN:TRAIN:TEST" to fit the training tier and to predict the test tiers.
        See :mod:`neuroalign.scoring.folds`.
    random_folds : bool
        Whether the score with random folds of the same stimuli is computed, too, where `folds` is not random. It takes
        as long as the score without shuffles, turns and predictive power.
    """

    folds: str = RANDOM
    random_folds: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if parse_folds(self.folds).kind != "random" and getattr(self, "in_sample", False):
            raise UsageError(
                f"{self.identifier}: in_sample=true has no folds, got folds={self.folds}; leave one of the two out"
            )

    @property
    def held_out_number(self) -> str:
        """Number of a score that held-out stimuli give: "value", a key of ``Score.beside``, or empty without one."""
        return "value"

    @abstractmethod
    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score one model on one dataset with the folds of :meth:`labels_of_folds`; see :meth:`score`."""

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score one model on one dataset; with folds by groups or tiers also with random folds."""
        if self.folds == RANDOM:
            return self.measure(model, dataset, join=join)
        computed = _Computed(model, dataset.stimuli)
        score = self.measure(computed, dataset, join=join)
        ids = super().align(computed, dataset, join=join)[1]["stimulus"].values
        tiers = self._tiers(dataset, ids)
        beside: dict[str, float] = {}
        if tiers is not None and len(tiers.test) > 1:
            beside |= self._score_tiers(tiers, computed, dataset, join)
        if self.random_folds:
            beside |= self._score_random(score, tiers, ids, computed, dataset, join)
        return self.note_folds(replace(score, beside={**score.beside, **beside}), dataset, ids)

    def align(
        self, model: Model, dataset: Dataset, *, join: Join = "exact"
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Return latents and responses of the stimuli that are fitted or predicted, paired by stimulus id."""
        latents, responses = super().align(model, dataset, join=join)
        tiers = self._tiers(dataset, responses["stimulus"].values)
        if tiers is None:
            return latents, responses
        used = np.flatnonzero(tiers.fitted | tiers.predicted)
        return latents.isel(stimulus=used), responses.isel(stimulus=used)

    def labels_of_folds(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> IntArray:
        """Return the fold of each stimulus.

        Parameters
        ----------
        dataset : Dataset
        stimuli : array of str, shape (n_stimuli,)
            Stimuli from :meth:`align`.

        Returns
        -------
        array of int64, shape (n_stimuli,)
            Labels from 0. In a split, predicted stimuli have the label 0 and fitted stimuli the label -1.
        """
        choice = parse_folds(self.folds)
        if choice.kind == "group":
            return self._label_groups(dataset, stimuli, choice)
        tiers = self._tiers(dataset, stimuli)
        if tiers is None:
            groups = dataset.stimuli.groups(stimuli)
            return fold_labels(stimuli.size, self._n_folds, seed=self._seed, groups=groups)
        return np.where(tiers.predicted, 0, FITTED_ONLY).astype(np.int64)

    def labels_to_choose(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> IntArray:
        """Return the folds that choose hyper-parameters; in a split, folds within its training tier.

        Parameters
        ----------
        dataset, stimuli
            See :meth:`labels_of_folds`.

        Returns
        -------
        array of int64, shape (n_stimuli,)
            Labels from 0; -1 for the predicted stimuli of a split, which take no part.
        """
        tiers = self._tiers(dataset, stimuli)
        if tiers is None:
            return self.labels_of_folds(dataset, stimuli)
        groups = dataset.stimuli.groups(stimuli)
        return label_tiers(tiers, groups, self._n_folds, seed=self._seed)[1]

    def count_folds(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> int:
        """Return the number of folds that choose hyper-parameters; see :meth:`labels_to_choose`."""
        return int(self.labels_to_choose(dataset, stimuli).max()) + 1

    def predicted(self, dataset: Dataset, responses: xr.DataArray) -> xr.DataArray:
        """Return the responses to the stimuli that some fold predicts: all, or the test tiers of a split.

        Parameters
        ----------
        dataset : Dataset
        responses : responses
            Responses from :meth:`align`.
        """
        tiers = self._tiers(dataset, responses["stimulus"].values)
        return responses if tiers is None else responses.isel(stimulus=np.flatnonzero(tiers.predicted))

    def exchange(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> Exchange:
        """Return shuffles within the tiers of a split, or within groups and of whole groups of equal size."""
        choice = parse_folds(self.folds)
        originals = dataset.stimuli.originals(stimuli)
        if choice.kind == "group":
            groups = find_groups(dataset.stimuli, stimuli, choice.place)
            if groups.n < originals.n:
                return Exchange(originals, blocks=groups.labels, column=choice.place)
        if choice.kind == "split":
            tiers = self._tiers(dataset, stimuli)
            assert tiers is not None
            strata = np.where(tiers.predicted, np.unique(tiers.values, return_inverse=True)[1] + 1, 0)
            strata = np.where(tiers.fitted | tiers.predicted, strata, -1)
            return Exchange(originals, strata=strata.astype(np.int64), column=tiers.column)
        return Exchange(originals)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Column of the stimulus table behind the folds."""
        choice = parse_folds(self.folds)
        # A column may have colons in its name, or tiers may follow it.
        return tuple(dict.fromkeys((choice.place, choice.place.rsplit(":", 2)[0]))) if choice.place else ()

    def alone(self) -> Self:
        """Return this benchmark without the numbers beside its score."""
        plain = super().alone()
        return plain if self.folds == RANDOM else replace(plain, random_folds=False)

    def options(self) -> dict[str, Any]:
        """Return the options; folds only where they are not random, so that older scores keep their keys."""
        options = super().options()
        if self.folds == RANDOM:
            del options["folds"]
        if self.folds == RANDOM or self.random_folds:
            del options["random_folds"]
        return options

    def _score_random(
        self,
        score: Score,
        tiers: Tiers | None,
        ids: NDArray[np.str_],
        model: Model,
        dataset: Dataset,
        join: Join,
    ) -> dict[str, float]:
        """Return the score with random folds of the same stimuli, and its difference."""
        if tiers is not None:
            kept = np.isin(
                dataset.recording["stimulus_id"].values.astype(str), ids[tiers.fitted | tiers.predicted]
            )
            recording = dataset.recording.isel(presentation=np.flatnonzero(kept))
            dataset = replace(dataset, recording=recording, part_of=dataset.recording_hash)
        ordinary = self._with_folds(RANDOM).score(model, dataset, join=join)
        numbers = {"random_folds": ordinary.value}
        if self.held_out_number:
            fall = self._read_held_out(ordinary) - self._read_held_out(score)
            is_better = self.higher_is_better or self.held_out_number != "value"
            numbers["generalisation_cost"] = fall if is_better else -fall
        return numbers

    def _score_tiers(self, tiers: Tiers, model: Model, dataset: Dataset, join: Join) -> dict[str, float]:
        """Return the held-out number of each test tier alone."""
        if not self.held_out_number:
            return {}
        training = "+".join(tiers.training)
        noun = "score" if self.held_out_number == "value" else self.held_out_number
        numbers = {}
        for tier in tiers.test:
            if (tiers.predicted & (tiers.values == tier)).sum() >= MIN_STIMULI:
                alone = self._with_folds(f"split:{tiers.column}:{training}:{tier}")
                score = alone.score(model, dataset, join=join)
                numbers[identify_number(f"{noun} on {tier}")] = self._read_held_out(score)
        return numbers

    def _with_folds(self, folds: str) -> Self:
        """Return this benchmark with other folds, for its held-out number alone."""
        alone = replace(self, folds=folds).alone()
        if self.held_out_number in ("", "value"):
            return alone
        options: dict[str, Any] = {"predictive_power": getattr(self, "predictive_power", False)}
        return replace(alone, **options)

    def _read_held_out(self, score: Score) -> float:
        name = self.held_out_number
        return score.value if name == "value" else score.beside.get(name, float("nan"))

    def notes_on_folds(self, dataset: Dataset, ids: NDArray[np.str_], tiers: Tiers | None) -> list[str]:
        """Return notes on the groups and their folds, or on the tiers of a split.

        Parameters
        ----------
        dataset : Dataset
        ids : array of str, shape (n_stimuli,)
            Stimuli with latents and responses, and also the stimuli of left-out tiers.
        tiers : Tiers or None
            Tiers of a split.
        """
        if tiers is None:
            column = parse_folds(self.folds).place
            return notes_on_groups(find_groups(dataset.stimuli, ids, column), self._n_folds, column)
        notes = tiers.notes
        if len(tiers.test) > 1:
            notes.append(
                "the score is over the stimuli of all test tiers together; each tier of "
                f"{MIN_STIMULI} stimuli or more also has its own number"
            )
        return notes

    def note_folds(self, score: Score, dataset: Dataset, ids: NDArray[np.str_]) -> Score:
        """Add the notes on groups or tiers, and their sizes, to a score, unless its folds are random.

        Parameters
        ----------
        score : Score
        dataset : Dataset
        ids : array of str, shape (n_stimuli,)
            Stimuli with latents and responses, and also the stimuli of left-out tiers.
        """
        if self.folds == RANDOM:
            return score
        tiers = self._tiers(dataset, ids)
        return replace(
            score,
            notes=[*self.notes_on_folds(dataset, ids, tiers), *score.notes],
            provenance={**score.provenance, **self._sizes(dataset, ids, tiers)},
        )

    def _sizes(self, dataset: Dataset, ids: NDArray[np.str_], tiers: Tiers | None) -> dict[str, int]:
        """Return the numbers of groups and folds, or of fitted and predicted stimuli."""
        if tiers is None:
            groups = find_groups(dataset.stimuli, ids, parse_folds(self.folds).place)
            n_folds = {"n_folds": min(self._n_folds, groups.n)} if hasattr(self, "n_folds") else {}
            return {"n_groups": groups.n, **n_folds}
        return {"n_fitted": int(tiers.fitted.sum()), "n_predicted": int(tiers.predicted.sum())}

    def _label_groups(self, dataset: Dataset, stimuli: NDArray[np.str_], choice: FoldChoice) -> IntArray:
        groups = find_groups(dataset.stimuli, stimuli, choice.place)
        default = getattr(type(self), "n_folds", N_FOLDS)
        return label_groups(
            groups,
            self._n_folds,
            is_default=self._n_folds == default,
            column=choice.place,
            seed=self._seed,
        )

    def _tiers(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> Tiers | None:
        choice = parse_folds(self.folds)
        return find_tiers(dataset.stimuli, stimuli, choice.place) if choice.kind == "split" else None

    @property
    def _n_folds(self) -> int:
        return int(getattr(self, "n_folds", N_FOLDS))

    @property
    def _seed(self) -> int:
        return int(getattr(self, "seed", 0))
