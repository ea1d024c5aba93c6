"""Evidence for the claims of a study: scores of instances, by scoring and family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from neuroalign.errors import NeuroalignError
from neuroalign.results.score import Score


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores that claims are tested with.

    Parameters
    ----------
    kept : mapping of str to mapping of str to sequence of Score
        Scores, with arrays, of the instances that were selected, by scoring and family.
    every : mapping of str to mapping of str to sequence of Score
        Scores of all instances, by scoring and family.
    table : pandas.DataFrame
        One row for each instance, with the columns ``instance`` and ``family`` and, where known, ``udr`` and
        hyper-parameters.
    expected : mapping of str to sequence of str
        Families that the study scores, by scoring.
    missing : mapping of str to str
        Reasons why families have no scores, by family.
    unsupported : mapping of str to str
        Reasons why the dataset does not support a scoring, by scoring.
    """

    kept: Mapping[str, Mapping[str, Sequence[Score]]]
    every: Mapping[str, Mapping[str, Sequence[Score]]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    expected: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)


def scores_of(evidence: Evidence, scoring: str, family: str, *, every: bool = False) -> Sequence[Score]:
    """Return the scores of a family by one scoring.

    Parameters
    ----------
    evidence : Evidence
    scoring, family : str
        Names of a scoring and of a family in the study.
    every : bool
        Whether to return the scores of all instances, and not only of the selected ones.

    Raises
    ------
    NeuroalignError
        If the family has no scores; the message gives the reason.
    """
    scores = (evidence.every if every else evidence.kept).get(scoring, {}).get(family, ())
    if not scores:
        reason = evidence.unsupported.get(scoring) or evidence.missing.get(family)
        raise NeuroalignError(f"{family} has no score by {scoring}" + (f": {reason}" if reason else ""))
    return scores
