"""Compilation of the Lasso engine by numba, kept on disk for later processes."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numba import config, njit
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

#: Folder of compiled functions in the neuroalign folder.
FOLDER = "compiled"


def compiled(function: Callable[..., Any]) -> Any:
    """Let numba compile a function at its first call, and keep the machine code on disk where it can.

    The machine code is in ``compiled`` in the neuroalign folder, or in NUMBA_CACHE_DIR where that is set. Where no
    folder can be written, as in containers, each process compiles for itself.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
    """
    settings: Any = config
    before = settings.CACHE_DIR
    if not os.environ.get("NUMBA_CACHE_DIR"):
        settings.CACHE_DIR = _folder()
    try:
        dispatcher = njit(**_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder that it can write
        return njit(**(_OPTIONS | {"cache": False}))(function)
    finally:
        settings.CACHE_DIR = before
    _forgive(dispatcher._cache)
    return dispatcher


def _folder() -> str:
    # As :func:`neuroalign.files.home.home`, which metrics must not import.
    named = os.environ.get("NEUROALIGN_HOME")
    if not named:
        import platformdirs

        named = platformdirs.user_data_dir("neuroalign")
    return os.path.join(os.path.expanduser(named), FOLDER)


def _forgive(cache: Any) -> None:
    """Let a full disk or a damaged file of the cache cost time, and not stop a computation."""
    save, load = cache.save_overload, cache.load_overload

    def save_or_pass(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    def load_or_compile(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # unpickling raises nearly anything on a damaged file
            return None

    cache.save_overload, cache.load_overload = save_or_pass, load_or_compile


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
