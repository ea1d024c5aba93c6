"""Neurons of several datasets in sessions and animals, and bootstraps of scores over these levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, count_noun, name_some
from neuroalign.results.numbers import join_words
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic, Resampling
from neuroalign.stats.hierarchical import FEW_ANIMALS, Over, draw_hierarchy, number_sessions

FloatArray = NDArray[np.float64]

# Labels of animals without a name.
_UNKNOWN = ("", "unknown")


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Neurons of several datasets, in their sessions and animals.

    Parameters
    ----------
    datasets : tuple of str
        Names of the datasets.
    animals, sessions : tuple of str, length n_neurons
        Animal and session of each neuron. Without a label ``session`` of its neurons, a recording is one session.
    places : tuple of mapping of str to int
        For each dataset the places of its neurons in `animals`, by their ids. A neuron that is in several parts of one
        recording has one place.
    over : {"animals", "sessions", "neurons"}
        Highest level that is drawn.
    notes : tuple of str
        Assumptions about animals and neurons, in sentences without a full stop.
    """

    datasets: tuple[str, ...]
    animals: tuple[str, ...]
    sessions: tuple[str, ...]
    places: tuple[Mapping[str, int], ...]
    over: Over
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of animals, sessions and neurons."""
        return {
            "animals": len(set(self.animals)),
            "sessions": int(number_sessions(self.animals, self.sessions).max()) + 1,
            "neurons": len(self.animals),
        }

    @property
    def drawn(self) -> list[str]:
        """Levels that a bootstrap draws: from `over` downwards, without levels of a single member."""
        levels = ["animals", "sessions", "neurons"]
        return [level for level in levels[levels.index(self.over) :] if self._varies(level)]

    @property
    def has_few_animals(self) -> bool:
        """Whether animals are drawn, and too few for an interval over animals."""
        return "animals" in self.drawn and self.counts["animals"] < FEW_ANIMALS

    def describe(self) -> str:
        """Write the drawn levels with their numbers: "2 animals, 12 sessions and 560 neurons"."""
        drawn = [count_noun(self.counts[level], level[:-1]) for level in self.drawn]
        return join_words(drawn) if drawn else ""

    def _varies(self, level: str) -> bool:
        if level == "animals":
            return self.counts["animals"] > 1
        pairs = set(zip(self.animals, self.sessions, strict=True))
        if level == "sessions":
            return len(pairs) > self.counts["animals"]
        return len(self.animals) > len(pairs)


@dataclass(frozen=True, eq=False)
class MemberStatistic:
    """Statistic of a model, or its mean over instances of a family, in one dataset.

    Parameters
    ----------
    value : float
        The statistic; NaN where it is missing.
    of_neurons : NeuronStatistic or None
        The statistic as a function of drawn neurons; None if neurons cannot be drawn.
    counted : mapping of str to float
        For each neuron that counts in the statistic its share of instances in which it counts, by its id.
    why_no_neurons : str
        Reason for a missing `of_neurons`; empty if it exists.
    """

    value: float
    of_neurons: NeuronStatistic | None = None
    counted: Mapping[str, float] | None = None
    why_no_neurons: str = ""


@dataclass(frozen=True, eq=False)
class MemberDraws:
    """Statistics of models in several datasets, in each draw of a hierarchical bootstrap.

    Parameters
    ----------
    values : array of float64, shape (n_models, n_datasets, n_draws)
        Statistic; meaningless where `sizes` are 0, and NaN where the score is missing.
    sizes : array of float64, shape (n_models, n_datasets, n_draws)
        Number of drawn neurons that count in the statistic; number of drawn sessions where neurons cannot be drawn.
    original_sizes : array of float64, shape (n_models, n_datasets)
        The same for the recordings themselves.
    weights : array of float64, shape (n_datasets, n_draws)
        How often the sessions of each dataset were drawn, mean over its sessions.
    """

    values: FloatArray
    sizes: FloatArray
    original_sizes: FloatArray
    weights: FloatArray


def make_hierarchy(
    datasets: Sequence[Dataset], *, over: Over = "animals", separate_animals: bool = False
) -> Hierarchy:
    """Find the animal and the session of each neuron of several datasets.

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets, or parts of them.
    over : {"animals", "sessions", "neurons"}
        Highest level that is drawn.
    separate_animals : bool
        Whether animals of one name in different recordings are different animals. By default they are one animal.

    Returns
    -------
    Hierarchy
    """
    labels: dict[tuple[str, str], tuple[str, str]] = {}
    unnamed, datasets_of, owners = [], dict[str, dict[str, str]](), dict[tuple[str, str], int]()
    for dataset in datasets:
        recording = dataset.recording_hash
        animals, sessions = (_labels(dataset, name) for name in ("animal", "session"))
        named = [name for name in dict.fromkeys(animals) if name not in _UNKNOWN]
        if len(named) < len(set(animals)):
            unnamed.append(dataset.identifier)
        for name in named:
            # Parts of one recording have the same animals in any case.
            datasets_of.setdefault(name, {}).setdefault(recording, dataset.identifier)
        for neuron, animal, session in zip(_labels(dataset, "neuroid_id"), animals, sessions, strict=True):
            is_own = separate_animals or animal in _UNKNOWN
            key = (recording, neuron)
            labels[key] = (f"{animal} of {recording}" if is_own else animal, f"{recording} {session}")
            owners[key] = owners.get(key, 0) + 1
    # Sorted, so that the draws do not depend on the order of the datasets.
    order = sorted(labels, key=lambda key: (labels[key], key))
    place = {key: number for number, key in enumerate(order)}
    return Hierarchy(
        datasets=tuple(dataset.identifier for dataset in datasets),
        animals=tuple(labels[key][0] for key in order),
        sessions=tuple(labels[key][1] for key in order),
        places=tuple(
            {neuron: place[dataset.recording_hash, neuron] for neuron in _labels(dataset, "neuroid_id")}
            for dataset in datasets
        ),
        over=over,
        notes=(
            *_notes_on_animals(unnamed, {} if separate_animals else datasets_of),
            *_notes_on_neurons(sum(n > 1 for n in owners.values())),
        ),
    )


def read_statistic(scores: Sequence[Score], resampling: Resampling) -> MemberStatistic:
    """Read a statistic of the instances of a family in one dataset.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances with their arrays.
    resampling : Resampling
        Resampling of the statistic.

    Returns
    -------
    MemberStatistic
    """
    with_value = [score for score in scores if np.isfinite(resampling.read(score))]
    if not with_value:
        return MemberStatistic(float("nan"), why_no_neurons=f"no {resampling.statistic.label}")
    value = float(np.mean([resampling.read(score) for score in with_value]))
    if resampling.from_score is None:
        return MemberStatistic(value, why_no_neurons=resampling.reason or "it has no terms of single neurons")
    try:
        own = [resampling.from_score(score) for score in with_value]
        statistics = [statistic.in_order(sorted(statistic.neurons)) for statistic in own]
        return member_statistic(value, NeuronStatistic.mean(statistics))
    except (KeyError, ValueError, TypeError, AttributeError, NeuroalignError) as error:
        return MemberStatistic(value, why_no_neurons=str(error))


def member_statistic(
    value: float, of_neurons: NeuronStatistic | None, why_no_neurons: str = ""
) -> MemberStatistic:
    """Return a statistic with the neurons that count in it: the neurons with a term that is not 0."""
    if of_neurons is None:
        return MemberStatistic(value, why_no_neurons=why_no_neurons)
    parts = of_neurons.parts or (of_neurons,)
    shares = np.mean([(part.terms != 0).any(axis=1) for part in parts], axis=0)
    return MemberStatistic(value, of_neurons, dict(zip(of_neurons.neurons, shares.tolist(), strict=True)))


def draw_members(
    hierarchy: Hierarchy,
    models: Sequence[Sequence[MemberStatistic | None]],
    *,
    n_resamples: int,
    seed: int,
) -> MemberDraws:
    """Draw animals, sessions and neurons, and compute the statistic of every model in every dataset for each draw.

    Parameters
    ----------
    hierarchy : Hierarchy
    models : sequence of sequence of MemberStatistic or None
        For each model the statistic in each dataset of `hierarchy`; None for a missing score.
    n_resamples, seed : int
        Number of draws, and seed. The draws are the same for all models.

    Returns
    -------
    MemberDraws
        Datasets count by their neurons if a statistic of any model has terms of neurons. If none has, all datasets
        count equally.
    """
    by_neurons = any(statistic is not None and statistic.of_neurons for row in models for statistic in row)
    shape = (len(models), len(hierarchy.datasets), n_resamples)
    values, sizes = np.full(shape, np.nan), np.zeros(shape)
    original = np.zeros(shape[:2])
    weights = np.empty(shape[1:])
    of_neuron = number_sessions(hierarchy.animals, hierarchy.sessions)
    places = [np.array(sorted(own.values())) for own in hierarchy.places]
    start = 0
    for draws in draw_hierarchy(
        hierarchy.animals, hierarchy.sessions, over=hierarchy.over, n_resamples=n_resamples, seed=seed
    ):
        batch = slice(start, start + len(draws.neurons))
        start = batch.stop
        for column, own in enumerate(hierarchy.places):
            weights[column, batch] = draws.sessions[:, np.unique(of_neuron[places[column]])].mean(axis=1)
            for row, of_model in enumerate(models):
                statistic = of_model[column]
                if statistic is None or np.isnan(statistic.value):
                    continue
                values[row, column, batch] = statistic.value
                sizes[row, column, batch], original[row, column] = weights[column, batch], 1.0
                if by_neurons:
                    counted = statistic.counted or dict.fromkeys(own, 1.0)
                    counts = draws.neurons[:, [own[neuron] for neuron in counted]]
                    shares = np.array(list(counted.values()))
                    sizes[row, column, batch], original[row, column] = counts @ shares, shares.sum()
                    if statistic.of_neurons is not None:
                        values[row, column, batch] = statistic.of_neurons(counts)
    return MemberDraws(values, sizes, original, weights)


def mean_by_size(values: FloatArray, sizes: FloatArray, axis: int = 0) -> FloatArray:
    """Return means weighted by sizes; NaN where a value with a size is missing, or all sizes are 0."""
    weighted = np.where(sizes > 0, np.where(sizes > 0, values, 0.0) * sizes, 0.0)
    means: FloatArray = divide(weighted.sum(axis=axis), sizes.sum(axis=axis), otherwise=np.nan)
    return means


def _labels(dataset: Dataset, name: str) -> list[str]:
    """Return a label of the neurons; empty texts where the recording does not have it."""
    array: Any = dataset.recording
    if name not in array.coords or array.coords[name].dims != ("neuroid",):
        return [""] * array.sizes["neuroid"]
    return [str(label) for label in array.coords[name].values]


def _notes_on_animals(unnamed: Sequence[str], datasets_of: Mapping[str, Mapping[str, str]]) -> list[str]:
    notes = []
    if unnamed:
        notes.append(
            f"{name_some(unnamed)} {'does' if len(unnamed) == 1 else 'do'} not name the animals; neurons of one "
            "recording without an animal count as one animal"
        )
    shared = {name: list(owners.values()) for name, owners in datasets_of.items() if len(owners) > 1}
    if shared:
        listed = "; ".join(f"{name} in {name_some(owners, most=3)}" for name, owners in shared.items())
        notes.append(f"animals of one name are one animal: {listed}")
    return notes


def _notes_on_neurons(n_shared: int) -> list[str]:
    if not n_shared:
        return []
    verb = "belongs" if n_shared == 1 else "belong"
    return [f"{count_noun(n_shared, 'neuron')} {verb} to several of the datasets, and are drawn together"]
