"""Blocks of neurons in threads of our own."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Block = TypeVar("Block")


def in_threads(function: Callable[[Block], int], blocks: list[Block], n_threads: int | None) -> Iterator[int]:
    """Yield `function` of each block in order; an interruption cancels those that have not begun."""
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
    """Return how many threads to use: the processors of this process, fewer inside a worker of joblib's."""
    import joblib

    # joblib tells its workers with these variables how many of the processors are theirs.
    limits = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return min([joblib.cpu_count(), *[int(each) for each in limits if each.isdigit() and int(each) > 0]])


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products in one thread each: the threads are ours, and no bit may depend on their number."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
