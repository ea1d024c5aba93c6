"""Ranking of the families of several leaderboards, in one table for a terminal."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from neuroalign.reporting.text.leaderboard_blocks import Block, columns_that_fit
from neuroalign.results.numbers import write_number
from neuroalign.scoring.cautions import MARK

# Letters of a heading of a benchmark.
_LONGEST_HEADING = 14


def lay_out_overview(tables: Sequence[pd.DataFrame], width: int | None) -> list[Block]:
    """Lay out the means of all families by all benchmarks that rank them.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Leaderboards from :func:`neuroalign.comparison.leaderboard.rank`.
    width : int, optional
        Largest number of letters in a line; by default there is one block.

    Returns
    -------
    list of Block
        Families are in the order of their mean rank. Empty with fewer than two leaderboards that rank families.
    """
    ranked = [table for table in tables if not table.attrs["is_control"] and len(table) > 1]
    if len(ranked) < 2:
        return []
    places: dict[str, list[float]] = {}
    for table in ranked:
        for place, family in enumerate(table["family"]):
            places.setdefault(family, []).append(place / len(table))
    families = sorted(places, key=lambda family: (float(np.mean(places[family])), family))
    columns = {table.attrs["name"]: (_heading(table), _cells(table, families)) for table in ranked}
    names = columns_that_fit(
        {name: [*heading.split("\n"), *cells] for name, (heading, cells) in columns.items()},
        ["family", *families],
        width,
    )
    return [
        Block(
            {"family": "family", **{name: columns[name][0] for name in block}},
            [[family, *(columns[name][1][row] for name in block)] for row, family in enumerate(families)],
        )
        for block in names
    ]


def _heading(table: pd.DataFrame) -> str:
    attrs = table.attrs
    name = "".join(f"{letter} " if letter in "_,[" else letter for letter in attrs["name"])
    lines, line = [], ""
    for piece in name.split(" "):
        if line and len(line) + len(piece) > _LONGEST_HEADING:
            lines.append(line)
            line = ""
        line += piece
    statistic = attrs["statistic"]
    label = "" if statistic["identifier"] == "value" else statistic["label"].partition(" of ")[0]
    direction = "" if attrs["higher_is_better"] else "lower is better"
    return "\n".join(filter(None, [*lines, line, label, direction]))


def _cells(table: pd.DataFrame, families: Sequence[str]) -> list[str]:
    """Return the mean of each family with its letters, which are aligned below one another."""
    unreadable = table.attrs["unreadable"]
    rows = {row["family"]: row for row in table.to_dict("records")}
    letters = {name: MARK if name in unreadable else str(row["letters"]) for name, row in rows.items()}
    widest = max(map(len, letters.values()))
    return [
        f"{write_number(rows[family]['mean'])} {letters[family]:<{widest}}"
        if family in rows
        else f"– {'':<{widest}}"
        for family in families
    ]
