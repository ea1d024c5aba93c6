"""Nested choice among models: inner folds within the training stimuli choose the model that predicts a fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.columns import find_column
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.grouping import group_conditions
from neuroalign.errors import StimulusMismatchError, UsageError
from neuroalign.metrics.folds import FITTED_ONLY
from neuroalign.models.model import Model
from neuroalign.names.registry import benchmarks
from neuroalign.names.syntax import format_value
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.folded import FoldedBenchmark
from neuroalign.scoring.folds import RANDOM, parse_folds
from neuroalign.scoring.held_out import ChoosesByFold

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Decimals of inner scores: of models with equal scores the first is chosen, for any order of sums.
DECIMALS = 10
#: Name of the only group where one model is chosen for all neurons.
ALL_NEURONS = "all neurons"


@dataclass(frozen=True, eq=False)
class NeuronGroups:
    """Groups of neurons that each have a model of their own.

    Parameters
    ----------
    names : tuple of str, length n_groups
    members : array of bool, shape (n_groups, n_neurons)
        Each neuron is a member of one group.
    """

    names: tuple[str, ...]
    members: NDArray[np.bool_]

    @property
    def of_neurons(self) -> IntArray:
        """Index of the group of each neuron, (n_neurons,)."""
        return self.members.argmax(axis=0)


@dataclass(frozen=True, eq=False)
class InnerFolds:
    """Stimuli that choose the model for each scored fold.

    Parameters
    ----------
    stimuli : array of str, shape (n_stimuli,)
        Stimuli that are fitted or predicted.
    labels : array of int, shape (n_stimuli,)
        Scored fold of each stimulus, 0 to n_folds - 1; -1 for stimuli that are never predicted.
    benchmark : Benchmark
        Benchmark of the inner scores.
    used : array of int, shape (n_used,)
        Stimuli that take part in some choice.
    training : tuple of arrays of int
        For each scored fold, the rows of `used` that choose its model.
    """

    stimuli: NDArray[np.str_]
    labels: IntArray
    benchmark: Benchmark
    used: IntArray
    training: tuple[IntArray, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of predicted stimuli of each scored fold."""
        return tuple(int((self.labels == fold).sum()) for fold in range(len(self.training)))


def benchmarks_that_choose() -> list[str]:
    """Return the names of the installed benchmarks that can score another model in each fold."""
    members = ("held_out", "score_chosen", "least_folds", "chooses_by_group")
    return sorted(
        name
        for name, registered in benchmarks.items()
        if all(hasattr(registered, member) for member in members)
    )


def check_can_choose(benchmark: Benchmark) -> None:
    """Refuse a benchmark without held-out folds.

    Raises
    ------
    UsageError
        If the benchmark has no folds, or its option ``in_sample`` is true; the message names benchmarks with folds.
    """
    if not (isinstance(benchmark, ChoosesByFold) and isinstance(benchmark, FoldedBenchmark)):
        raise UsageError(
            "a choice inside the folds needs a benchmark with held-out predictions of each fold, got "
            f"{benchmark.identifier}; take one of {', '.join(benchmarks_that_choose())}"
        )
    if getattr(benchmark, "in_sample", False):
        raise UsageError(
            f"a choice inside the folds needs folds, got {benchmark.identifier} with in_sample=true; leave it out"
        )


def check_can_choose_by_group(benchmark: Benchmark) -> None:
    """Refuse groups with a layer of their own for a benchmark that matches all neurons together.

    Raises
    ------
    UsageError
        If neurons compete for units.
    """
    if not getattr(benchmark, "chooses_by_group", True):
        raise UsageError(
            f"{benchmark.identifier} matches all neurons together, so that groups of neurons cannot have layers of "
            "their own; leave the groups out, or score a part of the dataset, as in DATASET[region=IT]"
        )


def group_neurons(dataset: Dataset, neuroids: NDArray[np.str_], by: Sequence[str]) -> NeuronGroups:
    """Return the groups of neurons that share values of columns.

    Parameters
    ----------
    dataset : Dataset
    neuroids : array of str, shape (n_neurons,)
        Neurons of the score.
    by : sequence of str
        Columns of the neurons, such as region; ``neuroid_id`` makes a group of each neuron. Without columns all
        neurons are one group.

    Raises
    ------
    UsageError
        If a column is not a column of the neurons.
    """
    if not by:
        return NeuronGroups((ALL_NEURONS,), np.ones((1, neuroids.size), dtype=bool))
    columns = [find_column(dataset, name) for name in by]
    for column in columns:
        if column.table != "neuron":
            raise UsageError(
                f"a layer can be chosen by columns of the neurons, got the {column.table} column {column.name}; name a "
                "column such as region or neuroid_id"
            )
    place = {
        name: row for row, name in enumerate(dataset.recording["neuroid_id"].values.astype(str).tolist())
    }
    rows = np.array([place[name] for name in neuroids.astype(str).tolist()])
    conditions = group_conditions(dataset, by)
    members = [
        np.logical_and.reduce([column.mask([condition[column.name]])[rows] for column in columns])
        for condition in conditions
    ]
    names = tuple(
        ", ".join(f"{name}={format_value(value)}" for name, value in condition.items())
        for condition in conditions
    )
    return NeuronGroups(names, np.array(members))


def plan_folds(benchmark: FoldedBenchmark, dataset: Dataset, stimuli: NDArray[np.str_]) -> InnerFolds:
    """Return the stimuli that choose the model for each scored fold.

    With random folds, or folds of groups, the folds within the training stimuli of a scored fold are the other scored
    folds. In a split they are random folds within the training tier.

    Parameters
    ----------
    benchmark : FoldedBenchmark
        Benchmark that :func:`check_can_choose` accepts.
    dataset : Dataset
    stimuli : array of str, shape (n_stimuli,)
        Stimuli from :meth:`neuroalign.scoring.folded.FoldedBenchmark.align`.

    Raises
    ------
    UsageError
        If there are too few folds.
    """
    assert isinstance(benchmark, ChoosesByFold)
    labels = benchmark.labels_of_folds(dataset, stimuli)
    alone = benchmark.alone()
    predicted = labels != FITTED_ONLY
    n_folds = int(labels.max()) + 1
    if predicted.all():
        if n_folds <= benchmark.least_folds:
            raise UsageError(
                f"a choice inside the folds of {benchmark.identifier} needs {benchmark.least_folds + 1} folds at "
                f"least, because the model of a fold is chosen on the others, got {n_folds}; use more folds"
            )
        training = tuple(np.flatnonzero(labels != fold) for fold in range(n_folds))
        return InnerFolds(stimuli, labels, alone, np.arange(stimuli.size), training)
    assert parse_folds(benchmark.folds).kind == "split"
    used = np.flatnonzero(~predicted)
    return InnerFolds(stimuli, labels, replace(alone, folds=RANDOM), used, (np.arange(used.size),))


def inner_scores(
    plan: InnerFolds,
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    groups: NeuronGroups,
    *,
    join: Join = "exact",
) -> FloatArray:
    """Score a model by cross-validation within the training stimuli of each fold.

    Parameters
    ----------
    plan : InnerFolds
    benchmark : Benchmark
        Benchmark of the scored folds.
    model : Model
    dataset : Dataset
    groups : NeuronGroups
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.

    Returns
    -------
    array of float64, shape (n_folds, n_groups)

    Raises
    ------
    StimulusMismatchError
        If the model has latents for other stimuli than the plan.
    """
    latents, responses = benchmark.align(model, dataset, join=join)
    if not np.array_equal(responses["stimulus"].values, plan.stimuli):
        raise StimulusMismatchError(
            f"all models of a choice must have latents for the same stimuli, and {model.identifier} has "
            f"{responses.sizes['stimulus']} of {plan.stimuli.size}; leave it out"
        )
    if plan.used.size < plan.stimuli.size:
        latents, responses = latents.isel(stimulus=plan.used), responses.isel(stimulus=plan.used)
    refit = plan.benchmark.resampling("value").refit
    assert refit is not None
    neuroids = responses["neuroid"].values.astype(str).tolist()
    counts = groups.members.astype(np.float64)
    return np.array(
        [refit(latents, responses, dataset, rows).in_order(neuroids)(counts) for rows in plan.training]
    )


def choose_best(inner: FloatArray, *, higher_is_better: bool = True) -> IntArray:
    """Return the model with the best inner score; the first of several with equal scores.

    Parameters
    ----------
    inner : array of float64, shape (n_models, n_folds, n_groups)
    higher_is_better : bool

    Returns
    -------
    array of int64, shape (n_folds, n_groups)

    Examples
    --------
    >>> choose_best(np.array([[[0.1], [0.3]], [[0.2], [0.3]]])).ravel().tolist()
    [1, 0]
    """
    signed = inner if higher_is_better else -inner
    rounded = np.round(np.where(np.isfinite(signed), signed, -np.inf), DECIMALS)
    return rounded.argmax(axis=0).astype(np.int64)


def score_choice(
    plan: InnerFolds,
    benchmark: Benchmark,
    name: str,
    models: Sequence[Model],
    dataset: Dataset,
    groups: NeuronGroups,
    chosen: IntArray,
    *,
    join: Join = "exact",
) -> Score:
    """Score each fold by its chosen models, which are fitted to all training stimuli of the fold.

    Parameters
    ----------
    plan : InnerFolds
    benchmark : Benchmark
        Benchmark that :func:`check_can_choose` accepts.
    name : str
        Name of the choice, which the score takes for its model.
    models : sequence of Model
    dataset : Dataset
    groups : NeuronGroups
    chosen : array of int, shape (n_folds, n_groups)
        Index of the chosen model for each fold and group of neurons.
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.

    Returns
    -------
    Score
    """
    assert isinstance(benchmark, ChoosesByFold)
    used, place = np.unique(chosen, return_inverse=True)
    fits = [benchmark.held_out(models[index], dataset, join=join) for index in used]
    of_neurons = place.reshape(chosen.shape)[:, groups.of_neurons]
    responses = dataset.responses
    kept: Any = np.isin(responses["stimulus"].values, plan.stimuli)
    score = benchmark.score_chosen(
        models[used[0]],
        dataset,
        responses.isel(stimulus=np.flatnonzero(kept)).sortby("stimulus"),
        fits,
        of_neurons.astype(np.int64),
    )
    return replace(score, model=name)
