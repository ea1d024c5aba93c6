"""Clusters that run jobs, and the cluster that this process has joined."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.jobs.sending import Message, describe_call
from neuroalign.jobs.workers import Done, Session, find_unreadable_images

#: Stimulus sets with more bytes than the paths of a hundred thousand files have their images in memory.
MOST_BYTES_OF_PATHS = 10_000_000

_joined: ContextVar["Cluster | None"] = ContextVar("joined cluster", default=None)


def current_cluster() -> "Cluster | None":
    """Return the cluster that runs the jobs of this process; None for this machine."""
    return _joined.get()


class Cluster(ABC):
    """Running cluster.

    Parameters
    ----------
    session : Session
        Conditions that every worker must meet.
    """

    #: Name of the kind of cluster in messages.
    kind = ""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    @abstractmethod
    def n_threads(self) -> int:
        """Number of threads of all workers, at least 1."""

    @abstractmethod
    def ask_workers(self, function: Callable[..., str], *arguments: Any) -> Mapping[str, Any]:
        """Call a function on the workers; return its result, or its exception, by the worker."""

    @abstractmethod
    def submit(
        self, messages: Sequence[Message], names: Sequence[str], shared: Mapping[str, Message]
    ) -> Generator[tuple[int, Any], None, None]:
        """Perform messages; yield the place and the result of each when it is done.

        Results are of the class :class:`neuroalign.jobs.workers.Done`, or exceptions where the cluster cannot
        perform the message. An early end of the generator cancels the messages that are not done.
        """

    def run(
        self, jobs: Sequence[tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]]]
    ) -> Generator[tuple[int, Any], None, None]:
        """Run jobs; yield the place and the result of each when it is done.

        Raises
        ------
        UsageError
            If a worker cannot read the images of a stimulus set.
        NeuroalignError
            If the cluster cannot run a job; an error of a job itself is raised as it is.
        """
        # cloudpickle comes with the packages of the clusters.
        from neuroalign.jobs.packing import Packer

        packer = Packer()
        messages = [packer.pack(tuple(job)) for job in jobs]
        names = [describe_call(*job) for job in jobs]
        for stimuli in packer.stimuli:
            question = packer.pack(stimuli.select(stimuli.ids[:1]))
            # Images in memory go to the workers with the jobs; the paths of files are short.
            if not question.keys and len(question.content) < MOST_BYTES_OF_PATHS:
                for worker, problem in self.ask_workers(find_unreadable_images, question).items():
                    refuse(worker, problem)
        with closing(self.submit(messages, names, packer.shared)) as results:
            for place, result in results:
                yield place, self._open(result, names[place])

    def _open(self, result: Any, name: str) -> Any:
        if isinstance(result, Done):
            return result.open()
        raise NeuroalignError(f"the {self.kind} cluster cannot run {name}: {words(result)}") from result


@contextmanager
def joined(cluster: Cluster) -> Iterator[None]:
    """Let a cluster run the jobs of this process within a with block."""
    token = _joined.set(cluster)
    try:
        yield
    finally:
        _joined.reset(token)


def refuse(worker: str, problem: object) -> None:
    """Raise an error if a worker has a problem: a text, or an exception of the cluster."""
    if isinstance(problem, BaseException):
        raise UsageError(f"{worker} cannot run jobs: {words(problem)}") from problem
    if problem:
        raise UsageError(f"{worker} {problem}")


def words(error: BaseException) -> str:
    """Return the text of an error in one line, with the class of an error that is not ours."""
    text = " ".join(str(error).split())
    if isinstance(error, NeuroalignError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
