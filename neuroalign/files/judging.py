"""Judgement of HDF5 and MATLAB files in a process of their own, before this process opens them."""

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Literal

#: Seconds of computation without a step forward, after which a file counts as a file that HDF5 reads without end.
PATIENCE = 5.0

#: Slowest reading of a MATLAB file of version 5.
_BYTES_PER_SECOND = 2e6

#: Seconds on the clock that one file may take, whether the disk or the file is at fault.
LONGEST = 600.0

#: Judgements that are kept: files are opened several times, to recognise them and to read them.
_KEPT = 1000


Kind = Literal["hdf5", "matlab"]


class _Worker:
    """A process that judges one file after the other."""

    def __init__(self) -> None:
        # One thread of BLAS: each thread reserves memory, which is limited.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("file_judge.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            encoding="utf-8",
        )
        self.owner = os.getpid()
        self._answers: Queue[str] = Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    @property
    def is_alive(self) -> bool:
        return self.owner == os.getpid() and self._process.poll() is None

    def ask(self, path: str, kind: Kind) -> str | None:
        """Return the fault of a file; None for a file without one."""
        assert self._process.stdin is not None
        # SciPy reads a whole file in one step.
        seconds = PATIENCE + (0.0 if kind == "hdf5" else os.path.getsize(path) / _BYTES_PER_SECOND)
        try:
            question = {"path": path, "kind": kind, "seconds": seconds}
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=LONGEST)
        except (OSError, Empty):
            answer = ""
        if answer:
            fault: str | None = json.loads(answer)["fault"]
            return fault
        self.end()
        code = self._process.returncode
        if code is not None and code < 0 and -code not in _TIMES_UP:
            return f"reading it ends the program (signal {-code}), so that it is damaged"
        return "reading it does not end, so that it is damaged"

    def end(self) -> None:
        """End the process."""
        if self.owner != os.getpid():
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # The process ends by itself when it gets no more questions.
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout=1)
        if not self._listener.is_alive():
            self._process.stdout.close()


#: Signals by which the system (SIGPROF) or this module (SIGKILL) ends a process that computes too long.
_TIMES_UP = (27, 9)

_lock = threading.Lock()
_workers: list[_Worker] = []
_judged: dict[tuple[Any, ...], str | None] = {}


def expect_sound(path: Path, kind: Kind = "hdf5") -> None:
    """Refuse a file that would lead outside itself, claims more than it stores, or ends the process.

    Parameters
    ----------
    path : Path
        An existing regular file.
    kind : {"hdf5", "matlab"}
        HDF5, or MATLAB of version 4 or 5.

    Raises
    ------
    ValueError
        If the file has a fault; the message is a part of a sentence without the name of the file.

    Notes
    -----
    The judgement is kept until the file changes. A file that its library refuses by itself passes.
    """
    real = os.path.abspath(path)
    state = os.stat(real)
    key = (real, state.st_ino, state.st_size, state.st_mtime_ns)
    with _lock:
        if key not in _judged:
            if len(_judged) >= _KEPT:
                _judged.clear()
            _judged[key] = _ask(real, kind)
        fault = _judged[key]
    if fault is not None:
        raise ValueError(fault)


def _ask(path: str, kind: Kind) -> str | None:
    if not sys.executable:  # Python inside another program, which cannot start a second one
        return None
    # A copy of this process made by fork shares the pipes of its parent, and needs a process of its own.
    if not _workers or not _workers[0].is_alive:
        _workers[:] = [_Worker()]
    return _workers[0].ask(path, kind)


def _end() -> None:
    for worker in _workers:
        worker.end()


def _renew() -> None:
    """Replace the lock in a copy of this process, where a thread that does not exist may hold it."""
    global _lock
    _lock = threading.Lock()
    _workers.clear()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
