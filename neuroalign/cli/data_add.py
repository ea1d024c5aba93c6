"""The command ``neuroalign data add``: import of a recording, or of stimuli alone."""

import json
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.data_text import one_line, print_notes
from neuroalign.progress import notice

if TYPE_CHECKING:
    from neuroalign.datasets.formats.reader import ReaderOption

_DROPS = ("incomplete-neuroids", "incomplete-stimuli", "constant-neuroids")


class _Add(click.Command):
    """A command that takes the options of all registered readers, and several files after ``--responses``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat ``--responses`` before each file that follows it, as a shell expands wildcards."""
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

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the command and of the readers."""
        return [*self.params_of_readers(ctx), *super().get_params(ctx)]

    def params_of_readers(self, ctx: click.Context) -> list[click.Parameter]:
        """Return ``--format`` and the options of the registered readers, made once for each call of the command."""
        params: list[click.Parameter] | None = ctx.meta.get("neuroalign.params_of_readers")
        if params is None:
            params = ctx.meta["neuroalign.params_of_readers"] = self._make_params()
        return params

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, then the options that depend on the format."""
        sections = {"Options": super().get_params(ctx), "Options for the format": self.params_of_readers(ctx)}
        for title, params in sections.items():
            records = [param.get_help_record(ctx) for param in params if isinstance(param, click.Option)]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record is not None])

    def _make_params(self) -> list[click.Parameter]:
        from neuroalign.datasets.formats.detect import all_readers
        from neuroalign.errors import UsageError

        own = {param.name for param in self.params}
        readers = all_readers()
        takers: dict[str, list[str]] = {}
        options: dict[str, ReaderOption] = {}
        for name, reader in readers.items():
            for option in reader.options:
                if option.name in own:
                    raise UsageError(
                        f"the reader {name!r} declares the option {option.name!r}, which every import has; rename it"
                    )
                options.setdefault(option.name, option)
                takers.setdefault(option.name, []).append(name)
        params: list[click.Parameter] = [
            click.Option(
                ["--format"],
                type=click.Choice(list(readers)),
                metavar="NAME",
                help="Format of the responses, where the content of the files does not show it; 'neuroalign data "
                "formats' lists the names.",
            )
        ]
        for name, option in options.items():
            params.append(
                click.Option(
                    [option.flag, name],
                    metavar=f"[{'|'.join(option.choices)}]" if option.choices else option.metavar,
                    help=f"{option.help} Formats: {', '.join(takers[name])}.",
                )
            )
        return params


@click.command(
    cls=_Add,
    short_help="Add a recording, or stimuli alone, as a dataset.",
    epilog="""\b
Examples:
  neuroalign data add my-cells --responses cells.mat \\
      --axes neuroid,stimulus,repetition --images faces.zip
  neuroalign data add my-cells --responses cells.npy \\
      --axes stimulus,neuroid --stimuli stimuli.csv --images faces/
  neuroalign data add my-sites --responses rasters.zip \\
      --window 100,400 --stimulus-labels person,orientation
  neuroalign data add my-v4 --responses assembly.nc \\
      --images images/ --stimuli stimuli.csv
  neuroalign data add my-faces --images faces.zip \\
      --stimuli stimuli.csv --landmarks landmarks.csv
""",
)
@click.argument("name")
@click.option(
    "--responses",
    multiple=True,
    metavar="FILE...",
    help="Files of the recording; 'neuroalign data formats' lists the formats. Several files with arrays hold further "
    "neurons. They join by the labels of their stimuli, or by position if no file has labels. Without responses, the "
    "dataset has stimuli alone, and networks can be trained on its images.",
)
@click.option(
    "--axes",
    metavar="AXIS,AXIS[,AXIS]",
    help="Names of the axes of an array, in order: neuroid, stimulus and, for single trials, repetition (NaN where a "
    "trial is missing). Needed unless the files name their stimuli and neurons.",
)
@click.option(
    "--images",
    type=click.Path(),
    metavar="DIR|ZIP|FILE",
    help="Images that were shown: a folder, a ZIP archive, or a stack of images in an array (.npy, .npz, .mat, .h5) "
    "with one image for each stimulus, in the order of the stimulus axis or with an array stimulus_id beside it. "
    "Without images, models that need images cannot be scored.",
)
@click.option(
    "--image-axes",
    metavar="AXIS,AXIS,AXIS[,AXIS]",
    help="Names of the axes of a stack of images, in order: image, height, width and, for colour, channel. By default "
    "by their lengths; needed where that is not certain, and for plain HDF5.",
)
@click.option(
    "--image-white",
    type=click.IntRange(1, 255),
    metavar="1|255",
    help="Value of white in a stack of images. By default by the largest value, where that is certain.",
)
@click.option(
    "--stimuli",
    type=click.Path(),
    metavar="TABLE",
    help="Table of the stimuli (CSV, Parquet, Feather or .xlsx) in the order of the stimulus axis. The columns "
    "stimulus_id and filename (both optional; also image_id, image_file_name, …) name the stimuli and their images; "
    "all other columns are kept. Without ids, stimuli are named after the image files in sorted order; without "
    "images, they are numbered.",
)
@click.option(
    "--neurons",
    type=click.Path(),
    metavar="TABLE",
    help="Table of the neurons (CSV, Parquet, Feather or .xlsx): neuroid_id, region, animal and any other columns, "
    "which all become labels by which parts are selected. Rows are matched by id where the files name their neurons, "
    "otherwise they are in the order of the neurons.",
)
@click.option(
    "--presented",
    metavar="FILE",
    help="Stimuli of the stimulus axis in its order, one id or image file in each line, or a table with a column "
    "stimulus_id. Needed where the table of stimuli has more rows than the array and no column 'presented'.",
)
@click.option(
    "--training",
    metavar="FILE|COLUMN[=VALUE]",
    help="Stimuli that models may be fitted to: a list, a column of the table of stimuli with yes or no, or "
    "a column with a value, such as tier=test.",
)
@click.option(
    "--held-out",
    metavar="FILE|COLUMN[=VALUE]",
    help="Stimuli that models may not be fitted to: a list, a column of the table of stimuli with yes or no, or "
    "a column with a value, such as tier=test.",
)
@click.option(
    "--mirror-training",
    is_flag=True,
    help="Train models on mirror images of the stimuli, as in Higgins et al. (2020).",
)
@click.option(
    "--landmarks",
    type=click.Path(),
    metavar="CSV",
    help="Landmarks on the images: stimulus_id, then NAME_x and NAME_y in pixels from the upper left corner. "
    "Active appearance models need landmarks; 'neuroalign data landmarks' adds or detects them later.",
)
@click.option(
    "--image-order",
    type=click.Choice(("name", "number")),
    help="Sorting of the images where it gives the order of the stimuli: image10 before image2 (name) or after it "
    "(number).",
)
@click.option("--stimulus-set", metavar="NAME", help="Name of the stimulus set. By default NAME.")
@click.option(
    "--region",
    help="Brain region of all neurons; it may not contradict the files. By default as in the files.",
)
@click.option(
    "--animal",
    help="Animal of all neurons; it may not contradict the files. By default as in the files.",
)
@click.option(
    "--averaged/--trials",
    default=None,
    help="Whether responses without a repetition axis are means over trials (the default) or single trials.",
)
@click.option(
    "--sem",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Standard errors of averaged responses, in the format and with the axes of the responses. They give ceilings "
    "and noise corrections without single trials. Repeat the option where the responses are in several files.",
)
@click.option(
    "--sem-variable", metavar="NAME", help="Variable of the file of standard errors, if it has several."
)
@click.option(
    "--n-trials",
    metavar="N|COLUMN|FILE",
    help="Number of trials behind each average: a number, a column of the table of stimuli, or a file with the axes of "
    "the responses.",
)
@click.option(
    "--noise",
    type=click.Choice(("poisson",)),
    help="Take the standard errors of mean spike counts from their numbers of trials (--n-trials), with a variance "
    "over trials that equals the mean.",
)
@click.option(
    "--drop",
    type=click.Choice(_DROPS),
    multiple=True,
    help="Neurons or stimuli to leave out, which are otherwise an error: neurons without a trial of some stimulus, "
    "stimuli without a trial of some neuron, or neurons with the same response to all stimuli. May be repeated.",
)
@click.option(
    "--drop-stimulus",
    "drop_stimuli",
    multiple=True,
    metavar="ID",
    help="Stimulus to leave out by its id, such as a blank screen or one without a picture. May be repeated.",
)
@click.option("--source", help="Origin of the data; stored with the dataset.")
@click.option("--licence", "--license", help="Licence of the data; stored with the dataset.")
@click.option("--citation", help="Reference to cite; stored with the dataset.")
@click.option("--description", help="One line on the data; stored with the dataset.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def add(name: str, responses: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Add a recording, or stimuli without responses, as the dataset NAME.

    The dataset appears only after all files are read and checked; an import that fails leaves nothing behind.
    """
    # The libraries below take seconds to load.
    notice(f"reading the files of {name}" if responses else f"reading the stimuli of {name}")
    from neuroalign.datasets.importing.importer import import_dataset
    from neuroalign.datasets.inspecting import describe

    options["sem"] = options["sem"] or None
    described = describe(import_dataset(name, responses=responses or None, **options))
    print_notes(described)
    click.echo(json.dumps(described, indent=1) if as_json else f"Added {one_line(described)}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def formats(as_json: bool) -> None:
    """List the file formats that 'data add' can read.

    Plug-ins can add formats.
    """
    from neuroalign.datasets.formats.detect import all_readers

    readers = all_readers()
    if as_json:
        rows = [
            {
                "format": name,
                "title": reader.title,
                "suffixes": list(reader.suffixes),
                "options": [option.name for option in reader.options],
                "gives": list(reader.gives),
            }
            for name, reader in readers.items()
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(map(len, readers))
    for name, reader in readers.items():
        flags = " ".join(option.flag for option in reader.options)
        suffixes = ", ".join(reader.suffixes)
        click.echo(f"{name:<{width}}  {reader.title}{f' ({suffixes})' if suffixes else ''}")
        if flags:
            click.echo(f"{'':<{width}}  {flags}")
