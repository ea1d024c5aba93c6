"""Errors and warnings that neuroalign raises; each message is one line and names the fix."""

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NeuroalignError(Exception):
    """Base of every error raised on purpose by neuroalign; the work failed (exit code 1)."""

    exit_code = 1


class UsageError(NeuroalignError, ValueError):
    """The call itself was wrong: an unknown name, a bad option, an unusable value (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError, LookupError):
    """No model, dataset, benchmark or option has this name."""


class ArrayError(UsageError):
    """An array does not have the shape, labels or values that it must have."""


class StimulusMismatchError(ArrayError):
    """Two arrays that should describe the same stimuli do not."""


class DatasetError(UsageError):
    """A dataset cannot be read, written or used as asked."""


class MissingImagesError(DatasetError):
    """A model needs images, and the dataset has none."""


class MissingLandmarksError(DatasetError):
    """A model needs landmarks, and the dataset has none."""


class ArchiveError(DatasetError):
    """An archive is damaged, or holds members that could do harm when unpacked."""


class ModelError(UsageError):
    """A model cannot be loaded, wrapped or run."""


class NeuroalignWarning(UserWarning):
    """Something worth knowing that did not stop the work."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Make the error for an unknown name: what is near it, nearest first, else what there is."""
    known = sorted(set(known))
    close = difflib.get_close_matches(name.lower(), {each.lower() for each in known}, n=3, cutoff=0.6)
    near = [each for lower in close for each in known if each.lower() == lower]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    return UnknownNameError(f"no {kind} is called {name!r}; {hint}")


def name_some(ids: "Sequence[Any] | NDArray[Any]", *, most: int = 5) -> str:
    """List the first few ids for a message, and say how many more there are."""
    shown = ", ".join(str(each) for each in list(ids)[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"


def count_noun(n: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its noun: "1 neuron", "2 neurons"."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"
