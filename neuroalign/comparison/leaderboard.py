"""Leaderboards: families of models in order of their scores, with a test of every two families."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from neuroalign.comparison.axes import median_reliability
from neuroalign.comparison.family_rows import FAMILY_COLUMNS, describe_family, numbers_beside, training_notes
from neuroalign.comparison.groups import GroupSamples, read_group
from neuroalign.comparison.inference import N_RESAMPLES
from neuroalign.comparison.own_row import compare_own_row, expect_row, record_of
from neuroalign.comparison.pairs import ALPHA, letters_of_families, tests_of_pairs, why_untested
from neuroalign.comparison.record import statistic_record
from neuroalign.comparison.samples import draw_together
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.comparison.shipped import store_with_shipped
from neuroalign.comparison.table import Leaderboard
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.cautions import cautions_of_instances, is_readable
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.validation import checks

Correction = Literal["holm", "bh"]

#: Names of the corrections in tables.
CORRECTIONS = {"holm": "Holm", "bh": "BH"}

#: Note of a family without a rank, because its score must not be interpreted.
NOT_INTERPRETED = "no test: must not be interpreted"

#: Scope of Welch's test.
SCOPE_OF_WELCH = (
    "Welch's test, the paper's, speaks of the spread of instances only: instances share neurons and images."
)

#: Prefix of the columns with numbers that belong to the mean.
BESIDE = "beside: "

#: Scope of the test behind the letters.
SCOPE_OF_CROSSED_TEST = (
    "The test over instances and neurons adds the variance of a paired bootstrap over neurons to the "
    "variance over instances, so it speaks of other neurons, too."
)


@checks("store", "correction", "over_neurons", "mine")
def leaderboard(
    dataset: str | Dataset,
    benchmark: str | Benchmark = DEFAULT_BENCHMARK,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
    mine: str = "",
) -> Leaderboard:
    """Rank the families that were scored on a dataset by a benchmark.

    Parameters
    ----------
    dataset : str or Dataset
        Scores of earlier versions of the dataset are left out.
    benchmark : str or Benchmark
        Benchmark with its options; scores of other options or versions are left out.
    store : ResultsStore, optional
        Store with the scores; by default the store in the folder of neuroalign, with the scores that come with
        neuroalign where the user has no scores under their keys.
    correction : {"holm", "bh"}
        Correction of the p-values over all pairs of families; see :func:`neuroalign.stats.adjust_p_values`.
    over_neurons : bool
        Whether to test over instances and neurons, which gives the letters and reads the arrays of the scores, about
        2 ms for each score.
    mine : str
        Family or model with a row that is tested against every other row.

    Returns
    -------
    Leaderboard
        Data frame; see ``rank()``.

    Raises
    ------
    UnknownNameError
        If no row has the name `mine`.

    Notes
    -----
    Instances share neurons and images, so Welch's test speaks only of the spread of instances. The letters come from
    the test over instances and neurons.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import neuroalign as na
    >>> from neuroalign.results.store import ResultsStore
    >>> from neuroalign.testing import make_dataset, make_score
    >>> store, dataset, ridge = ResultsStore(mkdtemp()), make_dataset(), na.load_benchmark("ridge")
    >>> for key, (family, value) in enumerate({"pca": 0.2, "ica": 0.4}.items()):
    ...     store.save(f"{key:04x}", make_score(value, model=f"{family}[n=5]", benchmark=ridge, dataset=dataset))
    >>> na.leaderboard(dataset, "ridge", store=store)[["family", "mean"]].to_dict("list")
    {'family': ['ica', 'pca'], 'mean': [0.4, 0.2]}
    """
    tables = leaderboards(
        dataset, [benchmark], store=store, correction=correction, over_neurons=over_neurons, mine=mine
    )
    return tables[0]


@checks("store", "correction", "over_neurons", "mine")
def leaderboards(
    dataset: str | Dataset,
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
    mine: str = "",
) -> list[Leaderboard]:
    """Rank the families that were scored on a dataset by several benchmarks; the store is read once.

    Parameters
    ----------
    dataset, store, correction, over_neurons, mine
        As for :func:`leaderboard`.
    benchmarks : sequence of str or Benchmark, optional
        By default all benchmarks, with each set of options in the store.

    Returns
    -------
    list of Leaderboard
        One table for each benchmark and set of options; see ``rank()``.
    """
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    store = store or store_with_shipped(loaded.identifier)
    groups = group_scores(store.items(dataset=loaded.identifier), loaded, wanted)
    reliability = median_reliability(loaded) if any(group.families for group in groups) else float("nan")
    if mine:
        mine = expect_row(mine, [name for group in groups for name in group.families], loaded.identifier)
    return [
        rank(
            group,
            loaded,
            read_group(group, store, over_neurons),
            correction=correction,
            reliability=reliability,
            mine=mine,
        )
        for group in groups
    ]


def rank(
    group: ScoreGroup,
    dataset: Dataset,
    samples: GroupSamples,
    *,
    correction: Correction = "holm",
    reliability: float = float("nan"),
    mine: str = "",
) -> Leaderboard:
    """Rank the families of a group of comparable scores.

    Parameters
    ----------
    group : ScoreGroup
    dataset : Dataset
        Dataset of the scores.
    samples : GroupSamples
        Samples from ``neuroalign.comparison.groups.read_group``.
    correction : {"holm", "bh"}
    reliability : float
        Median split-half reliability of the neurons; NaN where it is unknown.
    mine : str
        Family that is tested against every other family; none by default.

    Returns
    -------
    Leaderboard
        Data frame with one row for each family, best first by the statistic that ``attrs["statistic"]`` names. Families
        with a score that must not be interpreted come last, and have neither letters nor tests. The families of a
        control are in the order of their names. Columns:

        - ``family``, ``n`` (instances), ``mean`` of the statistic with its 95 % interval ``ci_low`` and ``ci_high``
          over the things in ``interval_over``, and ``sd`` and ``se`` over instances;
        - ``error`` (mean of the standard errors of the instances, over ``attrs["error_over"]``);
        - ``value``, ``null`` and ``ceiling``: means of the score itself, its level of chance and its ceiling;
          ``beside: …``: numbers beside the score (means over instances; medians of p-values);
        - ``letters``: families that share a letter are not shown to differ over instances and neurons (families
          without a seed: over neurons only). ``welch_letters``: the same by Welch's test over instances, as in the
          paper. Both are empty for families without a test;
        - two-sided tests of the ``difference`` from the best family (mean of the best less the mean of the row). Over
          instances and neurons: ``crossed_ci_low``, ``crossed_ci_high``, ``crossed_p_raw``, ``crossed_p`` (corrected
          over all pairs) and ``crossed_over``. Welch's test: ``welch_ci_low``, ``welch_ci_high``, ``welch_t``,
          ``welch_df``, ``welch_p_raw``, ``welch_p`` and ``hedges_g``;
        - ``value_difference``, ``value_p_raw`` and ``value_p``: test over instances and neurons of the score itself, on
          common terms of all families, where the statistic is another number;
        - ``note``: reason for a missing test.

        ``attrs`` hold the dataset, the benchmark with its version and options, ``statistic``, ``is_control``,
        ``pairs`` (records of the tests of every two families, with the prefixes ``welch_``, ``crossed_`` and
        ``value_``), ``n_neurons`` that were drawn, ``no_neurons`` (reasons of families without draws),
        ``no_sample`` (reasons of families that are tested over neurons only), ``welch_only`` (pairs that differ by
        Welch's test, but are not shown to differ over instances and neurons), ``reliability``, ``left_out``,
        ``cautions`` of each family (see :mod:`neuroalign.scoring.cautions`), ``unreadable`` (families that must not be
        interpreted), ``trained_on`` (notes of families that were trained on the images of another dataset) and ``mine``
        (``family``, and ``tests`` against every other family, with p-values that are corrected for their number; see
        :class:`neuroalign.comparison.own_row.RowTest`).
    """
    draw_together(samples.samples.values(), N_RESAMPLES, 0)
    families = {family: list(scores.values()) for family, scores in group.families.items()}
    statistic, is_control = samples.statistic, samples.is_control
    table = _in_order(
        pd.DataFrame(
            [
                describe_family(samples.samples[family], scores, statistic)
                for family, scores in families.items()
            ],
            columns=FAMILY_COLUMNS,
        ),
        is_control=is_control,
        higher_is_better=statistic.higher_is_better,
        unreadable=[name for name, scores in families.items() if not is_readable(*scores)],
    )
    for name, values in numbers_beside(families, samples).items():
        table[f"{BESIDE}{name}"] = table["family"].map(values).astype(np.float64)
    names = list(table["family"])
    attributes = _attributes_of_scores(families, names)
    tested = [name for name in names if not is_control and name not in attributes["unreadable"]]
    pairs = tests_of_pairs(tested, samples, correction)
    for column, test in (("letters", "crossed_p"), ("welch_letters", "welch_p")):
        letters = letters_of_families(table, pairs, test, higher_is_better=statistic.higher_is_better)
        table[column] = [letters.get(name, "") for name in names]
    _add_tests_against_best(table, pairs, samples, tested)
    table = Leaderboard(table)
    table.attrs = {
        "dataset": dataset.identifier,
        "dataset_hash": dataset.content_hash,
        "simulated": dataset.simulated,
        "benchmark": group.benchmark,
        "benchmark_version": group.benchmark_version,
        "name": group.name,
        "options": dict(group.options),
        "higher_is_better": statistic.higher_is_better,
        "statistic": statistic_record(statistic),
        "value_statistic": None
        if samples.value_statistic is None
        else statistic_record(samples.value_statistic),
        "is_control": is_control,
        "correction": correction,
        **attributes,
        "mine": record_of(mine, compare_own_row(mine, tested, samples, correction=correction)),
        "pairs": pairs.to_dict("records"),
        "n_neurons": samples.n_neurons,
        "no_neurons": samples.no_neurons,
        "no_sample": {
            name: sample.why_no_sample
            for name, sample in samples.samples.items()
            if sample.n > 1 and sample.why_no_sample
        },
        "welch_only": pairs.loc[
            (pairs["welch_p"] < ALPHA) & (pairs["crossed_p"] >= ALPHA), ["a", "b"]
        ].values.tolist(),
        "reliability": None if np.isnan(reliability) else reliability,
        "left_out": dict(group.left_out),
    }
    return table


def _in_order(
    table: pd.DataFrame, *, is_control: bool, higher_is_better: bool, unreadable: Sequence[str]
) -> pd.DataFrame:
    """Sort families by their means, the best first, and those that must not be interpreted last.

    The families of a control are in the order of their names.
    """
    if is_control:
        return table.sort_values("family", ignore_index=True)
    order = table.assign(last=table["family"].isin(unreadable)).sort_values(
        ["last", "mean", "family"], ascending=[True, not higher_is_better, True], ignore_index=True
    )
    return order.drop(columns="last")


def _add_tests_against_best(
    table: pd.DataFrame, pairs: pd.DataFrame, samples: GroupSamples, tested: Sequence[str]
) -> None:
    """Add columns with the test of each tested family against the best; empty for a control."""
    n_others = max(len(tested) - 1, 0)
    # The best family is the first of its pairs, which precede the other pairs.
    against_best = pairs.head(n_others)
    for column in _AGAINST_BEST:
        values = np.full(len(table), np.nan)
        values[1 : n_others + 1] = against_best[column].to_numpy(np.float64)
        table[column] = values
    if samples.is_control:
        table["crossed_over"] = table["note"] = [""] * len(table)
        return
    best = ["best"] * min(len(tested), 1)
    last = [NOT_INTERPRETED] * (len(table) - len(tested))
    notes = [why_untested(pair, samples) for pair in against_best.to_dict("records")]
    table["crossed_over"] = [*("" for _ in best), *against_best["crossed_over"], *("" for _ in last)]
    table["note"] = [*best, *notes, *last]


_AGAINST_BEST = [
    "difference",
    *(f"crossed_{name}" for name in ("ci_low", "ci_high", "p_raw", "p")),
    *(f"welch_{name}" for name in ("ci_low", "ci_high", "t", "df", "p_raw", "p")),
    "hedges_g",
    *(f"value_{name}" for name in ("difference", "p_raw", "p")),
]


def _attributes_of_scores(
    families: Mapping[str, Sequence[Score]], names: Sequence[str]
) -> dict[Hashable, Any]:
    """Return the attributes of a leaderboard that come from the scores themselves."""
    return {
        "error_over": " or ".join(
            sorted({score.error_over for scores in families.values() for score in scores})
        ),
        "trained_on": training_notes(families),
        "cautions": {family: cautions_of_instances(families[family]) for family in names},
        "unreadable": [family for family in names if not is_readable(*families[family])],
    }
