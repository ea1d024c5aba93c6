"""Text of the table of units."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroalign.errors import UnknownNameError
from neuroalign.reporting.text.units import format_units, sort_units, write_csv
from neuroalign.results.numbers import Number
from neuroalign.scoring.units import (
    BEST_NEURON,
    BEST_R,
    KURTOSIS,
    SELECTIVE_FOR,
    SELECTIVE_SHARE,
    SHARE,
    VARIANCE,
    UnitTable,
)


@pytest.fixture
def table():
    """Three units, with the selectivity for two columns."""
    numbers = (VARIANCE, KURTOSIS, BEST_NEURON, BEST_R, SHARE, SELECTIVE_FOR, SELECTIVE_SHARE)
    columns = (Number("r_size", "r with size", "r\nsize"), Number("eta2_kind", "η² of kind", "η²\nkind"))
    return UnitTable(
        "pca[n=3]",
        "toy",
        True,
        pd.DataFrame(
            {
                "variance": [4.0, 1234.5, 0.25],
                "kurtosis": [0.1, np.nan, -1.2],
                "best_neuron": ["n1", "n2", ""],
                "best_r": [0.5, 0.75, np.nan],
                "share_of_neurons": [0.25, 0.75, 0.0],
                "selective_for": ["size", "kind", "size"],
                "selective_share": [0.36, 0.5, 0.01],
                "r_size": [0.6, 0.1, -0.1],
                "eta2_kind": [0.2, 0.5, 0.0],
            },
            index=pd.Index(["0", "1", "2"], name="unit"),
        ),
        (*numbers, *columns),
        {"n_units": 4, "n_informative": 3, "n_stimuli": 2100, "n_neurons": 12, "participation_ratio": 1.25},
        ("1 of 3 units has a note",),
    )


def test_rows_legend_and_notes(table):
    lines = format_units(table).splitlines()
    assert lines[0] == "pca[n=3], units on toy (simulated neurons)"
    assert lines[1] == "3 informative of 4 units, 12 neurons, 2,100 stimuli, participation ratio 1.2"
    rows = [line.split() for line in lines if re.match(r"[012] ", line)]
    assert rows[0][:7] == ["0", "4.000", "0.100", "n1", "0.500", "25.0", "%"]
    assert rows[1][:7] == ["1", "1234.500", "–", "n2", "0.750", "75.0", "%"]
    assert rows[2][3:5] == ["–", "–"]
    text = " ".join(" ".join(lines).split())
    assert "kurtosis: excess kurtosis" in text
    assert "r size: r with size" in text
    assert lines[-1] == "1 of 3 units has a note"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_the_width(table, width):
    assert max(map(len, format_units(table, width=width).splitlines())) <= width


def test_first_units_only(table):
    text = format_units(table, top=2)
    assert "\n2 " not in text
    assert "1 more units: --top 3 shows all" in text


def test_many_columns_are_left_to_the_formats_for_programs(table):
    more = [Number(f"r_x{i}", f"r with x{i}") for i in range(6)]
    values = table.table.assign(**{number.identifier: 0.5 for number in more})
    text = format_units(replace(table, table=values, numbers=(*table.numbers, *more)))
    assert "x1" not in text
    assert "selective" in text
    assert "--json and --format csv have the selectivity for each of 8 columns" in text
    assert "r_x5" in write_csv(replace(table, table=values)).splitlines()[0]


def test_order_of_a_column(table):
    assert sort_units(table, "variance").index.tolist() == ["1", "0", "2"]
    assert sort_units(table, "kurtosis").index.tolist() == ["0", "2", "1"]
    assert sort_units(table, "best_neuron").index.tolist() == ["2", "0", "1"]
    with pytest.raises(UnknownNameError, match="kurtosis"):
        sort_units(table, "kurtosys")


def test_long_names_of_columns_break_at_underscores(table):
    number = Number("eta2_category_name", "η² of category_name", "η²\ncategory_name")
    values = table.table.rename(columns={"eta2_kind": "eta2_category_name"})
    text = format_units(replace(table, table=values, numbers=(*table.numbers[:-1], number)))
    assert "η² category_name: η² of category_name" in " ".join(text.split())
    assert any(line.rstrip().endswith("category_") for line in text.splitlines())


def test_csv(table):
    lines = write_csv(table).splitlines()
    assert lines[0].startswith("unit,variance,kurtosis,best_neuron")
    assert lines[2].startswith("1,1234.5,,n2,0.75")


def test_units_on_stimuli_alone(table):
    alone = replace(
        table,
        simulated=None,
        population={"n_units": 3, "n_informative": 3, "n_stimuli": 9, "participation_ratio": 2.0},
    )
    assert format_units(alone).splitlines()[:2] == [
        "pca[n=3], units on the stimuli of toy",
        "3 units, 9 stimuli, participation ratio 2.0",
    ]
