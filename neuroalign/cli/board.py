"""Boards of several datasets, for the command ``neuroalign leaderboard``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.output import typed_command
from neuroalign.progress import notice

if TYPE_CHECKING:
    from neuroalign.comparison.leaderboard import Correction


def is_board(datasets: Sequence[str], options: Mapping[str, Any]) -> bool:
    """Return whether arguments ask for a board: several datasets, a collection, or an option of boards.

    Parameters
    ----------
    datasets : sequence of str
        Names and files that the user gave.
    options : mapping of str to object
        Options of boards only; empty values were not given.
    """
    from neuroalign.datasets.collection import find_collection

    return len(datasets) > 1 or any(options.values()) or find_collection(datasets[0]) is not None


def print_boards(datasets: Sequence[str], options: Mapping[str, Any], style: str) -> int:
    """Print a board for each benchmark.

    Parameters
    ----------
    datasets : sequence of str
        Names and files that the user gave. A file alone is a board: its datasets are the columns.
    options : mapping of str to object
        Arguments of :func:`neuroalign.comparison.board.boards`. An empty value stands for the entry of the file, or the
        default.
    style : {"table", "json", "csv", "markdown", "latex"}

    Returns
    -------
    int
        Exit code 0.

    Raises
    ------
    NeuroalignError
        If nothing has been scored on the datasets.
    """
    from neuroalign.comparison.board import boards
    from neuroalign.comparison.board_findings import describe_board
    from neuroalign.errors import NeuroalignError
    from neuroalign.reporting.text.board import format_boards

    sources, given = _choose(datasets, options)
    tables = boards(sources, **given)
    if not any(len(table) for table in tables):
        by = f" by {', '.join(given['benchmarks'])}" if given["benchmarks"] else ""
        raise NeuroalignError(
            f"nothing has been scored on {', '.join(sources)}{by} yet; try: neuroalign score MODEL {sources[0]}"
        )
    click.echo(format_boards(tables, style))
    if style == "csv":
        for sentence in dict.fromkeys(line for table in tables for line in describe_board(table)):
            click.echo(f"neuroalign: note: {sentence}", err=True)
    return 0


def write_board_pages(
    datasets: Sequence[str],
    options: Mapping[str, Any],
    site: Path,
    *,
    correction: "Correction",
    over_neurons: bool,
    stimulus_pictures: bool | None = None,
) -> int:
    """Write the site of a board.

    Parameters
    ----------
    datasets, options
        See :func:`print_boards`.
    site : Path
        Folder of the site.
    correction : {"holm", "bh"}
    over_neurons, stimulus_pictures
        Tests and pictures on the pages of each dataset; see ``neuroalign.reporting.site.write_board_site``.

    Returns
    -------
    int
        Exit code 0.
    """
    from neuroalign.reporting.site import write_board_site

    sources, given = _choose(datasets, options)
    notice("writing the pages")
    first_page = write_board_site(
        site,
        sources,
        correction=correction,
        over_neurons=over_neurons,
        stimulus_pictures=stimulus_pictures,
        command=typed_command(),
        **given,
    )
    click.echo(f"written to {site}; open {first_page}")
    return 0


def _choose(datasets: Sequence[str], options: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the datasets, and the options of the command or of the file of the board."""
    sources, of_file = _read(datasets)
    given = {**of_file, **{name: value for name, value in options.items() if value}}
    given["benchmarks"] = list(given.get("benchmarks", ())) or None
    return sources, given


def _read(datasets: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the datasets of a board, and the options of its file."""
    from neuroalign.datasets.board_file import read_board_file
    from neuroalign.datasets.collection import FILE_ENDING, find_collection

    name = datasets[0]
    # A folder of a dataset may have this ending, too.
    if len(datasets) > 1 or not name.endswith(FILE_ENDING) or find_collection(name) is None:
        return list(datasets), {}
    path = Path(name).expanduser()
    file = read_board_file(path)
    return file.located(path.parent), {
        "benchmarks": file.benchmarks,
        "models": file.models,
        "over": file.over,
        "mean": file.mean,
        "over_ceiling": file.over_ceiling,
        "separate_animals": file.separate_animals,
        "members": file.members,
        "n_resamples": file.resamples,
        "seed": file.seed,
        "name": file.name or path.stem,
        "title": file.title,
    }
