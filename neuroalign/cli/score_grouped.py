"""Output of ``neuroalign score`` with ``--by`` or ``--windows``: a row for each group or window."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.advice import first_member, write_score
from neuroalign.errors import UsageError

if TYPE_CHECKING:
    from neuroalign.datasets.collection import Collection
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.models.model import Model, ModelFamily
    from neuroalign.scoring.benchmark import Benchmark
    from neuroalign.scoring.grouped import GroupScore
    from neuroalign.scoring.time_courses import TimeCourse


@dataclass(frozen=True)
class GroupOptions:
    """Options of the command for scores of groups and windows.

    Parameters
    ----------
    by, windows : str
        Columns and windows, as :func:`neuroalign.scoring.grouped.score_by` takes them; empty for none.
    also : tuple of str
        Names of further models.
    across_windows : bool
        Whether predictions fitted to each window are compared with the responses in each other window.
    figure : Path or None
        File for a figure.
    """

    by: str = ""
    windows: str = ""
    also: tuple[str, ...] = ()
    across_windows: bool = False
    figure: Path | None = None

    @property
    def are_used(self) -> bool:
        """Whether groups or windows are asked for.

        Raises
        ------
        UsageError
            If an option is given that needs groups or windows.
        """
        if self.also and not (self.by or self.windows):
            raise UsageError("--also must go with --by or --windows; neuroalign compare compares two models")
        for name, is_given in (("--across-windows", self.across_windows), ("--figure", self.figure)):
            if is_given and not self.windows:
                raise UsageError(f"{name} must go with --windows; add --windows bins")
        return bool(self.by or self.windows)


def group_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of groups and windows to a command, which gets them as the argument ``grouped``."""

    @wraps(command)
    def call(**arguments: Any) -> Any:
        own = {field.name: arguments.pop(field.name) for field in fields(GroupOptions)}
        return command(**arguments, grouped=GroupOptions(**own))

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


_OPTIONS = (
    click.option(
        "--by",
        default="",
        metavar="COLUMNS",
        help="Score each group of neurons, trials or stimuli that shares values of these columns, as in region,animal.",
    ),
    click.option(
        "--windows",
        default="",
        metavar="WINDOWS",
        help="Score each window of a recording with time bins, in milliseconds: 50:70,70:90 (windows), 0:400:20 "
        "(start, end and width), or bins (each time bin). P-values are over all windows.",
    ),
    click.option(
        "--also",
        multiple=True,
        metavar="MODEL",
        help="Another model in the same table and figure, with --by or --windows. Repeat the option for several.",
    ),
    click.option(
        "--across-windows",
        is_flag=True,
        help="Compare the predictions fitted to each window with the responses in each other window, and print "
        "CSV; for benchmarks with held-out predictions, such as ridge.",
    ),
    click.option(
        "--figure",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File for a figure of the windows, of several layers by depth, or of the layers that folds choose: .svg, "
        ".pdf or .png.",
    ),
)


def refuse_groups(
    models: Sequence[str], dataset: str, collection: "Collection", grouped: GroupOptions
) -> None:
    """Refuse groups and windows of a collection, and name a command that works.

    Parameters
    ----------
    models : sequence of str
    dataset : str
        Name of the collection on the command line.
    collection : Collection
    grouped : GroupOptions

    Raises
    ------
    UsageError
        With the command for the first dataset of the collection.
    """
    by = ["--by", grouped.by] if grouped.by else []
    windows = ["--windows", grouped.windows] if grouped.windows else []
    command = write_score(models, first_member(collection, dataset), *by, *windows)
    raise UsageError(
        f"--by and --windows must go with one dataset, got the collection {dataset}; write {command}"
    )


def print_groups(
    model: "str | Model | ModelFamily",
    dataset: "Dataset",
    benchmarks: "Sequence[Benchmark]",
    options: GroupOptions,
    *,
    as_json: bool,
    **settings: Any,
) -> int:
    """Score models on each group and window, print the table, and draw the figure.

    Parameters
    ----------
    model : str, Model or ModelFamily
        First model.
    dataset : Dataset
    benchmarks : sequence of Benchmark
    options : GroupOptions
    as_json : bool
        Whether to print one JSON document in place of the table.
    **settings
        Further arguments of :func:`neuroalign.scoring.grouped.score_by`.

    Returns
    -------
    int
        Exit code: 1 if no group has a score.
    """
    from neuroalign.scoring.grouped import score_by
    from neuroalign.scoring.time_courses import time_courses

    models = [model, *options.also]
    if options.figure is not None:
        check_ending(options.figure)
    if options.across_windows:
        return _print_across(models, dataset, benchmarks, options, as_json=as_json, **settings)
    groups = [
        group
        for name in models
        for group in score_by(name, dataset, benchmarks, by=options.by, windows=options.windows, **settings)
    ]
    courses = time_courses(groups) if options.windows else []
    if options.figure is not None:
        _draw(courses, dataset, options.figure)
    if as_json:
        click.echo(_document(groups, courses, dataset, options))
    else:
        click.echo(_table(groups, courses, dataset))
    return 0 if any(group.score is not None for group in groups) else 1


def _table(groups: "Sequence[GroupScore]", courses: "Sequence[TimeCourse]", dataset: "Dataset") -> str:
    from neuroalign.reporting.text.grouped_scores import group_table

    # A line of more than 160 letters is hard to follow; a terminal of fewer than 60 breaks numbers.
    width = min(max(shutil.get_terminal_size().columns, 60), 160)
    return group_table(
        groups, dataset=dataset.identifier, simulated=dataset.simulated, courses=courses, width=width
    )


def _document(
    groups: "Sequence[GroupScore]",
    courses: "Sequence[TimeCourse]",
    dataset: "Dataset",
    options: GroupOptions,
) -> str:
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.grouped import as_columns

    p_values = {id(group): p for course in courses for group, p in zip(course.groups, course.p, strict=True)}
    rows = []
    for group in groups:
        row = {**group.to_record(), "cautions": [] if group.score is None else cautions(group.score)}
        if id(group) in p_values:
            p = float(p_values[id(group)])
            row["p_over_windows"] = p if p == p else None
        rows.append(row)
    document = {
        "dataset": dataset.identifier,
        "simulated": dataset.simulated,
        "by": as_columns(options.by),
        "rows": rows,
        **({"time_courses": [course.to_record() for course in courses]} if courses else {}),
    }
    return json.dumps(document, indent=1, default=str, allow_nan=False)


def _print_across(
    models: "Sequence[str | Model | ModelFamily]",
    dataset: "Dataset",
    benchmarks: "Sequence[Benchmark]",
    options: GroupOptions,
    *,
    as_json: bool,
    join: Any,
    n_jobs: int,
    use_cache: bool,
    n_permutations: int,
    permutation_seed: int,
) -> int:
    """Score the predictions of each window on all windows, and print CSV or JSON."""
    import sys

    from neuroalign.scoring.across_windows import score_across_windows, to_table

    if n_permutations:
        raise UsageError(
            "--permutations must not go with --across-windows, which makes no shuffles; leave it out"
        )
    matrices = [
        matrix
        for name in models
        for benchmark in benchmarks
        for matrix in score_across_windows(
            name,
            dataset,
            benchmark,
            windows=options.windows,
            by=options.by,
            join=join,
            n_jobs=n_jobs,
            use_cache=use_cache,
        )
    ]
    if options.figure is not None:
        from neuroalign.reporting.figures.across_windows import maps_across_windows
        from neuroalign.reporting.figures.style import save

        figure = maps_across_windows(matrices, dataset=dataset.identifier, simulated=dataset.simulated)
        click.echo(f"neuroalign: written to {save(figure, options.figure)}", err=True)
    if as_json:
        document = {
            "dataset": dataset.identifier,
            "simulated": dataset.simulated,
            "across_windows": [matrix.to_record() for matrix in matrices],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    else:
        from neuroalign.files.spreadsheets import write_csv

        write_csv(to_table(matrices), sys.stdout)
    for matrix in matrices:
        for (start, stop), reason in zip(matrix.windows, matrix.reasons, strict=True):
            if reason:
                click.echo(
                    f"neuroalign: no {matrix.benchmark} from {start:g} to {stop:g} ms: {reason}", err=True
                )
    return 0 if any((matrix.scores == matrix.scores).any() for matrix in matrices) else 1


def check_ending(path: Path) -> None:
    """Refuse a name that is not the name of a figure before anything is scored.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UsageError
        With the endings of figures.
    """
    from neuroalign.reporting.figures.style import FORMATS

    if path.suffix.removeprefix(".").lower() not in FORMATS:
        raise UsageError(f"the name of a figure must end in .{', .'.join(FORMATS)}, got {path.name!r}")


def _draw(courses: "Sequence[TimeCourse]", dataset: "Dataset", path: Path) -> None:
    from neuroalign.reporting.figures.style import save
    from neuroalign.reporting.figures.time_courses import courses_over_time

    figure = courses_over_time(courses, dataset=dataset.identifier, simulated=dataset.simulated)
    click.echo(f"neuroalign: written to {save(figure, path)}", err=True)
