"""Comparison of two computations of one score, with a tolerance for the rounding of different processors."""

import math

import numpy as np
import xarray as xr

from neuroalign.results.score import Score

#: Largest relative and absolute difference of two numbers that count as equal. Latents of two BLAS libraries differ by
#: 1e-15, which changes scores by less than 1e-9; a table shows three decimals.
RELATIVE, ABSOLUTE = 1e-5, 1e-7


def conflict(ours: Score, theirs: Score) -> str:
    """Describe how two scores under one key differ by more than rounding.

    Parameters
    ----------
    ours, theirs : Score
        Computations of the same model, dataset, benchmark and options. Level of chance, ceiling, numbers beside the
        score and arrays are compared where both scores have them.

    Returns
    -------
    str
        Words such as "ours is 0.5, theirs 0.75"; empty if all numbers agree.
    """
    if not agree(ours.value, theirs.value):
        return f"ours is {ours.value:.6g}, theirs {theirs.value:.6g}"
    pairs = {
        "error": (ours.error, theirs.error),
        "null": (ours.null, theirs.null),
        "ceiling": (ours.ceiling, theirs.ceiling),
        **{name: (ours.beside[name], theirs.beside[name]) for name in ours.beside if name in theirs.beside},
    }
    differing = [
        name
        for name, (first, second) in pairs.items()
        if math.isfinite(first) and math.isfinite(second) and not agree(first, second)
    ]
    if differing:
        return f"they differ in {', '.join(differing)}"
    return "" if _arrays_agree(ours.data, theirs.data) else "their arrays differ"


def agree(first: float, second: float) -> bool:
    """Return whether two numbers are equal up to rounding; NaN equals NaN."""
    return bool(np.isclose(first, second, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))


def _arrays_agree(first: xr.Dataset, second: xr.Dataset) -> bool:
    """Compare the arrays that both scores have."""
    for name in set(first.variables) & set(second.variables):
        a, b = first[name].values, second[name].values
        if a.shape != b.shape:
            return False
        if a.dtype.kind == b.dtype.kind == "f":
            if not np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
                return False
        elif not np.array_equal(a, b):
            return False
    return True
