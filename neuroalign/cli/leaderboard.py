"""The command ``neuroalign leaderboard``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

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
    help="Repeat for several; by default all.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "csv", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="How to lay the table out.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--correction",
    type=click.Choice(["holm", "bh"]),
    default="holm",
    show_default=True,
    help="Of p-values for the number of pairs: Holm, or Benjamini-Hochberg (false discovery rate).",
)
@click.option(
    "--over-neurons/--no-over-neurons",
    default=None,
    help="Read the arrays of the scores for the tests over instances and neurons and their letters; by default where a "
    "benchmark has 1,000 scores at most.",
)
@click.option(
    "--html",
    "site",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a static site to DIR in place of a table; it opens without a server or a network.",
)
def leaderboard(
    dataset: str,
    benchmarks: tuple[str, ...],
    style: str,
    as_json: bool,
    correction: "Correction",
    over_neurons: bool | None,
    site: Path | None,
) -> int:
    """Rank the families of models that were scored on DATASET.

    One table for each benchmark and set of options, never of several. Families that share a letter are
    not shown to differ over instances and neurons; families without a seed are tested over neurons
    only. Beside them stand the letters of Welch's test over instances, which the paper used.
    """
    from neuroalign.comparison.leaderboard import leaderboards
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import NeuroalignError
    from neuroalign.reporting.text.leaderboard import describe_left_out, format_leaderboards

    loaded = load_dataset(dataset)
    wanted = list(benchmarks) or None
    tables = leaderboards(loaded, wanted, correction=correction, over_neurons=False if site else over_neurons)
    if not any(len(each) for each in tables):
        reasons = "; ".join(filter(None, map(describe_left_out, tables)))
        by = f" by {', '.join(benchmarks)}" if benchmarks else ""
        model = "beta_vae" if loaded.stimuli.has_images else "neuron_subset"
        raise NeuroalignError(
            f"nothing has been scored on {loaded.identifier}{by} yet"
            f"{f' (left out: {reasons})' if reasons else ''}; try: neuroalign score {model} {dataset}"
        )
    if site is not None:
        from neuroalign.reporting.site import write_site

        first_page = write_site(
            site, loaded, wanted, correction=correction, over_neurons=over_neurons is not False
        )
        click.echo(f"written to {site}; open {first_page}")
        return 0
    shown = [each for each in tables if len(each) or benchmarks]
    chosen = "json" if as_json else style
    click.echo(format_leaderboards(shown, chosen))
    for note in _what_is_missing(shown):
        click.echo(f"neuroalign: note: {note}", err=True)
    # What is printed says itself what it left out, but for tables that are not there, and for CSV.
    for each in tables:
        left_out = describe_left_out(each)
        if left_out and (chosen == "csv" or not any(each is other for other in shown)):
            click.echo(f"neuroalign: note: {each.attrs['name']}: left out: {left_out}", err=True)
    return 0


def _what_is_missing(tables: "Sequence[pd.DataFrame]") -> list[str]:
    """Say which leaderboards have no level of chance, no ceiling or no tests, and how to get them."""
    from neuroalign.scoring.declared import has_ceiling, has_chance

    ranked = [each for each in tables if len(each)]
    no_chance = [
        table.attrs["name"]
        for table in ranked
        if table["null"].isna().all() and has_chance(table.attrs["benchmark"])
    ]
    no_ceiling = [
        each.attrs["name"]
        for each in ranked
        if each["ceiling"].isna().all()
        and "neuron_subset" not in set(each["family"])
        and has_ceiling(each.attrs["benchmark"])
    ]
    notes = []
    if no_chance:
        notes.append(
            f"no chance level for {', '.join(no_chance)}; neuroalign score … --permutations 100 computes it"
        )
    if no_ceiling:
        notes.append(
            f"no ceiling for {', '.join(no_ceiling)}; neuroalign score neuron_subset … shows what neurons reach"
        )
    if any((each["n"] == 1).any() and len(each) > 1 for each in ranked):
        notes.append(
            "families of one instance are not tested; neuroalign compare draws neurons for two models"
        )
    return notes
