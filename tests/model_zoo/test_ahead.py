"""Tests of the loading of images ahead of a network."""

import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, ModelError, NeuroalignWarning
from neuroalign.model_zoo.adapters.ahead import N_AHEAD, load_ahead
from neuroalign.model_zoo.adapters.image_tensors import ImageTensors, is_from_libraries
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model

FEW = [[0, 1, 2], [3, 4, 5], [6, 7]]


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).integers(0, 256, (23, 40, 40, 3), dtype=np.uint8))


def make(**options):
    defaults = {
        "preprocess": None,
        "image_size": None,
        "channels": 3,
        "mean": None,
        "std": None,
        "seed": 0,
    }
    return ImageTensors("net", **{**defaults, **options})


@pytest.mark.parametrize("n_workers", [0, 1, 4])
def test_results_come_in_order(n_workers):
    def load(item):
        time.sleep(0.01 * (item % 3 == 0))  # the first item of a batch is the slowest
        return item

    assert list(load_ahead(FEW, load, list, n_workers=n_workers)) == FEW


def test_the_number_of_batches_in_memory_is_bounded():
    loaded = []
    results = load_ahead(([i] for i in range(50)), loaded.append, list, n_workers=4)
    for i in range(5):
        next(results)
        time.sleep(0.05)
        assert len(loaded) == i + 1 + N_AHEAD
    results.close()
    assert len(loaded) == 5 + N_AHEAD


@pytest.mark.parametrize("n_workers", [0, 3])
def test_the_first_error_in_order_ends_the_threads(n_workers):
    def load(item):
        if item in (4, 5):
            raise ValueError(item)
        return item

    results = load_ahead(FEW, load, list, n_workers=n_workers)
    assert next(results) == FEW[0]
    with pytest.raises(ValueError, match=r"^4$"):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("neuroalign-images")]


def test_workers_start_no_threads_of_their_own():
    before = torch.get_num_threads()
    torch.set_num_threads(before)
    [[inside]] = load_ahead([[0]], lambda item: torch.get_num_threads(), list, n_workers=1)
    assert (inside, torch.get_num_threads()) == (1, before)


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": 24, "mean": [0.1, 0.2, 0.3], "std": 0.3},
        {"channels": 1, "image_size": 24},
        {"preprocess": transforms.Compose([transforms.Resize(24), transforms.ToTensor()])},
        {"preprocess": lambda image: transforms.ToTensor()(image.resize((24, 24)))},
    ],
)
def test_bytes_do_not_depend_on_workers(stimuli, options):
    expected = torch.cat(list(make(**options).batches(stimuli, 23, identifier="net", n_workers=0)))
    for n_workers in (1, 5):
        batches = list(make(**options).batches(stimuli, 4, identifier="net", n_workers=n_workers))
        assert [len(batch) for batch in batches] == [4, 4, 4, 4, 4, 3]
        assert torch.equal(torch.cat(batches), expected)


def test_own_preprocessing_equals_the_pixels_of_the_set(stimuli):
    options = {"image_size": 24, "mean": [0.1, 0.2, 0.3], "std": 0.3}
    [batch] = make(**options).batches(stimuli, 23, identifier="net")
    pixels = torch.from_numpy(stimuli.pixels(24, channels=3)).permute(0, 3, 1, 2)
    mean = torch.tensor([0.1, 0.2, 0.3]).reshape(-1, 1, 1)
    assert torch.equal(batch, (pixels - mean) / torch.tensor([0.3]).reshape(-1, 1, 1))


def test_errors_in_workers_name_the_image(stimuli, tmp_path):
    paths = {}
    for name in ("a", "b", "c"):
        paths[name] = tmp_path / f"{name}.png"
        Image.fromarray(stimuli.pixels(8).astype(np.uint8)[0]).save(paths[name])
    broken = StimulusSet("broken", stimuli.table.iloc[:3].set_axis(list(paths)), paths)
    paths["c"].write_bytes(paths["c"].read_bytes()[:40])
    for options in (
        {},
        {"preprocess": transforms.ToTensor()},
        {"preprocess": lambda image: transforms.ToTensor()(image)},
    ):
        with pytest.raises(DatasetError, match="cannot read the image of stimulus 'c'"):
            list(make(**options).batches(broken, 1, identifier="net", n_workers=2))
    wrong = transforms.Compose(
        [transforms.ToTensor(), transforms.CenterCrop(4), transforms.Normalize([0], [0])]
    )
    with pytest.raises(ModelError, match="preprocess fails on the image of stimulus 'a': ValueError"):
        list(make(preprocess=wrong).batches(broken, 1, identifier="net", n_workers=2))


def test_only_parts_of_libraries_run_in_threads(stimuli):
    class Own(transforms.Resize):
        pass

    assert is_from_libraries(transforms.Compose([transforms.Resize(9), transforms.ToTensor()]))
    assert not is_from_libraries(transforms.Compose([Own(9), transforms.ToTensor()]))
    assert not is_from_libraries(transforms.Compose([transforms.Lambda(lambda image: image)]))
    threads = set()

    def preprocess(image):
        threads.add(threading.current_thread())
        return transforms.ToTensor()(image)

    list(make(preprocess=preprocess).batches(stimuli, 4, identifier="net", n_workers=4))
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("n_workers", [0, 4])
def test_workers_do_not_hide_random_numbers(stimuli, n_workers):
    crop = transforms.Compose([transforms.RandomResizedCrop(24), transforms.ToTensor()])
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 24 * 24, 2))
    model = as_model(network, preprocess=crop, identifier="x", n_workers=n_workers)
    assert model.fingerprint is None
    with pytest.warns(NeuroalignWarning, match="x: the preprocessing draws random numbers; .* from seed=0"):
        first = compute_latents(model, stimuli)
    with pytest.warns(NeuroalignWarning, match="x: the preprocessing draws random numbers"):
        second = compute_latents(model, stimuli)
    np.testing.assert_array_equal(first.values, second.values)


def test_random_numbers_for_some_images_only(stimuli, monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path))
    shades = stimuli.pixels(channels=1).mean(axis=(1, 2))
    limit = float(np.sort(shades)[-3])  # the three brightest images, none of which is the first
    assert shades[0] < limit

    def preprocess(image):
        tensor = transforms.ToTensor()(image)
        grey = transforms.ToTensor()(image.convert("L")).mean()
        return tensor + torch.rand(3, 1, 1) if grey >= limit - 1e-5 else tensor

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 40 * 40, 2))
    model = as_model(network, preprocess=preprocess, identifier="x", batch_size=4)
    assert model.fingerprint is not None
    with pytest.warns(NeuroalignWarning, match="x: the preprocessing draws random numbers; .* from seed=0"):
        late = compute_latents(model, stimuli).values
    assert model.fingerprint is None
    assert not list((tmp_path / "latents").glob("*.nc"))
    with pytest.warns(NeuroalignWarning, match="draws random numbers"):
        np.testing.assert_array_equal(model.latents(stimuli).values, late)
