"""Pictures of the documentation: ``python docs/pictures.py``; the scores behind them take many minutes."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import expm

import neuroalign as na
from neuroalign.metrics import completeness_at
from neuroalign.models.selection import add_udr
from neuroalign.models.traversals import latent_traversals
from neuroalign.reporting.figures import save, udr_against_alignment
from neuroalign.reporting.figures.gathering import gather_figures
from neuroalign.reporting.figures.unit_table import units_in_rows
from neuroalign.scoring.units import describe_units

FOLDER = Path(__file__).parent / "_static"
INK = "#1b3a57"
DATASETS = {
    "AM-faces-sim": {"label": "neurons follow single factors", "colour": INK, "marker": "o", "side": -1},
    "AM-faces-sim-mixed": {"label": "neurons follow mixtures", "colour": "#c8641e", "marker": "D", "side": 1},
}


def alignment_of_models() -> None:
    """Draw C at a common D and κ of every bundled instance, for both kinds of simulated neurons."""
    families = {
        "beta_vae": "β-VAE",
        "vae": "VAE",
        "autoencoder": "autoencoder",
        "classifier": "classifier",
        "ica": "ICA",
        "pca": "PCA",
        "aam": "AAM",
    }
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 4.6), sharey=True, layout="constrained")
    for name, style in DATASETS.items():
        dataset = na.load_dataset(name)
        for row, family in enumerate(families):
            scores = [
                na.score(model, dataset, "alignment") for model in na.load_model(family).instances(dataset)
            ]
            # Each instance has a height of its own within the row; the two kinds of neurons do not overlap.
            height = row + style["side"] * np.linspace(0.06, 0.38, len(scores) + 2)[1:-1]
            common = [completeness_at(score.value, int(score.beside["D"]), 50) for score in scores]
            stretch = [np.log(score.beside["D"]) / np.log(50) for score in scores]
            error = [score.error * factor for score, factor in zip(scores, stretch, strict=True)]
            index = [score.beside["axis_index"] for score in scores]
            index_error = [score.beside["axis_index_error"] for score in scores]
            label = f"{name}: {style['label']}" if row == 0 else None
            for panel, values, errors in ((panels[0], common, error), (panels[1], index, index_error)):
                panel.errorbar(
                    values, height, xerr=errors, fmt=style["marker"], color=style["colour"], ms=3.5, elinewidth=1,
                    mew=0, label=label,
                )  # fmt: skip
                label = None
    panels[0].set(xlim=(0, 1), xlabel="alignment C at D = 50", yticks=range(len(families)))
    panels[0].set_yticklabels(families.values())
    panels[1].set(xlim=(-0.1, 1), xlabel="axis index κ")
    panels[1].axvline(0.1, color=INK, lw=0.8, ls=":")
    panels[1].text(0.11, -0.52, "special: κ − 1.645 SE > .10", fontsize=7, color=INK, va="center")
    panels[1].axvline(0, color="0.6", lw=0.8)
    panels[0].set_ylim(len(families) - 0.5, -0.7)
    for panel in panels:
        panel.grid(axis="x", color="0.92")
        panel.set_axisbelow(True)
        for row in range(1, len(families)):
            panel.axhline(row - 0.5, color="0.9", lw=0.8)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(FOLDER / "alignment.png", dpi=150)


def faces(rows: int = 4, columns: int = 10) -> None:
    """Draw the first faces of the stand-in."""
    stimuli = na.load_dataset("AM-faces-sim").stimuli
    pixels = stimuli.select(stimuli.ids[: rows * columns]).pixels(120)
    sheet = pixels.reshape(rows, columns, 120, 120).swapaxes(1, 2).reshape(rows * 120, columns * 120)
    plt.imsave(FOLDER / "faces.png", sheet, cmap="gray", vmin=0, vmax=1)


def traversals(instance: str) -> None:
    """Draw the mean face with each unit of one bundled β-VAE moved over its range."""
    model = na.load_model(instance)
    dataset = na.load_dataset("AM-faces-sim")
    latents = model.latents(dataset.stimuli)
    images = latent_traversals(model, dataset.stimuli)
    images = images.sel(unit=[unit for unit in images["unit"].values if latents["kl"].sel(unit=unit) > 0.1])
    factors = dataset.factors
    n_units = images.sizes["unit"]
    figure, axes = plt.subplots(
        n_units, images.sizes["value"], figsize=(0.72 * images.sizes["value"] + 2.2, 0.72 * n_units)
    )
    for row, unit in enumerate(images["unit"].values):
        r = np.corrcoef(latents.sel(unit=unit), factors.to_numpy().T)[0, 1:]
        nearest = np.abs(r).argmax()
        for column, axis in enumerate(axes[row]):
            axis.imshow(images.sel(unit=unit)[column], cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
        label = f"{factors.columns[nearest].replace('_', ' ')}\n|r| = {abs(r[nearest]):.2f}"
        axes[row, -1].text(1.15, 0.5, label, transform=axes[row, -1].transAxes, va="center", fontsize=8)
    figure.subplots_adjust(left=0.01, right=0.78, top=0.99, bottom=0.01, wspace=0.03, hspace=0.03)
    figure.savefig(FOLDER / "traversals.png", dpi=130)


def reconstructions(instance: str, n: int = 10) -> None:
    """Draw held-out faces above their reconstructions by one bundled β-VAE."""
    model = na.load_model(instance)
    held_out = na.load_dataset("AM-faces-sim").stimuli.held_out()
    shown = held_out.select(held_out.ids[:n])
    pictures = [shown.pixels(64), model.decode(model.latents(shown))]
    figure, axes = plt.subplots(2, n, figsize=(0.8 * n, 1.65))
    for row, images in zip(axes, pictures, strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0, wspace=0.03, hspace=0.03)
    figure.savefig(FOLDER / "reconstructions.png", dpi=130)


def active_appearance(sizes: tuple[int, ...] = (10, 30, 50), n: int = 10) -> None:
    """Draw held-out faces, their reconstructions by `aam`, and the mean face with single units moved."""
    dataset = na.load_dataset("AM-faces-sim")
    shown = dataset.stimuli.held_out().ids[:n]
    rows = [dataset.stimuli.select(shown).pixels(64)]
    for size in sizes:
        model = na.load_model(f"aam[n={size}]", dataset=dataset)
        latents = model.latents(dataset.stimuli)
        rows.append(model.decode(latents.sel(stimulus=shown)))
    for unit in (0, 1, sizes[-1] // 2, sizes[-1] // 2 + 1):
        moved = np.zeros((n, sizes[-1]))
        moved[:, unit] = np.linspace(-2.5, 2.5, n) * float(latents[:, unit].std())
        rows.append(model.decode(xr.DataArray(moved, dims=("stimulus", "unit"))))
    labels = ["faces", *(f"{size} units" for size in sizes)]
    labels += ["shape 1", "shape 2", "appearance 1", "appearance 2"]
    figure, axes = plt.subplots(len(rows), n, figsize=(0.8 * n + 1.2, 0.8 * len(rows)))
    for row, images, label in zip(axes, rows, labels, strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
        row[-1].text(1.1, 0.5, label, transform=row[-1].transAxes, va="center", fontsize=8)
    figure.subplots_adjust(left=0, right=0.87, top=1, bottom=0, wspace=0.03, hspace=0.03)
    figure.savefig(FOLDER / "aam.png", dpi=100)


def figures() -> None:
    """Draw the output of ``neuroalign figures`` for bundled families; their scores take minutes."""
    dataset = na.load_dataset("AM-faces-sim")
    families = ["beta_vae", "vae", "ica", "pca"]
    for family in families:
        for benchmark in (
            "alignment",
            "variance_explained",
            "correlation_ratio",
            "decoding",
            "linear_recombination",
        ):
            na.score(family, dataset, benchmark)
    wanted = [
        "scores_alignment_axis_index",
        "scores_alignment",
        "scores_correlation_ratio",
        "native_and_recombined_linear_recombination",
        "neurons_alignment",
        "unit_proportion_correlation_ratio",
        "units_by_neurons_beta_vae",
        "decoded_faces",
        "traversals_beta_vae",
    ]
    for figure in gather_figures(dataset, models=families):
        if figure.name in wanted and figure.axes is not None:
            save(figure.axes, FOLDER / "figures" / f"{figure.name}.png")


def udr_of_turned_factors(seeds: int = 5) -> None:
    """Draw UDR against alignment for models with the true factors as units, turned by increasing amounts."""
    dataset = na.load_dataset("AM-faces-sim")
    factors = dataset.factors.to_numpy()
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    n = factors.shape[1]
    rows, latents, scores = [], {}, []
    for step, turn in enumerate((0.0, 0.04, 0.08, 0.12, 0.2)):
        for seed in range(seeds):
            rng = np.random.default_rng([step, seed])
            skew = rng.standard_normal((n, n))
            turned = factors @ expm(turn * (skew - skew.T)) + 0.3 * rng.standard_normal(factors.shape)
            array = xr.DataArray(
                turned,
                dims=("stimulus", "unit"),
                coords={"stimulus": dataset.stimuli.ids, "kl": ("unit", np.ones(n))},
            )
            model = na.as_model(array, identifier=f"turned[turn={turn:g},seed={seed}]")
            rows.append({"instance": model.identifier, "family": f"turned by {turn:g}", "turn": turn})
            latents[model.identifier] = model.latents(dataset.stimuli)
            scores.append(na.score(model, dataset, "alignment", use_cache=False))
    axes = udr_against_alignment(add_udr(pd.DataFrame(rows), latents), scores, by="turn")
    save(axes, FOLDER / "figures" / "udr_of_turned_factors.png")


def units_of_pca() -> None:
    """Draw a row for each principal component, on the simulated stand-in."""
    described = describe_units(na.load_model("pca[n=10]"), na.load_dataset("AM-faces-sim"))
    save(units_in_rows(described), FOLDER / "figures" / "units_in_rows.png")


if __name__ == "__main__":
    faces()
    alignment_of_models()
    traversals("beta_vae[beta=6,seed=0]")
    reconstructions("beta_vae[beta=6,seed=0]")
    active_appearance()
    figures()
    udr_of_turned_factors()
    units_of_pca()
