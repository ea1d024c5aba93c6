"""Threads over blocks: order, errors and cancelled blocks."""

import threading

import pytest

from neuroalign.metrics.lasso.threads import in_threads


@pytest.mark.parametrize("n_threads", [1, 3, None])
def test_results_come_in_the_order_of_the_blocks(n_threads):
    assert list(in_threads(lambda block: block**2, list(range(20)), n_threads)) == [n**2 for n in range(20)]


def test_blocks_run_beside_each_other():
    # Each of the two blocks waits for the other, so one thread could not finish.
    both = threading.Barrier(2, timeout=30)
    assert sorted(in_threads(lambda block: both.wait() * 0 + block, [1, 2], 2)) == [1, 2]


def test_an_error_cancels_the_blocks_that_have_not_begun():
    begun, release = [], threading.Event()

    def fit(block):
        begun.append(block)
        if block == 0:
            raise ArithmeticError("block 0")
        release.wait(0.2)
        return block

    with pytest.raises(ArithmeticError, match="block 0"):
        list(in_threads(fit, list(range(200)), 2))
    assert len(begun) < 50
