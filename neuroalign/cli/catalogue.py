"""The commands ``neuroalign list`` and ``neuroalign info``."""

import inspect
import json
import math
import re
import shutil
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import click

from neuroalign.names.defaults import DEFAULT_DATASET

if TYPE_CHECKING:
    from neuroalign.datasets.collection import Collection
    from neuroalign.scoring.benchmark import Benchmark

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
            click.echo(
                textwrap.fill(
                    f"{row['name']:<{width}}  {row['summary']}".rstrip(),
                    max(shutil.get_terminal_size().columns, width + 30),
                    subsequent_indent=" " * (width + 2),
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )


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
    from neuroalign.datasets.catalogue import dataset_names
    from neuroalign.datasets.collection import find_collection
    from neuroalign.datasets.public.listing import public_names
    from neuroalign.errors import unknown_name
    from neuroalign.names.registry import benchmarks, models, reducers
    from neuroalign.names.syntax import parse_spec

    bare = parse_spec(name.removeprefix("+")).name
    scheme = f"{bare.partition(':')[0]}:"
    if name.startswith("+") or (bare in reducers and bare not in models):
        described = _describe_reducer(bare)
    elif bare in benchmarks:
        described = _describe_benchmark(name)
    elif bare in models or scheme in models:
        described = _describe_model(name, bare)
    elif (collection := find_collection(name)) is not None:
        described = _describe_collection(collection)
    elif bare in dataset_names() or bare in public_names() or "/" in name:
        described = _describe_dataset(name)
    else:
        raise unknown_name(
            "model, dataset or benchmark", bare, [*models.names(), *dataset_names(), *benchmarks.names()]
        )
    if as_json:
        click.echo(json.dumps(described, indent=1, default=str))
        return
    for key, value in described.items():
        click.echo(_wrapped(f"{key.replace('_', ' ')}: {_shown(value)}"))


def _describe_collection(collection: "Collection") -> dict[str, Any]:
    missing = collection.missing()
    members = [member if isinstance(member, str) else member.identifier for member in collection.members]
    return {
        "collection": collection.identifier,
        "n_datasets": len(members),
        "datasets": [f"{name} (not added)" if name in missing else name for name in members],
        **({"get_them_with": f"neuroalign data fetch {collection.fetched_by()}"} if missing else {}),
    }


def _summaries(kind: str) -> list[tuple[str, str]]:
    from neuroalign.names import registry

    registered = {name: _summary(made) for name, made in getattr(registry, kind).items()}
    if kind == "datasets":
        from neuroalign.datasets.catalogue import added_names

        registered.update(dict.fromkeys(added_names(), "added by you"))
    return sorted(registered.items())


def _summary(registered: Any) -> str:
    return _described(registered).partition("\n")[0]


def _described(obj: Any) -> str:
    """Return a docstring without the markup of web pages."""
    text = re.sub(r":[a-z]+:`~?([^`]*)`", r"\1", inspect.getdoc(obj) or "")
    return text.replace("``", "")


def _wrapped(text: str) -> str:
    """Wrap a sentence at the width of the terminal; lists and descriptions keep their lines."""
    if "\n" in text:
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n    ".join(map(str, value)) if isinstance(value, list) else str(value)


def _describe_benchmark(name: str) -> dict[str, Any]:
    from neuroalign.scoring.benchmark import Invariance, load_benchmark

    benchmark = load_benchmark(name)
    blind = [
        change for change in get_args(Invariance) if change in benchmark.invariances and "units" in change
    ]
    return {
        "benchmark": benchmark.identifier,
        "question": benchmark.question or "not stated",
        "compares": benchmark.level(),
        "advice": benchmark.advice or "none",
        "score_by_chance": benchmark.score_by_chance or "see the level of chance beside a score",
        "ignores": ", ".join(blind) or "no change of the units",
        "needs": ", ".join(sorted(benchmark.needs)) or "latents and responses",
        "version": benchmark.version,
        "scored_by_default": not benchmark.on_request,
        "higher_is_better": benchmark.higher_is_better,
        "options": [f"{key} = {value!r}" for key, value in _options_of(benchmark).items()],
        "description": _described(type(benchmark)),
    }


def _options_of(benchmark: "Benchmark") -> dict[str, Any]:
    """Return all options; the options of a record leave out a later option that is not set."""
    values = {field.name: getattr(benchmark, field.name) for field in fields(benchmark)}
    return {**values, **benchmark.options()}


def _describe_model(spec: str, name: str) -> dict[str, Any]:
    from neuroalign.errors import UsageError
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import ModelFamily
    from neuroalign.names.foreign_code import foreign_code
    from neuroalign.names.registry import models

    if name not in models:
        loaded = load_model(spec)
        return {"model": loaded.identifier, "description": _summary(type(loaded))}
    if name.endswith(":"):
        return {"scheme": name, "description": _described(models.get(name))}
    described: dict[str, Any] = {"model": name, "description": _described(models.get(name))}
    try:
        loaded = load_model(spec)
        described["model"] = loaded.identifier
        if isinstance(loaded, ModelFamily):
            with foreign_code(f"the family {name} cannot list its instances"):
                described["instances"] = [loaded.instance_identifier(**options) for options in loaded.grid()]
    except UsageError as error:
        if spec != name:
            raise
        described["needs"] = str(error)
    return described


def _describe_reducer(name: str) -> dict[str, Any]:
    from neuroalign.names.registry import reducers

    made = reducers.get(name)
    options = inspect.signature(made).parameters.values() if callable(made) else []
    return {
        "reducer": f"+{name}",
        "options": [
            option.name if option.default is option.empty else f"{option.name} = {option.default!r}"
            for option in options
        ],
        "description": _described(made),
    }


def _describe_dataset(name: str) -> dict[str, Any]:
    import numpy as np

    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.datasets.time_bins import describe_bins

    dataset = load_dataset(name)
    recording = dataset.recording
    stimulus, repeats = np.unique(recording["stimulus_id"].values, return_counts=True)
    held_out = dataset.stimuli.held_out()
    neurons: dict[str, Any] = {
        "neurons": recording.sizes["neuroid"],
        "regions": ", ".join(sorted(set(map(str, recording["region"].values)))),
        "animals": ", ".join(sorted(set(map(str, recording["animal"].values)))),
        "stimuli_presented": len(stimulus),
        "presentations_per_stimulus": "averaged"
        if dataset.averaged
        else f"{repeats.min()} to {repeats.max()}",
    }
    described: dict[str, Any] = {
        "dataset": dataset.identifier,
        "simulated": dataset.simulated,
        **(neurons if dataset.has_responses else {"responses": "none, the dataset has stimuli alone"}),
        "stimuli_in_all": len(dataset.stimuli),
        "stimuli_for_training": len(dataset.stimuli.training()),
        "stimuli_held_out": "not marked" if held_out is None else len(held_out),
        "images": dataset.stimuli.has_images,
        **({"time_bins": describe_bins(recording)} if "time_bin" in recording.dims else {}),
        "content_hash": dataset.content_hash,
    }
    for key in ("part", "description", "source", "licence", "citation"):
        if dataset.metadata.get(key):
            described[key] = dataset.metadata[key]
    return described
