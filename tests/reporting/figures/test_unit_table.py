"""Figure of the units of a model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.style import save
from neuroalign.reporting.figures.unit_table import MOST_NAMES, units_in_rows
from neuroalign.scoring.units import BEST_NEURON, KURTOSIS, SHARE, TREVES_ROLLS, VARIANCE, UnitTable


def make(n):
    return UnitTable(
        "model_$a",
        "toy",
        False,
        pd.DataFrame(
            {
                "variance": np.arange(n) + 1.0,
                "treves_rolls": np.nan,
                "kurtosis": np.where(np.arange(n) == 1, np.nan, -0.5),
                "best_neuron": "n1",
                "share_of_neurons": 1 / n,
            },
            index=pd.Index([f"u{i}" for i in range(n)], name="unit"),
        ),
        (VARIANCE, TREVES_ROLLS, KURTOSIS, BEST_NEURON, SHARE),
        {"n_units": n, "n_informative": n, "n_stimuli": 9, "participation_ratio": 2.0},
    )


def points(axes):
    """Return the points of a panel, by row."""
    return next(line for line in axes.lines if line.get_marker() == "o").get_xydata().tolist()


def test_panels_have_the_numbers(tmp_path):
    figure = units_in_rows(make(3))
    panels = figure.axes
    # A column without a number, and a column of text, have no panel.
    assert [axes.get_xlabel() for axes in panels] == ["variance", "kurtosis", "share of\nneurons (%)"]
    assert points(panels[0]) == [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]
    assert points(panels[1]) == [[-0.5, 0.0], [-0.5, 2.0]]
    np.testing.assert_allclose(points(panels[2])[0], [100 / 3, 0])
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["u0", "u1", "u2"]
    assert panels[0].get_ylabel() == "unit"
    # The first unit is on top.
    assert panels[0].get_ylim() == (2.5, -0.5)
    assert "recorded neurons" in figure.get_suptitle()
    first, second = (save(units_in_rows(make(3)), tmp_path / f"{name}.svg").read_bytes() for name in "ab")
    assert first == second


def test_many_units_have_no_names():
    (axes, *_) = units_in_rows(make(MOST_NAMES + 1)).axes
    assert list(axes.get_yticks()) == []
    assert axes.get_ylabel() == f"{MOST_NAMES + 1} units"


def test_columns_that_are_not_drawn_are_counted(monkeypatch):
    monkeypatch.setattr("neuroalign.reporting.figures.unit_table.MOST_PANELS", 1)
    figure = units_in_rows(make(3))
    assert [axes.get_xlabel() for axes in figure.axes] == ["variance"]
    assert figure.get_suptitle().endswith("; 2 more columns are not drawn")


def test_nothing_to_draw():
    table = make(2)
    with pytest.raises(UsageError, match="must have a number for one unit at least"):
        units_in_rows(replace(table, numbers=(TREVES_ROLLS, BEST_NEURON)))
