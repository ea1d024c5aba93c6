"""Commands of neuroalign in forks of this process, which start at once and can be killed."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import neuroalign.cli

#: Seconds on the clock that one command may take.
LIMIT = 60.0


@dataclass
class Started:
    """A command that runs."""

    words: Sequence[str]
    pid: int
    output: Path

    def finish(self) -> tuple[int, str]:
        """Wait for the command; return its exit code (negative after a signal) and its standard error."""
        until = time.monotonic() + LIMIT
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(f"{' '.join(self.words)} takes more than {LIMIT:g} s")
            time.sleep(0.002)
        text = self.output.read_text(encoding="utf-8", errors="replace")
        self.output.unlink()
        return os.waitstatus_to_exitcode(status), text

    def kill(self) -> bool:
        """Kill the command; return whether it still ran."""
        ended, _ = os.waitpid(self.pid, os.WNOHANG)
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.output.unlink(missing_ok=True)
        return not ended


def start(
    words: Sequence[str], folder: Path, *, before: Callable[[], object] = lambda: None, number: int = 0
) -> Started:
    """Start a command in a fork of this process.

    Parameters
    ----------
    words : sequence of str
        The command without its program.
    folder : Path
        Folder for a file with its standard error.
    before : callable
        Function that the fork calls first.
    number : int
        Number of the command among several.
    """
    output = folder / f"stderr-{os.getpid()}-{number}"
    pid = os.fork()
    if pid:
        return Started(words, pid, output)
    code = 99
    try:
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        neuroalign.cli._shown.clear()
        before()
        code = neuroalign.cli.run(list(words))
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def run_at_once(commands: Sequence[Sequence[str]], folder: Path) -> list[tuple[int, str]]:
    """Let commands run at the same time, from the same moment; return exit codes and standard errors."""
    reading, writing = os.pipe()

    def wait() -> None:
        os.close(writing)
        os.read(reading, 1)

    started = [start(words, folder, before=wait, number=number) for number, words in enumerate(commands)]
    os.close(reading)
    os.close(writing)  # the end of the pipe is the signal to begin
    return [command.finish() for command in started]
