"""Checks of the arguments of an import in Python, and the note on a name that another dataset has."""

from neuroalign.errors import UsageError
from neuroalign.names.registry import datasets


def expect_texts(**values: str | None) -> None:
    """Refuse arguments that are neither text nor None.

    Raises
    ------
    UsageError
        The message names the argument.
    """
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name} must be text, got {value!r}")


def expect_flags(**values: bool | None) -> None:
    """Refuse arguments that are neither True, False nor None.

    Raises
    ------
    UsageError
        The message names the argument.
    """
    for name, value in values.items():
        if value is not None and not isinstance(value, bool):
            raise UsageError(f"{name} must be True or False, got {value!r}")


def note_on_name(name: str) -> list[str]:
    """Return a note for the name of a dataset of neuroalign or a plug-in; empty for every other name."""
    note = (
        f"From now on {name} is this dataset, not the dataset of neuroalign or a plug-in with the same name."
    )
    return [note] if name in datasets else []
