"""Steps that are captured and replayed, as on a GPU, compared with steps that a CPU computes one after another."""

import threading
from functools import partial

import numpy as np
import pytest
import torch

from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.loop import trainer
from neuroalign.model_zoo.training.loop.course import TrainingImages
from neuroalign.model_zoo.training.loop.graphs import WARM_UPS, Replayed, Reruns
from neuroalign.model_zoo.training.loop.optimisation import Alone, Together
from neuroalign.model_zoo.training.loop.trainer import Interrupted, train_together
from neuroalign.model_zoo.training.networks.architectures import build

SMALL = {"n_latents": 3, "image_size": 32, "batch_size": 2, "steps": 40, "warmup": 0.5}
RECIPES = {
    "beta_vae": [BetaVAERecipe(**SMALL, seed=seed, beta=1 + seed, learning_rate=rate) for seed, rate in
                 ((0, 1e-3), (1, 1e-3), (2, 3e-4))],
    "autoencoder": [AutoencoderRecipe(**SMALL, seed=seed) for seed in range(3)],
    "classifier": [ClassifierRecipe(**SMALL, seed=seed) for seed in range(3)],
}  # fmt: skip


@pytest.fixture(scope="module")
def images():
    small = np.random.default_rng(0).random((10, 8, 8), dtype=np.float32)
    return TrainingImages("blocks", "hash", np.kron(small, np.ones((4, 4), np.float32)))


def prepare(recipes, images, kind, **options):
    pixels = torch.from_numpy(images.pixels)
    networks = [build(partial(recipe.network, len(pixels)), seed=recipe.seed) for recipe in recipes]
    return kind([recipe.objective(pixels) for recipe in recipes], networks, **options)


def states_of(optimisation):
    return [
        {name: value.clone() for name, value in optimisation.state(index).items()}
        for index in range(len(optimisation.networks))
    ]


def assert_equal(states, others):
    for state, other in zip(states, others, strict=True):
        for name, value in state.items():
            assert torch.equal(value, other[name]), name


# --- the capture ---


def test_warm_up_and_capture_leave_no_trace():
    state, results = torch.zeros(2), []

    def compute():
        results.append(len(results))
        state.add_(1)
        return state * 10

    replayed = Replayed(compute, lambda: [state], Reruns())
    assert replayed().tolist() == [10, 10]
    assert state.tolist() == [1, 1]
    assert len(results) == WARM_UPS + 1
    place = replayed()
    assert place.tolist() == [20, 20]
    assert replayed() is place


@pytest.mark.parametrize("kind", [Alone, Together])
@pytest.mark.parametrize(
    "family",
    ["beta_vae", *(pytest.param(family, marks=pytest.mark.slow) for family in ("autoencoder", "classifier"))],
)
def test_captured_steps_are_the_steps(family, kind, images):
    recipes = RECIPES[family][: 1 if kind is Alone else 3]
    captured = prepare(recipes, images, kind, graphs=Reruns())
    plain = prepare(recipes, images, kind)
    for step in range(3):
        steps = [step] * len(recipes)
        (values, means), (expected, expected_means) = captured.step(steps), plain.step(steps)
        torch.testing.assert_close(values, expected, rtol=2e-5, atol=0)
        for name, mean in means.items():
            torch.testing.assert_close(mean, expected_means[name], rtol=1e-3, atol=1e-4)
    for state, other in zip(states_of(captured), states_of(plain), strict=True):
        for name, value in state.items():
            # A gradient that is nothing but rounding moves a weight either way, by up to the learning rate.
            torch.testing.assert_close(value, other[name], rtol=1e-3, atol=2e-4)


def test_a_captured_step_is_the_function_that_a_cpu_runs(images):
    # The learning rate is a power of two, which single precision does not round.
    recipe = BetaVAERecipe(**{**SMALL, "warmup": 0, "learning_rate": 2**-10})
    captured, plain = prepare([recipe], images, Alone, graphs=Reruns()), prepare([recipe], images, Alone)
    for step in range(3):
        assert torch.equal(captured.step([step])[0], plain.step([step])[0])
    assert_equal(states_of(captured), states_of(plain))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Alone, Together])
def test_captured_steps_in_double_precision_agree_to_rounding(kind, images):
    recipes = [
        AutoencoderRecipe(**{**SMALL, "learning_rate": 2**-10, "warmup": 0}, seed=seed) for seed in range(2)
    ]
    recipes = recipes[: 1 if kind is Alone else 2]
    pixels = torch.from_numpy(images.pixels).double()

    def made(**options):
        networks = [build(partial(recipe.network, 10), seed=recipe.seed).double() for recipe in recipes]
        return kind([recipe.objective(pixels) for recipe in recipes], networks, **options)

    captured, plain = made(graphs=Reruns()), made()
    for step in range(3):
        captured.step([step] * len(recipes))
        plain.step([step] * len(recipes))
    for state, other in zip(states_of(captured), states_of(plain), strict=True):
        for name, value in state.items():
            torch.testing.assert_close(value, other[name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", [Alone, Together])
def test_inputs_and_results_stay_at_their_places(kind, images):
    optimisation = prepare(RECIPES["beta_vae"][: 1 if kind is Alone else 3], images, kind, graphs=Reruns())
    places = set()
    for step in range(3):
        _, means = optimisation.step([step] * len(optimisation.networks))
        tensors = {**optimisation._static, **means}
        places.add(tuple((name, tensor.data_ptr()) for name, tensor in sorted(tensors.items())))
        # A captured step has no access to numbers of the host.
        assert {"drawn", "noise"} < optimisation._static.keys()
    assert len(places) == 1


@pytest.mark.parametrize("kind", [Alone, Together])
def test_steps_after_a_load_are_the_steps_of_an_uninterrupted_run(kind, images):
    recipes = RECIPES["beta_vae"][: 1 if kind is Alone else 3]
    whole, other = (prepare(recipes, images, kind, graphs=Reruns()) for _ in range(2))
    for step in range(5):
        if step == 3:
            states = states_of(whole)
        whole.step([step] * len(recipes))
    # The other run has captured a step of its own before it continues.
    other.step([0] * len(recipes))
    for index, state in enumerate(states):
        other.load(index, state, 3)
    for step in (3, 4):
        other.step([step] * len(recipes))
    assert_equal(states_of(other), states_of(whole))


# --- training with captured steps ---


@pytest.fixture
def captures(monkeypatch):
    """Let the trainer work as on a GPU: captured steps, convolutions by products, and rare checks."""
    monkeypatch.setattr(trainer, "Alone", lambda *given: Alone(*given, graphs=Reruns()))
    monkeypatch.setattr(trainer, "Together", lambda *given: Together(*given, graphs=Reruns(), products=True))
    monkeypatch.setitem(trainer.LOOK_EVERY, "cpu", 5)
    monkeypatch.setattr("neuroalign.model_zoo.training.loop.course.LOG_ENTRIES", 1)


def interrupted_at(steps, recipes, images, folder):
    """Train with interruptions after steps."""
    for last in steps:
        stop = threading.Event()

        def report(_, step, __, last=last, stop=stop):
            if step == last:
                stop.set()

        with pytest.raises(Interrupted):
            train_together(recipes, images, folder, report=report, stop=stop)
    return train_together(recipes, images, folder)


@pytest.mark.parametrize("n_instances", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_resumed_training_with_captured_steps_is_bit_identical(n_instances, images, tmp_path, captures):
    settings = {**SMALL, "steps": 8}
    recipes = [BetaVAERecipe(**settings, seed=seed) for seed in range(n_instances)]
    whole = train_together(recipes, images, tmp_path / "whole")
    parts = interrupted_at((3, 6), recipes, images, tmp_path / "parts")
    for one, other in zip(whole, parts, strict=True):
        assert one.trained.path.read_bytes() == other.trained.path.read_bytes()
        assert one.trained.record["final"] == other.trained.record["final"]


@pytest.mark.slow
def test_an_instance_that_diverges_leaves_after_the_same_step_in_a_resumed_run(
    images, tmp_path, captures, monkeypatch
):
    settings = {**SMALL, "steps": 7, "warmup": 0}
    recipes = [
        BetaVAERecipe(**settings, seed=0),
        BetaVAERecipe(**settings, seed=1, learning_rate=1e6),
        BetaVAERecipe(**settings, seed=2),
    ]
    sizes: dict[str, list[int]] = {"whole": [], "parts": []}
    own = trainer.Together

    outcomes = {}
    for name in sizes:

        def made(objectives, networks, name=name):
            sizes[name].append(len(networks))
            return own(objectives, networks)

        monkeypatch.setattr(trainer, "Together", made)
        folder = tmp_path / name
        # Between the divergence at step 2 and the check at step 5.
        outcomes[name] = (
            train_together(recipes, images, folder)
            if name == "whole"
            else interrupted_at((3,), recipes, images, folder)
        )
    # A run that continues makes its group a second time.
    assert sizes == {"whole": [3, 2], "parts": [3, 3, 3, 2]}
    assert outcomes["whole"][1].failure == outcomes["parts"][1].failure
    assert "diverged at step 2:" in outcomes["parts"][1].failure
    for index in (0, 2):
        one, other = (outcomes[name][index].trained.path.read_bytes() for name in sizes)
        assert one == other
