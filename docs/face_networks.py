"""Units of networks of photographs: ``python docs/face_networks.py FACES [--networks FOLDER] [--output FOLDER]``.

FACES is a face set with measured factors. The networks are all instances in the subfolders of ``--networks``, such as
``FOLDER/beta_vae/beta-4_seed-0.safetensors``, or else the instances of each family for FACES; principal and independent
components and active appearance models of the photographs are added. The script writes, for docs/face_networks.md:

- ``units.md``: DCI, MIG and the best single correlations of the units with the factors, with shuffled stimuli and the
  error over seeds, and ``factors.md``: the correlation of each factor with the best unit of the best instances;
- ``training.md``: UDR, the objective on training and held-out images, and the reconstruction error of held-out faces
  next to the error of as many principal components; ``curves.png``: the course of the training;
- ``traversals_FAMILY.png`` in ``pictures.md``: images that the best instance of each family decodes while one unit
  moves;
- ``numbers.csv``: all numbers of each instance.

With ``--add`` the tables keep the rows of all other instances, so that networks can be added one by one; curves and
pictures stay as they are. All pictures are decoded by models; none is a photograph.
"""

import argparse
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

# One thread: the numbers do not depend on it, and other work goes on beside it.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import xarray as xr  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import neuroalign as na  # noqa: E402
from neuroalign.datasets.landmarks.measured import FACTORS  # noqa: E402
from neuroalign.errors import NeuroalignError, NeuroalignWarning  # noqa: E402
from neuroalign.metrics import (  # noqa: E402
    correlations,
    factor_concentrations,
    factor_dci,
    factor_information,
    fold_labels,
)
from neuroalign.models.latents_cache import compute_latents  # noqa: E402
from neuroalign.models.model import ModelFamily  # noqa: E402
from neuroalign.models.selection import add_udr  # noqa: E402
from neuroalign.models.traversals import latent_traversals  # noqa: E402
from neuroalign.names.syntax import parse_spec  # noqa: E402

FloatArray = NDArray[np.float64]

#: Families in the order of the tables.
FAMILIES = {
    "beta_vae": "β-VAE",
    "vae": "VAE",
    "autoencoder": "autoencoder",
    "classifier": "classifier",
    "pca": "PCA",
    "ica": "ICA",
    "aam": "AAM",
}
NETWORKS = ("beta_vae", "vae", "autoencoder", "classifier")
#: Models that are fitted to the photographs.
FITTED = (
    *(f"pca[n={n}]" for n in (10, 20, 50)),
    *(f"ica[n={n},seed={seed}]" for n in (10, 20, 50) for seed in (0, 1, 2)),
    *(f"aam[n={n}]" for n in (10, 20, 50)),
)
N_SHUFFLES, N_FOLDS, BINS = 20, 10, 20
#: Rows of a picture of traversals.
MOST_UNITS = 12
#: Metrics of units against factors, with the headings of their columns.
METRICS = {
    "disentanglement": "disentanglement",
    "completeness": "completeness",
    "informativeness": "R²",
    "mig": "MIG",
    "best_r": "best \\|r\\|",
}


@dataclass(frozen=True, eq=False)
class Instance:
    """A model with its numbers.

    Parameters
    ----------
    model : Model
    faces : Dataset
        Face set that it describes.
    """

    model: na.Model
    faces: na.Dataset
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """Name of the family."""
        return parse_spec(self.model.identifier).name

    @property
    def record(self) -> Mapping[str, Any]:
        """Record of the training; empty for models that are fitted."""
        return getattr(self.model, "record", {})

    @property
    def group(self) -> str:
        """Label of the instances that differ in their seeds only."""
        options = {**parse_spec(self.model.identifier).options, **self.record.get("recipe", {})}
        size = options.get("n_latents", options.get("n"))
        chosen = f"β = {options['beta']:g}" if "beta" in options else f"{size} units"
        return f"{FAMILIES.get(self.family, self.family)}, {chosen}"

    @cached_property
    def latents(self) -> xr.DataArray:
        """Latents of all faces."""
        return compute_latents(self.model, self.faces.stimuli)

    @property
    def informative(self) -> list[str]:
        """Names of the informative units."""
        return [str(unit) for unit in self.latents["unit"].values[self.latents["informative"].values]]

    @property
    def is_trained_on_faces(self) -> bool:
        """Whether the model was trained on, or fitted to, the training images of the faces."""
        own = self.record.get("stimulus_set", {}).get("content_hash")
        return own is None or own == self.faces.stimuli.training().content_hash


def load(faces: na.Dataset, networks: Path | None, fitted: Sequence[str] = FITTED) -> list[Instance]:
    """Load all networks, and the models that are fitted to the photographs."""
    models: list[na.Model] = []
    for name in NETWORKS:
        family = na.load_model(name, dataset=faces)
        assert isinstance(family, ModelFamily)
        models += family.instances(faces) if networks is None else _trained(family, networks / name)
    models += [na.load_model(name, dataset=faces) for name in fitted]
    return [Instance(model, faces) for model in models]


def _trained(family: Any, folder: Path) -> Iterator[na.Model]:
    """Yield the instances in a folder and its subfolders."""
    records = sorted(path for path in folder.rglob("*.json") if path.parent.name != "logs")
    if not records:
        print(f"no {family.identifier} in {folder}")
    for path in records:
        yield family.model(path)


def factor_table(stimuli: na.StimulusSet) -> pd.DataFrame:
    """Return the measured factors, and age and gender as numbers, of the faces that have all of them."""
    table = stimuli.table
    missing = [name for name in FACTORS if name not in table]
    if missing:
        raise NeuroalignError(f"the face set lacks {missing[0]}; run: neuroalign data measure-faces FACES")
    factors = table[list(FACTORS)].copy()
    if "age" in table:
        # The first year of an age group; "more than 70" begins at 70.
        factors["age"] = [float(re.findall(r"\d+", str(age))[0]) for age in table["age"]]
    if "gender" in table:
        factors["gender"] = (table["gender"] == sorted(table["gender"].dropna().unique())[0]).astype(float)
    return factors.dropna()


def measure_units(
    units: FloatArray, factors: FloatArray, *, seed: int = 0, n_shuffles: int = N_SHUFFLES
) -> dict[str, Any]:
    """Compare units with factors.

    Parameters
    ----------
    units : array of float64, shape (n_faces, n_units)
        Informative units, two at least.
    factors : array of float64, shape (n_faces, n_factors)
    seed : int
        Seed of folds and shuffles.
    n_shuffles : int

    Returns
    -------
    dict
        Each number of :data:`METRICS`, and its mean over shuffled faces as ``NAME_chance``; informativeness is held
        out, so its chance is 0 or below and is left out. ``r`` has the correlations, (n_units, n_factors).
    """
    folds = fold_labels(len(units), N_FOLDS, seed=seed)
    dci = factor_dci(units, factors, folds=folds)
    r = correlations(units, factors)
    numbers: dict[str, Any] = {
        "disentanglement": dci.disentanglement,
        "completeness": dci.completeness,
        "informativeness": dci.informativeness,
        "mig": factor_information(units, factors, bins=BINS).mig,
        "best_r": float(np.abs(r).max(axis=0).mean()),
        "r": r,
    }
    rng = np.random.default_rng(seed)
    shuffled = []
    for _ in range(n_shuffles):
        mixed = units[rng.permutation(len(units))]
        disentangled, complete = factor_concentrations(mixed, factors, folds=folds)
        shuffled.append(
            {
                "disentanglement": disentangled,
                "completeness": complete,
                "mig": factor_information(mixed, factors, bins=BINS).mig,
                "best_r": float(np.abs(correlations(mixed, factors)).max(axis=0).mean()),
            }
        )
    return numbers | {f"{name}_chance": value for name, value in pd.DataFrame(shuffled).mean().items()}


def reconstruction_errors(instance: Instance) -> dict[str, float]:
    """Return the share of the variance of held-out pixels that a model does not reconstruct, beside PCA's.

    The principal components are as many as the model has informative units, and fitted to the training images.
    """
    faces = instance.faces
    held_out = faces.stimuli.held_out()
    # An active appearance model decodes upright faces at the mean place, which do not lie on the pixels of the image.
    if held_out is None or not hasattr(instance.model, "decode") or instance.family == "aam":
        return {}
    n = len(instance.informative)
    errors = {"unexplained": unexplained_pixels(instance.model, instance.latents, faces)}
    if n:
        components = na.load_model(f"pca[n={n}]", dataset=faces)
        errors["unexplained_pca"] = unexplained_pixels(
            components, compute_latents(components, faces.stimuli), faces
        )
    return errors


def unexplained_pixels(model: Any, latents: xr.DataArray, faces: na.Dataset) -> float:
    """Return Σ(x − x̂)² / Σ(x − x̄)² over the pixels of the held-out faces, with x̄ the mean training image."""
    held_out = faces.stimuli.held_out()
    assert held_out is not None
    decoded = model.decode(latents.sel(stimulus=held_out.ids)).astype(np.float64)
    pixels = held_out.pixels(decoded.shape[1])
    mean = mean_training_image(faces, decoded.shape[1])
    return float(((pixels - decoded) ** 2).sum() / ((pixels - mean) ** 2).sum())


_means: dict[tuple[str, int], FloatArray] = {}


def mean_training_image(faces: na.Dataset, size: int) -> FloatArray:
    """Return the mean of the training images, shape (size, size)."""
    key = (faces.identifier, size)
    if key not in _means:
        _means[key] = faces.stimuli.training().pixels(size).mean(axis=0, dtype=np.float64)
    return _means[key]


def describe(instances: Sequence[Instance], faces: na.Dataset, *, n_shuffles: int) -> pd.DataFrame:
    """Measure all instances, and return a row for each."""
    factors = factor_table(faces.stimuli)
    for instance in instances:
        informative = instance.informative
        numbers: dict[str, Any] = {"n_informative": len(informative)}
        if len(informative) > 1:
            units = instance.latents.sel(stimulus=factors.index.to_numpy(), unit=informative)
            numbers |= measure_units(
                units.values.astype(np.float64), factors.to_numpy(), n_shuffles=n_shuffles
            )
        final, held_out = instance.record.get("final", {}), instance.record.get("held_out", {})
        for name in ("objective", "log_likelihood", "kl", "squared_error", "accuracy"):
            numbers |= {name: final[name]} if name in final else {}
            numbers |= {f"held_out_{name}": held_out[name]} if name in held_out else {}
        numbers |= {"steps": instance.record.get("steps", instance.record.get("recipe", {}).get("steps"))}
        numbers |= reconstruction_errors(instance)
        instance.numbers.update(numbers)
        print(instance.model.identifier, len(informative), flush=True)
    rows = [
        {
            "instance": instance.model.identifier,
            "family": instance.family,
            "group": instance.group,
            "n_units": instance.latents.sizes["unit"],
            "beta": instance.record.get("recipe", {}).get("beta"),
            **{name: value for name, value in instance.numbers.items() if name != "r"},
        }
        for instance in instances
    ]
    return _with_udr(pd.DataFrame(rows), instances)


def _with_udr(rows: pd.DataFrame, instances: Sequence[Instance]) -> pd.DataFrame:
    """Add the UDR among seeds; NaN without a second seed or without divergences from a prior."""
    latents = {
        instance.model.identifier: instance.latents
        for instance in instances
        if "kl" in instance.latents.coords
    }
    return add_udr(rows, latents)


def choose_best(rows: pd.DataFrame) -> dict[str, str]:
    """Return the best instance of each family.

    It has the highest UDR; without UDR the highest objective on held-out images, or accuracy; without training, the
    first number of components.
    """
    best = {}
    for family, chosen in rows.groupby("family", sort=False):
        for column in ("udr", "held_out_objective", "accuracy"):
            if column in chosen and chosen[column].notna().any():
                best[str(family)] = str(chosen.loc[chosen[column].idxmax(), "instance"])
                break
        else:
            best[str(family)] = str(chosen["instance"].iloc[0])
    return best


def units_table(rows: pd.DataFrame) -> str:
    """Return a row for each group of seeds: informative units and metrics, with chance in brackets, in Markdown."""
    lines = [f"| model | instances | informative | {' | '.join(METRICS.values())} |"]
    lines += ["| --- | --- | --- |" + " --- |" * len(METRICS)]
    for group, chosen in rows.groupby("group", sort=False):
        cells = [_mean(chosen[name], _chance(chosen, name)) if name in chosen else "–" for name in METRICS]
        lines.append(
            f"| {group} | {len(chosen)} | {_mean(chosen['n_informative'], digits=1)} | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, ""])


def factors_table(best: Mapping[str, str], instances: Sequence[Instance], factors: Sequence[str]) -> str:
    """Return the correlation of each factor with the best unit of the best instance of each family, in Markdown."""
    chosen = {
        family: instance
        for family, name in best.items()
        for instance in instances
        if instance.model.identifier == name and "r" in instance.numbers
    }
    lines = [
        f"| factor | {' | '.join(f'`{best[family]}`' for family in chosen)} |",
        "| --- |" + " --- |" * len(chosen),
    ]
    for number, factor in enumerate(factors):
        cells = []
        for instance in chosen.values():
            r = instance.numbers["r"][:, number]
            unit = int(np.abs(r).argmax())
            cells.append(f"{abs(r[unit]):.2f} (unit {instance.informative[unit]})")
        lines.append(f"| {factor} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def add_rows(earlier: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return earlier rows and new rows, which replace rows of the same instances, in the order of the families."""
    kept = earlier[~earlier["instance"].isin(rows["instance"])]
    together = pd.concat([kept, rows.reindex(columns=earlier.columns)], ignore_index=True)
    families = together["family"].map(list(FAMILIES).index)
    order = sorted(
        range(len(together)),
        key=lambda row: (families[row], str(together["beta"][row]), together["n_units"][row], row),
    )
    return together.iloc[order]


def add_columns(earlier: str, table: str, best: Mapping[str, str]) -> str:
    """Return an earlier table of factors with the columns of the best instances that a new table has."""

    def columns(text: str) -> dict[str, list[str]]:
        lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines()]
        return {cells[0].strip("`"): list(cells[1:]) for cells in zip(*lines, strict=True)}

    old, new = columns(earlier), columns(table)
    chosen = {"factor": old["factor"]} | {
        name: new.get(name, old.get(name, [])) for name in best.values() if name in new or name in old
    }
    lines = [[name if name == "factor" else f"`{name}`", *cells] for name, cells in chosen.items()]
    return "\n".join([f"| {' | '.join(cells)} |" for cells in zip(*lines, strict=True)] + [""])


def training_table(rows: pd.DataFrame) -> str:
    """Return UDR, objectives and reconstruction errors of each group of seeds, in Markdown."""
    columns = {
        "udr": "UDR",
        "steps": "steps",
        "objective": "objective",
        "held_out_objective": "held out",
        "kl": "KL",
        "accuracy": "accuracy",
        "unexplained": "not reconstructed",
        "unexplained_pca": "PCA, as many units",
    }
    columns = {name: title for name, title in columns.items() if name in rows}
    lines = [f"| model | instances | informative | {' | '.join(columns.values())} |"]
    lines += ["| --- | --- | --- |" + " --- |" * len(columns)]
    for group, chosen in rows.groupby("group", sort=False):
        digits = {"steps": 0, "objective": 1, "held_out_objective": 1, "kl": 1}
        cells = [_mean(chosen[name], digits=digits.get(name, 3)) for name in columns]
        lines.append(
            f"| {group} | {len(chosen)} | {_mean(chosen['n_informative'], digits=1)} | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, ""])


def _chance(rows: pd.DataFrame, name: str) -> float:
    column = f"{name}_chance"
    return float(rows[column].mean()) if column in rows else float("nan")


def _mean(values: Any, chance: float = float("nan"), *, digits: int = 2) -> str:
    """Write a mean with its standard error over seeds, and chance in brackets; a dash without values."""
    finite = pd.to_numeric(pd.Series(values)).dropna()
    if finite.empty:
        return "–"
    text = f"{finite.mean():,.{digits}f}".replace("-", "−")
    if len(finite) > 1:
        error = finite.std(ddof=1) / len(finite) ** 0.5
        text += f" ± {error:.{digits}f}" if error else ""
    return text if np.isnan(chance) else f"{text} ({chance:.{digits}f})"


def draw_traversals(instance: Instance, factors: pd.DataFrame, path: Path) -> None:
    """Draw images that a model decodes while each informative unit moves, with the factor that it follows most."""
    import matplotlib.pyplot as plt

    in_deviations = "kl" not in instance.latents.coords
    images = latent_traversals(
        instance.model, instance.faces.stimuli, units=instance.informative, in_deviations=in_deviations
    )
    # The units that change the images most come first.
    change = np.abs(images.values[:, -1] - images.values[:, 0]).mean(axis=(1, 2))
    images = images[np.argsort(-change, kind="stable")[:MOST_UNITS]]
    n_units, n_values = images.sizes["unit"], images.sizes["value"]
    figure, axes = plt.subplots(
        n_units, n_values, figsize=(0.72 * n_values + 2.2, 0.72 * n_units), squeeze=False
    )
    for row, unit in enumerate(images["unit"].values):
        for column, axis in enumerate(axes[row]):
            axis.imshow(images.values[row, column], cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
        label = f"unit {unit}"
        if "r" in instance.numbers:
            r = np.abs(instance.numbers["r"][instance.informative.index(str(unit))])
            label += f"\n{str(factors.columns[r.argmax()]).replace('_', ' ')}\n|r| = {r.max():.2f}"
        axes[row, -1].text(1.15, 0.5, label, transform=axes[row, -1].transAxes, va="center", fontsize=7)
    figure.subplots_adjust(left=0.01, right=0.78, top=0.99, bottom=0.01, wspace=0.03, hspace=0.03)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_curves(instances: Sequence[Instance], path: Path) -> bool:
    """Draw the objective on training images and on held-out images by step; return whether any training is logged."""
    import matplotlib.pyplot as plt

    logs = {}
    for instance in instances:
        weights = getattr(getattr(instance.model, "_trained", None), "path", None)
        file = (
            None
            if weights is None
            else weights.parent / "logs" / f"{weights.name.removesuffix('.safetensors')}.json"
        )
        if file is not None and file.is_file():
            logs[instance] = json.loads(file.read_text(encoding="utf-8"))
    families = list(dict.fromkeys(instance.family for instance in logs))
    if not families:
        return False
    figure, axes = plt.subplots(
        1, len(families), figsize=(3.2 * len(families), 2.8), layout="constrained", squeeze=False
    )
    for axis, family in zip(axes[0], families, strict=True):
        chosen = {instance: log for instance, log in logs.items() if instance.family == family}
        groups = list(dict.fromkeys(instance.group for instance in chosen))
        for instance, log in chosen.items():
            entries = pd.DataFrame(log["entries"])
            colour = f"C{groups.index(instance.group) % 10}"
            # The first entries would set the scale.
            late = entries[entries["step"] > 0.05 * entries["step"].max()]
            if "objective" in late:
                axis.plot(late["step"], late["objective"], color=colour, lw=0.5, alpha=0.5)
            if "held_out_objective" in late:
                held_out = late.dropna(subset="held_out_objective")
                axis.plot(held_out["step"], held_out["held_out_objective"], color=colour, lw=1.4)
        for number, group in enumerate(groups):
            axis.plot([], [], color=f"C{number % 10}", label=group.split(", ")[-1])
        axis.set(title=FAMILIES.get(family, family), xlabel="step", ylabel="objective (thick: held out)")
        axis.legend(fontsize=6, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return True


def draw_pictures(
    instances: Sequence[Instance], factors: pd.DataFrame, best: Mapping[str, str], output: Path
) -> None:
    """Draw the traversals of the best instances, and the curves, and write the pages that show them."""
    pictures = []
    for instance in instances:
        if instance.model.identifier in best.values() and hasattr(instance.model, "decode"):
            path = output / f"traversals_{instance.family}.png"
            draw_traversals(instance, factors, path)
            title = f"`{instance.model.identifier}`"
            pictures.append(f"{title}\n\n![Images decoded while one unit moves]({output.name}/{path.name})\n")
    (output / "pictures.md").write_text("\n".join(pictures), encoding="utf-8")
    curves = ""
    if draw_curves(instances, output / "curves.png"):
        curves = f"![Objective on training and held-out images by step]({output.name}/curves.png)\n"
    (output / "curves.md").write_text(curves, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", metavar="FACES")
    parser.add_argument(
        "--networks", type=Path, metavar="FOLDER", help="folder with a subfolder for each family"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "face_networks", metavar="FOLDER"
    )
    parser.add_argument(
        "--fitted", nargs="*", default=FITTED, metavar="MODEL", help="models that are fitted to FACES"
    )
    parser.add_argument("--shuffles", type=int, default=N_SHUFFLES)
    parser.add_argument(
        "--add", action="store_true", help="keep the rows of all other instances in the tables"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NeuroalignWarning)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    faces = na.load_dataset(arguments.faces)
    instances = load(faces, arguments.networks, arguments.fitted)
    rows = describe(instances, faces, n_shuffles=arguments.shuffles).round(4)
    if arguments.add:
        rows = add_rows(pd.read_csv(output / "numbers.csv"), rows)
    rows.to_csv(output / "numbers.csv", index=False, lineterminator="\n")
    factors, best = factor_table(faces.stimuli), choose_best(rows)
    (output / "units.md").write_text(units_table(rows), encoding="utf-8")
    (output / "training.md").write_text(training_table(rows), encoding="utf-8")
    correlations_table = factors_table(best, instances, list(factors.columns))
    if arguments.add:
        earlier = (output / "factors.md").read_text(encoding="utf-8")
        correlations_table = add_columns(earlier, correlations_table, best)
    (output / "factors.md").write_text(correlations_table, encoding="utf-8")
    if not arguments.add:
        draw_pictures(instances, factors, best, output)
