"""The commands ``neuroalign list`` and ``neuroalign info``."""

import json
import math
import shutil
import textwrap

import click

from neuroalign.cli.data_text import beside_label
from neuroalign.names.defaults import DEFAULT_DATASET
from neuroalign.names.docstrings import reflow

_ALIGN = ("left", "left", "right")


class _Lists(click.Group):
    """The lists of names: models, reducers, datasets, benchmarks and layers."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            from neuroalign.errors import unknown_name

            raise unknown_name("list", args[0], self.commands)
        return super().resolve_command(ctx, args)


@click.group(
    "list",
    cls=_Lists,
    epilog="""\b
Examples:
  neuroalign list models
  neuroalign list reducers
  neuroalign list layers timm:resnet18 --weights random
""",
)
def list_names() -> None:
    """List the known models, reducers, datasets or benchmarks, or the layers of a network."""


def _add_list(kind: str, note: str = "") -> None:
    @list_names.command(kind, short_help=f"List the known {kind}.", help=f"List the known {kind}. {note}")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    def list_kind(as_json: bool) -> None:
        rows = [{"name": name, "summary": summary} for name, summary in _summaries(kind)]
        if as_json:
            click.echo(json.dumps({kind: rows}, indent=1))
            return
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            click.echo(beside_label(f"{row['name']:<{width}}  ", row["summary"]).rstrip())


_add_list("models", "Names that end in a colon are schemes: timm:resnet18@layer3, neurons:DATASET.")
_add_list("reducers", "A reducer stands behind a model and a plus sign: timm:resnet18@layer3+srp[n=512].")
_add_list("datasets")
_add_list("benchmarks")


@list_names.command(
    short_help="List the layers of a network.",
    epilog="""\b
Examples:
  neuroalign list layers timm:resnet18 --weights random
  neuroalign list layers my_models.py:edges --dataset ./my-recordings --json
""",
)
@click.argument("model")
@click.option(
    "--dataset",
    default=DEFAULT_DATASET,
    show_default=True,
    help="Dataset with the image that the shapes are computed for, in models that keep the size of an image.",
)
@click.option(
    "--weights", metavar="FILE|random", help="File with weights, or random weights, as for neuroalign score."
)
@click.option("--nodes", is_flag=True, help="List also the operations of the network that are not modules.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def layers(model: str, dataset: str, weights: str | None, nodes: bool, as_json: bool) -> None:
    """List the layers of the network MODEL, with the shape of their output for one image.

    MODEL is a name, as for neuroalign score; a family stands for its first instance. A name in the list can
    stand after the @ of timm: and torchvision: networks, and in as_model(…, layer=…).
    """
    from tabulate import tabulate

    loaded, shapes = _layers(model, dataset, weights, nodes)
    if as_json:
        rows = [{"name": name, "shape": shape} for name, shape in shapes.items()]
        click.echo(json.dumps({"model": loaded, "layers": rows}, indent=1))
        return
    table = [
        [name or "(output)", " × ".join(map(str, shape)), math.prod(shape)] for name, shape in shapes.items()
    ]
    click.echo(f"{loaded}\n")
    click.echo(tabulate(table, headers=["layer", "shape", "units"], disable_numparse=True, colalign=_ALIGN))


def _layers(
    model: str, dataset: str, weights: str | None, nodes: bool
) -> tuple[str, dict[str, tuple[int, ...]]]:
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import UsageError
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import HasLayers, ModelFamily
    from neuroalign.names.foreign_code import foreign_code
    from neuroalign.scoring.evaluate import instances_of

    loaded_dataset = load_dataset(dataset)
    options = {} if weights is None else {"weights": weights}
    loaded = load_model(model, dataset=loaded_dataset, **options)
    if isinstance(loaded, ModelFamily):
        loaded = instances_of(loaded, loaded_dataset)[0]
    if not isinstance(loaded, HasLayers):
        raise UsageError(
            f"{loaded.identifier} has no layers to choose from; name a network, such as timm:resnet18, or a torch "
            "module in FILE.py:NAME"
        )
    with foreign_code(f"the layers of {loaded.identifier} cannot be listed"):
        return loaded.identifier, dict(loaded.layer_shapes(loaded_dataset.stimuli, nodes=nodes))


@click.command(
    epilog="""\b
Examples:
  neuroalign info AM-faces
  neuroalign info alignment
  neuroalign info +srp
  neuroalign info "beta_vae[beta=6,seed=0]"
"""
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(name: str, as_json: bool) -> None:
    """Describe the model, dataset or benchmark called NAME, or the reducer called +NAME."""
    from neuroalign.reporting.descriptions import info as describe

    described = describe(name)
    if as_json:
        click.echo(json.dumps(described, indent=1, default=str))
        return
    for line in described.lines():
        click.echo(_wrapped(line))


def _summaries(kind: str) -> list[tuple[str, str]]:
    from neuroalign.names import registry
    from neuroalign.names.docstrings import first_line

    registered = {name: first_line(text) for name, text in getattr(registry, kind).docstrings()}
    if kind == "datasets":
        from neuroalign.datasets.added import added_names

        registered.update(dict.fromkeys(added_names(), "added by you"))
    return sorted(registered.items())


def _wrapped(text: str) -> str:
    """Wrap a sentence or a description at the width of the terminal; lists keep their lines."""
    width = shutil.get_terminal_size().columns
    if "\n" in text:
        return reflow(text, width) if text.startswith("description: ") else text
    return textwrap.fill(
        text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
