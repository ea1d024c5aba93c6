"""Training on an NVIDIA GPU: the same noise as on a CPU, resumed runs, precision, and memory."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.images.draws import Noise
from neuroalign.model_zoo.training.images.translations import Translations
from neuroalign.model_zoo.training.loop import course
from neuroalign.model_zoo.training.loop.course import TrainingImages
from neuroalign.model_zoo.training.loop.devices import bytes_of_instance, choose_device, repeatable
from neuroalign.model_zoo.training.loop.optimisation import Together
from neuroalign.model_zoo.training.loop.trainer import Interrupted, train_together
from neuroalign.model_zoo.training.networks.architectures import build

pytestmark = pytest.mark.gpu

SMALL = {"n_latents": 10, "batch_size": 16, "steps": 120}
RECIPES = {
    "beta_vae": [BetaVAERecipe(**SMALL, seed=seed, beta=1 + seed) for seed in range(3)],
    "tf32": [BetaVAERecipe(**SMALL, seed=seed, precision="tf32") for seed in range(3)],
    "bfloat16": [BetaVAERecipe(**SMALL, seed=seed, precision="bfloat16") for seed in range(3)],
    "autoencoder": [AutoencoderRecipe(**SMALL, seed=seed) for seed in range(3)],
    "classifier": [ClassifierRecipe(**SMALL, seed=seed, validate_every=25) for seed in range(3)],
}


@pytest.fixture(scope="module")
def images():
    small = np.random.default_rng(0).random((40, 8, 8), dtype=np.float32)
    return TrainingImages("blocks", "hash", np.kron(small, np.ones((8, 8), np.float32)))


def weights_of(outcome):
    return load(outcome.trained.path.read_bytes())


def test_the_gpu_is_the_default_device(monkeypatch):
    monkeypatch.delenv("NEUROALIGN_DEVICE")
    assert choose_device().type == "cuda"


def test_noise_and_translations_are_the_ones_of_the_cpu():
    for seeds, shape in (([0, 7, 2**70], (16, 50)), ([3], (5, 3))):
        devices = [Noise(seeds, shape, torch.device(name)) for name in ("cpu", "cuda")]
        for step in (0, 15, 16, 999_999):
            one, other = (noise.at([step] * len(seeds)) for noise in devices)
            assert torch.equal(one, other.cpu())
    pixels = torch.rand(4, 32, 32)
    examples = torch.randperm(100)
    moved = Translations(pixels.cuda()).take(examples.cuda())
    assert torch.equal(Translations(pixels).take(examples), moved.cpu())


@pytest.mark.parametrize("family", ["beta_vae", "autoencoder", "classifier"])
@pytest.mark.parametrize("n_instances", [1, 3])
def test_gpu_and_cpu_agree(family, n_instances, images, tmp_path):
    recipes = [type(one)(**{**one.to_mapping(), "steps": 10}) for one in RECIPES[family][:n_instances]]
    on_cpu = train_together(recipes, images, tmp_path / "cpu", device="cpu")
    on_gpu = train_together(recipes, images, tmp_path / "gpu", device="cuda")
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert other.trained.record["device"].startswith("cuda (")
        expected = weights_of(one)
        for name, value in weights_of(other).items():
            # A gradient that is nothing but rounding moves a weight by the learning rate in each step.
            np.testing.assert_allclose(value, expected[name], atol=5e-3)


@pytest.mark.parametrize("setting", RECIPES)
@pytest.mark.parametrize("n_instances", [1, 3])
def test_resumed_training_is_bit_identical(setting, n_instances, images, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "LOG_ENTRIES", 3)
    recipes = RECIPES[setting][:n_instances]
    whole, again = (
        train_together(recipes, images, tmp_path / name, device="cuda") for name in ("whole", "again")
    )
    for last in (33, 71):
        stop = threading.Event()

        def report(_, step, __, last=last, stop=stop):
            if step == last:
                stop.set()

        with pytest.raises(Interrupted):
            train_together(recipes, images, tmp_path / "parts", device="cuda", report=report, stop=stop)
    parts = train_together(recipes, images, tmp_path / "parts", device="cuda")
    for one, same, resumed in zip(whole, again, parts, strict=True):
        assert one.trained.path.read_bytes() == same.trained.path.read_bytes(), "two runs differ"
        assert one.trained.path.read_bytes() == resumed.trained.path.read_bytes(), "the resumed run differs"


def test_an_instance_that_diverges_leaves_the_others(images, tmp_path):
    settings = {**SMALL, "warmup": 0}
    recipes = [
        BetaVAERecipe(**settings, seed=0),
        BetaVAERecipe(**settings, seed=1, learning_rate=1e6),
        BetaVAERecipe(**settings, seed=2),
    ]
    outcomes = train_together(recipes, images, tmp_path, device="cuda")
    assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
    assert "diverged at step" in outcomes[1].failure


def test_tf32_changes_products_and_is_recorded(images, tmp_path):
    single = train_together(RECIPES["beta_vae"][:1], images, tmp_path / "single", device="cuda")[0].trained
    settings = {**RECIPES["beta_vae"][0].to_mapping(), "precision": "tf32"}
    reduced = train_together([BetaVAERecipe(**settings)], images, tmp_path / "reduced", device="cuda")[
        0
    ].trained
    assert reduced.record["recipe"]["precision"] == "tf32"
    assert single.path.read_bytes() != reduced.path.read_bytes()
    assert reduced.record["final"]["objective"] == pytest.approx(
        single.record["final"]["objective"], rel=0.05
    )


def test_instances_fit_into_the_memory_that_is_planned_for_them():
    recipes = [BetaVAERecipe(seed=seed, batch_size=16) for seed in range(20)]
    pixels = torch.rand(50, 64, 64, device="cuda")
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with repeatable(pixels.device):
        networks = [build(partial(recipe.network, 50), seed=recipe.seed).cuda() for recipe in recipes]
        optimisation = Together([recipe.objective(pixels) for recipe in recipes], networks)
        for step in range(3):
            optimisation.step([step] * len(recipes))
    torch.cuda.synchronize()
    n_parameters = sum(parameter.numel() for parameter in networks[0].parameters())
    taken = (torch.cuda.max_memory_allocated() - before) / len(recipes)
    assert taken < 1.5 * bytes_of_instance(recipes[0], n_parameters)
