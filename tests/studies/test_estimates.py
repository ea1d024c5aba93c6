from dataclasses import replace

import pytest

from neuroalign.model_zoo.beta_vae import BetaVAE
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score_all
from neuroalign.studies.durations import SECONDS_OF_LATENTS, Estimates

#: Size of the recording that the declared seconds of a benchmark belong to.
WHOLE = 2_100 * 159


@pytest.fixture
def alignment():
    return load_benchmark("alignment")


def test_without_records_the_declared_seconds_count(dataset, alignment, tmp_path):
    estimates = Estimates(ResultsStore(tmp_path), dataset)
    rotation = load_benchmark("linear_recombination[kind=orthogonal,n_draws=4]")
    of_scores = alignment.expected_seconds(120, 12) + rotation.expected_seconds(120, 12)
    expected = 3 * (SECONDS_OF_LATENTS * 120 / 2_100 + of_scores)
    assert rotation.expected_seconds(120, 12) == pytest.approx(5 * rotation.seconds * 120 * 12 / WHOLE)
    assert estimates.scoring("pca", ["a", "b", "c"], [alignment, rotation]) == pytest.approx(expected)


@pytest.fixture
def store(dataset, alignment, tmp_path):
    """Two scores of pca on the dataset: 6 seconds for one of 120 × 12, and 3 seconds of latents."""
    store = ResultsStore(tmp_path)
    scores, failures = score_all("pca[n=2]", dataset, [alignment], store=ResultsStore(tmp_path / "scratch"))
    assert not failures
    for n, seconds in ((2, 5.0), (3, 7.0)):
        provenance = {**scores[0].provenance, "seconds": seconds, "latents_seconds": 3.0}
        named = replace(scores[0], model=f"pca[n={n}]", family="pca", provenance=provenance)
        store.save(f"{n:064d}", named)
    return store


def test_measured_seconds_are_scaled_by_neurons_and_stimuli(store, alignment, dataset_factory):
    other = dataset_factory(n_stimuli=240, n_neurons=36)
    estimates = Estimates(store, other)
    # Twice the stimuli and three times the neurons: 36 s for the score in the middle, and 6 s of latents.
    assert estimates.scoring("pca", ["pca[n=2]", "pca[n=4]"], [alignment]) == pytest.approx(2 * 42)
    # Another family has the same rate of scores, and latents that were never timed.
    latents = SECONDS_OF_LATENTS * 240 / 2_100
    assert estimates.scoring("ica", ["ica[n=2]"], [alignment]) == pytest.approx(36 + latents)


def test_existing_scores_take_no_time(store, dataset, alignment):
    estimates = Estimates(store, dataset)
    assert estimates.scoring("pca", ["pca[n=2]", "pca[n=3]"], [alignment]) == 0
    assert estimates.scoring("pca", ["pca[n=2]", "pca[n=4]"], [alignment]) == pytest.approx(6 + 3)
    other = load_benchmark("alignment[n_folds=5]")
    assert estimates.scoring("pca", ["pca[n=2]"], [other]) == pytest.approx(other.expected_seconds(120, 12))


def test_scores_say_how_long_they_took(dataset, alignment, tmp_path):
    scores, _ = score_all("pca[n=2]", dataset, [alignment], store=ResultsStore(tmp_path))
    assert 0 < scores[0].provenance["seconds"] < 60
    assert 0 <= scores[0].provenance["latents_seconds"] < 60


def test_training_goes_by_the_rate_of_bundled_instances(dataset, tmp_path):
    family = BetaVAE()
    recipes = family.recipes({"steps": [100], "batch_size": [16], "seed": [0, 1]})
    rates = sorted(weights.record["images_per_second"] for _, weights in family.bundled())
    seconds = Estimates(ResultsStore(tmp_path), dataset).training(family, recipes)
    assert seconds == pytest.approx(2 * 1_600 / rates[len(rates) // 2])
    assert Estimates(ResultsStore(tmp_path), dataset).trained(family) == {}
