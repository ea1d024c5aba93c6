"""Neurons drawn anew for families that were scored on the same ones, from their stored arrays: nothing is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmark import Benchmark, make_benchmark
from neuroalign.errors import ArrayError, NeuroalignError
from neuroalign.registry import benchmarks
from neuroalign.resampling import NeuronStatistic, Resampling
from neuroalign.results import ResultsStore
from neuroalign.score_groups import ScoreGroup
from neuroalign.scores import Score
from neuroalign.stats import bootstrap_means

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
    if benchmark is None:
        return DrawnNeurons({}, reason=f"{group.benchmark} is not installed")
    resampling = benchmark.resampling("value")
    if resampling.from_score is None:
        return DrawnNeurons({}, reason=resampling.reason)
    n_arrays = sum(map(len, families.values()))
    if wanted is None and n_arrays > MOST_ARRAYS:
        return DrawnNeurons(
            {}, reason=f"the arrays of {n_arrays:,} scores were not read; --over-neurons reads them"
        )
    neurons: tuple[str, ...] | None = None
    statistics: dict[str, NeuronStatistic] = {}
    reasons = []
    for name, scores in families.items():
        try:
            read = [replace(each, data=store.load_arrays(key)) for key, each in scores.items()]
            statistics[name] = mean_of_instances(neuron_statistics(read, resampling, neurons))
        except NeuroalignError as error:
            # An import may be damaged or odd; the other families are tested all the same.
            reasons.append(f"{name}: {error}")
            continue
        neurons = statistics[name].neurons
    means = bootstrap_means(
        list(statistics.values()), 0 if neurons is None else len(neurons), n_resamples=N_RESAMPLES
    )
    return DrawnNeurons(
        dict(zip(statistics, means, strict=True)), 0 if neurons is None else len(neurons), "; ".join(reasons)
    )


def neuron_statistics(
    scores: Sequence[Score], resampling: Resampling, neurons: Sequence[str] | None = None
) -> list[NeuronStatistic]:
    """Return one statistic of each score of a family as a function of the same neurons.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances, with their arrays; those without the statistic are passed over.
    resampling : Resampling
        With `from_score`.
    neurons : sequence of str, optional
        The order of the neurons; by default that of their sorted names.

    Returns
    -------
    list of NeuronStatistic

    Raises
    ------
    ArrayError
        If no instance has a score, scores are of different neurons, or arrays are not those of the benchmark.
    """
    assert resampling.from_score is not None
    statistics: list[NeuronStatistic] = []
    for score in scores:
        if not np.isfinite(resampling.read(score)):
            continue
        try:
            own = resampling.from_score(score)
        except (KeyError, ValueError, TypeError, ArrayError) as error:
            raise ArrayError(f"the arrays of {score.model} are not those of {score.benchmark}") from error
        # Sorted, so that the same draws are made for every order of the scores.
        neurons = sorted(own.neurons) if neurons is None else neurons
        if sorted(own.neurons) != sorted(neurons):
            raise ArrayError(f"{score.model} was scored on other neurons than the rest")
        statistics.append(own.in_order(neurons))
    if not statistics:
        raise ArrayError("no instance has a score")
    return statistics


def mean_of_instances(statistics: Sequence[NeuronStatistic]) -> NeuronStatistic:
    """Return the mean of statistics of the same neurons in the same order as one statistic."""
    stops = np.cumsum([statistic.terms.shape[1] for statistic in statistics])[:-1]

    def combine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = np.split(sums, stops, axis=1)
        values = [statistic.combine(part) for statistic, part in zip(statistics, parts, strict=True)]
        return np.mean(values, axis=0)

    return NeuronStatistic(
        statistics[0].neurons, np.hstack([statistic.terms for statistic in statistics]), combine
    )


def _benchmark(group: ScoreGroup) -> Benchmark | None:
    """Return the installed benchmark with the options of a group; None where it cannot be had."""
    try:
        return make_benchmark(group.benchmark, benchmarks.get(group.benchmark), group.options)
    except NeuroalignError:
        return None
