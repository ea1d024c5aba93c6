"""The command ``neuroalign leaderboard``."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuroalign.cli.output import echo_with_cautions, typed_command
from neuroalign.progress import notice

if TYPE_CHECKING:
    import pandas as pd

    from neuroalign.comparison.leaderboard import Correction


@click.command(
    epilog="""\b
Examples:
  neuroalign score beta_vae AM-faces && neuroalign score pca AM-faces
  neuroalign leaderboard AM-faces --benchmark alignment
  neuroalign leaderboard AM-faces --mine "pca[n=50]"
  neuroalign leaderboard AM-faces --html leaderboard
  neuroalign leaderboard cowley2023 majajhong25 -b ridge
  neuroalign leaderboard "my-cells[region=IT]" "my-cells[region=V4]" -b ridge
  neuroalign leaderboard board.toml --format markdown
  neuroalign leaderboard board.toml --html board
"""
)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
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
    type=click.Choice(["table", "json", "csv", "markdown", "latex", "html"]),
    default="table",
    show_default=True,
    help="Format of the output. markdown, latex and html are one table of families and benchmarks for a paper.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Write every number and test in markdown and latex, with tables of their own for each benchmark.",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="NAME,...",
    help="Columns of the table for a paper: BENCHMARK, or BENCHMARK:NUMBER such as alignment:value; several are "
    "separated by commas.",
)
@click.option(
    "--names",
    multiple=True,
    metavar="OLD=NEW,...",
    help="Names of rows or columns of the table for a paper: beta_vae=β-VAE,pca=PCA.",
)
@click.option("--caption", default="", metavar="TEXT", help="Caption of the table for a paper.")
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
    "--mine",
    default="",
    metavar="MODEL",
    help="Family or model with a row that is marked, and tested against every other row; p-values are corrected for "
    "the number of other rows.",
)
@click.option(
    "--html",
    "site",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for a static site in place of the table. The site opens without a server or a network.",
)
@click.option(
    "--stimulus-pictures/--no-stimulus-pictures",
    default=None,
    help="Show pictures of a few stimuli on the pages of --html. By default only pictures that neuroalign rendered, "
    "because photographs may not be published without the permission of their owners.",
)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="FAMILY",
    help="Family on a board of several datasets. Repeat the option for several; by default all families.",
)
@click.option(
    "--mean",
    type=click.Choice(["all", "available"]),
    help="Mean on a board: of families with a score on all datasets, or of the scores that are available. By default "
    "all.",
)
@click.option("--over-ceiling", is_flag=True, help="Divide the scores on a board by their ceilings.")
@click.option(
    "--over",
    type=click.Choice(["animals", "sessions", "neurons"]),
    help="Highest level that the intervals of a board draw: animals with their sessions and neurons (default), "
    "sessions with their neurons, or neurons alone.",
)
@click.option(
    "--separate-animals",
    is_flag=True,
    help="Take animals of one name in different recordings for different animals. By default they are one animal.",
)
@click.option("--members", is_flag=True, help="Give each dataset of a collection a column on the board.")
def leaderboard(
    datasets: tuple[str, ...],
    benchmarks: tuple[str, ...],
    style: str,
    full: bool,
    columns: tuple[str, ...],
    names: tuple[str, ...],
    caption: str,
    as_json: bool,
    correction: "Correction",
    over_neurons: bool,
    mine: str,
    site: Path | None,
    stimulus_pictures: bool | None,
    models: tuple[str, ...],
    mean: str | None,
    over_ceiling: bool,
    over: str | None,
    separate_animals: bool,
    members: bool,
) -> int:
    """Rank the families of models that were scored on DATASET, or on several DATASETs.

    Each benchmark with each set of options has a table of its own. Families that share a letter are not
    shown to differ over instances and neurons. Families without a seed are tested over neurons only. A
    second column has the letters of Welch's test over instances, which the paper used.

    Several DATASETs, a collection such as cowley2023, or a TOML file with datasets = [...] make a board: the
    score on each dataset, the mean over datasets, and ranks with intervals of a hierarchical bootstrap over
    animals, sessions and neurons.
    """
    # The libraries below take seconds to load.
    notice(f"ranking the scores on {', '.join(datasets)}")
    from neuroalign.cli.board import is_board, print_boards, write_board_pages
    from neuroalign.comparison.leaderboard import leaderboards
    from neuroalign.comparison.leaderboard_findings import describe_left_out, describe_missing
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import NeuroalignError, UsageError
    from neuroalign.reporting.text.leaderboard import format_leaderboards

    chosen = "json" if as_json else style
    is_for_paper = chosen in ("markdown", "latex", "html") and not full
    if not is_for_paper and (columns or names or caption):
        raise UsageError("--columns, --names and --caption must go with --format latex, markdown or html")
    if full and chosen not in ("markdown", "latex"):
        raise UsageError(f"--full must go with --format latex or markdown, got {chosen}; leave it out")
    if stimulus_pictures is not None and site is None:
        raise UsageError("--stimulus-pictures and --no-stimulus-pictures must go with --html DIR; add it")
    board_options = {
        "benchmarks": benchmarks,
        "models": models,
        "mean": mean,
        "over_ceiling": over_ceiling,
        "over": over,
        "separate_animals": separate_animals,
        "members": members,
    }
    if is_board(datasets, {name: value for name, value in board_options.items() if name != "benchmarks"}):
        if site is not None:
            return write_board_pages(
                datasets,
                board_options,
                site,
                correction=correction,
                over_neurons=over_neurons,
                stimulus_pictures=stimulus_pictures,
            )
        only_one = {
            "--correction": correction != "holm",
            "--no-over-neurons": not over_neurons,
            "--mine": bool(mine),
            "--columns": bool(columns),
            "--names": bool(names),
            "--caption": bool(caption),
            "--full": full,
            "--format html": chosen == "html",
        }
        for option, is_given in only_one.items():
            if is_given:
                raise UsageError(
                    f"{option} must go with one dataset or with --html; leave it out for a board"
                )
        return print_boards(datasets, board_options, chosen)
    (dataset,) = datasets
    loaded = load_dataset(dataset)
    wanted = list(benchmarks) or None
    if mine and site is not None:
        raise UsageError("--mine must go without --html; leave one of the two out")
    tables = leaderboards(
        loaded, wanted, correction=correction, over_neurons=over_neurons and site is None, mine=mine
    )
    if not any(len(table) for table in tables):
        reasons = "; ".join(filter(None, map(describe_left_out, tables)))
        by = f" by {', '.join(benchmarks)}" if benchmarks else ""
        raise NeuroalignError(
            f"nothing has been scored on {loaded.identifier}{by} yet"
            f"{f' (left out: {reasons})' if reasons else ''}; try: neuroalign score MODEL {dataset}"
        )
    if site is not None:
        from neuroalign.reporting.site import write_site

        notice("writing the pages")
        first_page = write_site(
            site,
            loaded,
            wanted,
            correction=correction,
            over_neurons=over_neurons,
            stimulus_pictures=stimulus_pictures,
            command=typed_command(),
        )
        click.echo(f"written to {site}; open {first_page}")
        return 0
    shown = [table for table in tables if len(table) or benchmarks]
    if is_for_paper:
        click.echo(_for_a_paper(shown, chosen, columns, names, caption))
        return 0
    # Sentences in a file stay whole, so that they can be searched.
    width = max(shutil.get_terminal_size().columns, 60) if sys.stdout.isatty() else None
    text = format_leaderboards(shown, chosen, width=width)
    if chosen == "table":
        echo_with_cautions(text)
    else:
        click.echo(text)
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


def _for_a_paper(
    tables: "Sequence[pd.DataFrame]",
    style: str,
    columns: Sequence[str],
    names: Sequence[str],
    caption: str,
) -> str:
    """Write one table of families and benchmarks."""
    from neuroalign.errors import UsageError
    from neuroalign.reporting.text.paper_formats import describe_making, format_paper_table
    from neuroalign.reporting.text.paper_table import lay_out_paper_table, split_columns

    shown = {}
    for pair in (part for text in names for part in split_columns(text)):
        # The options of a model have equals signs inside brackets.
        old, equals, new = _split_at_equals(pair)
        if not (old and equals and new):
            raise UsageError(f"--names must be OLD=NEW, such as beta_vae=β-VAE, got {pair!r}")
        shown[old] = new
    table = lay_out_paper_table(
        tables,
        columns=[part for text in columns for part in split_columns(text)],
        names=shown,
        caption=caption,
        made_by=describe_making(typed_command(), tables),
    )
    return format_paper_table(table, style)


def _split_at_equals(pair: str) -> tuple[str, str, str]:
    """Split OLD=NEW at its first equals sign outside brackets."""
    depth = 0
    for place, letter in enumerate(pair):
        depth += (letter == "[") - (letter == "]")
        if letter == "=" and not depth:
            return pair[:place].strip(), "=", pair[place + 1 :].strip()
    return pair, "", ""
