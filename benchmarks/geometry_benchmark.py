"""Base class of benchmarks that compare the geometry of a population of units with a population of neurons."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import psutil
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.arrays.blocks import taken
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.trial_ceilings import size_of
from neuroalign.benchmarks.trial_halves import enough_trials, gain_of_halves, halve_trials
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.variants import Originals
from neuroalign.errors import UsageError
from neuroalign.metrics import AnimalBounds, fold_labels
from neuroalign.metrics.rdm_ceiling import bounds_of_animals
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark, self_pairs
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.stats import jackknife_standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Numbers beside the score of every comparison of populations.
GEOMETRY_NUMBERS = (
    INFORMATIVE_UNITS,
    Number("split_half", "score of one half of the trials against the other half", "half against\nhalf"),
    Number("animal_score", "score against single animals, mean", "single\nanimals"),
    Number("animal_lower", "other animals against each animal, mean (lower bound)", "other\nanimals"),
    Number("animal_upper", "all animals against each animal, mean (upper bound)", "all\nanimals"),
)

# Largest number of parts of the jackknife, and number of halvings of the trials.
_PARTS = 20
_SPLITS = 5
# Bytes of memory that are used without a question.
_SMALL = 1 << 30
# Stimuli that a ceiling needs.
_FEWEST = 5


class Geometry(Protocol):
    """Geometry of the stimuli for one population, such as dissimilarities or a kernel."""

    def take(self, rows: NDArray[np.int64]) -> Any:
        """Return the geometry of some stimuli, or of all stimuli in another order."""
        ...


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Best scores that the noise of trials allows.

    Parameters
    ----------
    value : float
        Expected score of a model without noise and with the geometry of the neurons; NaN where it is not known.
    split_half : float
        Mean score of one half of the trials against the other half.
    notes : tuple of str
    """

    value: float
    split_half: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Populations:
    """Informative units, and the neurons that are not units themselves.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    neurons : array of float64, shape (N, J)
    trials : array of float64, shape (N, R, J), or None
    animals : array of str, shape (J,)
    kept : array of bool, shape (n_neurons,)
        Neurons of the responses that are compared.
    groups : array of int, shape (N,)
        Original of each stimulus.
    """

    units: FloatArray
    neurons: FloatArray
    trials: FloatArray | None
    animals: NDArray[np.str_]
    kept: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def animal(self, name: str) -> tuple[FloatArray, FloatArray | None]:
        """Return the mean responses and the trials of the neurons of one animal."""
        chosen = self.animals == name
        return self.neurons[:, chosen], None if self.trials is None else self.trials[:, :, chosen]


@dataclass(frozen=True, kw_only=True)
class GeometryBenchmark(Benchmark):
    """Benchmark that compares the geometry of the stimuli for units and for neurons.

    Parameters
    ----------
    self_pairs : {"exclude", "include"}
        Whether neurons that are units of the model are compared with the units.
    n_permutations : int
        Number of shuffles of the stimuli behind the chance level. Variants of one original move together; see
        :func:`neuroalign.stats.permute_stimuli`.
    seed : int
        Seed of the shuffles, of the halves of trials, and of the parts of the jackknife.

    Notes
    -----
    The error is a jackknife over originals: the score without each of 20 parts of the stimuli, or without each
    original where they are 20 or fewer.
    """

    numbers: ClassVar[tuple[Number, ...]] = GEOMETRY_NUMBERS
    on_request: ClassVar[bool] = True

    self_pairs: Literal["exclude", "include"] = "exclude"
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    @abstractmethod
    def of_units(self, populations: Populations) -> Geometry:
        """Return the geometry of the units."""

    @abstractmethod
    def of_neurons(
        self, neurons: FloatArray, trials: FloatArray | None, groups: NDArray[np.int64]
    ) -> Geometry:
        """Return the geometry of neurons.

        Parameters
        ----------
        neurons : array of float64, shape (N, J)
        trials : array of float64, shape (N, R, J), or None
        groups : array of int, shape (N,)
            Original of each stimulus.
        """

    @abstractmethod
    def compare(self, units: Any, neurons: Any) -> float:
        """Return the score of two geometries of the same stimuli; NaN where it is undefined."""

    @abstractmethod
    def pool(self, animals: Sequence[Any]) -> Any:
        """Return the mean geometry of several animals."""

    def shuffled(self, units: Any, neurons: Any) -> Callable[[NDArray[np.int64]], float]:
        """Return a function that scores the units with their stimuli in another order."""
        return lambda order: self.compare(units.take(order), neurons)

    def half_maker(self, trials: FloatArray, groups: NDArray[np.int64]) -> Callable[[FloatArray], Any]:
        """Return a function that makes the geometry of neurons from half of their trials.

        Parameters
        ----------
        trials : array of float64, shape (N, R, J)
            All trials.
        groups : array of int, shape (N,)
        """
        return lambda half: self.of_neurons(np.nanmean(half, axis=1), half, groups)

    def product(self, a: Any, b: Any) -> float:
        """Return the product of two geometries of neurons of which the score is the normalised form.

        By default NaN: the expected product of two halves of the trials is then not the product of the signal.
        """
        return float("nan")

    def ceiling(self, split_half: float, signal: float, total: float, gain: float) -> float:
        """Return the expected score of a model with the neurons' geometry and without noise; NaN if unknown.

        Parameters
        ----------
        split_half : float
            Mean score of one half of the trials against the other half.
        signal : float
            Mean :meth:`product` of the halves.
        total : float
            Product of the geometry by all trials with itself.
        gain : float
            See :func:`neuroalign.benchmarks.trial_halves.gain_of_halves`.
        """
        return float(np.sqrt(max(signal, 0.0) / total)) if total > 0 and np.isfinite(signal) else float("nan")

    def n_matrices(self, n_animals: int) -> int:
        """Return the number of matrices of stimuli × stimuli that are in memory at once, at most.

        Parameters
        ----------
        n_animals : int
            Number of animals, or 0 where single animals are not compared.
        """
        return 0

    def more_numbers(self, populations: Populations, units: Any, neurons: Any) -> dict[str, float]:
        """Return the numbers beside the score that only this benchmark has."""
        return {}

    def more_arrays(self, populations: Populations, units: Any, neurons: Any) -> dict[str, Any]:
        """Return the arrays that only this benchmark has."""
        return {}

    def more_notes(self, populations: Populations) -> list[str]:
        """Return the notes that only this benchmark has."""
        return []

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Compare the informative units with the neurons."""
        latents, responses = self.align(model, dataset, join=join)
        populations = self.populations(latents, responses, dataset)
        self._expect_memory(populations)
        units = self.of_units(populations)
        neurons = self.of_neurons(populations.neurons, populations.trials, populations.groups)
        value = self.compare(units, neurons)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        shuffles = shuffle_stimuli(
            self.shuffled(units, neurons),
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        ceiling = self._ceiling(populations, neurons)
        p = shuffles.p_value(value, higher_is_better=self.higher_is_better)
        beside = {
            "informative_units": populations.units.shape[1],
            "split_half": ceiling.split_half,
            **self.more_numbers(populations, units, neurons),
        }
        variables = {**self.more_arrays(populations, units, neurons), **shuffles.variables}
        coordinates: dict[str, Any] = {"neuroid": responses["neuroid"].values}
        names, scores, bounds = self._animals(populations, units)
        if bounds is not None:
            beside |= {
                "animal_score": float(np.mean(scores)),
                "animal_lower": bounds.lower,
                "animal_upper": bounds.upper,
            }
            coordinates["animal"] = names
            variables |= {
                "score_of_animal": ("animal", scores),
                "lower_of_animal": ("animal", bounds.lower_of_animal),
                "upper_of_animal": ("animal", bounds.upper_of_animal),
            }
        return self.make_score(
            model,
            dataset,
            value=value,
            error=self._error(units, neurons, originals),
            error_over="originals" if originals.has_variants else "stimuli",
            null=shuffles.level,
            ceiling=ceiling.value,
            beside=beside,
            data=xr.Dataset(variables, coords=coordinates),
            notes=[
                *([] if np.isfinite(value) else ["the score is not defined: one population has no variance"]),
                *self.more_notes(populations),
                *self._notes_on_neurons(populations),
                *ceiling.notes,
                *originals.notes("parts of the jackknife"),
                *shuffles.notes,
            ],
            provenance={
                **size_of(responses, originals),
                **(
                    {
                        "n_permutations": int(shuffles.scores.size),
                        "permutation_seed": self.seed,
                        "permutation_p": None if np.isnan(p) else p,
                    }
                    if shuffles.scores.size
                    else {}
                ),
            },
        )

    def populations(self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset) -> Populations:
        """Return the informative units, and the neurons that are not units themselves."""
        kept = np.ones(responses.sizes["neuroid"], dtype=bool)
        if self.self_pairs == "exclude":
            kept = self_pairs(latents, responses, dataset) < 0
        if not kept.any():
            raise UsageError(
                f"all {kept.size} neurons are units of the model, so that no other neuron is left to compare; choose "
                "other neurons, or set self_pairs=include"
            )
        informative = latents["informative"].values
        if not informative.any():
            raise UsageError("the model has no informative unit; use a model with units that vary")
        trials = dataset.trials
        if trials is not None:
            scored = np.isin(dataset.responses["stimulus"].values, responses["stimulus"].values)
            trials = trials[scored][:, :, kept]
        return Populations(
            np.asarray(taken(latents.values, slice(None), informative), dtype=np.float64),
            np.asarray(responses.values[:, kept], dtype=np.float64),
            trials,
            responses["animal"].values[kept].astype(str),
            kept,
            dataset.stimuli.groups(responses["stimulus"].values),
        )

    def _expect_memory(self, populations: Populations) -> None:
        """Raise an error if the matrices of stimuli × stimuli take more memory than the machine has free."""
        n_stimuli, animals = len(populations.units), _animals_of(populations)
        needed = 8 * n_stimuli**2 * self.n_matrices(animals.size if animals.size > 1 else 0)
        if needed > _SMALL and needed > (available := psutil.virtual_memory().available):
            raise UsageError(
                f"{self.identifier} of {n_stimuli:,} stimuli takes {needed / 1e9:.0f} GB of memory, and "
                f"{available / 1e9:.0f} GB are free; score fewer stimuli, as in 'DATASET[COLUMN=VALUE]', or take cka, "
                "which needs no matrix of stimuli × stimuli"
            )

    def _error(self, units: Geometry, neurons: Geometry, originals: Originals) -> float:
        """Return the jackknife standard error over parts of the originals."""
        n_parts = min(originals.n, _PARTS)
        if n_parts < 2:
            return float("nan")
        parts = fold_labels(originals.labels.size, n_parts, seed=self.seed, groups=originals.labels)
        scores = []
        for part in range(n_parts):
            rows = np.flatnonzero(parts != part)
            if rows.size < _FEWEST - 1:
                return float("nan")
            scores.append(self.compare(units.take(rows), neurons.take(rows)))
        return jackknife_standard_error(scores)

    def _ceiling(self, populations: Populations, neurons: Geometry) -> Ceiling:
        unknown = float("nan")
        if populations.trials is None:
            note = "only averages over trials are known, so the ceiling is missing"
            return Ceiling(unknown, unknown, (note,))
        least = self.fewest_trials
        rows = np.flatnonzero(enough_trials(populations.trials, least))
        if rows.size < _FEWEST:
            note = (
                f"no ceiling: {rows.size} stimuli have {least} trials of every neuron, {_FEWEST} are needed"
            )
            return Ceiling(unknown, unknown, (note,))
        trials, groups = populations.trials[rows], populations.groups[rows]
        of_half = self.half_maker(trials, groups)
        scores, products = [], []
        for halves in halve_trials(trials, n_splits=_SPLITS, seed=self.seed):
            first, second = map(of_half, halves)
            scores.append(self.compare(first, second))
            products.append(self.product(first, second))
        whole, split_half = neurons.take(rows), float(np.mean(scores))
        value = self.ceiling(
            split_half, float(np.mean(products)), self.product(whole, whole), gain_of_halves(trials)
        )
        note = "the ceiling is not known; a perfect model scores better than one half of the trials against the other"
        return Ceiling(value, split_half, () if np.isfinite(value) else (note,))

    @property
    def fewest_trials(self) -> int:
        """Number of trials of a stimulus that a ceiling needs."""
        return 2

    def _animals(
        self, populations: Populations, units: Geometry
    ) -> tuple[NDArray[np.str_], FloatArray, AnimalBounds | None]:
        """Return the names of the animals, the score against each animal, and the bounds; None for one animal."""
        names = _animals_of(populations)
        if names.size < 2:
            return names, np.empty(0), None
        geometries = [self.of_neurons(*populations.animal(name), populations.groups) for name in names]
        scores = np.array([self.compare(units, geometry) for geometry in geometries])
        return names, scores, bounds_of_animals(geometries, self.pool, self.compare)

    def _notes_on_neurons(self, populations: Populations) -> list[str]:
        n_units = int((~populations.kept).sum())
        if not n_units:
            return []
        return [f"{n_units} neurons are units of the model and are left out (self_pairs=exclude)"]


def _animals_of(populations: Populations) -> NDArray[np.str_]:
    """Return the names of the animals that are compared with each other; empty where one has a single neuron."""
    names, counts = np.unique(populations.animals, return_counts=True)
    return names if counts.min() > 1 else names[:0]
