"""Scores of the layers of a network, from one pass over the stimuli."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.files.digests import digest
from neuroalign.jobs import count_workers, run_jobs
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.layered import Layered
from neuroalign.models.loading import reduce_model
from neuroalign.models.model import Model
from neuroalign.models.sweeps import Layer, load_layers
from neuroalign.names.defaults import DEFAULT_BENCHMARK, DEFAULT_SUBSET
from neuroalign.names.syntax import Spec
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore, now
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.evaluate import check_shuffles
from neuroalign.scoring.grouped import GroupScore, as_columns, to_table
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.scoring.instance import Batch, Failure, SharedLatents, score_instance_on_parts
from neuroalign.scoring.parts import Part, select_parts
from neuroalign.validation import checks

if TYPE_CHECKING:
    import pandas as pd

#: Name of the network's own output in tables.
OUTPUT_NAME = "(output)"


@dataclass(frozen=True, eq=False)
class LayerScore:
    """Score of one layer on one group of a dataset, or the reason why the score is missing.

    Parameters
    ----------
    layer : str
        Name of the layer; "" is the network's own output.
    depth : int
        Place among the layers of the sweep in the order in which the network runs them, from 1.
    n_units : int or None
        Number of units that are scored (D), after reducers and the draw of common units; None where unknown.
    group : GroupScore
        Score with the conditions of the group; without groups, they are empty.
    """

    layer: str
    depth: int
    n_units: int | None
    group: GroupScore

    @property
    def score(self) -> Score | None:
        """Score of the layer; None where it could not be computed."""
        return self.group.score

    @property
    def shown_layer(self) -> str:
        """Name of the layer for tables."""
        return self.layer or OUTPUT_NAME

    def to_record(self) -> dict[str, Any]:
        """Return the layer, its size and its score as a dictionary that JSON can hold."""
        place = {"layer": self.layer, "depth": self.depth, "n_units": self.n_units}
        return {**place, **self.group.to_record()}


@dataclass(frozen=True, eq=False)
class LayerScores:
    """Scores of the layers of a network.

    Parameters
    ----------
    model, dataset : str
        Name of the network with its patterns, and identifier of the dataset.
    simulated : bool
        Whether the neurons are simulated.
    by : tuple of str
        Columns of the groups.
    rows : tuple of LayerScore
        Scores, benchmark by benchmark, for each benchmark by depth, for each layer group by group.
    left_out : mapping of str to str
        Reason why a layer that a pattern matches is left out, by layer.
    common_units : int or None
        Number of units that each layer has after the draw; None for all units.
    seed : int
        Seed of the draw of units.
    """

    model: str
    dataset: str
    simulated: bool
    by: tuple[str, ...]
    rows: tuple[LayerScore, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    common_units: int | None = None
    seed: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the scores as a dictionary that JSON can hold."""
        return {
            "model": self.model,
            "dataset": self.dataset,
            "simulated": self.simulated,
            "by": list(self.by),
            "common_units": self.common_units,
            **({} if self.common_units is None else {"seed_of_units": self.seed}),
            "rows": [row.to_record() for row in self.rows],
            "left_out": dict(self.left_out),
        }

    def to_table(self) -> "pd.DataFrame":
        """Return the scores as a table.

        Returns
        -------
        pandas.DataFrame
            A row for each layer, group and benchmark, with the columns ``depth``, ``layer`` and ``n_units``, and the
            columns of :func:`neuroalign.scoring.grouped.to_table`.
        """
        table = to_table([row.group for row in self.rows])
        table.insert(0, "depth", [row.depth for row in self.rows])
        table.insert(1, "layer", [row.shown_layer for row in self.rows])
        table.insert(2, "n_units", [row.n_units for row in self.rows])
        return table


@checks("layers", "seed", "join", "use_cache", "store")
def score_layers(
    model: "str | Layered | Any",
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark | Sequence[str | Benchmark] = DEFAULT_BENCHMARK,
    *,
    layers: str | None = None,
    by: str | Sequence[str] = (),
    common_units: "int | Literal['min'] | None" = None,
    seed: int = 0,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
    **options: Any,
) -> LayerScores:
    """Score each of several layers of a network.

    The network runs once over the stimuli, and the units of all layers are written to files. One layer at a time is in
    memory. The score of a layer is the score of the layer alone, under the same key in the results store.

    Parameters
    ----------
    model : str, Layered, or torch module
        Name with layers behind an @, such as ``timm:resnet50@*[pool=mean]``, a network with patterns, such as
        ``na.as_model(module, layer="layer*")``, or any network together with `layers`.
    dataset : str, path or Dataset
    benchmark : str, Benchmark, or sequence of them
        Benchmarks of the scores, or names of groups of benchmarks.
    layers : str, optional
        Names and patterns with commas, in place of the layers of `model`.
    by : str or sequence of str
        Columns of the neurons, trials or stimuli; each combination of their values is a group with a score of its own.
    common_units : int, "min" or None
        Number of units that are drawn at random from each layer, so that scores that depend on the number of units
        compare layers; "min" is the number of units of the smallest layer. Layers with fewer units have no score. Where
        the layers have reducers, their units after the reducers are drawn.
    seed : int
        Seed of the draw of units.
    join, use_cache, n_permutations, permutation_seed
        See :func:`neuroalign.score`.
    n_jobs : int
        Number of layers that are scored at the same time. The numbers do not depend on it.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.
    **options
        Options of the model; see ``neuroalign.models.loading.load_model``.

    Returns
    -------
    LayerScores

    Raises
    ------
    UsageError
        If the model has no layers to choose from, a layer is too large for the memory, or `common_units` is not a
        positive number or "min".
    UnknownNameError
        If a name is unknown, or a pattern matches no layer.
    ModelError
        If the network fails.

    Examples
    --------
    >>> import torch
    >>> from neuroalign import as_model
    >>> from neuroalign.scoring.layers import score_layers
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=4)
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3))
    >>> model = as_model(net, layer="*", pool="mean")
    >>> scores = score_layers(model, dataset, "ridge[n_permutations=0]", use_cache=False)
    >>> [(row.depth, row.layer, row.n_units) for row in scores.rows]
    [(1, '0', 4), (2, '1', 4), (3, '2', 5)]
    """
    check_shuffles(n_permutations, permutation_seed)
    _check_common(common_units, seed)
    benchmarks = load_benchmarks([benchmark] if isinstance(benchmark, str | Benchmark) else list(benchmark))
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    columns = as_columns(by)
    parts = select_parts(loaded, columns, "") if columns else [Part({}, None, loaded)]
    created, store = now(), store or ResultsStore()
    serial = store.new_serial() if use_cache else None

    def batch(part: Dataset, family: str) -> Batch:
        return Batch(
            dataset=part,
            benchmarks=benchmarks,
            family=family,
            is_sample=None,
            join=join,
            use_cache=use_cache,
            store=store,
            created=created,
            serial=serial,
            n_permutations=n_permutations,
            permutation_seed=permutation_seed,
        )

    with load_layers(model, loaded, layers=layers, **options) as sweep:
        sweep.extract(loaded.stimuli, use_cache=use_cache)
        sized = list(sweep.layers)
        if common_units is not None and sweep.is_reduced:
            sized = [_count_units(layer, loaded, use_cache) for layer in sweep.layers]
        n_common = min(layer.n_units for layer in sized) if common_units == "min" else common_units
        chosen, too_small = _draw_common(sized, n_common, seed)
        tasks = [
            (
                layer.model,
                [batch(part.dataset, layer.model.identifier) for part in parts if part.dataset is not None],
            )
            for layer in chosen
        ]
        results = dict(zip((layer.depth for layer in chosen), _run(tasks, n_jobs), strict=True))
        every = sorted([*chosen, *too_small], key=lambda layer: layer.depth)
        rows = tuple(
            _row(layer, part, number, results.get(layer.depth), loaded, benchmarks[number], parts, n_common)
            for number in range(len(benchmarks))
            for layer in every
            for part in parts
        )
        return LayerScores(
            model=sweep.identifier,
            dataset=loaded.identifier,
            simulated=loaded.simulated,
            by=tuple(columns),
            rows=rows,
            left_out=sweep.selection.left_out,
            common_units=n_common,
            seed=seed,
        )


def _check_common(common_units: "int | str | None", seed: int) -> None:
    is_number = isinstance(common_units, int) and not isinstance(common_units, bool) and common_units > 0
    if not (common_units is None or common_units == "min" or is_number):
        raise UsageError(f"common_units must be a positive number or 'min', got {common_units!r}")
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")


def _count_units(layer: Layer, dataset: Dataset, use_cache: bool) -> Layer:
    """Return a layer with its number of units after reducers, which depends on them and on the stimuli."""
    try:
        latents = compute_latents(layer.model, dataset.stimuli, use_cache=use_cache)
    except NeuroalignError:  # its row gives the reason
        return layer
    return replace(layer, n_units=latents.sizes["unit"])


def _draw_common(layers: Sequence[Layer], n_common: int | None, seed: int) -> tuple[list[Layer], list[Layer]]:
    """Return the layers with a draw of their units, and the layers with too few units."""
    if n_common is None:
        return list(layers), []
    subset = Spec(DEFAULT_SUBSET, {"n": n_common, "seed": seed})
    chosen = [
        layer if layer.n_units == n_common else replace(layer, model=reduce_model(layer.model, [subset]))
        for layer in layers
        if layer.n_units >= n_common
    ]
    return chosen, [layer for layer in layers if layer.n_units < n_common]


_Outcomes = tuple[int | None, list[list[Score | Failure]]]


def _run(tasks: Sequence[tuple[Model, list[Batch]]], n_jobs: int) -> list[_Outcomes]:
    """Score each layer on its parts; return the number of units and the outcomes of each layer, in order."""
    import joblib

    # Several processes get some of the layers each, because every process gets a copy of the network.
    n_workers = count_workers(n_jobs)
    n_chunks = len(tasks) if n_workers == 1 else min(n_workers, len(tasks))
    jobs = [joblib.delayed(_score_some)(tasks[start::n_chunks]) for start in range(n_chunks)]
    finished = run_jobs(jobs, n_jobs=n_jobs, description="scoring layers")
    outcomes: list[_Outcomes] = [(None, [])] * len(tasks)
    for start, results in enumerate(finished):
        outcomes[start::n_chunks] = results
    return outcomes


def _score_some(tasks: Sequence[tuple[Model, list[Batch]]]) -> list[_Outcomes]:
    results: list[_Outcomes] = []
    for model, batches in tasks:
        # The latents of one layer are in memory at a time.
        latents = SharedLatents()
        outcomes = score_instance_on_parts([(model, batch, {}) for batch in batches], latents=latents)
        results.append((latents.n_units(model), outcomes))
    return results


def _row(
    layer: Layer,
    part: Part,
    number: int,
    result: _Outcomes | None,
    dataset: Dataset,
    benchmark: Benchmark,
    parts: Sequence[Part],
    n_common: int | None,
) -> LayerScore:
    n_units, outcomes = (layer.n_units, []) if result is None else result
    reason = part.reason
    if result is None:
        reason = f"the layer has {layer.n_units:,} units, fewer than {n_common:,}"
    scored = [place for place in parts if place.dataset is not None]
    outcome = outcomes[scored.index(part)][number] if result is not None and part in scored else None
    score = outcome if isinstance(outcome, Score) else None
    if isinstance(outcome, Failure):
        reason = str(outcome.reason)
    n_stimuli = len(part.stimuli)
    group = GroupScore(
        conditions=part.conditions,
        window=None,
        model=layer.model.identifier,
        dataset=dataset.identifier if part.dataset is None else part.dataset.identifier,
        benchmark=benchmark.identifier,
        n_neurons=part.n_neurons,
        n_stimuli=n_stimuli if score is None else int(score.provenance.get("n_stimuli", n_stimuli)),
        options=benchmark.options(),
        stimuli_hash=digest(part.stimuli) if part.stimuli else "",
        score=score,
        reason=reason,
    )
    return LayerScore(layer.name, layer.depth, n_units, group)
