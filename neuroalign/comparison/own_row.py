"""Tests of one row of a leaderboard against all other rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neuroalign.comparison.groups import GroupSamples
from neuroalign.comparison.inference import N_RESAMPLES, Over, infer_difference
from neuroalign.errors import UnknownNameError, unknown_name
from neuroalign.names.digests import match_name
from neuroalign.results.score import SHIPPED
from neuroalign.stats import adjust_p_values
from neuroalign.stats.multiplicity import Correction
from neuroalign.validation import checks


@dataclass(frozen=True)
class RowTest:
    """Test of the difference of one family from another, over instances and neurons.

    Parameters
    ----------
    family : str
        The other family.
    difference, ci_low, ci_high : float
        Mean of the one family less the mean of the other, and its 95 % interval; NaN without a test.
    over : str
        Things that are taken to be sampled.
    p_raw, p : float
        Two-sided p-value, as it is and corrected over all other families.
    reason : str
        Reason for the missing test; empty if there is a test.
    """

    family: str
    difference: float
    ci_low: float
    ci_high: float
    over: str
    p_raw: float
    p: float
    reason: str


@checks("mine", "families", "correction", "seed")
def compare_own_row(
    mine: str,
    families: Sequence[str],
    samples: GroupSamples,
    *,
    correction: Correction = "holm",
    seed: int = 0,
) -> list[RowTest]:
    """Test one family against every other family over instances and neurons.

    Parameters
    ----------
    mine : str
        Name of the family.
    families : sequence of str
        Families that may be interpreted, the best first, with or without `mine`.
    samples : GroupSamples
        Samples of the families; see ``neuroalign.comparison.groups.read_group``.
    correction : {"holm", "bh"}
        Correction of the p-values for the number of other families. There are fewer of them
        than pairs, so the correction is milder.
    seed : int
        Seed of the draws of neurons.

    Returns
    -------
    list of RowTest
        In the order of `families`; empty where `mine` is not among them.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample
    >>> from neuroalign.comparison.groups import GroupSamples
    >>> from neuroalign.comparison.own_row import compare_own_row
    >>> from neuroalign.scoring.resampling import Statistic
    >>> samples = {name: Sample(name, np.array([0.5, 0.6, 0.7]) + more) for name, more in (("ica", 0), ("pca", 0.4))}
    >>> [test] = compare_own_row("ica", ["pca", "ica"], GroupSamples(Statistic("value", "score"), samples, None, {}))
    >>> test.family, round(test.difference, 2), test.reason
    ('pca', -0.4, 'no terms of single neurons were read')
    """
    if mine not in families:
        return []
    own = samples.samples[mine]
    tests = []
    others = [name for name in families if name != mine]
    for name in others:
        other = samples.samples[name]
        over: Over = "instances and neurons" if own.is_sample or other.is_sample else "neurons"
        tests.append(infer_difference(own, other, over, n_resamples=N_RESAMPLES, seed=seed))
    corrected = adjust_p_values(np.array([test.p for test in tests], dtype=np.float64), method=correction)
    return [
        RowTest(name, test.estimate, test.ci_low, test.ci_high, test.over, test.p, float(p), test.reason)
        for name, test, p in zip(others, tests, corrected, strict=True)
    ]


def record_of(mine: str, tests: Sequence[RowTest]) -> dict[str, Any]:
    """Return the tests of one row as a record that JSON can hold."""
    return {"family": mine, "tests": [asdict(test) for test in tests]}


def expect_row(mine: str, families: Sequence[str], dataset: str) -> str:
    """Return the name of the row of a family or model.

    Parameters
    ----------
    mine : str
        Name that the user gave, with or without digests of files.
    families : sequence of str
        Names of all rows of all leaderboards.
    dataset : str

    Raises
    ------
    UnknownNameError
        If no row has this name; the message says how to add one, or names the nearest rows.
    UsageError
        If the rows of several models differ from the name in digests only.
    """
    for name in (mine, f"{mine} {SHIPPED}"):
        if (row := match_name(name, families)) is not None:
            return row
    family = mine.partition("[")[0]
    if family != mine and {family, f"{family} {SHIPPED}"} & set(families):
        raise UnknownNameError(f"{mine} counts in its family, which has the row; give --mine {family}")
    error = unknown_name("row", mine, families)
    if ".py:" in mine:
        raise UnknownNameError(
            f"{error}; a model of a file has the name that this command prints: neuroalign score {mine} {dataset}"
        )
    raise UnknownNameError(f"{error}; add one with: neuroalign score {mine} {dataset}")
