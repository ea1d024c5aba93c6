"""Steps that depend on each other, run in order; a failed step does not stop independent steps."""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neuroalign.errors import NeuroalignError, UsageError

State = Literal["done", "left out", "failed"]


@dataclass(frozen=True)
class Step:
    """Step of a study.

    Parameters
    ----------
    name : str
    run : callable
        Takes the outcomes of all earlier steps, by name, and returns the value of the step. A step that takes long
        must store its results itself, by their content, so that it is quick in the next run.
    needs : tuple of str
        Steps that must be done before this step can run.
    follows : tuple of str
        Steps that must come before this step, done or not.
    """

    name: str
    run: "Callable[[Mapping[str, Outcome]], Any]"
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Outcome of a step.

    Parameters
    ----------
    step : str
        Name of the step.
    state : {"done", "left out", "failed"}
        "left out" if the step does not apply, or its input is missing; "failed" after an unexpected error.
    value : object
        Value that the step returned; None unless the step is done.
    reason : str
        Reason why the step is not done; empty if it is done.
    """

    step: str
    state: State
    value: Any = None
    reason: str = ""


def run_steps(
    steps: Sequence[Step],
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Outcome]:
    """Run steps in order; a step that cannot be done does not stop independent steps.

    Parameters
    ----------
    steps : sequence of Step
        Steps, each after the steps that it needs or follows.
    tell : callable
        Receives one line for every finished step.

    Returns
    -------
    dict of str to Outcome
        Outcomes by step.

    Raises
    ------
    UsageError
        If the steps are not in order, or two steps have the same name.
    """
    check_order(steps)
    outcomes: dict[str, Outcome] = {}
    for step in steps:
        missing = [outcomes[name] for name in step.needs if outcomes[name].state != "done"]
        if missing:
            reason = f"it needs {missing[0].step}: {missing[0].reason}"
            outcome = Outcome(step.name, "left out", reason=reason)
        else:
            outcome = _run(step, outcomes)
        outcomes[step.name] = outcome
        tell(f"{step.name}: {outcome.state}{f' ({outcome.reason})' if outcome.reason else ''}")
    return outcomes


def check_order(steps: Iterable[Step]) -> None:
    """Refuse steps that come before a step that they depend on, or that share a name.

    Raises
    ------
    UsageError
    """
    earlier: set[str] = set()
    for step in steps:
        for other in (*step.needs, *step.follows):
            if other not in earlier:
                raise UsageError(f"the step {step.name!r} must come after {other!r}")
        if step.name in earlier:
            raise UsageError(f"each step must have a name of its own, got two steps called {step.name!r}")
        earlier.add(step.name)


def _run(step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
    try:
        return Outcome(step.name, "done", step.run(outcomes))
    except NeuroalignError as error:
        return Outcome(step.name, "left out", reason=" ".join(str(error).split()))
    except (Exception, SystemExit) as error:  # plug-ins can raise any error
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        reason = f"{type(error).__name__}: {' '.join(str(error).split())} ({where})"
        return Outcome(step.name, "failed", reason=reason)
