"""Training: recipes, the same weights from the same seed, resuming, divergence, the command."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from neuroalign.cli import run as run_cli
from neuroalign.cli.train import train as train_command
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import MissingImagesError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.images.draws import BatchOrder, Noise
from neuroalign.model_zoo.training.loop import course
from neuroalign.model_zoo.training.loop.course import TrainingImages, log_path
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.loop.trainer import Interrupted, checkpoint_path, train_instance
from neuroalign.model_zoo.training.networks.architectures import VariationalAutoencoder, build
from neuroalign.model_zoo.training.recipe import sweep
from neuroalign.model_zoo.training.weights_file import find_trained, read_trained

SMALL = {"n_latents": 3, "image_size": 32, "steps": 12, "batch_size": 4}


@pytest.fixture(scope="module")
def stimuli():
    rng = np.random.default_rng(0)
    return StimulusSet.from_arrays(rng.integers(0, 256, (10, 32, 32), dtype=np.uint8), identifier="noise")


@pytest.fixture(scope="module")
def images(stimuli):
    return TrainingImages("noise", stimuli.training().content_hash, stimuli.pixels())


# --- recipes ---


def test_sweep_is_the_product_of_the_choices():
    recipes = sweep(BetaVAERecipe, {"beta": [1, 2.5], "seed": [0, 7], "steps": 5})
    assert [(recipe.beta, recipe.seed, recipe.steps) for recipe in recipes] == [
        (1, 0, 5),
        (1, 7, 5),
        (2.5, 0, 5),
        (2.5, 7, 5),
    ]


def test_learning_rate_rises_at_the_start_and_falls_at_the_end():
    recipe = BetaVAERecipe(steps=10, learning_rate=0.6, warmup=0.2, cooldown=0.5)
    rates = [recipe.learning_rate_at(step) for step in range(10)]
    np.testing.assert_allclose(rates, [0.2, 0.4, 0.6, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    constant = BetaVAERecipe(steps=10, warmup=0)
    assert {constant.learning_rate_at(step) for step in range(10)} == {constant.learning_rate}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": -1}, "beta_vae: beta must be a number of at least 0, got -1"),
        ({"beta": float("nan")}, "beta must be a number of at least 0, got nan"),
        ({"image_size": 48}, "power of two"),
        ({"image_size": 16}, "image_size must be a whole number of at least 32, got 16"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
        ({"cooldown": 2}, "cooldown must be a number between 0 and 1, got 2"),
        ({"warmup": -0.1}, "warmup must be a number between 0 and 1, got -0.1"),
        (
            {"precision": "float16"},
            "precision must be float32, tf32 or bfloat16, got 'float16'; did you mean bfloat16?",
        ),
        ({"storage": "int8"}, "float32 or float16"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, got 0"),
        ({"seed": [1, 1]}, "asked for twice"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        sweep(BetaVAERecipe, settings)


def test_unknown_settings_have_a_near_miss():
    with pytest.raises(UnknownNameError, match="did you mean batch_size"):
        sweep(BetaVAERecipe, {"batchsize": 3})


# --- training ---


def test_training_is_adam_on_the_objective(images, tmp_path):
    recipe = BetaVAERecipe(**SMALL, warmup=0, beta=2, seed=5)
    trained = train_instance(recipe, images, tmp_path).trained
    network = build(lambda: VariationalAutoencoder(3, image_size=32), seed=5)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    order, noise = BatchOrder(5, 10, 4), Noise([5], (4, 3), torch.device("cpu"))
    for step in range(recipe.steps):
        batch = torch.from_numpy(images.pixels[order.batch(step)])[:, None]
        logits, mean, log_variance = network(batch, noise.at([step])[0])
        likelihood = (batch * logits - torch.log1p(torch.exp(logits))).sum() / 4
        kl = 0.5 * (mean**2 + torch.exp(log_variance) - log_variance - 1).sum() / 4
        optimiser.zero_grad()
        (2 * kl - likelihood).backward()
        optimiser.step()
    weights = trained.weights({n: tuple(v.shape) for n, v in network.state_dict().items()})
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(weights[name], value.numpy(), atol=2e-5)


@pytest.mark.slow
def test_training_learns(tmp_path):
    # Two faint images and their negatives: the network must tell them apart to do better than grey.
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (2, 32, 32)).astype(np.float32)
    pixels = np.concatenate([half, 1 - half])
    recipe = BetaVAERecipe(beta=1, n_latents=4, image_size=32, steps=250, batch_size=16)
    trained = train_instance(recipe, TrainingImages("four", "x", pixels), tmp_path).trained
    final = trained.record["final"]
    assert final["log_likelihood"] > -0.5 * 1024 * np.log(2)
    assert final["informative_units"] >= 1
    # Two bits tell four images apart.
    assert final["kl"] > 0.9 * np.log(4)
    assert final["objective"] == pytest.approx(final["log_likelihood"] - final["kl"])


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes_for_any_number_of_jobs(stimuli, tmp_path):
    recipes = sweep(BetaVAERecipe, {**SMALL, "beta": [1, 4], "seed": [0, 1]})
    one = train(recipes, stimuli, tmp_path / "one")
    four = train(recipes, stimuli, tmp_path / "four", jobs=4)
    contents = [outcome.trained.path.read_bytes() for outcome in one]
    assert contents == [outcome.trained.path.read_bytes() for outcome in four]
    assert len(set(contents)) == 4
    assert [outcome.recipe for outcome in four] == recipes


def test_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(images, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "LOG_ENTRIES", 3)
    recipe = BetaVAERecipe(**SMALL, cooldown=0.5)
    whole = train_instance(recipe, images, tmp_path / "whole").trained
    folder = tmp_path / "parts"
    # Stopped twice, in the middle of a pass and of a log entry's steps.
    for last in (5, 9):
        stop = threading.Event()

        def report(_, step, __, last=last, stop=stop):
            if step == last - 1:
                stop.set()

        with pytest.raises(Interrupted):
            train_instance(recipe, images, folder, report=report, stop=stop)
        assert checkpoint_path(folder, recipe).is_file()
        assert find_trained(folder, BetaVAERecipe) == []
    resumed = train_instance(recipe, images, folder).trained
    assert resumed.path.read_bytes() == whole.path.read_bytes()
    assert resumed.record["final"] == whole.record["final"]
    assert not checkpoint_path(folder, recipe).exists()
    logs = [
        json.loads(log_path(place, recipe).read_text())["entries"] for place in (folder, tmp_path / "whole")
    ]
    for entry in (*logs[0], *logs[1]):
        del entry["seconds"], entry["images_per_second"]
    assert logs[0] == logs[1]


def test_killed_run_goes_on_from_its_last_checkpoint(images, tmp_path):
    recipe = BetaVAERecipe(**SMALL)
    whole = train_instance(recipe, images, tmp_path / "whole").trained

    class Killed(BaseException):
        pass

    def report(_, step, __):
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        train_instance(recipe, images, tmp_path / "killed", report=report, checkpoint_seconds=0)
    seen = []
    resumed = train_instance(
        recipe, images, tmp_path / "killed", report=lambda _, step, __: seen.append(step)
    ).trained
    assert seen == list(range(8, 13))
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_damaged_checkpoint_is_reported_and_training_starts_again(images, tmp_path):
    recipe = BetaVAERecipe(**SMALL)
    whole = train_instance(recipe, images, tmp_path / "whole").trained
    path = checkpoint_path(tmp_path / "damaged", recipe)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{not json")
    with pytest.warns(NeuroalignWarning, match=r"checkpoint .* is damaged.*started from the beginning"):
        again = train_instance(recipe, images, tmp_path / "damaged").trained
    assert again.path.read_bytes() == whole.path.read_bytes()


def test_checkpoint_of_other_images_is_not_resumed(images, tmp_path):
    recipe = BetaVAERecipe(**SMALL)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        train_instance(recipe, images, tmp_path, stop=stop)
    other = TrainingImages("other", "another hash", images.pixels)
    with pytest.warns(NeuroalignWarning, match="has another recipe or other images"):
        train_instance(recipe, other, tmp_path)


def test_divergence_stops_one_instance_and_leaves_the_rest(stimuli, tmp_path):
    recipes = [
        BetaVAERecipe(**SMALL, beta=1),
        BetaVAERecipe(**SMALL, beta=2, learning_rate=1e6),
        BetaVAERecipe(**SMALL, beta=3),
    ]
    outcomes = train(recipes, stimuli, tmp_path)
    assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
    assert "diverged at step" in outcomes[1].failure
    assert "try a learning rate below 1e+06" in outcomes[1].failure
    assert [trained.recipe.beta for trained in find_trained(tmp_path, BetaVAERecipe)] == [1, 3]
    log = json.loads(log_path(tmp_path, recipes[1]).read_text())
    assert log["stopped"] == outcomes[1].failure


def test_nan_in_the_images_is_a_divergence(images, tmp_path):
    broken = images.pixels.copy()
    broken[3, 0, 0] = np.nan
    outcome = train_instance(BetaVAERecipe(**SMALL), TrainingImages("n", "h", broken), tmp_path)
    assert outcome.trained is None
    assert "the objective was nan" in outcome.failure


def test_record_and_log_say_where_weights_come_from(stimuli, tmp_path):
    [outcome] = train([BetaVAERecipe(**SMALL, beta=2.5, seed=3)], stimuli, tmp_path)
    assert outcome.trained.path.name == "beta-2.5_n_latents-3_image_size-32_seed-3.safetensors"
    record = read_trained(outcome.trained.path, BetaVAERecipe).record
    assert BetaVAERecipe.from_mapping(record["recipe"]) == outcome.recipe
    assert record["stimulus_set"] == {
        "name": "noise",
        "content_hash": stimuli.training().content_hash,
        "n_images": 10,
    }
    assert {"python", "neuroalign", "torch", "numpy"} <= set(record["versions"])
    assert record["final"]["kl"] == pytest.approx(sum(record["kl"]))
    assert record["training_seconds"] > 0
    entries = json.loads(log_path(tmp_path, outcome.recipe).read_text())["entries"]
    assert [entry["step"] for entry in entries] == list(range(1, 13))
    network = build(lambda: VariationalAutoencoder(3, image_size=32))
    weights = outcome.trained.weights({n: tuple(v.shape) for n, v in network.state_dict().items()})
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(torch.from_numpy(weights[name]))
    measured = outcome.recipe.objective(stimuli.pixels()).evaluate(network)
    # The divergence is a difference of numbers near 1, in single precision.
    assert measured["final"] == pytest.approx(record["final"], rel=1e-6, abs=1e-7)
    np.testing.assert_allclose(measured["kl"], record["kl"], rtol=1e-4, atol=1e-9)


def test_half_precision_changes_little(stimuli, tmp_path):
    full, half = (
        train([BetaVAERecipe(**SMALL, storage=storage)], stimuli, tmp_path / storage)[0].trained
        for storage in ("float32", "float16")
    )
    assert half.path.stat().st_size < 0.51 * full.path.stat().st_size
    network = build(lambda: VariationalAutoencoder(3, image_size=32))
    shapes = {n: tuple(v.shape) for n, v in network.state_dict().items()}
    for name, value in full.weights(shapes).items():
        np.testing.assert_allclose(half.weights(shapes)[name], value, rtol=5e-4, atol=1e-7)
    assert half.record["final"]["log_likelihood"] == pytest.approx(
        full.record["final"]["log_likelihood"], abs=0.05
    )


def test_mirrored_sets_are_trained_on_mirrored_images(dataset, tmp_path):
    stimuli = dataset.stimuli
    settings = {**SMALL, "steps": 2}
    [outcome] = train([BetaVAERecipe(**settings)], stimuli, tmp_path / "set")
    training = stimuli.table.index[stimuli.table["training"]]
    pixels = np.stack([np.asarray(stimuli.open(name).resize((32, 32), 3)) for name in training]) / np.float32(
        255
    )
    mirrored = TrainingImages("toy", "h", np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.float32))
    expected = train_instance(BetaVAERecipe(**settings), mirrored, tmp_path / "own").trained
    network = build(lambda: VariationalAutoencoder(3, image_size=32))
    shapes = {n: tuple(v.shape) for n, v in network.state_dict().items()}
    for name, value in expected.weights(shapes).items():
        # Resampling before or after mirroring may round a grey value differently.
        np.testing.assert_allclose(outcome.trained.weights(shapes)[name], value, atol=5e-4)


@pytest.mark.parametrize("kind", [BetaVAERecipe, ClassifierRecipe])
def test_a_mirrored_image_is_drawn_with_the_probability(kind, images):
    recipe = kind(**{**SMALL, "batch_size": 500}, mirror=0.25, seed=3)
    mirroring, plain = recipe.objective(images.pixels), kind(**{**SMALL, "batch_size": 500}, seed=3)
    plain = plain.objective(images.pixels)
    drawn = mirroring.draw(7)
    turned = (drawn >= mirroring.n_examples).numpy()
    np.testing.assert_array_equal(turned, np.random.default_rng([3, 4, 7]).random(500) < 0.25)
    assert 0.2 < turned.mean() < 0.3
    # The order of the examples does not depend on the mirroring, and two steps mirror different images.
    np.testing.assert_array_equal(drawn % mirroring.n_examples, plain.draw(7))
    assert ((mirroring.draw(8) >= mirroring.n_examples).numpy() != turned).any()
    shown, expected = mirroring.gather(drawn)[0].numpy(), plain.gather(plain.draw(7))[0].numpy()
    np.testing.assert_array_equal(shown[~turned], expected[~turned])
    np.testing.assert_array_equal(shown[turned], expected[turned][..., ::-1])
    if kind is ClassifierRecipe:
        np.testing.assert_array_equal(mirroring.gather(drawn)[1], plain.gather(plain.draw(7))[1])


def test_held_out_images_are_measured_and_not_learnt(stimuli, tmp_path):
    marked = stimuli.select(stimuli.ids)
    marked.table["training"] = np.arange(10) < 7
    recipe = BetaVAERecipe(**{**SMALL, "steps": 40})
    [with_held_out] = train([recipe], marked, tmp_path / "marked")
    [without] = train([recipe], stimuli.select(stimuli.ids[:7]), tmp_path / "seven")
    assert "held_out" not in without.trained.record
    network = build(lambda: VariationalAutoencoder(3, image_size=32))
    shapes = {n: tuple(v.shape) for n, v in network.state_dict().items()}
    for name, value in without.trained.weights(shapes).items():
        np.testing.assert_array_equal(with_held_out.trained.weights(shapes)[name], value)
        network.state_dict()[name].copy_(torch.from_numpy(value))
    measured = recipe.objective(stimuli.pixels()[7:]).evaluate(network)["final"]
    record = with_held_out.trained.record["held_out"]
    assert record == {
        "n_images": 3,
        "content_hash": marked.held_out().content_hash,
        **{name: pytest.approx(value, rel=1e-6) for name, value in measured.items()},
    }
    entries = json.loads(log_path(tmp_path / "marked", recipe).read_text())["entries"]
    # Every fourth entry of the log, as four steps show more than five training images for each held-out image.
    assert [entry["step"] for entry in entries if "held_out_objective" in entry] == list(range(4, 41, 4))
    assert entries[-1]["held_out_objective"] == pytest.approx(measured["objective"], abs=1e-4)


def test_records_from_before_a_setting_have_its_default(stimuli, tmp_path):
    [first] = train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    path = first.trained.path.with_suffix(".json")
    record = json.loads(path.read_text())
    assert record["recipe"].pop("mirror") == 0
    path.write_text(json.dumps(record))
    changed = first.trained.path.stat().st_mtime_ns
    train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    assert first.trained.path.stat().st_mtime_ns == changed
    with pytest.raises(UsageError, match=r"trained with mirror=0\.0, not 0\.5"):
        train([BetaVAERecipe(**SMALL, mirror=0.5)], stimuli, tmp_path)


def test_finished_instances_are_kept_and_others_are_not_replaced_unasked(stimuli, tmp_path):
    [first] = train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    changed = first.trained.path.stat().st_mtime_ns
    train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    assert first.trained.path.stat().st_mtime_ns == changed
    longer = BetaVAERecipe(**{**SMALL, "steps": 13})
    with pytest.raises(UsageError, match="trained with steps=12, not 13; replace it with --overwrite"):
        train([longer], stimuli, tmp_path)
    others = StimulusSet.from_arrays(stimuli.pixels()[:5], identifier="fewer")
    with pytest.raises(UsageError, match="trained with other images"):
        train([BetaVAERecipe(**SMALL)], others, tmp_path)
    [replaced] = train([longer], stimuli, tmp_path, overwrite=True)
    assert replaced.trained.recipe.steps == 13
    assert read_trained(first.trained.path, BetaVAERecipe).recipe == longer


def test_weights_of_an_earlier_version_of_the_training_are_not_taken_for_the_new_ones(stimuli, tmp_path):
    [first] = train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    record = json.loads(first.trained.path.with_suffix(".json").read_text())
    assert record.pop("procedure") == BetaVAERecipe.procedure == 2
    # Records of version 1 have no version.
    first.trained.path.with_suffix(".json").write_text(json.dumps(record))
    message = (
        "trained with version 1 of the training, not 2, which draws other noise; replace it with --overwrite"
    )
    with pytest.raises(UsageError, match=message):
        train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    [again] = train([BetaVAERecipe(**SMALL)], stimuli, tmp_path, overwrite=True)
    assert again.trained.record["procedure"] == 2
    # Without noise nothing has changed.
    assert AutoencoderRecipe.procedure == ClassifierRecipe.procedure == 1


def test_sets_that_cannot_be_trained_on(stimuli, tmp_path):
    without_images = StimulusSet("bare", stimuli.table)
    with pytest.raises(MissingImagesError):
        train([BetaVAERecipe(**SMALL)], without_images, tmp_path)
    table = stimuli.table.assign(training=False)
    with pytest.raises(UsageError, match="marks no stimulus as for training"):
        train(
            [BetaVAERecipe(**SMALL)],
            StimulusSet("none", table, dict.fromkeys(stimuli.ids, np.zeros((32, 32), np.uint8))),
            tmp_path,
        )
    with pytest.raises(UsageError, match="two instances would be called"):
        train([BetaVAERecipe(**SMALL), BetaVAERecipe(**{**SMALL, "steps": 3})], stimuli, tmp_path)


# --- the command ---

TINY = ["--set", "image_size=32", "--set", "n_latents=3", "--steps", "10", "--batch-size", "4"]


@pytest.fixture
def picture_folder(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / "My faces"
    folder.mkdir()
    for index in range(6):
        Image.fromarray(rng.integers(0, 256, (40, 36), dtype=np.uint8)).save(folder / f"face{index}.png")
    return folder


def test_command_trains_on_a_folder_of_images(picture_folder, neuroalign_home):
    result = CliRunner().invoke(
        train_command, ["beta_vae", str(picture_folder), *TINY, "--set", "beta=1,2", "--seeds", "2", "--json"]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [instance["instance"] for instance in document["instances"]] == [
        f"beta_vae[beta={beta},n_latents=3,image_size=32,seed={seed}]" for beta in (1, 2) for seed in (0, 1)
    ]
    folder = neuroalign_home / "models" / "beta_vae" / "My-faces"
    assert document["folder"] == str(folder)
    assert len(list(folder.glob("*.safetensors"))) == 4
    assert document["failures"] == []
    assert all(instance["stimulus_set"]["n_images"] == 6 for instance in document["instances"])


def test_command_trains_on_an_archive_as_on_its_folder(picture_folder, tmp_path):
    import shutil

    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", picture_folder)
    for source, output in ((archive, "a"), (picture_folder, "b")):
        arguments = ["beta_vae", str(source), *TINY, "--output", str(tmp_path / output)]
        result = CliRunner().invoke(train_command, arguments)
        assert result.exit_code == 0, result.output
        assert "beta_vae[beta=4,n_latents=3,image_size=32,seed=0]" in result.stdout
    [a], [b] = ((tmp_path / name).glob("*.safetensors") for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    records = [read_trained(path, BetaVAERecipe) for path in (a, b)]
    assert records[0].stimulus_set_hash == records[1].stimulus_set_hash


def test_command_reports_divergence_and_exits_with_1(picture_folder):
    arguments = ["beta_vae", str(picture_folder), *TINY, "--learning-rate", "1e6"]
    result = CliRunner().invoke(train_command, arguments, standalone_mode=False)
    assert result.return_value == 1
    assert "diverged at step" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["beta_va", "."], "did you mean beta_vae"),
        (["pca", "."], "no family that can be trained is called 'pca'; there are: autoencoder, beta_vae,"),
        (["beta_vae", ".", "--grid", "papers"], "did you mean paper"),
        (["classifier", ".", "--set", "beta=4"], "no setting of classifier is called 'beta'"),
        (["beta_vae", ".", "--set", "bta=4"], "did you mean beta"),
        (["beta_vae", ".", "--set", "beta"], "--set must be KEY=VALUE"),
        (["beta_vae", ".", "--seeds", "x"], "--seeds must be a number of seeds"),
        (["beta_vae", ".", "--seeds", "0"], "--seeds must be a number of seeds"),
        (["beta_vae", ".", "--jobs", "0"], "--jobs must be a positive number"),
        (["beta_vae", ".", "--precision", "tf23"], "precision must be float32, tf32 or bfloat16, got 'tf23'"),
        (["beta_vae", "no-such-dataset"], "no dataset is called 'no-such-dataset'"),
        (["beta_vae", "EMPTY"], "holds no images"),
    ],
)
def test_wrong_calls_are_one_line_and_exit_with_2(arguments, message, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty") if argument == "EMPTY" else argument for argument in arguments]
    assert run_cli(["train", *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_no_progress_bar_where_nobody_looks(stimuli, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("neuroalign.model_zoo.training.loop.runner.PATIENCE", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train([BetaVAERecipe(**SMALL)], stimuli, tmp_path)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt_from_the_keyboard_leaves_checkpoints_to_go_on_from(jobs, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    rng = np.random.default_rng(0)
    for index in range(4):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(faces / f"{index}.png")
    settings = ["--set", "beta=1,4", "--set", "image_size=32", "--steps", "1000000", "--jobs", str(jobs)]
    command = [sys.executable, "-m", "neuroalign", "train", "beta_vae", str(faces), *settings]
    # A group of its own, as a terminal has: the interrupt reaches every process of it.
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in the background inherit that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    checkpoints = tmp_path / "out" / "checkpoints"
    deadline = time.monotonic() + 180
    try:
        while len(list(checkpoints.glob("*.safetensors"))) < jobs and time.monotonic() < deadline:
            time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert printed.strip().splitlines()[-1] == "neuroalign: interrupted"
    assert "Traceback" not in printed
    assert len(list(checkpoints.iterdir())) == jobs
    assert not list((tmp_path / "out").glob("*.safetensors"))
