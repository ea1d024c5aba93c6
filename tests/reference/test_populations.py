"""Population metrics on V4 and IT sites of Majaj, Hong et al. (2015), against numbers of rsatoolbox 0.3.2 and others.

The numbers are in ``oracles/metrics/majaj.json`` beside the recordings; its README names the program of each number.
"""

import json
from itertools import product

import numpy as np
import pytest

from neuroalign.arrays import trial_cube
from neuroalign.datasets.formats.assembly import read_brainio
from neuroalign.metrics import (
    cka,
    cka_by_chance,
    compare_rdms,
    crossnobis,
    dissimilarities,
    noise_precision,
    rdm_ceiling,
    rsa,
)

#: Names of the comparisons in rsatoolbox.
NAMES = {
    "cosine": "cosine",
    "corr": "pearson",
    "spearman": "spearman",
    "tau-a": "kendall",
    "rho-a": "rho_a",
    "corr_cov": "whitened_pearson",
    "cosine_cov": "whitened_cosine",
}
POPULATIONS = ("V4", "IT", "IT_Chabo", "IT_Tito")
# In rsatoolbox the noise covariance of N stimuli and R repetitions has (N - 1) R degrees of freedom.
FREEDOM = 24 * 28


@pytest.fixture(scope="module")
def expected(recordings):
    path = recordings.parent / "oracles" / "metrics" / "majaj.json"
    if not path.is_file():
        pytest.skip(f"no reference values in {path}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trials(recordings):
    """Trials of each population, (25, 28, n_sites)."""
    array = read_brainio(recordings / "majajhong25" / "assy_majajhong25_legacy.nc")[0]
    region, animal = array["region"].values, array["animal"].values
    cube = trial_cube(array)
    chosen = {"V4": region == "V4", "IT": region == "IT"}
    chosen |= {f"IT_{name}": chosen["IT"] & (animal == name) for name in ("Chabo", "Tito")}
    return {name: cube[:, :, sites] for name, sites in chosen.items()}


@pytest.fixture(scope="module")
def rdms(trials):
    """Dissimilarities of each population by each definition."""
    distances = {}
    for name, cube in trials.items():
        mean = cube.mean(axis=1)
        precision = noise_precision(cube, degrees_of_freedom=FREEDOM)
        distances[name] = {
            "correlation": dissimilarities(mean),
            "euclidean": dissimilarities(mean, "euclidean"),
            "mahalanobis": dissimilarities(mean @ np.linalg.cholesky(precision), "euclidean"),
            "crossnobis": crossnobis(cube, degrees_of_freedom=FREEDOM),
            "crossnobis_no_noise": crossnobis(cube, noise="equal"),
        }
    return distances


@pytest.mark.parametrize(
    ("name", "kind"),
    list(
        product(POPULATIONS, ["correlation", "euclidean", "mahalanobis", "crossnobis", "crossnobis_no_noise"])
    ),
)
def test_dissimilarities(rdms, expected, name, kind):
    values = rdms[name][kind]
    actual = {"mean": values.mean(), "first": values[0], "min": values.min()}
    assert actual == pytest.approx(expected[name][kind], rel=1e-11)


@pytest.mark.parametrize(
    ("kind", "name"), list(product(["correlation", "euclidean", "crossnobis"], sorted(NAMES)))
)
def test_comparisons(rdms, expected, kind, name):
    score = compare_rdms(rdms["V4"][kind], rdms["IT"][kind], NAMES[name])
    assert score == pytest.approx(expected[f"V4_vs_IT_{kind}"][name], rel=1e-12)


def test_representational_similarity_of_the_means(trials, expected):
    first, second = (trials[name].mean(axis=1) for name in ("V4", "IT"))
    assert rsa(first, second).score == pytest.approx(expected["V4_vs_IT_correlation"]["spearman"], rel=1e-12)
    assert rsa(first, second).n_pairs == 300


@pytest.mark.parametrize("name", ["corr", "spearman", "cosine", "rho-a", "corr_cov"])
def test_noise_ceilings_of_two_animals(rdms, expected, name):
    bounds = rdm_ceiling([rdms[f"IT_{animal}"]["correlation"] for animal in ("Chabo", "Tito")], NAMES[name])
    assert [bounds.lower, bounds.upper] == pytest.approx(
        expected[f"IT_noise_ceiling_2animals_{name}"], rel=1e-12
    )


def test_kernel_alignment(trials, expected):
    means = {name: cube.mean(axis=1) for name, cube in trials.items()}
    for key, first, second in [("cka_V4_IT", "V4", "IT"), ("cka_IT_animals", "IT_Chabo", "IT_Tito")]:
        for estimator in ("debiased", "biased"):
            score = cka(means[first], means[second], estimator=estimator).score
            assert score == pytest.approx(expected[key][estimator], rel=1e-12)


def test_shuffled_kernel_alignment(trials, expected):
    """Other shuffles than the reference, so within 3 standard errors of the difference of two means of 100."""
    first, second = (trials[name].mean(axis=1) for name in ("V4", "IT"))
    rng = np.random.default_rng(0)
    orders = [rng.permutation(25) for _ in range(100)]
    for estimator, mean in expected["cka_shuffled_V4_IT_mean_of_100"].items():
        scores = [cka(first[order], second, estimator=estimator).score for order in orders]
        assert abs(np.mean(scores) - mean) < 3 * np.sqrt(2 * np.var(scores) / 100)


def test_whitened_cosine_is_biased_kernel_alignment(rdms, trials):
    first, second = (trials[name].mean(axis=1) for name in ("V4", "IT"))
    assert cka(first, second, estimator="biased").score == pytest.approx(0.673340978880911, abs=1e-15)
    score = compare_rdms(rdms["V4"]["euclidean"], rdms["IT"]["euclidean"], "whitened_cosine")
    assert score == pytest.approx(0.673340978880911, abs=1e-14)


@pytest.mark.parametrize(("n", "p", "q"), [(25, 128, 168), (200, 50, 80), (2000, 106, 99)])
def test_closed_form_of_biased_alignment(recordings, n, p, q):
    path = recordings.parent / "oracles" / "metrics" / "closed.json"
    if not path.is_file():
        pytest.skip(f"no reference values in {path}")
    numbers = json.loads(path.read_text(encoding="utf-8"))
    (key,) = (key for key in numbers if key.startswith(f"CKA independent n={n} p={p} q={q}"))
    assert cka_by_chance(n, p, q) == pytest.approx(numbers[key][1], rel=1e-12)
