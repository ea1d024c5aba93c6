"""Instances of a family that a study names, on one dataset."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.models.loading import load_model
from neuroalign.models.model import FixedFamily, ModelFamily
from neuroalign.names.syntax import Spec, format_spec, parse_spec


def load_members(
    model: str, options: Mapping[str, Any] | Sequence[Mapping[str, Any]], dataset: Dataset
) -> tuple[FixedFamily, dict[str, str]]:
    """Load the instances of a family.

    Parameters
    ----------
    model : str
        Name of the model or family; see :func:`neuroalign.load_model`.
    options : mapping, or sequence of mappings
        Options of the instances. In a mapping, lists of values stand for all their combinations; a sequence has one
        mapping for each instance. Without options, all instances that the family has for the dataset are loaded.
    dataset : Dataset

    Returns
    -------
    family : FixedFamily
        Instances, with the identifier of the family in scores and its declaration of a sample.
    impossible : dict of str to str
        Reasons why the dataset does not allow instances, by their options; for example subsets with more neurons than
        the dataset has.

    Raises
    ------
    NeuroalignError
        If no instance can be loaded; the message is the reason of the first instance.
    """
    wanted = list(_combinations(options)) if isinstance(options, Mapping) else list(options)
    spec = parse_spec(model)
    if spec.wrappers and wanted:
        # The instances differ in the options of the last reducer, such as neurons:DATASET+subsample[n=10,seed=0].
        reduced = [partial(load_model, _reduced(spec, given), dataset=dataset) for given in wanted]
        members, impossible = _possible(wanted, reduced)
        models = [member for member in members if not isinstance(member, ModelFamily)]
        return FixedFamily(model, models), impossible
    loaded = load_model(model, dataset=dataset)
    if not isinstance(loaded, ModelFamily):
        if wanted:
            raise UsageError(
                f"{model} must be a family of models to have options, got a single model; leave out options"
            )
        return FixedFamily(loaded.identifier, [loaded]), {}
    if not wanted:
        members, impossible = list(loaded.instances(dataset)), {}
    else:
        available, replaced = _available(loaded, wanted, dataset)
        load = [partial(loaded.instance, dataset, **given) for given in available]
        members, impossible = _possible(available, load)
        impossible = {**replaced, **impossible}
    return FixedFamily(loaded.identifier, members, is_sample=loaded.is_sample), impossible


def _available(
    family: ModelFamily, wanted: Sequence[Mapping[str, Any]], dataset: Dataset
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """Return the wanted options that a family has for a dataset, and the reasons why others are missing."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        available = list(family.available(wanted, dataset))
    for warning in raised:
        # Warn again, so that the terminal shows the note, too.
        warnings.warn(warning.message, stacklevel=3)
    reason = "; ".join(str(warning.message) for warning in raised)
    missing = [given for given in wanted if given not in available]
    return available, {
        _named(given): reason or f"{family.identifier} has no such instance on this dataset"
        for given in missing
    }


def _named(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{option}={value}" for option, value in options.items())


def _possible(
    options: Sequence[Mapping[str, Any]], load: Sequence[Callable[[], Any]]
) -> tuple[list[Any], dict[str, str]]:
    """Load instances; return the loaded ones, and the reasons why others cannot be loaded.

    Raises
    ------
    NeuroalignError
        If no instance can be loaded; the message is the reason of the first instance.
    """
    members: dict[str, Any] = {}
    impossible: dict[str, str] = {}
    first: NeuroalignError | None = None
    for given, instance in zip(options, load, strict=True):
        name = _named(given)
        try:
            member = instance()
        except NeuroalignError as error:
            first = first or error
            impossible[name] = " ".join(str(error).split())
            continue
        if member.identifier in members:
            impossible[name] = f"on this dataset it is the same instance as another one, {member.identifier}"
        members.setdefault(member.identifier, member)
    if first is not None and not members:
        raise first
    return list(members.values()), impossible


def _combinations(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the options with lists of values; nothing without options."""
    if not options:
        return
    values = [value if isinstance(value, list) else [value] for value in options.values()]
    for chosen in product(*values):
        yield dict(zip(options, chosen, strict=True))


def _reduced(spec: Spec, options: Mapping[str, Any]) -> str:
    """Return the name of a model with other options of its last reducer."""
    *others, last = [(spec.name, spec.options), *((part.name, part.options) for part in spec.wrappers)]
    return "+".join(format_spec(*part) for part in (*others, (last[0], {**last[1], **options})))
