"""Compilation of the Lasso engine by numba, kept on disk for later processes."""

from typing import Any

import numpy as np
from numba import njit
from numba.core import event
from numpy.typing import NDArray

from neuroalign.progress import notice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Processor time in seconds that the compilation of the whole engine takes; see docs/performance.md.
SECONDS = 10

# Sums may be regrouped (vector instructions) and products fused; NaN and infinity keep their meaning.
# To compile quickly, each function has one type of each argument, and compiled functions have loops in place of array
# expressions and assignments to slices: numba compiles a function of its own for each of those.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
compiled = njit(**_OPTIONS)


class Announcement(event.Listener):
    """Listener of numba that says once in a process that the engine is compiled."""

    def __init__(self) -> None:
        self.is_made = False

    def on_start(self, event: Any) -> None:
        """Print the notice if the function belongs to neuroalign; functions from the disk cache make no event."""
        module = event.data["dispatcher"].py_func.__module__
        if module.startswith("neuroalign.") and not self.is_made:
            self.is_made = True
            notice(f"compiling the Lasso engine for this machine, once; about {SECONDS} s")

    def on_end(self, event: Any) -> None:
        """Do nothing: the work itself goes on."""


event.register("numba:compile", Announcement())
