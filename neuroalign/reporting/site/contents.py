"""Contents of the pages of a site, as plain values."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.comparison.leaderboard import BESIDE
from neuroalign.comparison.leaderboard_findings import describe_cautions, describe_findings
from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.reporting.site.names import anchor, page_name
from neuroalign.reporting.text.board import MISSING
from neuroalign.results.numbers import Kind, write_number
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.cautions import cautions
from neuroalign.scoring.declared import advice_of, number_of, question_of, references_of, symbol_of
from neuroalign.stats import pairwise_matrix

# Dimensions along which arrays are drawn, with the name of one point.
_DIMENSIONS = {
    "neuroid": "neuron",
    "unit": "unit",
    "matched_unit": "matched unit",
    "stimulus": "stimulus",
    "draw": "draw",
}

# Entries of a provenance that are shown first, in this order; the others follow by name.
_FIRST = ("created", "imported", "n_stimuli", "n_neurons", "join", "simulated")


def lay_out_board(group: ScoreGroup, table: pd.DataFrame) -> dict[str, Any]:
    """Lay out one leaderboard: its rows, the instances behind them, and the test of every two families."""
    names = list(table["family"])
    statistic = table.attrs["statistic"]
    is_value = statistic["identifier"] == "value"
    pairs = pd.DataFrame(table.attrs["pairs"], columns=_PAIR_COLUMNS)
    beside = [str(name) for name in table if str(name).startswith(BESIDE)]
    rows = [
        {
            **row,
            "beside": [(name.removeprefix(BESIDE), row[name]) for name in beside],
            "must_not_be_read": row["family"] in table.attrs["unreadable"],
            "cautions": table.attrs["cautions"][row["family"]],
            "page": family_page(row["family"]),
            "values": _values(group.families[row["family"]], statistic["identifier"]),
        }
        for row in table.to_dict("records")
    ]
    return {
        **{name: table.attrs[name] for name in ("name", "higher_is_better", "left_out", "error_over")},
        "version": group.benchmark_version,
        "options": dict(group.options),
        "anchor": anchor(group.name),
        "rows": rows,
        "names": names,
        "n_ranked": len(names) - len(table.attrs["unreadable"]),
        "matrices": [
            {
                "test": test,
                "raw": pairwise_matrix(pairs, names, f"{prefix}p_raw").tolist(),
                "corrected": pairwise_matrix(pairs, names, f"{prefix}p").tolist(),
            }
            for test, prefix in _TESTS.items()
            if pairs[f"{prefix}p"].notna().any()
        ],
        "has": {
            name
            for name in ("error", "null", "ceiling", "welch_p", "crossed_p", "value_p")
            if table[name].notna().any()
        },
        "has_letters": bool(table["letters"].any()),
        "has_welch_letters": bool(table["welch_letters"].any()),
        "is_control": table.attrs["is_control"],
        "statistic": statistic["label"],
        "is_value": is_value,
        "benchmark": group.benchmark,
        "question": question_of(group.benchmark),
        "about": f"about-{anchor(group.name)}",
        "value_label": symbol_of(group.benchmark) + ("" if group.higher_is_better else " (lower is better)"),
        "value_statistic": (table.attrs["value_statistic"] or {}).get("label", ""),
        "beside": [name.removeprefix(BESIDE) for name in beside],
        "findings": describe_findings(table),
        "cautions": describe_cautions(table),
        "plot": {
            "kind": "families",
            "label": group.name if is_value else statistic["label"],
            "families": [_for_plot(row, is_value=is_value) for row in rows],
        },
    }


def lay_out_overview(boards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay out the matrix of families and benchmarks, without controls, which do not rank models.

    Parameters
    ----------
    boards : sequence of dict
        Leaderboards from :func:`lay_out_board`.

    Returns
    -------
    dict
        ``boards``, the columns, and ``rows``: each family with a cell for each column, which is None without a score.
        Families are in the order of their mean rank.
    """
    shown = [board for board in boards if not board["is_control"]]
    cells = {(board["anchor"], row["family"]): (board, row) for board in shown for row in board["rows"]}
    families = sorted({family for _, family in cells})
    ranks = {
        family: [
            board["names"].index(family) / len(board["names"]) for board in shown if family in board["names"]
        ]
        for family in families
    }
    rows = []
    for family in sorted(families, key=lambda name: (float(np.mean(ranks[name])), name)):
        row: list[dict[str, Any] | None] = []
        for board in shown:
            score = cells.get((board["anchor"], family))
            if score is None:
                row.append(None)
                continue
            readable = [name for name in board["names"] if not _row_of(board, name)["must_not_be_read"]]
            row.append(
                {
                    "mean": score[1]["mean"],
                    "anchor": board["anchor"],
                    "is_best": len(readable) > 1 and family == readable[0],
                    "must_not_be_read": score[1]["must_not_be_read"],
                }
            )
        rows.append({"family": family, "page": family_page(family), "cells": row})
    return {"boards": shown, "rows": rows}


def _row_of(board: Mapping[str, Any], family: str) -> Mapping[str, Any]:
    return next(row for row in board["rows"] if row["family"] == family)


def describe_benchmarks(boards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Describe the benchmarks of leaderboards: question, advice and references.

    Parameters
    ----------
    boards : sequence of dict
        Leaderboards from :func:`lay_out_board`.
    """
    return [
        {
            "name": board["name"],
            "about": board["about"],
            "anchor": board["anchor"],
            "question": board["question"],
            "advice": advice_of(board["benchmark"]),
            "references": references_of(board["benchmark"]),
            "options": write_facts(board["options"]),
        }
        for board in boards
    ]


_PAIR_COLUMNS = ["a", "b", "crossed_p", "crossed_p_raw", "welch_p", "welch_p_raw"]

# Prefixes of the columns of each test.
_TESTS = {"the test over instances and neurons": "crossed_", "Welch’s test, over instances": "welch_"}


def _values(scores: Mapping[str, Score], statistic: str) -> list[dict[str, Any]]:
    """Return the statistic of each instance, or its score where the statistic is not stored beside the score."""
    return [
        {"model": score.model, "value": _plain(score.beside.get(statistic, score.value))}
        for score in scores.values()
    ]


def _for_plot(row: Mapping[Any, Any], *, is_value: bool) -> dict[str, Any]:
    numbers = {name: _plain(row[name]) for name in ("mean", "ci_low", "ci_high")}
    # Chance and ceiling belong to the score, and are drawn only where the score is the axis.
    numbers |= {name: _plain(row[name]) if is_value else None for name in ("null", "ceiling")}
    return {"family": row["family"], "values": row["values"], **numbers}


def collect_families(
    groups: Sequence[ScoreGroup], boards: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Collect the rows and scores of each family and each of its models from all leaderboards."""
    families: dict[str, dict[str, Any]] = {}
    for group, board in zip(groups, boards, strict=True):
        for row in board["rows"]:
            name = row["family"]
            family = families.setdefault(
                name, {"name": name, "page": row["page"], "boards": [], "models": {}}
            )
            family["boards"].append(
                {
                    "board": board,
                    "row": row,
                    "rank": None
                    if board["is_control"] or row["must_not_be_read"]
                    else board["names"].index(name) + 1,
                }
            )
            for key, score in group.families[name].items():
                model = family["models"].setdefault(
                    score.model,
                    {
                        "name": score.model,
                        "short_name": _short_name(score.model, name),
                        "family": name,
                        "family_page": row["page"],
                        "page": f"models/{page_name(name, score.model)}",
                        "scores": {},
                    },
                )
                model["scores"][group.name] = (key, score, board)
    for family in families.values():
        family["models"] = sorted(family["models"].values(), key=_name)
    return sorted(families.values(), key=_name)


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"])


def _short_name(model: str, family: str) -> str:
    """Return the options of an instance without the name of its family, which its page has in its title."""
    options = model.removeprefix(f"{family}[").removesuffix("]")
    return options if model == f"{family}[{options}]" else model


def family_page(name: str) -> str:
    """Return the path of the page of a family."""
    return f"families/{page_name(name)}"


def lay_out_scores(model: Mapping[str, Any], store: ResultsStore) -> list[dict[str, Any]]:
    """Lay out the scores of one model with their arrays and provenance."""
    laid_out = []
    for name, (key, score, board) in model["scores"].items():
        loaded = store.load(key)
        laid_out.append(
            {
                "name": name,
                "anchor": anchor(name),
                "board": board,
                "score": score,
                "options": write_facts(score.options),
                "beside": score.beside,
                "cautions": cautions(score),
                "provenance": write_facts({"key": key, **_in_order(score.provenance)}),
                "plots": [] if loaded is None else list(_plots(loaded.data)),
                "has_arrays": loaded is not None,
            }
        )
    return laid_out


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Describe a dataset: its sizes, its metadata, and the reliability of each neuron."""
    recording = dataset.recording
    stimulus_ids = recording["stimulus_id"].values
    facts: dict[str, Any] = {
        "neurons": f"{recording.sizes['neuroid']:,}, {'simulated' if dataset.simulated else 'recorded'}",
        "stimuli": f"{np.unique(stimulus_ids).size:,}",
        "presentations": "averages only" if dataset.averaged else f"{stimulus_ids.size:,}",
        **{name: _counts(recording[name].values) for name in ("region", "animal")},
        "content (SHA-256)": dataset.content_hash,
        **dataset.metadata,
    }
    plots = []
    values = neuron_reliability(dataset)
    if values is not None:
        plots.append(_plot("reliability", "neuroid", recording["neuroid_id"].values, values))
    return {"facts": write_facts({name: value for name, value in facts.items() if value}), "plots": plots}


def _counts(labels: Any) -> str:
    names, counts = np.unique(labels.astype(str), return_counts=True)
    return ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=True) if name)


def _plots(data: xr.Dataset) -> Any:
    """Yield plots of the arrays of a score, along neurons, units, stimuli or draws."""
    for name, array in data.data_vars.items():
        if array.dtype.kind not in "iuf":
            continue
        if array.dims == ("unit", "neuroid"):
            # The sum over neurons of the absolute weights shows the share of each unit in the prediction.
            summed = np.abs(array.values).sum(axis=1)
            yield _plot(f"sum of |{name}| over neurons", "unit", array["unit"].values, summed)
        elif len(array.dims) == 1 and array.dims[0] in _DIMENSIONS:
            labels = array[array.dims[0]].values if array.dims[0] in array.coords else np.arange(array.size)
            yield _plot(str(name), str(array.dims[0]), labels, array.values)


def _plot(name: str, dimension: str, labels: Any, values: Any) -> dict[str, Any]:
    finite = np.isfinite(values)
    point = _DIMENSIONS[dimension]
    return {
        "kind": "bars" if "unit" in dimension else "sorted",
        "label": name.replace("_", " "),
        "point": point,
        "names": [str(label) for label in labels[finite]],
        # Enough digits for a picture.
        "values": [float(f"{value:.5g}") for value in values[finite]],
        "n_left_out": int((~finite).sum()),
    }


def _in_order(provenance: Mapping[str, Any]) -> dict[str, Any]:
    first = {name: provenance[name] for name in _FIRST if name in provenance}
    return {**first, **{name: value for name, value in sorted(provenance.items()) if name not in first}}


def write_facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write named values as text.

    Parameters
    ----------
    values : mapping
        Values as JSON has them: text, numbers, None, and lists and mappings of values.

    Returns
    -------
    list of (str, str)
        Names in words, and texts.
    """
    return [(str(name).replace("_", " "), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    """Write a value as text; lists and mappings are joined by commas or semicolons."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(item, str | Mapping) for item in value) else ", ").join(
            map(_text, value)
        )
    return "–" if value is None else json.dumps(value, default=str, ensure_ascii=False)


def _plain(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _write(value: float | None, kind: Kind = "number") -> str:
    """Write a number with the minus sign of print, and without leading zeros of an exponent."""
    if value is None or not math.isfinite(value):
        return "–"
    return write_number(value, kind).replace("e-0", "e-").replace("-", "−")


def _present(value: float | None) -> str:
    """Write a number of a board, where a long dash stands for a missing score."""
    return MISSING if value is None or not math.isfinite(value) else _write(value)


def _rank(value: float) -> str:
    """Write a rank of a board."""
    return f"{value:.0f}" if math.isfinite(value) else MISSING


def _sortable(value: float | None) -> str:
    """Return the key by which tables sort a number; empty keys come last."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _beside(value: float, name: str, benchmark: str) -> str:
    """Write a number beside a score."""
    return _write(value, number_of(benchmark, name).kind)


def _label(name: str, benchmark: str) -> str:
    """Name a number beside a score."""
    return number_of(benchmark, name).label


FILTERS: dict[str, Callable[..., Any]] = {
    "number": _write,
    "present": _present,
    "rank": _rank,
    "p": partial(_write, kind="p"),
    "sortable": _sortable,
    "beside": _beside,
    "label": _label,
}
