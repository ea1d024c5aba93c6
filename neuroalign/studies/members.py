"""The instances of a family that a study names, on one dataset."""

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
        As :func:`neuroalign.load_model` takes it.
    options : mapping, or sequence of mappings
        Options of the instances, whose values may be lists, for every combination of them; or the options of each
        instance. Without any, the instances that the family has for the dataset.
    dataset : Dataset

    Returns
    -------
    family : FixedFamily
        The instances, with the identifier that scores have the family under and its declaration of a sample.
    impossible : dict of str to str
        Instances that the dataset does not allow, such as subsets of more neurons than it has, and why.

    Raises
    ------
    NeuroalignError
        If no instance can be loaded: the reason of the first.
    """
    wanted = list(_combinations(options)) if isinstance(options, Mapping) else list(options)
    spec = parse_spec(model)
    if spec.wrappers and wanted:
        # The instances of a model that is reduced differ in how: neurons:DATASET+subsample[n=10,seed=0].
        reduced = [partial(load_model, _reduced(spec, given), dataset=dataset) for given in wanted]
        members, impossible = _possible(wanted, reduced)
        models = [member for member in members if not isinstance(member, ModelFamily)]
        return FixedFamily(model, models), impossible
    loaded = load_model(model, dataset=dataset)
    if not isinstance(loaded, ModelFamily):
        if wanted:
            raise UsageError(f"{model} is one model, which has no instances with other options")
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
    """Return the options that a family has for a dataset, and why others of the wanted ones are not among them."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        available = list(family.available(wanted, dataset))
    for warning in raised:
        # The terminal shows the note, too.
        warnings.warn(warning.message, stacklevel=3)
    reason = "; ".join(str(warning.message) for warning in raised)
    missing = [given for given in wanted if given not in available]
    return available, {
        _named(given): reason or f"{family.identifier} has none on this dataset" for given in missing
    }


def _named(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{option}={value}" for option, value in options.items())


def _possible(
    options: Sequence[Mapping[str, Any]], load: Sequence[Callable[[], Any]]
) -> tuple[list[Any], dict[str, str]]:
    """Load instances; return those that can be, and why the others cannot.

    Raises
    ------
    NeuroalignError
        If none can be loaded: the reason of the first.
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
            impossible[name] = f"it is {member.identifier} on this dataset, which another instance is already"
        members.setdefault(member.identifier, member)
    if first is not None and not members:
        raise first
    return list(members.values()), impossible


def _combinations(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every combination of options that may be lists; nothing where there are no options."""
    if not options:
        return
    values = [each if isinstance(each, list) else [each] for each in options.values()]
    for chosen in product(*values):
        yield dict(zip(options, chosen, strict=True))


def _reduced(spec: Spec, options: Mapping[str, Any]) -> str:
    """Name a model with these options of its last reducer."""
    *others, last = [(spec.name, spec.options), *((each.name, each.options) for each in spec.wrappers)]
    return "+".join(format_spec(*each) for each in (*others, (last[0], {**last[1], **options})))
