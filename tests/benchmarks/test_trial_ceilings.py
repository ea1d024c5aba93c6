"""Ceilings from single trials."""

import numpy as np
import pytest

from neuroalign.benchmarks.trial_ceilings import TrialCeilings, size_of, trial_ceilings
from neuroalign.testing import make_dataset


def test_ceilings_are_the_reliability_and_its_root():
    ceilings = TrialCeilings(np.array([0.64, -0.2, np.nan, 0.05]), are_known=True)
    np.testing.assert_allclose(ceilings.r, [0.8, 0.0, np.nan, np.sqrt(0.05)])
    assert ceilings.mean_r == pytest.approx((0.8 + np.sqrt(0.05)) / 3)
    assert ceilings.mean_r2 == pytest.approx(0.49 / 3)
    # Scores over ceiling are not clipped, and NaN for unreliable neurons.
    np.testing.assert_allclose(
        ceilings.relative_r(np.array([1.2, 0.5, 0.5, 0.5])), [1.5, np.nan, np.nan, np.nan]
    )
    np.testing.assert_allclose(
        ceilings.relative_r2(np.array([0.32, 0.5, 0.5, 0.5])), [0.5, np.nan, np.nan, np.nan]
    )
    assert ceilings.notes[0].startswith("3 of 4 neurons")


def test_reliability_of_the_scored_stimuli_agrees_with_the_simulation():
    dataset = make_dataset(n_stimuli=2000, reliability=0.6, n_repetitions=4)
    ceilings = trial_ceilings(dataset, dataset.responses)
    assert ceilings.mean_r2 == pytest.approx(0.6, abs=0.02)
    part = trial_ceilings(dataset, dataset.responses[:100])
    assert not np.allclose(part.reliability, ceilings.reliability)


def test_averages_have_no_ceiling():
    dataset = make_dataset(n_repetitions=1)
    ceilings = trial_ceilings(dataset, dataset.responses)
    assert np.isnan(ceilings.mean_r)
    assert ceilings.notes == ["only averages over trials are known, so the ceiling is missing"]


def test_size_counts_stimuli_and_neurons():
    dataset = make_dataset(n_stimuli=20, n_neurons=3)
    originals = dataset.stimuli.originals(dataset.responses["stimulus"].values)
    assert size_of(dataset.responses, originals) == {"n_stimuli": 20, "n_neurons": 3}
