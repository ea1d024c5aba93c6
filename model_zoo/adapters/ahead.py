"""Work ahead of the consumer in threads, in order and with a bounded number of results in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Joined = TypeVar("Joined")

#: Batches that are ready or in work while the consumer has one.
N_AHEAD = 2

_MOST_WORKERS = 16


def default_workers() -> int:
    """Return the number of threads that load images: the number of threads of torch, at most 16.

    joblib reduces the number of threads of torch in its workers, so that workers do not load with all cores each.
    """
    import torch

    return min(torch.get_num_threads(), _MOST_WORKERS)


def load_ahead(
    batches: Iterable[Sequence[Item]],
    load: Callable[[Item], Loaded],
    join: Callable[[list[Loaded]], Joined],
    *,
    n_workers: int,
) -> Iterator[Joined]:
    """Load the items of batches in threads, ahead of the consumer.

    Parameters
    ----------
    batches : iterable of sequence
        Items of each batch.
    load : callable
        Function of one item. It runs in a worker, at the same time as other calls.
    join : callable
        Function that makes one result of the loaded items of a batch; it also runs in a worker.
    n_workers : int
        Number of threads; with 0 everything runs in the thread of the consumer, when the consumer asks for a batch.

    Yields
    ------
    object
        Result of `join` for each batch, in the order of `batches`. At most :data:`N_AHEAD` results are ahead.

    Raises
    ------
    Exception
        First error of `load` or `join`, in the order of the items. Waiting work is cancelled.
    """
    if n_workers == 0:
        for batch in batches:
            yield join([load(item) for item in batch])
        return
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="neuroalign-images", initializer=_one_thread)
    try:
        remaining = iter(batches)
        ahead = deque(_submit(pool, batch, load, join) for batch in islice(remaining, N_AHEAD))
        while ahead:
            joined = ahead.popleft().result()
            ahead.extend(_submit(pool, batch, load, join) for batch in islice(remaining, 1))
            yield joined
            del joined
    finally:
        # After an error, an interruption, or the end of the consumer.
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(
    pool: ThreadPoolExecutor,
    batch: Sequence[Item],
    load: Callable[[Item], Loaded],
    join: Callable[[list[Loaded]], Joined],
) -> Future[Joined]:
    loading = [pool.submit(load, item) for item in batch]
    # Workers take tasks in order, so the items of a batch have started before its results are awaited.
    return pool.submit(partial(_join, loading, join))


def _join(loading: Sequence[Future[Loaded]], join: Callable[[list[Loaded]], Joined]) -> Joined:
    return join([future.result() for future in loading])


def _one_thread() -> None:
    """Let the calling thread start no threads of OpenMP, which would compete with the threads of the network."""
    import torch
    from threadpoolctl import threadpool_limits

    # A thread takes over the number of torch.set_num_threads at its first call, so the limit comes after one.
    torch.get_num_threads()
    threadpool_limits(1, user_api="openmp")
