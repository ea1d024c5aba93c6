"""
A β-VAE of your images
======================

A β-VAE learns a few numbers that describe your images, and can draw an image for each set of numbers. This
page trains one on a folder of images. The images are discs that move and change their brightness, so that the
right description has three numbers.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from neuroalign.cli import run

folder = Path(tempfile.mkdtemp())
(folder / "discs").mkdir()
rng = np.random.default_rng(0)
row, column = np.mgrid[:64, :64]
for index in range(400):
    x, y, brightness = rng.uniform(16, 48), rng.uniform(16, 48), rng.uniform(0.4, 1.0)
    disc = (column - x) ** 2 + (row - y) ** 2 < 120
    Image.fromarray(np.uint8(255 * brightness * disc)).save(folder / "discs" / f"disc{index:03d}.png")

# %%
# The command
# -----------
#
# A folder of images, a ZIP archive or a dataset is enough. 300 steps take some seconds and give a rough
# network; the default of 6,000 steps takes minutes. ::
#
#     neuroalign train beta_vae discs --set beta=1 --steps 300 --output weights

images, weights = str(folder / "discs"), str(folder / "weights")
recipe = ["--set", "beta=1", "--set", "n_latents=6", "--learning-rate", "0.002"]
run(["train", "beta_vae", images, *recipe, "--steps", "300", "--output", weights])

# %%
# The folder of weights has the weights, a record with the recipe and the final numbers, and the course of the
# training.

print(sorted(path.name for path in (folder / "weights").iterdir()))

# %%
# Look at it first
# ----------------
#
# Reconstructions show the images that the network can draw. Each unit is then moved from −2 to 2 while the
# others stay.

import matplotlib.pyplot as plt

from neuroalign.model_zoo.beta_vae import BetaVAEModel
from neuroalign.model_zoo.training.images.sources import open_stimuli
from neuroalign.models.traversals import latent_traversals

model = BetaVAEModel(next((folder / "weights").glob("*.safetensors")))
with open_stimuli(folder / "discs") as stimuli:
    latents = model.latents(stimuli)
    pictures, drawn = stimuli.pixels(64), model.decode(latents)
    moved = latent_traversals(model, stimuli, values=(-2, -1, 0, 1, 2))

figure, axes = plt.subplots(2, 6, figsize=(7, 2.5), layout="constrained")
for index, (above, below) in enumerate(axes.T):
    above.imshow(pictures[index], cmap="gray", vmin=0, vmax=1)
    below.imshow(drawn[index], cmap="gray", vmin=0, vmax=1)
for ax in axes.flat:
    ax.set_axis_off()
figure.suptitle("images, and their reconstructions", fontsize=10)

# %%
# Traversals of the informative units, which are the units with a divergence from the prior above 0.01 nats:

print(latents["kl"].values.round(2))
n_units = moved.sizes["unit"]
figure, axes = plt.subplots(n_units, 5, figsize=(4.5, 0.9 * n_units), layout="constrained", squeeze=False)
for ax, image in zip(axes.flat, moved.values.reshape(-1, *moved.shape[2:]), strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()

# %%
# Score it
# --------
#
# With a recording of the same images, ``neuroalign train beta_vae my-cells`` puts the weights where
# ``neuroalign score beta_vae my-cells`` finds them. Without neurons, ``neuroalign units`` describes the
# units.
#
# Train several seeds and several values of β, because networks of one recipe differ: ``--set beta=1,4 --seeds
# 3``. :doc:`/training` has all settings, and :doc:`/selection` the choice among trained networks by the
# agreement of their units (UDR).
