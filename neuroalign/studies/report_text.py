"""Words of the report of a study: verdict counts, cautions, and number and sentence filters."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.results.numbers import join_words
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import LEAST_VARIANCE
from neuroalign.studies.decisions import Verdict
from neuroalign.studies.findings import Finding

#: State of a claim in the words of the report, by verdict.
_STATES: Mapping[Verdict, str] = {
    "agrees": "supported",
    "agrees among those tested": "supported among the tested families",
    "disagrees": "contradicted",
    "cannot tell": "undecided",
}


def explain_simulation(dataset: Dataset) -> str:
    """Explain the meaning of a result on simulated recordings; empty for real recordings.

    Parameters
    ----------
    dataset : Dataset
    """
    if not dataset.simulated:
        return ""
    tuning = ""
    if dataset.truth is not None:
        # Neurons without tuning do not count.
        n_factors = (dataset.truth != 0).sum(axis=1).loc[lambda n: n > 0]
        if n_factors.empty:
            tuning = (
                " The neurons were built to follow other directions than the factors of the stimuli, so models have no "
                "reason to align with single neurons."
            )
        elif n_factors.median() == 1:
            tuning = (
                " Most neurons were built to follow one generative factor each, so a model that finds the factors "
                "aligns with them by construction."
            )
        elif (n_factors == 1).mean() > 0.25:
            tuning = (
                f" {(n_factors == 1).sum()} of {len(dataset.truth)} neurons were built to follow one factor each and "
                "the others were not; score each kind alone."
            )
        else:
            tuning = (
                f" The neurons were built to follow mixtures of factors, {n_factors.median():g} each at the median, so "
                "models have no reason to align with single neurons."
            )
    return (
        f"The recordings of {dataset.identifier} are simulated.{tuning} A result shows whether the analysis finds the "
        "tuning that was built in. It says nothing about a brain or about the recordings of the paper."
    )


def count_verdicts(findings: Sequence[Finding]) -> str:
    """Count the verdicts of an analysis, in words; empty without findings."""
    verdicts = [finding.verdict for finding in findings]
    counts = {verdict: verdicts.count(verdict) for verdict in get_args(Verdict) if verdict in verdicts}
    of_all = f" of {len(findings)} claim{'s' if len(findings) > 1 else ''}"
    words = [
        f"{n}{'' if place else of_all} {'is' if n == 1 else 'are'} {_STATES[verdict]}"
        for place, (verdict, n) in enumerate(counts.items())
    ]
    return ", ".join(words)


def write_verdict(verdict: Verdict) -> str:
    """Write a verdict in the words of the report.

    Examples
    --------
    >>> from neuroalign.studies.report_text import write_verdict
    >>> write_verdict("cannot tell")
    'undecided'
    """
    return _STATES[verdict]


def group_by_verdict(findings: Mapping[str, Finding]) -> dict[str, list[str]]:
    """Group the names of claims by the verdict of their findings.

    Parameters
    ----------
    findings : mapping of str to Finding
        Findings by claim.

    Returns
    -------
    dict of str to list of str
        Names of claims by their state, such as "undecided"; states without claims are left out.
    """
    groups: dict[str, list[str]] = {state: [] for state in _STATES.values()}
    for name, finding in findings.items():
        groups[_STATES[finding.verdict]].append(name)
    return {state: names for state, names in groups.items() if names}


def write_day(scores: Iterable[Score]) -> str:
    """Write the day of the newest score, in UTC; empty if no score has a date.

    The day of the scores, not of the report: a study that is run again from stored scores gives the same bytes.

    Examples
    --------
    >>> from neuroalign.studies.report_text import write_day
    >>> from neuroalign.testing import make_score
    >>> write_day([make_score(provenance={"created": "2026-11-27T21:05:00+00:00"}), make_score()])
    '27 November 2026'
    """
    dates = [str(score.provenance["created"]) for score in scores if "created" in score.provenance]
    if not dates:
        return ""
    newest = max(datetime.fromisoformat(date) for date in dates)
    return f"{newest.day} {newest:%B %Y}"


def caution_about_images(trained_elsewhere: Mapping[str, str]) -> list[str]:
    """Return a caution for each stimulus set that families were trained on in place of the images of the dataset."""
    cautions = []
    for stimuli in dict.fromkeys(trained_elsewhere.values()):
        families = [name for name, trained_on in trained_elsewhere.items() if trained_on == stimuli]
        cautions.append(
            f"{join_words(families)} {'was' if len(families) == 1 else 'were'} trained on {stimuli}, not on the images "
            "of this dataset. Instances that neuroalign train trains on its images replace them."
        )
    return cautions


def caution_about_prediction(explained: Sequence[float], scorings: Sequence[str]) -> list[str]:
    """Return a caution if all families predict the neurons poorly.

    Parameters
    ----------
    explained : sequence of float
        Mean variance explained by each family; NaN where it is unknown.
    scorings : sequence of str
        Names of scorings of single units, which mean little without a good prediction.
    """
    finite = [share for share in explained if np.isfinite(share)]
    if not finite or max(finite) >= LEAST_VARIANCE:
        return []
    about = f" ({join_words(scorings)})" if scorings else ""
    return [
        f"No family explains more than {max(finite):.3f} of the variance of the neurons on average. Scores of single "
        f"units{about} describe how units share the prediction, not how good the prediction is: interpret them with "
        "care."
    ]


def caution_about_unreadable(families: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a caution for each table with families that must not be interpreted.

    Parameters
    ----------
    families : mapping of str to sequence of str
        Families that must not be interpreted, by table.
    """
    return [
        f"Do not interpret {table} of {join_words(names)}. The table of scores gives the reasons."
        for table, names in families.items()
        if names
    ]


def write_number(value: Any) -> str:
    """Write a number with three decimals; a dash for a missing number."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")


def write_signed(value: Any) -> str:
    """Write a number with its sign and three decimals; a dash for a missing number."""
    return "–" if value is None or not np.isfinite(value) else f"{value:+.3f}".replace("-", "−")


def write_interval(row: Mapping[str, Any]) -> str:
    """Write the interval of a row of a table; empty for a missing interval."""
    low, high = row["ci_low"], row["ci_high"]
    return f"{write_number(low)} to {write_number(high)}" if np.isfinite(low) else ""


def write_p_value(value: float) -> str:
    """Write a p-value of a table; a dash for a missing p-value."""
    if not np.isfinite(value):
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def write_sentence(text: str, stop: str = ".") -> str:
    """Begin a text with a capital letter, and end it with a full stop.

    Examples
    --------
    >>> write_sentence("not shown"), write_sentence("vgg_face needs weights")
    ('Not shown.', 'vgg_face needs weights.')
    """
    # Names such as beta_vae or β-VAE keep their first letter.
    is_word = re.match(r"[a-z]+[ :;,.?!]|[a-z]+$", text)
    first = text[:1].upper() if is_word else text[:1]
    return text and first + text[1:] + ("" if text[-1] in ".?!" else stop)


def write_plain(text: str) -> str:
    """Write names without underscores, and a minus sign before numbers.

    Examples
    --------
    >>> write_plain("beta_vae by -0.1")
    'beta vae by −0.1'
    """
    return re.sub(r"(?<=[ (])-(?=\d)", "−", text.replace("_", " "))


def embed_picture(path: Path) -> str:
    """Return the content of an SVG file as a data address."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
