"""The command ``neuroalign figures``."""

import json
from pathlib import Path

import click

from neuroalign.progress import notice


@click.command(
    epilog="""\b
Example:
  neuroalign score beta_vae AM-faces && neuroalign score neuron_subset AM-faces
  neuroalign figures AM-faces --output figures --format pdf
"""
)
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="Benchmark with its options. Repeat the option for several; by default all benchmarks with default options.",
)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="NAME",
    help="Family or instance. Repeat the option for several; by default all scored models.",
)
@click.option(
    "--ceiling",
    metavar="FAMILY",
    help="Family that provides the ceiling of scores without a ceiling of their own; by default the family of subsets "
    "of the recorded neurons.",
)
@click.option(
    "--output", "-o", "folder", type=click.Path(path_type=Path), required=True, help="Folder for the figures."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["svg", "pdf", "png"]),
    default="svg",
    show_default=True,
    help="Format of the files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def figures(
    dataset: str,
    benchmarks: tuple[str, ...],
    models: tuple[str, ...],
    ceiling: str | None,
    folder: Path,
    style: str,
    as_json: bool,
) -> int:
    """Draw the figures that the stored scores of DATASET support.

    The figures are scores by family, native against recombined neurons, single neurons, unit proportion, UDR,
    units by neurons, decoded faces and latent traversals. Each missing figure is named with the reason.
    """
    # The libraries below take seconds to load.
    notice(f"drawing the figures of {dataset}")
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.time_bins import expect_one_window
    from neuroalign.errors import DatasetError
    from neuroalign.reporting.figures.files import file_name
    from neuroalign.reporting.figures.gathering import gather_figures
    from neuroalign.reporting.figures.style import save

    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"--output must be a folder, got the file {folder}; name a folder for the figures")
    made: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    for figure in gather_figures(loaded, benchmarks=benchmarks, models=models, ceiling=ceiling):
        if figure.axes is None:
            left_out[figure.name] = figure.reason
            click.echo(f"neuroalign: no {figure.name}: {figure.reason}", err=True)
            continue
        path = save(figure.axes, folder / f"{file_name(figure.name, made.values())}.{style}")
        made[figure.name] = path
        if not as_json:
            click.echo(path)
    if as_json:
        document = {
            "dataset": loaded.identifier,
            "simulated": loaded.simulated,
            "figures": [{"name": name, "path": str(path)} for name, path in made.items()],
            "left_out": [{"name": name, "reason": reason} for name, reason in left_out.items()],
        }
        click.echo(json.dumps(document, indent=1, allow_nan=False))
    return 0 if made else 1
