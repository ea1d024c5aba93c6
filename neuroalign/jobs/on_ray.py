"""Jobs on a cluster of Ray."""

import logging
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from neuroalign.errors import UsageError
from neuroalign.jobs.clusters import Cluster, words
from neuroalign.jobs.sending import Message, unpack
from neuroalign.jobs.workers import Session, perform

#: Seconds to wait for the answer of a head node.
SECONDS_TO_WAIT = 10
#: Times that Ray performs a message again after its worker died.
RETRIES = 3


class RayCluster(Cluster):
    """Workers of a cluster of Ray.

    Ray performs the message of a worker that dies again, at most :data:`RETRIES` times.
    """

    kind = "Ray"

    @property
    def n_threads(self) -> int:
        """Number of threads of all workers, at least 1."""
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def ask_workers(self, function: Callable[..., str], *arguments: Any) -> Mapping[str, Any]:
        """Call a function on the workers; see :meth:`neuroalign.jobs.clusters.Cluster.ask_workers`."""
        import ray

        # Ray starts its processes when it needs them, so one of them answers for all.
        try:
            return {"a Ray worker": ray.get(ray.remote(_call).remote(function, *arguments))}
        except ray.exceptions.RayError as error:
            return {"a Ray worker": error}

    def submit(
        self, messages: Sequence[Message], names: Sequence[str], shared: Mapping[str, Message]
    ) -> Generator[tuple[int, Any], None, None]:
        """Perform messages; see :meth:`neuroalign.jobs.clusters.Cluster.submit`."""
        import ray

        unpacking, performing = ray.remote(unpack), ray.remote(perform)
        data: dict[str, Any] = {}
        places: dict[Any, int] = {}
        try:
            for key, message in shared.items():
                data[key] = unpacking.options(max_retries=RETRIES).remote(
                    message, *(data[own] for own in message.keys)
                )
            for place, (message, name) in enumerate(zip(messages, names, strict=True)):
                own = (data[key] for key in message.keys)
                options = {"max_retries": RETRIES, "num_cpus": 1, "name": name}
                places[performing.options(**options).remote(message, self.session, *own)] = place
            while places:
                # Ray prints a worker that died to the output, which belongs to the results.
                with redirect_stdout(sys.stderr):
                    done = ray.wait(list(places), num_returns=1)[0]
                for reference in done:
                    place = places.pop(reference)
                    try:
                        result = ray.get(reference)
                    except Exception as error:
                        result = error
                    yield place, result
        finally:
            for reference in places:
                ray.cancel(reference)


def _call(function: Callable[..., str], *arguments: Any) -> str:
    return function(*arguments)


@contextmanager
def join_ray(address: str, session: Session) -> Iterator[RayCluster]:
    """Join the cluster of a head node of Ray.

    Parameters
    ----------
    address : str
        Address of the head node, such as ``10.0.0.1:6379``.
    session : Session

    Yields
    ------
    RayCluster

    Raises
    ------
    UsageError
        If ray is not installed, or the head node does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("the backend ray needs the package ray: pip install 'neuroalign[ray]'") from error
    try:
        _expect_answer(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"NEUROALIGN_HOME": str(session.folder)}},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"no Ray cluster answers at {address}: {words(error)}") from error
    try:
        yield RayCluster(session)
    finally:
        ray.shutdown()


def _expect_answer(address: str) -> None:
    """Raise an error if HOST:PORT does not answer; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_WAIT).close()
