"""
Your own network
================

A model is anything that turns images into numbers: a function, a layer of a torch network, a network of timm
or HuggingFace, a fitted scikit-learn transformer, or an array of values that you computed elsewhere. This
page scores some of them on 300 faces of the stand-in.
"""

from dataclasses import replace

import torch

import neuroalign as na
from neuroalign.datasets.selection import select_part

faces = na.load_dataset("AM-faces-sim")
part = select_part(faces, {"stimulus_id": faces.stimuli.ids[:300]})
dataset = replace(part, identifier="faces-300")
print(dataset.recording.sizes)

# %%
# A function
# ----------
#
# The function gets grey images between 0 and 1, and returns one row of numbers for each image.


def quadrants(pixels):
    """Return the mean of each of the four quadrants."""
    return pixels.reshape(len(pixels), 2, 32, 2, 32).mean(axis=(2, 4)).reshape(len(pixels), 4)


model = na.as_model(quadrants, image_size=64)
print(na.score(model, dataset, "ridge"))

# %%
# A layer of a torch network
# --------------------------
#
# ``layer`` is the name of a module. The network here has random weights; take your trained one in its place.
# ``pool="mean"`` averages each channel over positions, so that a unit is a channel. ``preprocess`` must
# repeat the steps of the training: size, crop, mean and standard deviation.

from torchvision.transforms import v2

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 5, stride=2),
    torch.nn.ReLU(),
    torch.nn.Conv2d(16, 32, 5, stride=2),
    torch.nn.ReLU(),
)
preprocess = v2.Compose([v2.ToImage(), v2.Resize((64, 64)), v2.RGB(), v2.ToDtype(torch.float32, scale=True)])
model = na.as_model(network, identifier="small_net", layer="3", preprocess=preprocess, pool="mean")
print(na.score(model, dataset, "ridge"))

# %%
# The names of all layers, with the shapes of their outputs:

print(model.layer_shapes(dataset.stimuli))

# %%
# A network of timm, torchvision or HuggingFace
# ---------------------------------------------
#
# These networks have names. The layer stands behind the @, and options stand in square brackets. They run
# with the preprocessing of their published weights. ``weights=random`` is here only because the build of this
# page has no access to a hub of weights.

print(na.score("timm:test_resnet@layer3[weights=random,pool=mean]", dataset, "ridge"))

# %%
# Further names, with weights that are downloaded once::
#
#     neuroalign score timm:resnet18@layer3 my-cells
#     neuroalign score "torchvision:resnet18@layer4[pool=mean]" my-cells
#     neuroalign score "hf:facebook/dinov2-small@hidden.6[pool=mean]" my-cells
#     neuroalign list layers timm:resnet18
#
# Networks of HuggingFace need ``pip install 'neuroalign[hf]'``. The layer ``hidden.6`` is the output of the
# sixth block.
#
# Numbers that you computed elsewhere
# -----------------------------------
#
# An array needs the ids of its stimuli. Rows pair with responses by these ids, never by their position.

import numpy as np

values = np.random.default_rng(0).standard_normal((300, 8))
noise = na.as_model(values, identifier="noise", stimulus=dataset.stimuli.ids)
print(na.score(noise, dataset, "ridge"))

# %%
# Noise predicts nothing. A score near 0 with your own array often means that the ids are in another order
# than the rows.
#
# Many units
# ----------
#
# Scores of single units are made for up to some hundred units. Reduce a wide layer by a reducer behind a
# plus, such as ``+pca[n=50]`` or ``+subsample[n=100,seed=0]``; see :doc:`/reducers`. Principal components
# have other axes than the units, so that they answer another question.

print(na.score("timm:test_resnet@layer3[weights=random]+pca[n=10]", dataset, "ridge"))

# %%
# :doc:`/add_a_model` describes devices, precisions, files of weights, and how to give your model a name of
# its own.
