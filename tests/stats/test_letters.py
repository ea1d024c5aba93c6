import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import ArrayError, UsageError
from neuroalign.stats import compact_letters


@st.composite
def patterns(draw, most=9):
    """Draw an arbitrary pattern of differences between up to nine groups, and their means."""
    n = draw(st.integers(1, most))
    bits = draw(st.lists(st.sampled_from([0.0, 0.04, 0.05, 0.7, np.nan]), min_size=n * n, max_size=n * n))
    upper = np.triu(np.array(bits).reshape(n, n), 1)
    means = draw(st.lists(st.sampled_from([0.1, 0.2, 0.5, np.nan]), min_size=n, max_size=n))
    return upper + upper.T, np.array(means)


def letters_of(given, name):
    return {given[name][i : i + 1] for i in range(len(given[name]))}


@given(patterns())
def test_groups_share_a_letter_if_and_only_if_they_are_not_shown_to_differ(pattern):
    p, means = pattern
    names = [f"g{index}" for index in range(len(p))]
    given_letters = compact_letters(names, means, p)
    assert list(given_letters) == names
    for i, a in enumerate(names):
        assert given_letters[a]
        for j, b in enumerate(names):
            if i != j:
                shared = letters_of(given_letters, a) & letters_of(given_letters, b)
                assert bool(shared) == (not p[i, j] < 0.05)


@given(patterns())
def test_no_letter_can_be_left_out(pattern):
    p, means = pattern
    names = [f"g{index}" for index in range(len(p))]
    given_letters = compact_letters(names, means, p)
    for letter in set("".join(given_letters.values())):
        left = [set(letters) - {letter} for letters in given_letters.values()]
        not_shown = ~(p < 0.05) | np.eye(len(p), dtype=bool)
        connected = np.array([[bool(a & b) for b in left] for a in left])
        assert (not_shown & ~connected).any()


@given(patterns(), st.integers(0, 99))
def test_only_the_order_of_ties_depends_on_the_order_of_the_groups(pattern, seed):
    p, means = pattern
    # Distinct means.
    means = np.arange(len(p))[::-1] + 0.0
    names = [f"g{index}" for index in range(len(p))]
    order = np.random.default_rng(seed).permutation(len(p))
    shuffled = compact_letters([names[rank] for rank in order], means[order], p[np.ix_(order, order)])
    assert shuffled == compact_letters(names, means, p)


def runs(values, distance):
    return np.where(np.abs(np.subtract.outer(values, values)) > distance, 0.01, 0.9)


def test_a_ladder():
    # Each differs from those two and more steps away; each letter is a run of the ranking.
    means = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert compact_letters(list("VWXYZ"), means, runs(means, 2.5)) == {
        "V": "a",
        "W": "ab",
        "X": "abc",
        "Y": "bc",
        "Z": "c",
    }


def test_letters_begin_with_the_best():
    means = [0.2, 0.9, 0.5]
    everyone_differs = np.full((3, 3), 0.001)
    assert compact_letters(list("xyz"), means, everyone_differs) == {"x": "c", "y": "a", "z": "b"}
    lower = compact_letters(list("xyz"), means, everyone_differs, higher_is_better=False)
    assert lower == {"x": "a", "y": "c", "z": "b"}


def test_where_the_extremes_are_not_shown_to_differ():
    # The best has a wide error: it differs from nobody, although the two below it differ.
    p = np.array([[1, 0.3, 0.3], [0.3, 1, 0.001], [0.3, 0.001, 1]])
    assert compact_letters(["wide", "b", "c"], [3, 2, 1], p) == {"wide": "ab", "b": "a", "c": "b"}


def test_nobody_or_everybody_differs():
    assert compact_letters(["x", "y"], [1, 2], np.full((2, 2), np.nan)) == {"x": "a", "y": "a"}
    assert compact_letters([], [], np.empty((0, 0))) == {}
    assert compact_letters(["x"], [np.nan], [[np.nan]]) == {"x": "a"}


def test_alpha_is_strict():
    p = np.array([[1, 0.05], [0.05, 1]])
    assert compact_letters(["x", "y"], [2, 1], p) == {"x": "a", "y": "a"}
    assert compact_letters(["x", "y"], [2, 1], p, 0.1) == {"x": "a", "y": "b"}


def test_more_groups_than_letters():
    given_letters = compact_letters(
        [f"g{index:02d}" for index in range(60)], -np.arange(60.0), np.zeros((60, 60))
    )
    assert [given_letters[name] for name in ("g25", "g26", "g51", "g52", "g59")] == [
        "z",
        "A",
        "Z",
        "a1",
        "h1",
    ]


def test_a_pattern_with_exponentially_many_maximal_sets_is_quick():
    # Each of 40 groups differs from one other: 2^20 sets of groups differ nowhere within.
    p = np.full((40, 40), 0.5)
    for index in range(0, 40, 2):
        p[index, index + 1] = p[index + 1, index] = 0.001
    start = time.perf_counter()
    given_letters = compact_letters([str(index) for index in range(40)], np.arange(40.0), p)
    assert time.perf_counter() - start < 5
    pieces = [_split(letters) for letters in given_letters.values()]
    for i in range(40):
        for j in range(i):
            assert bool(pieces[i] & pieces[j]) == (p[i, j] > 0.05)


def _split(letters):
    kept = []
    for character in letters:
        if character.isdigit():
            kept[-1] += character
        else:
            kept.append(character)
    return set(kept)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["x", "x"], [1, 2], np.ones((2, 2))), UsageError, "'x' is there twice"),
        ((["x", "y"], [1], np.ones((2, 2))), ArrayError, r"shapes \(2,\) and \(2, 2\), got \(1,\)"),
        ((["x", "y"], [1, 2], [[1, 0.1], [0.2, 1]]), ArrayError, "symmetric"),
        ((["x", "y"], [1, 2], np.ones((2, 2)), 5), UsageError, "alpha must be between 0 and 1, got 5"),
    ],
)
def test_wrong_calls(arguments, error, message):
    with pytest.raises(error, match=message):
        compact_letters(*arguments)
