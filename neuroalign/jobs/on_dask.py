"""Jobs on a cluster of Dask."""

import queue
import uuid
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.jobs.clusters import Cluster, words
from neuroalign.jobs.sending import Message, unpack
from neuroalign.jobs.workers import Session, perform

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds to wait for the answer of a scheduler.
SECONDS_TO_WAIT = 10
#: Seconds without a result after which the workers are counted.
SECONDS_TO_COUNT = 5


class DaskCluster(Cluster):
    """Workers of a scheduler of Dask.

    Dask performs the message of a worker that dies on another worker. It gives a message up when several workers have
    died with it: by default four, see ``distributed.scheduler.allowed-failures`` in the configuration of the scheduler.
    """

    kind = "Dask"

    def __init__(self, client: "Client", address: str, session: Session) -> None:
        super().__init__(session)
        self._client, self._address = client, address

    @property
    def n_threads(self) -> int:
        """Number of threads of all workers, at least 1."""
        return max(1, sum(self._client.nthreads().values()))

    def ask_workers(self, function: Callable[..., str], *arguments: Any) -> Mapping[str, Any]:
        """Call a function on the workers; see :meth:`neuroalign.jobs.clusters.Cluster.ask_workers`."""
        answers = self._client.run(function, *arguments, on_error="return")
        return {f"the Dask worker {worker}": answer for worker, answer in answers.items()}

    def submit(
        self, messages: Sequence[Message], names: Sequence[str], shared: Mapping[str, Message]
    ) -> Generator[tuple[int, Any], None, None]:
        """Perform messages; see :meth:`neuroalign.jobs.clusters.Cluster.submit`."""
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        places: dict[Any, int] = {}
        futures: dict[Any, Future] = {}
        data: dict[str, Future] = {}
        try:
            with warnings.catch_warnings():
                # Dask warns of the size of datasets, which are sent once.
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                for key, message in shared.items():
                    # A task, and not scattered data: Dask makes it again if the worker that holds it dies.
                    data[key] = self._client.submit(
                        unpack, message, *(data[own] for own in message.keys), key=key
                    )
                for place, (message, name) in enumerate(zip(messages, names, strict=True)):
                    future = self._client.submit(
                        perform,
                        message,
                        self.session,
                        *(data[own] for own in message.keys),
                        key=f"{name.split()[0]}-{uuid.uuid4().hex}",
                    )
                    places[future.key], futures[future.key] = place, future
                    future.add_done_callback(done.put)
            while futures:
                for future in self._next(done):
                    del futures[future.key]
                    yield places[future.key], _result(future)
                    future.release()
        finally:
            if futures:
                self._cancel([*futures.values(), *data.values()])

    def _next(self, done: "queue.SimpleQueue[Future]") -> "list[Future]":
        """Wait for futures that are done; warn once if there are no workers."""
        warned = False
        while True:
            try:
                finished = [done.get(timeout=SECONDS_TO_COUNT)]
                break
            except queue.Empty:
                if not warned and not self._client.nthreads():
                    warned = True
                    warnings.warn(
                        f"the Dask scheduler at {self._address} has no workers; the jobs wait for workers",
                        NeuroalignWarning,
                        stacklevel=2,
                    )
        while not done.empty():
            finished.append(done.get())
        return finished

    def _cancel(self, futures: "list[Future]") -> None:
        if self._client.status == "running":
            self._client.cancel(futures, force=True)


def _result(future: "Future") -> Any:
    """Return the result of a future that is done; an error of Dask is returned, too."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        return NeuroalignError(
            f"{error.allowed_failures + 1} workers died with it, the last one at {error.last_worker.address}; "
            "see the log of the worker, and give workers more memory if it ran out"
        )
    except Exception as error:
        return error


@contextmanager
def join_dask(address: str, session: Session) -> Iterator[DaskCluster]:
    """Join the cluster of a scheduler of Dask.

    Parameters
    ----------
    address : str
        Address of the scheduler, or the path of its file, which ends in .json.
    session : Session

    Yields
    ------
    DaskCluster

    Raises
    ------
    UsageError
        If distributed is not installed, the scheduler does not answer, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "the backend dask needs the package distributed: pip install 'neuroalign[dask]'"
        ) from error
    where = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        client = Client(**where, timeout=SECONDS_TO_WAIT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {words(error)}") from error
    with client:
        if not client.nthreads():
            raise UsageError(
                f"the Dask scheduler at {address} has no workers: start some with dask worker {address}"
            )
        yield DaskCluster(client, address, session)
