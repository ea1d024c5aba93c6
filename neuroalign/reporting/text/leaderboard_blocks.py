"""Blocks of a leaderboard: columns with headings and rows of text, each block as wide as a terminal."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from neuroalign.comparison.leaderboard import BESIDE, CORRECTIONS, SCOPE_OF_CROSSED_TEST, SCOPE_OF_WELCH
from neuroalign.comparison.leaderboard_findings import describe_left_out
from neuroalign.comparison.pairs import ALPHA
from neuroalign.results.numbers import write_number
from neuroalign.scoring.cautions import MARK
from neuroalign.scoring.declared import number_of, symbol_of

_SCORES = ["family", "n", "mean", "interval", "value", "letters", "welch_letters"]
_BESIDE = ["error", "null", "ceiling"]
_TESTS = ["family", "difference", "crossed", "crossed_p", "welch_p", "hedges_g", "note"]
_VALUE_TESTS = ["family", "value_difference", "value_p"]
#: Mark before the name of the row that is tested against all others.
OWN = "▸"
#: Columns of words, which stand at the left of their cells.
WORDS = ("family", "letters", "welch_letters", "note", "interval_over", "crossed_over")
#: Letters of a terminal in which long names of families fit, and letters of a line of a name in other terminals.
WIDE, NARROW_NAME = 110, 13
# Columns with the limits of an interval.
_INTERVALS = {"interval": ("ci_low", "ci_high"), "crossed": ("crossed_ci_low", "crossed_ci_high")}
# Columns of numbers beside the family in a block, which has the width of a terminal.
_COLUMNS_OF_A_BLOCK = 5


@dataclass(frozen=True)
class Block:
    """A table of text.

    Parameters
    ----------
    headings : mapping of str to str
        Heading of each column, which may have several lines. A first line that ends in a colon names a test, which the
        lines below it belong to.
    rows : list of list of str
    """

    headings: Mapping[str, str]
    rows: list[list[str]]


def title_of(table: pd.DataFrame) -> str:
    """Return the dataset, the kind of neurons, and the benchmark of a leaderboard."""
    attrs = table.attrs
    direction = "" if attrs["higher_is_better"] else ", lower is better"
    return f"{name_of_dataset(table)}: {attrs['name']} version {attrs['benchmark_version']}{direction}"


def name_of_dataset(table: pd.DataFrame) -> str:
    """Return the dataset of a leaderboard with the kind of its neurons."""
    kind = "simulated neurons" if table.attrs["simulated"] else "recorded neurons"
    return f"{table.attrs['dataset']} ({kind})"


def notes_on_tests(table: pd.DataFrame) -> list[str]:
    """Explain the letters and the tests of a leaderboard, as far as it has them."""
    correction = CORRECTIONS[table.attrs["correction"]]
    notes = []
    if table["crossed_p"].notna().any():
        notes += [
            "Tests are against the best family. Families that share a letter are not shown to differ over instances "
            f"and neurons (every pair, {correction}, p < {ALPHA:g}).",
            SCOPE_OF_CROSSED_TEST,
        ]
    if table["welch_p"].notna().any():
        notes.append(SCOPE_OF_WELCH)
    if table.attrs["mine"]["tests"]:
        notes.append(
            f"{OWN} marks {table.attrs['mine']['family']}, tested against every other family over instances and "
            f"neurons, p by {correction} for the number of other families."
        )
    return notes


def left_out_line(table: pd.DataFrame) -> list[str]:
    """Return the sentence about the scores that are left out; none if all scores are in the leaderboard."""
    left_out = describe_left_out(table)
    return [f"Left out: {left_out}."] if left_out else []


def lay_out_blocks(table: pd.DataFrame, width: int | None = None) -> list[Block]:
    """Lay out the scores of the families, and the tests of all families against the best one.

    Parameters
    ----------
    table : pandas.DataFrame
        Leaderboard from :func:`neuroalign.leaderboard`.
    width : int, optional
        Letters of a line, which numbers beside the score fill; by default five of them stand in a block.

    Returns
    -------
    list of Block
        Columns without any text are left out.
    """
    beside = [str(name) for name in table if str(name).startswith(BESIDE)]
    texts = [_texts_of(row, beside, table.attrs) for row in table.to_dict("records")]
    headings = _headings(table.attrs, beside)
    is_value = table.attrs["statistic"]["identifier"] == "value"
    # Where families are ranked by the score, a column of the score would repeat the mean.
    scores = [name for name in _SCORES if not (is_value and name == "value")]
    columns_beside = [name for name in [*_BESIDE, *beside] if any(text[name] for text in texts)]
    blocks = [
        _block(scores, texts, headings),
        *(
            _block(["family", *columns], texts, headings)
            for columns in _chunks(columns_beside, texts, headings, width)
        ),
    ]
    others = texts[1 : len(table) - len(table.attrs["unreadable"])]
    if others and not table.attrs["is_control"]:
        best = table["family"][0]
        blocks.append(_block(_TESTS, others, {**headings, "family": f"{best} less"}))
        if table["value_p"].notna().any():
            label = table.attrs["value_statistic"]["label"]
            blocks.append(_block(_VALUE_TESTS, others, {**headings, "family": f"{label},\n{best} less"}))
    blocks += _own_row(table.attrs)
    return [block for block in blocks if len(block.headings) > 1]


def _own_row(attrs: Mapping[Any, Any]) -> list[Block]:
    """Lay out the tests of one row against every other row; empty without such a row."""
    mine = attrs["mine"]
    if not mine["tests"]:
        return []
    headings = {
        "family": f"{OWN} {mine['family']} less",
        "difference": "difference",
        "crossed": "95 % interval",
        "crossed_p": f"p\n({CORRECTIONS[attrs['correction']]})",
        "note": "",
    }
    rows = [
        [
            test["family"],
            _write("difference", test["difference"]) or "–",
            _write_interval(test["ci_low"], test["ci_high"]) or "–",
            _write("p", test["p"]) or "–",
            f"no test: {test['reason']}" if test["reason"] else "",
        ]
        for test in mine["tests"]
    ]
    if not any(row[-1] for row in rows):
        headings.pop("note")
        rows = [row[:-1] for row in rows]
    return [Block(headings, rows)]


def _block(columns: Sequence[str], texts: Sequence[Mapping[str, str]], headings: Mapping[str, str]) -> Block:
    """Make a block of the columns with any text; numbers that are missing are dashes."""
    filled = [name for name in columns if any(text[name] for text in texts)]
    rows = [[text[name] or ("" if name in WORDS else "–") for name in filled] for text in texts]
    return Block({name: headings.get(name, name) for name in filled}, rows)


def _headings(attrs: Mapping[Any, Any], beside: Sequence[str]) -> dict[str, str]:
    over, correction = attrs["error_over"], CORRECTIONS[attrs["correction"]]
    statistic = attrs["statistic"]
    is_value = statistic["identifier"] == "value"
    value = symbol_of(attrs["benchmark"])
    return {
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
        **{name: number_of(attrs["benchmark"], name.removeprefix(BESIDE)).heading for name in beside},
    }


def _texts_of(row: Mapping[Any, Any], beside: Sequence[str], attrs: Mapping[Any, Any]) -> dict[str, str]:
    """Write the values of a row; missing numbers are empty."""
    family = row["family"]
    return {
        **{str(name): value if name in WORDS else _write(str(name), value) for name, value in row.items()},
        **{name: _write_interval(row[low], row[high]) for name, (low, high) in _INTERVALS.items()},
        **{name: _write_beside(attrs["benchmark"], name, row[name]) for name in beside},
        "family": _mark(family, attrs),
    }


def _mark(family: str, attrs: Mapping[Any, Any]) -> str:
    """Mark the row that is the user's own, and a row that must not be interpreted."""
    own = f"{OWN} " if family == attrs["mine"]["family"] else ""
    return f"{own}{family}{f' {MARK}' if family in attrs['unreadable'] else ''}"


def _write(column: str, value: float) -> str:
    if math.isnan(value):
        return ""
    if column == "n":
        return str(value)
    return write_number(value, "p" if column.endswith(("p", "p_raw")) else "number")


def _write_beside(benchmark: str, column: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return write_number(value, number_of(benchmark, column.removeprefix(BESIDE)).kind)


def _write_interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{write_number(low)} to {write_number(high)}"


def _chunks(
    columns: Sequence[str], texts: Sequence[Mapping[str, str]], headings: Mapping[str, str], width: int | None
) -> list[list[str]]:
    if width is None:
        starts = range(0, len(columns), _COLUMNS_OF_A_BLOCK)
        return [list(columns[start : start + _COLUMNS_OF_A_BLOCK]) for start in starts]
    lines = {
        name: [*headings.get(name, name).split("\n"), *(text[name] for text in texts)] for name in columns
    }
    return columns_that_fit(lines, ["family", *(text["family"] for text in texts)], width)


def columns_that_fit(
    columns: Mapping[str, Sequence[str]], families: Sequence[str], width: int | None
) -> list[list[str]]:
    """Divide the columns of a table into blocks that fit a line.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Lines of the heading and the cells of each column.
    families : sequence of str
        First column, which each block has.
    width : int, optional
        Letters of a line; by default there is one block.

    Returns
    -------
    list of list of str
        Names of the columns in each block, at least one.
    """
    left = first = math.inf
    if width is not None:
        longest = max(map(len, families))
        left = first = width - (longest if width >= WIDE else min(longest, NARROW_NAME))
    blocks: list[list[str]] = []
    for name, lines in columns.items():
        # tabulate makes a column two letters wider than its heading, and leaves two letters between columns.
        needed = max(map(len, lines)) + 4
        if not blocks or needed > left:
            blocks.append([])
            left = first
        blocks[-1].append(name)
        left -= needed
    return blocks
