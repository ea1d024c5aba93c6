"""The commands ``neuroalign data …``: add, fetch, list, check, export and remove datasets."""

import json
from typing import Any

import click

from neuroalign.cli.data_add import add, formats
from neuroalign.cli.data_align import align_faces, measure_faces
from neuroalign.cli.data_fetch import fetch
from neuroalign.cli.data_simulate import simulate_faces
from neuroalign.cli.data_text import one_line, print_report


@click.group()
def data() -> None:
    """Fetch public recordings; add, list, check, export and remove recordings of your own.

    A dataset that was added once is available by its name. Every command accepts the path of a dataset folder in
    place of a name.
    """


data.add_command(add)
data.add_command(align_faces)
data.add_command(measure_faces)
data.add_command(simulate_faces)
data.add_command(fetch)
data.add_command(formats)


@data.command(
    short_help="Import landmarks on the images, or detect them.",
    epilog="""\b
Examples:
  neuroalign data landmarks my-cells --file landmarks.csv
  neuroalign data landmarks my-cells
""",
)
@click.argument("name", metavar="NAME|PATH")
@click.option(
    "--file",
    type=click.Path(),
    metavar="CSV",
    help="Table of landmarks: stimulus_id, then NAME_x and NAME_y in pixels from the upper left corner. Without a "
    "table landmarks are detected, which needs the extra: pip install 'neuroalign[landmarks]'.",
)
@click.option("--force", is_flag=True, help="Replace the landmarks that the dataset has.")
def landmarks(name: str, file: str | None, force: bool) -> None:
    """Add landmarks on faces, which active appearance models need, to a dataset.

    Notes name the stimuli without landmarks: stimuli without a row in the table, or without a detected face. Active
    appearance models have no latents for these stimuli; score such models with --intersection.
    """
    from neuroalign.datasets.catalogue import folder_of, load_dataset
    from neuroalign.datasets.importing.landmarks import import_landmarks
    from neuroalign.datasets.landmarks.detection import add_detected_landmarks
    from neuroalign.errors import DatasetError

    if load_dataset(folder_of(name)).stimuli.landmarks is not None and not force:
        raise DatasetError(f"{name} has landmarks already; replace them with --force")
    for note in add_detected_landmarks(name) if file is None else import_landmarks(name, file):
        click.echo(f"neuroalign: note: {note}", err=True)
    stored = load_dataset(folder_of(name)).stimuli.landmarks
    assert stored is not None
    click.echo(f"{name}: {stored.sizes['landmark']} landmarks on {stored.sizes['stimulus']} images")


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_datasets(as_json: bool) -> None:
    """List the datasets that were added.

    'neuroalign list datasets' also lists the datasets of neuroalign and of plug-ins.
    """
    from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
    from neuroalign.datasets.inspecting import describe
    from neuroalign.errors import NeuroalignError

    rows: list[dict[str, Any]] = []
    for name in added_names():
        try:
            rows.append(describe(load_dataset(name)))
        except NeuroalignError as error:
            rows.append({"name": name, "error": str(error)})
    if as_json:
        click.echo(json.dumps({"folder": str(datasets_folder()), "datasets": rows}, indent=1))
        return
    if not rows:
        click.echo(f"No datasets in {datasets_folder()}; add one with: neuroalign data add --help", err=True)
    for row in rows:
        click.echo(f"{row['name']}: damaged: {row['error']}" if "error" in row else one_line(row))


@data.command(epilog="Example: neuroalign data info my-cells")
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(name: str, as_json: bool) -> None:
    """Describe the content and the origin of a dataset."""
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.inspecting import describe

    print_report(describe(load_dataset(name)), as_json)


@data.command(short_help="Check all parts of a dataset.", epilog="Example: neuroalign data validate my-cells")
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def validate(ctx: click.Context, name: str, as_json: bool) -> None:
    """Check all parts of a dataset; the exit code is 1 if it has problems.

    Counts neurons, stimuli, trials and missing trials, finds neurons with the same response to all stimuli, computes
    the split-half reliability of every neuron and opens every image. Lists stimuli with equal or nearly equal images,
    unless the column 'original' of the stimulus table marks them as variants.
    """
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.inspecting import validate as check
    from neuroalign.errors import NeuroalignError, UnknownNameError

    try:
        report = check(load_dataset(name))
    except UnknownNameError:
        raise
    except NeuroalignError as error:
        report = {"name": name, "problems": [str(error)]}
    print_report(report, as_json)
    if report["problems"]:
        ctx.exit(1)


@data.command(epilog="Example: neuroalign data remove my-cells")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without confirmation.")
def remove(name: str, yes: bool) -> None:
    """Delete a dataset that was added."""
    from neuroalign.datasets.catalogue import datasets_folder, expect_added, remove_dataset

    expect_added(name)
    if not yes:
        click.confirm(f"Delete {datasets_folder() / name} permanently?", abort=True, err=True)
    remove_dataset(name)
    click.echo(f"Removed {name}")


@data.command(epilog="Example: neuroalign data export my-cells my-cells.nc")
@click.argument("name", metavar="NAME|PATH")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def export(name: str, file: str, force: bool) -> None:
    """Write the recording of a dataset to FILE for Brain-Score.

    FILE becomes a BrainIO data assembly (netCDF). The stimulus set of the assembly is the file stimuli.csv and the
    folder images of the dataset.
    """
    from pathlib import Path

    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.formats.assembly import write_brainio
    from neuroalign.errors import DatasetError

    dataset = load_dataset(name)
    if Path(file).exists() and not force:
        raise DatasetError(f"{file} exists already; replace it with --force")
    write_brainio(dataset, Path(file))
    click.echo(f"Wrote {file}")
