"""Errors and warnings of neuroalign, and parts of their one-line messages."""

import difflib
import math
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


_LONG_WORD = re.compile(r"\S{401,}")


class NeuroalignError(Exception):
    """Base class of all errors of neuroalign (exit code 1).

    Messages cite names and cells of files of unknown origin, which may have millions of characters: a word of more
    than 400 characters is cut in its middle, and so is a message of more than 4,000.
    """

    exit_code = 1

    def __str__(self) -> str:
        """Return the message."""
        text = _LONG_WORD.sub(lambda word: _without_middle(word[0], 200), super().__str__())
        return _without_middle(text, 2000)


class UsageError(NeuroalignError, ValueError):
    """A wrong call: an unknown name, a wrong option or an unusable value (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError, LookupError):
    """An unknown name of a model, dataset, benchmark or option."""


class ArrayError(UsageError):
    """An array with a wrong shape, label or value."""


class StimulusMismatchError(ArrayError):
    """Two arrays with different stimuli."""


class DatasetError(UsageError):
    """A dataset that cannot be read, written or used as requested."""


class MissingImagesError(DatasetError):
    """A model that needs images, on a dataset without images."""


class MissingLandmarksError(DatasetError):
    """A model that needs landmarks, on a dataset without landmarks."""


class MissingResponsesError(DatasetError):
    """A command that needs responses, on a dataset that has stimuli alone."""


class ArchiveError(DatasetError):
    """An archive that is damaged, or has members that could do harm when unpacked."""


class DownloadError(NeuroalignError):
    """A file that cannot be downloaded, or differs from the listed file."""


class FullDiskError(NeuroalignError, OSError):
    """A disk that is full, a quota that is used up, or a file larger than the system allows."""


class ModelError(UsageError):
    """A model that cannot be loaded, wrapped or run."""


class NeuroalignWarning(UserWarning):
    """A warning about a result or an input that did not stop the work."""


def warn_caller(message: str) -> None:
    """Warn with :class:`NeuroalignWarning` at the line of the user's code that called neuroalign.

    Parameters
    ----------
    message : str
        One line.
    """
    # The level 2 is the function that calls this one.
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(str(frame.f_globals.get("__name__", ""))):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, NeuroalignWarning, stacklevel=level)


def _is_inside(module: str) -> bool:
    """Return whether a module belongs to neuroalign, or calls its functions in the name of its caller."""
    return module.partition(".")[0] in ("neuroalign", "contextlib", "functools")


def unknown_name(kind: str, name: str, existing: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the nearest existing names, else all of them."""
    names = sorted(set(existing))
    close = difflib.get_close_matches(name.lower(), {entry.lower() for entry in names}, n=3, cutoff=0.6)
    near = [entry for lower in close for entry in names if entry.lower() == lower]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names) or 'none'}"
    return UnknownNameError(f"no {kind} is called {name!r}; {hint}")


def name_some(ids: "Sequence[Any] | NDArray[Any]", *, most: int = 5) -> str:
    """List the first few ids for a message, with the number of the others."""
    shown = ", ".join(str(label) for label in list(ids)[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"


def unknown_stimuli(unknown: "Sequence[Any]", identifier: str, ids: "Sequence[str]") -> StimulusMismatchError:
    """Return the error for stimuli that a stimulus set does not have, with some ids that it has.

    Parameters
    ----------
    unknown : sequence of str
    identifier : str
        Name of the stimulus set.
    ids : sequence of str
        Ids of the stimulus set.
    """
    are_not = "stimulus is not" if len(unknown) == 1 else "stimuli are not"
    has = f"which has {name_some(ids)}" if len(ids) else "which is empty"
    return StimulusMismatchError(
        f"{len(unknown)} {are_not} in the stimulus set {identifier!r}: {name_some(unknown)}; take ids of the set, {has}"
    )


#: Characters of a message of another library within a message of neuroalign.
_LONGEST_MESSAGE = 300

#: Control characters but line break and tab, lone surrogates, and characters that reverse the direction of writing.
_UNPRINTABLE = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]"
)


def printable(text: str) -> str:
    r"""Return text with visible codes in place of characters that steer a terminal or cannot be encoded.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Line breaks and tabs stay.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def _without_middle(text: str, n: int) -> str:
    """Return the first `n` characters of a text and half as many of its end; the text itself if it has at most 2 n."""
    return text if len(text) <= 2 * n else f"{text[:n]}…{text[-n // 2 :]}"


def brief(error: BaseException) -> str:
    r"""Return the message of an error of another library as one line of at most 300 visible characters.

    Examples
    --------
    >>> brief(ValueError("first\nsecond")), brief(KeyError())
    ('first second', 'KeyError')
    """
    text = " ".join(printable(str(error)).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def count_noun(n: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its noun: "1 neuron", "2 neurons"."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def format_p(value: float) -> str:
    """Write a p-value as a number.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
        Three decimals, or two digits with an exponent below .001; "unknown" for NaN.

    Examples
    --------
    >>> format_p(0.0321), format_p(0.00002), format_p(float("nan"))
    ('0.032', '2.0e-05', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def p_in_words(value: float) -> str:
    """Write a p-value with its symbol, for a sentence.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> p_in_words(0.0321), p_in_words(0.00002), p_in_words(float("nan"))
    ('p = 0.032', 'p = 2.0e-05', 'p unknown')
    """
    return "p unknown" if math.isnan(value) else f"p = {format_p(value)}"
