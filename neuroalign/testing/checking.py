"""Lists of checks that run as one, with a report of those that failed."""

import json
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, unknown_name
from neuroalign.results.score import Score

#: Share by which scores may differ: sums of the same numbers in another order differ in the last bits.
TOLERANCE = 1e-6


class CheckError(AssertionError):
    """A plug-in fails one or more checks; each line names a check, the fault and its remedy."""


def run_checks(
    title: str,
    checks: Sequence[Callable[..., None]],
    arguments: Callable[[], tuple[Any, ...]],
    only: Iterable[str] | None = None,
) -> None:
    """Run checks.

    Parameters
    ----------
    title : str
        Name of the list and of the plug-in, for the report: ``check_model(pca)``.
    checks : sequence of callable
        Functions that raise an AssertionError where the plug-in fails.
    arguments : callable
        Returns the arguments of a check. It is called for each check, so that a plug-in that changes its input does
        not change the input of the next check.

    only : iterable of str, optional
        Names of the checks to run; all by default.

    Raises
    ------
    CheckError
        Naming every check that failed. A check in which the plug-in raised another error has failed, too.
    UnknownNameError
        If no check has a name in `only`.
    """
    if only is not None:
        named = {check.__name__: check for check in checks}
        for name in (chosen := list(only)):
            if name not in named:
                raise unknown_name("check", name, named)
        checks = [named[name] for name in chosen]
    failed: list[str] = []
    causes: list[Exception] = []
    for check in checks:
        try:
            check(*arguments())
        except AssertionError as error:
            failed.append(f"{check.__name__}: {error}")
            causes.append(error)
        except Exception as error:  # a plug-in may raise anything
            place = traceback.extract_tb(error.__traceback__)[-1]
            failed.append(
                f"{check.__name__}: the plug-in raised {type(error).__name__}: {error} "
                f"({Path(place.filename).name}, line {place.lineno}); it must not fail here"
            )
            causes.append(error)
    if failed:
        count = f"{len(failed)} of {len(checks)} checks failed"
        raise CheckError("\n  ".join([f"{title}: {count}", *failed])) from causes[0]


def copy_of(dataset: Dataset) -> Dataset:
    """Return a dataset that shares neither the recording nor the stimulus table."""
    stimuli = dataset.stimuli.select(dataset.stimuli.ids)
    return replace(dataset, recording=dataset.recording.copy(deep=True), stimuli=stimuli)


def expect(condition: bool, message: str) -> None:
    """Raise an AssertionError with a message unless a condition holds (also under ``python -O``)."""
    if not condition:
        raise AssertionError(message)


def expect_json(value: Any, message: str) -> None:
    """Raise an AssertionError unless JSON can hold a value."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{message}, got {error}") from error


def expect_same(actual: ArrayLike, expected: ArrayLike, message: str, *, tolerance: float = 0.0) -> None:
    """Raise an AssertionError unless two arrays agree, with NaN in the same places.

    Parameters
    ----------
    actual, expected : array
        Arrays of one shape, of numbers or of anything that compares.
    message : str
        Start of the message, which goes on with the largest difference of numbers.
    tolerance : float
        Largest difference that is allowed, as a share of the largest magnitude in `expected`; 0 for bit equality.
    """
    a, b = np.asarray(actual), np.asarray(expected)
    expect(a.shape == b.shape, f"{message} (shape {a.shape}, expected {b.shape})")
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        expect(bool((a == b).all()), message)
        return
    a, b = a.astype(np.float64), b.astype(np.float64)
    expect(bool((np.isnan(a) == np.isnan(b)).all()), f"{message} (NaN in other places)")
    finite = np.isfinite(b)
    expect(bool((a[~finite & ~np.isnan(b)] == b[~finite & ~np.isnan(b)]).all()), message)
    if finite.any():
        difference = float(np.abs(a[finite] - b[finite]).max())
        limit = tolerance * float(np.abs(b[finite]).max())
        expect(difference <= limit, f"{message} (largest difference {difference:.3g}, allowed {limit:.3g})")


def expect_same_score(score: Score, expected: Score, message: str) -> None:
    """Raise an AssertionError unless two scores have the same value."""
    expect_same(score.value, expected.value, message, tolerance=TOLERANCE)


def expect_one_line(error: NeuroalignError, situation: str) -> None:
    """Raise an AssertionError unless an error's message is one line that says something."""
    message = str(error)
    expect(
        bool(message.strip()) and "\n" not in message,
        f"the message of {type(error).__name__} for {situation} must be one line, got {message!r}",
    )


def error_of(call: Callable[[], Any], situation: str) -> NeuroalignError | None:
    """Return the error of the package that a call raises, None where it raises none.

    Parameters
    ----------
    call : callable
        Runs the plug-in.
    situation : str
        Fault of the input, for messages: "stimuli without images".

    Raises
    ------
    AssertionError
        If the call raises an error of another class, or one with a message of several lines.
    """
    try:
        call()
    except NeuroalignError as error:
        expect_one_line(error, situation)
        return error
    except Exception as error:
        raise AssertionError(
            f"{situation} must raise an error of neuroalign.errors, got {type(error).__name__}: {error}; check the "
            "input and raise one that names the fault and the remedy"
        ) from error
    return None
