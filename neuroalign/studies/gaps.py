"""Parts that the report of a study leaves out, with the reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neuroalign.results.numbers import name_benchmark
from neuroalign.studies.scored import Scored
from neuroalign.studies.steps import Outcome


@dataclass(frozen=True)
class LeftOut:
    """Part that the report leaves out.

    Parameters
    ----------
    part : str
        Name of the part.
    reason : str
        Reason why the part is missing.
    """

    part: str
    reason: str


def list_left_out(
    unsupported: Mapping[str, str],
    without_udr: Mapping[str, str],
    outcomes: Iterable[Outcome],
    scored: Mapping[str, Scored],
) -> list[LeftOut]:
    """List the missing parts of a study.

    Parameters
    ----------
    unsupported : mapping of str to str
        Reasons why the dataset does not support scorings, by scoring.
    without_udr : mapping of str to str
        Reasons why families have no UDR, by family.
    outcomes : iterable of Outcome
        Outcomes of the steps.
    scored : mapping of str to Scored
        Families with scores.
    """
    parts = [
        *(LeftOut(name.replace("_", " "), reason) for name, reason in unsupported.items()),
        *(LeftOut(f"UDR of {name}", reason) for name, reason in without_udr.items()),
        *(LeftOut(outcome.step, outcome.reason) for outcome in outcomes if outcome.state != "done"),
    ]
    for family, members in scored.items():
        parts += [
            LeftOut(f"instance {options} of {family}", reason)
            for options, reason in members.impossible.items()
        ]
        failures = Counter(
            (failure.benchmark, " ".join(str(failure.reason).split())) for failure in members.failures
        )
        parts += [
            LeftOut(
                f"{name_benchmark(benchmark)} of {family} ({n} of {len(members.models)} instances)", reason
            )
            for (benchmark, reason), n in failures.items()
        ]
    return parts


def group_by_reason(parts: Iterable[LeftOut]) -> dict[str, list[str]]:
    """Group missing parts by reason, in the order of the first part with each reason.

    Examples
    --------
    >>> group_by_reason([LeftOut("a", "no images"), LeftOut("b", "no weights"), LeftOut("c", "no images")])
    {'no images': ['a', 'c'], 'no weights': ['b']}
    """
    groups: dict[str, list[str]] = {}
    for left_out in parts:
        groups.setdefault(left_out.reason, []).append(left_out.part)
    return groups
