"""One table of families × benchmarks for a paper, independent of its format."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.comparison.leaderboard import BESIDE, CORRECTIONS
from neuroalign.comparison.leaderboard_findings import describe_left_out
from neuroalign.comparison.pairs import ALPHA
from neuroalign.errors import UsageError, count_noun, p_in_words, unknown_name
from neuroalign.models.ceiling import ceiling_family
from neuroalign.names.digests import match_name
from neuroalign.results.numbers import join_words, name_benchmark, write_number
from neuroalign.results.score import SHIPPED
from neuroalign.scoring.declared import number_of, symbol_of

#: Mark of a score that must not be interpreted, and of the row that is tested against all others.
DAGGER, OWN = "†", "▸"

# Columns of a leaderboard with numbers that a paper can show, with their headings.
_OF_BOARD = {"error": "standard error", "null": "chance", "ceiling": "ceiling", "sd": "SD over instances"}
# Half an interval below this number needs a third decimal.
_NARROW = 0.01


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Parameters
    ----------
    text : str
        The number with half of its interval.
    letters : str
        Letters of the families that are not shown to differ, or the mark of a score that must not be interpreted.
    is_best : bool
        Whether it is the best number of its column.
    """

    text: str
    letters: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper.

    Parameters
    ----------
    headings : sequence of str
        Heading of each column of numbers.
    rows : mapping of str to sequence of Cell
        Cells of each family by its shown name.
    own : str
        Shown name of the row that is tested against all others; empty without one.
    caption : str
        One sentence.
    footnotes : sequence of str
        Sentences below the table.
    label : str
        Name from which the label of the table is made.
    """

    headings: Sequence[str]
    rows: Mapping[str, Sequence[Cell]]
    own: str
    caption: str
    footnotes: Sequence[str]
    label: str


@dataclass(frozen=True)
class _Column:
    """A column of numbers: its leaderboard, and the place of its numbers there."""

    table: pd.DataFrame
    place: str
    heading: str
    higher_is_better: bool | None

    @property
    def has_interval(self) -> bool:
        return self.place == "mean"


def lay_out_paper_table(
    tables: Sequence[pd.DataFrame],
    *,
    columns: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    caption: str = "",
    made_by: str = "",
) -> PaperTable:
    """Lay out leaderboards of one dataset as one table with a row for each family.

    Parameters
    ----------
    tables : sequence of DataFrame
        Leaderboards from :func:`neuroalign.comparison.leaderboard.leaderboards`.
    columns : sequence of str
        Columns in their order: the name of a benchmark for the number that ranks its families, or BENCHMARK:NUMBER,
        with ``value``, ``null``, ``ceiling``, ``error``, ``sd`` or a number beside the score, such as ``turned``. By
        default one column for each benchmark that ranks families.
    names : mapping of str to str, optional
        Names in the table by families, and headings by entries of `columns`.
    caption : str
        Caption in place of the sentence that names the dataset.
    made_by : str
        Last footnote: command, date and versions.

    Returns
    -------
    PaperTable
        Families in the order of the first column that ranks them. The best number of each column that ranks families
        is marked; letters come from the test over instances and neurons.

    Raises
    ------
    UsageError
        If no leaderboard has a family.
    UnknownNameError
        If a column, or a name to be replaced, is unknown.
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        raise UsageError("a table for a paper needs one score at least, got none; score a model first")
    # Every row has a name to replace, also a row that the chosen columns leave out.
    every = [str(family) for table in filled for family in table["family"]]
    headings = [*columns, *(str(table.attrs["name"]) for table in filled)]
    shown = _match_names(names or {}, [*every, *headings])
    chosen = [_find(text, filled, shown) for text in columns] or _default_columns(filled, shown)
    families = _order(chosen)
    _expect_one_row_each(shown, families)
    cells = [_cells(column, families) for column in chosen]
    attrs = filled[0].attrs
    kind = "simulated" if attrs["simulated"] else "recorded"
    own = attrs["mine"]["family"]
    n_models = sum(family != ceiling_family() for family in families) or len(families)
    return PaperTable(
        headings=[column.heading for column in chosen],
        rows={shown.get(family, family): [column[family] for column in cells] for family in families},
        own=shown.get(own, own) if own in families else "",
        caption=caption
        or f"Scores of {count_noun(n_models, 'family', 'families')} of models on "
        f"{attrs['dataset']} ({kind} neurons).",
        footnotes=[*_footnotes(chosen, families, shown, cells), *([made_by] if made_by else [])],
        label=str(attrs["dataset"]),
    )


def split_columns(text: str) -> list[str]:
    """Split text at the commas outside brackets.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> split_columns("ridge, alignment[turns=0,seed=1]:value")
    ['ridge', 'alignment[turns=0,seed=1]:value']
    """
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _default_columns(tables: Sequence[pd.DataFrame], names: Mapping[str, str]) -> list[_Column]:
    ranking = [table for table in tables if not table.attrs["is_control"]] or list(tables)
    return [_find(str(table.attrs["name"]), tables, names) for table in ranking]


def _find(text: str, tables: Sequence[pd.DataFrame], names: Mapping[str, str]) -> _Column:
    """Find the numbers of a column by its name."""
    by_name = {str(table.attrs["name"]): table for table in tables}
    head, colon, number = text.rpartition(":")
    name, number = (head, number) if colon and text not in by_name else (text, "")
    if name not in by_name:
        raise unknown_name("column", name, by_name)
    table = by_name[name]
    attrs = table.attrs
    statistic, benchmark = attrs["statistic"], attrs["benchmark"]
    direction = None if attrs["is_control"] else bool(attrs["higher_is_better"])
    if not number or number == statistic["identifier"]:
        words = statistic["label"]
        if statistic["identifier"] == "value":
            words = name_benchmark(name)
        elif name_benchmark(benchmark) not in words:
            words = f"{name_benchmark(name)}, {words}"
        return _Column(table, "mean", names.get(text, words), direction)
    places = {
        "value": "value",
        **{key: key for key in _OF_BOARD},
        **{
            str(column).removeprefix(BESIDE): str(column)
            for column in table
            if str(column).startswith(BESIDE)
        },
    }
    if number not in places:
        raise unknown_name(f"number of {name}", number, [statistic["identifier"], *places])
    if number == "value":
        words = symbol_of(benchmark)
    else:
        words = f"{name_benchmark(name)}, {_OF_BOARD.get(number) or number_of(benchmark, number).label}"
    return _Column(table, places[number], names.get(text, words), None)


def _order(columns: Sequence[_Column]) -> list[str]:
    """Order the families by the first column that ranks them, then those that are in other columns only."""
    ranking = sorted(columns, key=lambda column: column.higher_is_better is None)
    return list(dict.fromkeys(str(family) for column in ranking for family in column.table["family"]))


def _match_names(names: Mapping[str, str], existing: Sequence[str]) -> dict[str, str]:
    """Return the new names by the existing names that they replace.

    The plain name of a family stands for its row of scores that come with neuroalign, too.
    """
    shown = {}
    for name, new in names.items():
        marked = f"{name} {SHIPPED}"
        if name not in existing and marked in existing:
            shown[marked] = f"{new} {SHIPPED}"
            continue
        old = match_name(name, existing)
        if old is None:
            raise unknown_name("row or column", name, existing)
        shown[old] = new
    return shown


def _expect_one_row_each(names: Mapping[str, str], families: Sequence[str]) -> None:
    rows: dict[str, str] = {}
    for family in families:
        name = names.get(family, family)
        if name in rows:
            raise UsageError(
                f"rows must have different names, got {name!r} for {rows[name]} and {family}; rename one"
            )
        rows[name] = family


def _cells(column: _Column, families: Sequence[str]) -> dict[str, Cell]:
    table = column.table.set_index("family")
    unreadable = table.attrs["unreadable"]
    values = table[column.place].astype(float)
    halves = (table["ci_high"] - table["ci_low"]) / 2 if column.has_interval else values * math.nan
    # Recorded neurons are the ceiling, not a model.
    readable = values.drop(labels=[*unreadable, ceiling_family()], errors="ignore").dropna()
    best = math.nan
    if column.higher_is_better is not None and column.has_interval and len(readable) > 1:
        best = float(readable.max() if column.higher_is_better else readable.min())
    write = _writer(column, halves)
    cells = dict.fromkeys(families, Cell("–"))
    for family in table.index:
        value, half = float(values[family]), float(halves[family])
        if math.isnan(value):
            continue
        letters = DAGGER if family in unreadable else str(table["letters"][family])
        cells[str(family)] = Cell(
            write(value) + ("" if math.isnan(half) else f" ± {write(half)}"),
            letters if column.has_interval else "",
            value == best and family in readable.index,
        )
    return cells


def _writer(column: _Column, halves: "pd.Series[float]") -> Callable[[float], str]:
    """Return a function that writes the numbers of a column, all with the same decimals."""
    if column.place.startswith(BESIDE):
        kind = number_of(column.table.attrs["benchmark"], column.place.removeprefix(BESIDE)).kind
        return lambda value: write_number(value, kind)
    decimals = 3 if bool((halves < _NARROW).any()) else 2
    return lambda value: f"{value:z.{decimals}f}"


def _footnotes(
    columns: Sequence[_Column],
    families: Sequence[str],
    names: Mapping[str, str],
    cells: Sequence[Mapping[str, Cell]],
) -> list[str]:
    ranking = [column for column in columns if column.has_interval]
    notes = []
    over = {str(over) for column in ranking for over in column.table["interval_over"] if over}
    if over:
        notes.append(f"± is half of the 95 % interval over {' or '.join(sorted(over, key=len))}.")
    if any(cell.is_best for column in cells for cell in column.values()):
        notes.append("Bold: the best mean of a column.")
    if any(column.table["letters"].any() for column in ranking):
        correction = CORRECTIONS[columns[0].table.attrs["correction"]]
        notes.append(
            "Families that share a letter in a column are not shown to differ over instances and neurons (every pair, "
            f"{correction}, p < {ALPHA:g})."
        )
    ceiling = ceiling_family()
    if ceiling is not None and ceiling in families:
        notes.append(
            f"{names.get(ceiling, ceiling)}: recorded neurons in place of a model, a ceiling; never bold."
        )
    notes += _numbers_of_instances(columns, families, names)
    notes += _cautions(columns, names)
    notes += _own_row(ranking, names)
    if any(family.endswith(SHIPPED) for family in families):
        notes.append(f"{SHIPPED}: scores that come with neuroalign.")
    left_out = dict.fromkeys(describe_left_out(column.table) for column in columns)
    notes += [f"Left out: {text}." for text in left_out if text]
    return notes


def _numbers_of_instances(
    columns: Sequence[_Column], families: Sequence[str], names: Mapping[str, str]
) -> list[str]:
    numbers = dict.fromkeys(families, 0)
    for column in columns:
        for family, n in zip(column.table["family"], column.table["n"], strict=True):
            numbers[str(family)] = max(numbers[str(family)], int(n))
    groups: dict[int, list[str]] = {}
    for family, n in numbers.items():
        groups.setdefault(n, []).append(names.get(family, family))
    if len(groups) == 1:
        return [f"n = {n} for each family." if n > 1 else "n = 1: single models." for n in groups]
    return [f"n = {n} for {join_words(members)}." for n, members in sorted(groups.items(), reverse=True)]


def _cautions(columns: Sequence[_Column], names: Mapping[str, str]) -> list[str]:
    """Write the cautions about the families of the columns, each once, with all benchmarks that it forbids to read."""
    forbidden: dict[str, list[str]] = {}
    for column in columns:
        attrs = column.table.attrs
        for family, cautions in attrs["cautions"].items():
            mark = f"{DAGGER} " if family in attrs["unreadable"] else ""
            for caution in cautions:
                reason, _, benchmark = caution.partition(": do not interpret ")
                benchmarks = forbidden.setdefault(f"{mark}{names.get(family, family)}: {reason}", [])
                if benchmark and benchmark not in benchmarks:
                    benchmarks.append(benchmark)
    return [
        f"{reason}: do not interpret {join_words(benchmarks)}." if benchmarks else f"{reason}."
        for reason, benchmarks in forbidden.items()
    ]


def _own_row(ranking: Sequence[_Column], names: Mapping[str, str]) -> list[str]:
    """Write the tests of one row against every other row."""
    notes = []
    for column in ranking:
        mine: Mapping[str, Any] = column.table.attrs["mine"]
        outcomes = [
            f"{names.get(test['family'], test['family'])} {test['difference']:+z.3f}, {p_in_words(test['p'])}"
            for test in mine["tests"]
            if np.isfinite(test["p"])
        ]
        if outcomes:
            correction = CORRECTIONS[column.table.attrs["correction"]]
            notes.append(
                f"{OWN} {names.get(mine['family'], mine['family'])} less others by {column.heading} ({correction} over "
                f"{count_noun(len(outcomes), 'test')}): {'; '.join(outcomes)}."
            )
    return notes
