"""Report of a study: one HTML file with style and figures inside."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from neuroalign.comparison.groups import group_samples
from neuroalign.comparison.leaderboard import SCOPE_OF_CROSSED_TEST, rank
from neuroalign.comparison.leaderboard_findings import describe_cautions
from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.datasets.dataset import Dataset
from neuroalign.files.home import write_file
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, in_sections
from neuroalign.studies.findings import Finding
from neuroalign.studies.forest_plot import forest
from neuroalign.studies.gaps import LeftOut, group_by_reason
from neuroalign.studies.report_text import (
    caution_about_images,
    caution_about_prediction,
    caution_about_unreadable,
    count_verdicts,
    embed_picture,
    explain_simulation,
    group_by_verdict,
    write_day,
    write_interval,
    write_number,
    write_p_value,
    write_plain,
    write_sentence,
    write_signed,
    write_verdict,
)
from neuroalign.studies.study import Claim, Study


@dataclass(frozen=True)
class ClaimResult:
    """Claim with its findings.

    Parameters
    ----------
    claim : Claim
    paper, ours : Finding
        Findings by the test of the paper, and by our test of the same number.
    primary : Finding
        Finding by the primary analysis, corrected for the number of claims.
    """

    claim: Claim
    paper: Finding
    ours: Finding
    primary: Finding


def write_report(
    path: Path,
    *,
    study: Study,
    dataset: Dataset,
    grid: str,
    claims: Sequence[ClaimResult],
    evidence: Evidence,
    trained_elsewhere: Mapping[str, str],
    dropped: pd.DataFrame,
    pictures: Sequence[Picture],
    left_out: Sequence[LeftOut],
) -> Path:
    """Write the report of a study.

    Parameters
    ----------
    path : Path
        HTML file. It contains its style and figures and loads nothing else.
    study, dataset, grid
        Study that was run, its dataset and its size.
    claims : sequence of ClaimResult
    evidence : Evidence
    trained_elsewhere : mapping of str to str
        Families that were trained on other images than the images of the dataset, with the names of the stimulus sets.
    dropped : pandas.DataFrame
        Instances that were not selected, with ``instance``, ``family``, ``step`` and ``reason``.
    pictures : sequence of Picture
    left_out : sequence of LeftOut

    Returns
    -------
    Path
        Path of the file. The same input gives the same bytes.
    """
    families = _list_families(study, evidence, trained_elsewhere, dropped)
    tables = [_rank_families(name, study, evidence, dataset) for name in study.shown if name in evidence.kept]
    about_units = [
        name_benchmark(name)
        for name in study.shown
        if name in evidence.kept and study.scorings[name].benchmark.asks_about_single_units
    ]
    without_figure = [
        LeftOut(f"figure “{picture.caption}”", picture.reason) for picture in pictures if picture.reason
    ]
    page = (
        _environment()
        .get_template("report.html")
        .render(
            study=study,
            dataset=dataset,
            n_neurons=dataset.recording.sizes["neuroid"],
            n_stimuli=np.unique(dataset.recording["stimulus_id"].values).size,
            grid=grid,
            simulation=explain_simulation(dataset),
            claims=[
                {
                    "claim": result.claim,
                    "paper": _with_forest(result.paper),
                    "ours": _with_forest(result.ours),
                    "primary": _with_forest(result.primary),
                }
                for result in claims
            ],
            summary={
                "Primary analysis": count_verdicts([result.primary for result in claims]),
                "Tests of the paper": count_verdicts([result.paper for result in claims]),
                "Our tests of the numbers of the paper": count_verdicts([result.ours for result in claims]),
            }
            if claims
            else {},
            verdicts=group_by_verdict({result.claim.name: result.primary for result in claims}),
            families=families,
            cautions=[
                *caution_about_images(trained_elsewhere),
                *caution_about_prediction([family["explained"] for family in families], about_units),
                *caution_about_unreadable({table["name"]: table["unreadable"] for table in tables}),
            ],
            tables=tables,
            mark=MARK,
            covers=SCOPE_OF_CROSSED_TEST,
            dropped=dropped[["family", "instance", "step", "reason"]].to_dict("records"),
            pictures=in_sections(pictures),
            left_out=group_by_reason([*left_out, *without_figure]),
            day=write_day(
                score for kept in evidence.kept.values() for scores in kept.values() for score in scores
            ),
            command=shlex.join(
                [
                    *("neuroalign", "reproduce", study.loaded_from or study.name),
                    *("--dataset", dataset.identifier, "--grid", grid),
                ]
            ),
            version=version("neuroalign"),
        )
    )
    write_file(path, page)
    return path


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("neuroalign.studies"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": write_number,
        "signed": write_signed,
        "interval": write_interval,
        "p": write_p_value,
        "plain": write_plain,
        "state": write_verdict,
        "sentence": write_sentence,
        "embedded": embed_picture,
    }
    return environment


def _list_families(
    study: Study, evidence: Evidence, trained_elsewhere: Mapping[str, str], dropped: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one row for each family of the study."""
    rows = []
    for name, family in study.families.items():
        instances = {score.model for families in evidence.every.values() for score in families.get(name, ())}
        explained = [score.value for score in evidence.kept.get(study.variance_explained, {}).get(name, ())]
        notes = ["ceiling: all instances are kept"] if family.is_ceiling else []
        if name in trained_elsewhere:
            notes.append(f"trained on {trained_elsewhere[name]}, not on the images of this dataset")
        rows.append(
            {
                "name": name,
                "model": family.model,
                "n": len(instances),
                "dropped": int((dropped["family"] == name).sum()),
                "explained": float(np.mean(explained)) if explained else float("nan"),
                "note": "; ".join(notes),
                "left_out": name in evidence.missing,
            }
        )
    return rows


def _rank_families(name: str, study: Study, evidence: Evidence, dataset: Dataset) -> dict[str, Any]:
    """Return the table of the families, ranked by one scoring."""
    benchmark = study.scorings[name].benchmark
    families = {
        family: {score.model: score for score in scores}
        for family, scores in evidence.kept[name].items()
        if scores
    }
    group = ScoreGroup(
        benchmark.identifier,
        benchmark.version,
        benchmark.options(),
        name,
        benchmark.higher_is_better,
        families,
    )
    table = rank(group, dataset, group_samples(group))
    return {
        "name": name_benchmark(name),
        "benchmark": name_benchmark(benchmark.identifier),
        "higher_is_better": benchmark.higher_is_better,
        "rows": table.to_dict("records"),
        "unreadable": table.attrs["unreadable"],
        "cautions": describe_cautions(table),
        "notes": _shared_notes([score for scores in families.values() for score in scores.values()]),
    }


def _shared_notes(scores: Sequence[Score]) -> list[str]:
    """Return the notes that all scores have."""
    first = scores[0].notes if scores else ()
    return [str(note) for note in first if all(note in score.notes for score in scores)]


def _with_forest(finding: Finding) -> dict[str, Any]:
    """Return a finding with its forest plot."""
    return {"finding": finding, "forest": forest(finding)}
