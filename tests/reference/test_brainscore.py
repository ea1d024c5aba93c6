"""Predictivity by the protocol of Brain-Score, against the values of its own code on majajhong25.

The protocol: ten random splits of the images, 80 % for training, and the mean over splits of the median r over sites.
"""

import numpy as np
import pytest
import xarray as xr
from sklearn.model_selection import ShuffleSplit

from neuroalign.metrics import pls_predictivity, reliability, ridge_predictivity


@pytest.fixture(scope="module")
def trials(recordings):
    """Trials of V4 (128 sites) and IT (168 sites), shape (25 images, 28 trials in recorded order, sites)."""
    path = recordings / "majajhong25" / "assy_majajhong25_legacy.nc"
    if not path.exists():
        pytest.skip(f"no recording {path}")
    with xr.open_dataset(path) as stored:
        flat = stored["dicarlo.Majaj2015"].squeeze("time_bin").transpose("presentation", "neuroid").load()
    order = np.argsort(flat["image_id"].values, kind="stable")
    values = flat.values[order].astype(np.float64).reshape(25, 28, -1)
    return {region: values[:, :, flat["region"].values == region] for region in ("V4", "IT")}


def brain_score(predict, units, neurons):
    scores = []
    for train, test in ShuffleSplit(n_splits=10, train_size=0.8, random_state=1).split(units):
        folds = np.ones(len(units), dtype=int)
        folds[test] = 0
        predicted = predict(units, neurons, folds=folds).predicted[test]
        r = [np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, neurons[test].T, strict=True)]
        scores.append(np.median(r))
        assert train.size == 20
    return np.mean(scores)


def ridge(units, neurons, folds):
    return ridge_predictivity(units, neurons, folds=folds, alphas=[1.0], standardise=False)


def pls(units, neurons, folds):
    return pls_predictivity(units, neurons, folds=folds, n_components=25, standardise=False)


@pytest.mark.parametrize(
    ("predict", "source", "target", "expected"),
    [(ridge, "V4", "IT", 0.2800), (ridge, "IT", "IT", 0.6961), (pls, "V4", "IT", 0.2697)],
    ids=["ridge V4 to IT", "ridge IT to IT", "PLS V4 to IT"],
)
def test_predictivity_is_that_of_brain_score(trials, predict, source, target, expected):
    value = brain_score(predict, trials[source].mean(axis=1), trials[target].mean(axis=1))
    assert value == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("region", "expected"), [("IT", 0.7527), ("V4", 0.6482)])
def test_ceilings_are_those_of_brain_score(trials, region, expected):
    medians = [np.median(reliability(trials[region], n_splits=1, seed=seed).per_neuron) for seed in range(10)]
    # Other halves of the trials: the mean of ten medians has a standard deviation of 0.007 over sets of halves.
    assert np.mean(medians) == pytest.approx(expected, abs=0.014)
