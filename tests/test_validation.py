"""Tests of the validation of values against declared types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from msgspec import Meta

from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.validation import (
    NonNegative,
    NonNegativeFloat,
    Positive,
    PositiveFloat,
    Share,
    check_arguments,
    check_fields,
    check_names,
    check_value,
    checks,
    describe_type,
)


class Thing:
    """A class that msgspec knows nothing about."""


@dataclass(frozen=True)
class Base:
    n: int = 0


@dataclass(frozen=True)
class Derived(Base):
    m: int = 0


THING = Thing()


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    n: NonNegative = 0
    tags: dict[str, list[str]] = {}


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    parts: tuple[Part, ...]
    first: Part | None = None


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        (3, int, 3),
        (-3, int, -3),
        (3, float, 3.0),
        (True, bool, True),
        (None, int | None, None),
        ("all", Literal["all"] | int, "all"),
        (2, Literal["all"] | int, 2),
        ([1, 2], tuple[int, ...], (1, 2)),
        ((1, 2), list[int], [1, 2]),
        (["a"], Sequence[str], ["a"]),
        ("a", str | Thing, "a"),
        (THING, str | Thing, THING),
        (THING, Thing | None, THING),
        (Derived(), Base, Derived()),
        (Derived(), str | Base, Derived()),
        ("a", str | Base, "a"),
        (abs, Callable[[int], int], abs),
        (THING, Any, THING),
        (THING, "NameThatOnlyTypeCheckersImport", THING),
        (0.0, NonNegativeFloat, 0.0),
        (1, Share, 1.0),
    ],
)
def test_values_that_fit(value, declared, expected):
    checked = check_value(value, declared, "option")
    assert checked == expected
    assert type(checked) is type(expected)


@pytest.mark.parametrize(
    ("value", "declared", "message"),
    [
        ("3", int, "owner: option must be a whole number, got '3'"),
        (3.0, int, "owner: option must be a whole number, got 3.0"),
        (True, int, "owner: option must be a whole number, got True"),
        (True, float, "owner: option must be a number, got True"),
        (1, bool, "owner: option must be true or false, got 1"),
        (None, str, "owner: option must be text, got None"),
        (-1, NonNegative, "owner: option must be a whole number of at least 0, got -1"),
        (0, Positive, "owner: option must be a whole number of at least 1, got 0"),
        (2, Share, "owner: option must be a number between 0 and 1, got 2"),
        (float("nan"), Share, "owner: option must be a number between 0 and 1, got nan"),
        (float("nan"), NonNegativeFloat, "owner: option must be a number of at least 0, got nan"),
        (float("inf"), PositiveFloat, "owner: option must be a number above 0, got inf"),
        (
            -1,
            Literal["all", "informative"] | NonNegative,
            "owner: option must be all, informative or a whole number of at least 0, got -1",
        ),
        (
            "informatve",
            Literal["all", "informative"],
            "owner: option must be all or informative, got 'informatve'; did you mean informative?",
        ),
        ([1, "x"], tuple[int, ...], "owner: item 2 of option must be a whole number, got 'x'"),
        ("ab", Sequence[str], "owner: option must be a list of texts, got 'ab'"),
        (3, str | Thing, "owner: option must be text or Thing, got 3"),
        (3, str | Base, "owner: option must be text or Base, got 3"),
        ({"n": 1}, Base, "owner: option must be Base, got {'n': 1}"),
        (
            [],
            Annotated[list[int], Meta(min_length=1)],
            "owner: option must be a list of whole numbers with at least 1 item, got []",
        ),
        ("x" * 200, int, f"owner: option must be a whole number, got '{'x' * 116}..."),
        (3, Whole, "owner: option must be a table, got 3"),
        ({}, Whole, "owner: parts of option is missing; it must be a list of tables"),
        (
            {"parts": [{"name": "a"}, {"n": 1}]},
            Whole,
            "owner: name of item 2 of parts of option is missing; it must be text",
        ),
        (
            {"parts": [], "first": {"name": "a", "n": -1}},
            Whole,
            "owner: n of first of option must be a whole number of at least 0, got -1",
        ),
        (
            {"parts": [{"name": "a", "tags": {"b": ["c", 3]}}]},
            Whole,
            "owner: item 2 of b of tags of item 1 of parts of option must be text, got 3",
        ),
    ],
)
def test_values_that_do_not_fit(value, declared, message):
    with pytest.raises(UsageError) as caught:
        check_value(value, declared, "option", owner="owner")
    assert str(caught.value) == message


def test_an_unknown_field_has_a_near_miss():
    with pytest.raises(
        UnknownNameError, match=r"^no key of item 1 of parts of it is called 'nam'; did you mean name\?$"
    ):
        check_value({"parts": [{"nam": "a"}]}, Whole, "it")


def test_fields_of_a_frozen_dataclass_are_converted():
    @dataclass(frozen=True)
    class Options:
        share: Share = 0
        sizes: tuple[int, ...] = ()

        def __post_init__(self):
            check_fields(self, "options")

    assert Options(1, [2]) == Options(1.0, (2,))
    assert isinstance(Options().share, float)
    with pytest.raises(UsageError, match=r"^options: share must be a number between 0 and 1, got 'x'$"):
        Options("x")


def test_scalars_and_arrays_of_numpy_are_numbers_and_lists():
    assert check_value(np.int64(3), int, "n") == 3
    assert type(check_value(np.int64(3), NonNegative, "n")) is int
    assert check_value(np.bool_(True), bool, "flag") is True
    assert check_value(np.array(["a", "b"]), Sequence[str], "names") == ["a", "b"]
    with pytest.raises(UsageError, match=r"^n must be a whole number, got 3.5$"):
        check_value(np.float64(3.5), int, "n")


def test_a_function_checks_the_arguments_that_it_names():
    @checks("n", "names")
    def function(first, n: NonNegative = 0, *, names: Sequence[str] = (), other: int = 0):
        """Return everything."""
        return first, n, names, other

    assert function("x", np.int64(2), names=["a"], other="b") == ("x", 2, ["a"], "b")
    assert function(first=1) == (1, 0, (), 0)
    assert function.__doc__ == "Return everything."
    with pytest.raises(UsageError, match=r"^function: n must be a whole number of at least 0, got -1$"):
        function("x", -1)
    with pytest.raises(UsageError, match=r"^function: names must be a list of texts, got 'a'$"):
        function("x", names="a")
    with pytest.raises(TypeError, match="missing a required argument: 'first'"):
        function()


def test_arguments_have_the_types_of_the_parameters():
    def function(first: str, second: float, *, third: NonNegative = 0, anything=None):
        pass

    checked = check_arguments(function, {"third": 3, "anything": THING}, "function")
    assert checked == {"third": 3, "anything": THING}
    with pytest.raises(UsageError, match=r"^function: second must be a number, got 'x'$"):
        check_arguments(function, {"second": "x"}, "function")
    with pytest.raises(
        UnknownNameError, match=r"^no option of function is called 'thrid'; did you mean third\?$"
    ):
        check_arguments(function, {"thrid": 3}, "function")
    with pytest.raises(UnknownNameError, match="no setting of function is called 'first'"):
        check_arguments(function, {"first": "x"}, "function", kind="setting", n_positional=1)


def test_a_function_that_takes_any_option_checks_its_declared_ones():
    def function(n: int = 0, **options):
        pass

    assert check_arguments(function, {"n": 1, "other": "x"}, "function") == {"n": 1, "other": "x"}
    with pytest.raises(UsageError, match="function: n must be a whole number"):
        check_arguments(function, {"n": "x"}, "function")


def test_annotations_that_only_type_checkers_import_are_not_checked():
    def function(n: "Missing", m: int, *, k=None):  # noqa: F821
        pass

    assert check_arguments(function, {"k": THING}, "function") == {"k": THING}

    def other(n: "Missing", m: int):  # noqa: F821
        pass

    assert check_arguments(other, {"n": THING}, "other") == {"n": THING}
    with pytest.raises(UsageError, match="other: m must be a whole number, got 'x'"):
        check_arguments(other, {"m": "x"}, "other")


def test_names():
    check_names(["a", "b"], ["a", "b", "c"], "family")
    with pytest.raises(UnknownNameError, match=r"^no family is called 'abb'; did you mean abc"):
        check_names(["abb"], ["abc", "xyz"], "family")


def test_types_in_words():
    assert describe_type(Annotated[str, Meta(min_length=1, max_length=3, pattern="^a")]) == (
        "text with at least 1 character and at most 3 characters that matches ^a"
    )
    assert describe_type(Annotated[int, Meta(gt=1, lt=5)] | None) == "a whole number above 1 below 5 or none"
