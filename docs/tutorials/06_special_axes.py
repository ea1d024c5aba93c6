"""
Special axes: the axis index κ
==============================

Do single units of a model match single neurons? A high score of single units is not enough to say so. This
page compares two recordings with known tuning: in one of them neurons follow single factors, and in the other
mixtures of factors.
"""

import matplotlib.pyplot as plt
import numpy as np

import neuroalign as na
from neuroalign.metrics import is_special, turned_alignment, turned_tuning
from neuroalign.testing import make_dataset

# %%
# Sixteen neurons that follow one of four factors each, and sixteen neurons that follow mixtures of the same
# factors. The model has the factors as its units.

recordings = {
    "single": make_dataset(n_stimuli=300, n_neurons=16, tuning="single", seed=1),
    "mixed": make_dataset(n_stimuli=300, n_neurons=16, tuning="mixed", seed=1),
}
figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
for ax, (name, dataset) in zip(axes, recordings.items(), strict=True):
    ax.imshow(abs(dataset.truth), cmap="Blues", aspect="auto")
    ax.set(title=f"{name}: true weights", xlabel="factor", ylabel="neuron")

# %%
# The score alone
# ---------------
#
# Alignment is higher for single factors. But how high is it where no axes are special? For mixed tuning the
# answer depends on the units, on the noise and on the number of neurons.

for dataset in recordings.values():
    print(na.score("factors", dataset, "alignment[turns=0]"))

# %%
# The control: turned tuning
# --------------------------
#
# A linear model of the neurons has the same signal and the same noise as the recording. A random rotation
# then mixes the tuning of the neurons: the turned neurons carry the same information along other axes. This
# is done 20 times.

turned = {}
for name, dataset in recordings.items():
    latents = na.load_model("factors", dataset=dataset).latents(dataset.stimuli)
    latents = latents.sel(stimulus=dataset.responses["stimulus"])
    Z, Y = latents.values, dataset.responses.values
    turned[name] = turned_alignment(Z, turned_tuning(Z, Y), n_turns=20)
    index = turned[name].index(Z.shape[1])
    special = is_special(index.value, turned[name].error(), index.p)
    print(f"{name}: κ = {index.value:.2f}, p = {index.p:.3f}, special: {special}")

# %%
# κ is the place of the score between the mean of the turned neurons (0) and one unit for each neuron (1). The
# score of mixed neurons lies among the scores of turned neurons.

figure, ax = plt.subplots(figsize=(7, 1.8), layout="constrained")
for row, result in enumerate(turned.values()):
    index = result.index(4)
    ax.plot(
        [index.turned - index.turned_sd, index.turned + index.turned_sd],
        [row, row],
        lw=8,
        color="0.8",
        solid_capstyle="butt",
    )
    ax.plot(index.turned, row, "|", ms=16, color="0.3")
    ax.plot(index.native, row, "o", color="#24527a")
ax.set(
    yticks=[0, 1],
    yticklabels=list(turned),
    ylim=(-0.6, 1.6),
    xlim=(0, 1),
    xlabel="alignment: turned neurons (grey), the neurons (blue)",
)

# %%
# In one call
# -----------
#
# The benchmark does all of this, so that the numbers are beside each score:

for name, dataset in recordings.items():
    numbers = na.score("factors", dataset, "alignment").beside
    print(f"{name}: κ = {numbers['axis_index']:.2f} ± {numbers['axis_index_error']:.2f}")

# %%
# κ near 0 says that these units and these neurons have no common axes. It does not say that the neurons have
# no axes at all: a model with mixed units has κ near 0 on single neurons, too. Rotate the units to see it.

rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
dataset = recordings["single"]
mixed_units = na.as_model(
    dataset.factors.to_numpy() @ rotation, identifier="rotated", stimulus=dataset.stimuli.ids
)
print(f"rotated units: κ = {na.score(mixed_units, dataset, 'alignment').beside['axis_index']:.2f}")

# %%
# :doc:`/scores` defines κ and its limits, and :doc:`/calibration` gives its error rates.
