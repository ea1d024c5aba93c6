"""Fields of the file ``dataset.toml`` of a dataset folder, and the check of their types."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neuroalign.errors import DatasetError

#: File with the metadata of a dataset folder.
METADATA = "dataset.toml"

#: Characters of a wrong value in the message.
_SHOWN = 80


def is_dataset_folder(path: Path) -> bool:
    """Return whether `path` is the folder of a dataset."""
    try:
        return (path / METADATA).is_file()
    except (OSError, ValueError):  # a name that is too long, or a folder that nobody may read
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_truth_value(value: object) -> bool:
    return isinstance(value, bool)


def _is_window(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in value)
        and all(map(math.isfinite, value))
        and value[0] < value[1]
    )


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_list_of_files(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("role", "name", "sha256"))
        for entry in value
    )


_TEXT = (_is_text, "text in quotes")
_TRUTH_VALUE = (_is_truth_value, "true or false")
_TEXTS = (_is_list_of_texts, "a list of texts in quotes")
_WINDOW = (_is_window, "[start, end] in milliseconds, the start before the end")
_FILES = (_is_list_of_files, "a list of tables with the texts role, name and sha256")

_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "identifier": _TEXT,
    "stimulus_set": _TEXT,
    "averaged": _TRUTH_VALUE,
    "simulated": _TRUTH_VALUE,
    "photographs": _TRUTH_VALUE,
    "mirror_training": _TRUTH_VALUE,
    "part_of": _TEXT,
    "part": _TEXT,
    "description": _TEXT,
    "source": _TEXT,
    "licence": _TEXT,
    "citation": _TEXT,
    "landmarks_from": _TEXT,
    "window_ms": _WINDOW,
    "dropped_neuroids": _TEXTS,
    "dropped_stimuli": _TEXTS,
    "notes": _TEXTS,
    "warnings": _TEXTS,
    "files": _FILES,
}


def check_metadata(metadata: Mapping[str, Any], file: Path) -> None:
    """Refuse fields of another type than neuroalign reads; other fields may hold anything.

    Parameters
    ----------
    metadata : mapping
        Content of the file.
    file : Path

    Raises
    ------
    DatasetError
        If a field has the wrong type; the message names field, value and file.

    Examples
    --------
    >>> check_metadata({"averaged": "no"}, Path("dataset.toml"))
    Traceback (most recent call last):
    ...
    neuroalign.errors.DatasetError: averaged of dataset.toml must be true or false, got 'no'; correct the file
    """
    for field, (fits, kind) in _FIELDS.items():
        if field in metadata and not fits(metadata[field]):
            shown = repr(metadata[field])
            shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
            raise DatasetError(f"{field} of {file} must be {kind}, got {shown}; correct the file")
