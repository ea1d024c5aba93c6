"""Output of ``neuroalign score`` with ``--choose-layer``: the layer is chosen inside the training folds."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.advice import first_member, in_one_window, with_reducer, write_score
from neuroalign.cli.score_grouped import GroupOptions, check_ending
from neuroalign.cli.score_layers import LayerOptions
from neuroalign.errors import NeuroalignError, UsageError

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset
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
        Columns of the neurons for groups with layers of their own, and file for the figure.
    swept : LayerOptions
        Format of the table.
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
    from neuroalign.reporting.text.layer_choice import format_choice
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.layer_choice import choose_layer
    from neuroalign.scoring.nested_choice import benchmarks_that_choose, check_can_choose

    if not benchmarks:
        raise UsageError(
            f"--choose-layer must go with --benchmark; take one of {', '.join(benchmarks_that_choose())}"
        )
    for benchmark in benchmarks:
        check_can_choose(benchmark)
    _refuse_others(models, dataset, benchmarks, grouped, swept, seed=settings.get("permutation_seed", 0))
    if grouped.figure is not None:
        check_ending(grouped.figure)
    if as_json and swept.as_csv:
        raise UsageError("--json and --csv must not both be given; give one of them")
    loaded = load_dataset(dataset)
    if grouped.figure is not None:
        from neuroalign.reporting.figures.layer_choice import expect_panels

        expect_panels(len(benchmarks) * _count_groups(loaded, grouped.by))
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
    if grouped.figure is not None and choices:
        from neuroalign.reporting.figures.layer_choice import chosen_layers
        from neuroalign.reporting.figures.style import save

        click.echo(f"neuroalign: written to {save(chosen_layers(choices), grouped.figure)}", err=True)
    if as_json:
        document = {
            "models": named,
            "dataset": loaded.identifier,
            "simulated": loaded.simulated,
            "choices": [{**choice.to_record(), "cautions": cautions(choice.score)} for choice in choices],
            "failures": [{"benchmark": name, "reason": reason} for name, reason in failures.items()],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif swept.as_csv:
        import pandas as pd

        table = pd.concat([choice.to_table() for choice in choices]) if choices else pd.DataFrame()
        click.echo(table.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        click.echo("\n\n".join(format_choice(choice, width=width) for choice in choices))
    for name, reason in failures.items():
        click.echo(f"neuroalign: no {name}: {' '.join(reason.split())}", err=True)
    return 1 if failures else 0


def _refuse_others(
    models: Sequence[str],
    dataset: str,
    benchmarks: "Sequence[Benchmark]",
    grouped: GroupOptions,
    swept: LayerOptions,
    *,
    seed: int,
) -> None:
    """Refuse options that a choice does not have, and name commands that work."""
    from neuroalign.datasets.collection import find_collection
    from neuroalign.names.defaults import DEFAULT_SUBSET
    from neuroalign.names.syntax import format_spec

    named = [
        format_spec(
            benchmark.identifier,
            {
                field.name: getattr(benchmark, field.name)
                for field in fields(benchmark)
                if getattr(benchmark, field.name) != field.default
            },
        )
        for benchmark in benchmarks
    ]
    own = [word for name in named for word in ("-b", name)] + ["--choose-layer"]
    own += ["--by", grouped.by] if grouped.by else []
    for name, is_given in (("windows", grouped.windows), ("across-windows", grouped.across_windows)):
        if is_given:
            raise UsageError(
                f"--choose-layer must go without --{name}; choose a layer in one window: "
                f"{write_score(models, in_one_window(dataset), *own)}"
            )
    if grouped.also:
        raise UsageError(
            "--choose-layer must go without --also; for more candidates write "
            f"{write_score([*models, *grouped.also], dataset, *own)}"
        )
    if swept.common_units:
        n = "N" if swept.common_units == "min" else swept.common_units
        drawn = [with_reducer(model, f"{DEFAULT_SUBSET}[n={n},seed={seed}]") for model in models]
        raise UsageError(
            "--choose-layer must go without --common-units; draw units by a reducer: "
            f"{write_score(drawn, dataset, *own)}"
        )
    collection = find_collection(dataset)
    if collection is not None:
        raise UsageError(
            f"--choose-layer must go with one dataset, got the collection {dataset}; choose a layer in each of its "
            f"datasets: {write_score(models, first_member(collection, dataset), *own)}"
        )


def _count_groups(dataset: "Dataset", by: str) -> int:
    """Return the number of groups of neurons that have a layer of their own."""
    from neuroalign.scoring.grouped import as_columns
    from neuroalign.scoring.nested_choice import group_neurons

    return len(
        group_neurons(dataset, dataset.recording["neuroid_id"].values.astype(str), as_columns(by)).names
    )


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
