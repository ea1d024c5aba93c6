"""UDR and score of the instances of a family, with their rank correlation, for claims and figures."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from neuroalign.errors import NeuroalignError
from neuroalign.results.score import Score
from neuroalign.stats import RankTest, rank_correlation_test
from neuroalign.studies.evidence import Evidence, scores_of
from neuroalign.studies.samples import read_scores


@dataclass(frozen=True, eq=False)
class Related:
    """UDR and score of every instance of a family.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each instance with a finite UDR and a score, with the columns ``instance``, ``udr`` and the
        hyper-parameters.
    scores : tuple of Score
        Scores of all instances, also of instances without a UDR.
    values : dict of str to float
        Numbers that are correlated with UDR, by the names of all instances with a score.
    test : RankTest
        Rank correlation of UDR and these numbers, within groups where asked for.
    """

    table: pd.DataFrame
    scores: tuple[Score, ...]
    values: dict[str, float]
    test: RankTest


def relate(
    evidence: Evidence, *, scoring: str, subject: str, read: str = "value", within: str = ""
) -> Related:
    """Correlate UDR and score over all instances of a family, also instances that were not selected.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject : str
        Names of a scoring and of a family in the study.
    read : str
        Number of a score; see :func:`neuroalign.studies.samples.samples`.
    within : str
        Hyper-parameter that groups the instances by its values; empty for one group.

    Returns
    -------
    Related

    Raises
    ------
    NeuroalignError
        If scores, UDR or the hyper-parameter are missing.
    """
    scores = scores_of(evidence, scoring, subject, every=True)
    numbers = read_scores({subject: scores}, read)[subject].values
    values = dict(zip([score.model for score in scores], map(float, numbers), strict=True))
    table = evidence.table
    rows = table[table["instance"].isin(values)] if "udr" in table else table.iloc[:0]
    rows = rows[np.isfinite(rows["udr"].to_numpy(dtype=np.float64))] if len(rows) else rows
    if not len(rows):
        raise NeuroalignError(
            f"UDR needs two instances that differ in their seed alone, and {subject} has no such instances"
        )
    if within and within not in rows:
        raise NeuroalignError(f"the instances of {subject} have no {within}")
    groups = rows[within].to_numpy() if within else None
    of_rows = [values[name] for name in rows["instance"]]
    test = rank_correlation_test(rows["udr"].to_numpy(np.float64), of_rows, groups)
    return Related(rows, tuple(scores), values, test)
