"""What claims are tested with: the scores of instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from neuroalign.errors import NeuroalignError
from neuroalign.results.score import Score


@dataclass(frozen=True, eq=False)
class Evidence:
    """The scores that claims are tested with.

    Parameters
    ----------
    kept : mapping of str to mapping of str to sequence of Score
        For each scoring and family the scores, with arrays, of the instances that were selected.
    every : mapping of str to mapping of str to sequence of Score
        Those of all instances.
    table : pandas.DataFrame
        Of all instances, with ``instance``, ``family`` and, where there is any, ``udr`` and hyper-parameters.
    expected : mapping of str to sequence of str
        For each scoring the families that were to be scored.
    missing : mapping of str to str
        Why families have no scores.
    unsupported : mapping of str to str
        Why scorings cannot be had of the dataset.
    """

    kept: Mapping[str, Mapping[str, Sequence[Score]]]
    every: Mapping[str, Mapping[str, Sequence[Score]]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    expected: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)


def scores_of(evidence: Evidence, scoring: str, family: str, *, every: bool = False) -> Sequence[Score]:
    """Return the scores of a family by one scoring: of the instances that were selected, or of every one.

    Raises
    ------
    NeuroalignError
        If there are none, with the reason.
    """
    found = (evidence.every if every else evidence.kept).get(scoring, {}).get(family, ())
    if not found:
        reason = evidence.unsupported.get(scoring) or evidence.missing.get(family)
        raise NeuroalignError(f"{family} has no score by {scoring}" + (f": {reason}" if reason else ""))
    return found
