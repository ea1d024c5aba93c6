"""Batteries of files that are read in a process of their own, with a limit on the time of each."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

#: Seconds on the clock that one file may take.
LIMIT = 60.0


@dataclass
class Tally:
    """Outcomes of a battery."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class ReadingProcess:
    """A process that reads files, started again after a file that ended it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._answers: Queue[str] = Queue()

    def read(self, action: str, path: Path) -> tuple[str, str]:
        """Return the outcome of one file: "ok", "refused", "fault", "hang" or "crash", and its message."""
        process = self._running()
        process.stdin.write(json.dumps([action, str(path)]) + "\n")
        process.stdin.flush()
        try:
            answer = self._answers.get(timeout=LIMIT)
        except Empty:
            self.close()
            return "hang", f"more than {LIMIT:g} s"
        if not answer:
            process.wait()
            self._process = None
            return "crash", f"exit code {process.returncode}"
        outcome, message = json.loads(answer)
        return outcome, message

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._answers = Queue()
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("reading.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self._folder / "stderr.txt").open("a"),
                encoding="utf-8",
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            threading.Thread(target=self._listen, args=(self._process, self._answers), daemon=True).start()
        return self._process

    @staticmethod
    def _listen(process: "subprocess.Popen[str]", answers: "Queue[str]") -> None:
        for line in process.stdout:
            answers.put(line)
        answers.put("")
