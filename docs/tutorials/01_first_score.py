"""
Your first score
================

This page scores one network on one recording, and reads the result. Both come with neuroalign, so that
nothing is downloaded. The neurons are simulated, and their tuning is known: most of them follow one factor of
the faces each.
"""

import matplotlib.pyplot as plt

import neuroalign as na

dataset = na.load_dataset("AM-faces-sim")
print(dataset)

# %%
# The model is a β-VAE, a network that was trained to describe faces by a few independent numbers. These
# numbers are its *units*. The benchmark *alignment* predicts each neuron from the units by a Lasso, and asks
# how many units each neuron needs.

score = na.score("beta_vae[beta=6,seed=0]", dataset, "alignment")
print(score)

# %%
# Is this alignment high? The value alone does not say so: few units and noisy neurons raise it, too. The
# score therefore has further numbers in ``beside``. Read them in this order.
#
# 1. How much of the neurons do the units explain? Where this is little, the other numbers say nothing.

numbers = score.beside
print(f"variance explained {numbers['variance_explained']:.2f}")
print(f"share of the explainable variance {numbers['explained_share']:.0%}")

# %%
# 2. Which alignment does the same tuning have along other axes? The tuning of the neurons is turned in the
#    space of the units, and the turned neurons are scored. The axis index κ puts the score on a scale from
#    turned tuning (0) to one unit for each neuron (1).

print(f"alignment {score.value:.2f}, with turned tuning {numbers['turned']:.2f}")
print(
    f"κ = {numbers['axis_index']:.2f} ± {numbers['axis_index_error']:.2f}, p = {numbers['axis_index_p']:.3f}"
)

# %%
# 3. Does a caution forbid the interpretation? Here the list is empty.

from neuroalign.scoring.cautions import cautions

print(cautions(score))

# %%
# Which unit explains which neuron?
# ---------------------------------
#
# The arrays of a score are in ``score.data``, an :class:`xarray.Dataset` with labels. The weights show the
# answer as a staircase: most neurons need one unit.

from neuroalign.reporting.figures import unit_shares, units_by_neurons

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
units_by_neurons(unit_shares(score), model="β-VAE", dataset=dataset.identifier, simulated=True, ax=ax)

# %%
# A model to compare with
# -----------------------
#
# Principal components of the pixels see the same faces. Their variance explained is similar, but they share
# each neuron among several units.

components = na.score("pca[n=10]", dataset, "alignment")
for name, result in {"β-VAE": score, "PCA": components}.items():
    print(
        f"{name:6} explains {result.beside['variance_explained']:.2f}, κ = {result.beside['axis_index']:.2f}"
    )

# %%
# The same in a terminal
# ----------------------
#
# ``neuroalign score`` scores all networks of a family by all quick benchmarks, and prints one screen::
#
#     neuroalign score beta_vae AM-faces
#     neuroalign score "beta_vae[beta=6,seed=0]" AM-faces --benchmark alignment --each
#
# ``AM-faces`` stands for the recordings of `Higgins et al. (2020) <https://arxiv.org/abs/2006.14304>`_, which
# only their authors provide. Until you add them, the name stands for this simulated stand-in, and every
# output says so.
#
# Next: :doc:`your own network <02_own_network>`, or :doc:`your own recordings <03_own_recordings>`.
