"""Output of ``neuroalign score`` with ``--by`` or ``--windows``: a row for each group or window."""

import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.models.model import Model, ModelFamily
    from neuroalign.scoring.benchmark import Benchmark
    from neuroalign.scoring.grouped import GroupScore
    from neuroalign.scoring.time_courses import TimeCourse


def print_groups(
    models: "Sequence[str | Model | ModelFamily]",
    dataset: "Dataset",
    benchmarks: "Sequence[Benchmark]",
    *,
    by: str,
    windows: str,
    as_json: bool,
    **options: Any,
) -> int:
    """Score models on each group and window, and print the table.

    Parameters
    ----------
    models : sequence of str, Model or ModelFamily
    dataset : Dataset
    benchmarks : sequence of Benchmark
    by, windows : str
        Columns and windows, as :func:`neuroalign.scoring.grouped.score_by` takes them; empty for none.
    as_json : bool
        Whether to print one JSON document in place of the table.
    **options
        Further arguments of :func:`neuroalign.scoring.grouped.score_by`.

    Returns
    -------
    int
        Exit code: 1 if no group has a score.
    """
    from neuroalign.reporting.text.grouped_scores import group_table
    from neuroalign.scoring.grouped import as_columns, score_by
    from neuroalign.scoring.time_courses import time_courses

    groups = [
        group
        for model in models
        for group in score_by(model, dataset, benchmarks, by=by, windows=windows, **options)
    ]
    courses = time_courses(groups) if windows else []
    if as_json:
        document = {
            "dataset": dataset.identifier,
            "simulated": dataset.simulated,
            "by": as_columns(by),
            "rows": [_record(group, courses) for group in groups],
            **({"time_courses": [course.to_record() for course in courses]} if windows else {}),
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    else:
        # A line of more than 160 letters is hard to follow; a terminal of fewer than 60 breaks numbers.
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        text = group_table(
            groups, dataset=dataset.identifier, simulated=dataset.simulated, courses=courses, width=width
        )
        click.echo(text)
    return 0 if any(group.score is not None for group in groups) else 1


def _record(group: "GroupScore", courses: "Sequence[TimeCourse]") -> dict[str, Any]:
    from neuroalign.scoring.cautions import cautions

    p = [
        p for course in courses for member, p in zip(course.groups, course.p, strict=True) if member is group
    ]
    return {
        **group.to_record(),
        "cautions": [] if group.score is None else cautions(group.score),
        **({"p_over_windows": float(p[0]) if p[0] == p[0] else None} if p else {}),
    }
