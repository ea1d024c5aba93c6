"""Statistics of scores as functions of drawn neurons and stimuli."""

from dataclasses import replace

import numpy as np
import pytest

import neuroalign as na
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.benchmarks.correlation_ratio import CorrelationRatio
from neuroalign.benchmarks.stimulus_bootstrap import StimulusBootstrap
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.comparison import generalise, make_sample
from neuroalign.errors import UsageError
from neuroalign.metrics import aggregate_ratios, completeness
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.declared import installed_benchmark

#: Compares by C.
QUICK = Alignment(n_folds=3, n_lambdas=20, turns=0)


@pytest.fixture(autouse=True, scope="module")
def shared_home(tmp_path_factory):
    """Keep the scores of the families of this module, which many tests compare."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def neuroalign_home(shared_home, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(shared_home))
    return shared_home


@pytest.mark.parametrize("by", [QUICK, VarianceExplained(n_folds=3, n_lambdas=20)], ids=["alignment", "ve"])
def test_a_refit_to_all_stimuli_is_the_score(dataset, pair, by):
    model = pair[0].instances(dataset)[0]
    score = by.score(model, dataset)
    resampling = by.resampling("value")
    fitted = resampling.refit(*by.align(model, dataset), dataset, np.arange(120))
    everyone = np.ones((1, len(fitted.neurons)))
    assert fitted(everyone)[0] == pytest.approx(score.value, abs=1e-12)
    np.testing.assert_allclose(resampling.from_score(score).terms, fitted.terms)
    assert resampling.read(score) == score.value


@pytest.mark.parametrize("aggregate", ["unit_mean", "neuron_mean"])
def test_the_correlation_ratio_of_drawn_neurons_is_that_of_the_neurons(dataset, pair, aggregate):
    by = CorrelationRatio(aggregate=aggregate, n_permutations=0, turns=0)
    score = by.score(pair[1].instances(dataset)[0], dataset)
    # A neuron without a ratio does not count.
    score.data["correlation_ratio"][3], score.data["best_unit"][3] = np.nan, ""
    rng = np.random.default_rng(0)
    drawn = [np.arange(12), *rng.integers(12, size=(20, 12)), np.full(12, 3)]
    statistic = by.resampling("value").from_score(score)
    proportion = by.resampling("unit_proportion").from_score(score)
    counts = np.array([np.bincount(neurons, minlength=12) for neurons in drawn])
    ratios, best = score.data["correlation_ratio"].values, score.data["best_unit"].values
    codes = np.where(best == "", -1, np.unique(best, return_inverse=True)[1])
    expected = [aggregate_ratios(ratios[neurons], codes[neurons], aggregate) for neurons in drawn]
    if aggregate == "unit_mean":
        # Each neuron keeps its share of its best unit among all neurons.
        share = np.array([0.0 if code < 0 else 1 / (codes == code).sum() for code in codes])
        assert np.average(np.nan_to_num(ratios), weights=share) == pytest.approx(expected[0])
        expected = [
            np.average(np.nan_to_num(ratios)[neurons], weights=share[neurons]) for neurons in drawn[:-1]
        ]
    np.testing.assert_allclose(statistic(counts)[:-1], expected[:21], atol=1e-12)
    assert statistic(counts)[-1] == 0.0
    units = [len(set(codes[neurons]) - {-1}) / 4 for neurons in drawn]
    np.testing.assert_allclose(proportion(counts), units, atol=1e-12)
    result = na.compare(*pair, dataset, by, ceiling=None, n_resamples=200)
    assert [test.over for test in result.generalisations][-1] == "instances and neurons"


def test_alignment_at_a_common_d_is_that_of_the_weights_at_this_d(make_family, dataset):
    families = [
        make_family(dataset, "small", 1, mixed=True),
        make_family(dataset, "large", 1, mixed=True, dead=6),
    ]
    small, large = (QUICK.score(one.instances(dataset)[0], dataset) for one in families)
    common = QUICK.resampling("at_common_d", [small, large])
    assert common.statistic.label == "alignment C at D = 10"
    assert common.terms_of == "value"
    at_ten = completeness(small.data["weights"].values, n_units=10).score
    assert common.read(small) == pytest.approx(at_ten, abs=1e-12)
    assert common.read(large) == large.value
    statistic = common.from_score(small)
    counts = np.array([np.ones(12), np.eye(12)[0], np.zeros(12)])
    one = completeness(small.data["weights"].values[:, :1], n_units=10).score
    np.testing.assert_allclose(statistic(counts), [at_ten, one, 0.0], atol=1e-12)
    zero = replace(small, value=0.0, beside={**small.beside, "neurons_without_weight": 12})
    assert common.read(zero) == 0.0
    with pytest.raises(UsageError, match="at_common_d needs the scores of all models"):
        QUICK.resampling("at_common_d")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("decoding", "decoding matches each unit with one neuron, so drawn neurons need a new matching"),
        ("linear_recombination", "linear_recombination mixes all neurons, so drawn neurons need a new fit"),
    ],
)
def test_benchmarks_without_terms_say_why(name, reason):
    resampling = load_benchmark(name).resampling()
    assert (resampling.from_score, resampling.refit, resampling.reason) == (None, None, reason)


@pytest.mark.slow
def test_a_dual_bootstrap_by_stored_draws_is_that_of_compare(dataset, pair):
    scores, bootstraps = [], {}
    for models in pair:
        instances = models.instances(dataset)
        scores.append([replace(QUICK.score(model, dataset), family=models.identifier) for model in instances])
        stored = StimulusBootstrap(benchmark=QUICK, n_draws=6, seed=2)
        bootstraps |= {model.identifier: stored.score(model, dataset) for model in instances}
    resampling = QUICK.resampling("value")
    samples = [make_sample(one, resampling, bootstraps=bootstraps) for one in scores]
    compared = na.compare(
        *pair, dataset, QUICK, ceiling=None, n_resamples=200, n_stimulus_resamples=6, seed=2
    )
    tests = generalise(*samples, n_resamples=200, seed=2)
    assert [test.over for test in tests] == [test.over for test in compared.generalisations]
    for ours, theirs in zip(tests, compared.generalisations, strict=True):
        assert ours.p == pytest.approx(theirs.p)
        assert ours.standard_error == pytest.approx(theirs.standard_error)
    # At a common D the same stored terms serve.
    common = QUICK.resampling("at_common_d", [*scores[0], *scores[1]])
    assert make_sample(scores[0], common, bootstraps=bootstraps).of_stimuli.values.shape == (6, 2)
    other = make_sample(scores[0], QUICK.resampling("value"), bootstraps={})
    assert other.why_no_stimuli == "true[seed=0] was not fitted to drawn stimuli"


@pytest.mark.parametrize(
    "name",
    [
        "linear_recombination[benchmark=correlation_ratio,n_draws=2,kind=orthogonal]",
        "stimulus_bootstrap[benchmark=alignment,n_draws=3]",
        "correlation_ratio[aggregate=neuron_mean]",
    ],
)
def test_a_benchmark_is_found_by_the_options_of_its_scores(name):
    by = load_benchmark(name)
    options = by.options()
    # A benchmark of benchmarks records the wrapped one in full, with its version.
    installed = installed_benchmark(by.identifier, by.version, options)
    assert installed.options() == options
    assert type(installed) is type(by)
    assert installed_benchmark(by.identifier, by.version + 1, options) is None
    assert installed_benchmark(by.identifier, by.version + 1, options, recomputes=True) is None
    assert installed_benchmark("elsewhere", 1, {}) is None
    assert installed_benchmark(by.identifier, by.version, {**options, "unknown": 1}) is None
    if "benchmark_version" in options:
        older = {**options, "benchmark_version": options["benchmark_version"] - 1}
        assert installed_benchmark(by.identifier, by.version, older) is None
