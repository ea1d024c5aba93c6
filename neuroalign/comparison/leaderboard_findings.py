"""What a reader of a leaderboard should know of it, in sentences."""

from collections.abc import Mapping

import pandas as pd

from neuroalign.scoring.cautions import MARK


def describe_findings(table: pd.DataFrame) -> list[str]:
    """Say what a reader of the letters should know of one leaderboard, in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`neuroalign.comparison.leaderboard.rank` returns it.

    Returns
    -------
    list of str
    """
    attrs = table.attrs
    reliability = attrs["reliability"]
    without = list(table["family"][table["mean"].isna()])
    return [
        *(
            [f"{attrs['name']} is a control: its families are not ranked, and have no letters."]
            if attrs["is_control"]
            else []
        ),
        *_no_samples(attrs["no_sample"]),
        *(
            [
                f"No {attrs['statistic']['label']} in the stored scores of {', '.join(without)}; "
                "neuroalign score … --no-cache computes it."
            ]
            if without
            else []
        ),
        *filter(None, [describe_welch_only(table)]),
        *([f"Not tested over neurons: {attrs['no_neurons']}."] if attrs["no_neurons"] else []),
        *(
            [f"Median split-half reliability of the neurons: {reliability:.2f}."]
            if reliability is not None
            else []
        ),
        *(f"{family}: {note}." for family, notes in attrs["trained_on"].items() for note in notes),
    ]


def describe_cautions(table: pd.DataFrame) -> list[str]:
    """Say which families' numbers must not be read, and why, in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`neuroalign.comparison.leaderboard.rank` returns it.

    Returns
    -------
    list of str
        ``MARK`` stands before a family whose score must not be interpreted.
    """
    unreadable = table.attrs["unreadable"]
    return [
        f"{f'{MARK} ' if family in unreadable else ''}{family}: {caution}."
        for family, of_family in table.attrs["cautions"].items()
        for caution in of_family
    ]


def _no_samples(reasons: Mapping[str, str]) -> list[str]:
    """Say which families are tested over neurons only; of several in one sentence."""
    if len(reasons) < 2:
        return [f"{reason}." for reason in reasons.values()]
    names = sorted(reasons)
    return [
        f"{', '.join(names[:-1])} and {names[-1]} have no seeds that vary: their members are not a sample of "
        "instances, so they are tested over neurons only."
    ]


def describe_welch_only(table: pd.DataFrame, most: int = 3) -> str:
    """Say in a sentence which families differ by Welch's test alone.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`neuroalign.comparison.leaderboard.rank` returns it.
    most : int
        Pairs that are named.

    Returns
    -------
    str
        Empty where there are none.
    """
    pairs = table.attrs["welch_only"]
    if not pairs:
        return ""
    named = [f"{a} and {b}" for a, b in pairs[:most]]
    more = [f"{len(pairs) - most:,} more"] if len(pairs) > most else []
    count = "1 pair of families differs" if len(pairs) == 1 else f"{len(pairs):,} pairs of families differ"
    return (
        f"{count} by Welch's test only, and {'is' if len(pairs) == 1 else 'are'} not shown to with other neurons: "
        + ("; ".join([*named, *more]) + ".")
    )
