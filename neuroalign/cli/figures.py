"""The command ``neuroalign figures``."""

import json
import re
from pathlib import Path

import click

# Of a file's name, with its number and ending below what any file system takes.
_LONGEST = 120


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
    help="Benchmark, with options if need be. Repeat for several; by default all.",
)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="NAME",
    help="Family or instance. Repeat for several; by default all that were scored.",
)
@click.option(
    "--ceiling",
    default="neuron_subset",
    show_default=True,
    metavar="FAMILY",
    help="Family that serves as the ceiling, where scores have none of their own.",
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
    help="How to write them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def figures(
    dataset: str,
    benchmarks: tuple[str, ...],
    models: tuple[str, ...],
    ceiling: str,
    folder: Path,
    style: str,
    as_json: bool,
) -> int:
    """Draw the figures that the stored scores of DATASET support.

    Scores by family, native against recombined, single neurons, unit proportion, UDR, units by neurons, decoded
    faces and latent traversals. What cannot be drawn is named with the reason.
    """
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import DatasetError
    from neuroalign.reporting.figures.gathering import gather_figures
    from neuroalign.reporting.figures.style import save

    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder} is a file; name a folder for the figures with --output")
    made: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    loaded = load_dataset(dataset)
    for each in gather_figures(loaded, benchmarks=benchmarks, models=models, ceiling=ceiling):
        if each.axes is None:
            left_out[each.name] = each.reason
            click.echo(f"neuroalign: no {each.name}: {each.reason}", err=True)
            continue
        path = save(each.axes, folder / f"{_file_name(each.name, list(made.values()))}.{style}")
        made[each.name] = path
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


def _file_name(name: str, taken: list[Path]) -> str:
    """Make a file's name of a figure's: of letters, digits and a few signs, and not one that is taken."""
    plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", name).strip("-.")[:_LONGEST] or "figure"
    stems = {each.stem.lower() for each in taken}
    candidates = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 3))]
    return next(each for each in candidates if each.lower() not in stems)
