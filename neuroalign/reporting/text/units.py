"""Table of the units of a model as plain text: a row for each unit, in the width of a terminal."""

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd

from neuroalign.errors import UsageError
from neuroalign.files import spreadsheets
from neuroalign.reporting.text.score_columns import Column, lay_out_rows, pack_columns
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import Number, write_number
from neuroalign.scoring.units import SELECTIVE_SHARE, UnitTable
from neuroalign.validation import check_names

# More columns of selectivity than this are left to --json and --format csv; the best one is always shown.
_MOST_SELECTIVITIES = 6
# Letters of a line of a heading.
_HEADING = 12


def format_units(units: UnitTable, *, top: int = 40, width: int = 80) -> str:
    """Lay out the units of a model: numbers of the population, a table with a row for each unit, a legend and notes.

    Parameters
    ----------
    units : UnitTable
    top : int
        Number of units to show, the first of the table; see :func:`sort_units`.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    shown = units.table.iloc[:top]
    numbers = [number for number in shown_numbers(units) if _is_filled(shown, number)]
    columns = [_column(number, shown[number.identifier]) for number in numbers]
    names = [str(name) for name in shown.index]
    name_width = max(4, *map(len, names))
    lines: list[str] = []
    for block in pack_columns(columns, width - name_width):
        rows = [
            [name, *cells]
            for name, cells in zip(names, zip(*(column.cells for column in block), strict=True), strict=True)
        ]
        lines += ["", *lay_out_rows(["unit", *(column.heading for column in block)], rows, name_width)]
    left_out = len(units.table) - len(shown)
    if left_out:
        lines += ["", f"{left_out:,} more units: --top {len(units.table)} shows all"]
    named = [(number.heading.replace("-\n", "").replace("\n", " "), number.label) for number in numbers]
    legend = "; ".join(f"{heading}: {label}" for heading, label in named if heading != label)
    n_hidden = len([n for n in units.numbers if _is_selectivity(units, n)])
    notes = list(units.notes)
    if n_hidden > _MOST_SELECTIVITIES:
        notes.append(f"--json and --format csv have the selectivity for each of {n_hidden} columns")
    blocks = [
        *_wrap(_title(units), width),
        *_wrap(_describe_population(units), width),
        *lines,
        "",
        *_wrap(legend, width),
        *(["", *(line for note in notes for line in _wrap(note, width))] if notes else []),
    ]
    return "\n".join(blocks)


def sort_units(units: UnitTable, column: str) -> pd.DataFrame:
    """Return the table in the order of a column, the largest first for numbers, and units without a value last.

    Parameters
    ----------
    units : UnitTable
    column : str
        Identifier of a column.

    Raises
    ------
    UnknownNameError
        If the table has no such column.
    """
    check_names([column], units.table.columns, "column of units")
    is_number = pd.api.types.is_numeric_dtype(units.table[column])
    return units.table.sort_values(column, ascending=not is_number, kind="stable", na_position="last")


def shown_numbers(units: UnitTable) -> list[Number]:
    """Return the columns of a table for readers: with many columns of selectivity, the best one stands for all."""
    selective = [number for number in units.numbers if _is_selectivity(units, number)]
    hidden = selective if len(selective) > _MOST_SELECTIVITIES else []
    return [number for number in units.numbers if number not in hidden]


def write_csv(units: UnitTable) -> str:
    """Write all columns as comma-separated text, with the unit in the first column.

    Raises
    ------
    UsageError
        If the table is empty.
    """
    if units.table.empty:
        raise UsageError("a table of units must have a row, got an empty table")
    return str(spreadsheets.write_csv(units.table, index=True)).rstrip("\n")


def _is_selectivity(units: UnitTable, number: Number) -> bool:
    names = [item.identifier for item in units.numbers]
    if SELECTIVE_SHARE.identifier not in names:
        return False
    return number.identifier.startswith(("d_prime_", "eta2_", "r_"))


def _is_filled(table: pd.DataFrame, number: Number) -> bool:
    """Return whether a column has a value; columns without one are explained in the notes."""
    return bool(table[number.identifier].notna().any())


def _column(number: Number, values: "pd.Series[Any]") -> Column:
    cells = [
        value or "–" if isinstance(value, str) else write_number(float(value), number.kind)
        for value in values
    ]
    # Names of columns break at their underscores.
    parts = (
        textwrap.wrap(line.replace("_", "_ "), _HEADING) or [line] for line in number.heading.split("\n")
    )
    heading = "\n".join(part.replace("_ ", "_") for lines in parts for part in lines)
    return Column(number.label, heading, cells)


def _title(units: UnitTable) -> str:
    if units.simulated is None:
        return f"{units.model}, units on the stimuli of {units.source}"
    kind = "simulated" if units.simulated else "recorded"
    return f"{units.model}, units on {units.source} ({kind} neurons)"


def _describe_population(units: UnitTable) -> str:
    numbers = units.population
    n, n_informative = int(numbers["n_units"]), int(numbers["n_informative"])
    parts = [f"{n:,} units" if n == n_informative else f"{n_informative:,} informative of {n:,} units"]
    if "n_neurons" in numbers:
        parts.append(f"{int(numbers['n_neurons']):,} neurons")
    parts.append(f"{int(numbers['n_stimuli']):,} stimuli")
    parts.append(f"participation ratio {numbers['participation_ratio']:.1f}")
    return ", ".join(parts)


def _wrap(text: str, width: int) -> Sequence[str]:
    return wrap(text, width)
