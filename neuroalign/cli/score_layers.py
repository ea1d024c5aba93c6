"""Output of ``neuroalign score`` for a name that stands for several layers: a row for each layer."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.advice import at_one_layer, first_member, in_one_window, write_score
from neuroalign.errors import UsageError

if TYPE_CHECKING:
    from neuroalign.cli.score_grouped import GroupOptions
    from neuroalign.datasets.collection import Collection
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.scoring.benchmark import Benchmark


@dataclass(frozen=True)
class LayerOptions:
    """Options of the command for the layers of a network.

    Parameters
    ----------
    common_units : str
        Number of units that are drawn from each layer, or "min"; empty for all units.
    as_csv : bool
        Whether to print CSV.
    """

    common_units: str = ""
    as_csv: bool = False

    def refuse(self) -> None:
        """Refuse the options where the model does not stand for several layers.

        Raises
        ------
        UsageError
            If an option is given.
        """
        for name, is_given in (("--common-units", self.common_units), ("--csv", self.as_csv)):
            if is_given:
                raise UsageError(
                    f"{name} must go with several layers of a network; write MODEL@* or MODEL@layer1,layer2"
                )


def layer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of layers to a command, which gets them as the argument ``swept``."""

    @wraps(command)
    def call(**arguments: Any) -> Any:
        own = {field.name: arguments.pop(field.name) for field in fields(LayerOptions)}
        return command(**arguments, swept=LayerOptions(**own))

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


_OPTIONS = (
    click.option(
        "--common-units",
        default="",
        metavar="N|min",
        help="For several layers: score N units of each layer, drawn at random with --seed, or as many as the smallest "
        "layer has. Scores that depend on the number of units then compare layers.",
    ),
    click.option(
        "--csv",
        "as_csv",
        is_flag=True,
        help="For several layers: print CSV; with --choose-layer the inner scores of all layers in all folds.",
    ),
)


def stands_for_layers(model: str) -> bool:
    """Return whether the name of a model stands for several layers with a score of their own.

    Parameters
    ----------
    model : str
    """
    from neuroalign.models.layered import stands_for_several
    from neuroalign.names.syntax import parse_spec

    name = parse_spec(model).name
    return "@" in name and stands_for_several(name.rpartition("@")[2])


def refuse_others(model: str, dataset: str, collection: "Collection | None", grouped: "GroupOptions") -> None:
    """Refuse options that a table of layers does not have, and name commands that work.

    Parameters
    ----------
    model : str
        Name with patterns or a list of layers.
    dataset : str
        Name of the dataset on the command line.
    collection : Collection, optional
        Collection that the name of the dataset stands for.
    grouped : GroupOptions

    Raises
    ------
    UsageError
        If the dataset is a collection, or windows or further models are asked for.
    """
    if collection is not None:
        raise UsageError(
            f"the layers of {model} must go with one dataset, got the collection {dataset}; for one layer write "
            f"{write_score(at_one_layer(model), dataset)}, and for all layers in one of its datasets "
            f"{write_score(model, first_member(collection, dataset))}"
        )
    across = ["--across-windows"] if grouped.across_windows else []
    windows = ["--windows", grouped.windows or "bins", *across]
    for name, value in (("--windows", grouped.windows), ("--across-windows", grouped.across_windows)):
        if value:
            raise UsageError(
                f"{name} must go with one layer, got {model}; for one layer in all windows write "
                f"{write_score(at_one_layer(model), dataset, *windows)}, and for all layers in one window "
                f"{write_score(model, in_one_window(dataset))}"
            )
    if grouped.also:
        by = ["--by", grouped.by] if grouped.by else []
        others = " and ".join(write_score(name, dataset, *by) for name in (model, *grouped.also))
        raise UsageError(
            f"--also must go with one layer, got {model}; write one command for each model: {others}"
        )


def print_layers(
    model: str,
    dataset: "Dataset",
    benchmarks: "Sequence[Benchmark]",
    options: LayerOptions,
    grouped: "GroupOptions",
    *,
    as_json: bool,
    **settings: Any,
) -> int:
    """Score the layers of a network, print the table, and draw the figure.

    Parameters
    ----------
    model : str
        Name with patterns or a list of layers.
    dataset : Dataset
    benchmarks : sequence of Benchmark
    options : LayerOptions
    grouped : GroupOptions
        Columns of the groups, and file for the figure.
    as_json : bool
        Whether to print one JSON document in place of the table.
    **settings
        Further arguments of :func:`neuroalign.scoring.layers.score_layers`.

    Returns
    -------
    int
        Exit code: 1 if no layer has a score.

    Raises
    ------
    UsageError
        If an option does not go with layers.
    """
    from neuroalign.cli.score_grouped import check_ending
    from neuroalign.scoring.layers import score_layers

    if as_json and options.as_csv:
        raise UsageError("--json and --csv must not both be given; give one of them")
    if grouped.figure is not None:
        check_ending(grouped.figure)
    scores = score_layers(
        model,
        dataset,
        benchmarks,
        by=grouped.by,
        common_units=_read_common_units(options.common_units),
        **settings,
    )
    has_scores = any(row.score is not None for row in scores.rows)
    if grouped.figure is not None and has_scores:
        from neuroalign.reporting.figures.layers import scores_by_depth
        from neuroalign.reporting.figures.style import save

        click.echo(f"neuroalign: written to {save(scores_by_depth(scores), grouped.figure)}", err=True)
    if as_json:
        from neuroalign.scoring.cautions import cautions

        document = scores.to_record()
        for record, row in zip(document["rows"], scores.rows, strict=True):
            record["cautions"] = [] if row.score is None else cautions(row.score)
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif options.as_csv:
        click.echo(scores.to_table().to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        from neuroalign.reporting.text.layers import layer_table

        # A line of more than 160 letters is hard to follow; a terminal of fewer than 60 breaks numbers.
        click.echo(layer_table(scores, width=min(max(shutil.get_terminal_size().columns, 60), 160)))
    return 0 if has_scores else 1


def _read_common_units(text: str) -> Any:
    if not text:
        return None
    if text == "min":
        return "min"
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(f"--common-units must be a positive number or min, got {text!r}")
    return int(text)
