"""Table of the true factors of AM-faces-sim in models: ``python docs/disentanglement_table.py [MODEL]…``."""

import sys

import numpy as np
from tabulate import tabulate

import neuroalign as na
from neuroalign.metrics import completeness, correlations, disentanglement, lasso_cv
from neuroalign.models.model import ModelFamily

MODELS = (
    "beta_vae",
    "vae",
    "autoencoder",
    "classifier",
    *(f"{family}[n={n}]" for family in ("pca", "ica", "aam") for n in (10, 20, 30, 40, 50)),
)


def measure(model: na.Model, dataset: na.Dataset) -> dict[str, float]:
    """Fit each true factor from all units, and measure how units and factors share the weights."""
    latents = model.latents(dataset.stimuli)
    factors = dataset.factors.loc[latents["stimulus"].values].to_numpy()
    units = np.where(latents["informative"].values, latents.values, 0.0)
    fit = lasso_cv(units, factors)
    complete = completeness(fit.weights)
    return {
        "informative": int(latents["informative"].sum()),
        "disentanglement": disentanglement(fit.weights).score,
        "completeness": complete.score,
        "effective_units": float(np.nanmedian(complete.effective_units)),
        "best |r|": float(np.abs(correlations(units, factors)).max(axis=0).mean()),
        "R²": 1 - float(np.mean(np.min(fit.cv_mean, axis=1))),
    }


if __name__ == "__main__":
    dataset = na.load_dataset("AM-faces-sim")
    rows = []
    for name in sys.argv[1:] or MODELS:
        model = na.load_model(name, dataset=dataset)
        instances = model.instances(dataset) if isinstance(model, ModelFamily) else [model]
        for instance in instances:
            rows.append({"model": instance.identifier, **measure(instance, dataset)})
            print(instance.identifier, file=sys.stderr)
    print(tabulate(rows, headers="keys", tablefmt="github", floatfmt=".2f"))
