"""The command ``neuroalign score``."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.cluster import ClusterOptions, cluster_options
from neuroalign.cli.output import echo_with_cautions
from neuroalign.cli.score_grouped import GroupOptions, group_options, print_groups, refuse_groups
from neuroalign.cli.score_layers import (
    LayerOptions,
    layer_options,
    print_layers,
    refuse_others,
    stands_for_layers,
)
from neuroalign.errors import UsageError
from neuroalign.progress import notice

if TYPE_CHECKING:
    from neuroalign.scoring.benchmark import Benchmark


@click.command(
    epilog="""\b
Examples:
  neuroalign score beta_vae AM-faces
  neuroalign score beta_vae AM-faces --each
  neuroalign score "beta_vae[beta=6,seed=0]" AM-faces --benchmark alignment
  neuroalign score "timm:resnet18@layer3+pca[n=50]" ./my-recordings
  neuroalign score vgg_face AM-faces --weights vgg_face_dag.pth
  neuroalign score "pca[n=50]" AM-faces --benchmark alignment --permutations 199
  neuroalign score timm:resnet18@layer3 AM-faces --weights random --device cuda --precision bfloat16
  neuroalign score beta_vae AM-faces --turns 99
  neuroalign score "pca[n=50]" AM-faces --benchmark single-units
  neuroalign score "neurons:my-cells[animal=Tito]" "my-cells[animal=Chabo,region=[IT,V4]]"
  neuroalign score my_models.py:my_model ./my-recordings --json
  neuroalign score beta_vae my-cells -b ridge --by region,animal
  neuroalign score "pca[n=20]" my-cells -b ridge --windows 0:400:20 --figure course.pdf
  neuroalign score timm:resnet18@layer2 timm:resnet18@layer3 ./my-recordings -b banded_ridge
  neuroalign score "timm:resnet18@layer*" ./my-recordings -b ridge --choose-layer
  neuroalign score "timm:resnet50@layer?[pool=mean]" my-cells -b ridge --by region --figure depth.pdf
  neuroalign score "pca[n=50]" cowley2023 -b ridge
  neuroalign score "pca[n=50]" "my-cells[session=*]" -b ridge
  neuroalign score beta_vae cowley2023 -b ridge --backend dask --address tcp://10.0.0.1:8786
"""
)
@click.argument("model", nargs=-1, metavar="MODEL...")
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help='Benchmark, with options in brackets: "alignment[n_folds=5]". Repeat the option for several. single-units, '
    "populations and all stand for groups. By default the benchmarks of the paper; neuroalign info NAME says whether "
    "a benchmark is one of these.",
)
@click.option(
    "--weights",
    metavar="FILE|random",
    help="File with the weights of a network, or random weights; the same as the option weights= of MODEL.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="Device of a network of timm or torchvision; the same as the option device= of MODEL. By default auto: a GPU "
    "if there is one.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Precision of a network of timm or torchvision; the same as the option precision= of MODEL. By default "
    "float32.",
)
@click.option(
    "--intersection",
    is_flag=True,
    help="Score the stimuli that the model and the recording share, even if some have no latents.",
)
@click.option(
    "--jobs",
    "-j",
    default=1,
    show_default=True,
    help="Jobs at the same time on this machine: instances, datasets, groups, or parts of the shuffles; -1 for all "
    "cores.",
)
@cluster_options
@click.option(
    "--permutations",
    default=0,
    show_default=True,
    metavar="B",
    help="Chance of prediction by B shuffles of the stimuli. They test whether the units predict the neurons, not "
    "whether the axes are special. Each shuffle takes as long as a score.",
)
@click.option(
    "--turns",
    type=int,
    metavar="N",
    help="Random turns of the neurons' tuning for the axis index κ, in benchmarks with an axis index; 20 by default, 0 "
    "for no axis index.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the shuffles.")
@click.option(
    "--choose-layer",
    is_flag=True,
    help="Choose the best of several layers, or of several MODELs, inside the training folds, and score it on the "
    "held-out folds. With --by, each group of neurons has a layer of its own.",
)
@group_options
@layer_options
@click.option("--no-cache", is_flag=True, help="Compute everything again, and store nothing.")
@click.option(
    "--available",
    is_flag=True,
    help="Score the datasets of a collection that were fetched, and leave out the others.",
)
@click.option("--each", "shows_each", is_flag=True, help="Show every number of every instance of a family.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def score(
    model: tuple[str, ...],
    dataset: str,
    benchmarks: tuple[str, ...],
    weights: str | None,
    device: str | None,
    precision: str | None,
    intersection: bool,
    jobs: int,
    permutations: int,
    turns: int | None,
    seed: int,
    choose_layer: bool,
    on: ClusterOptions,
    grouped: GroupOptions,
    swept: LayerOptions,
    no_cache: bool,
    available: bool,
    shows_each: bool,
    as_json: bool,
) -> int:
    """Score MODEL on DATASET.

    MODEL is a family (every instance is scored), one instance, timm:NAME@LAYER, neurons:DATASET, or
    FILE.py:NAME for your own model; see neuroalign list models. DATASET is a name (see neuroalign
    list datasets) or a dataset folder, and may select a part: DATASET[region=IT]. A collection of several
    datasets, such as cowley2023, DATASET[session=*] or a TOML file with datasets = [...], is scored dataset
    by dataset, with a last row for all neurons together.

    Several MODELs are scored together as the bands of one model, for --benchmark banded_ridge.
    --by scores each group of DATASET, and --windows each window of a recording with time bins.
    --choose-layer chooses one of several layers or MODELs inside the training folds.

    A pattern or a list of layers, as in timm:resnet50@* or timm:resnet50@layer1,layer2, is scored layer by layer
    from one pass of the network; --figure draws the score by depth.
    """
    if model:
        # The libraries below take seconds to load, before the bar can appear.
        notice(f"loading {' and '.join([*model, dataset])}")
    from neuroalign.cli.score_choice import print_choices
    from neuroalign.cli.score_collection import benchmarks_of, print_scores_of_collection
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.collection import find_collection
    from neuroalign.datasets.time_bins import expect_one_window
    from neuroalign.models.bands import bands
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import ModelFamily
    from neuroalign.reporting.text.overview import score_overview
    from neuroalign.reporting.text.scores import describe_failures, score_table
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.evaluate import score_all
    from neuroalign.scoring.groups import GROUPS, load_benchmarks

    if not model:
        # The only argument is taken as the last one.
        raise click.MissingParameter(param_type="argument", param_hint="'DATASET'")
    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs must be a positive number, or -1 for all cores, got {jobs}")
    if permutations < 0 or seed < 0:
        raise UsageError(f"--permutations and --seed must not be negative, got {permutations} and {seed}")
    # Quick checks come first: datasets and models can take long to load.
    collection = find_collection(dataset)
    are_named = bool(benchmarks)
    benchmarks = benchmarks or benchmarks_of(dataset, collection)
    wanted = load_benchmarks(benchmarks)
    if turns is not None:
        wanted = _with_turns(wanted, benchmarks, turns)
    given = {"weights": weights, "device": device, "precision": precision}
    options = {name: value for name, value in given.items() if value is not None}
    if len(model) > 1 and options:
        name, value = next(iter(options.items()))
        shown = "FILE" if name == "weights" else value
        raise UsageError(
            f"--{name} must go with one model; write the option of each model: MODEL[{name}={shown}]"
        )
    on.join()
    settings: dict[str, Any] = {
        "join": "intersection" if intersection else "exact",
        "n_jobs": jobs,
        "use_cache": not no_cache,
        "n_permutations": permutations,
        "permutation_seed": seed,
    }
    if available and collection is None:
        raise UsageError(f"--available must go with a collection of datasets, got {dataset}; leave it out")
    if choose_layer:
        named = wanted if are_named else ()
        return print_choices(
            model, dataset, named, grouped, swept, options=options, as_json=as_json, **settings
        )
    has_layers = len(model) == 1 and stands_for_layers(model[0])
    if has_layers:
        refuse_others(model[0], dataset, collection, grouped)
    else:
        swept.refuse()
    if collection is not None:
        if grouped.are_used:
            refuse_groups(model, dataset, collection, grouped)
        return print_scores_of_collection(
            model[0] if len(model) == 1 else bands(model),
            collection,
            wanted,
            as_json=as_json,
            are_named=any(name not in GROUPS for name in benchmarks),
            available=available,
            options=options,
            **settings,
        )
    loaded_dataset = load_dataset(dataset)
    if has_layers:
        return print_layers(
            model[0],
            loaded_dataset,
            wanted,
            swept,
            grouped,
            as_json=as_json,
            seed=seed,
            **options,
            **settings,
        )
    if grouped.are_used:
        chosen = _with_weights(model[0], weights) if len(model) == 1 else bands(model)
        return print_groups(chosen, loaded_dataset, wanted, grouped, as_json=as_json, **settings)
    expect_one_window(loaded_dataset)
    loaded = load_model(model[0], dataset=loaded_dataset, **options) if len(model) == 1 else bands(model)
    scores, failures = score_all(loaded, loaded_dataset, wanted, **settings)
    if as_json:
        document = {
            "model": loaded.identifier,
            "dataset": loaded_dataset.identifier,
            "simulated": loaded_dataset.simulated,
            "scores": [{**result.to_record(), "cautions": cautions(result)} for result in scores],
            "failures": [
                {"model": failure.model, "benchmark": failure.benchmark, "reason": str(failure.reason)}
                for failure in failures
            ],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif scores:
        # A line of more than 160 letters is hard to follow; a terminal of fewer than 60 breaks numbers.
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        settled: dict[str, Any] = {"is_family": isinstance(loaded, ModelFamily), "width": width}
        echo_with_cautions(
            score_table(scores, **settled)
            if shows_each
            else score_overview(scores, **settled, dataset=dataset)
        )
    for line in describe_failures(failures):
        click.echo(f"neuroalign: {line}", err=True)
    if not failures:
        return 0
    # A benchmark that the user did not name may not apply to every model.
    return 1 if any(name not in GROUPS for name in benchmarks) or not scores else 0


def _with_weights(name: str, weights: str | None) -> str:
    """Write the option ``weights`` into the name of a model."""
    from neuroalign.names.syntax import format_spec, parse_spec

    if weights is None:
        return name
    spec = parse_spec(name)
    if "weights" in spec.options:
        raise UsageError(
            f"--weights and the option weights of {name} must not both be given; give one of them"
        )
    return format_spec(spec.name, {**spec.options, "weights": weights}, spec.wrappers)


def _with_turns(wanted: Sequence["Benchmark"], specs: Sequence[str], turns: int) -> list["Benchmark"]:
    """Set the number of turns of the benchmarks that have this option."""
    from neuroalign.names.syntax import parse_spec
    from neuroalign.scoring.groups import GROUPS

    for spec in set(specs) - set(GROUPS):
        own = parse_spec(spec).options.get("turns", turns)
        if own != turns:
            raise UsageError(f"--turns {turns} and {spec} differ; give the number of turns once")
    with_option = [any(option.name == "turns" for option in fields(benchmark)) for benchmark in wanted]
    if not any(with_option):
        names = ", ".join(benchmark.identifier for benchmark in wanted)
        raise UsageError(f"--turns must go with a benchmark that has an axis index, got {names}")
    return [
        type(benchmark)(**{**benchmark.options(), "turns": turns}) if has_turns else benchmark
        for benchmark, has_turns in zip(wanted, with_option, strict=True)
    ]
