"""Jobs of joblib on a running cluster of Dask or Ray."""

import logging
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError, unknown_name
from neuroalign.files.home import TEMPORARY_PREFIX, home

Backend = Literal["dask", "ray"]

#: Seconds to wait for the answer of a scheduler.
SECONDS_TO_WAIT = 10


@contextmanager
def cluster(backend: Backend, address: str, dataset: Dataset) -> Iterator[None]:
    """Run the jobs of joblib on a cluster within a with block.

    Parameters
    ----------
    backend : {"dask", "ray"}
    address : str
        Address of the scheduler of Dask, such as ``tcp://10.0.0.1:8786``, or of the head node of Ray, such as
        ``10.0.0.1:6379``.
    dataset : Dataset
        Dataset with images that the workers must be able to read.

    Raises
    ------
    UsageError
        If the backend is unknown, its package is not installed, the address does not answer, or the workers do not
        have this version of neuroalign, the folder of NEUROALIGN_HOME or the images.

    Notes
    -----
    Dask moves the jobs of a lost worker to other workers. Ray does not: the step fails, and the next run of the study
    continues.
    """
    if backend not in get_args(Backend):
        raise unknown_name("backend", backend, get_args(Backend))
    if not address:
        raise UsageError(f"the backend {backend} needs the address of a running cluster")
    with _joined[backend](address, dataset):
        yield


@contextmanager
def _dask(address: str, dataset: Dataset) -> Iterator[None]:
    import joblib

    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "the backend dask needs the package distributed: pip install 'neuroalign[dask]'"
        ) from error
    try:
        client = Client(address, timeout=SECONDS_TO_WAIT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {_words(error)}") from error
    with client:
        with _marked_home() as marker:
            problems = client.run(_find_problem, home(), marker, _version(), dataset, on_error="return")
        if not problems:
            raise UsageError(
                f"the Dask scheduler at {address} has no workers: start some with dask worker {address}"
            )
        for worker, problem in problems.items():
            _refuse(f"the Dask worker {worker}", problem)
        with joblib.parallel_config(backend="dask", client=client):
            yield


@contextmanager
def _ray(address: str, dataset: Dataset) -> Iterator[None]:
    import joblib

    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise UsageError("the backend ray needs the package ray: pip install 'neuroalign[ray]'") from error
    try:
        _expect_answer(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"NEUROALIGN_HOME": str(home())}},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"no Ray cluster answers at {address}: {_words(error)}") from error
    try:
        with _marked_home() as marker:
            problem = ray.get(ray.remote(_find_problem).remote(home(), marker, _version(), dataset))
        _refuse("a Ray worker", problem)
        register_ray()
        with joblib.parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()


def _expect_answer(address: str) -> None:
    """Raise an error if HOST:PORT does not answer; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_WAIT).close()


_joined = {"dask": _dask, "ray": _ray}


@contextmanager
def _marked_home() -> Iterator[str]:
    """Put a file into the neuroalign folder, so that workers can check that they see the same folder."""
    marker = home() / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    try:
        yield marker.name
    finally:
        marker.unlink(missing_ok=True)


def _find_problem(folder: Path, marker: str, wanted: str, dataset: Dataset) -> str:
    """Return the problem of the worker that runs this function; empty without a problem."""
    if _version() != wanted:
        return f"must have neuroalign {wanted}, got {_version() or 'no neuroalign'}"
    if home() != folder or not (folder / marker).is_file():
        return f"does not share the folder {folder}: start it with NEUROALIGN_HOME={folder}, on a shared disk"
    if dataset.stimuli.has_images:
        try:
            dataset.stimuli.select(dataset.stimuli.ids[:1]).pixels()
        except NeuroalignError as error:
            return f"cannot read the images of {dataset.identifier}: {error}"
    return ""


def _refuse(worker: str, problem: object) -> None:
    if isinstance(problem, BaseException):
        raise UsageError(f"{worker} cannot run jobs: {_words(problem)}") from problem
    if problem:
        raise UsageError(f"{worker} {problem}")


def _version() -> str:
    try:
        return version("neuroalign")
    except PackageNotFoundError:
        return ""


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
