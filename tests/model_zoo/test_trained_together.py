"""Tests of instances that are trained as one batched network, compared with instances that are trained alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load

from neuroalign.cli import run as run_cli
from neuroalign.cli.train import train as train_command
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierObjective, ClassifierRecipe
from neuroalign.model_zoo.training.loop import course, trainer
from neuroalign.model_zoo.training.loop.checkpoints import read_state
from neuroalign.model_zoo.training.loop.course import TrainingImages, log_path
from neuroalign.model_zoo.training.loop.devices import choose_device, fitting_together, repeatable
from neuroalign.model_zoo.training.loop.groups import group
from neuroalign.model_zoo.training.loop.optimisation import Alone, Together
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.loop.trainer import (
    Interrupted,
    checkpoint_path,
    train_instance,
    train_together,
)
from neuroalign.model_zoo.training.networks.architectures import build
from neuroalign.model_zoo.training.weights_file import stem
from neuroalign.model_zoo.vae import VAERecipe

SMALL = {"n_latents": 3, "image_size": 32, "batch_size": 4}
#: Three of each family that differ in all that may differ; the second has the fewest steps.
RECIPES = {
    recipe.family: [
        recipe(**SMALL, seed=seed, steps=steps, learning_rate=rate, cooldown=cooldown, **own)
        for (seed, steps, rate, cooldown), own in zip(
            [(0, 12, 1e-3, 0.0), (1, 8, 3e-4, 0.5), (2, 12, 2e-3, 0.25)], settings, strict=True
        )
    ]
    for recipe, settings in {
        BetaVAERecipe: [{"beta": 1}, {"beta": 4}, {"beta": 2}],
        VAERecipe: [{}] * 3,
        AutoencoderRecipe: [{}] * 3,
        ClassifierRecipe: [{"validate_every": 3, "patience": 9}] * 3,
    }.items()
}
THREE = RECIPES["beta_vae"]


@pytest.fixture(scope="module")
def stimuli():
    rng = np.random.default_rng(0)
    small = np.kron(rng.integers(0, 256, (10, 8, 8)), np.ones((4, 4)))
    return StimulusSet.from_arrays(small.astype(np.uint8), identifier="blocks")


@pytest.fixture(scope="module")
def images(stimuli):
    return TrainingImages("blocks", stimuli.training().content_hash, stimuli.pixels())


def bytes_of(outcomes):
    return [outcome.trained.path.read_bytes() for outcome in outcomes]


def assert_close(outcome, other, atol):
    weights, others = (load(ended.trained.path.read_bytes()) for ended in (outcome, other))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(value, others[name], atol=atol)


# --- the same as alone ---


@pytest.mark.parametrize("family", RECIPES)
def test_steps_together_equal_the_steps_of_each_instance_alone(family, images):
    pixels = torch.from_numpy(images.pixels).double()

    def prepare(recipes):
        networks = [build(lambda r=r: r.network(10), seed=r.seed).double() for r in recipes]
        return [recipe.objective(pixels) for recipe in recipes], networks

    # Double precision is slow, so only a few images.
    recipes = [type(recipe)(**{**recipe.to_mapping(), "batch_size": 2}) for recipe in RECIPES[family]]
    together, alone = Together(*prepare(recipes)), [Alone(*prepare([recipe])) for recipe in recipes]
    # Each is at a step of its own.
    for first in range(2):
        steps = [first, first + 2, first + 5]
        for single, step in zip(alone, steps, strict=True):
            single.load(0, single.state(0), step)
        values, means = together.step(steps)
        for index, single in enumerate(alone):
            [value], mean = single.step([steps[index]])
            torch.testing.assert_close(values[index], value, rtol=1e-9, atol=1e-9)
            for name, [expected] in mean.items():
                torch.testing.assert_close(means[name][index], expected, rtol=1e-9, atol=1e-9)
    for index, single in enumerate(alone):
        expected = single.state(0)
        for name, value in together.state(index).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-9)
        for name, parameter in together.networks[index].named_parameters():
            assert torch.equal(parameter, together.state(index)[f"network.{name}"])


@pytest.mark.parametrize("family", RECIPES)
def test_instances_end_with_the_weights_that_they_have_alone(family, images, tmp_path):
    recipes = RECIPES[family]
    outcomes = train_together(recipes, images, tmp_path / "together")
    assert [outcome.recipe for outcome in outcomes] == recipes
    for recipe, outcome in zip(recipes, outcomes, strict=True):
        alone = train_instance(recipe, images, tmp_path / "alone")
        # Adam's steps have the size of the learning rate, however small a gradient, so a gradient that is
        # nothing but rounding moves a weight either way.
        assert_close(outcome, alone, atol=recipe.learning_rate * recipe.steps / 4)
        record, expected = outcome.trained.record, alone.trained.record
        assert record["final"] == pytest.approx(expected["final"], rel=1e-3, abs=1e-3)
        assert record["steps"] == expected["steps"]
        assert (record["trained_together"], expected["trained_together"]) == (3, 1)
        assert record["device"] == expected["device"] == "cpu"
        logs = [json.loads(log_path(tmp_path / name, recipe).read_text()) for name in ("together", "alone")]
        assert logs[0]["recipe"] == logs[1]["recipe"] == recipe.to_mapping()
        for entry, other in zip(*(log["entries"] for log in logs), strict=True):
            assert entry.keys() == other.keys()
            for name in entry.keys() - {"seconds", "images_per_second"}:
                assert entry[name] == pytest.approx(other[name], rel=1e-3, abs=1e-3)
    assert not checkpoint_path(tmp_path / "together", *recipes).exists()


def test_each_classifier_stops_early_by_itself(images, tmp_path, monkeypatch):
    losses = {0: [5.0, 2.0, 4.0, 3.0], 1: [5.0, 4.0, 3.0, 2.0, 1.0]}
    given = {seed: iter(values) for seed, values in losses.items()}
    monkeypatch.setattr(
        ClassifierObjective, "validate", lambda self, _: (next(given[self.recipe.seed], 9.0), {})
    )
    recipes = [
        ClassifierRecipe(**SMALL, seed=seed, steps=15, validate_every=3, patience=2) for seed in losses
    ]
    outcomes = train_together(recipes, images, tmp_path)
    assert [outcome.trained.record["steps"] for outcome in outcomes] == [12, 15]
    monkeypatch.undo()
    for recipe, outcome, best in zip(recipes, outcomes, (6, 15), strict=True):
        settings = {**recipe.to_mapping(), "steps": best, "validate_every": best}
        assert_close(outcome, train_instance(ClassifierRecipe(**settings), images, tmp_path), atol=5e-4)


# --- divergence ---


@pytest.mark.slow
@pytest.mark.parametrize("look_every", [1, 50])
def test_divergence_stops_one_instance_and_leaves_its_company(look_every, images, tmp_path, monkeypatch):
    monkeypatch.setitem(trainer.LOOK_EVERY, "cpu", look_every)
    monkeypatch.setattr(course, "LOG_ENTRIES", 2)
    settings = {**THREE[1].to_mapping(), "learning_rate": 1e6}
    recipes = [THREE[0], BetaVAERecipe(**settings), THREE[2]]
    outcomes = train_together(recipes, images, tmp_path / "together")
    assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
    alone = train_instance(recipes[1], images, tmp_path / "alone")
    # The same step, and the same advice; the value itself is huge, and rounded differently.
    assert outcomes[1].failure.split(":")[0] == alone.failure.split(":")[0]
    assert outcomes[1].failure.split(";")[1] == alone.failure.split(";")[1]
    log = json.loads(log_path(tmp_path / "together", recipes[1]).read_text())
    assert log["stopped"] == outcomes[1].failure
    for recipe, outcome in ((recipes[0], outcomes[0]), (recipes[2], outcomes[2])):
        assert_close(outcome, train_instance(recipe, images, tmp_path / "alone"), atol=5e-3)


# --- stopping and going on ---


@pytest.mark.slow
@pytest.mark.parametrize("family", RECIPES)
def test_interrupted_runs_end_with_the_weights_of_uninterrupted_ones(family, stimuli, tmp_path):
    recipes = RECIPES[family]
    whole = train(recipes, stimuli, tmp_path / "whole", together=3)
    images = TrainingImages("blocks", stimuli.training().content_hash, stimuli.pixels())
    folder = tmp_path / "parts"
    # In the middle; and when the second has left.
    for n_reports in (3 * 5, 3 * 2 + 2 * 2):
        stop, left = threading.Event(), iter(range(n_reports - 1))

        def report(*_, stop=stop, left=left):
            if next(left, None) is None:
                stop.set()

        unfinished = [recipe for recipe in recipes if not (folder / f"{stem(recipe)}.json").exists()]
        with pytest.raises(Interrupted):
            train_together(
                unfinished,
                images,
                folder,
                checkpoint=checkpoint_path(folder, *recipes),
                report=report,
                stop=stop,
            )
    assert len(list(folder.glob("*.json"))) == 1
    resumed = train(recipes, stimuli, folder, together=3)
    assert bytes_of(resumed) == bytes_of(whole)
    assert [outcome.trained.record["final"] for outcome in resumed] == [
        outcome.trained.record["final"] for outcome in whole
    ]
    assert list((folder / "checkpoints").iterdir()) == []


class Killed(BaseException):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_killed_between_weights_and_log(has_checkpoint, stimuli, tmp_path, monkeypatch):
    whole = train(THREE, stimuli, tmp_path / "whole", together=3)
    write = trainer.write_checkpoint

    def kill(*written):
        if has_checkpoint:
            write(*written)
        raise Killed

    images = TrainingImages("blocks", stimuli.training().content_hash, stimuli.pixels())
    folder = tmp_path / "killed"

    def report(_, step, __):
        if step == 7:
            monkeypatch.setattr(trainer, "write_checkpoint", kill)

    with pytest.raises(Killed):
        train_together(THREE, images, folder, report=report, checkpoint_seconds=0)
    monkeypatch.undo()
    # The second instance, of eight steps, is finished; the checkpoint is of all three or of the other two.
    assert [recipe for recipe in THREE if (folder / f"{stem(recipe)}.json").exists()] == [THREE[1]]
    state = read_state(checkpoint_path(folder, *THREE))
    assert [run["step"] for run in state["runs"].values()] == ([8, 8] if has_checkpoint else [7, 7, 7])
    resumed = train(THREE, stimuli, folder, together=3)
    assert bytes_of(resumed) == bytes_of(whole)


TRAIN = """
import sys
from functools import partial
from pathlib import Path
import numpy as np
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.loop import runner
from neuroalign.datasets.stimuli import StimulusSet

runner.train_together = partial(runner.train_together, checkpoint_seconds=0)
pixels = np.random.default_rng(0).integers(0, 256, (10, 32, 32), dtype=np.uint8)
settings = {"n_latents": 3, "image_size": 32, "batch_size": 4}
recipes = [BetaVAERecipe(**settings, seed=seed, beta=1 + seed, steps=80 + 30 * seed) for seed in range(3)]
runner.train(recipes, StimulusSet.from_arrays(pixels, identifier="noise"), Path(sys.argv[1]), together=3)
"""


@pytest.mark.slow
def test_killed_processes_end_with_the_weights_of_an_undisturbed_one(tmp_path):
    command = [sys.executable, "-c", TRAIN]
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    folder, rng, n_killed = tmp_path / "killed", np.random.default_rng(0), 0
    for _ in range(4):
        process = subprocess.Popen([*command, str(folder)])
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if list(folder.glob("checkpoints/together-*.safetensors")):
                time.sleep(rng.uniform(0, 1))
                break
            time.sleep(0.05)
        process.kill()
        n_killed += process.wait() == -signal.SIGKILL
    assert n_killed > 0
    subprocess.run([*command, str(folder)], check=True)
    for whole in (tmp_path / "whole").glob("*.safetensors"):
        assert (folder / whole.name).read_bytes() == whole.read_bytes()
    assert len(list(folder.glob("*.safetensors"))) == 3


# --- who is with whom ---


def groups_of(recipes, folder, images, **options):
    options = {"device": "cpu", "together": 3, "jobs": 1, **options}
    groups = group(recipes, options.pop("finished", ()), {32: images, 64: images}, folder, **options)
    return [[recipes.index(recipe) for recipe in one.recipes] for one in groups]


def test_groups_are_of_networks_of_one_shape_and_batches_of_one_size(images, tmp_path):
    recipes = [
        VAERecipe(**{**SMALL, **settings})
        for settings in (
            {},
            {"n_latents": 4},
            {"seed": 1, "steps": 9},
            {"batch_size": 5, "seed": 2},
            {"seed": 3, "learning_rate": 0.1},
            {"n_latents": 4, "seed": 1},
            {"image_size": 64},
            {"seed": 7, "precision": "bfloat16"},
        )
    ]
    assert groups_of(recipes, tmp_path, images) == [[0, 2, 4], [1, 5], [3], [6], [7]]
    assert groups_of(recipes, tmp_path, images, finished=[recipes[2]]) == [[0, 4], [1, 5], [3], [6], [7]]


def test_groups_of_a_run_that_continues_are_the_groups_of_the_run_that_began(images, tmp_path):
    recipes = [VAERecipe(**SMALL, seed=seed) for seed in range(9)]
    begun = groups_of(recipes, tmp_path, images, together=4)
    assert begun == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    # The second instance has diverged, and the others of its group are finished.
    finished = [recipes[0], recipes[2]]
    assert groups_of(recipes, tmp_path, images, together=4, finished=finished) == [[1], *begun[1:]]
    assert groups_of(recipes, tmp_path, images, together=4, finished=recipes[:6]) == begun[2:]
    assert groups_of(recipes, tmp_path, images, together=4, finished=recipes) == []


def test_groups_are_of_equal_size_and_as_many_as_jobs(images, tmp_path):
    recipes = [VAERecipe(**SMALL, seed=seed) for seed in range(8)]
    sizes = {
        (together, jobs): [len(members) for members in groups_of(recipes, tmp_path, images, **options)]
        for together, jobs in ((3, 1), (8, 1), (8, 2), (None, 1), (100, 16))
        for options in [{"together": together, "jobs": jobs}]
    }
    assert sizes == {
        (3, 1): [3, 3, 2],
        (8, 1): [8],
        (8, 2): [4, 4],
        # On a CPU each is alone.
        (None, 1): [1] * 8,
        (100, 16): [1] * 8,
    }


def test_those_who_began_together_go_on_together(images, tmp_path):
    recipes = [VAERecipe(**SMALL, seed=seed) for seed in range(5)]
    stop = threading.Event()
    stop.set()
    begun = [recipes[1], recipes[3]]
    with pytest.raises(Interrupted):
        train_together(begun, images, tmp_path, stop=stop)
    assert groups_of(recipes, tmp_path, images, together=1) == [[1, 3], [0], [2], [4]]
    # Instances of the same name with other settings do not continue from the checkpoint.
    longer = [VAERecipe(**SMALL, seed=seed, steps=7) for seed in range(5)]
    assert groups_of(longer, tmp_path, images, together=5) == [[0, 1, 2, 3, 4]]
    # A checkpoint of finished instances is deleted.
    assert groups_of(recipes, tmp_path, images, together=1, finished=begun) == [[0], [2], [4]]
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_unfinished_runs_of_another_recipe_are_replaced_only_when_asked_to(stimuli, images, tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        train_together(THREE, images, tmp_path, stop=stop)
    changed = BetaVAERecipe(**{**THREE[0].to_mapping(), "steps": 3})
    with pytest.raises(UsageError, match=r"together-.* was trained with steps=12, not 3; .*--overwrite"):
        train([changed], stimuli, tmp_path)
    [outcome] = train([changed], stimuli, tmp_path, overwrite=True)
    assert outcome.trained.record["steps"] == 3
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.mark.slow
def test_damaged_checkpoint_is_reported_and_all_instances_start_again(stimuli, tmp_path):
    whole = train(THREE, stimuli, tmp_path / "whole", together=3)
    path = checkpoint_path(tmp_path / "damaged", *THREE)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{not json")
    with pytest.warns(NeuroalignWarning, match=r"checkpoint .* is damaged.*started from the beginning"):
        again = train(THREE, stimuli, tmp_path / "damaged", together=3)
    assert bytes_of(again) == bytes_of(whole)


@pytest.mark.slow
def test_groups_in_processes_are_the_same(stimuli, tmp_path):
    recipes = [VAERecipe(**SMALL, seed=seed, steps=4) for seed in range(4)]
    one, two = (train(recipes, stimuli, tmp_path / str(jobs), together=2, jobs=jobs) for jobs in (1, 2))
    assert bytes_of(one) == bytes_of(two)
    assert {outcome.trained.record["trained_together"] for outcome in two} == {2}


# --- devices ---


def test_devices_that_are_not_there():
    with pytest.raises(UsageError, match="device must be one of auto, cpu, cuda, mps, got 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match=r"torch finds no cuda device here; there is .*cpu"):
            choose_device("cuda")


def test_a_gpu_is_chosen_where_there_is_one_unless_the_environment_states_a_device(monkeypatch):
    assert os.environ["NEUROALIGN_DEVICE"] == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device().type == choose_device("cpu").type == "cpu"
    assert choose_device("cuda").type == "cuda"
    monkeypatch.setenv("NEUROALIGN_DEVICE", "tpu")
    with pytest.raises(UsageError, match="NEUROALIGN_DEVICE must be one of auto, cpu, cuda, mps, got 'tpu'"):
        choose_device()
    monkeypatch.delenv("NEUROALIGN_DEVICE")
    assert choose_device().type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device().type == "cpu"


def test_as_many_as_half_of_the_memory_holds(monkeypatch):
    gigabytes = {"free": 60, "total": 80}
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: (gigabytes["free"] * 2**30, gigabytes["total"] * 2**30)
    )
    device, recipe = torch.device("cuda"), BetaVAERecipe(batch_size=16)
    n = fitting_together(device, recipe, 700_000)
    assert 40 * 2**30 / n == pytest.approx(4 * (10 * 700_000 + 120 * 16 * 64**2), rel=0.02)
    assert fitting_together(device, BetaVAERecipe(batch_size=10**6), 700_000) == 1
    assert fitting_together(torch.device("cpu"), recipe, 700_000) == 1
    # The number is the same when a run continues beside another program, as long as the memory suffices.
    gigabytes["free"] = 41
    assert fitting_together(device, recipe, 700_000) == n
    gigabytes["free"] = 20
    message = (
        rf"leave 20.0 of 80.0 GiB .* at most {n // 4} instances are trained together, not {n}; .*--together"
    )
    with pytest.warns(NeuroalignWarning, match=message):
        assert fitting_together(device, recipe, 700_000) == n // 4


def test_a_run_that_continues_on_another_device_says_so(images, tmp_path, monkeypatch):
    stop = threading.Event()
    stop.set()
    with monkeypatch.context() as other:
        other.setattr(trainer, "describe", lambda device: "cuda (another card)")
        with pytest.raises(Interrupted):
            train_together(THREE[:1], images, tmp_path, stop=stop)
    with pytest.warns(
        NeuroalignWarning, match=r"was written on cuda \(another card\) and continues on cpu, which"
    ):
        [outcome] = train_together(THREE[:1], images, tmp_path)
    assert outcome.trained.record["device"] == "cuda (another card), then cpu"


def test_kernels_are_deterministic_on_a_gpu_and_settings_return():
    def settings():
        flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32
        algorithms = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
        return *flags, *algorithms, torch.get_num_threads()

    before, gpu = settings(), torch.device("cuda")
    with repeatable(gpu):
        assert settings() == (True, False, True, "highest", 1)
    with repeatable(gpu, "tf32"):
        assert settings() == (True, True, True, "high", 1)
        # Measurements of the trained network are in full precision.
        with repeatable(gpu):
            assert settings() == (True, False, True, "highest", 1)
        assert settings() == (True, True, True, "high", 1)
    with repeatable(torch.device("cpu")):
        assert settings()[2:] == (before[2], before[3], 1)
    assert settings() == before


def test_tf32_needs_an_nvidia_gpu(stimuli, images, tmp_path):
    recipe = BetaVAERecipe(**SMALL, precision="tf32")
    for run in (
        lambda: train([recipe], stimuli, tmp_path),
        lambda: train_together([recipe], images, tmp_path),
    ):
        with pytest.raises(
            UsageError, match="precision=tf32 needs an NVIDIA GPU, got the device cpu; train with"
        ):
            run()


# --- the command ---


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index in range(6):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(folder / f"{index}.png")
    return str(folder)


def test_command_trains_together_and_says_so(faces, tmp_path):
    settings = ["--set", "image_size=32", "--set", "n_latents=3", "--steps", "3", "--batch-size", "4"]
    where = ["--device", "cpu", "--together", "2", "--output", str(tmp_path / "weights"), "--json"]
    result = CliRunner().invoke(train_command, ["beta_vae", faces, *settings, "--seeds", "3", *where])
    assert result.exit_code == 0, result.output
    instances = json.loads(result.stdout)["instances"]
    assert sorted(instance["trained_together"] for instance in instances) == [1, 2, 2]
    assert {instance["device"] for instance in instances} == {"cpu"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--together", "0"], "--together must be a positive number, got 0"),
        pytest.param(
            ["--device", "cuda"],
            "torch finds no cuda device here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_wrong_calls_are_one_line_and_exit_with_2(arguments, message, faces, capsys):
    assert run_cli(["train", "beta_vae", faces, *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


# --- the paper's training ---


def test_paper_trains_at_constant_rate_in_single_precision():
    recipes = BetaVAE().recipes({}, grid="paper")
    assert len(recipes) == 400
    for recipe in recipes:
        assert {recipe.learning_rate_at(step) for step in (0, 1, 500_000, 999_999)} == {1e-4}
        assert recipe.precision == recipe.storage == "float32"
