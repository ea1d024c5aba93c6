"""The report of a study: one file that needs nothing else."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from neuroalign.datasets.dataset import Dataset
from neuroalign.home import atomic_path
from neuroalign.leaderboards import WHAT_THE_TEST_COVERS, rank
from neuroalign.score_groups import ScoreGroup
from neuroalign.scores import Score
from neuroalign.studies.claims import Finding
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.study import Study

# Of a file's name, without its number and ending.
_LONGEST = 100


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn, or why there is none."""

    name: str
    #: Of the SVG; None where there is none.
    path: Path | None = None
    reason: str = ""


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
    #: Without the confounds; None where the claim has no such analysis.
    corrected: Finding | None


@dataclass(frozen=True)
class LeftOut:
    """A part that the report lacks, and why."""

    what: str
    reason: str


def draw_figures(
    folder: Path, dataset: Dataset, evidence: Evidence, study: Study, store: Any
) -> list[Picture]:
    """Draw what the scores of the instances that were selected support.

    Parameters
    ----------
    folder : Path
        For the figures, each as PDF and SVG.
    dataset : Dataset
    evidence : Evidence
    study : Study
    store : ResultsStore
        With the scores of `evidence`.

    Returns
    -------
    list of Picture
    """
    # Imported here: without the extra ``figures`` the report has none.
    from neuroalign.report.gathering import gather_figures
    from neuroalign.report.style import save

    names = {each.model for of in evidence.kept.values() for scores in of.values() for each in scores}
    wanted: Any = [study.scorings[name].benchmark for name in study.shown if name in evidence.kept]
    ceiling = next((each.model for each in study.families.values() if each.is_ceiling), "")
    pictures = []
    drawn = gather_figures(dataset, benchmarks=wanted, models=sorted(names), ceiling=ceiling, store=store)
    for number, each in enumerate(drawn, start=1):
        if each.axes is None:
            pictures.append(Picture(each.name, reason=each.reason))
            continue
        plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", each.name).strip("-.")[:_LONGEST]
        save(each.axes, folder / f"{number:02d}_{plain}.pdf")
        pictures.append(Picture(each.name, save(each.axes, folder / f"{number:02d}_{plain}.svg")))
    return pictures


def write_report(
    path: Path,
    *,
    study: Study,
    dataset: Dataset,
    grid: str,
    claims: Sequence[Claimed],
    evidence: Evidence,
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
    environment.filters |= {"number": _number, "interval": _interval, "p": _p_value}
    page = environment.get_template("report.html").render(
        study=study,
        dataset=dataset,
        n_neurons=dataset.recording.sizes["neuroid"],
        n_stimuli=np.unique(dataset.recording["stimulus_id"].values).size,
        grid=grid,
        meaning=what_it_means(dataset),
        claims=claims,
        standing=_standing(claims),
        families=_families(study, evidence, dropped),
        tables=[_table(name, study, evidence, dataset) for name in study.shown if name in evidence.kept],
        covers=WHAT_THE_TEST_COVERS,
        dropped=dropped[["family", "instance", "step", "reason"]].to_dict("records"),
        pictures=[
            {"name": each.name.replace("_", " "), "source": _embedded(each.path)}
            for each in pictures
            if each.path is not None
        ],
        left_out=[
            *left_out,
            *(
                LeftOut(f"figure {each.name.replace('_', ' ')}", each.reason)
                for each in pictures
                if each.reason
            ),
        ],
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


def _families(study: Study, evidence: Evidence, dropped: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for name, family in study.families.items():
        scored = {each.model for of in evidence.every.values() for each in of.get(name, ())}
        gone = int((dropped["family"] == name).sum())
        rows.append(
            {
                "name": name,
                "model": family.model,
                "n": len(scored),
                "dropped": gone,
                "is_ceiling": family.is_ceiling,
                "reason": evidence.missing.get(name, ""),
            }
        )
    return rows


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
    return {
        "name": name.replace("_", " "),
        "benchmark": benchmark.identifier.replace("_", " "),
        "higher_is_better": benchmark.higher_is_better,
        "rows": rank(group, dataset).to_dict("records"),
        "notes": _shared_notes(scores),
    }


def _shared_notes(scores: Sequence[Score]) -> list[str]:
    """Return the notes that every score has."""
    shared = [
        note for note in (scores[0].notes if scores else ()) if all(note in each.notes for each in scores)
    ]
    return [str(each) for each in shared]


def _standing(claims: Sequence[Claimed]) -> dict[str, list[str]]:
    """Sort the claims by what becomes of them without the confounds."""
    words = {
        "agrees": "stand",
        "agrees among those tested": "stand among the families that could be tested",
        "disagrees": "fall",
        "cannot tell": "stay open",
    }
    found: dict[str, list[str]] = {each: [] for each in (*words.values(), "have no corrected analysis")}
    for each in claims:
        key = "have no corrected analysis" if each.corrected is None else words[each.corrected.verdict]
        found[key].append(each.name)
    return {key: names for key, names in found.items() if names}


def _embedded(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _number(value: Any) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")


def _interval(of: Finding | Mapping[str, Any]) -> str:
    low, high = (of.low, of.high) if isinstance(of, Finding) else (of["ci_low"], of["ci_high"])
    return "" if not np.isfinite(low) else f"{_number(low)} to {_number(high)}"


def _p_value(value: float) -> str:
    return "–" if not np.isfinite(value) else "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
