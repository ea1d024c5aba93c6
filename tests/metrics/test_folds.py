import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import UsageError
from neuroalign.metrics import fold_labels


@given(st.integers(2, 200), st.integers(2, 12), st.integers(0, 100))
def test_sizes_differ_by_one_at_most(n, k, seed):
    if k > n:
        with pytest.raises(UsageError, match=f"from 2 to the number of stimuli, {n}, got {k}"):
            fold_labels(n, k, seed=seed)
        return
    labels = fold_labels(n, k, seed=seed)
    sizes = np.bincount(labels, minlength=k)
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(labels, fold_labels(n, k, seed=seed))


def test_groups_stay_together():
    groups = np.array(["a", "b", "c", "a", "b", "c", "d", "d"])
    labels = fold_labels(8, 2, groups=groups)
    for group in "abcd":
        assert len(set(labels[groups == group])) == 1
    assert set(labels) == {0, 1}
    with pytest.raises(UsageError, match="number of groups of stimuli, 4, got 5"):
        fold_labels(8, 5, groups=groups)
    with pytest.raises(UsageError, match=r"groups must have shape \(8,\)"):
        fold_labels(8, 2, groups=groups[:3])
