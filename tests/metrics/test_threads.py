"""Threads over blocks: order, errors and cancelled blocks."""

import sys
import threading
from types import ModuleType

import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from neuroalign.metrics.lasso.threads import in_threads, one_blas_thread


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


def threads_of_blas():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_products_of_matrices_take_one_thread_and_give_the_others_back():
    with threadpool_limits(2, user_api="blas"):
        for _ in range(2):
            with one_blas_thread():
                assert threads_of_blas() == {1}
            assert threads_of_blas() == {2}


def test_libraries_of_later_imports_are_found(monkeypatch):
    searches = []

    class Controller(ThreadpoolController):
        def __init__(self):
            super().__init__()
            searches.append(len(self))

    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Controller)
    for expected in (1, 1, 2):
        monkeypatch.setitem(sys.modules, f"imported_{expected}", ModuleType("imported"))
        with one_blas_thread():
            assert len(searches) == expected
