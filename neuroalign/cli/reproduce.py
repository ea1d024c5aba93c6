"""The command ``neuroalign reproduce``."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuroalign.errors import UsageError

if TYPE_CHECKING:
    from neuroalign.studies.cluster import Backend


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
@click.option("--dataset", metavar="NAME", help="By default the study's own.")
@click.option("--grid", default="", metavar="NAME", help="A size of the study; by default its first: small.")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    metavar="DIR",
    help="For the report and its figures.",
)
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    metavar="N",
    help="Instances at once; on a Dask cluster as many as its workers do.",
)
@click.option(
    "--backend",
    type=click.Choice(["dask", "ray"]),
    help="Let a cluster do the jobs. Its workers must see the same NEUROALIGN_HOME.",
)
@click.option("--address", default="", metavar="ADDRESS", help="Of the cluster's scheduler.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="List the steps, and about how long each takes by what was measured before.",
)
def reproduce(
    study: str,
    dataset: str | None,
    grid: str,
    folder: Path,
    jobs: int,
    backend: "Backend | None",
    address: str,
    dry_run: bool,
) -> int:
    """Run the STUDY, by name or as a TOML file, and write its report.

    Whatever is finished is not done again: a run that was stopped goes on where it was. What cannot be done is named
    with the reason, and loses nothing else.
    """
    from neuroalign.studies.cluster import cluster
    from neuroalign.studies.run import plan_study, run_study

    if address and backend is None:
        raise UsageError("--address needs --backend dask or --backend ray")
    if backend is not None and not address:
        raise UsageError(f"--backend {backend} needs --address, that of a cluster that is running")
    run = plan_study(
        study, dataset=dataset, grid=grid, folder=folder, n_jobs=jobs, on_cluster=backend is not None
    )
    if dry_run:
        seconds = run.seconds()
        for name, each in seconds.items():
            if isinstance(each, str):
                click.echo(f"{'–':>9}  {name}: left out ({each})")
            else:
                click.echo(f"{_duration(each):>9}  {name}")
        total = sum(each for each in seconds.values() if not isinstance(each, str))
        click.echo(f"{_duration(total):>9}  in all")
        return 0
    with nullcontext() if backend is None else cluster(backend, address, run.dataset):
        outcomes = run_study(run, tell=lambda line: click.echo(line, err=True))
    report = outcomes["report"]
    if report.state != "done":
        click.echo(f"neuroalign: no report: {report.reason}", err=True)
        return 1
    click.echo(report.value)
    return 1 if any(each.state == "failed" for each in outcomes.values()) else 0


def _duration(seconds: float) -> str:
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} days"
