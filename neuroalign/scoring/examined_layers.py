"""Scores of one layer for a choice: its ordinary score, and its scores within the training stimuli of each fold."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.models.model import Model
from neuroalign.names.foreign_code import foreign_code
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.instance import Batch, Failure, Prepared, score_prepared
from neuroalign.scoring.layer_candidates import Layer, Moved
from neuroalign.scoring.nested_choice import InnerFolds, NeuronGroups, inner_scores

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Settings:
    """Settings that all layers of a choice share.

    Parameters
    ----------
    benchmark : Benchmark
    dataset : Dataset
    plan : InnerFolds
    groups : NeuronGroups
    batch : Batch
        Settings of the ordinary scores.
    orders : sequence of arrays of int
        Shuffles of the nested score.
    own_orders : sequence of arrays of int
        Shuffles of the benchmark, for groups of neurons without shuffles of the nested score.
    """

    benchmark: Benchmark
    dataset: Dataset
    plan: InnerFolds
    groups: NeuronGroups
    batch: Batch
    orders: Sequence[IntArray]
    own_orders: Sequence[IntArray]


@dataclass(frozen=True, eq=False)
class Examined:
    """Scores of one layer.

    Parameters
    ----------
    ordinary : Score
    by_group : array of float64, shape (n_groups,)
        Ordinary score of each group.
    inner : array of float64, shape (1 + n_permutations, n_folds, n_groups)
        Inner scores, then the inner scores with shuffled stimuli.
    shuffled : array of float64, shape (n_shuffles, n_groups)
        Ordinary scores of shuffled stimuli.
    """

    ordinary: Score
    by_group: FloatArray
    inner: FloatArray
    shuffled: FloatArray


def examine(layer: Layer, settings: Settings) -> Examined | Failure:
    """Return the ordinary score of a layer and its scores within the training stimuli of each fold.

    Parameters
    ----------
    layer : Layer
    settings : Settings

    Returns
    -------
    Examined or Failure
    """
    benchmark, dataset, groups, batch = settings.benchmark, settings.dataset, settings.groups, settings.batch
    latents = layer.latents(dataset.stimuli)
    prepared = Prepared(layer.model, dataset.stimuli, latents, layer.use_cache)
    # κ, predictive power and random folds take long, and the choice does not need them.
    switched_off = {"turns": 0, "predictive_power": False, "random_folds": False}
    names = {option.name for option in fields(benchmark)}
    plain = replace(benchmark, **{option: value for option, value in switched_off.items() if option in names})
    # The score of a layer is stored if it is the score that the benchmark gives without a choice.
    is_stored = batch.use_cache and plain.options() == benchmark.options()
    of_layer = replace(
        batch, family=layer.candidate.family, is_sample=layer.candidate.is_sample, use_cache=is_stored
    )
    ordinary = score_prepared(plain, layer.model, prepared, layer.latents_hash, layer.seconds, of_layer)
    if isinstance(ordinary, Failure):
        return ordinary
    statistic = benchmark.resampling("value").from_score
    assert statistic is not None
    neuroids = dataset.responses["neuroid"].values.astype(str).tolist()
    models: list[Model] = [prepared, *(Moved(prepared, dataset, order) for order in settings.orders)]
    try:
        with foreign_code(f"{benchmark.identifier} fails on {layer.identifier}"):
            inner = [
                inner_scores(settings.plan, benchmark, model, dataset, groups, join=batch.join)
                for model in models
            ]
            if len(groups.names) == 1:
                shuffled = ordinary.data["shuffled"].values[:, None] if "shuffled" in ordinary.data else None
            else:
                orders = settings.orders or settings.own_orders
                shuffled = _refit_shuffled(prepared, settings, orders) if orders else None
            return Examined(
                ordinary=ordinary,
                by_group=statistic(ordinary).in_order(neuroids)(groups.members),
                inner=np.array(inner),
                shuffled=np.empty((0, len(groups.names))) if shuffled is None else shuffled,
            )
    except NeuroalignError as reason:
        return Failure(layer.identifier, benchmark.identifier, reason)


def _refit_shuffled(model: Model, settings: Settings, orders: Sequence[IntArray]) -> FloatArray:
    """Return the ordinary score of each group with shuffled stimuli, (n_shuffles, n_groups)."""
    benchmark, dataset = settings.benchmark, settings.dataset
    refit = benchmark.alone().resampling("value").refit
    assert refit is not None
    scores = []
    for order in orders:
        moved = Moved(model, dataset, order)
        latents, responses = benchmark.align(moved, dataset, join=settings.batch.join)
        statistic = refit(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
        neuroids = responses["neuroid"].values.astype(str).tolist()
        scores.append(statistic.in_order(neuroids)(settings.groups.members))
    return np.array(scores)
