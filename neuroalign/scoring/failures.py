"""Reasons of failed scores, in one line that names the place of the error."""

import traceback
from pathlib import Path

from neuroalign.errors import NeuroalignError


def explain_error(error: Exception, failure: str) -> NeuroalignError:
    """Return the error of a model or benchmark as a reason, with the original error as its cause.

    Parameters
    ----------
    error : Exception
        Any error; an error of neuroalign is returned as it is.
    failure : str
        Beginning of the message, such as "alignment fails on pca".
    """
    if isinstance(error, NeuroalignError):
        return error
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    reason = NeuroalignError(f"{failure}: {type(error).__name__}: {error} ({where})")
    reason.__cause__ = error
    return reason
