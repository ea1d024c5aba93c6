import io
import sys

import pytest

from neuroalign import progress as module
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
