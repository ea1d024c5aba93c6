"""The commands ``neuroalign list`` and ``neuroalign info``."""

import inspect
import json
import re
from typing import Any

import click


@click.command("list", epilog="Example: neuroalign list models")
@click.argument("kind", type=click.Choice(["models", "datasets", "benchmarks"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_names(kind: str, as_json: bool) -> None:
    """List the known models, datasets or benchmarks.

    Names that end in a colon are schemes: timm:resnet18@layer3, neurons:DATASET.
    """
    rows = [{"name": name, "summary": summary} for name, summary in _summaries(kind)]
    if as_json:
        click.echo(json.dumps({kind: rows}, indent=1))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['summary']}".rstrip())


@click.command(
    epilog="""\b
Examples:
  neuroalign info AM-faces
  neuroalign info alignment
  neuroalign info "beta_vae[beta=4,seed=0]"
"""
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(name: str, as_json: bool) -> None:
    """Describe the model, dataset or benchmark called NAME."""
    from neuroalign.datasets.catalogue import dataset_names
    from neuroalign.registry import benchmarks, models, unknown_name
    from neuroalign.specs import parse_spec

    bare = parse_spec(name).name
    scheme = f"{bare.partition(':')[0]}:"
    if bare in benchmarks:
        described = _describe_benchmark(name)
    elif bare in models or scheme in models:
        described = _describe_model(name, bare)
    elif name in dataset_names() or "/" in name:
        described = _describe_dataset(name)
    else:
        raise unknown_name(
            "model, dataset or benchmark", name, [*models.names(), *dataset_names(), *benchmarks.names()]
        )
    if as_json:
        click.echo(json.dumps(described, indent=1, default=str))
        return
    for key, value in described.items():
        click.echo(f"{key.replace('_', ' ')}: {_shown(value)}")


def _summaries(kind: str) -> list[tuple[str, str]]:
    from neuroalign import registry

    registered = {name: _summary(made) for name, made in getattr(registry, kind).items()}
    if kind == "datasets":
        from neuroalign.datasets.catalogue import added_names

        registered.update(dict.fromkeys(added_names(), "added by you"))
    return sorted(registered.items())


def _summary(registered: Any) -> str:
    return _described(registered).partition("\n")[0]


def _described(obj: Any) -> str:
    """Return a docstring without the markup that is for the web pages."""
    text = re.sub(r":[a-z]+:`~?([^`]*)`", r"\1", inspect.getdoc(obj) or "")
    return text.replace("``", "")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n    ".join(map(str, value)) if isinstance(value, list) else str(value)


def _describe_benchmark(name: str) -> dict[str, Any]:
    from neuroalign.benchmark import load_benchmark

    benchmark = load_benchmark(name)
    return {
        "benchmark": benchmark.identifier,
        "version": benchmark.version,
        "higher_is_better": benchmark.higher_is_better,
        "options": [f"{key} = {value!r}" for key, value in benchmark.options().items()],
        "description": _described(type(benchmark)),
    }


def _describe_model(spec: str, name: str) -> dict[str, Any]:
    from neuroalign.errors import UsageError
    from neuroalign.models import ModelFamily, load_model
    from neuroalign.registry import models

    if name not in models:
        loaded = load_model(spec)
        return {"model": loaded.identifier, "description": _summary(type(loaded))}
    if name.endswith(":"):
        return {"scheme": name, "description": _described(models.get(name))}
    loaded = load_model(spec)
    described: dict[str, Any] = {
        "model": loaded.identifier,
        "description": _described(type(loaded)),
    }
    if isinstance(loaded, ModelFamily):
        try:
            described["instances"] = [loaded.instance_identifier(**options) for options in loaded.grid()]
        except UsageError as error:
            described["instances"] = str(error)
    return described


def _describe_dataset(name: str) -> dict[str, Any]:
    import numpy as np

    from neuroalign.datasets.catalogue import load_dataset

    dataset = load_dataset(name)
    recording = dataset.recording
    stimulus, repeats = np.unique(recording["stimulus_id"].values, return_counts=True)
    held_out = dataset.stimuli.held_out()
    described: dict[str, Any] = {
        "dataset": dataset.identifier,
        "simulated": dataset.simulated,
        "neurons": recording.sizes["neuroid"],
        "regions": ", ".join(sorted(set(map(str, recording["region"].values)))),
        "animals": ", ".join(sorted(set(map(str, recording["animal"].values)))),
        "stimuli_presented": len(stimulus),
        "presentations_per_stimulus": "averaged"
        if dataset.averaged
        else f"{repeats.min()} to {repeats.max()}",
        "stimuli_in_all": len(dataset.stimuli),
        "stimuli_for_training": len(dataset.stimuli.training()),
        "stimuli_held_out": "not marked" if held_out is None else len(held_out),
        "images": dataset.stimuli.has_images,
        "content_hash": dataset.content_hash,
    }
    for key in ("description", "source", "licence", "citation"):
        if dataset.metadata.get(key):
            described[key] = dataset.metadata[key]
    return described
