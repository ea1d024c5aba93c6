"""The commands ``neuroalign data …``: bring recordings, and look after them."""

import json
from typing import Any

import click

_FORMATS = ("matlab", "npy", "npz", "csv", "hdf5", "brainio", "rasters")
_DROPS = ("incomplete-neuroids", "incomplete-stimuli", "constant-neuroids")


@click.group()
def data() -> None:
    """Add recordings of your own, and look after them.

    A dataset is added once and is then known by its name. Wherever a name is expected, the path of a
    dataset folder is as good.
    """


class _TakesSeveralFiles(click.Command):
    """A command whose option --responses takes all that follows it, as a shell's wildcards give it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        following = False
        for arg in args:
            if arg.startswith("-") and arg != "-":
                following = False
            elif following and spread[-1] != "--responses":
                spread.append("--responses")
            spread.append(arg)
            following = following or arg == "--responses"
        return super().parse_args(ctx, spread)


class _Window(click.ParamType):
    """Two numbers with a comma between them."""

    name = "START,END"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            start, end = map(float, value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not START,END in milliseconds, for example 100,400", param, ctx)
        if not start < end:
            self.fail(f"{value!r} must start before it ends", param, ctx)
        return start, end


@data.command(
    cls=_TakesSeveralFiles,
    epilog="""\b
Examples:
  neuroalign data add my-cells --responses cells.mat --axes neuroid,stimulus,repetition --images faces.zip
  neuroalign data add my-cells --responses cells.npy --axes stimulus,neuroid --stimuli stimuli.csv --images faces/
  neuroalign data add my-sites --responses rasters.zip --window 100,400 --stimulus-labels person,orientation
  neuroalign data add my-v4 --responses assembly.nc --images images/ --stimuli stimuli.csv
""",
)
@click.argument("name")
@click.option(
    "--responses",
    multiple=True,
    required=True,
    metavar="FILE...",
    help="What was recorded: MATLAB (.mat, also 7.3), NumPy (.npy, .npz), CSV, HDF5, BrainIO netCDF (.nc), or the "
    "Neural Decoding Toolbox's raster CSVs (a folder, a ZIP archive or the files). Several files of "
    "one format are further neurons; they join by the labels of their stimuli, or by position if none has labels.",
)
@click.option(
    "--axes",
    metavar="AXIS,AXIS[,AXIS]",
    help="What the axes of the array are, in order: neuroid, stimulus and, for single trials, repetition "
    "(NaN where a trial is missing). Needed for MATLAB, NumPy, CSV and HDF5.",
)
@click.option(
    "--variable", metavar="NAME", help="Which array of a MATLAB, .npz or HDF5 file, if it has several."
)
@click.option(
    "--images",
    type=click.Path(),
    metavar="DIR|ZIP",
    help="The images that were shown. Without them, models that look at images cannot be scored.",
)
@click.option(
    "--stimuli",
    type=click.Path(),
    metavar="CSV",
    help="A table of the stimuli in the order of the stimulus axis. Its columns stimulus_id and filename (both "
    "optional; also image_id, image_file_name, …) name them and their images; the others are kept. Without ids, "
    "stimuli are named after the image files in sorted order; without images, they are numbered.",
)
@click.option(
    "--landmarks",
    type=click.Path(),
    metavar="CSV",
    help="Landmarks on the images: stimulus_id, then NAME_x and NAME_y in pixels from the upper left corner. "
    "Active appearance models need them; they can also be added later, or detected (neuroalign data landmarks).",
)
@click.option(
    "--window",
    type=_Window(),
    help="When to count spikes, in milliseconds: from START to before END, which must be edges of time bins. Needed "
    "for rasters, and for BrainIO files with several time bins (which are averaged, weighted by their length).",
)
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="The format of the responses, if it cannot be told from the file. hdf5: the axes are as h5py shows them.",
)
@click.option(
    "--stimulus-labels",
    metavar="LABEL[,LABEL]",
    help='Rasters: the labels that together make a stimulus, without "labels.". By default all.',
)
@click.option(
    "--csv-labels",
    type=click.Choice(("none", "header", "index", "both")),
    help="CSV: whether the first row and column are labels. By default if they hold text alone.",
)
@click.option(
    "--image-order",
    type=click.Choice(("name", "number")),
    help="How images are sorted where that gives the order of the stimuli: does image10 come before image2 "
    "(name) or after it (number)?",
)
@click.option("--stimulus-set", metavar="NAME", help="What to call the stimulus set. By default NAME.")
@click.option(
    "--region",
    help="The brain region of all neurons, which may not contradict the files. By default as in the files.",
)
@click.option(
    "--animal",
    help="The animal that all neurons are from, which may not contradict the files. By default as in the files.",
)
@click.option(
    "--averaged/--trials",
    default=None,
    help="Whether responses without a repetition axis are means over trials (the default) or single trials.",
)
@click.option(
    "--drop",
    type=click.Choice(_DROPS),
    multiple=True,
    help="Leave out what cannot be used, which is otherwise an error: neurons without a trial of some "
    "stimulus, stimuli that some neuron has no trial of, neurons that respond to all stimuli alike. "
    "May be given twice.",
)
@click.option("--source", help="Where the recording comes from; kept with the dataset.")
@click.option("--licence", "--license", help="Its licence; kept with the dataset.")
@click.option("--citation", help="What to cite; kept with the dataset.")
@click.option("--description", help="One line about it; kept with the dataset.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def add(
    name: str,
    responses: tuple[str, ...],
    stimulus_labels: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Add a recording as the dataset NAME.

    Everything is read and checked before the dataset appears; an import that fails leaves nothing behind.
    """
    from neuroalign.datasets.importing.importer import import_dataset
    from neuroalign.datasets.inspecting import describe

    dataset = import_dataset(
        name,
        responses=responses,
        stimulus_labels=None if stimulus_labels is None else _split(stimulus_labels),
        **options,
    )
    described = describe(dataset)
    for note in described.get("notes", []):
        click.echo(f"neuroalign: note: {note}", err=True)
    for what in ("neuroids", "stimuli"):
        dropped = described.get(f"dropped_{what}")
        if dropped:
            click.echo(f"neuroalign: note: {len(dropped)} {what} left out: {', '.join(dropped)}.", err=True)
    click.echo(json.dumps(described, indent=1) if as_json else f"Added {_one_line(described)}")


@data.command(
    short_help="Import or detect landmarks on the images.",
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
    help="stimulus_id, then NAME_x and NAME_y in pixels from the upper left corner. By default landmarks "
    "are detected, which needs the extra: pip install 'neuroalign[landmarks]'.",
)
@click.option("--force", is_flag=True, help="Replace the landmarks that the dataset has.")
def landmarks(name: str, file: str | None, force: bool) -> None:
    """Give a dataset that was added landmarks on its faces, which active appearance models need.

    Stimuli without a row in the file, or in which no face is found, are named. They get no latents from such models,
    which are then scored with --intersection.
    """
    from neuroalign.datasets.catalogue import folder_of, load_dataset
    from neuroalign.datasets.importing.importer import import_landmarks
    from neuroalign.datasets.landmarks.detection import add_detected_landmarks
    from neuroalign.errors import DatasetError

    if load_dataset(folder_of(name)).stimuli.landmarks is not None and not force:
        raise DatasetError(f"{name} has landmarks already; replace them with --force")
    for note in add_detected_landmarks(name) if file is None else import_landmarks(name, file):
        click.echo(f"neuroalign: note: {note}", err=True)
    found = load_dataset(folder_of(name)).stimuli.landmarks
    assert found is not None
    click.echo(f"{name}: {found.sizes['landmark']} landmarks on {found.sizes['stimulus']} images")


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_datasets(as_json: bool) -> None:
    """List the datasets that were added.

    Datasets that come with neuroalign or a plug-in are listed by: neuroalign list datasets
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
        click.echo(f"{row['name']}: damaged: {row['error']}" if "error" in row else _one_line(row))


@data.command(epilog="Example: neuroalign data info my-cells")
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(name: str, as_json: bool) -> None:
    """Say what is in a dataset and where it is from."""
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.inspecting import describe

    _print_report(describe(load_dataset(name)), as_json)


@data.command(
    short_help="Check everything about a dataset.", epilog="Example: neuroalign data validate my-cells"
)
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def validate(ctx: click.Context, name: str, as_json: bool) -> None:
    """Check everything about a dataset; exit code 1 if there are problems.

    Counts neurons, stimuli, trials and missing trials, looks for neurons that never vary, computes the
    split-half reliability of every neuron and opens every image. Names stimuli with images of the same pixels, or
    nearly, unless the column original of the stimulus table marks them as variants.
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
    _print_report(report, as_json)
    if report["problems"]:
        ctx.exit(1)


@data.command(epilog="Example: neuroalign data remove my-cells")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Delete a dataset that was added."""
    from neuroalign.datasets.catalogue import datasets_folder, expect_added, remove_dataset

    expect_added(name)
    if not yes:
        click.confirm(f"Delete {datasets_folder() / name} for good?", abort=True, err=True)
    remove_dataset(name)
    click.echo(f"Removed {name}")


@data.command(epilog="Example: neuroalign data export my-cells my-cells.nc --format brainio")
@click.argument("name", metavar="NAME|PATH")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--format", type=click.Choice(("brainio",)), default="brainio", show_default=True, help="What to write."
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def export(name: str, file: str, format: str, force: bool) -> None:
    """Write the recording of a dataset to FILE for other programs.

    brainio: a data assembly in Brain-Score's netCDF layout. The stimulus set that belongs to it is the
    file stimuli.csv and the folder images of the dataset.
    """
    from pathlib import Path

    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.formats.brainio import write_brainio
    from neuroalign.errors import DatasetError

    dataset = load_dataset(name)
    if Path(file).exists() and not force:
        raise DatasetError(f"{file} exists already; replace it with --force")
    write_brainio(dataset, Path(file))
    click.echo(f"Wrote {file}")


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


def _one_line(row: dict[str, Any]) -> str:
    kind = "simulated" if row["simulated"] else "recorded"
    trials = (
        "averaged" if row["averaged"] else f"{_spread(row['presentations_per_stimulus'])} presentations each"
    )
    images = "with images" if row["images"] else "no images"
    return f"{row['name']}: {row['neurons']} {kind} neurons × {row['stimuli']} stimuli, {trials}, {images}"


def _print_report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=1, allow_nan=False))
        return
    width = max(map(len, report))
    for key, value in report.items():
        if key not in ("problems", "notes", "files"):
            click.echo(f"{key.replace('_', ' '):<{width}}  {_shown(value)}")
    for file in report.get("files", []):
        click.echo(f"{file['role']:<{width}}  {file['name']}, SHA-256 {file['sha256']}")
    for note in report.get("notes", []):
        click.echo(f"{'note':<{width}}  {note}")
    for problem in report.get("problems", []):
        click.echo(f"{'PROBLEM':<{width}}  {problem}")
    if report.get("problems") == []:
        click.echo(f"{'problems':<{width}}  none")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        if set(value) == {"min", "median", "max"}:
            return _spread(value)
        return ", ".join(f"{key.replace('_', ' ')} {each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) if value else "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _spread(counts: dict[str, float]) -> str:
    if not counts:
        return "none"
    if counts["min"] == counts["max"]:
        return f"{counts['min']:g}"
    return f"{counts['min']:g} to {counts['max']:g} (median {counts['median']:g})"
