import gc
import hashlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import psutil
import pytest
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.files.home import TEMPORARY_PREFIX
from neuroalign.model_zoo.fitted import components
from neuroalign.model_zoo.reducers import pca, subsample
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import (
    gather_latents,
    latents_folder,
    memory_budget,
    row_blocks,
)
from neuroalign.models.loading import as_model, load_model
from neuroalign.scoring.evaluate import score


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((50, 10, 10)))


@pytest.fixture
def no_memory(monkeypatch):
    """Less memory than any latents need."""
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")


def flat(pixels):
    """A unit for each pixel, the first of which is constant."""
    values = pixels.reshape(len(pixels), -1).copy()
    values[:, 0] = 0.5
    return values


def model(**options):
    return as_model(flat, batch_size=8, fingerprint="flat-1", **options)


def files():
    return sorted(latents_folder().iterdir()) if latents_folder().is_dir() else []


def in_memory(latents):
    return isinstance(latents.variable._data, np.ndarray)


def test_latents_in_a_file_are_those_in_memory(stimuli, monkeypatch):
    expected = as_model(flat).latents(stimuli)
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")
    first = compute_latents(model(), stimuli)
    again = compute_latents(model(), stimuli)
    assert in_memory(expected)
    for latents in (first, again):
        assert not in_memory(latents)
        xr.testing.assert_identical(latents.load(), expected)
    assert expected["informative"].values.tolist() == [False] + 99 * [True]
    monkeypatch.delenv("NEUROALIGN_LATENTS_MEMORY")
    latents = compute_latents(as_model(lambda pixels: 1 / 0, fingerprint="flat-1"), stimuli)
    assert in_memory(latents)
    xr.testing.assert_identical(latents, expected)


def test_models_without_batches_keep_their_latents_in_memory(stimuli, no_memory):
    whole = as_model(as_model(flat).latents(stimuli).load(), identifier="whole")
    assert in_memory(compute_latents(whole, stimuli))


def test_parts_are_read_and_not_kept(stimuli, no_memory):
    latents = compute_latents(model(), stimuli)
    expected = flat(stimuli.pixels())
    np.testing.assert_allclose(latents.isel(unit=[7, 3], stimulus=slice(5, 9)).values, expected[5:9, [7, 3]])
    np.testing.assert_allclose(latents.sel(stimulus=["30", "4"]).values, expected[[30, 4]])
    assert not in_memory(latents)


def test_row_blocks(stimuli, no_memory, monkeypatch):
    monkeypatch.setattr("neuroalign.models.latents_file.BLOCK", 8 * 100 * 20)
    blocks = list(row_blocks(compute_latents(model(), stimuli)))
    assert [block.sizes["stimulus"] for block in blocks] == [20, 20, 10]
    np.testing.assert_allclose(np.concatenate([block.values for block in blocks]), flat(stimuli.pixels()))


@pytest.mark.slow
@pytest.mark.parametrize("make", [model, lambda: load_model("timm:test_vit@blocks.0:logits[weights=random]")])
@pytest.mark.parametrize("megabytes", ["0.001", "100"])
def test_two_runs_write_the_same_bytes(stimuli, monkeypatch, megabytes, tmp_path, make):
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", megabytes)
    digests = []
    for run in range(2):
        monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / str(run)))
        compute_latents(make(), stimuli)
        [file] = files()
        digests.append((file.name, hashlib.sha256(file.read_bytes()).hexdigest()))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("megabytes", ["0.001", "100"])
def test_interrupted_computation_leaves_no_file(stimuli, monkeypatch, error, megabytes):
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", megabytes)
    seen = []

    def stops(pixels):
        seen.extend([len(pixels)] if len(pixels) > 1 else [])
        if len(seen) == 3:
            raise error
        return flat(pixels)

    stopped = as_model(stops, batch_size=8, fingerprint="flat-1")
    # An interruption stays one, and an error of the function becomes neuroalign's own.
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else NeuroalignError):
        compute_latents(stopped, stimuli)
    assert files() == []
    assert compute_latents(stopped, stimuli).sizes["stimulus"] == 50


def test_file_of_a_killed_process_is_not_read(stimuli, no_memory):
    compute_latents(model(), stimuli)
    [file] = files()
    # A process killed while writing leaves half a file, under the name of an incomplete file.
    left = file.with_name(f"{TEMPORARY_PREFIX}half.nc")
    left.write_bytes(file.read_bytes()[:20_000])
    file.unlink()
    np.testing.assert_allclose(compute_latents(model(), stimuli).values, flat(stimuli.pixels()))
    # Half a file under the name of a complete file is ignored as well.
    file.write_bytes(left.read_bytes())
    with pytest.warns(NeuroalignWarning, match="ignored unreadable cached latents"):
        again = compute_latents(model(), stimuli)
    np.testing.assert_allclose(again.values, flat(stimuli.pixels()))


def test_files_of_models_without_fingerprint_are_deleted_with_the_array(stimuli, no_memory):
    for use_cache, named in ((True, as_model(flat)), (False, model())):
        latents = compute_latents(named, stimuli, use_cache=use_cache)
        [file] = files()
        assert file.name.startswith(TEMPORARY_PREFIX)
        np.testing.assert_allclose(latents.values, flat(stimuli.pixels()))
        del latents
        gc.collect()
        assert files() == []


def test_models_within_models_follow_use_cache(dataset):
    reduced = load_model("pca[n=6,image_size=16]+subsample[n=3]")
    compute_latents(reduced, dataset.stimuli, use_cache=False)
    assert files() == []
    compute_latents(reduced, dataset.stimuli)
    assert len(files()) == 2


def test_latents_in_a_file_are_scored(dataset, no_memory):
    factors = dataset.stimuli.table[["factor_0", "factor_1", "factor_2", "factor_3"]].to_numpy()
    of_image = {image.tobytes(): row for image, row in zip(dataset.stimuli.pixels(), factors, strict=True)}
    from_file = as_model(
        lambda pixels: np.stack([of_image[image.tobytes()] for image in pixels]),
        batch_size=60,
        fingerprint="factors",
        identifier="factors",
    )
    precomputed = xr.DataArray(factors, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids})
    first, second = (
        score(source, dataset, "alignment").value
        for source in (from_file, as_model(precomputed, identifier="known"))
    )
    assert not in_memory(compute_latents(from_file, dataset.stimuli))
    assert first == second


def test_budget(monkeypatch):
    monkeypatch.delenv("NEUROALIGN_LATENTS_MEMORY", raising=False)
    assert 0 < memory_budget() <= psutil.virtual_memory().total // 4
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "2.5")
    assert memory_budget() == 2_500_000
    for wrong in ("2 GB", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", wrong)
        with pytest.raises(UsageError, match="must be a number of megabytes above 0, got"):
            memory_budget()


def test_mistakes_are_explained(stimuli):
    with pytest.raises(ModelError, match="latents need at least one stimulus, got an empty stimulus set"):
        as_model(flat).latents(stimuli.select([]))
    batches = [arrays.latents(np.zeros((1, n)), stimulus=[str(n)]) for n in (2, 3)]
    with pytest.raises(ModelError, match="2 units for some stimuli and 3 for others"):
        gather_latents(batches, np.array(["2", "3"]))


class Yields:
    """Yields latents of chosen stimuli: the number in the id, and a constant."""

    identifier = "yields"
    fingerprint = "yields"

    def __init__(self, batches):
        self.chosen = batches

    def latents(self, stimuli):
        raise AssertionError

    def latent_batches(self, stimuli):
        for ids in self.chosen:
            yield arrays.latents([[float(name), 1.0] for name in ids], stimulus=ids)


@pytest.mark.parametrize("megabytes", ["0.0001", "100"])
def test_latents_belong_to_the_stimuli_that_they_are_labelled_with(stimuli, monkeypatch, megabytes):
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", megabytes)
    shuffled = np.random.default_rng(1).permutation(stimuli.ids)
    latents = compute_latents(Yields([shuffled[:7], shuffled[7:30], shuffled[30:]]), stimuli)
    assert latents["stimulus"].values.tolist() == stimuli.ids.tolist()
    np.testing.assert_array_equal(latents.values[:, 0], stimuli.ids.astype(float))
    assert latents["informative"].values.tolist() == [True, False]


@pytest.mark.parametrize("megabytes", ["0.0001", "100"])
def test_each_stimulus_has_latents_once(stimuli, monkeypatch, megabytes):
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", megabytes)
    ids = stimuli.ids
    with pytest.raises(ModelError, match=r"no latents of 2 of 50 stimuli: 48, 49; it must yield each"):
        compute_latents(Yields([ids[:20], ids[20:48]]), stimuli)
    with pytest.raises(ModelError, match=r"latents of a stimulus more than once: 19$"):
        compute_latents(Yields([ids[:20], ids[19:]]), stimuli)
    with pytest.raises(ModelError, match=r"latents of stimuli that it was not given: 999$"):
        compute_latents(Yields([ids[:20], ["999"]]), stimuli)
    assert files() == []


PROGRAM = """
import resource
import sys
import numpy as np
import torch
from neuroalign.models.latents_cache import compute_latents
from neuroalign.model_zoo.reducers import pca, subsample
from neuroalign.models.loading import as_model
from neuroalign.datasets.stimuli import StimulusSet

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

def run(n_stimuli, n_units):
    rng = np.random.default_rng(0)
    stimuli = StimulusSet.from_arrays(rng.integers(0, 256, (n_stimuli, 8, 8), dtype=np.uint8))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, n_units))
    model = as_model(network, channels=1, batch_size=8)
    compute_latents(model, stimuli)
    computed = used()
    pca(5)(model).latents(stimuli)
    subsample(5)(model).latents(stimuli)
    return computed, used()

torch.set_num_threads(1)
run(10, 100)
before = used()
computed, reduced = run(700, 100_000)
print(computed - before, reduced - before)
"""


@pytest.mark.slow
def test_memory_grows_with_the_batch_and_not_with_the_whole(monkeypatch):
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "1")
    monkeypatch.setattr(components, "BLOCK", 100_000)
    monkeypatch.setattr("neuroalign.models.latents_file.BLOCK", 800_000)
    stimuli = StimulusSet.from_arrays(np.random.default_rng(0).integers(0, 256, (800, 4, 4), dtype=np.uint8))
    weights = np.random.default_rng(1).standard_normal((16, 10_000))
    wide = as_model(
        lambda pixels: pixels.reshape(len(pixels), -1) @ weights, batch_size=40, fingerprint="wide"
    )

    def peak(compute):
        tracemalloc.start()
        try:
            compute()
            return tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()

    # 64 MB in all, 3.2 MB in a batch, 0.8 MB in a block, 5.1 MB in a Gram matrix.
    assert peak(lambda: compute_latents(wide, stimuli)) < 25
    assert peak(lambda: pca(5)(wide).latents(stimuli)) < 25
    assert peak(lambda: subsample(5)(wide).latents(stimuli)) < 25
    assert max(path.stat().st_size for path in files()) > 64e6


@pytest.mark.slow
def test_memory_stays_within_a_budget(tmp_path):
    """560 MB of latents are computed in less than 150 MB, and reduced in less than 450 MB."""
    pytest.importorskip("resource")
    environment = {**os.environ, "NEUROALIGN_HOME": str(tmp_path), "NEUROALIGN_LATENTS_MEMORY": "50"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True
    )
    computed, reduced = map(float, done.stdout.split())
    assert computed < 150
    assert reduced < 450
    assert max(path.stat().st_size for path in (tmp_path / "latents").iterdir()) > 560e6
