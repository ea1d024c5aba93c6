"""Axis index κ on simulated neurons over photographs: ``python docs/photograph_calibration.py DATASET``.

DATASET is a stand-in by ``neuroalign data simulate-faces``. Each model is scored by alignment on each population:
neurons that follow single measured factors, neurons with random directions in the space of shape and appearance, and
neurons that follow mixtures of the factors. Axes are special in the first population only. ``--models`` names models or
families; by default all families, the networks of the stand-in
``AM-faces-sim``, and the measured factors themselves. Rows are added to
``docs/photograph_calibration.csv`` in place of earlier rows of the same models, and the tables for docs/calibration.md
are written into ``docs/photograph_calibration.md``.
"""

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread: the numbers do not depend on it, and other work goes on beside it.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pandas as pd  # noqa: E402

import neuroalign as na  # noqa: E402
from neuroalign.datasets.selection import select_part  # noqa: E402
from neuroalign.errors import NeuroalignWarning  # noqa: E402
from neuroalign.models.latents_cache import compute_latents  # noqa: E402
from neuroalign.models.model import ModelFamily  # noqa: E402
from neuroalign.names.syntax import parse_spec  # noqa: E402

FOLDER = Path(__file__).parent
TABLE, PAGE = FOLDER / "photograph_calibration.csv", FOLDER / "photograph_calibration.md"
POPULATIONS = ("single", "appearance", "mixed")
NETWORKS = ("beta_vae", "vae", "autoencoder", "classifier")
FITTED = tuple(f"{family}[n={n}]" for family in ("pca", "aam") for n in (10, 30, 50))
MODELS = (
    "factors", *NETWORKS, *(f"{family}[trained_on=stand-in]" for family in NETWORKS), *FITTED,
    *(f"ica[n={n},seed=0]" for n in (10, 30, 50)),
)  # fmt: skip
#: Names in the tables, in their order.
FAMILIES = {
    "factors": "measured factors",
    "beta_vae": "β-VAE",
    "vae": "VAE",
    "autoencoder": "autoencoder",
    "classifier": "classifier",
    "pca": "PCA",
    "ica": "ICA",
    "aam": "AAM",
}


def instances(name: str, dataset: na.Dataset) -> list[na.Model]:
    """Return the instances of a model or family on a stand-in; "factors" are the factors that its neurons follow."""
    if name == "factors":
        assert dataset.truth is not None
        name = f"factors[columns=[{','.join(dataset.truth.columns)}]]"
    model = na.load_model(name, dataset=dataset)
    return model.instances(dataset) if isinstance(model, ModelFamily) else [model]


def measure(model: na.Model, dataset: na.Dataset) -> Iterator[dict[str, Any]]:
    """Yield κ, C, variance explained and their companions for each population."""
    for population in POPULATIONS:
        part = select_part(dataset, {"population": population})
        score = na.score(model, part, "alignment")
        beside = score.beside
        yield {
            "model": model.identifier,
            "family": parse_spec(model.identifier).name,
            "trained_on": getattr(model, "trained_on", None) or "–",
            "population": population,
            "informative": int(compute_latents(model, part.stimuli)["informative"].sum()),
            "variance_explained": beside["variance_explained"],
            "explained_share": beside["explained_share"],
            "C": score.value,
            "turned": beside["turned"],
            "kappa": beside["axis_index"],
            "error": beside["axis_index_error"],
            "p": beside["axis_index_p"],
            # κ is undefined where fewer than three neurons are tuned.
            "special": int(beside["axis_index_special"] == 1),
        }


def write(rows: pd.DataFrame, table: Path = TABLE) -> pd.DataFrame:
    """Add rows to the table, in place of earlier rows of the same models, and return the whole table."""
    if table.exists():
        old = pd.read_csv(table)
        rows = pd.concat([old[~old["model"].isin(rows["model"])], rows])
    order = {family: number for number, family in enumerate(FAMILIES)}
    rows = rows.sort_values(
        "family", key=lambda family: family.map(lambda name: order.get(name, len(order))), kind="stable"
    )
    rows.round(4).to_csv(table, index=False, lineterminator="\n")
    return pd.read_csv(table)


def tables(rows: pd.DataFrame) -> str:
    """Return the tables in Markdown: a row for each family and training set, then a row for each instance."""
    families = [
        "| units | trained on | instances | population | variance explained | C | turned | κ ± SE | largest κ |"
        " special |"
    ]
    families += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (family, trained_on), chosen in rows.groupby(["family", "trained_on"], sort=False):
        for population in POPULATIONS:
            part = chosen[chosen["population"] == population]
            mean = part.mean(numeric_only=True)
            families.append(
                f"| {FAMILIES.get(str(family), str(family))} | {trained_on} | {len(part)} | {population} | "
                f"{mean['variance_explained']:.3f} | {mean['C']:.3f} | {mean['turned']:.3f} | "
                f"{_signed(mean['kappa'])} ± {mean['error']:.3f} | {_signed(part['kappa'].max())} | "
                f"{int(part['special'].sum())} of {len(part)} |"
            )
    single_models = [
        "| model | informative | single: κ ± SE | p | appearance: κ ± SE | p | mixed: κ ± SE | p |"
    ]
    single_models += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for model, chosen in rows.groupby("model", sort=False):
        cells = []
        for population in POPULATIONS:
            [row] = chosen[chosen["population"] == population].itertuples()
            value = f"**{_signed(row.kappa)}**" if row.special else _signed(row.kappa)
            cells += [f"{value} ± {row.error:.3f}", f"{row.p:.3f}"]
        shown = "`factors` that the neurons follow" if str(model).startswith("factors") else f"`{model}`"
        single_models.append(f"| {shown} | {chosen['informative'].iloc[0]} | {' | '.join(cells)} |")
    return "\n".join([*families, "", "Bold: the axes are special.", "", *single_models, ""])


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--tables", action="store_true", help="write the tables from the stored rows only")
    arguments = parser.parse_args()
    if not arguments.tables:
        dataset = na.load_dataset(arguments.dataset)
        for name in arguments.models:
            for model in instances(name, dataset):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NeuroalignWarning)
                    rows = pd.DataFrame(measure(model, dataset))
                write(rows)
                print(
                    rows[["model", "population", "variance_explained", "kappa", "p"]].to_string(header=False),
                    flush=True,
                )
    PAGE.write_text(tables(pd.read_csv(TABLE)), encoding="utf-8")
