"""Families of models in order of their scores, with a test of each against the best."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.benchmark import Benchmark, load_benchmark
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.results import ResultsStore
from neuroalign.scores import Score, standard_error


def leaderboard(
    dataset: str | Dataset,
    benchmark: str | Benchmark = "alignment",
    *,
    store: ResultsStore | None = None,
) -> pd.DataFrame:
    """Rank the families that were scored on a dataset by a benchmark.

    Parameters
    ----------
    dataset : str or Dataset
        Scores of this very content are shown; those of an earlier version of it are left out.
    benchmark : str or Benchmark
        With its options; scores of other options or versions are left out.
    store : ResultsStore, optional

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first, with the columns ``family``, ``n`` (instances), ``mean``,
        ``sd``, ``se``, ``null``, ``ceiling``, and Welch's two-sided test of the instances against those
        of the best family: ``t``, ``df``, ``p_raw``, ``p`` (Holm over the table), ``hedges_g``, ``note``
        (why there is no test). ``attrs`` hold dataset, benchmark, options and ``left_out``.

    Notes
    -----
    Instances share neurons and images, so the test speaks only of the spread of instances.
    """
    from neuroalign.stats import adjust_p_values, welch

    loaded_dataset = load_dataset(dataset)
    loaded_benchmark = load_benchmark(benchmark)
    chosen, left_out = _choose(list((store or ResultsStore()).scores()), loaded_dataset, loaded_benchmark)
    families: dict[str, list[Score]] = {}
    for each in chosen:
        families.setdefault(each.family, []).append(each)
    rows = []
    for family, scores in families.items():
        values = np.array([each.value for each in scores])
        finite = values[np.isfinite(values)]
        rows.append(
            {
                "family": family,
                "n": finite.size,
                "mean": finite.mean() if finite.size else np.nan,
                "sd": finite.std(ddof=1) if finite.size > 1 else np.nan,
                "se": standard_error(finite),
                "null": _mean([each.null for each in scores]),
                "ceiling": _mean([each.ceiling for each in scores]),
            }
        )
    columns = ["family", "n", "mean", "sd", "se", "null", "ceiling"]
    table = pd.DataFrame(rows, columns=columns).sort_values(
        ["mean", "family"], ascending=[not loaded_benchmark.higher_is_better, True], ignore_index=True
    )
    tests: list[dict[str, Any]] = []
    for rank, family in enumerate(table["family"]):
        if rank == 0:
            tests.append({"note": "best"})
            continue
        test = welch(_values(families[table["family"][0]]), _values(families[family]))
        tests.append(
            {
                "t": test.t,
                "df": test.df,
                "p_raw": test.p,
                "hedges_g": test.hedges_g,
                "note": test.reason or "",
            }
        )
    tested = pd.DataFrame(tests, columns=["t", "df", "p_raw", "p", "hedges_g", "note"], index=table.index)
    table = pd.concat([table, tested], axis=1)
    table["p"] = adjust_p_values(table["p_raw"].to_numpy(dtype=np.float64), method="holm")
    table.attrs = {
        "dataset": loaded_dataset.identifier,
        "simulated": loaded_dataset.simulated,
        "benchmark": loaded_benchmark.identifier,
        "benchmark_version": loaded_benchmark.version,
        "options": loaded_benchmark.options(),
        "higher_is_better": loaded_benchmark.higher_is_better,
        "left_out": left_out,
    }
    return table


def _choose(
    scores: Sequence[Score], dataset: Dataset, benchmark: Benchmark
) -> tuple[list[Score], dict[str, int]]:
    """Select the comparable scores, one for each model of a family, and count what is left out and why."""
    options = _canonical(benchmark.options())
    n_recorded = np.unique(dataset.recording["stimulus_id"].values).size
    left_out: dict[str, int] = {}
    latest: dict[tuple[str, str], Score] = {}
    for each in scores:
        if each.dataset != dataset.identifier or each.benchmark != benchmark.identifier:
            continue
        reason = None
        if each.provenance.get("dataset_hash") != dataset.content_hash:
            reason = "of another version of the dataset"
        elif each.benchmark_version != benchmark.version:
            reason = "of another version of the benchmark"
        elif _canonical(each.options) != options:
            reason = "with other options"
        elif (each.provenance.get("n_stimuli") or n_recorded) < n_recorded:
            reason = "on a part of the stimuli"
        elif (each.family, each.model) in latest:
            reason = "of an earlier state of the same model"
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            # An instance that was scored by itself, too, stays in its family as well.
            latest[each.family, each.model] = each
    return list(latest.values()), left_out


def _canonical(options: object) -> str:
    return json.dumps(options, sort_keys=True, default=str)


def _values(scores: Sequence[Score]) -> np.ndarray:
    return np.array([each.value for each in scores])


def _mean(values: Sequence[float]) -> float:
    finite = [each for each in values if np.isfinite(each)]
    return float(np.mean(finite)) if finite else float("nan")
