import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from neuroalign.files.digests import digest

part = st.text(max_size=4) | st.binary(max_size=4) | st.integers() | st.none() | st.lists(st.text(max_size=3))
parts = st.lists(part, max_size=4)


def test_digests_are_sha256_and_stay_what_they_are():
    """A new way to hash would make everybody's caches useless without a word."""
    assert digest("a") == hashlib.sha256(b'json:3:"a"').hexdigest()
    array = np.array([1.0, 2.0])
    assert digest(array) == hashlib.sha256(b"array:<f8:(2,):" + array.tobytes()).hexdigest()
    assert digest(b"ab") == hashlib.sha256(b"bytes:2:ab").hexdigest()
    assert digest() == hashlib.sha256().hexdigest()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a", "b"), ("b", "a")),
        (("a",), (b"a",)),
        (("1",), (1,)),
        ((None,), ("null",)),
        ((["a"], ["b"]), (["a", "b"],)),
        ((np.zeros(6),), (np.zeros((2, 3)),)),
        ((np.zeros((2, 3)),), (np.zeros((3, 2)),)),
        ((np.zeros(2, np.float32),), (np.zeros(1, np.float64),)),
        ((np.zeros(2, np.int64),), (np.zeros(2, np.float64),)),
        ((np.array([0.0]),), (np.array([-0.0]),)),
        ((np.zeros((0, 3)),), (np.zeros((3, 0)),)),
        ((np.array(["ab", "c"]),), (np.array(["a", "bc"]),)),
        ((np.arange(6).reshape(2, 3),), (np.arange(6).reshape(2, 3)[:, ::-1],)),
    ],
)
def test_different_content_has_different_digests(first, second):
    assert digest(*first) != digest(*second)


def test_what_is_the_same_has_the_same_digest():
    array = np.arange(6.0).reshape(2, 3)
    assert digest(array) == digest(array.copy(order="F"))
    assert digest(array) == digest(np.repeat(array, 2, axis=1)[:, ::2])
    assert digest(array) == digest(array.astype(">f8"))
    assert digest(np.array(["a", "bcd"])) == digest(np.array(["a", "bcd"], dtype=object))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


@given(parts, parts)
def test_parts_cannot_run_into_each_other(first, second):
    assert (digest(*first) == digest(*second)) == (first == second)


@given(
    npst.arrays(np.float64, npst.array_shapes(max_dims=3, max_side=4), elements=st.floats(-9, 9)), st.data()
)
def test_one_changed_value_changes_the_digest(array, data):
    at = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    changed = array.copy()
    changed[at] = np.nextafter(changed[at], np.inf)
    assert digest(changed) != digest(array)
