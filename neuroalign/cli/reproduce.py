"""The command ``neuroalign reproduce``."""

import shutil
import textwrap
from pathlib import Path

import click

from neuroalign.cli.cluster import ClusterOptions, cluster_options


@click.command(
    epilog="""\b
Examples:
  neuroalign reproduce higgins2020 --dry-run
  neuroalign reproduce higgins2020 --dataset AM-faces-sim-mixed --output mixed
  neuroalign reproduce my-study.toml --grid paper --jobs 2
  neuroalign reproduce higgins2020 --backend dask --address tcp://10.0.0.1:8786
"""
)
@click.argument("study")
@click.option("--dataset", metavar="NAME", help="Dataset; by default the one that the study names.")
@click.option("--grid", default="", metavar="NAME", help="Size of the study; by default its first size.")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    metavar="DIR",
    help="Folder for the report and its figures.",
)
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    metavar="N",
    help="Number of instances at once on this machine.",
)
@cluster_options
@click.option(
    "--dry-run",
    is_flag=True,
    help="List the steps with their estimated durations, without running them.",
)
def reproduce(
    study: str,
    dataset: str | None,
    grid: str,
    folder: Path,
    jobs: int,
    dry_run: bool,
    on: ClusterOptions,
) -> int:
    """Run STUDY, the name of a study or a TOML file, and write its report.

    Finished steps are not repeated, so a run that was stopped continues where it stopped. A step that cannot be done is
    listed with its reason, and the other steps run all the same.
    """
    from neuroalign.studies.run import plan_study, run_study

    run = plan_study(study, dataset=dataset, grid=grid, folder=folder, n_jobs=jobs)
    if dry_run:
        durations = run.seconds()
        for step, duration in durations.items():
            if isinstance(duration, str):
                click.echo(_wrap(f"{'–':>9}  {step}: left out ({duration})", indent=13))
            else:
                click.echo(f"{_duration(duration):>9}  {step}")
        total = sum(duration for duration in durations.values() if not isinstance(duration, str))
        click.echo(f"{_duration(total):>9}  in total")
        return 0
    on.join()
    outcomes = run_study(run, tell=lambda line: click.echo(_wrap(line, indent=2), err=True))
    report = outcomes["report"]
    if report.state != "done":
        click.echo(f"neuroalign: the report is missing: {report.reason}", err=True)
        return 1
    click.echo(report.value)
    return 1 if any(outcome.state == "failed" for outcome in outcomes.values()) else 0


def _wrap(line: str, indent: int) -> str:
    """Wrap a line to the width of the terminal, 80 columns by default, with an indent after the first row."""
    return textwrap.fill(
        line,
        max(shutil.get_terminal_size().columns, 40),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _duration(seconds: float) -> str:
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} days"
