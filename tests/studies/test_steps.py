import pytest

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.studies.steps import Step, run_steps


class Killed(BaseException):
    """Error that no step catches, like a killed process."""


def fails(error):
    def run(before):
        raise error

    return run


def test_values_go_on_to_later_steps():
    outcomes = run_steps(
        [
            Step("two", lambda before: 2),
            Step("three", lambda before: 3),
            Step("sum", lambda before: before["two"].value + before["three"].value, needs=("two", "three")),
        ],
    )
    assert outcomes["sum"].value == 5
    assert {outcome.state for outcome in outcomes.values()} == {"done"}


def test_a_failure_leaves_out_dependent_steps_alone():
    lines = []
    outcomes = run_steps(
        [
            Step("weights", fails(NeuroalignError("there are\nno weights"))),
            Step("broken", fails(ZeroDivisionError("by zero"))),
            Step("score", lambda before: 1, needs=("weights",)),
            Step("table", lambda before: 1, needs=("score",)),
            Step("other", lambda before: 1),
            Step(
                "report",
                lambda before: [name for name, outcome in before.items() if outcome.state == "done"],
                needs=("other",),
                follows=("table", "broken"),
            ),
        ],
        tell=lines.append,
    )
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "weights": "left out",
        "broken": "failed",
        "score": "left out",
        "table": "left out",
        "other": "done",
        "report": "done",
    }
    assert outcomes["weights"].reason == "there are no weights"
    assert outcomes["table"].reason == "it needs score: it needs weights: there are no weights"
    assert outcomes["broken"].reason.startswith("ZeroDivisionError: by zero (test_steps.py, line ")
    assert outcomes["report"].value == ["other"]
    assert lines[4] == "other: done"


def test_a_killed_run_goes_on():
    done, kept = [], {}

    def compute(name, *, dies=False):
        def run(before):
            if name not in kept:
                if dies:
                    raise Killed
                done.append(name)
                kept[name] = name.upper()
            return kept[name]

        return run

    def steps(*, dies):
        return [
            Step("a", compute("a")),
            Step("b", compute("b", dies=dies), needs=("a",)),
            Step("c", lambda before: before["a"].value + before["b"].value, needs=("b",)),
        ]

    with pytest.raises(Killed):
        run_steps(steps(dies=True))
    assert run_steps(steps(dies=False))["c"].value == "AB"
    assert done == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([("a", ("b",)), ("b", ())], "'a' must come after 'b'"),
        ([("a", ()), ("a", ())], "name of its own, got two steps called 'a'"),
    ],
)
def test_the_order_is_checked(names, message):
    with pytest.raises(UsageError, match=message):
        run_steps([Step(name, lambda before: 1, needs=needs) for name, needs in names])
