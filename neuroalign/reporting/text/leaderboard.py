"""Leaderboards as text: for a terminal, a document, a paper or another program."""

import json
import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd
from tabulate import tabulate

from neuroalign.comparison.leaderboard import (
    ALPHA,
    BESIDE,
    WHAT_THE_CROSSED_TEST_COVERS,
    WHAT_THE_TEST_COVERS,
)
from neuroalign.comparison.leaderboard_findings import describe_cautions, describe_findings
from neuroalign.results.numbers import write_number
from neuroalign.scoring.cautions import MARK
from neuroalign.scoring.declared import number_of, symbol_of

CORRECTIONS = {"holm": "Holm", "bh": "BH"}

_SCORES = ["family", "n", "mean", "interval", "value", "letters", "welch_letters"]
_BESIDE = ["family", "error", "null", "ceiling"]
_TESTS = ["family", "difference", "crossed", "crossed_p", "welch_p", "hedges_g", "note"]
_VALUE_TESTS = ["family", "value_difference", "value_p"]
_TEXT = ("family", "letters", "welch_letters", "note", "interval_over", "crossed_over")
# Letters of a name that is broken in LaTeX.
_LONG_NAME = 24
# Bounds that are shown as one column.
_INTERVALS = {"interval": ("ci_low", "ci_high"), "crossed": ("crossed_ci_low", "crossed_ci_high")}


def format_leaderboards(tables: Sequence[pd.DataFrame], style: str) -> str:
    """Lay out leaderboards, one for each benchmark and set of options.

    Parameters
    ----------
    tables : sequence of DataFrame
        As :func:`neuroalign.leaderboard` returns them.
    style : {"table", "json", "csv", "markdown", "latex"}

    Returns
    -------
    str
    """
    return _STYLES[style](tables)


def describe_left_out(table: pd.DataFrame) -> str:
    """Say in words which scores are not in a leaderboard, and why; empty if all are."""
    return ", ".join(f"{n:,} {reason}" for reason, n in table.attrs["left_out"].items())


def _json(tables: Sequence[pd.DataFrame]) -> str:
    boards = [
        {
            **each.attrs,
            "covers": WHAT_THE_TEST_COVERS,
            "crossed_covers": WHAT_THE_CROSSED_TEST_COVERS,
            "pairs": _records(pd.DataFrame(each.attrs["pairs"])),
            "rows": _records(each),
        }
        for each in tables
    ]
    return json.dumps({"leaderboards": boards}, indent=1, default=str, allow_nan=False)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table with None for NaN."""
    return [
        {
            str(name): None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def _csv(tables: Sequence[pd.DataFrame]) -> str:
    labelled = [
        each.assign(
            dataset=each.attrs["dataset"],
            simulated=each.attrs["simulated"],
            benchmark=each.attrs["benchmark"],
            benchmark_version=each.attrs["benchmark_version"],
            options=json.dumps(each.attrs["options"], sort_keys=True, default=str),
            correction=each.attrs["correction"],
            statistic=each.attrs["statistic"]["identifier"],
            error_over=each.attrs["error_over"],
            cautions=["; ".join(each.attrs["cautions"].get(family, ())) for family in each["family"]],
        )
        for each in tables
    ]
    return pd.concat(labelled).to_csv(index=False, lineterminator="\n").rstrip("\n")


def _in_layout(layout: str) -> Callable[[Sequence[pd.DataFrame]], str]:
    def of_all(tables: Sequence[pd.DataFrame]) -> str:
        # What holds for all of them is said once.
        notes = list(dict.fromkeys(note for each in tables for note in _notes(each)))
        return "\n\n".join([*map(of_one, tables), *(["\n".join(notes)] if notes else [])])

    def of_one(table: pd.DataFrame) -> str:
        if table.empty:
            return "\n\n".join([_title(table), "nothing scored yet", *_left_out_line(table)])
        blocks = [
            tabulate(
                rows,
                # A terminal is narrow; Markdown has no lines within a cell.
                headers=[
                    each.replace("\n", "\n" if layout == "simple" else " ") for each in columns.values()
                ],
                tablefmt=layout,
                disable_numparse=True,
                colalign=["left" if each in _TEXT else "right" for each in columns],
            )
            for columns, rows in _blocks(table, _number)
        ]
        cautions = "\n".join(f"caution: {caution}" for caution in describe_cautions(table))
        return "\n\n".join(
            [
                _title(table),
                *([cautions] if cautions else []),
                *blocks,
                *describe_findings(table),
                *_left_out_line(table),
            ]
        )

    return of_all


def _title(table: pd.DataFrame) -> str:
    attrs = table.attrs
    kind = "simulated neurons" if attrs["simulated"] else "recorded neurons"
    direction = "" if attrs["higher_is_better"] else ", lower is better"
    return f"{attrs['dataset']} ({kind}): {attrs['name']} version {attrs['benchmark_version']}{direction}"


def _blocks(
    table: pd.DataFrame, number: Callable[[str, float], str]
) -> list[tuple[dict[str, str], list[list[str]]]]:
    """Lay out the scores of the families, and below them, where there are several, their tests against the best.

    Each block has the columns that hold anything, with their headings, and the text of each row.
    """
    over, correction = table.attrs["error_over"], CORRECTIONS[table.attrs["correction"]]
    statistic = table.attrs["statistic"]
    is_value = statistic["identifier"] == "value"
    value = symbol_of(table.attrs["benchmark"])
    headings = {
        "mean": "mean" if is_value else textwrap.fill(statistic["label"], 14),
        "interval": "95 % interval",
        "value": textwrap.fill(value, 12),
        "welch_letters": "letters\n(Welch)",
        "error": f"SE over\n{over}",
        "null": "chance" if is_value else f"chance\nof {value}",
        "ceiling": "ceiling" if is_value else f"ceiling\nof {value}",
        "difference": "difference",
        "hedges_g": "Hedges'\ng",
        "crossed": "95 % interval",
        "crossed_p": f"p\n({correction})",
        "welch_p": f"Welch:\np ({correction})",
        "value_difference": "difference",
        "value_p": f"p ({correction})",
        "note": "",
    }
    beside = [str(name) for name in table if str(name).startswith(BESIDE)]
    unreadable = table.attrs["unreadable"]
    texts = [
        {
            **{name: number(str(name), value) if name not in _TEXT else value for name, value in row.items()},
            **{name: _interval(row, bounds, number) for name, bounds in _INTERVALS.items()},
            **{
                name: ""
                if math.isnan(row[name])
                else _number_beside(table.attrs["benchmark"], name, row[name])
                for name in beside
            },
            "family": f"{row['family']} {MARK}" if row["family"] in unreadable else row["family"],
        }
        for row in table.to_dict("records")
    ]
    headings |= {
        name: number_of(table.attrs["benchmark"], name.removeprefix(BESIDE)).heading for name in beside
    }
    # Where families are ranked by the score, its column would say the same twice.
    scores = [name for name in _SCORES if not (is_value and name == "value")]
    columns_beside = [name for name in [*_BESIDE[1:], *beside] if any(text[name] for text in texts)]
    blocks: list[tuple[list[str], list[dict[str, str]], dict[str, str]]] = [
        (scores, texts, {}),
        *(([_BESIDE[0], *columns], texts, {}) for columns in _in_width(columns_beside)),
    ]
    if len(table) > 1 and not table.attrs["is_control"]:
        blocks.append((_TESTS, texts[1:], {"family": f"{table['family'][0]} less"}))
        if table["value_p"].notna().any():
            label = table.attrs["value_statistic"]["label"]
            blocks.append((_VALUE_TESTS, texts[1:], {"family": f"{label},\n{table['family'][0]} less"}))
    laid_out = []
    for shown, rows, own in blocks:
        columns = {
            name: own.get(name, headings.get(name, name))
            for name in shown
            if any(text[name] for text in rows)
        }
        if len(columns) > 1:
            laid_out.append(
                (
                    columns,
                    [[text[name] or ("" if name in _TEXT else "–") for name in columns] for text in rows],
                )
            )
    return laid_out


def _number_beside(benchmark: str, name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return write_number(value, number_of(benchmark, name.removeprefix(BESIDE)).kind)


def _in_width(columns: Sequence[str]) -> list[list[str]]:
    """Break columns of twelve letters at most into blocks that fit a terminal of 80 beside the family."""
    return [list(columns[start : start + 5]) for start in range(0, len(columns), 5)]


def _interval(row: Mapping[Any, Any], bounds: tuple[str, str], number: Callable[[str, float], str]) -> str:
    low, high = (row[each] for each in bounds)
    return "" if math.isnan(low) else f"{number('mean', low)} to {number('mean', high)}"


def _number(column: str, value: float) -> str:
    """Write a number; nothing for NaN."""
    if math.isnan(value):
        return ""
    if column == "n":
        return str(value)
    if column.endswith(("p", "p_raw")) and value < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}"


def _notes(table: pd.DataFrame) -> list[str]:
    correction = CORRECTIONS[table.attrs["correction"]]
    notes = []
    if table["crossed_p"].notna().any():
        notes += [
            "Tests are against the best family. Families that share a letter are not shown to differ over instances "
            f"and neurons (every pair, {correction}, p < {ALPHA:g}).",
            WHAT_THE_CROSSED_TEST_COVERS,
        ]
    if table["welch_p"].notna().any():
        notes.append(WHAT_THE_TEST_COVERS)
    return notes


def _left_out_line(table: pd.DataFrame) -> list[str]:
    left_out = describe_left_out(table)
    return [f"Left out: {left_out}."] if left_out else []


def _latex(tables: Sequence[pd.DataFrame]) -> str:
    return "\n\n".join(_latex_table(each) for each in tables)


def _latex_table(table: pd.DataFrame) -> str:
    if table.empty:
        return "\n".join(
            f"% {each}" for each in [_title(table), "nothing scored yet", *_left_out_line(table)]
        )
    untested: dict[str, list[str]] = {}
    for family, note in zip(table["family"], table["note"], strict=True):
        if note not in ("", "best"):
            untested.setdefault(note.removeprefix("no test: "), []).append(family)
    caption = [
        f"{_title(table)}.",
        *(f"Caution: {caution}" for caution in describe_cautions(table)),
        *_notes(table),
        *describe_findings(table),
        *(f"No test ({why}): {', '.join(families)}." for why, families in untested.items()),
        *_left_out_line(table),
    ]
    label = re.sub(r"[^a-z0-9]+", "-", f"{table.attrs['dataset']}-{table.attrs['name']}".lower()).strip("-")
    tabulars = [_tabular(*block) for block in _blocks(table, _latex_number)]
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{' '.join(map(_breakable, ' '.join(caption).split(' ')))}}}",
            rf"\label{{tab:{label}}}\smallskip",
            "\n\n\\medskip\n".join(tabulars),
            r"\end{table}",
        ]
    )


def _tabular(columns: Mapping[str, str], rows: Sequence[Sequence[str]]) -> str:
    # Why there is no test is in the caption.
    names = [name for name in columns if name != "note"]
    lines = []
    for row in rows:
        texts = dict(zip(columns, row, strict=True))
        cells = [
            _family_cell(texts[name])
            if name == "family"
            else _escape(texts[name])
            if name in _TEXT
            else texts[name].replace("–", "--").replace("%", r"\%")
            for name in names
        ]
        lines.append(" & ".join(cells) + r" \\")
    # "Welch:" and what is below it: columns of one test have its name above them once.
    tests, headings = zip(*(_test_and_heading(columns[name]) for name in names), strict=True)
    head = [*_spanning(tests), " & ".join([_family_cell(headings[0]), *map(_heading, headings[1:])]) + r" \\"]
    # As large as it is, or as wide as the text.
    return "\n".join(
        [
            rf"\sbox0{{\begin{{tabular}}{{{''.join('l' if name in _TEXT else 'r' for name in names)}}}",
            r"\toprule",
            *head,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}}%",
            r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
        ]
    )


def _family_cell(name: str) -> str:
    broken = " ".join(map(_breakable, name.split()))
    return rf"\parbox[t]{{10em}}{{\raggedright {broken}\strut}}" if len(name) > _LONG_NAME else broken


def _breakable(word: str) -> str:
    """Escape a word, and let it break after its punctuation if it is long."""
    if len(word) <= _LONG_NAME:
        return _escape(word)
    return "".join(_escape(each) + (r"\allowbreak{}" if not each.isalnum() else "") for each in word)


def _test_and_heading(text: str) -> tuple[str, str]:
    test, colon, heading = text.partition(":\n")
    return (test, heading) if colon else ("", text)


def _spanning(tests: Sequence[str]) -> list[str]:
    """Return a row with the name of each test over its columns, and the rules below them; none without tests."""
    cells, rules, start = [], [], 1
    for test, columns in groupby(tests):
        stop = start + len(list(columns))
        cells.append(rf"\multicolumn{{{stop - start}}}{{c}}{{{_escape(test)}}}")
        rules += [rf"\cmidrule(lr){{{start}-{stop - 1}}}"] if test else []
        start = stop
    return [" & ".join(cells) + r" \\", "".join(rules)] if rules else []


def _heading(text: str) -> str:
    lines = r" \\ ".join(_escape(each) for each in text.split("\n"))
    return rf"\shortstack[r]{{\strut {lines}}}" if "\n" in text else lines


def _latex_number(column: str, value: float) -> str:
    text = _number(column, value)
    mantissa, e, exponent = text.partition("e")
    if e:
        return rf"${mantissa} \times 10^{{{int(exponent)}}}$"
    return f"${text}$" if text.startswith("-") else text


_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


_STYLES: Mapping[str, Callable[[Sequence[pd.DataFrame]], str]] = {
    "table": _in_layout("simple"),
    "markdown": _in_layout("github"),
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
