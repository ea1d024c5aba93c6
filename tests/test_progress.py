import io
import os
import sys
import time

import pytest

from neuroalign import progress as module
from neuroalign.cli import run
from neuroalign.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def impatient(monkeypatch):
    """Show the bar at once."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)


def test_items_come_through_in_order():
    assert list(progress(iter("abc"), description="reading")) == ["a", "b", "c"]


def test_no_bar_without_a_terminal(impatient, capsys):
    list(progress(range(50), description="scoring", total=50))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_terminal_shows_the_bar_and_clears_it_at_the_end(impatient, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    list(progress(range(3), description="scoring pca", total=3, unit="model"))
    shown = terminal.getvalue()
    assert "scoring pca" in shown
    assert "0/3" in shown
    assert shown.split("\r")[-1].strip() == ""


@pytest.mark.parametrize("size", [(0, 0), (24, 0), (0, 70), (24, 60)])
def test_a_terminal_without_a_size_shows_the_bar(impatient, monkeypatch, size):
    termios = pytest.importorskip("termios")  # Windows has no pseudo-terminals
    reading, writing = os.openpty()
    termios.tcsetwinsize(writing, size)
    with open(writing, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        list(progress(range(3), description="scoring pca", total=3, unit="model"))
        terminal.write("end")
        terminal.flush()
        shown = os.read(reading, 4000).decode()
    os.close(reading)
    bars = [bar for bar in shown.split("\r") if "scoring pca" in bar]
    columns = size[1] or 80
    assert {len(bar) for bar in bars[:1]} <= {columns - 1, columns}
    assert bars


def test_quick_work_shows_no_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    list(progress(range(3), description="scoring pca"))
    assert "scoring" not in terminal.getvalue()


def test_errors_of_the_work_go_through(impatient):
    def items():
        yield 1
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        list(progress(items(), description="scoring"))


def test_items_are_asked_for_one_at_a_time():
    asked = []
    items = progress((asked.append(item) or item for item in range(5)), description="lazy")
    assert next(items) == 0
    assert asked == [0]


def test_work_that_shows_its_bar_at_once_shows_its_steps(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    items = progress("ab", description="scoring pca", at_once=True)
    next(items)
    assert terminal.getvalue().split("\r")[-1].startswith("scoring pca: 0/2 |")
    module.show_step("pca[n=5]: alignment\x1b[2J")
    shown = terminal.getvalue().split("\r")[-1]
    assert shown.rstrip().endswith("pca[n=5]: alignment\\x1b[2J")
    assert list(items) == ["b"]
    module.show_step("after the end")
    assert "after the end" not in terminal.getvalue()


def test_the_clock_of_a_bar_runs_without_progress(monkeypatch, impatient):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "_BEAT", 0.01)

    def work():
        yield 1
        time.sleep(0.3)
        yield 2

    list(progress(work(), description="slow", total=2))
    drawn = [line for line in terminal.getvalue().split("\r") if "1/2" in line or "0/2" in line]
    assert len(drawn) > 5


def test_the_clock_of_a_bar_changes_neither_its_count_nor_its_rate(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(module, "_BEAT", 0.01)
    counts, rates = [], []
    for _ in progress(range(4), description="slow", at_once=True):
        [bar] = module._with_steps
        counts.append(bar.n)
        rates.append(bar.format_dict["rate"])
        time.sleep(0.2)
    assert counts == [0, 1, 2, 3]
    # The time left is the number of items divided by this rate; 1 / 0.2 s, or less on a busy machine.
    assert 0.2 < rates[-1] <= 5


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (["leaderboard", "missing-one"], "ranking the scores on missing-one"),
        (["leaderboard", "missing-one", "missing-two"], "ranking the scores on missing-one, missing-two"),
        (["compare", "pca", "ica", "missing-one"], "loading pca, ica and missing-one"),
        (["figures", "missing-one", "-o", "figures"], "drawing the figures of missing-one"),
        (["data", "add", "mine", "--responses", "missing.npy"], "reading the files of mine"),
    ],
)
def test_commands_name_their_first_step_before_they_load_libraries(arguments, step, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(arguments) != 0
    assert terminal.getvalue().lstrip("\r").startswith(f"neuroalign: {step}\n")
