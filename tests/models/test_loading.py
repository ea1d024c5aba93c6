from contextlib import ExitStack

import numpy as np
import pytest
import xarray as xr

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import (
    MissingImagesError,
    ModelError,
    StimulusMismatchError,
    UnknownNameError,
    UsageError,
)
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.model import FixedFamily
from neuroalign.names.registry import models


@pytest.fixture
def register():
    """Register models for the time of the test."""
    with ExitStack() as stack:
        yield lambda name, model: stack.enter_context(models.registered(name, model))


def test_function_model_gets_pixels_and_keeps_ids(dataset):
    model = as_model(lambda pixels: pixels.mean(axis=(1, 2)), identifier="brightness", batch_size=7)
    latents = model.latents(dataset.stimuli)
    expected = [dataset.stimuli.pixels()[index].mean() for index in range(len(dataset.stimuli))]
    assert latents.dims == ("stimulus", "unit")
    np.testing.assert_array_equal(latents["stimulus"], dataset.stimuli.ids)
    np.testing.assert_allclose(latents.values[:, 0], expected, rtol=1e-6)


def contrast(pixels):
    return pixels.std(axis=(1, 2))


def test_function_name_is_the_identifier():
    assert as_model(contrast).identifier == "contrast"


def test_function_that_loses_images_is_refused(dataset):
    with pytest.raises(ModelError, match=r"returned shape \(3, 16, 16\) for 120 images"):
        as_model(lambda pixels: pixels[:3], identifier="short").latents(dataset.stimuli)


def test_images_that_are_missing(dataset):
    stimuli = StimulusSet("no-images", dataset.stimuli.table)
    with pytest.raises(MissingImagesError, match="'no-images' has no images"):
        as_model(lambda pixels: pixels, identifier="any").latents(stimuli)


def test_precomputed_latents(dataset):
    values = xr.DataArray(
        np.arange(240.0).reshape(120, 2),
        dims=("stimulus", "unit"),
        coords={"stimulus": dataset.stimuli.ids[::-1]},
    )
    model = as_model(values, identifier="mine")
    latents = model.latents(dataset.stimuli)
    assert latents.sel(stimulus="s119").values.tolist() == [0.0, 1.0]
    with pytest.raises(StimulusMismatchError, match="none of the stimuli of 'elsewhere'"):
        model.latents(StimulusSet.from_arrays(np.zeros((2, 4, 4)), identifier="elsewhere"))


def test_objects_that_cannot_be_a_model_are_refused():
    with pytest.raises(ModelError, match="cannot make a model of int"):
        as_model(3)
    with pytest.raises(ModelError, match="dimensions"):
        as_model(xr.DataArray(np.zeros((2, 2))))


def test_load_model_by_name_options_and_file(tmp_path, dataset):
    file = tmp_path / "mine.py"
    file.write_text(
        "def scaled(factor=1.0):\n    return lambda pixels: factor * pixels.reshape(len(pixels), -1)\n"
        "def brightness(pixels):\n    return pixels.mean(axis=(1, 2))\n"
    )
    assert load_model(f"{file}:brightness").latents(dataset.stimuli).shape == (120, 1)
    with pytest.raises(UnknownNameError, match="did you mean brightness"):
        load_model(f"{file}:brightnes")
    with pytest.raises(ModelError, match=r"the file .*absent\.py does not exist"):
        load_model(f"{tmp_path}/absent.py:model")


def test_registered_factory_takes_options(register, dataset):
    register(
        "scaled",
        lambda *, factor=1.0: as_model(lambda p: factor * p.mean((1, 2)), identifier="scaled"),
    )
    once, twice = (
        load_model(name).latents(dataset.stimuli).values for name in ("scaled", "scaled[factor=2]")
    )
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)
    with pytest.raises(UsageError, match="it takes factor"):
        load_model("scaled[factr=2]")


def test_options_are_part_of_the_name(register):
    register("scaled", lambda *, factor=1.0: lambda pixels: factor * pixels.mean((1, 2)))
    assert load_model("scaled").identifier == "scaled"
    assert load_model("scaled[factor=2]").identifier == "scaled[factor=2]"


def test_families_and_classes_in_a_file(tmp_path, dataset):
    file = tmp_path / "families.py"
    file.write_text(
        "from neuroalign.models.loading import ModelFamily, as_model\n"
        "class Powers(ModelFamily):\n"
        "    identifier = 'powers'\n"
        "    def grid(self, dataset=None):\n        return [{'power': 1}, {'power': 2}]\n"
        "    def instance(self, dataset=None, *, power):\n"
        "        name = self.instance_identifier(power=power)\n"
        "        return as_model(lambda p: p.mean((1, 2)) ** power, identifier=name)\n"
        "powers = Powers()\n"
        "def brightness(pixels):\n    return pixels.mean(axis=(1, 2))\n"
    )
    assert [model.identifier for model in load_model(f"{file}:Powers").instances()] == [
        "powers[power=1]",
        "powers[power=2]",
    ]
    for name in ("powers", "Powers"):
        assert load_model(f"{file}:{name}[power=2]").identifier == "powers[power=2]"
    with pytest.raises(UsageError, match=r"brightness in .* takes no options; got power"):
        load_model(f"{file}:brightness[power=2]")


def test_as_model_of_a_name(register):
    register("net:", lambda rest, *, seed=0: FakeModel(f"net:{rest}[{seed}]"))
    assert as_model("net:one", layer="two").identifier == "net:one@two[0]"
    assert as_model("net:one[seed=3]", layer=["two", "three"]).identifier == "net:one@two:three[3]"
    with pytest.raises(
        UsageError, match="has its options in square brackets, takes no options; got preprocess"
    ):
        as_model("net:one", preprocess=abs)
    with pytest.raises(UsageError, match="is a model already, takes no options; got identifier"):
        as_model(FakeModel("one"), identifier="two")


class FakeModel:
    def __init__(self, identifier):
        self.identifier = identifier

    def latents(self, stimuli):
        raise NotImplementedError


def test_family_members_by_index(dataset):
    members = [as_model(lambda p: p.mean((1, 2)), identifier=f"m{index}") for index in range(3)]
    family = FixedFamily("trio", members)
    assert [model.identifier for model in family.instances(dataset)] == ["m0", "m1", "m2"]
    with pytest.raises(UsageError, match="index=0 to index=2"):
        family.instance(index=3)
