"""Tells the C library to keep memory that is freed, for the next step to use."""

import ctypes
import sys

# Parameters of mallopt, from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, rather than give it back to the system; elsewhere do nothing.

    Every step of training allocates the same activations, of up to some MB. By default each comes fresh
    from the system, and faulting its pages in takes about a sixth of a step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # the largest that it takes
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        # The pools of other threads know no threshold.
        mallopt(_M_ARENA_MAX, 1)
