"""Tests of VAEs, autoencoders and classifiers: training of a few steps, latents, images, and commands."""

import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuroalign as na
from neuroalign import arrays
from neuroalign.cli import run as run_cli
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.autoencoder import Autoencoder, AutoencoderModel, AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAEModel, BetaVAERecipe
from neuroalign.model_zoo.classifier import Classifier, ClassifierModel, ClassifierObjective, ClassifierRecipe
from neuroalign.model_zoo.training.loop.course import TrainingImages, log_path
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.loop.trainer import Interrupted, checkpoint_path, train_instance
from neuroalign.model_zoo.vae import VAE, VAEModel, VAERecipe
from neuroalign.models.loading import load_model
from neuroalign.models.model import REMARK, Decodes, Model
from neuroalign.models.traversals import latent_traversals

SMALL = {"n_latents": 3, "image_size": 32, "steps": 12, "batch_size": 4, "warmup": 0}
RECIPES = {
    "beta_vae": BetaVAERecipe(**SMALL),
    "vae": VAERecipe(**SMALL),
    "autoencoder": AutoencoderRecipe(**SMALL),
    "classifier": ClassifierRecipe(**SMALL, learning_rate=1e-3, validate_every=3, patience=3),
}
FAMILIES = {"beta_vae": BetaVAE, "vae": VAE, "autoencoder": Autoencoder, "classifier": Classifier}
MODELS = {
    "beta_vae": BetaVAEModel,
    "vae": VAEModel,
    "autoencoder": AutoencoderModel,
    "classifier": ClassifierModel,
}


@pytest.fixture(scope="module")
def stimuli():
    """Ten smooth images."""
    rng = np.random.default_rng(0)
    small = np.kron(rng.integers(0, 256, (10, 8, 8)), np.ones((4, 4)))
    return StimulusSet.from_arrays(small.astype(np.uint8), identifier="blocks")


@pytest.fixture(scope="module")
def images(stimuli):
    return TrainingImages("blocks", stimuli.training().content_hash, stimuli.pixels())


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """One instance of each family."""
    folder = tmp_path_factory.mktemp("trained")
    return {
        family: train_instance(recipe, images, folder / family).trained for family, recipe in RECIPES.items()
    }


# --- the same numbers as when this was written ---


#: Latents and part of a row of the reconstruction of the first image, and the final numbers in the record.
GOLDEN = {
    "beta_vae": {
        "latents": [-0.036166, -0.028843, -0.012398],
        "row": [0.479312, 0.480081, 0.472649, 0.480725],
        "final": {
            "objective": -708.2828,
            "log_likelihood": -708.2740,
            "kl": 0.002205259,
            "informative_units": 0,
        },
    },
    "vae": {
        "latents": [-0.061632, -0.060469, 0.004093],
        "row": [0.479538, 0.480477, 0.473112, 0.480544],
        "final": {
            "objective": -708.2765,
            "log_likelihood": -708.2691,
            "kl": 0.007355684,
            "informative_units": 0,
        },
    },
    "autoencoder": {
        "latents": [-3.84705, -7.12464, -1.908227],
        "row": [0.519303, 0.379031, 0.4146, 0.413488],
        "final": {"objective": -87.6927, "squared_error": 87.6927, "informative_units": 3},
    },
    "classifier": {
        "latents": [0.051579, -0.038934, -0.097152],
        "final": {
            "objective": -2.326136,
            "training_accuracy": 0.1,
            "validation_cross_entropy": 2.345242,
            "validation_accuracy": 0.08,
            "cross_entropy": 2.30753,
            "accuracy": 0.12,
            "informative_units": 3,
        },
    },
}


@pytest.mark.parametrize("family", RECIPES)
def test_golden(family, trained, stimuli):
    model, expected = MODELS[family](trained[family]), GOLDEN[family]
    latents = model.latents(stimuli)
    # Other kernels of torch were seen to differ by 1e-5.
    np.testing.assert_allclose(latents.values[0], expected["latents"], rtol=1e-3, atol=1e-4)
    if "row" in expected:
        np.testing.assert_allclose(model.decode(latents)[0, 16, ::8], expected["row"], atol=1e-4)
    assert trained[family].record["final"] == pytest.approx(expected["final"], rel=1e-3)


# --- latents and images ---


@pytest.mark.parametrize("family", RECIPES)
def test_latents_equal_the_outputs_of_the_encoder(family, trained, stimuli):
    model = MODELS[family](trained[family])
    assert isinstance(model, Model)
    assert model.identifier.startswith(f"{family}[")
    latents = model.latents(stimuli)
    with torch.no_grad():
        outputs = model.network().encoder(torch.from_numpy(stimuli.pixels())[:, None])
    np.testing.assert_allclose(latents.values, outputs[:, :3].numpy(), atol=1e-5)
    assert latents.attrs["trained_on"] == "blocks"
    assert ("kl" in latents.coords) == (family in ("beta_vae", "vae"))


@pytest.mark.parametrize("family", ["autoencoder", "classifier"])
def test_units_without_a_prior_are_informative_unless_exactly_constant(family, trained, stimuli):
    model = MODELS[family](trained[family])
    with torch.no_grad():
        model.network().encoder.output.weight[1] = 0
    latents = model.latents(stimuli)
    assert latents["informative"].values.tolist() == [True, False, True]


def test_autoencoders_decode_grey_values(trained, stimuli):
    model = AutoencoderModel(trained["autoencoder"])
    latents = model.latents(stimuli)
    images = model.decode(latents)
    assert images.shape == (10, 32, 32)
    with torch.no_grad():
        logits, _ = model.network()(torch.from_numpy(stimuli.pixels())[:, None])
    np.testing.assert_allclose(images, torch.sigmoid(logits)[:, 0].numpy(), atol=1e-5)
    error = ((images - stimuli.pixels()) ** 2).sum(axis=(1, 2)).mean()
    assert error == pytest.approx(trained["autoencoder"].record["final"]["squared_error"], rel=1e-5)


def test_classifiers_cannot_decode(trained, stimuli):
    model = ClassifierModel(trained["classifier"])
    assert not isinstance(model, Decodes)
    with pytest.raises(ModelError, match=r"classifier\[.*\] cannot decode"):
        latent_traversals(model, stimuli)


def test_stimuli_unlike_the_training_images_are_named_in_the_caution(
    trained, stimuli, tmp_path, neuroalign_home
):
    weights = trained["autoencoder"]
    usual = weights.record["final"]["squared_error"]
    images = {**weights.record["stimulus_set"], "crop": "faces with the eyes at one height"}

    def remark(share):
        record = {**weights.record, "stimulus_set": images, "reconstruction": {"held_out": share * usual}}
        model = AutoencoderModel(replace(weights, record=record))
        return model, model.latents(stimuli).attrs.get(REMARK)

    assert remark(0.67)[1] is None
    model, text = remark(0.66)
    assert text == (
        "their reconstructions have more than 1.5 times the error of held-out training images, so they look unlike the "
        "training images: faces with the eyes at one height"
    )
    assert AutoencoderModel(weights).latents(stimuli).attrs.get(REMARK) is None
    neurons = np.random.default_rng(0).normal(size=(10, 3))
    recording = arrays.recording(neurons, stimulus_id=stimuli.ids, neuroid_id=["a", "b", "c"])
    other = Dataset("other", recording, stimuli, averaged=True)
    # The hash decides whether the dataset has other images than the training.
    elsewhere = type("Elsewhere", (AutoencoderModel,), {"trained_on_hash": "another"})(model._trained)
    for _ in range(2):  # computed, and read from the caches
        score = na.score(elsewhere, other, "alignment")
        [note] = [note for note in score.notes if note.startswith("trained on the images of blocks")]
        assert note == f"trained on the images of blocks, not on the images of other; {text}"


def test_weights_of_another_family_are_refused(trained):
    with pytest.raises(ModelError, match="of the family vae; expected format 1 of autoencoder"):
        AutoencoderModel(trained["vae"].path)


@pytest.mark.parametrize("family", ["vae", "autoencoder", "classifier"])
def test_families_without_instances_say_how_to_train_some(family, dataset, monkeypatch):
    loaded = load_model(family)
    monkeypatch.setattr(type(loaded), "bundled", lambda *_: [])
    expected = (
        f"no {family} comes with neuroalign, .* of single; train some with neuroalign train {family} single"
    )
    with pytest.raises(UsageError, match=expected):
        loaded.instances(dataset)


# --- stopping and going on ---


@pytest.mark.parametrize("family", RECIPES)
def test_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(family, trained, images, tmp_path):
    recipe = RECIPES[family]
    for last in (4, 9):
        stop = threading.Event()

        def report(_, step, __, last=last, stop=stop):
            if step == last:
                stop.set()

        with pytest.raises(Interrupted):
            train_instance(recipe, images, tmp_path, report=report, stop=stop)
        assert checkpoint_path(tmp_path, recipe).is_file()
    resumed = train_instance(recipe, images, tmp_path).trained
    assert resumed.path.read_bytes() == trained[family].path.read_bytes()
    assert resumed.record["final"] == trained[family].record["final"]
    logs = [
        json.loads(log_path(folder, recipe).read_text())["entries"]
        for folder in (tmp_path, trained[family].path.parent)
    ]
    for entry in (*logs[0], *logs[1]):
        del entry["seconds"], entry["images_per_second"]
    assert logs[0] == logs[1]


TRAIN_ALL = """
import sys, threading
from pathlib import Path
import numpy as np
from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.loop.course import TrainingImages
from neuroalign.model_zoo.training.loop.trainer import train_instance
from neuroalign.model_zoo.vae import VAERecipe

folder, n_steps = Path(sys.argv[1]), int(sys.argv[2])
settings = {"n_latents": 3, "image_size": 32, "steps": n_steps, "batch_size": 4}
recipes = [
    BetaVAERecipe(**settings),
    VAERecipe(**settings),
    AutoencoderRecipe(**settings),
    ClassifierRecipe(**settings, validate_every=10, patience=1000),
]
images = TrainingImages("noise", "hash", np.random.default_rng(0).random((10, 32, 32), dtype=np.float32))
for recipe in recipes:
    run = lambda recipe=recipe: train_instance(recipe, images, folder / recipe.family, checkpoint_seconds=0)
    threading.Thread(target=run).start()
"""


@pytest.mark.slow
def test_killed_processes_end_with_the_weights_of_an_undisturbed_one(tmp_path):
    command = [sys.executable, "-c", TRAIN_ALL]
    subprocess.run([*command, str(tmp_path / "whole"), "150"], check=True)
    folder = tmp_path / "killed"
    rng = np.random.default_rng(0)
    n_killed = 0
    for _ in range(3):
        process = subprocess.Popen([*command, str(folder), "150"])
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if len(list(folder.glob("*/checkpoints/*-3*.safetensors"))) == 4:
                time.sleep(rng.uniform(0, 1))
                break
            time.sleep(0.05)
        process.kill()
        n_killed += process.wait() == -signal.SIGKILL
    assert n_killed > 0
    subprocess.run([*command, str(folder), "150"], check=True)
    for family in RECIPES:
        [whole], [resumed] = (
            (place / family).glob("*.safetensors") for place in (tmp_path / "whole", folder)
        )
        assert resumed.read_bytes() == whole.read_bytes()


# --- early stopping ---


def test_classifier_stops_early_and_keeps_the_weights_that_were_best(images, tmp_path, monkeypatch):
    losses = {3: 5.0, 6: 2.0, 9: 4.0, 12: 3.0, 15: 2.0, 18: 1.0}
    steps = iter(losses.values())
    monkeypatch.setattr(ClassifierObjective, "validate", lambda self, network: (next(steps, 9.0), {}))
    recipe = ClassifierRecipe(**{**SMALL, "steps": 30}, validate_every=3, patience=3)
    stopped = train_instance(recipe, images, tmp_path / "stopped").trained
    assert stopped.record["steps"] == 15
    entries = json.loads(log_path(tmp_path / "stopped", recipe).read_text())["entries"]
    assert entries[-1]["step"] == 15
    monkeypatch.undo()
    short = ClassifierRecipe(**{**SMALL, "steps": 6}, validate_every=6)
    expected = train_instance(short, images, tmp_path / "short").trained
    assert stopped.path.read_bytes() == expected.path.read_bytes()


def test_classifier_learns(tmp_path):
    # Four faces that even a shift of two pixels leaves different.
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.random((4, 4, 4), dtype=np.float32), np.ones((8, 8), dtype=np.float32))
    recipe = ClassifierRecipe(n_latents=4, image_size=32, steps=150, batch_size=16, validate_every=50)
    trained = train_instance(recipe, TrainingImages("four", "x", pixels), tmp_path).trained
    assert trained.record["final"]["accuracy"] > 0.95
    assert trained.record["final"]["validation_accuracy"] > 0.95
    assert trained.record["final"]["cross_entropy"] < 0.5 * np.log(4)


@pytest.mark.slow
def test_autoencoder_learns(tmp_path):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.random((4, 4, 4), dtype=np.float32), np.ones((8, 8), dtype=np.float32))
    recipe = AutoencoderRecipe(n_latents=4, image_size=32, steps=150, batch_size=16)
    trained = train_instance(recipe, TrainingImages("four", "x", pixels), tmp_path).trained
    mean_image = ((pixels - pixels.mean(axis=0)) ** 2).sum(axis=(1, 2)).mean()
    assert trained.record["final"]["squared_error"] < 0.5 * mean_image


@pytest.mark.parametrize("family", RECIPES)
def test_divergence_is_noticed_in_every_family(family, images, tmp_path):
    settings = {**RECIPES[family].to_mapping(), "learning_rate": 1e6}
    outcome = train_instance(type(RECIPES[family])(**settings), images, tmp_path)
    assert outcome.trained is None
    assert "diverged at step" in outcome.failure
    assert "try a learning rate below 1e+06" in outcome.failure


def test_weights_that_half_precision_cannot_hold_are_not_written(images, tmp_path, monkeypatch):
    recipe = VAERecipe(**SMALL, storage="float16")
    monkeypatch.setattr(VAERecipe, "learning_rate_at", lambda self, step: 1e5 if step == 11 else 1e-3)
    outcome = train_instance(recipe, images, tmp_path)
    assert outcome.failure.startswith("the weights are not all finite in float16")
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.slow
def test_families_are_trained_side_by_side(stimuli, tmp_path):
    recipes = [ClassifierRecipe(**SMALL), ClassifierRecipe(**SMALL, seed=1, learning_rate=1e6)]
    outcomes = train(recipes, stimuli, tmp_path, jobs=2)
    assert outcomes[0].trained.record["final"]["accuracy"] >= 0
    assert "diverged" in outcomes[1].failure


# --- the commands ---


@pytest.mark.slow
@pytest.mark.parametrize("family", RECIPES)
def test_trained_on_a_folder_and_scored(family, dataset, tmp_path, capsys):
    folder = tmp_path / "toy"
    write_folder(dataset, folder)
    settings = ["--set", "image_size=32", "--set", "n_latents=4", "--steps", "4", "--batch-size", "4"]
    assert run_cli(["train", family, str(folder), *settings, "--seeds", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(f"{family}[") == 2
    reported = {"autoencoder": "squared error", "classifier": "accuracy"}.get(family, "log likelihood")
    assert reported in printed.splitlines()[0]
    assert run_cli(["score", family, str(folder), "--benchmark", "alignment", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert [result["model"].split("[")[0] for result in scores] == [family, family]
    assert all("trained_on=toy" in result["model"] for result in scores)
    assert all(np.isfinite(result["value"]) for result in scores)
