"""Standard errors and numbers of trials of averages: import, reliability, ceilings and noise corrections."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import neuroalign as na
from neuroalign.cli import cli
from neuroalign.datasets.importing.averages import NoiseOfAverages
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.errors import DatasetError, UnknownNameError, UsageError
from neuroalign.metrics import noise_ceiling, reliability, reliability_of_means


@pytest.fixture
def trials():
    """Trials of 8 neurons, (stimuli, repetitions, neurons), with a reliability of the means near .8."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((300, 1, 8))
    return 5 + signal + rng.standard_normal((300, 4, 8))


@pytest.fixture
def averages(trials):
    return trials.mean(axis=1), trials.std(axis=1, ddof=1) / 2


def test_the_standard_errors_give_the_reliability_of_the_trials(trials, averages):
    means, errors = averages
    dataset = na.import_dataset("cells", responses=means, axes="stimulus,neuroid", sem=errors)
    expected = 1 - (errors**2).mean(axis=0) / means.var(axis=0, ddof=1)
    np.testing.assert_allclose(neuron_reliability(dataset), expected, rtol=1e-12)
    # The noise ceiling of the trials is the same number; split halves agree within their error.
    np.testing.assert_allclose(noise_ceiling(trials).percent / 100, expected, rtol=1e-12)
    np.testing.assert_allclose(reliability(trials).per_neuron, expected, atol=0.02)


def test_some_stimuli_count(averages):
    means, errors = averages
    dataset = na.import_dataset("cells", responses=means, axes="stimulus,neuroid", sem=errors)
    chosen = ["003", "001", "100", "299"]
    rows = [3, 1, 100, 299]
    np.testing.assert_allclose(
        neuron_reliability(dataset, chosen), reliability_of_means(means[rows], errors[rows]), rtol=1e-12
    )


def test_scores_have_the_ceilings_of_the_trials(trials, averages):
    means, errors = averages
    ids = np.array([f"{number:03d}" for number in range(300)])
    units = na.as_model(na.arrays.latents(means[:, :3], stimulus=ids), identifier="units")
    with_trials = na.import_dataset("trials", responses=trials, axes="stimulus,repetition,neuroid")
    with_errors = na.import_dataset("errors", responses=means, axes="stimulus,neuroid", sem=errors)
    without = na.import_dataset("none", responses=means, axes="stimulus,neuroid")
    for benchmark in ("variance_explained", "ridge"):
        scores = [na.score(units, dataset, benchmark) for dataset in (with_trials, with_errors, without)]
        assert scores[1].value == pytest.approx(scores[0].value, rel=1e-9)
        assert scores[1].ceiling == pytest.approx(scores[0].ceiling, abs=0.02)
        assert np.isnan(scores[2].ceiling)
    corrected = [
        na.score(units, dataset, "variance_explained").data["noise_corrected_r2"].values
        for dataset in (with_trials, with_errors)
    ]
    # Three neurons are the units. The noise of a stimulus is its own here, and pooled over stimuli for trials.
    np.testing.assert_allclose(corrected[1], corrected[0], rtol=1e-3)


def test_files_pair_by_label(tmp_path, averages):
    means, errors = averages
    ids = [f"image{number}" for number in range(300)]
    neurons = [f"n{number}" for number in range(8)]
    responses = pd.DataFrame(means, ids, neurons)
    responses.to_csv(tmp_path / "mean.csv")
    pd.DataFrame(errors, ids, neurons).iloc[::-1, ::-1].to_csv(tmp_path / "sem.csv")
    args = ["data", "add", "cells", "--responses", str(tmp_path / "mean.csv"), "--axes", "stimulus,neuroid"]
    result = CliRunner().invoke(cli, [*args, "--sem", str(tmp_path / "sem.csv"), "--json"])
    assert result.exit_code == 0, result.output
    described = json.loads(result.stdout)
    assert {file["role"] for file in described["files"]} == {"responses", "sem"}
    assert any("Standard errors of the averages are from sem.csv" in note for note in described["notes"])
    dataset = na.load_dataset("cells")
    order = np.argsort(ids)
    np.testing.assert_allclose(dataset.standard_errors, errors[order], rtol=1e-12)
    report = CliRunner().invoke(cli, ["data", "validate", "cells"])
    assert "reliability" in report.output
    assert "median 0.8" in report.output


def test_a_variable_of_the_same_file(tmp_path, averages):
    means, errors = averages
    np.savez(tmp_path / "cells.npz", mean=means, sem=errors)
    dataset = na.import_dataset(
        "cells",
        responses=tmp_path / "cells.npz",
        axes="stimulus,neuroid",
        variable="mean",
        sem=tmp_path / "cells.npz",
        sem_variable="sem",
    )
    np.testing.assert_array_equal(dataset.standard_errors, errors)


def test_poisson_noise_has_the_variance_of_its_mean():
    rng = np.random.default_rng(1)
    counts = rng.integers(3, 9, 200)
    rates = rng.gamma(4.0, 1.0, (200, 5))
    means = np.array([rng.poisson(rate, (n, 5)).mean(axis=0) for rate, n in zip(rates, counts, strict=True)])
    table = pd.DataFrame({"stimulus_id": [f"s{number:03d}" for number in range(200)], "n": counts})
    dataset = na.import_dataset(
        "cells", responses=means, axes="stimulus,neuroid", stimuli=table, n_trials="n", noise="poisson"
    )
    np.testing.assert_allclose(dataset.standard_errors, np.sqrt(means / counts[:, None]), rtol=1e-12)
    np.testing.assert_array_equal(dataset.n_trials, np.repeat(counts[:, None], 5, axis=1))
    true = 4 / (4 + 4 * np.mean(1 / counts))  # the variance of the rates is 4, and so is their mean
    assert np.mean(neuron_reliability(dataset)) == pytest.approx(true, abs=0.05)


def test_numbers_of_trials_alone_give_no_ceiling(averages):
    dataset = na.import_dataset("cells", responses=averages[0], axes="stimulus,neuroid", n_trials=4)
    assert neuron_reliability(dataset) is None
    assert (dataset.n_trials == 4).all()
    assert any("--noise poisson" in note for note in dataset.metadata["notes"])


def test_the_noise_is_part_of_the_content(averages):
    means, errors = averages
    hashes = [
        na.import_dataset("cells", responses=means, axes="stimulus,neuroid", force=True, **noise).content_hash
        for noise in ({}, {"sem": errors}, {"sem": 2 * errors})
    ]
    assert len(set(hashes)) == 3


def test_a_part_keeps_the_noise_of_its_averages(averages):
    na.import_dataset("cells", responses=averages[0], axes="stimulus,neuroid", sem=averages[1])
    part = na.load_dataset("cells[stimulus_id=['000','001','002','003'],neuroid_id=[cells-0,cells-2]]")
    np.testing.assert_array_equal(part.standard_errors, averages[1][:4, [0, 2]])


def test_standard_deviations_are_suspicious(averages):
    dataset = na.import_dataset("cells", responses=averages[0], axes="stimulus,neuroid", sem=4 * averages[1])
    assert any(
        "8 of 8 neurons vary less than their standard errors" in note for note in dataset.metadata["notes"]
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"sem": np.full((300, 8), -1.0)}, DatasetError, "--sem must be finite and not negative"),
        ({"sem": np.full((300, 8), np.nan)}, DatasetError, "--sem must"),
        ({"sem": np.ones((299, 8))}, DatasetError, "got 299 without 299"),
        ({"n_trials": "repeats"}, UnknownNameError, "repeats"),
        ({"n_trials": 0}, UsageError, "--n-trials must be at least 1, got 0"),
        ({"noise": "poisson"}, UsageError, "give them with --n-trials"),
        ({"n_trials": 3, "noise": "poisson"}, DatasetError, "must go with mean spike counts"),
        ({"sem": np.ones((300, 8)), "noise": "poisson", "n_trials": 3}, UsageError, "must not both be given"),
        ({"sem_variable": "sem"}, UsageError, "must go with --sem"),
    ],
)
def test_wrong_noise_is_one_line(averages, given, error, message):
    with pytest.raises(error, match=message) as caught:
        na.import_dataset("cells", responses=averages[0], axes="stimulus,neuroid", **given)
    assert "\n" not in str(caught.value)


def test_single_trials_show_their_noise_themselves(trials):
    with pytest.raises(UsageError, match="--sem must go with averages, got single trials"):
        na.import_dataset(
            "cells", responses=trials, axes="stimulus,repetition,neuroid", sem=np.ones(trials.shape)
        )


def test_an_unknown_model_of_the_noise():
    with pytest.raises(UsageError, match="--noise must be poisson, got 'gauss'"):
        NoiseOfAverages(n_trials=3, noise="gauss")
