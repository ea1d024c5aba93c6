"""Joblib's jobs on a cluster that is running already."""

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

# Seconds for a scheduler to answer.
_PATIENCE = 10


@contextmanager
def cluster(backend: Backend, address: str, dataset: Dataset) -> Iterator[None]:
    """Let a cluster do joblib's jobs within the block.

    Parameters
    ----------
    backend : {"dask", "ray"}
    address : str
        Of Dask's scheduler, such as ``tcp://10.0.0.1:8786``, or of Ray's head node, such as ``10.0.0.1:6379``.
    dataset : Dataset
        Whose images workers must be able to read.

    Raises
    ------
    UsageError
        If there is no such backend, its package is not installed, nothing answers at the address, or the workers
        lack something: this version of neuroalign, the folder of NEUROALIGN_HOME, or the images.

    Notes
    -----
    Dask gives the jobs of a worker that dies to others. Ray does not: the step fails, and the next run goes on.
    """
    if backend not in get_args(Backend):
        raise unknown_name("backend", backend, get_args(Backend))
    if not address:
        raise UsageError(f"the backend {backend} needs the address of a cluster that is running")
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
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {_words(error)}") from error
    with client:
        with _marked_home() as marker:
            found = client.run(_lacks, home(), marker, _version(), dataset, on_error="return")
        if not found:
            raise UsageError(
                f"the Dask scheduler at {address} has no workers: start some with dask worker {address}"
            )
        for worker, lack in found.items():
            _expect_nothing(f"the Dask worker {worker}", lack)
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
            lack = ray.get(ray.remote(_lacks).remote(home(), marker, _version(), dataset))
        _expect_nothing("a Ray worker", lack)
        register_ray()
        with joblib.parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()


def _expect_answer(address: str) -> None:
    """Raise an error if nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


_joined = {"dask": _dask, "ray": _ray}


@contextmanager
def _marked_home() -> Iterator[str]:
    """Put a file into the neuroalign folder, by which workers show that they see the same one."""
    marker = home() / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    try:
        yield marker.name
    finally:
        marker.unlink(missing_ok=True)


def _lacks(folder: Path, marker: str, wanted: str, dataset: Dataset) -> str:
    """Say what a worker lacks; runs there."""
    if _version() != wanted:
        return f"has neuroalign {_version() or 'not installed'}, not {wanted}"
    if home() != folder or not (folder / marker).is_file():
        return f"does not share the folder {folder}: start it with NEUROALIGN_HOME={folder}, on a disk that all see"
    if dataset.stimuli.has_images:
        try:
            dataset.stimuli.select(dataset.stimuli.ids[:1]).pixels()
        except NeuroalignError as error:
            return f"cannot read the images of {dataset.identifier}: {error}"
    return ""


def _expect_nothing(worker: str, lack: object) -> None:
    if isinstance(lack, BaseException):
        raise UsageError(f"{worker} cannot do the jobs: {_words(lack)}") from lack
    if lack:
        raise UsageError(f"{worker} {lack}")


def _version() -> str:
    try:
        return version("neuroalign")
    except PackageNotFoundError:
        return ""


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
