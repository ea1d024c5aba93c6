"""The commands ``neuroalign results …``: exchange scores with others."""

from collections.abc import Mapping
from pathlib import Path

import click

# Number of records that are listed one by one.
_SHOWN = 20


@click.group()
def results() -> None:
    """Import scores of other laboratories, and export yours."""


@results.command(
    "import",
    short_help="Put scores of others beside yours.",
    epilog="""\b
Examples:
  neuroalign results import their-results/
  neuroalign results import their-results.zip --replace
""",
)
@click.argument("source", metavar="FOLDER|FILE", type=click.Path(path_type=Path))
@click.option(
    "--replace",
    is_flag=True,
    help="Replace records that you imported before by records with the same key and other numbers.",
)
def import_command(source: Path, replace: bool) -> int:
    """Put the scores in FOLDER, in a ZIP archive of a folder, or in one record (.json) beside yours.

    Every record is checked, and then imported whole or not at all. Tables mark imported scores, and never show them in
    place of your own scores.
    """
    from neuroalign.scoring.imported import import_results

    report = import_results(source, replace_imported=replace)
    _list("refused", report.refused)
    _list("conflict", report.conflicts)
    total = len(report.imported) + len(report.duplicates) + len(report.conflicts) + len(report.refused)
    if not total:
        click.echo(f"neuroalign: {source} has no records (.json)", err=True)
        return 1
    click.echo(
        f"{len(report.imported):,} imported, {len(report.duplicates):,} here already, "
        f"{len(report.conflicts):,} in conflict, "
        f"{len(report.refused):,} refused"
    )
    if not report.checked_sums:
        click.echo("neuroalign: note: without SHA256SUMS, damage on the way goes unseen", err=True)
    return 1 if report.refused else 0


@results.command(
    short_help="Write your scores to a folder or a table.",
    epilog="""\b
Examples:
  neuroalign results export our-results
  neuroalign results export scores.parquet --dataset AM-faces-sim
""",
)
@click.argument("target", metavar="FOLDER|FILE", type=click.Path(path_type=Path))
@click.option("--dataset", metavar="NAME", help="Export the scores on this dataset only.")
def export(target: Path, dataset: str | None) -> int:
    """Write scores to a new FOLDER, which "results import" reads, or to one table (.csv, .parquet)."""
    from neuroalign.results.exchange.exporting import export_results

    n = export_results(target, dataset=dataset)
    click.echo(f"{n:,} scores written to {target}")
    return 0


def _list(outcome: str, entries: Mapping[str, str]) -> None:
    for name, reason in list(entries.items())[:_SHOWN]:
        shown = name if name.isprintable() else ascii(name)
        click.echo(f"neuroalign: {outcome}: {shown}: {' '.join(reason.split())}", err=True)
    if len(entries) > _SHOWN:
        click.echo(f"neuroalign: {outcome}: and {len(entries) - _SHOWN:,} more", err=True)
