"""Run of jobs in processes of this machine, or on the cluster that this process has joined."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from numbers import Integral
from typing import Any

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.jobs.clusters import current_cluster
from neuroalign.progress import progress

#: Function with its positional and keyword arguments, as ``joblib.delayed(function)(arguments)`` returns it.
Job = tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]]


def run_jobs(jobs: Sequence[Job], *, n_jobs: int, description: str, unit: str = "model") -> list[Any]:
    """Run jobs with a progress bar, and return their results in order.

    Within :func:`neuroalign.jobs.cluster` the jobs run on the cluster, else in processes of this machine.

    Parameters
    ----------
    jobs : sequence
        Results of ``joblib.delayed(function)(arguments)``.
    n_jobs : int
        Number of jobs at the same time on this machine, -1 for all processors; there are never more processes than
        jobs. A cluster runs as many jobs as its workers have threads. The results do not depend on the number.
    description : str
        Text before the bar.
    unit : str
        Name of a job in the rate of the bar.

    Returns
    -------
    list
        Results in the order of `jobs`.

    Raises
    ------
    NeuroalignError
        If the cluster cannot run a job, or a process ends before its result. An error of a job itself is raised as it
        is, and cancels the other jobs.

    Examples
    --------
    >>> import joblib
    >>> from neuroalign.jobs import run_jobs
    >>> run_jobs([joblib.delayed(pow)(base, 2) for base in (2, 3)], n_jobs=1, description="squares")
    [4, 9]
    """
    import joblib

    jobs = list(jobs)
    if not jobs:
        return []
    joined = current_cluster()
    if joined is None:
        parallel = joblib.Parallel(n_jobs=min(count_workers(n_jobs), len(jobs)), return_as="generator")
        with naming_lost_process():
            return list(
                progress(parallel(jobs), description=description, total=len(jobs), unit=unit, at_once=True)
            )
    results: list[Any] = [None] * len(jobs)
    with closing(joined.run(jobs)) as finished:
        for place, result in progress(
            finished, description=description, total=len(jobs), unit=unit, at_once=True
        ):
            results[place] = result
    return results


@contextmanager
def naming_lost_process() -> Iterator[None]:
    """Turn the error of a pool with a process that ended before its result into one line with the remedy.

    Raises
    ------
    NeuroalignError
        In place of BrokenProcessPool. joblib names the exit code or the signal, and so does the message.
    """
    try:
        yield
    except BrokenProcessPool as error:
        named = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
        by = f", by {named[1]}" if named else ""
        raise NeuroalignError(
            f"a process ended before its result{by}: the system ends processes that need too much memory, and code of "
            "a model can end its own; take fewer --jobs (n_jobs)"
        ) from error


def count_workers(n_jobs: int) -> int:
    """Return the number of jobs that run at the same time: threads of the joined cluster, or processes.

    Parameters
    ----------
    n_jobs : int
        Number of jobs on this machine, -1 for all processors.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If the number is 0 or not whole.

    Examples
    --------
    >>> from neuroalign.jobs import count_workers
    >>> count_workers(3)
    3
    """
    import joblib

    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise UsageError(f"n_jobs must be a positive whole number, or -1 for all processors, got {n_jobs!r}")
    joined = current_cluster()
    return int(joblib.effective_n_jobs(n_jobs)) if joined is None else joined.n_threads
