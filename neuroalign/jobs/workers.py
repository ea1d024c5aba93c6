"""Functions that run on the workers of a cluster, and the conditions that workers must meet."""

import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.files.home import home
from neuroalign.jobs.sending import Message, unpack

#: Seconds between two looks whether the command still runs.
SECONDS_BETWEEN_LOOKS = 1.0

_session: ContextVar["Session | None"] = ContextVar("session", default=None)


@dataclass(frozen=True)
class Session:
    """Conditions that every worker of a command must meet.

    Parameters
    ----------
    version : str
        Version of neuroalign.
    folder : Path
        Folder of NEUROALIGN_HOME.
    marks : tuple of Path
        Files that exist as long as the command runs, one in each folder that the workers must share.
    """

    version: str
    folder: Path
    marks: tuple[Path, ...]

    def find_problem(self) -> str:
        """Return the problem of the worker that calls this method; empty without a problem."""
        own = installed_version()
        if own != self.version:
            return f"must have neuroalign {self.version}, got {own or 'no neuroalign'}"
        unshared = [mark.parent for mark in self.marks if not mark.is_file()]
        if home() != self.folder or self.folder in unshared:
            remedy = f"start it with NEUROALIGN_HOME={self.folder}, on a shared disk"
            return f"does not share the folder {self.folder}: {remedy}"
        return f"does not share the folder {unshared[0]}: name a folder on a shared disk" if unshared else ""


@dataclass(frozen=True)
class Done:
    """End of a call on a worker.

    Parameters
    ----------
    value : object
        Returned value.
    error : Exception or None
        Error that the call raised.
    warned : tuple of str
        Warnings of neuroalign during the call.
    """

    value: Any = None
    error: Exception | None = None
    warned: tuple[str, ...] = ()

    def open(self) -> Any:
        """Return the value, or raise the error; repeat the warnings here."""
        for text in self.warned:
            warnings.warn(text, NeuroalignWarning, stacklevel=2)
        if self.error is not None:
            raise self.error
        return self.value


class EndOfCommand(Event):
    """Event that is set when the command of a session has ended, so that its jobs stop.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._mark = session.marks[0]
        self._looked = monotonic()

    def is_set(self) -> bool:
        """Return whether the command has ended; looks at the disk once a second."""
        now = monotonic()
        if not super().is_set() and now - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = now
            if not self._mark.is_file():
                self.set()
        return super().is_set()


def end_of_command() -> Event:
    """Return an event that is set when the command ends that this job belongs to; long jobs look at it.

    Returns
    -------
    threading.Event
        In the process of the command itself, an event that nothing sets.
    """
    session = _session.get()
    return Event() if session is None else EndOfCommand(session)


def perform(message: Message, session: Session, *shared: Any) -> Done:
    """Perform the call of a message on a worker.

    Parameters
    ----------
    message : Message
        Function with its positional and keyword arguments.
    session : Session
    *shared : object
        Shared objects of the message.

    Returns
    -------
    Done
        Its error is a UsageError if the worker does not meet the conditions of the session.
    """
    problem = session.find_problem()
    if problem:
        return Done(error=UsageError(f"a worker {problem}"))
    function, positional, named = unpack(message, *shared)
    token = _session.set(session)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NeuroalignWarning)
        try:
            value, error = function(*positional, **named), None
        except Exception as raised:
            value, error = None, raised
        finally:
            _session.reset(token)
    return Done(value, error, tuple(_texts(caught)))


def _texts(caught: list[warnings.WarningMessage]) -> dict[str, None]:
    """Return the texts of our own warnings, and show the others in the log of the worker."""
    for warning in caught:
        if not issubclass(warning.category, NeuroalignWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return {
        str(warning.message): None for warning in caught if issubclass(warning.category, NeuroalignWarning)
    }


def find_unreadable_images(message: Message) -> str:
    """Return why a worker cannot read the images of the stimulus set in a message; empty if it can."""
    stimuli: StimulusSet = unpack(message)
    try:
        stimuli.pixels()
    except NeuroalignError as error:
        return f"cannot read the images of {stimuli.identifier}: {error}"
    return ""


@lru_cache(maxsize=1)
def installed_version() -> str:
    """Return the version of neuroalign; empty if it is not installed."""
    try:
        return version("neuroalign")
    except PackageNotFoundError:
        return ""
