"""Leaderboards as text: for a terminal, a document, a paper or another program."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from neuroalign.leaderboards import ALPHA, WHAT_THE_TEST_COVERS

CORRECTIONS = {"holm": "Holm", "bh": "BH"}

_SHOWN = [
    "family",
    "n",
    "mean",
    "interval",
    "error",
    "null",
    "ceiling",
    "letters",
    "p_raw",
    "p",
    "hedges_g",
    "note",
]
_TEXT = ("family", "letters", "note")


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
            error_over=each.attrs["error_over"],
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
        columns, rows = _cells(table, _number)
        body = tabulate(
            rows,
            headers=list(columns.values()),
            tablefmt=layout,
            disable_numparse=True,
            colalign=["left" if each in _TEXT else "right" for each in columns],
        )
        body = "nothing scored yet" if table.empty else body
        return "\n\n".join([_title(table), body, *_left_out_line(table)])

    return of_all


def _title(table: pd.DataFrame) -> str:
    attrs = table.attrs
    kind = "simulated neurons" if attrs["simulated"] else "recorded neurons"
    direction = "" if attrs["higher_is_better"] else ", lower is better"
    return f"{attrs['dataset']} ({kind}): {attrs['name']} version {attrs['benchmark_version']}{direction}"


def _cells(
    table: pd.DataFrame, number: Callable[[str, float], str]
) -> tuple[dict[str, str], list[list[str]]]:
    """Return the columns that hold anything, with their headings, and the text of each row."""
    over = table.attrs["error_over"]
    headings = {
        "interval": "95 % interval",
        "error": f"SE over {over}",
        "null": "chance",
        "p_raw": "p (Welch)",
        "p": f"p ({CORRECTIONS[table.attrs['correction']]})",
        "hedges_g": "Hedges' g",
        "note": "",
    }
    records = table.to_dict("records")
    texts = [
        {
            **{name: number(str(name), value) if name not in _TEXT else value for name, value in row.items()},
            "interval": ""
            if math.isnan(row["ci_low"])
            else f"{number('mean', row['ci_low'])} to {number('mean', row['ci_high'])}",
        }
        for row in records
    ]
    columns = {name: headings.get(name, name) for name in _SHOWN if any(text[name] for text in texts)}
    return columns, [[text[name] or ("" if name in _TEXT else "–") for name in columns] for text in texts]


def _number(column: str, value: float) -> str:
    """Write a number; nothing for NaN."""
    if math.isnan(value):
        return ""
    if column == "n":
        return str(value)
    if column in ("p", "p_raw") and value < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}"


def _notes(table: pd.DataFrame) -> list[str]:
    if len(table) < 2:
        return []
    correction = CORRECTIONS[table.attrs["correction"]]
    return [
        "p and g: Welch's test of the instances against those of the best family. Families that share a letter are "
        f"not shown to differ (every pair tested, {correction}, p < {ALPHA:g}).",
        WHAT_THE_TEST_COVERS,
    ]


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
    untested = [
        f"No test of {family}: {note}."
        for family, note in zip(table["family"], table["note"], strict=True)
        if note not in ("", "best")
    ]
    caption = [f"{_title(table)}.", *_notes(table), *untested, *_left_out_line(table)]
    columns, rows = _cells(table, _latex_number)
    names = [name for name in columns if name != "note"]
    lines = [" & ".join(_escape(columns[name]) for name in names) + r" \\", r"\midrule"]
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        lines.append(
            " & ".join(
                _escape(cells[name]) if name in _TEXT else cells[name].replace("–", "--") for name in names
            )
            + r" \\"
        )
    label = re.sub(r"[^a-z0-9]+", "-", f"{table.attrs['dataset']}-{table.attrs['name']}".lower()).strip("-")
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escape(' '.join(caption))}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{''.join('l' if name in _TEXT else 'r' for name in names)}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


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
