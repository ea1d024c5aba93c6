"""Leaderboards in five formats: table for a terminal, Markdown, LaTeX, CSV and JSON."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
from tabulate import tabulate

from neuroalign.comparison.leaderboard import SCOPE_OF_CROSSED_TEST, SCOPE_OF_WELCH
from neuroalign.comparison.leaderboard_findings import describe_cautions, describe_findings
from neuroalign.comparison.record import plain
from neuroalign.files.spreadsheets import write_csv
from neuroalign.reporting.text.latex import write_latex
from neuroalign.reporting.text.leaderboard_blocks import (
    WORDS,
    lay_out_blocks,
    left_out_line,
    notes_on_tests,
    title_of,
)
from neuroalign.reporting.text.wrapping import wrap

# Letters of a terminal in which long names of families fit, and letters of a line of a name in other terminals.
_WIDE, _NAME = 110, 13


def format_leaderboards(tables: Sequence[pd.DataFrame], style: str, *, width: int | None = None) -> str:
    """Write leaderboards in one format.

    Parameters
    ----------
    tables : sequence of DataFrame
        Leaderboards from :func:`neuroalign.leaderboard`, one for each benchmark and set of options.
    style : {"table", "json", "csv", "markdown", "latex"}
    width : int, optional
        Largest number of letters in a line of a sentence of a "table"; by default each sentence has one line.

    Returns
    -------
    str
    """
    return _write_plain(tables, layout="simple", width=width) if style == "table" else _STYLES[style](tables)


def _write_json(tables: Sequence[pd.DataFrame]) -> str:
    boards = [
        {
            **table.attrs,
            "covers": SCOPE_OF_WELCH,
            "crossed_covers": SCOPE_OF_CROSSED_TEST,
            "rows": [{str(name): value for name, value in row.items()} for row in table.to_dict("records")],
        }
        for table in tables
    ]
    return json.dumps(plain({"leaderboards": boards}), indent=1, default=str, allow_nan=False)


def _write_csv(tables: Sequence[pd.DataFrame]) -> str:
    labelled = [
        table.assign(
            dataset=table.attrs["dataset"],
            simulated=table.attrs["simulated"],
            benchmark=table.attrs["benchmark"],
            benchmark_version=table.attrs["benchmark_version"],
            options=json.dumps(table.attrs["options"], sort_keys=True, default=str),
            correction=table.attrs["correction"],
            statistic=table.attrs["statistic"]["identifier"],
            error_over=table.attrs["error_over"],
            cautions=["; ".join(table.attrs["cautions"].get(family, ())) for family in table["family"]],
        )
        for table in tables
    ]
    return str(write_csv(pd.concat(labelled))).rstrip("\n")


def _write_plain(tables: Sequence[pd.DataFrame], *, layout: str, width: int | None = None) -> str:
    # Notes that hold for several leaderboards stand once, below all of them.
    notes = dict.fromkeys(note for table in tables for note in notes_on_tests(table))
    boards = [_write_board(table, layout, width) for table in tables]
    return "\n\n".join([*boards, *(["\n".join(_wrap(note, width) for note in notes)] if notes else [])])


def _wrap(sentence: str, width: int | None) -> str:
    if width is None:
        return sentence
    return "\n".join(wrap(sentence, width))


def _fold(row: Sequence[str], width: int | None) -> list[str]:
    """Break the name of a family, the first cell of a row, in a terminal of few letters."""
    if width is None or width >= _WIDE:
        return [*row]
    lines = [
        line for part in row[0].split("\n") for line in textwrap.wrap(part, _NAME, break_on_hyphens=False)
    ]
    return ["\n".join(lines), *row[1:]]


def _write_board(table: pd.DataFrame, layout: str, width: int | None) -> str:
    wrap = partial(_wrap, width=width)
    if table.empty:
        return "\n\n".join([title_of(table), "nothing scored yet", *map(wrap, left_out_line(table))])
    # A terminal is narrow; Markdown has no lines within a cell.
    line_break = "\n" if layout == "simple" else " "
    blocks = [
        tabulate(
            [_fold(row, width) for row in block.rows],
            headers=_fold([heading.replace("\n", line_break) for heading in block.headings.values()], width),
            tablefmt=layout,
            disable_numparse=True,
            colalign=["left" if name in WORDS else "right" for name in block.headings],
        )
        for block in lay_out_blocks(table)
    ]
    cautions = "\n".join(wrap(f"caution: {caution}") for caution in describe_cautions(table))
    return "\n\n".join(
        [
            title_of(table),
            *([cautions] if cautions else []),
            *blocks,
            *map(wrap, describe_findings(table)),
            *map(wrap, left_out_line(table)),
        ]
    )


_STYLES: Mapping[str, Callable[[Sequence[pd.DataFrame]], str]] = {
    "markdown": partial(_write_plain, layout="github"),
    "latex": write_latex,
    "csv": _write_csv,
    "json": _write_json,
}
