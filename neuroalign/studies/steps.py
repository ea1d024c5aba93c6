"""Steps that depend on each other, done in order, each failure by itself."""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neuroalign.errors import NeuroalignError, UsageError

State = Literal["done", "left out", "failed"]


@dataclass(frozen=True)
class Step:
    """Something to do, once others are done.

    Parameters
    ----------
    name : str
    run : callable
        Takes the outcomes of all steps before it, by name, and returns its value. What takes long must keep its
        results itself, by their content, so that it is quick when it is run again.
    needs : tuple of str
        Steps without which it cannot be done.
    follows : tuple of str
        Steps after which it is done, whatever came of them.
    """

    name: str
    run: "Callable[[Mapping[str, Outcome]], Any]"
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Parameters
    ----------
    step : str
    state : {"done", "left out", "failed"}
        "left out": it does not apply, or lacks something; "failed": a mistake in some program.
    value : object
        That it returned; None unless it is done.
    reason : str
        Why it is not done.
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
    """Do steps in order; one that cannot be done does not lose the others.

    Parameters
    ----------
    steps : sequence of Step
        Each after those that it needs or follows.
    tell : callable
        Gets a line on every step.

    Returns
    -------
    dict of str to Outcome

    Raises
    ------
    UsageError
        If the steps are not in order, or two have one name.
    """
    check_order(steps)
    outcomes: dict[str, Outcome] = {}
    for step in steps:
        lacking = [outcomes[name] for name in step.needs if outcomes[name].state != "done"]
        if lacking:
            outcome = Outcome(
                step.name, "left out", reason=f"it needs {lacking[0].step}: {lacking[0].reason}"
            )
        else:
            outcome = _do(step, outcomes)
        outcomes[step.name] = outcome
        tell(f"{step.name}: {outcome.state}{f' ({outcome.reason})' if outcome.reason else ''}")
    return outcomes


def check_order(steps: Iterable[Step]) -> None:
    """Refuse steps that come before one that they depend on, or share a name.

    Raises
    ------
    UsageError
    """
    known: set[str] = set()
    for step in steps:
        for other in (*step.needs, *step.follows):
            if other not in known:
                raise UsageError(f"the step {step.name!r} must come after {other!r}")
        if step.name in known:
            raise UsageError(f"two steps are called {step.name!r}")
        known.add(step.name)


def _do(step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
    try:
        return Outcome(step.name, "done", step.run(outcomes))
    except NeuroalignError as error:
        return Outcome(step.name, "left out", reason=" ".join(str(error).split()))
    except Exception as error:  # models and benchmarks of others raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        reason = f"{type(error).__name__}: {' '.join(str(error).split())} ({where})"
        return Outcome(step.name, "failed", reason=reason)
