"""Checkpoints of unfinished runs: one safetensors file for runs that are trained together.

A file is replaced completely or not at all, so the runs in it are always at matching steps.

A run draws its order of images and its noise for every step from its seed and the number of the step, so the number of
the step is the only state of random generators in a checkpoint.
"""

import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from neuroalign.errors import ModelError
from neuroalign.files.home import TEMPORARY_PREFIX, atomic_path

#: Version of the files; it is raised when their content changes.
FORMAT = "5"


def write_checkpoint(
    path: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> None:
    """Write a checkpoint completely or not at all.

    Parameters
    ----------
    path : Path
    tensors : mapping of run to mapping of name to tensor
        Tensors of each run, by the name of its file.
    state : mapping
        State like JSON: ``trained_together``, the number of runs that began together, ``devices``, the devices of the
        training until now, and ``runs``, with the number of the step, the log and the identity of each run.
    """
    from safetensors.torch import save_file

    flat = {
        f"{run}/{name}": value.cpu().contiguous()
        for run, values in tensors.items()
        for name, value in values.items()
    }
    with atomic_path(path) as temporary:
        save_file(flat, temporary, metadata={"format": FORMAT, "state": json.dumps(state)})


def read_state(path: Path) -> dict[str, Any]:
    """Read the state in a checkpoint, without its tensors.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ModelError(f"the checkpoint {path} has format {metadata.get('format')}, expected {FORMAT}")
        state: dict[str, Any] = json.loads(metadata["state"])
        for run in state["runs"].values():
            operator.index(run["step"]), run["recipe"].items(), run["stimulus_set"]["content_hash"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the checkpoint {path} is damaged: {error}") from error
    return state


def read_tensors(path: Path, run: str) -> dict[str, Tensor]:
    """Read the tensors of one run into the memory of the host.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    start = f"{run}/"
    try:
        with safe_open(path, framework="pt") as opened:
            names = [name for name in opened.keys() if name.startswith(start)]  # noqa: SIM118 - no mapping
            return {name.removeprefix(start): opened.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the checkpoint {path} is damaged: {error}") from error


def find_checkpoints(folder: Path) -> dict[Path, dict[str, Any]]:
    """Read the states of all checkpoints in a folder; damaged files are left out.

    Returns
    -------
    dict of path to dict
        State of each checkpoint; see :func:`read_state`.
    """
    states = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name.startswith(TEMPORARY_PREFIX):
            continue
        try:
            states[path] = read_state(path)
        except ModelError:
            continue  # the trainer reports it, and starts again
    return states
