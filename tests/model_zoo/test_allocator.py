"""Memory of training steps: freed memory stays with the process."""

import ctypes
import platform
import subprocess
import sys

import pytest

from neuroalign.model_zoo.training.loop.allocator import keep_freed_memory

#: Allocates and frees 64 MB six times, and prints the number of new pages of all but the first time.
COUNT_PAGES = """
import resource, sys, threading
from neuroalign.model_zoo.training.loop.allocator import keep_freed_memory

def allocate():
    blocks = [b"x" * 2**23 for _ in range(8)]
    del blocks

def count():
    allocate()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        allocate()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if "keep" in sys.argv:
    keep_freed_memory()
if "thread" in sys.argv:
    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
else:
    count()
"""


def count_pages(*arguments):
    command = [sys.executable, "-c", COUNT_PAGES, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
@pytest.mark.parametrize("place", ["main", "thread"])
def test_freed_memory_serves_the_next_step(place):
    returned, kept = count_pages(place), count_pages(place, "keep")
    # A page has 4 KB, or 2 MB where the system provides huge ones.
    assert returned >= 5 * 64 / 2
    assert kept < returned / 20


def test_other_systems_are_left_alone(monkeypatch):
    # Neither a C library without the setting, nor a system without a C library of this name.
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory()
    monkeypatch.delattr(ctypes, "CDLL")
    monkeypatch.setattr(sys, "platform", "win32")
    keep_freed_memory()
