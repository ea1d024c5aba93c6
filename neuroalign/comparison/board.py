"""Boards: families of models on several datasets, with the mean over datasets, ranks and hierarchical intervals."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.comparison.board_columns import BoardColumn, Source, make_columns
from neuroalign.comparison.board_scores import BoardScores, gather_scores
from neuroalign.comparison.record import statistic_record
from neuroalign.datasets.board_file import MeanOver
from neuroalign.errors import UsageError
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.scoring.hierarchy import FloatArray, Hierarchy, draw_members, make_hierarchy, mean_by_size
from neuroalign.stats.hierarchical import Over, percentile_interval, rank_rows
from neuroalign.validation import NonNegative, Positive, check_names, checks

#: Number of draws behind the intervals.
N_RESAMPLES = 10_000

#: Prefix of the columns with the score on one dataset.
SCORE_ON = "score: "

_COLUMNS = ["family", "rank", "rank_low", "rank_high", "mean", "ci_low", "ci_high", "standard_error"]


def board(
    datasets: Sequence[Source],
    benchmark: str | Benchmark,
    **options: Any,
) -> pd.DataFrame:
    """Rank the families that were scored on several datasets by a benchmark.

    Parameters
    ----------
    datasets : sequence of str, path, Dataset or Collection
        Datasets and collections; each is a column.
    benchmark : str or Benchmark
        Benchmark with its options; scores of other options or versions are left out.
    **options
        Further arguments of :func:`boards`.

    Returns
    -------
    pandas.DataFrame
        See :func:`boards`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import neuroalign as na
    >>> from neuroalign.comparison.board import board
    >>> from neuroalign.results.store import ResultsStore
    >>> from neuroalign.testing import make_dataset, make_score
    >>> store, ridge = ResultsStore(mkdtemp()), na.load_benchmark("ridge")
    >>> days = [make_dataset(f"day{day}", n_neurons=3, seed=day) for day in (1, 2)]
    >>> for day, dataset in enumerate(days):
    ...     neurons = dict.fromkeys(dataset.recording["neuroid_id"].values, 0.2 + 0.2 * day)
    ...     score = make_score(model="pca[n=5]", benchmark=ridge, dataset=dataset, per_neuron=neurons)
    ...     store.save(f"{day:04x}", score)
    >>> float(board(days, "ridge", n_resamples=100, store=store)["mean"].round(2).iloc[0])
    0.3
    """
    return boards(datasets, [benchmark], **options)[0]


@checks(
    "models",
    "over",
    "mean",
    "over_ceiling",
    "separate_animals",
    "members",
    "n_resamples",
    "seed",
    "name",
    "title",
    "store",
)
def boards(
    datasets: Sequence[Source],
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    models: Sequence[str] = (),
    over: Over = "animals",
    mean: MeanOver = "all",
    over_ceiling: bool = False,
    separate_animals: bool = False,
    members: bool = False,
    n_resamples: Positive = N_RESAMPLES,
    seed: NonNegative = 0,
    name: str = "",
    title: str = "",
    store: ResultsStore | None = None,
) -> list[pd.DataFrame]:
    """Rank the families that were scored on several datasets by several benchmarks, each in a table of its own.

    Parameters
    ----------
    datasets : sequence of str, path, Dataset or Collection
        Datasets and collections; each is a column. The score on a collection is the mean over its neurons.
    benchmarks : sequence of str or Benchmark, optional
        By default all benchmarks, with each version and set of options in the store.
    models : sequence of str
        Families that are shown; by default all.
    over : {"animals", "sessions", "neurons"}
        Highest level of the bootstrap; see :func:`neuroalign.stats.draw_hierarchy`.
    mean : {"all", "available"}
        With "available", families with missing scores have a mean over the scores that exist; with "all" they have no
        mean.
    over_ceiling : bool
        Whether scores are divided by their ceilings. Scores without a ceiling stay as they are and are not in the mean.
    separate_animals : bool
        Whether animals of one name in different recordings are different animals.
    members : bool
        Whether each member of a collection is a column.
    n_resamples, seed : int
        Number of draws, and seed.
    name, title : str
        Name and title of the board.
    store : ResultsStore, optional
        Store with the scores; by default the store in the folder of neuroalign.

    Returns
    -------
    list of pandas.DataFrame
        One table for each benchmark, version and set of options, with one row for each family, the best mean first.
        Families with a score that must not be interpreted come behind the others, then families without a mean; the
        families of a control are in the order of their names. Columns:

        - ``family``; ``rank`` by the mean, with its 95 % interval ``rank_low`` to ``rank_high``, which are NaN for a
          family with a score in its mean that must not be interpreted; ``mean`` over the
          datasets, which count equally, with its 95 % percentile interval ``ci_low`` to ``ci_high`` and its
          ``standard_error``. NaN without a mean;
        - ``score: D`` for each dataset D: mean of the statistic over instances; NaN for a missing score.

        ``attrs`` hold the benchmark with its version and options, ``statistic``, the ``datasets`` with their members,
        ``levels`` (numbers of animals, sessions and neurons), ``drawn`` (levels that the bootstrap draws), ``cells``
        (record of each family on each dataset, with interval, instances, ceiling and cautions), ``unreadable``
        (families with a score in their mean that must not be interpreted), ``missing``, ``without_ceiling``,
        ``left_out`` and ``notes``.

    Raises
    ------
    DatasetError
        If some datasets are simulated and others recorded, or a dataset is on the board twice.
    UnknownNameError
        If a dataset does not exist or was not fetched, or no family has a name in `models`.

    Notes
    -----
    The draws are the same for all families. In each draw the mean over datasets weights each dataset by the number of
    times that its sessions were drawn, so that datasets of animals or sessions that were not drawn are left out.
    Instances, stimuli and ceilings are taken as given.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import neuroalign as na
    >>> from neuroalign.comparison.board import boards
    >>> from neuroalign.results.store import ResultsStore
    >>> from neuroalign.testing import make_dataset, make_score
    >>> store, dataset = ResultsStore(mkdtemp()), make_dataset(n_neurons=3)
    >>> neurons = dict.fromkeys(dataset.recording["neuroid_id"].values, 0.3)
    >>> for name in ("ridge", "linear"):
    ...     benchmark = na.load_benchmark(name)
    ...     store.save(name, make_score(model="pca[n=5]", benchmark=benchmark, dataset=dataset, per_neuron=neurons))
    >>> sorted(table.attrs["benchmark"] for table in boards([dataset], n_resamples=100, store=store))
    ['linear', 'ridge']
    """
    if not datasets:
        raise UsageError("a board must have at least one dataset, got none")
    columns = make_columns(datasets, members=members, available=mean == "available")
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    gathered = gather_scores(columns, wanted, store or ResultsStore())
    families = sorted({family for scores in gathered for family in scores.families})
    check_names(models, families, "scored family")
    hierarchy = make_hierarchy(
        [dataset for column in columns for dataset in column.datasets],
        over=over,
        separate_animals=separate_animals,
    )
    tables = []
    for scores in gathered:
        chosen = [family for family in scores.families if not models or family in models]
        table = _rank(scores, chosen, columns, hierarchy, mean, over_ceiling, n_resamples, seed)
        table.attrs.update({"board": name, "title": title})
        tables.append(table)
    return tables


def _rank(
    scores: BoardScores,
    families: Sequence[str],
    columns: Sequence[BoardColumn],
    hierarchy: Hierarchy,
    mean: MeanOver,
    over_ceiling: bool,
    n_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Rank the families by one benchmark."""
    statistics = [scores.statistics(family) for family in families]
    draws = draw_members(hierarchy, statistics, n_resamples=n_resamples, seed=seed)
    values = np.array(
        [[np.nan if s is None else s.value for s in row] for row in statistics], dtype=np.float64
    ).reshape(len(families), len(hierarchy.datasets))
    ceilings = np.array([scores.ceilings(family) for family in families]).reshape(values.shape)
    shape = (len(families), len(columns))
    on_dataset, ceiling = np.full(shape, np.nan), np.full(shape, np.nan)
    drawn = np.full((*shape, n_resamples), np.nan)
    weights = np.empty((len(columns), n_resamples))
    for place, column in enumerate(columns):
        own = list(column.places)
        scored = np.isfinite(values[:, own])
        shown = scored.any(axis=1) if mean == "available" else scored.all(axis=1)
        sizes = draws.original_sizes[:, own]
        on_dataset[shown, place] = mean_by_size(values[:, own], sizes, axis=1)[shown]
        drawn[shown, place] = mean_by_size(draws.values[:, own], draws.sizes[:, own], axis=1)[shown]
        has_ceiling = shown & (np.isfinite(ceilings[:, own]) | ~scored).all(axis=1)
        ceiling[has_ceiling, place] = mean_by_size(ceilings[:, own], sizes, axis=1)[has_ceiling]
        weights[place] = draws.weights[own].mean(axis=0)
    divided = np.zeros(shape, dtype=bool)
    if over_ceiling:
        divided = (ceiling > 0) & np.isfinite(on_dataset)
        on_dataset = np.where(divided, on_dataset / np.where(divided, ceiling, 1.0), on_dataset)
        drawn = drawn / np.where(divided, ceiling, 1.0)[..., None]
    # With over_ceiling, the mean leaves out scores without a ceiling.
    counted = np.isfinite(on_dataset) & (divided if over_ceiling else True)
    has_mean = counted.any(axis=1) if mean == "available" else counted.all(axis=1)
    means = np.where(has_mean, mean_by_size(on_dataset, counted.astype(np.float64), axis=1), np.nan)
    drawn_means = np.full((len(families), n_resamples), np.nan)
    for row in np.flatnonzero(has_mean).tolist():
        used = np.where(counted[row][:, None] & np.isfinite(drawn[row]), weights, 0.0)
        drawn_means[row] = mean_by_size(drawn[row], used)
    better = scores.statistic.higher_is_better
    readable = np.array(
        [[scores.is_readable(family, column) for column in columns] for family in families], dtype=bool
    ).reshape(shape)
    unreadable = has_mean & (counted & ~readable).any(axis=1)
    is_ranked = ~unreadable & (not scores.is_control)
    # A mean without a rank takes no place from the others, in no draw.
    ranks = rank_rows(np.where(is_ranked, means, np.nan)[:, None], higher_is_better=better)[:, 0]
    drawn_ranks = rank_rows(np.where(is_ranked[:, None], drawn_means, np.nan), higher_is_better=better)
    rows = []
    for row, family in enumerate(families):
        low, high, error = percentile_interval(drawn_means[row])
        rank_low, rank_high = _interval_of_rank(drawn_ranks[row], np.isfinite(low))
        cells = dict(zip((f"{SCORE_ON}{column.name}" for column in columns), on_dataset[row], strict=True))
        numbers = [ranks[row], rank_low, rank_high, means[row], low, high, error]
        rows.append({**dict(zip(_COLUMNS, [family, *numbers], strict=True)), **cells})
    names = [*_COLUMNS, *(f"{SCORE_ON}{column.name}" for column in columns)]
    table = pd.DataFrame(rows, columns=names)
    if not scores.is_control:
        # Behind the ranks come the means that must not be interpreted, the best first.
        table["_behind"] = np.where(unreadable, -means if better else means, np.nan)
    table = table.sort_values(
        [name for name in ("rank", "_behind", "family") if name in table], ignore_index=True
    )
    table = table[names]
    order = [families.index(family) for family in table["family"]]
    cells_of = [
        _cell(scores, families[row], column, on_dataset[row, place], drawn[row, place], ceiling[row, place])
        | {"over_ceiling": bool(divided[row, place])}
        for row in order
        for place, column in enumerate(columns)
    ]
    table.attrs = {
        **_attributes(scores, columns, hierarchy),
        "mean_over": mean,
        "over_ceiling": over_ceiling,
        "n_resamples": n_resamples,
        "seed": seed,
        "cells": cells_of,
        "unreadable": [families[row] for row in order if unreadable[row]],
        "missing": [
            [families[row], hierarchy.datasets[place]]
            for row in order
            for place in np.flatnonzero(~np.isfinite(values[row]))
        ],
        "without_ceiling": [
            [cell["family"], cell["dataset"]]
            for cell in cells_of
            if over_ceiling and cell["value"] is not None and not cell["over_ceiling"]
        ],
        "no_neurons": scores.why_no_neurons(families),
    }
    return table


def _interval_of_rank(ranks: FloatArray, has_interval: bool) -> tuple[float, float]:
    """Return the smallest interval of whole ranks with 95 % of the draws and at most 2.5 % on each side."""
    finite = ranks[np.isfinite(ranks)]
    if not has_interval or not finite.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def _cell(
    scores: BoardScores, family: str, column: BoardColumn, value: float, drawn: FloatArray, ceiling: float
) -> dict[str, Any]:
    """Return the record of one family on one dataset."""
    low, high, error = percentile_interval(drawn) if np.isfinite(value) else (np.nan,) * 3
    own = [scores.of(family, place) for place in column.places]
    return {
        "family": family,
        "dataset": column.name,
        "value": None if np.isnan(value) else float(value),
        "ci_low": low,
        "ci_high": high,
        "standard_error": error,
        "n_instances": [len(instances) for instances in own],
        "n_datasets": sum(bool(instances) for instances in own),
        "ceiling": float(ceiling),
        "cautions": scores.cautions(family, column),
        "readable": scores.is_readable(family, column),
    }


def _attributes(
    scores: BoardScores, columns: Sequence[BoardColumn], hierarchy: Hierarchy
) -> dict[Hashable, Any]:
    datasets = [dataset for column in columns for dataset in column.datasets]
    return {
        "datasets": [
            {
                "name": column.name,
                "members": [dataset.identifier for dataset in column.datasets],
                "hashes": [dataset.content_hash for dataset in column.datasets],
                "left_out": list(column.left_out),
            }
            for column in columns
        ],
        "simulated": datasets[0].simulated,
        "benchmark": scores.benchmark,
        "benchmark_version": scores.version,
        "name": scores.name,
        "options": dict(scores.options),
        "statistic": statistic_record(scores.statistic),
        "higher_is_better": scores.statistic.higher_is_better,
        "is_control": scores.is_control,
        "over": hierarchy.over,
        "levels": hierarchy.counts,
        "drawn": hierarchy.drawn if scores.draws_neurons else [x for x in hierarchy.drawn if x != "neurons"],
        "drawn_in_words": hierarchy.describe(),
        "few_animals": hierarchy.has_few_animals,
        "notes": list(hierarchy.notes),
        "left_out": scores.left_out,
    }
