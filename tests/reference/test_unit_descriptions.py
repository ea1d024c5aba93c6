"""Sparseness, dimensionality and noise ceilings of 50 recorded neurons against numbers of other programs."""

import json

import numpy as np
import pytest

from neuroalign.metrics import noise_ceiling, participation_ratio, sparseness


@pytest.fixture(scope="module")
def trials(recordings):
    path = recordings / "cowley2023" / "responses_trials_210325.npy"
    if not path.is_file():
        pytest.skip(f"no recording in {path}")
    # Neurons × images × repetitions.
    return np.moveaxis(np.load(path), 0, 2)


@pytest.fixture(scope="module")
def expected(recordings):
    path = recordings.parent / "oracles" / "metrics" / "cowley.json"
    if not path.is_file():
        pytest.skip(f"no reference values in {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_sparseness(trials, expected):
    result = sparseness(np.nanmean(trials, axis=1))
    assert np.median(result.treves_rolls) == pytest.approx(expected["treves_rolls_a_median"], rel=1e-12)
    assert np.median(result.vinje_gallant) == pytest.approx(expected["vinje_gallant_S_median"], rel=1e-12)
    assert np.median(result.kurtosis) == pytest.approx(expected["excess_kurtosis_median"], rel=1e-11)


def test_participation_ratio(trials, expected):
    assert participation_ratio(np.nanmean(trials, axis=1)) == pytest.approx(
        expected["participation_ratio"], rel=1e-12
    )


def test_noise_ceilings(trials, expected):
    result = noise_ceiling(trials)
    assert np.median(result.snr) == pytest.approx(expected["ncsnr_median"], rel=1e-12)
    assert np.median(result.percent) == pytest.approx(expected["NC_percent_of_mean_median"], rel=1e-12)
    assert np.median(result.explainable) == pytest.approx(expected["explainable_var_median"], rel=1e-12)
    assert np.median(result.oracle) == pytest.approx(expected["oracle_loo_median"], rel=1e-12)
