"""Threads over blocks of neurons, and the number of threads."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Block = TypeVar("Block")


def in_threads(function: Callable[[Block], int], blocks: list[Block], n_threads: int | None) -> Iterator[int]:
    """Yield the results of `function` for the blocks in order; an interruption cancels blocks that have not begun."""
    n_threads = n_threads or available_threads()
    if n_threads == 1 or len(blocks) == 1:
        yield from map(function, blocks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(function, block) for block in blocks]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def available_threads() -> int:
    """Return the number of threads to use: the processors of this process, or the share of a joblib worker."""
    import joblib

    # joblib sets these variables in its workers to their share of the processors.
    limits = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return min([joblib.cpu_count(), *[int(limit) for limit in limits if limit.isdigit() and int(limit) > 0]])


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Compute each product of matrices in one thread, so that results do not depend on the number of threads."""
    # The compiled engine multiplies matrices with the library of scipy, which must be loaded to be limited.
    import scipy.linalg.cython_blas  # noqa: F401

    with _loaded_libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _loaded_libraries(n_modules: int) -> "ThreadpoolController":
    """Find the libraries that have threads; the search takes milliseconds, so it runs again after imports only."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
