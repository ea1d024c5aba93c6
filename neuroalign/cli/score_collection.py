"""Scores of the datasets of a collection, for the command ``neuroalign score``."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from neuroalign.datasets.collection import Collection
    from neuroalign.models.model import Model
    from neuroalign.scoring.benchmark import Benchmark


def benchmarks_of(dataset: str, collection: "Collection | None") -> tuple[str, ...]:
    """Return the benchmarks that the file of a collection names; none for other collections and datasets."""
    from neuroalign.datasets.board_file import read_board_file
    from neuroalign.datasets.collection import FILE_ENDING

    is_file = collection is not None and dataset.endswith(FILE_ENDING)
    return read_board_file(Path(dataset).expanduser()).benchmarks if is_file else ()


def print_scores_of_collection(
    model: "str | Model",
    collection: "Collection",
    benchmarks: "Sequence[Benchmark]",
    *,
    as_json: bool,
    are_named: bool = True,
    **options: Any,
) -> int:
    """Score a model on every dataset of a collection, and print the scores with their mean over all neurons.

    Parameters
    ----------
    model : str or Model
    collection : Collection
    benchmarks : sequence of Benchmark
    as_json : bool
        Whether to print one JSON document in place of a table.
    are_named : bool
        Whether the user named the benchmarks; another benchmark may not apply to every model.
    **options
        Further arguments of :func:`neuroalign.scoring.collection.score_members`.

    Returns
    -------
    int
        Exit code: 1 if a benchmark that the user named could not score an instance, or nothing was scored, else 0.
    """
    from neuroalign.reporting.text.collection import collection_table
    from neuroalign.reporting.text.scores import describe_failures
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.collection import score_members, summarise_members

    members = score_members(model, collection, benchmarks, **options)
    summaries = summarise_members(members, collection)
    if as_json:
        document = {
            "model": members[0].family,
            "collection": collection.identifier,
            "simulated": members[0].dataset.simulated,
            "members": [
                {
                    "dataset": member.dataset.identifier,
                    "scores": [
                        {**result.to_record(), "cautions": cautions(result)} for result in member.scores
                    ],
                    "failures": [
                        {
                            "model": failure.model,
                            "benchmark": failure.benchmark,
                            "reason": str(failure.reason),
                        }
                        for failure in member.failures
                    ],
                }
                for member in members
            ],
            # The members stand once in the document.
            "summary": [
                {name: value for name, value in summary.to_record().items() if name != "members"}
                for summary in summaries
            ],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif summaries:
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        click.echo(collection_table(members, summaries, width=width))
    for member in members:
        for line in describe_failures(member.failures):
            click.echo(f"neuroalign: {member.dataset.identifier}: {line}", err=True)
    if not any(member.failures for member in members):
        return 0
    return 1 if are_named or not summaries else 0
