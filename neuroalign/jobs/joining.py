"""Joining of a running cluster of Dask or Ray."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Literal, get_args

from neuroalign.errors import UsageError, unknown_name
from neuroalign.files.home import home, private_name
from neuroalign.jobs.clusters import Cluster, joined, refuse
from neuroalign.jobs.on_dask import join_dask
from neuroalign.jobs.on_ray import join_ray
from neuroalign.jobs.workers import Session, installed_version

Backend = Literal["dask", "ray"]

_JOIN: Mapping[Backend, Callable[[str, Session], AbstractContextManager[Cluster]]] = {
    "dask": join_dask,
    "ray": join_ray,
}


@contextmanager
def cluster(backend: Backend, address: str, *, folders: Sequence[Path] = ()) -> Iterator[None]:
    """Run jobs on a cluster within a with block: scores, trainings and the steps of studies.

    Parameters
    ----------
    backend : {"dask", "ray"}
    address : str
        Address of the scheduler of Dask, such as ``tcp://10.0.0.1:8786``, or the file that ``dask scheduler
        --scheduler-file`` writes; or the address of the head node of Ray, such as ``10.0.0.1:6379``.
    folders : sequence of Path
        Folders outside of NEUROALIGN_HOME that the jobs write to, such as a folder for weights.

    Raises
    ------
    UsageError
        If the backend is unknown, its package is not installed, the address does not answer, or the workers do not
        have this version of neuroalign or the folders. Jobs raise the error for workers that cannot read the images.

    Notes
    -----
    A job runs again on another worker if its worker dies. The jobs of a command that is interrupted are cancelled. The
    results are the same as on one machine.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.jobs import cluster
    >>> with cluster("dask", "tcp://10.0.0.1:8786"):  # doctest: +SKIP
    ...     na.score("pca", "AM-faces")
    """
    if backend not in get_args(Backend):
        raise unknown_name("backend", backend, get_args(Backend))
    if not address:
        raise UsageError(f"the backend {backend} needs the address of a running cluster")
    if not home().is_absolute():
        raise UsageError(f"NEUROALIGN_HOME must be an absolute path for jobs on a cluster, got {home()}")
    with ExitStack() as stack:
        marks = tuple(stack.enter_context(_mark(folder)) for folder in (home(), *folders))
        session = Session(installed_version(), home(), marks)
        running = stack.enter_context(_JOIN[backend](address, session))
        for worker, problem in running.ask_workers(session.find_problem).items():
            refuse(worker, problem)
        stack.enter_context(joined(running))
        yield


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """Put a file into a folder for the time of the command, so that workers can check that they see the folder."""
    mark = folder.absolute() / private_name()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)
