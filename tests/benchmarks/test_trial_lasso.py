"""Variance explained by fits to single trials, compared with scikit-learn on the trials."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from neuroalign.benchmarks.trial_lasso import explain_trials
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.metrics import fold_labels, lasso_test_set
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset
from neuroalign.testing.units import example_model

N_LAMBDAS, N_FOLDS = 8, 4


@pytest.fixture(scope="module")
def dataset():
    """36 stimuli with one to three trials; neurons lack different trials."""
    made = make_dataset(n_stimuli=36, n_neurons=4, n_factors=3, reliability=0.5, seed=2)
    recording = made.recording.copy()
    kept = np.random.default_rng(0).random(recording.shape) > 0.5
    kept[recording["repetition"].values == 0] = True
    recording.values[~kept] = np.nan
    return replace(made, recording=recording)


def of_trials(dataset, neuron):
    """Rows of the stimuli and responses of all trials of a neuron."""
    trials = dataset.trials[:, :, neuron]
    rows, _ = np.nonzero(np.isfinite(trials))
    return rows, trials[np.isfinite(trials)]


def fit_on_trials(units, responses, penalties):
    """Weights and constants of scikit-learn for standardised units, for each penalty."""
    mean, deviation = units.mean(axis=0), units.std(axis=0)
    standard = (units - mean) / deviation
    fits = []
    for penalty in penalties:
        fit = Lasso(alpha=penalty, tol=1e-12, max_iter=100_000).fit(standard, responses)
        weights = fit.coef_ / deviation
        fits.append((weights, fit.intercept_ - mean @ weights))
    return fits


def predict_on_trials(units, rows, responses, folds):
    """Predict each stimulus by the Lasso of all trials of the other folds, with the λ of the smallest error."""
    predicted = np.empty(len(units))
    for fold in range(N_FOLDS):
        rest = folds[rows] != fold
        z, y, inner = units[rows[rest]], responses[rest], folds[rows[rest]]
        standard = (z - z.mean(axis=0)) / z.std(axis=0)
        largest = np.abs(standard.T @ (y - y.mean())).max() / len(y)
        penalties = largest * 1e-4 ** (np.arange(N_LAMBDAS) / (N_LAMBDAS - 1))
        errors = np.zeros(N_LAMBDAS)
        for held_out in np.unique(inner):
            fits = fit_on_trials(z[inner != held_out], y[inner != held_out], penalties)
            new = inner == held_out
            errors += [((y[new] - z[new] @ weights - constant) ** 2).sum() for weights, constant in fits]
        ((weights, constant),) = fit_on_trials(z, y, [penalties[errors.argmin()]])
        predicted[folds == fold] = units[folds == fold] @ weights + constant
    return predicted


def test_the_predictions_are_those_of_scikit_learn_on_the_trials(dataset):
    model = example_model(dataset)
    benchmark = VarianceExplained(n_folds=N_FOLDS, n_lambdas=N_LAMBDAS, rule="min", fit_to="trials")
    latents, responses = benchmark.align(model, dataset)
    explained = benchmark.explain(latents, responses, dataset)
    units = latents.values[:, :5]
    folds = fold_labels(36, N_FOLDS)
    np.testing.assert_array_equal(explained.folds, folds)
    for neuron in (0, 3):
        rows, trials = of_trials(dataset, neuron)
        expected = predict_on_trials(units, rows, trials, folds)
        np.testing.assert_allclose(explained.predicted[:, neuron], expected, rtol=1e-6, atol=1e-8)
        truth = responses.values[:, neuron]
        share = 1 - ((truth - expected) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
        assert explained.per_neuron[neuron] == pytest.approx(share, rel=1e-6)
    means = VarianceExplained(n_folds=N_FOLDS, n_lambdas=N_LAMBDAS, rule="min")
    assert np.abs(means.explain(latents, responses, dataset).predicted - explained.predicted).max() > 0.01
    score = benchmark.score(model, dataset)
    assert score.value == pytest.approx(explained.per_neuron.mean())
    assert score.options["fit_to"] == "trials"
    assert "fit_to" not in means.options()
    assert any(
        note.startswith("fits to single trials: a stimulus counts by the trials") for note in score.notes
    )


def test_equal_trials_give_the_score_of_means():
    dataset = make_dataset(n_stimuli=40, n_neurons=4, n_factors=3, reliability=0.5, seed=2)
    trials, means = (
        VarianceExplained(n_folds=4, fit_to=fit_to).score(example_model(dataset), dataset)
        for fit_to in ("trials", "means")
    )
    assert trials.value == means.value
    assert any(note.endswith("so that fits to trials are fits to means") for note in trials.notes)


def test_a_test_set_is_predicted_once_by_the_trials_of_the_training_set():
    rng = np.random.default_rng(0)
    units, weights = rng.standard_normal((60, 3)), rng.standard_normal((3, 2))
    neurons = units @ weights + rng.standard_normal((60, 2))
    counts = np.repeat(rng.integers(1, 4, (40, 1)), 2, axis=1)
    arguments = {"Z": units[:40], "Y": neurons[:40], "folds": np.arange(40) % 5, "exclude": np.array([-1, 2])}
    arguments |= {"new_Z": units[40:], "new_Y": neurons[40:]}
    fit = explain_trials(arguments, counts)
    rows = np.repeat(np.arange(40), counts[:, 0])
    repeated = {name: arguments[name][rows] for name in ("Z", "Y", "folds")}
    expected = lasso_test_set(**{**arguments, **repeated})
    np.testing.assert_allclose(fit.predicted, expected.predicted, rtol=1e-12)
    np.testing.assert_allclose(fit.per_neuron, expected.per_neuron, rtol=1e-12)


def test_trials_are_needed():
    dataset = make_dataset(n_stimuli=40, n_neurons=4, n_factors=3)
    averaged = dataset.with_responses(dataset.responses)
    with pytest.raises(UsageError, match="has averages without numbers of trials; leave fit_to out"):
        VarianceExplained(fit_to="trials").score(example_model(dataset), averaged)


def test_an_option_of_other_benchmarks_names_them():
    with pytest.raises(UnknownNameError) as caught:
        load_benchmark("alignment[fit_to=trials]")
    assert str(caught.value) == (
        "no option of alignment is called 'fit_to': linear, pls, ridge, variance_explained have it; leave it out, or "
        "score one of these"
    )
