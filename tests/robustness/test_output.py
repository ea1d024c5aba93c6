"""Text of a stranger on the terminal and in spreadsheets."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

from neuroalign import cli
from neuroalign.cli.output import PrintableStream, echo_with_cautions, printable_streams
from neuroalign.errors import printable
from neuroalign.files.spreadsheets import safe_cell, write_csv
from neuroalign.results.exchange.exporting import export_results
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_score


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\x00\x07\x7f", "a\\x00\\x07\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("over\rwritten", "over\\rwritten"),
        ("\udc80", "\\udc80"),
        ("\u202efdp.exe", "\\u202efdp.exe"),
        ("a\nb\tc é 顔 × –", "a\nb\tc é 顔 × –"),
    ],
)
def test_characters_that_steer_a_terminal_are_shown(text, shown):
    assert printable(text) == shown


def test_every_stream_of_a_command_is_printable(monkeypatch):
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with printable_streams():
        print("\x1b]0;title\x07")
        print("\x1b[31m", file=sys.stderr)
    assert (out.getvalue(), err.getvalue()) == ("\\x1b]0;title\\x07\n", "\\x1b[31m\n")
    assert sys.stdout is out


def test_a_terminal_without_unicode_shows_codes():
    raw = io.BytesIO()
    stream = PrintableStream(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("0.5 ± 0.1")
    stream.flush()
    assert raw.getvalue() == b"0.5 \\xb1 0.1"


@pytest.mark.parametrize(("no_color", "start", "end"), [("", "\x1b[1;31m", "\x1b[0m"), ("1", "", "")])
def test_cautions_are_red_in_a_terminal_and_their_names_steer_nothing(monkeypatch, no_color, start, end):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", PrintableStream(terminal))
    monkeypatch.setenv("NO_COLOR", no_color)
    echo_with_cautions("title\n\ncaution: of \x1b[2Jname\n\nrows")
    assert terminal.getvalue() == f"title\n\n{start}caution: of \\x1b[2Jname{end}\n\nrows\n"


def test_cautions_in_a_file_have_no_colour(capsys):
    echo_with_cautions("title\n\ncaution: weak")
    assert capsys.readouterr().out == "title\n\ncaution: weak\n"


def test_escapes_in_a_name_do_not_reach_the_terminal(capsys):
    assert cli.run(["info", "\x1b[2J\x1b]0;owned\x07"]) == 2
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\\x1b[2J" in captured.err


def test_an_unexpected_error_is_one_line(monkeypatch, capsys):
    def fail(*_, **__):
        raise TypeError("first\nsecond \x07")

    monkeypatch.setattr(cli.cli, "main", fail)
    assert cli.run(["list"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(
        "neuroalign: a fault of neuroalign, TypeError: first second \\x07; please report it"
    )
    monkeypatch.setenv("NEUROALIGN_TRACEBACK", "1")
    with pytest.raises(TypeError):
        cli.run(["list"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    text = f"{start}SUM(A1:A9)"
    frame = pd.DataFrame({text: [text], "n": [-1.5]}, index=pd.Index([text], name=text))
    for cell in (
        safe_cell(text),
        *pd.read_csv(io.StringIO(write_csv(frame, index=True)), dtype=str).iloc[0, :2],
    ):
        assert cell.startswith("'")
    assert write_csv(frame).splitlines()[-1].endswith(",-1.5")


def test_numbers_stay_numbers():
    frame = pd.DataFrame({"a": [-0.5, np.nan], "b": [-3, 4], "c": ["-0.5", "+1e3"], "d": [None, True]})
    assert write_csv(frame) == frame.to_csv(index=False, lineterminator="\n")


def test_two_columns_of_one_name():
    frame = pd.DataFrame([["=a", "=b"]], columns=["x", "x"])
    assert write_csv(frame) == "x,x\n'=a,'=b\n"


def test_the_table_of_an_export_holds_no_formula(tmp_path):
    store = ResultsStore(tmp_path / "results")
    store.save("ab" * 32, make_score(0.5, model="=cmd()", family="@f", notes=("+note",)))
    export_results(tmp_path / "scores.csv", store=store)
    table = pd.read_csv(tmp_path / "scores.csv")
    assert table[["model", "family", "notes"]].to_numpy().tolist() == [["'=cmd()", "'@f", "'+note"]]
    assert table["value"].tolist() == [0.5]
