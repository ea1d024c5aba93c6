"""The report of a study: one file that needs nothing else."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import jinja2
import numpy as np
import pandas as pd

from neuroalign.comparison.groups import group_samples
from neuroalign.comparison.leaderboard import WHAT_THE_CROSSED_TEST_COVERS, rank
from neuroalign.comparison.leaderboard_findings import describe_cautions
from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.datasets.dataset import Dataset
from neuroalign.files.home import atomic_path
from neuroalign.results.numbers import join_words
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import LEAST_VARIANCE, MARK
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, in_sections
from neuroalign.studies.findings import Finding, Verdict
from neuroalign.studies.forest_plot import forest
from neuroalign.studies.study import Study

_SINGULAR = {
    "agrees": "agrees",
    "agrees among those tested": "agrees among the families tested",
    "disagrees": "disagrees",
    "cannot tell": "cannot be told",
}
_PLURAL = {
    **_SINGULAR,
    "agrees": "agree",
    "agrees among those tested": "agree among the families tested",
    "disagrees": "disagree",
}


@dataclass(frozen=True)
class Claimed:
    """A row of the claims: what was claimed, and what the scores say."""

    name: str
    statement: str
    figure: str
    reported: str
    confound: str
    paper: Finding
    ours: Finding
    #: Without the confounds, corrected for the number of claims.
    primary: Finding


@dataclass(frozen=True)
class LeftOut:
    """A part that the report lacks, and why."""

    what: str
    reason: str


def write_report(
    path: Path,
    *,
    study: Study,
    dataset: Dataset,
    grid: str,
    claims: Sequence[Claimed],
    evidence: Evidence,
    trained_elsewhere: Mapping[str, str],
    dropped: pd.DataFrame,
    pictures: Sequence[Picture],
    left_out: Sequence[LeftOut],
) -> Path:
    """Write a report.

    Parameters
    ----------
    path : Path
        Of the HTML file. It requests nothing: style and figures are in it.
    study, dataset, grid
        What was run.
    claims : sequence of Claimed
    evidence : Evidence
    trained_elsewhere : mapping of str to str
        Families that were trained on other images than those of the dataset, and the name of these.
    dropped : pandas.DataFrame
        Instances that were not selected, with ``instance``, ``family``, ``step`` and ``reason``.
    pictures : sequence of Picture
    left_out : sequence of LeftOut

    Returns
    -------
    Path
        The same input gives the same bytes.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("neuroalign.studies"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "signed": _signed,
        "interval": _interval,
        "p": _p_value,
        "plain": _plain,
        "sentence": _sentence,
        "embedded": _embedded,
    }
    families = _families(study, evidence, trained_elsewhere, dropped)
    tables = [_table(name, study, evidence, dataset) for name in study.shown if name in evidence.kept]
    page = environment.get_template("report.html").render(
        study=study,
        dataset=dataset,
        n_neurons=dataset.recording.sizes["neuroid"],
        n_stimuli=np.unique(dataset.recording["stimulus_id"].values).size,
        grid=grid,
        meaning=what_it_means(dataset),
        claims=[
            {
                "of": each,
                "paper": _found(each.paper),
                "ours": _found(each.ours),
                "primary": _found(each.primary),
            }
            for each in claims
        ],
        summary=_summary(claims),
        standing=_standing(claims),
        families=families,
        cautions=[*_cautions(families, trained_elsewhere), *_unreadable(tables)],
        tables=tables,
        mark=MARK,
        covers=WHAT_THE_CROSSED_TEST_COVERS,
        dropped=dropped[["family", "instance", "step", "reason"]].to_dict("records"),
        pictures=in_sections(pictures),
        left_out=_grouped(
            [
                *left_out,
                *(LeftOut(f"figure “{each.caption}”", each.reason) for each in pictures if each.reason),
            ]
        ),
        version=version("neuroalign"),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def what_it_means(dataset: Dataset) -> str:
    """Say what a result on simulated recordings can mean, and what not; empty for recorded ones.

    Parameters
    ----------
    dataset : Dataset
    """
    if not dataset.simulated:
        return ""
    tuned = ""
    if dataset.truth is not None:
        # Some neurons follow none.
        n_factors = (dataset.truth != 0).sum(axis=1).loc[lambda n: n > 0]
        if n_factors.median() == 1:
            tuned = (
                " Most of them were built to follow one generative factor each, so a model that finds the factors "
                "aligns with them by construction."
            )
        else:
            tuned = (
                f" They were built to follow mixtures of factors, {n_factors.median():g} each at the median, so no "
                "model has reason to align with single ones."
            )
    return (
        f"The recordings of {dataset.identifier} are simulated.{tuned} A result says whether the analysis finds "
        "what was built in. It says nothing of a brain, nor of the paper's recordings."
    )


def _families(
    study: Study, evidence: Evidence, trained_elsewhere: Mapping[str, str], dropped: pd.DataFrame
) -> list[dict[str, Any]]:
    rows = []
    for name, family in study.families.items():
        scored = {each.model for of in evidence.every.values() for each in of.get(name, ())}
        explained = [each.value for each in evidence.kept.get(study.variance_explained, {}).get(name, ())]
        gone = int((dropped["family"] == name).sum())
        notes = ["the ceiling: all are kept"] if family.is_ceiling else []
        if name in trained_elsewhere:
            notes.append(f"trained on {trained_elsewhere[name]}, not on the images of this dataset")
        rows.append(
            {
                "name": name,
                "model": family.model,
                "n": len(scored),
                "dropped": gone,
                "explained": float(np.mean(explained)) if explained else float("nan"),
                "note": "; ".join(notes),
                "left_out": name in evidence.missing,
            }
        )
    return rows


def _cautions(families: Sequence[Mapping[str, Any]], trained_elsewhere: Mapping[str, str]) -> list[str]:
    """Say what a reader must know before the verdicts."""
    found = []
    for stimuli in dict.fromkeys(trained_elsewhere.values()):
        names = [name for name, of in trained_elsewhere.items() if of == stimuli]
        found.append(
            f"Trained on {stimuli}, not on the images of this dataset: {', '.join(names)}. What neuroalign "
            "train trains on its images is used in their place."
        )
    explained = [each["explained"] for each in families if np.isfinite(each["explained"])]
    if explained and max(explained) < LEAST_VARIANCE:
        found.append(
            f"No family explains more than {max(explained):.3f} of the variance of the neurons on average. Alignment "
            "says how the weights of a fit are shared out, not whether the fit is any good: read it with care."
        )
    return found


def _unreadable(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the families whose scores must not be interpreted; the tables of scores say why."""
    return [
        f"Not to be interpreted: {table['name']} of {join_words(table['unreadable'])}. The table of scores says why."
        for table in tables
        if table["unreadable"]
    ]


def _table(name: str, study: Study, evidence: Evidence, dataset: Dataset) -> dict[str, Any]:
    """Rank the families by one scoring."""
    benchmark = study.scorings[name].benchmark
    families = {family: {each.model: each for each in of} for family, of in evidence.kept[name].items() if of}
    group = ScoreGroup(
        benchmark.identifier,
        benchmark.version,
        benchmark.options(),
        name,
        benchmark.higher_is_better,
        families,
    )
    scores = [each for of in families.values() for each in of.values()]
    table = rank(group, dataset, group_samples(group))
    return {
        "name": name.replace("_", " "),
        "benchmark": benchmark.identifier.replace("_", " "),
        "higher_is_better": benchmark.higher_is_better,
        "rows": table.to_dict("records"),
        "unreadable": table.attrs["unreadable"],
        "cautions": describe_cautions(table),
        "notes": _shared_notes(scores),
    }


def _shared_notes(scores: Sequence[Score]) -> list[str]:
    """Return the notes that every score has."""
    shared = [
        note for note in (scores[0].notes if scores else ()) if all(note in each.notes for each in scores)
    ]
    return [str(each) for each in shared]


def _found(finding: Finding) -> dict[str, Any]:
    """Return a finding with its forest plot."""
    return {"finding": finding, "forest": forest(finding)}


def _summary(claims: Sequence[Claimed]) -> list[tuple[str, str]]:
    """Count the verdicts of each analysis, in words."""
    analyses = {
        "By the primary analysis": [each.primary for each in claims],
        "By the tests of the paper": [each.paper for each in claims],
        "By our tests of the paper's numbers": [each.ours for each in claims],
    }
    found = []
    for name, findings in analyses.items():
        counts = {
            verdict: [each.verdict for each in findings].count(verdict) for verdict in get_args(Verdict)
        }
        words = [
            f"{n} {_PLURAL[verdict] if n != 1 else _SINGULAR[verdict]}" for verdict, n in counts.items() if n
        ]
        found.append((name, f"of {len(findings)} claims {', '.join(words)}"))
    return found if claims else []


def _grouped(parts: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """Name parts that lack for one reason together."""
    found: dict[str, list[str]] = {}
    for each in parts:
        found.setdefault(each.reason, []).append(each.what)
    return [{"parts": names, "reason": reason} for reason, names in found.items()]


def _standing(claims: Sequence[Claimed]) -> dict[str, list[str]]:
    """Sort the claims by their verdicts in the primary analysis."""
    words = {
        "agrees": "stand",
        "agrees among those tested": "stand among the families that could be tested",
        "disagrees": "fall",
        "cannot tell": "stay open",
    }
    found: dict[str, list[str]] = {each: [] for each in words.values()}
    for each in claims:
        found[words[each.primary.verdict]].append(each.name)
    return {key: names for key, names in found.items() if names}


def _embedded(path: Path) -> str:
    """Return an SVG as an address."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _number(value: Any) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")


def _sentence(text: str, stop: str = ".") -> str:
    """Begin with a capital letter, and end with a stop if there is none."""
    # Names such as beta_vae or β-VAE stay as they are.
    is_word = re.match(r"[a-z]+[ :;,.?!]|[a-z]+$", text)
    first = text[:1].upper() if is_word else text[:1]
    return text and first + text[1:] + ("" if text[-1] in ".?!" else stop)


def _plain(text: str) -> str:
    """Write names without underscores, and a minus as one."""
    return re.sub(r"(?<=[ (])-(?=\d)", "−", text.replace("_", " "))


def _signed(value: Any) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:+.3f}".replace("-", "−")


def _interval(of: Finding | Mapping[str, Any]) -> str:
    low, high = (of.low, of.high) if isinstance(of, Finding) else (of["ci_low"], of["ci_high"])
    return "" if not np.isfinite(low) else f"{_number(low)} to {_number(high)}"


def _p_value(value: float) -> str:
    return "–" if not np.isfinite(value) else "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
