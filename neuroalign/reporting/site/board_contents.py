"""Contents of the first page of a board's site: its tables, its scatter plot, and the pages that they lead to."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from neuroalign.comparison.board_findings import describe_board, describe_board_cautions
from neuroalign.reporting.site.dataset_pages import DatasetContents
from neuroalign.reporting.site.names import anchor, page_name
from neuroalign.reporting.text.board import UNDIVIDED
from neuroalign.scoring.declared import advice_of, question_of, references_of


def dataset_card(dataset: str) -> str:
    """Return the path of the page that describes a dataset on the board."""
    return f"cards/datasets/{page_name(dataset)}"


def family_card(family: str) -> str:
    """Return the path of the page that describes a family on the board."""
    return f"cards/families/{page_name(family)}"


def model_card(family: str, model: str) -> str:
    """Return the path of the page that describes a model on the board."""
    return f"cards/models/{page_name(family, model)}"


def dataset_folder(dataset: str) -> str:
    """Return the folder with the leaderboards of a dataset."""
    return f"on/{anchor(dataset)}/"


def benchmark_key(name: str, version: int) -> str:
    """Return the name of a benchmark in addresses."""
    return anchor(name, str(version))


def lay_out_columns(table: pd.DataFrame, scored: Sequence[str]) -> list[dict[str, Any]]:
    """Lay out the datasets of a board.

    Parameters
    ----------
    table : pandas.DataFrame
        Board from :func:`neuroalign.comparison.board.boards`.
    scored : sequence of str
        Datasets with a score, which have leaderboards of their own.

    Returns
    -------
    list of dict
        Name of each column, its name in addresses, its page if it is one dataset, and its datasets with their pages.
    """
    columns = []
    for column in table.attrs["datasets"]:
        members = [
            {
                "name": name,
                "card": dataset_card(name),
                "leaderboard": f"{dataset_folder(name)}index.html" if name in scored else "",
            }
            for name in column["members"]
        ]
        columns.append(
            {
                "name": column["name"],
                "key": anchor(column["name"]),
                # A collection of one dataset has a name of its own.
                "is_collection": [column["name"]] != column["members"],
                "members": members,
                "left_out": column["left_out"],
            }
        )
    return columns


def lay_out_benchmarks(
    tables: Sequence[pd.DataFrame],
    divided: Sequence[pd.DataFrame | None],
    columns: Sequence[Mapping[str, Any]],
    by_dataset: Mapping[str, DatasetContents],
) -> list[dict[str, Any]]:
    """Lay out the tables of a board, one benchmark after the other.

    Parameters
    ----------
    tables : sequence of DataFrame
        Boards from :func:`neuroalign.comparison.board.boards`.
    divided : sequence of DataFrame or None
        The same boards with scores over their ceilings; None where no score has a ceiling.
    columns : sequence of dict
        From :func:`lay_out_columns`.
    by_dataset : mapping of str to DatasetContents
        Leaderboards of each dataset, which the scores link to.

    Returns
    -------
    list of dict
        Each benchmark has ``variants``: one table, or two where scores can be divided by their ceilings.
    """
    laid_out = []
    for table, over_ceiling in zip(tables, divided, strict=True):
        attrs = table.attrs
        statistic = attrs["statistic"]
        is_value = statistic["identifier"] == "value"
        key = benchmark_key(attrs["name"], attrs["benchmark_version"])
        laid_out.append(
            {
                "key": key,
                "name": attrs["name"],
                "benchmark": attrs["benchmark"],
                "version": attrs["benchmark_version"],
                "statistic": "score" if is_value else statistic["label"],
                "label": attrs["name"] if is_value else f"{attrs['name']}: {statistic['label']}",
                "higher_is_better": attrs["higher_is_better"],
                "question": question_of(attrs["benchmark"]),
                "advice": advice_of(attrs["benchmark"]),
                "references": references_of(attrs["benchmark"]),
                "is_control": attrs["is_control"],
                "variants": [
                    _lay_out_table(variant, key, columns, by_dataset)
                    for variant in (table, over_ceiling)
                    if variant is not None
                ],
            }
        )
    return laid_out


def has_ceiling(table: pd.DataFrame) -> bool:
    """Return whether a score of a board has a ceiling that can divide it."""
    return any(cell["value"] is not None and cell["ceiling"] > 0 for cell in table.attrs["cells"])


def _lay_out_table(
    table: pd.DataFrame,
    key: str,
    columns: Sequence[Mapping[str, Any]],
    by_dataset: Mapping[str, DatasetContents],
) -> dict[str, Any]:
    attrs = table.attrs
    cells: dict[str, list[dict[str, Any]]] = {family: [] for family in table["family"]}
    for cell, column in zip(attrs["cells"], [*columns] * len(table), strict=True):
        is_divided = cell["over_ceiling"] or not attrs["over_ceiling"]
        cells[cell["family"]].append(
            {
                **cell,
                "key": column["key"],
                "sign": "" if is_divided or cell["value"] is None else UNDIVIDED,
                "counts": cell["value"] is not None and is_divided,
                "page": _page_of_cell(cell, column, attrs, by_dataset),
            }
        )
    rows = [
        {
            **{name: row[name] for name in _NUMBERS},
            "family": row["family"],
            "must_not_be_read": row["family"] in attrs["unreadable"],
            "page": family_card(row["family"]),
            "cells": cells[row["family"]],
            "n": sum(cell["counts"] for cell in cells[row["family"]]),
        }
        for row in table.to_dict("records")
    ]
    return {
        "key": f"{key}-over-ceiling" if attrs["over_ceiling"] else key,
        "over_ceiling": attrs["over_ceiling"],
        "rows": rows,
        "shows_n": attrs["mean_over"] == "available",
        "has_missing": bool(attrs["missing"]),
        "findings": describe_board(table),
        "cautions": [_plain_caution(sentence) for sentence in describe_board_cautions(table)],
    }


_NUMBERS = ("rank", "rank_low", "rank_high", "mean", "ci_low", "ci_high", "standard_error")


def _plain_caution(sentence: str) -> str:
    """Name the pages in place of the option of the command that has all cautions."""
    return sentence.replace("; --format json has all.", "; the page of each dataset has all.")


def _page_of_cell(
    cell: Mapping[str, Any],
    column: Mapping[str, Any],
    attrs: Mapping[Any, Any],
    by_dataset: Mapping[str, DatasetContents],
) -> str:
    """Return the leaderboard that a score comes from; empty for a missing score and for a collection."""
    if cell["value"] is None or column["is_collection"]:
        return ""
    (member,) = column["members"]
    for board in by_dataset[member["name"]].boards:
        if (board["name"], board["version"]) == (attrs["name"], attrs["benchmark_version"]):
            return f"{member['leaderboard']}#{board['anchor']}"
    return ""


def collect_axes(benchmarks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Collect the axes of the scatter plot: each table of the board.

    Parameters
    ----------
    benchmarks : sequence of dict
        From :func:`lay_out_benchmarks`.

    Returns
    -------
    list of dict
        Each axis has the score of each family on each dataset, in the order of the columns: None where it is missing,
        or where it has no ceiling and the others are divided.
    """
    return [
        {
            "key": variant["key"],
            "benchmark": benchmark["key"],
            "label": f"{benchmark['label']}{', divided by the ceiling' if variant['over_ceiling'] else ''}"
            f"{'' if benchmark['higher_is_better'] else ' (lower is better)'}",
            "families": {
                row["family"]: [cell["value"] if cell["counts"] else None for cell in row["cells"]]
                for row in variant["rows"]
            },
            "unreadable": {
                row["family"]: [cell["value"] is not None and not cell["readable"] for cell in row["cells"]]
                for row in variant["rows"]
            },
        }
        for benchmark in benchmarks
        for variant in benchmark["variants"]
    ]


def title_of_site(name: str, title: str, columns: Sequence[Mapping[str, Any]]) -> str:
    """Return the title of the pages of a board: its title or name, or its datasets."""
    if title or name:
        return title or name
    return columns[0]["name"] if len(columns) == 1 else f"{len(columns)} datasets"
