"""Sentences below a leaderboard: findings, cautions, and parts of the table that are missing."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from neuroalign.models.ceiling import ceiling_family
from neuroalign.results.score import SHIPPED
from neuroalign.scoring.cautions import MARK
from neuroalign.scoring.declared import chance_of, has_ceiling, has_chance


def describe_findings(table: pd.DataFrame) -> list[str]:
    """Describe the limits of the tests of a leaderboard, in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        Leaderboard from :func:`neuroalign.comparison.leaderboard.rank`.

    Returns
    -------
    list of str
    """
    attrs = table.attrs
    sentences = []
    if attrs["is_control"]:
        sentences.append(f"{attrs['name']} is a control: its families are not ranked, and have no letters.")
    sentences += _describe_no_samples(attrs["no_sample"])
    without = list(table["family"][table["mean"].isna()])
    if without:
        sentences.append(
            f"No {attrs['statistic']['label']} in the stored scores of {', '.join(without)}; "
            "neuroalign score … --no-cache computes it."
        )
    welch_only = describe_welch_only(table)
    if welch_only:
        sentences.append(welch_only)
    all_shipped = attrs.get("all_shipped", False)
    if all_shipped or any(str(family).endswith(SHIPPED) for family in table["family"]):
        shipped = "All scores" if all_shipped else f"{SHIPPED}: scores that"
        sentences.append(
            f"{shipped} come with neuroalign; neuroalign score FAMILY {attrs['dataset']} puts yours in their place."
        )
    if attrs["no_neurons"]:
        sentences.append(f"Not tested over neurons: {attrs['no_neurons']}.")
    if attrs["reliability"] is not None:
        sentences.append(f"Median split-half reliability of the neurons: {attrs['reliability']:.2f}.")
    return sentences


def describe_cautions(table: pd.DataFrame) -> list[str]:
    """Name the families with numbers that must not be read, with the reasons, in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        Leaderboard from :func:`neuroalign.comparison.leaderboard.rank`.

    Returns
    -------
    list of str
        ``MARK`` stands before a family with a score that must not be interpreted.
    """
    unreadable = table.attrs["unreadable"]
    return [
        f"{f'{MARK} ' if family in unreadable else ''}{family}: {caution}."
        for family, cautions in table.attrs["cautions"].items()
        for caution in cautions
    ]


def describe_welch_only(table: pd.DataFrame, most: int = 3) -> str:
    """Name the families that differ by Welch's test alone, in a sentence.

    Parameters
    ----------
    table : pandas.DataFrame
        Leaderboard from :func:`neuroalign.comparison.leaderboard.rank`.
    most : int
        Largest number of pairs that are named.

    Returns
    -------
    str
        Empty without such pairs.
    """
    pairs = table.attrs["welch_only"]
    if not pairs:
        return ""
    named = [f"{a} and {b}" for a, b in pairs[:most]]
    more = [f"{len(pairs) - most:,} more"] if len(pairs) > most else []
    count = "1 pair of families differs" if len(pairs) == 1 else f"{len(pairs):,} pairs of families differ"
    return (
        f"{count} by Welch's test only, and {'is' if len(pairs) == 1 else 'are'} not shown to differ with other "
        f"neurons: {'; '.join([*named, *more])}."
    )


def describe_left_out(table: pd.DataFrame) -> str:
    """Count the scores that are not in a leaderboard, by reason; empty if all scores are in it."""
    return ", ".join(f"{n:,} {reason}" for reason, n in table.attrs["left_out"].items())


def describe_missing(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Name the leaderboards without a level of chance, a ceiling or tests, and the commands that compute them.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Leaderboards from :func:`neuroalign.comparison.leaderboard.leaderboards`.

    Returns
    -------
    list of str
    """
    ranked = [table for table in tables if len(table)]
    ceiling = ceiling_family()
    no_chance = [
        table.attrs["name"]
        for table in ranked
        if table["null"].isna().all()
        and has_chance(table.attrs["benchmark"])
        and math.isnan(chance_of(table.attrs["benchmark"]))
    ]
    no_ceiling = [
        table.attrs["name"]
        for table in ranked
        if table["ceiling"].isna().all()
        and ceiling not in set(table["family"])
        and has_ceiling(table.attrs["benchmark"])
    ]
    notes = []
    if no_chance:
        notes.append(
            f"no chance level for {', '.join(no_chance)}; neuroalign score … --permutations 100 computes it"
        )
    if no_ceiling and ceiling is not None:
        notes.append(
            f"no ceiling for {', '.join(no_ceiling)}; neuroalign score {ceiling} … computes the ceiling of neurons"
        )
    untested = [
        table.attrs["name"]
        for table in ranked
        if not table.attrs["is_control"]
        and len(table) > 1
        and ((table["n"] == 1) & (table["letters"] == "")).any()
    ]
    if untested:
        notes.append(
            f"{', '.join(untested)} cannot test families of one instance; score several instances of each family"
        )
    return notes


def _describe_no_samples(reasons: Mapping[str, str]) -> list[str]:
    """Name the families that are tested over neurons only; several of them in one sentence."""
    if len(reasons) < 2:
        return [f"{reason}." for reason in reasons.values()]
    names = sorted(reasons)
    return [
        f"{', '.join(names[:-1])} and {names[-1]} have no seeds that vary: their members are not a sample of "
        "instances, so they are tested over neurons only."
    ]
