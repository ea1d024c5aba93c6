"""Checks of the settings of a claim, before scoring."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_spec
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.studies.claims import KINDS
from neuroalign.validation import check_arguments, check_names


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
    """Refuse settings of a claim that do not fit its kind, or that name no part of the study.

    Parameters
    ----------
    claim, kind : str
        Name of the claim, and one of :data:`neuroalign.studies.claims.KINDS`.
    given : mapping of str to object
        Settings, by the names of the keyword arguments of the kind.
    families : iterable of str
        Names of the families of the study.
    scorings : mapping of str to Scoring
        Scorings of the study.

    Raises
    ------
    UnknownNameError
        If a setting, family or scoring is unknown; the message names the nearest names.
    UsageError
        If a setting is missing or of the wrong type.
    """
    owner = f"the claim {claim}"
    check_arguments(KINDS[kind], given, owner, kind="setting", n_positional=1)
    for setting, parameter in inspect.signature(KINDS[kind]).parameters.items():
        is_required = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        if is_required and given.get(setting) in (None, []):
            raise UsageError(f"{owner} needs {setting}, as every claim of the kind {kind} does")
    for setting, value in given.items():
        # An empty text removes the setting of the test of the paper.
        if setting in ("scoring", "ceiling_scoring", "stimuli") and value:
            check_names([value], scorings, "scoring of the study")
        named = value if setting == "families" else [value] if setting in ("subject", "ceiling") else []
        check_names(named, families, "family of the study")
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
