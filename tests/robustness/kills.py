"""Kills of a process at every step of the file system."""

import mmap
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

#: Events of Python at which a process changes files.
_EVENTS = {
    "open",
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.rmtree",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_KILLED = -signal.SIGKILL


def kill_at_every_step(
    start: Callable[[Path], object], action: Callable[[Path], object], *, every: int = 1, first: int = 0
) -> Iterator[tuple[int, Path]]:
    """Run an action in processes that are killed before the first, second, … step inside their folder.

    Parameters
    ----------
    start : callable
        Function that fills a new folder; it runs in this process.
    action : callable
        Function of the folder; it runs in a fork of this process.
    every, first : int
        Only every so many steps, from the given one on.

    Yields
    ------
    step : int
        Number of the step before which the process was killed.
    folder : Path
        Folder as the killed process left it. The last folder is the folder of a process that came to its end.
    """
    step = first
    while True:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            start(folder)
            code = _run_until(step, folder, action)
            assert code in (0, _KILLED), f"the process ended with {code} at step {step}"
            yield step, folder
        if code == 0:
            return
        step += every


def _run_until(step: int, folder: Path, action: Callable[[Path], object]) -> int:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        sys.addaudithook(Killer(str(folder), step))
        action(folder)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


class Killer:
    """Audit hook that counts the steps that change files inside a folder, and kills the process before one of them.

    Parameters
    ----------
    folder : str
    step : int, optional
        Number of the step, from 0; by default the process is not killed.
    """

    def __init__(self, folder: str, step: int | None = None) -> None:
        self._step, self._folder = step, folder
        # Forks share this memory.
        self._count = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        """Number of steps until now, of a fork of this process, too."""
        return int.from_bytes(self._count[:], "little")

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if event not in _EVENTS or (event == "open" and not args[2] & _WRITES):
            return
        # Python's rmtree names the entries of a folder without the folder.
        where = [str(arg) for arg in args if isinstance(arg, str | os.PathLike)]
        if not any(text.startswith(self._folder) or not os.path.isabs(text) for text in where):
            return
        if self.count == self._step:
            os.kill(os.getpid(), signal.SIGKILL)
        self._count[:] = (self.count + 1).to_bytes(8, "little")
