"""Checks of the settings of a claim, before scoring."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, get_type_hints

from neuroalign.errors import UsageError, unknown_name
from neuroalign.names.syntax import format_spec
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.studies.claims import KINDS


class Scoring(Protocol):
    """Benchmark with its name in a study."""

    @property
    def name(self) -> str:
        """Name in the study."""

    @property
    def benchmark(self) -> Benchmark:
        """Benchmark with its options."""


def check_settings(
    claim: str,
    kind: str,
    given: Mapping[str, Any],
    families: Iterable[str],
    scorings: Mapping[str, Scoring],
) -> None:
    """Refuse settings of a claim that its kind does not take, or names that the study lacks."""
    parameters = inspect.signature(KINDS[kind]).parameters
    allowed = [name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
    hints = get_type_hints(KINDS[kind])
    for setting, value in given.items():
        expect_known(f"setting of the claim {claim}", setting, allowed)
        if not _fits(value, hints[setting]):
            raise UsageError(f"{setting} of the claim {claim} cannot be {value!r}")
    for setting in allowed:
        if parameters[setting].default is inspect.Parameter.empty and setting not in given:
            raise UsageError(f"the claim {claim} lacks {setting}, which claims of the kind {kind} need")
    for setting, value in given.items():
        # An empty text takes back what the test of the paper has.
        if setting in ("scoring", "ceiling_scoring", "stimuli") and value:
            expect_known("scoring of the study", value, scorings)
        named = value if setting == "families" else [value] if setting in ("subject", "ceiling") else []
        for family in named:
            expect_known("family of the study", family, families)
    if given.get("stimuli"):
        _check_draws(claim, scorings[given["scoring"]], scorings[given["stimuli"]])


def _check_draws(claim: str, scoring: Scoring, stimuli: Scoring) -> None:
    """Refuse a scoring that does not fit the benchmark of the claim to drawn stimuli."""
    wanted = format_spec(scoring.benchmark.identifier, scoring.benchmark.options())
    if not stimuli.benchmark.draws_stimuli:
        raise UsageError(
            f"stimuli of the claim {claim} must be a scoring that draws stimuli, got {stimuli.name} by "
            f"{stimuli.benchmark.identifier}; see neuroalign list benchmarks"
        )
    drawn = stimuli.benchmark.options()["benchmark"]
    if drawn != wanted:
        raise UsageError(
            f"stimuli of the claim {claim} must draw stimuli for {wanted}, like {scoring.name}, got {drawn}"
        )


def _fits(value: Any, hint: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(hint, type):
        return isinstance(value, hint)
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def expect_known(kind: str, name: Any, known: Iterable[str]) -> None:
    """Refuse a name that is not among the known ones."""
    if name not in (known := list(known)):
        raise unknown_name(kind, str(name), known)
