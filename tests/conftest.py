"""Fixtures that several test modules share."""

import gc
import os
import sys
from itertools import count
from pathlib import Path

# Two processes run the tests, and matrices are small: more threads would only wait for each other. The libraries read
# these variables when they are imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# Numbers in tests are numbers of a CPU. Tests with the mark gpu state their device.
os.environ["NEUROALIGN_DEVICE"] = "cpu"

# One folder of compiled functions for all tests, each of which has a neuroalign folder of its own.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba"))

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from neuroalign.datasets.dataset import Dataset  # noqa: E402
from neuroalign.testing import make_dataset  # noqa: E402

# Where a test states no number of examples: pytest --hypothesis-profile=thorough tries more.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=50, deadline=None)
settings.load_profile("quick")

#: Processes that run the whole suite, at most.
MOST_PROCESSES = 2


def pytest_xdist_auto_num_workers(config):
    """Run folders in two processes, and single files or tests in this one, which starts sooner."""
    names = [argument.partition("::")[0] for argument in config.args]
    if not all(Path(name).is_dir() for name in names):
        return 0
    return min(MOST_PROCESSES, os.cpu_count() or 1)


def pytest_collection_modifyitems(items):
    """Begin with whole studies and other slow files, so that neither process waits for the other at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.parent.name != "studies"))


def pytest_runtest_setup(item):
    """Skip tests of a GPU where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("torch finds no NVIDIA GPU")


def pytest_collection_finish():
    """Collect garbage rarely, and not among the loaded modules: the tests make little of it, and the search is long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def _no_collection_at_each_correction():
    """Let statsmodels correct p-values without the collection of garbage that it asks for at every Holm correction."""
    collect = gc.collect

    def collect_for_others(generation=2):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        return 0 if caller.startswith("statsmodels.") else collect(generation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", collect_for_others)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk():
    """Let files reach the disk when the system wants: no test takes the power away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        if hasattr(os, "sync"):
            patch.setattr(os, "sync", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _installed_package():
    """Let Python in other processes import the installed package, not the checkout that tests are run from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONSAFEPATH", "1")
        yield


@pytest.fixture(scope="session")
def new_home(tmp_path_factory):
    """Make an empty folder for a test; ``tmp_path_factory`` would look at all earlier ones each time."""
    folder, numbers = tmp_path_factory.mktemp("homes"), count()

    def make() -> Path:
        home = folder / str(next(numbers))
        home.mkdir()
        return home

    return make


@pytest.fixture(autouse=True)
def neuroalign_home(new_home, monkeypatch):
    """Keep every test's datasets, caches and results in a folder of its own."""
    folder = new_home()
    monkeypatch.setenv("NEUROALIGN_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, which are not ours to ship."""
    named = os.environ.get("NEUROALIGN_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings in {folder}; set NEUROALIGN_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """120 stimuli, 12 neurons tuned to one of 4 factors each, 3 trials; all tests share it, and none can change it."""
    shared = make_dataset()
    shared.recording.values.flags.writeable = False
    return shared


@pytest.fixture(scope="session")
def dataset_factory():
    """Make a dataset with other numbers: :func:`neuroalign.testing.make_dataset`."""
    return make_dataset
