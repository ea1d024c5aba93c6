"""Folders of networks: on this machine, or downloaded from the hub of Hugging Face once."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.adapters.checks import one_line
from neuroalign.model_zoo.adapters.weights import expect_reachable, hash_file, missing_weights

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")
_NAMED = re.compile(r"(?P<folder>.+)#(?P<digest>[0-9a-f]{8})")


def find_snapshot(name: str, scheme: str, patterns: Sequence[str]) -> tuple[Path, str | None]:
    """Find the folder with the files of a network, which is downloaded if it is not on this machine.

    Parameters
    ----------
    name : str
        Repository on the hub, or a folder, which starts with ``.``, ``/`` or ``~``, with or without a digest as
        :func:`name_folder` writes it.
    scheme : str
        Start of the names of these networks, for messages.
    patterns : sequence of str
        Patterns of the files to download.

    Returns
    -------
    folder : Path
    given : str or None
        Folder as it was given, without a digest; None for a repository.

    Raises
    ------
    UsageError
        If the folder does not exist.
    ModelError
        If the folder has another digest, or the repository is not on this machine and cannot be downloaded.
    """
    if name.startswith((".", "/", "~")):
        return _find_folder(name, scheme, patterns)
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(f"{scheme}:{name} must be {scheme}:ORG/NAME, or {scheme}:./FOLDER")
    if "/" not in name and Path(name).is_dir():
        raise UsageError(f"{scheme}:{name} is the name of a folder; give {scheme}:./{name}")
    from huggingface_hub import constants, snapshot_download

    advice = f"download the repository and use {scheme}:./FOLDER"
    options: dict[str, Any] = {"allow_patterns": list(patterns), "cache_dir": constants.HF_HUB_CACHE}
    try:
        folder = Path(snapshot_download(name, local_files_only=True, **options))
        if _has_weights(folder):
            return folder, None
    except Exception:  # not downloaded before
        pass
    if constants.HF_HUB_OFFLINE:
        raise missing_weights(f"{scheme}:{name}", "HF_HUB_OFFLINE is set", advice)
    expect_reachable(f"{scheme}:{name}", constants.ENDPOINT, advice)
    try:
        return Path(snapshot_download(name, **options)), None
    except Exception as error:
        raise ModelError(f"cannot download {scheme}:{name} ({one_line(error)}); {advice}") from error


def name_folder(shown: str, folder: Path, patterns: Sequence[str]) -> str:
    """Name a folder by its path and a digest of the files that match some patterns: ``./mine#1f0c3a9b``."""
    return f"{shown}#{_digest(folder, patterns)}"


def _find_folder(name: str, scheme: str, patterns: Sequence[str]) -> tuple[Path, str]:
    match = None if Path(name).expanduser().is_dir() else _NAMED.fullmatch(name)
    shown = match["folder"] if match else name
    folder = Path(shown).expanduser()
    if not (folder / "config.json").is_file() and not list(folder.glob("*config.json")):
        state = "has no config.json" if folder.is_dir() else "does not exist"
        raise UsageError(f"{scheme}:{shown}: the folder {folder} {state}; give a folder of save_pretrained")
    if match and _digest(folder, patterns) != match["digest"]:
        raise ModelError(
            f"{scheme}:{shown}: the files in the folder have the digest {_digest(folder, patterns)}, not "
            f"{match['digest']}; give the folder that it was, or leave #… out"
        )
    return folder, shown


def _has_weights(folder: Path) -> bool:
    return bool(list(folder.glob("*.safetensors")))


def _digest(folder: Path, patterns: Sequence[str]) -> str:
    files = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})
    stamps = [(file, file.stat()) for file in files]
    return digest([[file.name, hash_file(file, (stat.st_mtime_ns, stat.st_size))] for file, stat in stamps])[
        :8
    ]


def find_file(repository: str, names: Sequence[str], model: str, advice: str) -> Path:
    """Find a file of a repository of the hub, which is downloaded if it is not on this machine.

    Parameters
    ----------
    repository : str
    names : sequence of str
        Names of the file, the preferred one first.
    model : str
        Name of the model, for messages.
    advice : str
        Advice for a message if the file is not available.

    Raises
    ------
    ModelError
        If the file is not on this machine and cannot be downloaded, or the repository does not have it.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError

    cache = constants.HF_HUB_CACHE
    for file_name in names:
        path = try_to_load_from_cache(repository, file_name, cache_dir=cache)
        if isinstance(path, str):
            return Path(path)
    if constants.HF_HUB_OFFLINE:
        raise missing_weights(model, "HF_HUB_OFFLINE is set", advice)
    expect_reachable(model, constants.ENDPOINT, advice)
    for file_name in names:
        try:
            return Path(hf_hub_download(repository, file_name, cache_dir=cache))
        except EntryNotFoundError:
            continue
        except Exception as error:
            raise ModelError(
                f"cannot download the weights of {model} ({one_line(error)}); {advice}"
            ) from error
    raise ModelError(
        f"{model}: {repository} has no safetensors, and neuroalign reads no pickled weights; {advice}"
    )
