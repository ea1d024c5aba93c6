"""Tests of calls into the code of model files and plug-ins."""

import sys
from threading import Barrier, Thread

import pytest

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.names.foreign_code import foreign_code


class Stop(BaseException):
    """An error that ``except Exception`` does not catch."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SystemExit(0), "SystemExit: 0"),
        (Stop("now"), "Stop: now"),
        (GeneratorExit(), "GeneratorExit"),
        (ValueError("a\nb\x1b[2J"), "ValueError: a b\\x1b[2J"),
    ],
)
def test_every_error_becomes_one_line_with_its_place(error, text):
    line = sys._getframe().f_lineno + 2
    with pytest.raises(UsageError) as caught, foreign_code("it fails", UsageError):
        raise error
    assert str(caught.value) == f"it fails: {text} (test_foreign_code.py, line {line})"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [NeuroalignError("ours"), KeyboardInterrupt()])
def test_our_errors_and_interruptions_stay(error):
    with pytest.raises(type(error)) as caught, foreign_code("it fails"):
        raise error
    assert caught.value is error


def test_printed_text_goes_to_standard_error(capsys):
    with foreign_code("it fails"), foreign_code("it fails"):
        print("noise")
        sys.stdout.close()
        print("more", flush=True)
    print("result")
    assert capsys.readouterr() == ("result\n", "noise\nmore\n")


def test_standard_output_returns_after_calls_of_several_threads(capsys):
    output, together = sys.stdout, Barrier(2)

    def call(waits):
        with foreign_code("it fails"):
            together.wait()
            if waits:
                together.wait()
        if not waits:
            together.wait()

    threads = [Thread(target=call, args=(waits,)) for waits in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is output
