"""Families of models in order of their scores, with a test of every two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import pandas as pd

from neuroalign.comparison import (
    Sample,
    infer_own_mean,
    infer_pairs,
    median_reliability,
)
from neuroalign.comparison.groups import GroupSamples, read_group
from neuroalign.comparison.inference import N_RESAMPLES
from neuroalign.comparison.samples import draw_together
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.results.score import TRAINED_ON, Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.cautions import cautions_of_instances, is_readable
from neuroalign.scoring.resampling import Statistic
from neuroalign.stats.standard_errors import standard_error

Correction = Literal["holm", "bh"]

#: Families differ where the corrected p is below it.
ALPHA = 0.05

#: What Welch's test does not cover.
WHAT_THE_TEST_COVERS = (
    "Welch's test, the paper's, speaks of the spread of instances only: instances share neurons and images."
)

#: Columns of numbers without which the mean misleads begin with it.
BESIDE = "beside: "

#: What the test behind the letters covers.
WHAT_THE_CROSSED_TEST_COVERS = (
    "The test over instances and neurons adds the variance of a paired bootstrap over neurons to that of the "
    "instances, so it speaks of other neurons, too."
)


def leaderboard(
    dataset: str | Dataset,
    benchmark: str | Benchmark = "alignment",
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool | None = None,
) -> pd.DataFrame:
    """Rank the families that were scored on a dataset by a benchmark.

    Parameters
    ----------
    dataset : str or Dataset
        Scores of this very content are shown; those of an earlier version of it are left out.
    benchmark : str or Benchmark
        With its options; scores of other options or versions are left out.
    store : ResultsStore, optional
    correction : {"holm", "bh"}
        Of the p-values, over all pairs of families; see :func:`neuroalign.stats.adjust_p_values`.
    over_neurons : bool, optional
        Whether to test over instances and neurons, which reads the arrays of the scores and gives the letters; by
        default where these are 1,000 at most.

    Returns
    -------
    pandas.DataFrame
        See :func:`rank`.

    Notes
    -----
    Instances share neurons and images, so Welch's test speaks only of the spread of instances; letters are those of
    the test over instances and neurons.
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
    over_neurons: bool | None = None,
) -> list[pd.DataFrame]:
    """Rank the families that were scored on a dataset by several benchmarks; the store is read once.

    Parameters
    ----------
    dataset, store, correction, over_neurons
        As for :func:`leaderboard`.
    benchmarks : sequence of str or Benchmark, optional
        By default all, with each set of options that anything was scored with.

    Returns
    -------
    list of pandas.DataFrame
        A table for each benchmark and set of options, never of several; see :func:`rank`.
    """
    loaded = load_dataset(dataset)
    wanted = None if benchmarks is None else [load_benchmark(each) for each in benchmarks]
    store = store or ResultsStore()
    groups = group_scores(store.items(), loaded, wanted)
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
        The dataset that the scores are of.
    samples : GroupSamples
        As :func:`neuroalign.comparison.groups.read_group` returns them.
    correction : {"holm", "bh"}
    reliability : float
        Median split-half reliability of the neurons; NaN where it is not known.

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first by the statistic that ``attrs["statistic"]`` names; in the order of names
        for a control, which ranks nothing. Columns:

        - ``family``, ``n`` (instances), ``mean`` of the statistic with its 95 % interval ``ci_low`` and ``ci_high``
          over what ``interval_over`` names, and ``sd`` and ``se`` over instances;
        - ``error`` (mean of the instances' own standard errors, over what ``attrs["error_over"]`` names);
        - ``value``, ``null`` and ``ceiling``: means of the score itself, its level of chance and its ceiling, and
          numbers ``beside: `` the score (means over instances; medians of p-values);
        - ``letters``: families that share a letter are not shown to differ over instances and neurons; families
          without a seed are tested over neurons only. ``welch_letters``: the same by Welch's test over instances, as
          the paper has it. Families without a test have none;
        - two-sided tests of the ``difference`` from the best family (its mean less that of the row). Over instances
          and neurons: ``crossed_ci_low``, ``crossed_ci_high``, ``crossed_p_raw``, ``crossed_p`` (corrected over all
          pairs) and ``crossed_over``. Welch's: ``welch_ci_low``, ``welch_ci_high``, ``welch_t``, ``welch_df``,
          ``welch_p_raw``, ``welch_p`` and ``hedges_g``;
        - ``value_difference``, ``value_p_raw`` and ``value_p``: the test over instances and neurons of the score
          itself (at a common D for alignment), where the statistic is another number;
        - ``note``: why there is no test.

        ``attrs`` hold the dataset, the benchmark with its version and options, ``statistic``, ``is_control``,
        ``pairs`` (the tests of every two families in records, with the prefixes ``welch_``, ``crossed_`` and
        ``value_``), ``n_neurons`` that were drawn and ``no_neurons``, why for some or all families there were none,
        ``no_sample`` (why some families are tested over neurons only), ``welch_only`` (pairs that differ by Welch's
        test, but are not shown to over instances and neurons), ``reliability``, ``left_out``,
        ``cautions`` (for each family, see :mod:`neuroalign.scoring.cautions`), ``unreadable`` (families that
        must not be
        interpreted) and ``trained_on`` (for families that were trained on the images of another dataset, notes that
        say so).
    """
    draw_together(samples.samples.values(), N_RESAMPLES, 0)
    families = {family: list(scores.values()) for family, scores in group.families.items()}
    statistic, is_control = samples.statistic, samples.is_control
    table = pd.DataFrame(
        [_describe(samples.samples[family], scores, statistic) for family, scores in families.items()],
        columns=_DESCRIBED,
    )
    best_first = [] if is_control else ["mean"]
    table = table.sort_values(
        [*best_first, "family"],
        ascending=[*([not statistic.higher_is_better] if best_first else []), True],
        ignore_index=True,
    )
    for name, of_family in _beside(families, samples).items():
        table[f"{BESIDE}{name}"] = table["family"].map(of_family).astype(np.float64)
    names = list(table["family"])
    pairs = _pairs([] if is_control else names, samples, correction)
    for column, test in (("letters", "crossed_p"), ("welch_letters", "welch_p")):
        letters = _letters(table, pairs, test, higher_is_better=statistic.higher_is_better)
        table[column] = [letters.get(name, "") for name in names]
    # The best is the first of its pairs, and those come first.
    against_best = pairs.head(max(len(names) - 1, 0))
    for column in _AGAINST_BEST:
        values = np.full(len(names), np.nan)
        values[1:] = np.nan if is_control else against_best[column].to_numpy(np.float64)
        table[column] = values
    overs = ["", *(against_best["crossed_over"] if not is_control else [""] * (len(names) - 1))]
    table["crossed_over"] = overs[: len(names)]
    why = [] if is_control else [_why_untested(pair, samples) for pair in against_best.to_dict("records")]
    table["note"] = [""] * len(names) if is_control else [*(["best"] if names else []), *why]
    without_seed = {name: sample.why_no_sample for name, sample in samples.samples.items() if sample.n > 1}
    table.attrs = {
        "dataset": dataset.identifier,
        "dataset_hash": dataset.content_hash,
        "simulated": dataset.simulated,
        "benchmark": group.benchmark,
        "benchmark_version": group.benchmark_version,
        "name": group.name,
        "options": dict(group.options),
        "higher_is_better": statistic.higher_is_better,
        "statistic": asdict(statistic),
        "value_statistic": None if samples.value_statistic is None else asdict(samples.value_statistic),
        "is_control": is_control,
        "correction": correction,
        "error_over": _error_over(families),
        "pairs": pairs.to_dict("records"),
        "n_neurons": samples.n_neurons,
        "no_neurons": samples.no_neurons,
        "no_sample": {name: why for name, why in without_seed.items() if why},
        "welch_only": pairs.loc[
            (pairs["welch_p"] < ALPHA) & (pairs["crossed_p"] >= ALPHA), ["a", "b"]
        ].values.tolist(),
        "reliability": None if np.isnan(reliability) else reliability,
        "left_out": dict(group.left_out),
        "trained_on": _trained_on(families),
        "cautions": {family: cautions_of_instances(families[family]) for family in names},
        "unreadable": [family for family in names if not is_readable(*families[family])],
    }
    return table


def _pairs(names: Sequence[str], samples: GroupSamples, correction: Correction) -> pd.DataFrame:
    """Test every two families by Welch's test, and over instances and neurons."""
    from neuroalign.stats import pairwise_welch

    chosen = {name: samples.samples[name] for name in names}
    welch = pairwise_welch({name: sample.values for name, sample in chosen.items()}, correction=correction)
    shared = ["a", "b", "difference", "hedges_g", "n_a", "n_b"]
    pairs = welch.rename(columns={name: f"welch_{name}" for name in welch if name not in shared})
    crossed = infer_pairs(chosen, correction=correction)
    pairs = pairs.join(crossed.drop(columns=["a", "b", "difference"]).add_prefix("crossed_"))
    if samples.value_statistic is None:
        return pairs.assign(value_difference=np.nan, value_p_raw=np.nan, value_p=np.nan)
    of_value = infer_pairs({name: samples.value_samples[name] for name in names}, correction=correction)
    return pairs.join(of_value.drop(columns=["a", "b"]).add_prefix("value_"))


def _trained_on(families: Mapping[str, Sequence[Score]]) -> dict[str, list[str]]:
    """Return the notes of families that were trained on other images than the images of the dataset."""
    notes = {
        family: sorted({note for score in scores for note in score.notes if note.startswith(TRAINED_ON)})
        for family, scores in families.items()
    }
    return {family: of_family for family, of_family in notes.items() if of_family}


def _letters(
    table: pd.DataFrame, pairs: pd.DataFrame, column: str, *, higher_is_better: bool
) -> dict[str, str]:
    """Return the letters of the families that a test is known of."""
    from neuroalign.stats import compact_letters, pairwise_matrix

    known = pairs[pairs[column].notna()]
    tested = [name for name in table["family"] if name in set(known["a"]) | set(known["b"])]
    return compact_letters(
        tested,
        table.set_index("family")["mean"][tested].to_numpy(dtype=np.float64),
        pairwise_matrix(pairs, tested, column),
        ALPHA,
        higher_is_better=higher_is_better,
    )


_AGAINST_BEST = [
    "difference",
    *(f"crossed_{name}" for name in ("ci_low", "ci_high", "p_raw", "p")),
    *(f"welch_{name}" for name in ("ci_low", "ci_high", "t", "df", "p_raw", "p")),
    "hedges_g",
    *(f"value_{name}" for name in ("difference", "p_raw", "p")),
]


_DESCRIBED = [
    "family",
    "n",
    "mean",
    "ci_low",
    "ci_high",
    "interval_over",
    "sd",
    "se",
    "error",
    "value",
    "null",
    "ceiling",
]


def _beside(families: Mapping[str, Sequence[Score]], samples: GroupSamples) -> dict[str, dict[str, float]]:
    """Return numbers beside the scores: means over the instances of each family, medians of p-values."""
    names = dict.fromkeys(name for scores in families.values() for score in scores for name in score.beside)
    # The ranking statistic and its error have columns of their own.
    shown = [
        name for name in names if name not in (samples.statistic.identifier, _error_of(samples.statistic))
    ]
    beside = {
        name: {
            family: (_median if name.endswith("_p") else _mean)(
                [score.beside.get(name, np.nan) for score in scores]
            )
            for family, scores in families.items()
        }
        for name in shown
    }
    value = samples.value_statistic
    if value is not None and value.identifier == "at_common_d":
        beside[value.label] = {name: sample.mean for name, sample in samples.value_samples.items()}
    return beside


def _describe(sample: Sample, scores: Sequence[Score], statistic: Statistic) -> dict[str, Any]:
    own = [
        score.error if statistic.identifier in _VALUES else score.beside.get(_error_of(statistic), np.nan)
        for score in scores
    ]
    interval = infer_own_mean(sample)
    return {
        "family": sample.name,
        "n": sample.n,
        "mean": sample.mean,
        "ci_low": interval.ci_low,
        "ci_high": interval.ci_high,
        "interval_over": "" if interval.reason else interval.over,
        "sd": sample.values.std(ddof=1) if sample.n > 1 else np.nan,
        "se": standard_error(sample.values),
        "error": _mean(own),
        "value": _mean([score.value for score in scores]),
        "null": _mean([score.null for score in scores]),
        "ceiling": _mean([score.ceiling for score in scores]),
    }


# Statistics that are the score itself, with its own error.
_VALUES = ("value", "at_common_d")


def _error_of(statistic: Statistic) -> str:
    """Return the key in ``Score.beside`` of the standard error of a statistic."""
    return f"{statistic.identifier}_error"


def _why_untested(pair: Mapping[Any, Any], samples: GroupSamples) -> str:
    """Say why a family is not tested against the best, in few words."""
    for n, which in ((pair["n_b"], ""), (pair["n_a"], "the best has ")):
        if not n:
            return f"no test: {which}no {samples.statistic.label}"
    if not pair["crossed_reason"] or not pair["welch_reason"]:
        return ""
    if samples.n_neurons and pair["crossed_over"] == "neurons":
        return f"no test: {pair['crossed_reason']}"
    for n, which in ((pair["n_b"], ""), (pair["n_a"], "the best has ")):
        if n < 2:
            return f"no test: {which}one instance"
    return f"no test: {pair['welch_reason']}"


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.median(finite)) if finite else float("nan")


def _error_over(families: dict[str, list[Score]]) -> str:
    return " or ".join(sorted({each.error_over for scores in families.values() for each in scores}))
