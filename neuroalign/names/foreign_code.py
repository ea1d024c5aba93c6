"""Calls into the code of model files and plug-ins, which may print, end the program or raise any error."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from neuroalign.errors import NeuroalignError, brief


class _ToStandardError:
    """Text stream that passes everything on to the standard error of the moment, and stays open."""

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False

    def write(self, text: str) -> int:
        """Write text, and return the number of its characters."""
        if sys.stderr is not None:
            sys.stderr.write(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on the text that standard error holds back."""
        if sys.stderr is not None:
            sys.stderr.flush()

    def isatty(self) -> bool:
        """Return False: a bar or a colour of a plug-in has no terminal."""
        return False

    def fileno(self) -> int:
        """Return the number of standard error in the system."""
        return sys.stderr.fileno()

    def close(self) -> None:
        """Do nothing: the stream belongs to the command."""

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True


class _Streams:
    """The standard output that foreign code does not see, and the number of calls that wait for it."""

    lock = Lock()
    calls = 0
    output: Any = None


@contextmanager
def _printing_to_standard_error() -> Iterator[None]:
    """Replace standard output from the first of several calls, also of several threads, to the end of the last."""
    with _Streams.lock:
        if not _Streams.calls:
            _Streams.output, sys.stdout = sys.stdout, _ToStandardError()
        _Streams.calls += 1
    try:
        yield
    finally:
        with _Streams.lock:
            _Streams.calls -= 1
            if not _Streams.calls:
                sys.stdout, _Streams.output = _Streams.output, None


@contextmanager
def foreign_code(failure: str, kind: type[NeuroalignError] = NeuroalignError) -> Iterator[None]:
    """Run code of a model file or a plug-in: text that it prints goes to standard error, and errors become ours.

    Standard output holds the results of a command alone, so that ``--json`` stays one document.

    Parameters
    ----------
    failure : str
        Beginning of the message, such as "the family 'mine' fails".
    kind : type of NeuroalignError
        Class of the error.

    Raises
    ------
    NeuroalignError
        In place of every error of the code, ``sys.exit`` included. Errors of neuroalign, and an interruption by the
        user, stay as they are.

    Examples
    --------
    >>> from neuroalign.errors import NeuroalignError
    >>> try:
    ...     with foreign_code("the family 'mine' fails"):
    ...         raise SystemExit("no faces")
    ... except NeuroalignError as error:
    ...     print(str(error).partition(" (")[0])
    the family 'mine' fails: SystemExit: no faces
    """
    try:
        with _printing_to_standard_error():
            yield
    except (NeuroalignError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise kind(str(explain_error(error, failure))) from error


def explain_error(error: BaseException, failure: str) -> NeuroalignError:
    """Return the error of a model or plug-in as a reason, with the original error as its cause.

    Parameters
    ----------
    error : BaseException
        Any error; an error of neuroalign is returned as it is.
    failure : str
        Beginning of the message, such as "alignment fails on pca".
    """
    if isinstance(error, NeuroalignError):
        return error
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and frame.filename != __file__
    ]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = brief(error)
    name = type(error).__name__
    reason = NeuroalignError(f"{failure}: {name}{'' if text == name else f': {text}'}{where}")
    reason.__cause__ = error
    return reason
