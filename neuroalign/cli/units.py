"""The command ``neuroalign units``."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuroalign.names.defaults import DEFAULT_DATASET

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.datasets.stimuli import StimulusSet
    from neuroalign.models.model import Model


@click.command(
    epilog="""\b
Examples:
  neuroalign units "pca[n=20]" AM-faces
  neuroalign units timm:resnet18@layer4 ./my-recordings --embedding timm:resnet50@global_pool --figure units.pdf
  neuroalign units neurons:./my-recordings
  neuroalign units "pca[n=20]" AM-faces --sort best_r --top 10
  neuroalign units "pca[n=20]" ./my-recordings --column category --format csv
"""
)
@click.argument("model")
@click.argument("dataset", required=False)
@click.option(
    "--embedding",
    metavar="MODEL",
    help="Model with the latents that measure the similarity of stimuli; adds the monosemanticity of units.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Column of the stimulus table to measure selectivity for. Repeat the option for several; by default all "
    "columns that describe stimuli.",
)
@click.option(
    "--categorical",
    multiple=True,
    metavar="NAME",
    help="Column of numbers that are labels of categories. Repeat the option for several.",
)
@click.option(
    "--signed", is_flag=True, help="Choose the best neuron by signed correlations: a unit has a sign."
)
@click.option(
    "--folds", "n_folds", default=10, show_default=True, help="Folds that choose and judge best neurons."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the folds.")
@click.option("--sort", metavar="COLUMN", help="Column that orders the units, such as variance or best_r.")
@click.option("--top", default=40, show_default=True, help="Units in the table of text.")
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--figure", type=click.Path(path_type=Path, dir_okay=False), help="File for a figure: .svg, .pdf or .png."
)
@click.option(
    "--weights", metavar="FILE|random", help="File with weights, or random weights, as for neuroalign score."
)
@click.option(
    "--intersection",
    is_flag=True,
    help="Take the stimuli that the model and the recording share, even if some have no latents.",
)
@click.option("--no-cache", is_flag=True, help="Compute everything again, and store nothing.")
def units(
    model: str,
    dataset: str | None,
    embedding: str | None,
    columns: tuple[str, ...],
    categorical: tuple[str, ...],
    signed: bool,
    n_folds: int,
    seed: int,
    sort: str | None,
    top: int,
    style: str,
    as_json: bool,
    figure: Path | None,
    weights: str | None,
    intersection: bool,
    no_cache: bool,
) -> None:
    """Describe each unit of MODEL: variance, sparseness, best neuron and selectivity.

    MODEL is one instance of a family, any other model, or neurons:DATASET. With DATASET the table has the best
    neuron of each unit, chosen on training stimuli and judged on held-out stimuli. Without DATASET the units are
    described on the stimuli of the neurons themselves, or of AM-faces.
    """
    from dataclasses import replace

    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.time_bins import expect_one_window
    from neuroalign.errors import UsageError
    from neuroalign.models.model import MadeOfNeurons
    from neuroalign.reporting.text.units import format_units, sort_units, write_csv
    from neuroalign.scoring.units import describe_units

    if top < 1 or seed < 0:
        raise UsageError(f"--top must be at least 1 and --seed not negative, got {top} and {seed}")
    loaded_dataset = None if dataset is None else load_dataset(dataset)
    if loaded_dataset is not None and loaded_dataset.has_responses:
        expect_one_window(loaded_dataset)
    loaded = _load_instance(model, loaded_dataset, weights)
    source: Dataset | StimulusSet
    if loaded_dataset is not None:
        source = loaded_dataset if loaded_dataset.has_responses else loaded_dataset.stimuli
    elif isinstance(loaded, MadeOfNeurons):
        source = loaded.neurons_of.stimuli
    else:
        source = load_dataset(DEFAULT_DATASET).stimuli
    table = describe_units(
        loaded,
        source,
        embedding=None if embedding is None else _load_instance(embedding, loaded_dataset, None),
        columns=columns or None,
        categorical=categorical,
        absolute=not signed,
        n_folds=n_folds,
        seed=seed,
        join="intersection" if intersection else "exact",
        use_cache=not no_cache,
    )
    if sort is not None:
        table = replace(table, table=sort_units(table, sort))
    if figure is not None:
        from neuroalign.reporting.figures.style import save
        from neuroalign.reporting.figures.unit_table import units_in_rows

        click.echo(f"neuroalign: written to {save(units_in_rows(table), figure)}", err=True)
    if as_json or style == "json":
        click.echo(json.dumps(table.to_record(), indent=1, allow_nan=False))
    elif style == "csv":
        click.echo(write_csv(table))
    else:
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        click.echo(format_units(table, top=top, width=width))


def _load_instance(name: str, dataset: "Dataset | None", weights: str | None) -> "Model":
    """Load a model; a family is an error that names its first instance."""
    from neuroalign.errors import UsageError
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import ModelFamily

    loaded = load_model(name, dataset=dataset, **({} if weights is None else {"weights": weights}))
    if isinstance(loaded, ModelFamily):
        first = loaded.instance_identifier(**loaded.grid(dataset)[0])
        raise UsageError(f"{name} is a family, and units belong to one instance; name one, such as {first}")
    return loaded
