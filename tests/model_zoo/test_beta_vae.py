"""The family beta_vae: which instances there are, their latents and images, and weights that are not right."""

import hashlib
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from neuroalign.errors import ModelError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAEModel, BetaVAERecipe
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.weights_file import read_trained
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily

SMALL = {"n_latents": 3, "image_size": 32, "steps": 3, "batch_size": 8}


@pytest.fixture
def own(dataset, neuroalign_home):
    """Two instances trained on the images of `dataset`."""
    folder = BetaVAE().own_folder() / "toy"
    return train([BetaVAERecipe(**SMALL, beta=beta) for beta in (1, 2.5)], dataset.stimuli, folder)


@pytest.fixture
def model(own):
    return BetaVAEModel(own[0].trained.path)


def rewrite(trained, change):
    """Change a file of weights and record the change as if it were right."""
    arrays = {name: array.copy() for name, array in load(trained.path.read_bytes()).items()}
    change(arrays)
    content = save(arrays)
    trained.path.write_bytes(content)
    record = {**trained.record, "weights_sha256": hashlib.sha256(content).hexdigest()}
    trained.path.with_name(trained.path.name.replace(".safetensors", ".json")).write_text(json.dumps(record))
    return read_trained(trained.path, BetaVAERecipe)


# --- which instances there are ---


def test_family_and_instances_implement_the_interfaces(dataset, own):
    family = BetaVAE()
    assert isinstance(family, ModelFamily)
    assert all(isinstance(model, Model) for model in family.instances(dataset))


def test_instances_trained_on_the_datasets_own_images_come_first(dataset, dataset_factory, own):
    family = BetaVAE()
    assert [model.identifier for model in family.instances(dataset)] == [
        "beta_vae[beta=1,n_latents=3,image_size=32,seed=0,trained_on=toy]",
        "beta_vae[beta=2.5,n_latents=3,image_size=32,seed=0,trained_on=toy]",
    ]
    assert {model.trained_on for model in family.instances(dataset)} == {"toy"}
    # The same name and ids, but other images.
    other = dataset_factory(seed=1)
    assert other.stimuli.identifier == dataset.stimuli.identifier
    assert list(family.grid(other)) == [names for names, _ in BetaVAE().bundled()]
    assert list(family.grid()) == list(family.grid(other))


def test_instances_in_the_grid_are_found_by_their_options_and_names(dataset, own):
    family = BetaVAE()
    for options in family.grid(dataset):
        model = family.instance(dataset, **options)
        assert family.instance_identifier(**options) == model.identifier
        assert load_model(model.identifier, dataset=dataset).fingerprint == model.fingerprint


def test_options_may_be_left_out_where_the_rest_leaves_one(own):
    model = BetaVAE().instance(beta=2.5, trained_on="toy")
    assert model.identifier == "beta_vae[beta=2.5,n_latents=3,image_size=32,seed=0,trained_on=toy]"
    with pytest.raises(UsageError, match=r"could be any of: .*beta=1,.*, .*beta=2\.5,"):
        BetaVAE().instance(trained_on="toy")


def test_names_that_are_read_as_numbers(dataset, own):
    BetaVAE().own_folder().joinpath("toy").rename(BetaVAE().own_folder() / "2023")
    [first, _] = BetaVAE().instances(dataset)
    assert first.identifier.endswith(",trained_on='2023']")
    # Records of earlier versions have the name without quotes.
    for name in (first.identifier, first.identifier.replace("'", "")):
        assert load_model(name).identifier == first.identifier


def test_unknown_instances_and_options(own):
    with pytest.raises(UsageError, match=r"beta_vae\[beta=99\] is not among .*beta=2\.5.*train more"):
        BetaVAE().instance(beta=99)
    with pytest.raises(UsageError, match="is not among"):
        BetaVAE().instance(beta=1, trained_on="elsewhere")
    with pytest.raises(UnknownNameError, match="did you mean beta"):
        BetaVAE().instance(betta=1)


def test_records_that_cannot_be_read_are_reported_and_left_out(dataset, own):
    own[0].trained.path.with_suffix(".json").write_text("{")
    with pytest.warns(NeuroalignWarning, match="cannot read the record"):
        [(names, _)] = BetaVAE().own()
    assert names["beta"] == 2.5


# --- latents and images ---


def test_latents_are_the_means_of_the_posterior(dataset, model):
    latents = model.latents(dataset.stimuli)
    network = model.network()
    pixels = torch.from_numpy(dataset.stimuli.pixels(32))[:, None]
    with torch.no_grad():
        mean, log_variance = network.encode(pixels)
    assert list(latents["stimulus"].values) == list(dataset.stimuli.ids)
    np.testing.assert_allclose(latents.values, mean.numpy(), atol=1e-6)
    kl = 0.5 * (mean**2 + torch.exp(log_variance) - log_variance - 1).mean(0)
    np.testing.assert_allclose(latents["kl"].values, kl.numpy(), rtol=1e-3, atol=1e-8)
    assert latents.attrs["trained_on"] == "toy"


def test_units_are_informative_above_a_hundredth_of_a_nat(dataset, own):
    # With images ignored, the biases alone set each posterior: KL of N(m, 1) is m²/2.
    means = np.array([0.0, np.sqrt(2 * 0.009), np.sqrt(2 * 0.011)])

    def change(arrays):
        arrays["encoder.output.weight"][:] = 0
        arrays["encoder.output.bias"][:] = [*means, 0, 0, 0]

    latents = BetaVAEModel(rewrite(own[0].trained, change)).latents(dataset.stimuli)
    np.testing.assert_allclose(latents["kl"].values, [0, 0.009, 0.011], rtol=1e-4)
    assert list(latents["informative"].values) == [False, False, True]
    np.testing.assert_allclose(latents.values, np.tile(means, (len(dataset.stimuli), 1)), rtol=1e-6)


def test_latents_do_not_depend_on_order_threads_or_company(dataset, model):
    stimuli = dataset.stimuli
    latents = model.latents(stimuli)
    shuffled = np.random.default_rng(0).permutation(stimuli.ids)
    again = model.latents(stimuli.select(shuffled))
    assert list(again["stimulus"].values) == list(shuffled)
    assert again.sel(stimulus=stimuli.ids).values.tobytes() == latents.values.tobytes()
    assert again["kl"].values.tobytes() == latents["kl"].values.tobytes()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert model.latents(stimuli).values.tobytes() == latents.values.tobytes()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    few = stimuli.ids[:3]
    np.testing.assert_allclose(
        model.latents(stimuli.select(few)).values, latents.sel(stimulus=few).values, atol=1e-6
    )


def test_decoded_images(dataset, model):
    latents = model.latents(dataset.stimuli)
    images = model.decode(latents)
    assert images.dtype == np.float32
    assert images.shape == (120, 32, 32)
    assert images.min() >= 0
    assert images.max() <= 1
    with torch.no_grad():
        logits = model.network().decode(torch.from_numpy(latents.values.astype(np.float32)))
    np.testing.assert_allclose(images, 1 / (1 + np.exp(-logits.numpy()[:, 0])), atol=1e-6)
    with pytest.raises(ModelError, match="decodes 3 units, got 2"):
        model.decode(latents.isel(unit=[0, 1]))


def test_fingerprint_follows_the_weights_and_not_the_name(own, dataset):
    first, second = (BetaVAEModel(outcome.trained) for outcome in own)
    assert first.fingerprint == BetaVAEModel(own[0].trained, identifier="other").fingerprint
    assert first.fingerprint != second.fingerprint
    changed = rewrite(own[0].trained, lambda arrays: arrays["encoder.output.bias"].__iadd__(1))
    assert BetaVAEModel(changed).fingerprint != first.fingerprint


def test_names_and_fingerprints_do_without_torch(own, neuroalign_home):
    program = (
        "import sys; from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAEModel\n"
        "models = BetaVAE().instances() + [BetaVAEModel(each) for _, each in BetaVAE().own()]\n"
        "assert all(len(each.fingerprint) == 64 and each.identifier and each.trained_on for each in models)\n"
        "print(len(models), 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    n, torch_loaded = result.stdout.split()
    assert int(n) == 2 + len(BetaVAE().bundled())
    assert torch_loaded == "False"


def test_models_travel_to_other_processes(dataset, model):
    latents = model.latents(dataset.stimuli)
    sent = pickle.dumps(model)
    assert len(sent) < 10_000
    assert pickle.loads(sent).latents(dataset.stimuli).identical(latents)  # noqa: S301 - our own bytes


# --- weights that are not right ---


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 100, b"\x00" * 8, b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins"],
    ids=["empty", "absurd header", "no header", "pickle"],
)
def test_files_without_weights_are_refused(own, dataset, content):
    own[0].trained.path.write_bytes(content)
    with pytest.raises(ModelError, match=r"the weights .* are damaged: .*; train them again"):
        BetaVAEModel(own[0].trained).latents(dataset.stimuli)


def test_truncated_swapped_and_missing_files(own, dataset):
    first, second = (outcome.trained for outcome in own)
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[:-100])
    with pytest.raises(ModelError, match="are damaged"):
        BetaVAEModel(first).latents(dataset.stimuli)
    first.path.write_bytes(second.path.read_bytes())
    with pytest.raises(ModelError, match=r"not the ones that beta-1_.*\.json beside them records"):
        BetaVAEModel(first).latents(dataset.stimuli)
    first.path.unlink()
    with pytest.raises(ModelError, match=r"cannot read the weights .*No such file"):
        BetaVAEModel(first).latents(dataset.stimuli)
    with pytest.raises(ModelError, match="cannot read the weights"):
        _ = BetaVAEModel(read_trained(first.path, BetaVAERecipe)).fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("decoder.hidden.bias"), "decoder.hidden.bias is missing, expected"),
        (lambda arrays: arrays.update(extra=np.zeros(2)), "extra is .*expected nothing"),
        (
            lambda arrays: arrays.update({"decoder.hidden.bias": np.zeros(3, np.float32)}),
            r"decoder.hidden.bias is \(3,\), expected \(256,\)",
        ),
        (
            lambda arrays: arrays["decoder.hidden.bias"].fill(np.nan),
            "NaN or infinite values in decoder.hidden",
        ),
    ],
)
def test_weights_of_another_network(own, dataset, change, message):
    trained = rewrite(own[0].trained, change)
    with pytest.raises(ModelError, match=message):
        BetaVAEModel(trained).latents(dataset.stimuli)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "vae"}, "of the family vae; expected format 1 of beta_vae"),
        ({"format": 2}, "records format 2"),
        ({"recipe": {"beta": "x"}}, "beta must be a number"),
        ({"recipe": {"shape": 1}}, "no setting of beta_vae is called 'shape'"),
        ({"recipe": None}, "is damaged"),
        ({"stimulus_set": 3}, "is damaged"),
        ({"weights_sha256": None}, "is damaged"),
    ],
)
def test_records_that_are_wrong(own, change, message):
    record = {**own[0].trained.record, **change}
    path = own[0].trained.path.with_suffix(".json")
    path.write_text(json.dumps({name: value for name, value in record.items() if value is not None}))
    with pytest.raises(UsageError, match=message):
        BetaVAEModel(path)


def test_architecture_of_another_version(own, dataset):
    path = own[0].trained.path.with_suffix(".json")
    path.write_text(json.dumps({**own[0].trained.record, "architecture": "convolutional-9"}))
    with pytest.raises(ModelError, match="architecture convolutional-9; this version of neuroalign knows"):
        BetaVAEModel(path).latents(dataset.stimuli)


# --- the objective ---


def test_objective_is_the_likelihood_less_beta_times_the_divergence_of_all_units():
    objective = BetaVAERecipe(beta=16, image_size=32).objective(np.zeros((1, 32, 32), np.float32))
    means = {"log_likelihood": torch.tensor(-10.0), "kl": torch.tensor([1.0, 0.5])}
    assert objective.value(means).item() == pytest.approx(-10 - 16 * 1.5)
