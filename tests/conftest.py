"""Fixtures that several test modules share."""

import gc
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet


def pytest_collection_finish():
    """Take what is loaded by now out of garbage collection, which statsmodels asks for at every Holm correction."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _installed_package():
    """Let Python in other processes import the installed package, not the checkout that tests are run from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONSAFEPATH", "1")
        yield


@pytest.fixture(autouse=True)
def neuroalign_home(tmp_path_factory, monkeypatch):
    """Keep every test's datasets, caches and results in a folder of its own."""
    folder = tmp_path_factory.mktemp("home")
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


def make_dataset(
    *, n_stimuli=120, n_neurons=12, n_factors=4, n_repetitions=3, noise=0.5, mixed=False, seed=0, size=16
) -> Dataset:
    """Neurons that follow one factor each, or with `mixed` a rotation of all of them."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n_stimuli, n_factors))
    truth = np.zeros((n_neurons, n_factors))
    truth[np.arange(n_neurons), np.arange(n_neurons) % n_factors] = 1.0
    if mixed:
        truth = rng.standard_normal((n_neurons, n_factors)) / np.sqrt(n_factors)
    signal = factors @ truth.T
    ids = np.array([f"s{index:03d}" for index in range(n_stimuli)])
    names = [f"factor_{index}" for index in range(n_factors)]
    table = pd.DataFrame(factors, columns=names, index=ids)
    table["presented"] = True
    table["training"] = np.arange(n_stimuli) % 6 > 0
    images = {each: rng.integers(0, 256, (size, size), dtype=np.uint8) for each in ids}
    stimulus_id = np.repeat(ids, n_repetitions)
    values = np.repeat(signal, n_repetitions, axis=0)
    values = values + noise * rng.standard_normal(values.shape)
    neuroids = [f"n{index:02d}" for index in range(n_neurons)]
    return Dataset(
        identifier="mixed" if mixed else "single",
        recording=arrays.recording(values, stimulus_id=stimulus_id, neuroid_id=neuroids, region="AM"),
        stimuli=StimulusSet("toy", table, images, mirror_training=True),
        simulated=True,
        truth=pd.DataFrame(truth, index=neuroids, columns=names),
    )


@pytest.fixture
def dataset() -> Dataset:
    """120 stimuli, 12 neurons tuned to one of 4 factors each, 3 trials."""
    return make_dataset()


@pytest.fixture(scope="session")
def dataset_factory():
    """Make a dataset with other numbers; see `make_dataset`."""
    return make_dataset
