"""Leaderboards in five formats: table for a terminal, Markdown, LaTeX, CSV and JSON."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
from tabulate import tabulate

from neuroalign.comparison.leaderboard import SCOPE_OF_CROSSED_TEST, SCOPE_OF_WELCH
from neuroalign.comparison.leaderboard_findings import describe_findings
from neuroalign.comparison.record import plain
from neuroalign.files.spreadsheets import write_csv
from neuroalign.reporting.text.latex import write_latex
from neuroalign.reporting.text.leaderboard_blocks import (
    NARROW_NAME,
    WIDE,
    WORDS,
    Block,
    lay_out_blocks,
    left_out_line,
    name_of_dataset,
    notes_on_tests,
    title_of,
)
from neuroalign.reporting.text.leaderboard_overview import lay_out_overview
from neuroalign.reporting.text.shared_notes import share_cautions, share_sentences
from neuroalign.reporting.text.shipped_rows import without_shipped
from neuroalign.reporting.text.wrapping import wrap


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
    if layout == "simple":
        tables = [without_shipped(table) for table in tables]
    names = [table.attrs["name"] for table in tables]
    # Sentences that hold for several leaderboards stand once: cautions above all of them, notes below.
    own_cautions, cautions = share_cautions(tables)
    own_findings, findings = share_sentences(
        [[] if table.empty else describe_findings(table) for table in tables], names
    )
    notes = dict.fromkeys([*findings, *(note for table in tables for note in notes_on_tests(table))])
    boards = [
        _write_board(table, own_cautions[place], own_findings[place], layout, width)
        for place, table in enumerate(tables)
    ]
    overview = _write_overview(tables, width) if layout == "simple" else []
    return "\n\n".join(
        [
            *_write_cautions(cautions, width),
            *overview,
            *boards,
            *(["\n".join(_wrap(note, width) for note in notes)] if notes else []),
        ]
    )


def _write_cautions(cautions: Sequence[str], width: int | None) -> list[str]:
    lines = [_wrap(f"caution: {caution}", width) for caution in cautions]
    return ["\n".join(lines)] if lines else []


def _write_overview(tables: Sequence[pd.DataFrame], width: int | None) -> list[str]:
    """Write the ranking by all benchmarks; empty where at most one benchmark ranks families."""
    blocks = lay_out_overview(tables, width)
    if not blocks:
        return []
    title = f"{name_of_dataset(tables[0])}: families in the order of their mean rank"
    return [title, *(_write_block(block, "simple", width) for block in blocks)]


def _wrap(sentence: str, width: int | None) -> str:
    if width is None:
        return sentence
    return "\n".join(wrap(sentence, width))


def _fold(row: Sequence[str], width: int | None) -> list[str]:
    """Break the name of a family, the first cell of a row, in a terminal of few letters."""
    if width is None or width >= WIDE:
        return [*row]
    lines = [
        line
        for part in row[0].split("\n")
        for line in textwrap.wrap(part, NARROW_NAME, break_on_hyphens=False)
    ]
    return ["\n".join(lines), *row[1:]]


def _write_board(
    table: pd.DataFrame, cautions: Sequence[str], findings: Sequence[str], layout: str, width: int | None
) -> str:
    wrap = partial(_wrap, width=width)
    if table.empty:
        return "\n\n".join([title_of(table), "nothing scored yet", *map(wrap, left_out_line(table))])
    blocks = lay_out_blocks(table, width if layout == "simple" else None)
    return "\n\n".join(
        [
            title_of(table),
            *_write_cautions(cautions, width),
            *(_write_block(block, layout, width) for block in blocks),
            *map(wrap, findings),
            *map(wrap, left_out_line(table)),
        ]
    )


def _write_block(block: Block, layout: str, width: int | None) -> str:
    # A terminal is narrow; Markdown has no lines within a cell.
    line_break = "\n" if layout == "simple" else " "
    return tabulate(
        [_fold(row, width) for row in block.rows],
        headers=_fold([heading.replace("\n", line_break) for heading in block.headings.values()], width),
        tablefmt=layout,
        disable_numparse=True,
        colalign=["left" if name in WORDS else "right" for name in block.headings],
        # The letters behind a number are aligned below one another.
        preserve_whitespace=True,
    )


_STYLES: Mapping[str, Callable[[Sequence[pd.DataFrame]], str]] = {
    "markdown": partial(_write_plain, layout="github"),
    "latex": write_latex,
    "csv": _write_csv,
    "json": _write_json,
}
