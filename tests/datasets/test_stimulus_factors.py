import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.stimulus_factors import choose_factors
from neuroalign.errors import DatasetError, UnknownNameError

N = 12
TABLE = pd.DataFrame(
    {
        "filename": [f"{index}.png" for index in range(N)],
        "training": [True, False] * 6,
        "person": ["b", "a", "c"] * 4,
        "view": [0, 45, 90, 135] * 3,
        "size": np.linspace(0, 1, N),
        "code": [f"x{index}" for index in range(N)],
        "number": np.arange(N),
        "constant": 3,
        "flag": [True] * 6 + [False] * 6,
        "score": [np.nan, *range(N - 1)],
        "original": [""] * N,
    },
    index=[f"s{index:02d}" for index in range(N)],
)
STIMULI = StimulusSet("views", TABLE)


def test_default_columns():
    factors = choose_factors(STIMULI, STIMULI.ids)
    assert factors.names == ("person", "view", "size", "flag")
    assert factors.categorical.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(factors.values[:, 0], [1, 0, 2] * 4)
    np.testing.assert_array_equal(factors.values[:, 1], TABLE["view"])
    assert factors.left_out == {
        "code": "identifier",
        "number": "identifier",
        "constant": "one value only",
        "score": "1 of 12 values are missing",
    }
    assert factors.describe() == (
        "factors: numbers view, size and categories person, flag; not factors: code (identifier), number (identifier), "
        "constant (one value only), score (1 of 12 values are missing)"
    )


def test_columns_by_name_in_the_order_of_the_stimuli():
    ids = ["s05", "s01", "s03", "s02"]
    factors = choose_factors(STIMULI, ids, columns=["number", "view", "training"], categories=["view"])
    assert factors.names == ("number", "view", "training")
    np.testing.assert_array_equal(factors.values, [[5, 45, 0], [1, 45, 0], [3, 135, 0], [2, 90, 1]])
    assert factors.categorical.tolist() == [False, True, True]


def test_what_varies_among_some_stimuli():
    factors = choose_factors(STIMULI, ["s00", "s04", "s08", "s01"])
    assert "constant" in factors.left_out
    assert factors.left_out["code"] == "identifier"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["persn"], "no column of the stimulus table is called 'persn'; did you mean person?"),
        (["constant"], "the column constant cannot be a factor: one value only; leave it out of columns"),
        (["score"], "the column score cannot be a factor: 1 of 12 values are missing"),
    ],
)
def test_messages(columns, message):
    with pytest.raises((UnknownNameError, DatasetError), match=message):
        choose_factors(STIMULI, STIMULI.ids, columns=columns)


def test_a_table_without_factors():
    bare = StimulusSet("bare", TABLE[["filename", "code"]])
    with pytest.raises(
        DatasetError, match="the stimulus table of 'bare' has no factor: it has filename, code; add"
    ):
        choose_factors(bare, bare.ids)


def test_digest_of_the_table():
    expected = STIMULI.table_hash
    assert StimulusSet("other", TABLE[TABLE.columns[::-1]].iloc[::-1]).table_hash == expected
    assert StimulusSet("views", TABLE.assign(view=1)).table_hash != expected
    assert StimulusSet("views", TABLE.rename(columns={"view": "angle"})).table_hash != expected
