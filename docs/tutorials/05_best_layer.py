"""
The best layer of a network
===========================

Which layer of a network predicts the neurons best? This page scores all layers in one pass, draws the score
by depth, and chooses a layer in a way that does not flatter the network.
"""

from dataclasses import replace

import matplotlib.pyplot as plt

import neuroalign as na
from neuroalign.datasets.selection import select_part
from neuroalign.scoring.layer_choice import choose_layer
from neuroalign.scoring.layers import score_layers

faces = na.load_dataset("AM-faces-sim")
part = select_part(faces, {"stimulus_id": faces.stimuli.ids[:300]})
dataset = replace(part, identifier="faces-300")

# %%
# All layers
# ----------
#
# The @ is followed by a pattern. The network runs once over the images, and each layer gets a score of its
# own. The weights are random here, because the build of this page downloads nothing; take the published
# weights for your own question.

network = "timm:test_resnet@conv1,layer?,pre_logits[weights=random,pool=mean]"
scores = score_layers(network, dataset, "ridge")
table = scores.to_table()
print(table[["layer", "n_units", "score", "error"]].round(3).to_string(index=False))

# %%
# The score by depth, with its standard error over neurons:

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.errorbar(table["layer"], table["score"], yerr=table["error"], marker="o", color="#24527a", capsize=3)
ax.set(ylabel="ridge: held-out correlation", ylim=(0, 1))

# %%
# Wide layers often score higher because they have more units. ``common_units="min"`` draws the same number of
# units from each layer:

narrow = score_layers(network, dataset, "ridge", common_units="min").to_table()
print(narrow[["layer", "n_units", "score"]].round(3).to_string(index=False))

# %%
# Not the maximum of the table
# ----------------------------
#
# The best of many layers looks better than it is, because the same images choose the layer and score it.
# ``choose_layer`` chooses within the training folds, and scores the chosen layer on the held-out fold.

choice = choose_layer(network, dataset, "ridge")
print(choice.score)
print(f"the maximum of the table is {choice.naive_gain:+.4f} above it")

# %%
# In a terminal::
#
#     neuroalign score "timm:resnet50@layer?[pool=mean]" my-cells -b ridge --figure depth.pdf
#     neuroalign score "timm:resnet50@layer?[pool=mean]" my-cells -b ridge --choose-layer
#
# :doc:`/layers` describes the patterns, and :doc:`/selection` the choice of layers and of trained networks.
