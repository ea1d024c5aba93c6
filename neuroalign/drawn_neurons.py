"""Neurons drawn anew for families that were scored on the same ones, from their stored arrays: nothing is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.benchmark import Benchmark, NeuronTerms, make_benchmark
from neuroalign.errors import ArrayError, NeuroalignError
from neuroalign.registry import benchmarks
from neuroalign.results import ResultsStore
from neuroalign.score_groups import ScoreGroup
from neuroalign.scores import Score
from neuroalign.stats import bootstrap_weighted_means

#: Draws of neurons behind the test over instances and neurons.
N_RESAMPLES = 10_000

#: The arrays of so many scores by one benchmark are read without being asked for, which takes about a second.
MOST_ARRAYS = 500


@dataclass(frozen=True)
class DrawnNeurons:
    """What becomes of the means of families when neurons are drawn anew.

    Parameters
    ----------
    means : mapping of str to array of float, shape (n_resamples,)
        The mean over the instances of a family for each draw; the same draws for all families.
    n_neurons : int
        That were scored on.
    reason : str
        Why families are missing; empty if none is.
    """

    means: Mapping[str, NDArray[np.float64]]
    n_neurons: int = 0
    reason: str = ""


def draw_neurons(group: ScoreGroup, store: ResultsStore, wanted: bool | None = None) -> DrawnNeurons:
    """Draw neurons for the families of a group that have several instances.

    Parameters
    ----------
    group : ScoreGroup
    store : ResultsStore
        That its scores are from.
    wanted : bool, optional
        Whether to read their arrays; by default where these are :data:`MOST_ARRAYS` at most.

    Returns
    -------
    DrawnNeurons
    """
    families = {name: scores for name, scores in group.families.items() if len(scores) > 1}
    if wanted is False or len(families) < 2:
        return DrawnNeurons({})
    benchmark = _benchmark(group)
    no_mean = DrawnNeurons({}, reason=f"{group.benchmark} is no weighted mean over neurons")
    if benchmark is None or type(benchmark).over_neurons is Benchmark.over_neurons:
        return no_mean
    n_arrays = sum(map(len, families.values()))
    if wanted is None and n_arrays > MOST_ARRAYS:
        return DrawnNeurons(
            {}, reason=f"the arrays of {n_arrays:,} scores were not read; --over-neurons reads them"
        )
    neurons: NDArray[np.str_] | None = None
    terms, reasons = {}, []
    for name, scores in families.items():
        try:
            read = [replace(each, data=store.load_arrays(key)) for key, each in scores.items()]
            found = neuron_terms(read, benchmark, neurons)
        except NeuroalignError as error:
            # An import may be damaged or odd; the other families are tested all the same.
            reasons.append(f"{name}: {error}")
            continue
        if found is None:
            return no_mean
        neurons, terms[name] = found
    means = bootstrap_weighted_means(list(terms.values()), n_resamples=N_RESAMPLES)
    return DrawnNeurons(
        dict(zip(terms, means, strict=True)), 0 if neurons is None else len(neurons), "; ".join(reasons)
    )


def neuron_terms(
    scores: Sequence[Score], benchmark: Benchmark, neurons: NDArray[np.str_] | None = None
) -> tuple[NDArray[np.str_], NeuronTerms] | None:
    """Write the scores of a family as weighted means over the same neurons.

    Parameters
    ----------
    scores : sequence of Score
        Of the instances, by this benchmark, with their arrays; those that are NaN are passed over.
    benchmark : Benchmark
    neurons : array of str, optional
        The order of the neurons; by default that of their sorted names.

    Returns
    -------
    tuple of neurons and (values, weights), or None
        Values and weights have the shape (n_instances, n_neurons). None where the score is no weighted mean.

    Raises
    ------
    ArrayError
        If no instance has a score, scores are of different neurons, or arrays are not those of the benchmark.
    """
    values, weights = [], []
    for score in scores:
        if not np.isfinite(score.value):
            continue
        try:
            terms = benchmark.over_neurons(score)
            own = pd.Index(score.data["neuroid"].values) if terms is not None else None
        except (KeyError, ValueError, TypeError) as error:
            raise ArrayError(
                f"the arrays of {score.model} are not those of {benchmark.identifier}"
            ) from error
        if terms is None or own is None:
            return None
        # Sorted, so that the same draws are made whichever score is read first.
        neurons = np.sort(own.values) if neurons is None else neurons
        order = own.get_indexer(neurons) if own.is_unique else np.array([-1])
        if len(own) != len(neurons) or (order < 0).any():
            raise ArrayError(f"{score.model} was scored on other neurons than the rest")
        values.append(np.asarray(terms[0], dtype=np.float64)[order])
        weights.append(np.asarray(terms[1], dtype=np.float64)[order])
    if not values or neurons is None:
        raise ArrayError("no instance has a score")
    return neurons, (np.stack(values), np.stack(weights))


def _benchmark(group: ScoreGroup) -> Benchmark | None:
    """Return the installed benchmark with the options of a group; None where it cannot be had."""
    try:
        return make_benchmark(group.benchmark, benchmarks.get(group.benchmark), group.options)
    except NeuroalignError:
        return None
