"""Descriptions of models, datasets, benchmarks and reducers by name."""

import html
import inspect
from dataclasses import fields
from typing import Any, get_args

import numpy as np

from neuroalign.datasets.added import dataset_names
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.collection import Collection, find_collection
from neuroalign.datasets.public.listing import public_names
from neuroalign.datasets.time_bins import describe_bins
from neuroalign.errors import UsageError, unknown_name
from neuroalign.models.loading import load_model
from neuroalign.models.model import ModelFamily
from neuroalign.names.docstrings import describe_object
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import benchmarks, models, reducers
from neuroalign.names.syntax import parse_spec
from neuroalign.scoring.benchmark import Benchmark, Invariance, load_benchmark
from neuroalign.validation import checks


class Description(dict[str, Any]):
    """Facts about one model, dataset, benchmark or reducer; prints as lines, and as a table in a notebook."""

    def lines(self) -> list[str]:
        """Return one line of text for each fact."""
        return [f"{key.replace('_', ' ')}: {_shown(value)}" for key, value in self.items()]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left;vertical-align:top">{html.escape(key.replace("_", " "))}</th>'
            f'<td style="text-align:left;white-space:pre-line">{html.escape(_shown(value))}</td></tr>'
            for key, value in self.items()
        )
        return f"<table>{rows}</table>"


@checks("name")
def info(name: str) -> Description:
    """Describe a model, dataset or benchmark, or a reducer.

    Parameters
    ----------
    name : str
        Name with or without options, or the name of a reducer after a plus sign: "+srp".

    Returns
    -------
    Description
        Dictionary that prints as lines.

    Raises
    ------
    UnknownNameError
        If nothing has the name; the message names the nearest names.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.info("cka")["higher_is_better"]
    True
    """
    bare = parse_spec(name.removeprefix("+")).name
    scheme = f"{bare.partition(':')[0]}:"
    if name.startswith("+") or (bare in reducers and bare not in models):
        return Description(_describe_reducer(bare))
    if bare in benchmarks:
        return Description(_describe_benchmark(name))
    if bare in models or scheme in models:
        return Description(_describe_model(name, bare))
    if (collection := find_collection(name)) is not None:
        return Description(_describe_collection(collection))
    if bare in dataset_names() or bare in public_names() or "/" in name:
        return Description(_describe_dataset(name))
    raise unknown_name(
        "model, dataset or benchmark", bare, [*models.names(), *dataset_names(), *benchmarks.names()]
    )


def _describe_collection(collection: Collection) -> dict[str, Any]:
    missing = collection.missing()
    members = [member if isinstance(member, str) else member.identifier for member in collection.members]
    return {
        "collection": collection.identifier,
        "n_datasets": len(members),
        "datasets": [f"{name} (not added)" if name in missing else name for name in members],
        **({"get_them_with": f"neuroalign data fetch {collection.fetched_by()}"} if missing else {}),
    }


def _describe_benchmark(name: str) -> dict[str, Any]:
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
        "description": describe_object(type(benchmark)),
    }


def _options_of(benchmark: Benchmark) -> dict[str, Any]:
    """Return all options; the options of a record leave out a later option that is not set."""
    values = {field.name: getattr(benchmark, field.name) for field in fields(benchmark)}
    return {**values, **benchmark.options()}


def _describe_model(spec: str, name: str) -> dict[str, Any]:
    if name not in models:
        loaded = load_model(spec)
        return {"model": loaded.identifier, "description": describe_object(type(loaded)).partition("\n")[0]}
    if name.endswith(":"):
        return {"scheme": name, "description": describe_object(models.get(name))}
    described: dict[str, Any] = {"model": name, "description": describe_object(models.get(name))}
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
    made = reducers.get(name)
    options = inspect.signature(made).parameters.values() if callable(made) else []
    return {
        "reducer": f"+{name}",
        "options": [
            option.name if option.default is option.empty else f"{option.name} = {option.default!r}"
            for option in options
        ],
        "description": describe_object(made),
    }


def _describe_dataset(name: str) -> dict[str, Any]:
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


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n    ".join(map(str, value)) if isinstance(value, list) else str(value)
