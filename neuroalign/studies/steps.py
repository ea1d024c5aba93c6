"""Steps that depend on each other, done in order, each failure by itself."""

import json
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.home import atomic_path

State = Literal["done", "left out", "failed"]

_FORMAT = 1


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
    key : str
        Digest of what determines how long it takes: under another key it is another step.
    seconds : float
        A guess of how long it takes.
    """

    name: str
    run: "Callable[[Mapping[str, Outcome]], Any]"
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    key: str = ""
    seconds: float = 0.0


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


class Journal:
    """Which steps were done, and how long they took: a small file, from which estimates come.

    Parameters
    ----------
    path : Path
        Need not exist; one that cannot be read counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._steps: dict[str, dict[str, Any]] = {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"not a journal of format {_FORMAT}")
            for name, each in content["steps"].items():
                self._steps[str(name)] = {"key": str(each["key"]), "seconds": float(each["seconds"])}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            warnings.warn(f"ignored an unreadable journal {path}: {error}", NeuroalignWarning, stacklevel=2)

    def is_done(self, step: Step) -> bool:
        """Whether this very step was done before."""
        return step.name in self._steps and self._steps[step.name]["key"] == step.key

    def seconds(self, step: Step) -> float:
        """Return how long this very step took when it was first done; otherwise the guess."""
        return float(self._steps[step.name]["seconds"]) if self.is_done(step) else step.seconds

    def note(self, step: Step, seconds: float) -> None:
        """Write down that a step is done."""
        # From the caches it is quick: what it took to compute is the longest.
        seconds = max(seconds, self.seconds(step) if self.is_done(step) else 0.0)
        self._steps[step.name] = {"key": step.key, "seconds": round(seconds, 3)}
        with atomic_path(self.path) as temporary:
            content = {"format": _FORMAT, "steps": self._steps}
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def run_steps(
    steps: Sequence[Step],
    journal: Journal,
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Outcome]:
    """Do steps in order; one that cannot be done does not lose the others.

    Parameters
    ----------
    steps : sequence of Step
        Each after those that it needs or follows.
    journal : Journal
        Gets every step that is done, as soon as it is.
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
            started = time.monotonic()
            outcome = _do(step, outcomes)
            if outcome.state == "done":
                journal.note(step, time.monotonic() - started)
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
