"""The command ``neuroalign leaderboard``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from neuroalign.comparison.leaderboard import Correction


@click.command(
    epilog="""\b
Examples:
  neuroalign score beta_vae AM-faces && neuroalign score pca AM-faces
  neuroalign leaderboard AM-faces --benchmark alignment
  neuroalign leaderboard AM-faces --html leaderboard
"""
)
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="Benchmark with its options. Repeat the option for several; by default all benchmarks.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "csv", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="Format of the output.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--correction",
    type=click.Choice(["holm", "bh"]),
    default="holm",
    show_default=True,
    help="Correction of the p-values for the number of pairs: Holm, or Benjamini-Hochberg (false discovery rate).",
)
@click.option(
    "--over-neurons/--no-over-neurons",
    default=True,
    show_default=True,
    help="Test over instances and neurons, which gives the letters. The test reads the arrays of the scores, about "
    "2 ms for each score.",
)
@click.option(
    "--html",
    "site",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for a static site in place of the table. The site opens without a server or a network.",
)
def leaderboard(
    dataset: str,
    benchmarks: tuple[str, ...],
    style: str,
    as_json: bool,
    correction: "Correction",
    over_neurons: bool,
    site: Path | None,
) -> int:
    """Rank the families of models that were scored on DATASET.

    Each benchmark with each set of options has a table of its own. Families that share a letter are not
    shown to differ over instances and neurons. Families without a seed are tested over neurons only. A
    second column has the letters of Welch's test over instances, which the paper used.
    """
    from neuroalign.comparison.leaderboard import leaderboards
    from neuroalign.comparison.leaderboard_findings import describe_left_out, describe_missing
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import NeuroalignError
    from neuroalign.reporting.text.leaderboard import format_leaderboards

    loaded = load_dataset(dataset)
    wanted = list(benchmarks) or None
    tables = leaderboards(loaded, wanted, correction=correction, over_neurons=over_neurons and site is None)
    if not any(len(table) for table in tables):
        reasons = "; ".join(filter(None, map(describe_left_out, tables)))
        by = f" by {', '.join(benchmarks)}" if benchmarks else ""
        raise NeuroalignError(
            f"nothing has been scored on {loaded.identifier}{by} yet"
            f"{f' (left out: {reasons})' if reasons else ''}; try: neuroalign score MODEL {dataset}"
        )
    if site is not None:
        from neuroalign.reporting.site import write_site

        first_page = write_site(site, loaded, wanted, correction=correction, over_neurons=over_neurons)
        click.echo(f"written to {site}; open {first_page}")
        return 0
    shown = [table for table in tables if len(table) or benchmarks]
    chosen = "json" if as_json else style
    click.echo(format_leaderboards(shown, chosen))
    notes = describe_missing(shown)
    # Every format but CSV lists the scores that are left out of the tables that it shows.
    silent = tables if chosen == "csv" else [table for table in tables if not (len(table) or benchmarks)]
    for table in silent:
        left_out = describe_left_out(table)
        if left_out:
            notes.append(f"{table.attrs['name']}: left out: {left_out}")
    for note in notes:
        click.echo(f"neuroalign: note: {note}", err=True)
    return 0
