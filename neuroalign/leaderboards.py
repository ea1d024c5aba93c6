"""Families of models in order of their scores, with a test of every two of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from neuroalign.benchmark import Benchmark, load_benchmark, make_benchmark
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.drawn_neurons import DrawnNeurons, draw_neurons
from neuroalign.registry import benchmarks as registered_benchmarks
from neuroalign.results import ResultsStore
from neuroalign.score_groups import ScoreGroup, group_scores
from neuroalign.scores import TRAINED_ON, Score, standard_error

Correction = Literal["holm", "bh"]

#: Families differ where the corrected p is below it.
ALPHA = 0.05

#: What the test does not cover; belongs beside every p-value.
WHAT_THE_TEST_COVERS = "Instances share neurons and images: the test speaks of the spread of instances only."


#: Columns of numbers without which the mean misleads begin with it.
BESIDE = "beside: "

#: What the other test covers.
WHAT_THE_CROSSED_TEST_COVERS = (
    "With neurons: the variance of a paired bootstrap over neurons is added to that of the instances, so it speaks of "
    "other neurons, too."
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
        Whether to test over instances and neurons as well, which reads the arrays of the scores; by default where
        these are 500 at most.

    Returns
    -------
    pandas.DataFrame
        See :func:`rank`.

    Notes
    -----
    Instances share neurons and images, so Welch's test speaks only of the spread of instances.
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
    return [
        rank(each, loaded, correction=correction, drawn=draw_neurons(each, store, over_neurons))
        for each in groups
    ]


def rank(
    group: ScoreGroup,
    dataset: Dataset,
    *,
    correction: Correction = "holm",
    drawn: DrawnNeurons | None = None,
) -> pd.DataFrame:
    """Rank the families of a group of comparable scores.

    Parameters
    ----------
    group : ScoreGroup
    dataset : Dataset
        That the scores are of.
    correction : {"holm", "bh"}
    drawn : DrawnNeurons, optional
        Of :func:`neuroalign.drawn_neurons.draw_neurons`, for the test over instances and neurons.

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first, with the columns ``family``, ``n`` (instances), ``mean``,
        ``ci_low`` and ``ci_high`` (95 % interval of the mean over instances, by Student's t), ``sd``,
        ``se``, ``error`` (mean of the instances' own standard errors, over what ``error_over`` of
        ``attrs`` names), ``null``, ``ceiling``, what stands ``beside: `` the scores (means over instances), ``letters``
        (families that share one are not shown to differ by Welch's test; none without a test), and two-sided tests
        of the ``difference`` to the best family (its mean less that of the row). Welch's over instances:
        ``difference_ci_low``, ``difference_ci_high``, ``t``, ``df``, ``p_raw``, ``p`` (corrected over all pairs),
        ``hedges_g``. Over instances and neurons: ``crossed_ci_low``, ``crossed_ci_high``, ``crossed_p_raw`` and
        ``crossed_p``. ``note`` says why there is no test. ``attrs`` hold
        the dataset, the benchmark with its version and options, ``pairs`` (the tests of every two families in
        records, those over instances and neurons with the prefix ``crossed_``; see
        :func:`neuroalign.stats.pairwise_welch` and :func:`neuroalign.stats.pairwise_crossed`), ``n_neurons`` that
        were drawn and ``no_neurons``, why for some or all families there were none, ``welch_only`` (pairs that
        differ by Welch's test, but are not shown to over instances and neurons), ``left_out`` and ``trained_on`` (for
        families that were trained on the images of another dataset, notes that say so).
    """
    from neuroalign.stats import compact_letters, pairwise_crossed, pairwise_matrix, pairwise_welch

    families = {family: list(scores.values()) for family, scores in group.families.items()}
    table = pd.DataFrame(
        [_describe(family, scores) for family, scores in families.items()], columns=_DESCRIBED
    ).sort_values(["mean", "family"], ascending=[not group.higher_is_better, True], ignore_index=True)
    for name in dict.fromkeys(
        name for scores in families.values() for each in scores for name in each.beside
    ):
        of_family = {
            family: _mean([each.beside.get(name, np.nan) for each in scores])
            for family, scores in families.items()
        }
        table[f"{BESIDE}{name}"] = table["family"].map(of_family).astype(np.float64)
    for name, of_family in _on_common_terms(group).items():
        table[f"{BESIDE}{name}"] = table["family"].map(of_family).astype(np.float64)
    names = list(table["family"])
    pairs = pairwise_welch({each: _values(families[each]) for each in names}, correction=correction)
    drawn = drawn or DrawnNeurons({})
    crossed = pairwise_crossed(pairs, drawn.means, drawn.n_neurons - 1, correction=correction)
    pairs = pairs.join(crossed.add_prefix("crossed_"))
    tested = [
        each
        for each in names
        if (pairs.loc[(pairs["a"] == each) | (pairs["b"] == each), "reason"] == "").any()
    ]
    letters = compact_letters(
        tested,
        table.set_index("family")["mean"][tested].to_numpy(dtype=np.float64),
        pairwise_matrix(pairs, tested),
        ALPHA,
        higher_is_better=group.higher_is_better,
    )
    table["letters"] = [letters.get(each, "") for each in names]
    # The best is the first of its pairs, and those come first.
    against_best = pairs.head(max(len(names) - 1, 0))
    for column, of_pairs in _AGAINST_BEST.items():
        table[column] = np.append([np.nan] * min(len(names), 1), against_best[of_pairs].to_numpy(np.float64))
    table["note"] = [*(["best"] if names else []), *map(_why_untested, against_best.to_dict("records"))]
    table.attrs = {
        "dataset": dataset.identifier,
        "dataset_hash": dataset.content_hash,
        "simulated": dataset.simulated,
        "benchmark": group.benchmark,
        "benchmark_version": group.benchmark_version,
        "name": group.name,
        "options": dict(group.options),
        "higher_is_better": group.higher_is_better,
        "correction": correction,
        "error_over": _error_over(families),
        "pairs": pairs.to_dict("records"),
        "n_neurons": drawn.n_neurons,
        "no_neurons": drawn.reason,
        "welch_only": pairs.loc[
            (pairs["p"] < ALPHA) & (pairs["crossed_p"] >= ALPHA), ["a", "b"]
        ].values.tolist(),
        "left_out": dict(group.left_out),
        "trained_on": _trained_on(families),
    }
    return table


def _trained_on(families: Mapping[str, Sequence[Score]]) -> dict[str, list[str]]:
    """Return the notes of families that were trained on other images than the images of the dataset."""
    notes = {
        family: sorted({note for score in scores for note in score.notes if note.startswith(TRAINED_ON)})
        for family, scores in families.items()
    }
    return {family: of_family for family, of_family in notes.items() if of_family}


_AGAINST_BEST = {
    "difference": "difference",
    "difference_ci_low": "ci_low",
    "difference_ci_high": "ci_high",
    **{each: each for each in ("t", "df", "p_raw", "p", "hedges_g")},
    **{each: each for each in ("crossed_ci_low", "crossed_ci_high", "crossed_p_raw", "crossed_p")},
}


def describe_welch_only(table: pd.DataFrame, most: int = 3) -> str:
    """Say in a sentence which families differ by Welch's test alone.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`rank`.
    most : int
        Pairs that are named.

    Returns
    -------
    str
        Empty where there are none.
    """
    pairs = table.attrs["welch_only"]
    if not pairs:
        return ""
    named = [f"{a} and {b}" for a, b in pairs[:most]]
    more = [f"{len(pairs) - most:,} more"] if len(pairs) > most else []
    count = "1 pair of families differs" if len(pairs) == 1 else f"{len(pairs):,} pairs of families differ"
    return (
        f"{count} by Welch's test only, and {'is' if len(pairs) == 1 else 'are'} not shown to with other neurons: "
        + ("; ".join([*named, *more]) + ".")
    )


_DESCRIBED = ["family", "n", "mean", "ci_low", "ci_high", "sd", "se", "error", "null", "ceiling"]


def _on_common_terms(group: ScoreGroup) -> dict[str, dict[str, float]]:
    """Return the means of families by what the benchmark says of scores that its definition treats unalike."""
    if group.benchmark not in registered_benchmarks:
        return {}
    by = make_benchmark(group.benchmark, registered_benchmarks.get(group.benchmark), {})
    if by.version != group.benchmark_version:
        return {}
    scores = [(family, each) for family, of in group.families.items() for each in of.values()]
    return {
        name: {
            family: _mean([value for (of, _), value in zip(scores, values, strict=True) if of == family])
            for family in group.families
        }
        for name, values in by.on_common_terms([each for _, each in scores]).items()
    }


def _describe(family: str, scores: Sequence[Score]) -> dict[str, Any]:
    values = _values(scores)
    values = values[np.isfinite(values)]
    mean = values.mean() if values.size else np.nan
    se = standard_error(values)
    half = se * _quantile(values.size - 1) if values.size > 1 else np.nan
    return {
        "family": family,
        "n": values.size,
        "mean": mean,
        "ci_low": mean - half,
        "ci_high": mean + half,
        "sd": values.std(ddof=1) if values.size > 1 else np.nan,
        "se": se,
        "error": _mean([each.error for each in scores]),
        "null": _mean([each.null for each in scores]),
        "ceiling": _mean([each.ceiling for each in scores]),
    }


def _why_untested(pair: Mapping[Any, Any]) -> str:
    """Say why a family is not tested against the best, in few words."""
    for n, which in ((pair["n_b"], ""), (pair["n_a"], "the best has ")):
        if n < 2:
            return f"no test: {which}{'one instance' if n else 'no score'}"
    return f"no test: {pair['reason']}" if pair["reason"] else ""


def _quantile(df: int) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def _values(scores: Sequence[Score]) -> np.ndarray:
    return np.array([each.value for each in scores])


def _mean(values: Sequence[float]) -> float:
    finite = [each for each in values if np.isfinite(each)]
    return float(np.mean(finite)) if finite else float("nan")


def _error_over(families: dict[str, list[Score]]) -> str:
    return " or ".join(sorted({each.error_over for scores in families.values() for each in scores}))
