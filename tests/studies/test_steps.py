import json

import pytest

from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.studies import steps as module
from neuroalign.studies.steps import Journal, Step, run_steps


class Killed(BaseException):
    """As if the process were killed: nothing catches it."""


def fails(error):
    def run(before):
        raise error

    return run


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "steps.json")


def test_values_go_on_to_later_steps(journal):
    found = run_steps(
        [
            Step("two", lambda before: 2),
            Step("three", lambda before: 3),
            Step("sum", lambda before: before["two"].value + before["three"].value, needs=("two", "three")),
        ],
        journal,
    )
    assert found["sum"].value == 5
    assert {each.state for each in found.values()} == {"done"}


def test_a_failure_loses_what_needs_it_and_nothing_else(journal):
    told = []
    found = run_steps(
        [
            Step("weights", fails(NeuroalignError("there are\nno weights"))),
            Step("broken", fails(ZeroDivisionError("by zero"))),
            Step("score", lambda before: 1, needs=("weights",)),
            Step("table", lambda before: 1, needs=("score",)),
            Step("other", lambda before: 1),
            Step(
                "report",
                lambda before: [name for name, each in before.items() if each.state == "done"],
                needs=("other",),
                follows=("table", "broken"),
            ),
        ],
        journal,
        tell=told.append,
    )
    assert {name: each.state for name, each in found.items()} == {
        "weights": "left out",
        "broken": "failed",
        "score": "left out",
        "table": "left out",
        "other": "done",
        "report": "done",
    }
    assert found["weights"].reason == "there are no weights"
    assert found["table"].reason == "it needs score: it needs weights: there are no weights"
    assert found["broken"].reason.startswith("ZeroDivisionError: by zero (test_steps.py, line ")
    assert found["report"].value == ["other"]
    assert told[4] == "other: done"


def test_a_killed_run_goes_on(journal, tmp_path):
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
            Step("a", compute("a"), key="1"),
            Step("b", compute("b", dies=dies), needs=("a",), key="1"),
            Step("c", lambda before: before["a"].value + before["b"].value, needs=("b",), key="1"),
        ]

    with pytest.raises(Killed):
        run_steps(steps(dies=True), journal)
    again = Journal(tmp_path / "steps.json")
    assert [again.is_done(each) for each in steps(dies=False)] == [True, False, False]
    assert run_steps(steps(dies=False), again)["c"].value == "AB"
    assert done == ["a", "b"]
    assert [again.is_done(each) for each in steps(dies=False)] == [True, True, True]


def test_estimates_come_from_the_first_time_that_a_step_took(journal, tmp_path, monkeypatch):
    clock = iter([0.0, 30.0, 100.0, 100.5])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    step = Step("score", lambda before: 1, key="k", seconds=7.0)
    assert journal.seconds(step) == 7.0
    run_steps([step], journal)
    run_steps([step], journal)
    again = Journal(tmp_path / "steps.json")
    assert again.seconds(step) == 30.0
    changed = Step("score", step.run, key="other", seconds=7.0)
    assert (again.is_done(changed), again.seconds(changed)) == (False, 7.0)


def test_what_is_not_done_is_not_noted(journal):
    step = Step("a", fails(NeuroalignError("no")))
    run_steps([step], journal)
    assert not journal.is_done(step)
    assert not journal.path.exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", json.dumps({"format": 9}), json.dumps({"format": 1, "steps": {"a": 1}})]
)
def test_a_damaged_journal_counts_as_empty(tmp_path, content):
    path = tmp_path / "steps.json"
    path.write_text(content)
    with pytest.warns(NeuroalignWarning, match="unreadable journal"):
        journal = Journal(path)
    assert not journal.is_done(Step("a", lambda before: 1))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([("a", ("b",)), ("b", ())], "'a' must come after 'b'"),
        ([("a", ()), ("a", ())], "two steps are called 'a'"),
    ],
)
def test_the_order_is_checked(journal, names, told):
    with pytest.raises(UsageError, match=told):
        run_steps([Step(name, lambda before: 1, needs=needs) for name, needs in names], journal)
