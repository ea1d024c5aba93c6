"""Picture of the landing page: the same images for a unit and for a neuron, and the comparison of their responses.

Run ``python docs/landing_picture.py`` to draw ``docs/_static/unit_and_neuron.png`` from the bundled stand-in.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import neuroalign as na

BLUE, ORANGE, GREY = "#24527a", "#c8641e", "#8a8f98"


def draw(path: Path) -> None:
    """Draw faces, a network with one marked unit, a neuron, and their responses to the same faces."""
    mpl.use("agg")
    dataset = na.load_dataset("AM-faces-sim")
    model = na.load_model("beta_vae[beta=6,seed=0]")
    latents = model.latents(dataset.stimuli)
    responses = dataset.responses
    ids = responses["stimulus"].values
    units = latents.sel(stimulus=ids)
    # The neuron with the strongest correlation with one unit.
    r = np.corrcoef(units.values.T, responses.values.T)[: units.sizes["unit"], units.sizes["unit"] :]
    r = np.nan_to_num(r)
    unit, neuron = np.unravel_index(np.abs(r).argmax(), r.shape)
    sign = np.sign(r[unit, neuron])
    x, y = sign * units.values[:, unit], responses.values[:, neuron]
    order = np.argsort(x)
    shown = order[np.linspace(0, len(order) - 1, 6).round().astype(int)]
    pictures = dataset.stimuli.select(ids[shown])
    faces = dict(zip(pictures.ids, pictures.pixels(96), strict=True))

    figure = plt.figure(figsize=(9.6, 3.3), dpi=160)
    for place, stimulus in enumerate(ids[shown]):
        ax = figure.add_axes((0.01 + 0.058 * (place % 3), 0.52 - 0.25 * (place // 3), 0.055, 0.23))
        ax.imshow(faces[stimulus], cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    figure.text(0.095, 0.82, "the same images", ha="center", fontsize=11)

    ax = figure.add_axes((0.2, 0.0, 0.42, 1.0), xlim=(0, 42), ylim=(0, 33))
    ax.set_axis_off()
    arrow = {"arrowstyle": "->", "color": GREY, "lw": 1.4}
    for height in (25, 8):
        ax.annotate("", (7, height), (0.5, 16.5), arrowprops=arrow)
    for layer, n_units in enumerate((6, 5, 4)):
        for number in range(n_units):
            is_marked = layer == 2 and number == 1
            height = 25 + 2.1 * (number - (n_units - 1) / 2)
            ax.plot(
                9 + 5 * layer,
                height,
                "o",
                ms=8,
                mew=1,
                color=BLUE if is_marked else "white",
                mec=BLUE if is_marked else GREY,
            )
    ax.text(14, 32, "a network: one unit", ha="center", va="center", color=BLUE, fontsize=11)
    spikes = np.random.default_rng(3)
    for trial in range(5):
        times = spikes.uniform(0, 14, 5 + 2 * trial)
        ax.vlines(7.5 + times, 4 + 1.8 * trial, 5.3 + 1.8 * trial, color=ORANGE, lw=1.2)
    ax.text(14, 15, "a recording: one neuron", ha="center", va="center", color=ORANGE, fontsize=11)
    for height in (25, 8):
        ax.annotate("", (30, 16.5), (23, height), arrowprops=arrow)
    ax.text(35.5, 16.5, "is it\nthe same\nnumber?", ha="center", va="center", fontsize=12, fontweight="bold")

    ax = figure.add_axes((0.67, 0.19, 0.31, 0.64))
    ax.plot(x, y, ".", ms=2.5, alpha=0.35, color=GREY)
    ax.plot(x[shown], y[shown], "o", ms=6, color=BLUE)
    ax.set_xlabel("value of the unit", color=BLUE)
    ax.set_ylabel("spikes of the neuron", color=ORANGE)
    ax.set_title(f"r = {abs(r[unit, neuron]):.2f} over {len(x):,} images (simulated neuron)", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    draw(Path(__file__).parent / "_static" / "unit_and_neuron.png")
