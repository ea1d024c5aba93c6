"""Commands that error messages name in place of a refused one."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroalign.datasets.collection import Collection


def write_score(models: str | Sequence[str], dataset: str, *options: str) -> str:
    """Write a command of ``neuroalign score`` as a shell takes it.

    Parameters
    ----------
    models : str or sequence of str
    dataset : str
    *options : str

    Examples
    --------
    >>> write_score("timm:resnet50@*", "my-cells", "--by", "region")
    "neuroalign score 'timm:resnet50@*' my-cells --by region"
    """
    names = [models] if isinstance(models, str) else list(models)
    return shlex.join(["neuroalign", "score", *names, dataset, *options])


def at_one_layer(model: str) -> str:
    """Return the name of a network with one layer in place of its patterns.

    Parameters
    ----------
    model : str
        Name with layers behind an @.

    Examples
    --------
    >>> at_one_layer("timm:resnet50@layer?[pool=mean]")
    'timm:resnet50@LAYER[pool=mean]'
    """
    from neuroalign.names.syntax import format_spec, parse_spec

    spec = parse_spec(model)
    name = f"{spec.name.rpartition('@')[0]}@LAYER"
    if model.startswith(spec.name):
        return f"{name}{model[len(spec.name) :]}"
    return format_spec(name, spec.options, spec.wrappers)  # a name in quotes


def with_reducer(model: str, reducer: str) -> str:
    """Return the name of a model with another reducer behind the others.

    Parameters
    ----------
    model, reducer : str

    Examples
    --------
    >>> with_reducer("timm:resnet50@*+pca[n=50]", "subsample[n=10,seed=0]")
    'timm:resnet50@*+pca[n=50]+subsample[n=10,seed=0]'
    """
    return f"{model}+{reducer}"


def in_one_window(dataset: str) -> str:
    """Return the name of a dataset with one window of time.

    Parameters
    ----------
    dataset : str

    Examples
    --------
    >>> in_one_window("my-cells[region=IT]")
    'my-cells[region=IT,window=START:END]'
    """
    return f"{dataset[:-1]},window=START:END]" if dataset.endswith("]") else f"{dataset}[window=START:END]"


def first_member(collection: "Collection", given: str) -> str:
    """Return the name of the first dataset of a collection.

    Parameters
    ----------
    collection : Collection
    given : str
        Name of the collection on the command line.
    """
    from neuroalign.names.syntax import format_spec, parse_spec

    member = collection.members[0]
    if isinstance(member, str):
        return member
    if not given.endswith("]"):
        return member.identifier
    # A part has the name of its dataset, and the command line may have its folder.
    return format_spec(parse_spec(given).name, parse_spec(member.identifier).options)
