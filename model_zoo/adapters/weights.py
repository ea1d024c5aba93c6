"""Weights of networks: random, read from a file that cannot run code, or published."""

import hashlib
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.model_zoo.adapters.checkpoint_files import read_checkpoint
from neuroalign.model_zoo.adapters.checks import one_line

if TYPE_CHECKING:
    import torch

_PATIENCE = 5.0
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_NAMED = re.compile(r"(?P<file>.+)#(?P<digest>[0-9a-f]{8})")


def draw_network(make: "Callable[[], torch.nn.Module]", seed: int) -> "torch.nn.Module":
    """Make a network with random weights that depend on a seed; the global generator stays unchanged."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def find_weights(weights: str, model: str) -> Path:
    """Return the file of weights from its path, or from a name that :func:`name_weights` made.

    Parameters
    ----------
    weights : str
    model : str
        Name of the model, for messages.

    Raises
    ------
    ModelError
        If the digest in the name is not the digest of the file.
    """
    match = _NAMED.fullmatch(weights)
    if match is None or Path(weights).is_file():
        return Path(weights)
    file = Path(match["file"])
    if file.is_file() and _digest(file) != match["digest"]:
        raise ModelError(
            f"{model}: the content of {file} has the digest {_digest(file)}, not {match['digest']}; give the file "
            "that it was, or leave #… out"
        )
    return file


def name_weights(file: Path, name: str | None = None) -> str:
    """Name a file of weights by its path and a digest of its content: ``resnet.pth#1f0c3a9b``.

    Parameters
    ----------
    file : Path
        If the file does not exist, its path is the whole name.
    name : str, optional
        Name in place of the path.
    """
    name = str(file) if name is None else name
    return f"{name}#{_digest(file)}" if file.is_file() else name


def _digest(file: Path) -> str:
    status = file.stat()
    return hash_file(file, (status.st_mtime_ns, status.st_size))[:8]


@lru_cache(maxsize=8)
def hash_file(file: Path, stamp: tuple[int, int]) -> str:
    """Return the SHA-256 of a file; the file is read once for each stamp.

    Parameters
    ----------
    file : Path
    stamp : tuple of int
        Time of the last change of the file in nanoseconds, and its size in bytes.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def fit_weights(
    network: "torch.nn.Module",
    file: Path,
    model: str,
    *,
    weights_key: str | None = None,
    classifier: Sequence[str] = (),
    needs_classifier: bool = True,
    convert: "Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] | None" = None,
) -> list[str]:
    """Load the weights in a checkpoint file into a network.

    Parameters
    ----------
    network : torch.nn.Module
        Its weights are replaced.
    file : Path
        See :func:`neuroalign.model_zoo.adapters.checkpoint_files.read_checkpoint`.
    model : str
        Name of the model, for messages.
    weights_key : str, optional
        Entry of the file, or prefix of the names.
    classifier : sequence of str
        Names of the modules of the classifier.
    needs_classifier : bool
        Whether the units depend on the classifier. Otherwise a file without a classifier is accepted, and the weights
        of the classifier become NaN, so that no number can depend on them.
    convert : callable, optional
        Function that converts weights with the names of another project, and may change the size of the classifier.

    Returns
    -------
    list of str
        Notes on the entry of the file, removed prefixes, and missing weights.

    Raises
    ------
    UsageError
        If the file does not exist, or several of its entries hold weights of the network.
    ModelError
        If the file cannot be read, or the weights do not fit.
    """
    wanted = network.state_dict()
    read = read_checkpoint(file, model, wanted=wanted, weights_key=weights_key)
    state, notes = read.state, list(read.notes)
    _expect_finite(state, file, model)
    absent = _headless(wanted, state, classifier)
    if convert is not None and not absent:
        try:
            state = convert(state)
        except Exception as error:
            raise ModelError(
                f"the weights in {file} do not fit {model}, and cannot be converted ({one_line(error)}){read.hint}"
            ) from error
        wanted = network.state_dict()
        absent = _headless(wanted, state, classifier)
    if absent and needs_classifier:
        raise ModelError(
            f"the weights in {file} do not fit {model}: it lacks {name_some(absent)}, which the asked layers need; "
            "choose a layer before the classifier"
        )
    if absent:
        notes.append(f"the file has no {name_some(absent)}, which the units do not depend on")
        state = {**state, **{name: wanted[name] * float("nan") for name in absent}}
    expect_fit(model, file, wanted, state, hint=read.hint)
    network.load_state_dict(state)
    return [f"weights in {file.name}: {'; '.join(notes)}"] if notes else []


def _expect_finite(state: "Mapping[str, torch.Tensor]", file: Path, model: str) -> None:
    """Refuse weights that are NaN or infinite, as after a training that diverged."""
    odd = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if odd:
        raise ModelError(
            f"the weights in {file} for {model} must be finite, got NaN or infinity in {name_some(odd)}; take an "
            "earlier checkpoint"
        )


def needs_any(layers: Sequence[str], modules: Sequence[str]) -> bool:
    """Return whether a layer is one of some modules or a part of one.

    Parameters
    ----------
    layers : sequence of str
        Names of layers, with or without a selected output.
    modules : sequence of str
    """
    names = [layer.partition("#")[0] for layer in layers]
    return any(
        name == module or (module and name.startswith(f"{module}.")) for name in names for module in modules
    )


def last_weighted(network: "torch.nn.Module") -> list[str]:
    """Return the name of the last module with weights, which is the classifier of a network for classification."""
    names = [
        name for name, module in network.named_modules() if next(module.parameters(False), None) is not None
    ]
    return names[-1:]


def expect_file(model: str, file: Path | None, **options: str | None) -> None:
    """Raise an error if an option for weights from a file is given without a file.

    Raises
    ------
    UsageError
        With the name of the option.
    """
    for option, value in options.items():
        if value is not None and file is None:
            raise UsageError(f"{model}: {option}= is for weights from a file only; give weights=FILE")


def _headless(wanted: Mapping[str, Any], given: Mapping[str, Any], classifier: Sequence[str]) -> list[str]:
    """Return the names of the missing weights if these are all weights of the classifier, and no others differ."""
    starts = tuple(f"{module}." for module in classifier)
    absent = [name for name in wanted if name not in given]
    weights_of_classifier = [name for name in wanted if name.startswith(starts)]
    return absent if absent == weights_of_classifier and all(name in wanted for name in given) else []


def expect_fit(
    model: str,
    file: Path,
    wanted: "Mapping[str, torch.Tensor]",
    given: "Mapping[str, torch.Tensor]",
    *,
    hint: str = "",
) -> None:
    """Raise an error unless the weights in a file have the names and shapes of the weights of a network.

    Parameters
    ----------
    model : str
        Name of the model, for the message.
    file : Path
    wanted : mapping of str to tensor
        Weights of the network.
    given : mapping of str to tensor
        Weights in the file.
    hint : str
        End of the message.

    Raises
    ------
    ModelError
        With the names of missing and surplus weights, and of weights with another shape.
    """
    problems = {
        "it lacks": [key for key in wanted if key not in given],
        "it has too many": [key for key in given if key not in wanted],
        "of another shape are": [
            key for key in wanted if key in given and wanted[key].shape != given[key].shape
        ],
    }
    absent = problems["it lacks"]
    if absent and all(name.rpartition(".")[2] in _STATISTICS for name in absent):
        hint = f"; the running statistics of normalisation are missing, so save state_dict() of the network{hint}"
    if not absent and problems["it has too many"] and not problems["of another shape are"]:
        hint = f"; if the network does not need them, as for a projector, delete them from the file{hint}"
    differences = [f"{problem} {name_some(keys)}" for problem, keys in problems.items() if keys]
    if differences:
        raise ModelError(f"the weights in {file} do not fit {model}: {'; '.join(differences)}{hint}")


def expect_reachable(name: str, address: str, advice: str) -> None:
    """Raise an error if a server cannot be reached, which a library reports after minutes of repeated downloads only.

    Raises
    ------
    ModelError
        If no server answers at the address, with some advice.
    """
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        return  # the server answered
    except OSError as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLError):
            return  # the library may have certificates of its own
        raise missing_weights(name, f"{address} cannot be reached", advice) from error


def missing_weights(name: str, reason: str, advice: str) -> ModelError:
    """Return the error for published weights that are not available."""
    return ModelError(f"the pretrained weights of {name} are not on this machine, and {reason}; {advice}")
