"""Weights of networks: random, read from a file that cannot run code, or published."""

import hashlib
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.model_zoo.adapters.checks import one_line

if TYPE_CHECKING:
    import torch

_PATIENCE = 5.0
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


def read_weights(file: Path, model: str) -> "dict[str, torch.Tensor]":
    """Read the weights in a checkpoint file.

    Parameters
    ----------
    file : Path
        Safetensors, or a torch file that holds nothing but weights, at the top or under the key ``state_dict`` or
        ``model``.
    model : str
        Name of the model with these weights, for messages.

    Returns
    -------
    dict of str to tensor

    Raises
    ------
    UsageError
        If the file does not exist.
    ModelError
        If the file is damaged, has another format, or holds objects that could run code.
    """
    from timm.models import load_state_dict

    if not file.is_file():
        raise UsageError(
            f"{model}: weights must be random, a checkpoint file, or for some networks pretrained; "
            f"the file {file} does not exist"
        )
    try:
        state: Any = load_state_dict(str(file), weights_only=True)
    except Exception as error:
        raise ModelError(
            f"cannot read weights from {file} ({one_line(error)}); "
            "expected safetensors, or a torch file that holds nothing but weights"
        ) from error
    others = [key for key, value in state.items() if not hasattr(value, "shape")]
    if others:
        raise ModelError(f"{file} holds more than weights: {name_some(others)}")
    return dict(state)


def expect_fit(
    model: str, file: Path, wanted: "Mapping[str, torch.Tensor]", given: "Mapping[str, torch.Tensor]"
) -> None:
    """Raise an error unless the weights in a file have the names and shapes of the weights of a network.

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
    differences = [f"{problem} {name_some(keys)}" for problem, keys in problems.items() if keys]
    if differences:
        raise ModelError(f"the weights in {file} do not fit {model}: {'; '.join(differences)}")


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
