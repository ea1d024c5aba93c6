"""Output of ``neuroalign score`` with ``--choose-layer``: the layer is chosen inside the training folds."""

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.score_grouped import GroupOptions
from neuroalign.cli.score_layers import LayerOptions
from neuroalign.errors import NeuroalignError, UsageError

if TYPE_CHECKING:
    from neuroalign.scoring.benchmark import Benchmark


def print_choices(
    models: Sequence[str],
    dataset: str,
    benchmarks: "Sequence[Benchmark]",
    grouped: GroupOptions,
    swept: LayerOptions,
    *,
    options: Mapping[str, str],
    as_json: bool,
    **settings: Any,
) -> int:
    """Choose a layer inside the training folds for each benchmark, and print the scores.

    Parameters
    ----------
    models : sequence of str
        Name with patterns of layers, family, or names of several models.
    dataset : str
        Name or folder of a dataset.
    benchmarks : sequence of Benchmark
        Benchmarks with held-out folds; empty where the user named none.
    grouped : GroupOptions
        Columns of the neurons for groups with layers of their own.
    swept : LayerOptions
        Options of tables of layers, which a choice does not have.
    options : mapping of str to str
        Options that the command line gives beside the name of one model, such as ``weights``.
    as_json : bool
        Whether to print one JSON document in place of the tables.
    **settings
        Further arguments of :func:`neuroalign.scoring.layer_choice.choose_layer`.

    Returns
    -------
    int
        Exit status: 1 if a benchmark fails.
    """
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.collection import find_collection
    from neuroalign.reporting.text.layer_choice import format_choice
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.layer_choice import choose_layer
    from neuroalign.scoring.nested_choice import benchmarks_that_choose, check_can_choose

    if not benchmarks:
        raise UsageError(
            f"--choose-layer must go with --benchmark; take one of {', '.join(benchmarks_that_choose())}"
        )
    refused = {
        "windows": grouped.windows,
        "also": grouped.also,
        "figure": grouped.figure,
        "common-units": swept.common_units,
        "csv": swept.as_csv,
    }
    for name, value in refused.items():
        if value:
            raise UsageError(f"--choose-layer must go without --{name}; leave one of the two out")
    for benchmark in benchmarks:
        check_can_choose(benchmark)
    if find_collection(dataset) is not None:
        raise UsageError(
            f"--choose-layer must go with one dataset, got the collection {dataset}; name one of its datasets"
        )
    loaded = load_dataset(dataset)
    named = [_with_options(model, options) for model in models]
    choices, failures = [], {}
    for benchmark in benchmarks:
        try:
            chosen = choose_layer(
                named[0] if len(named) == 1 else named, loaded, benchmark, by=grouped.by, **settings
            )
        except NeuroalignError as error:
            if len(benchmarks) == 1:
                raise
            failures[benchmark.identifier] = str(error)
            continue
        choices.append(chosen)
    if as_json:
        document = {
            "models": named,
            "dataset": loaded.identifier,
            "simulated": loaded.simulated,
            "choices": [{**choice.to_record(), "cautions": cautions(choice.score)} for choice in choices],
            "failures": [{"benchmark": name, "reason": reason} for name, reason in failures.items()],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    else:
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        click.echo("\n\n".join(format_choice(choice, width=width) for choice in choices))
    for name, reason in failures.items():
        click.echo(f"neuroalign: no {name}: {' '.join(reason.split())}", err=True)
    return 1 if failures else 0


def _with_options(name: str, options: Mapping[str, str]) -> str:
    """Write options into the name of a model."""
    from neuroalign.names.syntax import format_spec, parse_spec

    spec = parse_spec(name)
    for option in options:
        if option in spec.options:
            raise UsageError(
                f"--{option} and the option {option} of {name} must not both be given; give one of them"
            )
    return format_spec(spec.name, {**spec.options, **options}, spec.wrappers) if options else name
