"""Leaderboards: families of models in order of their scores, with a test of every two families."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from neuroalign.comparison.axes import median_reliability
from neuroalign.comparison.family_rows import FAMILY_COLUMNS, describe_family, numbers_beside, training_notes
from neuroalign.comparison.groups import GroupSamples, read_group
from neuroalign.comparison.inference import N_RESAMPLES
from neuroalign.comparison.pairs import ALPHA, letters_of_families, tests_of_pairs, why_untested
from neuroalign.comparison.record import statistic_record
from neuroalign.comparison.samples import draw_together
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.cautions import cautions_of_instances, is_readable
from neuroalign.scoring.groups import load_benchmarks

Correction = Literal["holm", "bh"]

#: Names of the corrections in tables.
CORRECTIONS = {"holm": "Holm", "bh": "BH"}

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


def leaderboard(
    dataset: str | Dataset,
    benchmark: str | Benchmark = DEFAULT_BENCHMARK,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
) -> pd.DataFrame:
    """Rank the families that were scored on a dataset by a benchmark.

    Parameters
    ----------
    dataset : str or Dataset
        Scores of earlier versions of the dataset are left out.
    benchmark : str or Benchmark
        Benchmark with its options; scores of other options or versions are left out.
    store : ResultsStore, optional
        Store with the scores; by default the store in the folder of neuroalign.
    correction : {"holm", "bh"}
        Correction of the p-values over all pairs of families; see :func:`neuroalign.stats.adjust_p_values`.
    over_neurons : bool
        Whether to test over instances and neurons, which gives the letters and reads the arrays of the scores, about
        2 ms for each score.

    Returns
    -------
    pandas.DataFrame
        See :func:`rank`.

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
    return leaderboards(dataset, [benchmark], store=store, correction=correction, over_neurons=over_neurons)[
        0
    ]


def leaderboards(
    dataset: str | Dataset,
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
) -> list[pd.DataFrame]:
    """Rank the families that were scored on a dataset by several benchmarks; the store is read once.

    Parameters
    ----------
    dataset, store, correction, over_neurons
        As for :func:`leaderboard`.
    benchmarks : sequence of str or Benchmark, optional
        By default all benchmarks, with each set of options in the store.

    Returns
    -------
    list of pandas.DataFrame
        One table for each benchmark and set of options; see :func:`rank`.
    """
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    store = store or ResultsStore()
    groups = group_scores(store.items(dataset=loaded.identifier), loaded, wanted)
    reliability = median_reliability(loaded) if any(group.families for group in groups) else float("nan")
    return [
        rank(
            group,
            loaded,
            read_group(group, store, over_neurons),
            correction=correction,
            reliability=reliability,
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
) -> pd.DataFrame:
    """Rank the families of a group of comparable scores.

    Parameters
    ----------
    group : ScoreGroup
    dataset : Dataset
        Dataset of the scores.
    samples : GroupSamples
        Samples from :func:`neuroalign.comparison.groups.read_group`.
    correction : {"holm", "bh"}
    reliability : float
        Median split-half reliability of the neurons; NaN where it is unknown.

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first by the statistic that ``attrs["statistic"]`` names. The families of a
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
        interpreted) and ``trained_on`` (notes of families that were trained on the images of another dataset).
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
    )
    for name, values in numbers_beside(families, samples).items():
        table[f"{BESIDE}{name}"] = table["family"].map(values).astype(np.float64)
    names = list(table["family"])
    pairs = tests_of_pairs([] if is_control else names, samples, correction)
    for column, test in (("letters", "crossed_p"), ("welch_letters", "welch_p")):
        letters = letters_of_families(table, pairs, test, higher_is_better=statistic.higher_is_better)
        table[column] = [letters.get(name, "") for name in names]
    _add_tests_against_best(table, pairs, samples)
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
        **_attributes_of_scores(families, names),
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


def _in_order(table: pd.DataFrame, *, is_control: bool, higher_is_better: bool) -> pd.DataFrame:
    """Sort families by their means, the best first; the families of a control by name."""
    if is_control:
        return table.sort_values("family", ignore_index=True)
    return table.sort_values(["mean", "family"], ascending=[not higher_is_better, True], ignore_index=True)


def _add_tests_against_best(table: pd.DataFrame, pairs: pd.DataFrame, samples: GroupSamples) -> None:
    """Add columns with the test of each family against the best; empty for a control."""
    n_others = max(len(table) - 1, 0)
    # The best family is the first of its pairs, which precede the other pairs.
    against_best = pairs.head(n_others)
    for column in _AGAINST_BEST:
        values = np.full(len(table), np.nan)
        values[1:] = np.nan if samples.is_control else against_best[column].to_numpy(np.float64)
        table[column] = values
    if samples.is_control:
        table["crossed_over"] = table["note"] = [""] * len(table)
        return
    best = [""] * (len(table) - n_others)
    table["crossed_over"] = [*best, *against_best["crossed_over"]]
    notes = [why_untested(pair, samples) for pair in against_best.to_dict("records")]
    table["note"] = [*["best" for _ in best], *notes]


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
