"""Model files that loop without end or end the process: they are trusted, and the outcome is the documented one."""

import os
import signal
import time

import pytest

from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset

from .commands import LIMIT, start

#: Lines of a model file that says that it is reached.
REACHED = "import os, pathlib\npathlib.Path({path!r}).touch()\n"
LOOP = "while True:\n    pass\n"


@pytest.fixture
def run_file(neuroalign_home, tmp_path, monkeypatch):
    """Return a function that starts a score of a model file, and waits until the file says that it is reached."""
    monkeypatch.chdir(tmp_path)
    write_folder(make_dataset(n_stimuli=24, n_neurons=4, n_factors=2, image_size=8), tmp_path / "toy")

    def start_file(code):
        (tmp_path / "mine.py").write_text(code.format(reached=REACHED.format(path=str(tmp_path / "reached"))))
        words = ["score", "mine.py:f", "toy", "-b", "cka[n_permutations=0]", "--permutations", "0"]
        # A shell lets its background processes ignore Ctrl-C.
        running = start(
            words, tmp_path, before=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        )
        until = time.monotonic() + LIMIT
        while not (tmp_path / "reached").exists():
            assert time.monotonic() < until
            time.sleep(0.002)
        return running

    return start_file


@pytest.mark.parametrize(
    "code",
    [
        "{reached}" + LOOP,
        "{reached}while True:\n    try:\n        pass\n    except Exception:\n        pass\n",
        "def f(pixels):\n    exec({reached!r})\n    while True:\n        pass\n",
    ],
)
def test_an_interruption_ends_an_endless_model_file(run_file, code):
    running = run_file(code)
    os.kill(running.pid, signal.SIGINT)
    status, text = running.finish()
    assert status == 130
    assert text.split("\n") == ["", "neuroalign: interrupted", ""]


@pytest.mark.parametrize("status", [0, 3])
def test_a_model_file_can_end_the_process_and_loses_nothing(run_file, status):
    running = run_file("{reached}def f(pixels):\n    return pixels.reshape(len(pixels), -1)[:, :3]\n")
    assert running.finish() == (0, "")
    [score] = ResultsStore().scores()
    assert run_file(f"{{reached}}os._exit({status})\n").finish() == (status, "")
    assert [stored.value for stored in ResultsStore().scores()] == [score.value]
