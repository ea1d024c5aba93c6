"""Choice of neurons by labels and conditions, which are never executed."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.formats.unit_quality import choose_units
from neuroalign.errors import UnknownNameError, UsageError

TABLE = pd.DataFrame(
    {
        "isi_violations": [0.1, 0.5, 0.9, np.nan],
        "presence_ratio": [0.99, 0.95, 0.99, 0.99],
        "quality": ["good", "noise", "good", None],
        "curated": [True, False, True, True],
    }
)


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("isi_violations <= 0.5 and presence_ratio >= 0.95", [1, 1, 0, 0]),
        ("isi_violations <= 0.5 and presence_ratio > 0.95", [1, 0, 0, 0]),
        ("isi_violations > .5 or presence_ratio == 0.95", [0, 1, 1, 0]),
        ("not isi_violations > .5", [1, 1, 0, 0]),
        ("0.2 < isi_violations < .95", [0, 1, 1, 0]),
        ("0.2 > isi_violations", [1, 0, 0, 0]),
        ("(isi_violations < .2 or isi_violations > .8) and quality == 'good'", [1, 0, 1, 0]),
        ("quality != 'good'", [0, 1, 0, 0]),
        ("quality in ('noise', 'mua')", [0, 1, 0, 0]),
        ("quality not in ['noise']", [1, 0, 1, 0]),
        ("curated and presence_ratio > -1", [1, 0, 1, 1]),
        ("good", [1, 0, 1, 0]),
        ("good,noise", [1, 1, 1, 0]),
        ("all", [1, 1, 1, 1]),
        (None, [1, 1, 1, 1]),
    ],
)
def test_conditions(condition, chosen):
    assert choose_units(TABLE, condition, "s")[0].tolist() == [bool(value) for value in chosen]


def test_notes_have_the_numbers():
    assert choose_units(TABLE, None, "s")[1] == [
        "All 4 neurons of s were taken, of any quality (2 good, 1 noise, 1 without label); --quality chooses some."
    ]
    assert choose_units(TABLE, "isi_violations <= 0.5", "s")[1] == [
        "2 of 4 neurons of s were taken (--quality isi_violations <= 0.5).",
        "1 of the neurons left out have no value of isi_violations.",
    ]


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('true') == 0",
        "open('x') == 1",
        "presence_ratio.max() > 0",
        "isi_violations + 1 > 0",
        "isi_violations is None",
        "isi_violations <",
        "isi_violations",
        "quality > 3",
        "isi_violations == 'good'",
        "quality == b'good'",
        "'goo' in quality",
        "(lambda: isi_violations)() < 1",
        "[n for n in (1, 2)] == 1",
        "isi_violations < 10 ** 10",
        "(" * 240 + "isi_violations" + ")" * 240,
        "not " * 110 + "isi_violations < 1" + " and" * 10,
        "",
    ],
)
def test_other_expressions_are_refused_in_one_line(condition):
    with pytest.raises(UsageError) as caught:
        choose_units(TABLE, condition, "s")
    assert "\n" not in str(caught.value)


def test_unknown_names_and_empty_choices():
    with pytest.raises(
        UnknownNameError, match="no column of the neurons is called 'isi_violation'; did you mean isi_v"
    ):
        choose_units(TABLE, "isi_violation < 0.5", "s")
    with pytest.raises(UnknownNameError, match="no quality of a neuron is called 'god'; did you mean good"):
        choose_units(TABLE, "god", "s")
    with pytest.raises(UsageError, match="'isi_violations > 3' leaves none of the 4 neurons of s"):
        choose_units(TABLE, "isi_violations > 3", "s")
    with pytest.raises(UsageError, match="at most 500 characters"):
        choose_units(TABLE, "isi_violations < 1 " + " " * 500, "s")
    with pytest.raises(UsageError, match=r"--quality good needs a column of labels .* has the columns snr"):
        choose_units(pd.DataFrame({"snr": [1.0]}), "good", "s")
