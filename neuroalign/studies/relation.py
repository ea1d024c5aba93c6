"""Claims that instances of a higher UDR have a better score, and the numbers that figures of it show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from neuroalign.errors import NeuroalignError
from neuroalign.results.score import Score
from neuroalign.stats import RankTest, rank_correlation_test
from neuroalign.studies.differences import Difference
from neuroalign.studies.evidence import Evidence, scores_of
from neuroalign.studies.findings import ALPHA, PAPER_ALPHA, Compared, Finding, Result, Shown, Verdict, p_text
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
        Scores of the family, also of instances without a UDR.
    values : dict of str to float
        Numbers of all these scores that are correlated with UDR, by the names of the instances.
    test : RankTest
        Rank correlation of the two, within groups where asked for.
    """

    table: pd.DataFrame
    scores: tuple[Score, ...]
    values: dict[str, float]
    test: RankTest


def relate(
    evidence: Evidence, *, scoring: str, subject: str, read: str = "value", within: str = ""
) -> Related:
    """Correlate UDR and score over all instances of a family, also those that were not selected.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject : str
        Names of a scoring and of a family in the study.
    read : str
        Number of a score; see :func:`neuroalign.studies.evidence.samples`.
    within : str
        Hyper-parameter whose values are the groups; empty for one group.

    Returns
    -------
    Related

    Raises
    ------
    NeuroalignError
        If there are no scores, no UDR, or no such hyper-parameter.
    """
    scores = scores_of(evidence, scoring, subject, every=True)
    numbers = read_scores({subject: scores}, read)[subject].values
    values = dict(zip([score.model for score in scores], map(float, numbers), strict=True))
    table = evidence.table
    rows = table[table["instance"].isin(values)] if "udr" in table else table.iloc[:0]
    rows = rows[np.isfinite(rows["udr"].to_numpy(dtype=np.float64))] if len(rows) else rows
    if not len(rows):
        raise NeuroalignError(f"no two instances of {subject} differ in their seed alone, which UDR needs")
    if within and within not in rows:
        raise NeuroalignError(f"the instances of {subject} have no {within}")
    groups = rows[within].to_numpy() if within else None
    of_rows = [values[name] for name in rows["instance"]]
    test = rank_correlation_test(rows["udr"].to_numpy(np.float64), of_rows, groups)
    return Related(rows, tuple(scores), values, test)


def predicts(
    evidence: Evidence, *, scoring: str, subject: str, read: str = "value", within: str = ""
) -> Result:
    """Test that instances of a higher UDR have a better score.

    Parameters
    ----------
    evidence : Evidence
        All instances count, also those that were not selected.
    scoring, subject, read : str
        See :func:`relate`.
    within : str
        A hyper-parameter: instances are compared with those that have the same value of it.

    Returns
    -------
    Result
        "cannot tell" where no data of these group sizes could reach the level; the reason names the smallest p.

    Raises
    ------
    NeuroalignError
        If there are no scores, no UDR, or nothing varies.
    """
    test = relate(evidence, scoring=scoring, subject=subject, read=read, within=within).test
    among = f" within each {within}" if within else ""
    if test.reason:
        raise NeuroalignError(f"UDR and score must both vary{among}, which they do not")
    n_groups = f" of {test.n_groups} groups" if within else ""
    statistic = f"Spearman's ρ{among} = {test.rho:.2f}, {p_text(test.p)}, {test.n} instances{n_groups}"

    def finding(alpha: float) -> Finding:
        level = f"{alpha:.2f}".removeprefix("0")
        how = "exact" if test.method == "exact" else "random"
        name = f"rank correlation, {how} permutations{among or ' of all instances'}, p < {level}"
        verdict: Verdict = "cannot tell"
        shown: Shown = "open"
        if test.smallest_p >= alpha:
            why = (
                f"{test.n} instances{n_groups} allow no p below {test.smallest_p:.3g} for any values: "
                f"no relation could be shown at the level of {level}"
            )
        elif test.p >= alpha:
            why = f"a relation is not shown, {p_text(test.p)}"
        elif test.rho > 0:
            verdict, shown, why = "agrees", "above", f"the relation is positive, {p_text(test.p)}"
        else:
            verdict, shown, why = "disagrees", "below", f"the relation is negative, {p_text(test.p)}"
        compared = (Compared("Spearman's ρ", Difference(test.rho, p=test.p), shown),)
        return Finding(verdict, why, name, statistic, estimate=test.rho, p=test.p, axis="", compared=compared)

    return Result(finding(PAPER_ALPHA), finding(ALPHA))
