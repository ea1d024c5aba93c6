"""
The ceiling: how good any model can be
======================================

Neurons are noisy: the same image gives another response each time. No model can predict the noise, so that a
perfect model scores less than 1. This page measures the limit before any model is scored, and draws one good
and one bad neuron.
"""

import matplotlib.pyplot as plt
import numpy as np

import neuroalign as na
from neuroalign.arrays import trial_cube
from neuroalign.metrics import reliability

dataset = na.load_dataset("AM-faces-sim")
trials = trial_cube(dataset.recording)
print("stimuli × repetitions × neurons:", trials.shape)

# %%
# Reliability
# -----------
#
# The trials are divided into two halves at random. A neuron with much signal has similar means in both
# halves. The correlation of the halves, extended to all trials by the formula of Spearman and Brown, is the
# *reliability*: the share of the variance of the mean responses that is not noise. It is the largest variance
# that any model can explain.

per_neuron = reliability(trials).per_neuron
print(f"median {np.median(per_neuron):.2f}, from {per_neuron.min():.2f} to {per_neuron.max():.2f}")

# %%
# The best and the worst neuron in pictures: each point is one image, with the mean of two trials against the
# mean of two other trials.

best, worst = int(np.argmax(per_neuron)), int(np.argmin(per_neuron))
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
for ax, neuron, word in zip(axes, (best, worst), ("good", "bad"), strict=True):
    first, second = trials[:, 0, neuron], trials[:, 1, neuron]
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, (2, len(first)))
    ax.plot(first + jitter[0], second + jitter[1], ".", ms=3, alpha=0.5, color="#24527a")
    ax.set_title(f"a {word} neuron: reliability {per_neuron[neuron]:.2f}", fontsize=10)
    ax.set(xlabel="spikes in the first trial", ylabel="spikes in the second trial", aspect="equal")

# %%
# All neurons in order. Leave out the bad ones only by a rule that you state, and never by the score of a
# model.

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.plot(np.sort(per_neuron)[::-1], color="#24527a")
ax.set(
    xlabel="neurons, the most reliable first", ylabel="reliability", ylim=(0, 1), xlim=(0, len(per_neuron))
)

# %%
# More trials raise the ceiling
# -----------------------------
#
# The first 2, 3, … repetitions alone have a lower reliability. The curve shows whether further trials are
# worth their time.

numbers = range(2, trials.shape[1] + 1)
medians = [np.nanmedian(reliability(trials[:, :n]).per_neuron) for n in numbers]
for number, median in zip(numbers, medians, strict=True):
    print(f"{number} trials: median reliability {median:.2f}")

# %%
# The ceiling of a score
# ----------------------
#
# Scores of recordings with single trials have a ``ceiling``, and their tables have a bar from chance to this
# ceiling. A model that reaches 0.5 of a ceiling of 0.65 explains more than three quarters of the signal.

score = na.score("beta_vae[beta=6,seed=0]", dataset, "variance_explained")
print(
    f"variance explained {score.value:.2f}, ceiling {score.ceiling:.2f}, share {score.value / score.ceiling:.0%}"
)

# %%
# Each neuron has its own limit: no point lies far above the diagonal.

figure, ax = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.6", lw=1)
ax.plot(per_neuron, score.data["variance_explained"], ".", color="#24527a")
ax.set(
    xlabel="reliability of the neuron", ylabel="variance explained by the β-VAE", xlim=(0, 1), ylim=(-0.05, 1)
)

# %%
# Recordings without single trials
# --------------------------------
#
# Averages have no ceiling. Give their standard errors at the import (``--sem``), or compare with a model that
# is made of neurons: the family ``neuron_subset`` predicts each neuron from other neurons of the same
# recording, and ``neurons:DATASET`` from neurons of another one. See :doc:`/recordings` and :doc:`/scores`.
