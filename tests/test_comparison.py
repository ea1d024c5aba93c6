import json
import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.benchmarks.correlation_ratio import CorrelationRatio
from neuroalign.benchmarks.variance_explained import VarianceExplained
from scipy import stats

import neuroalign as na
from neuroalign.benchmark import load_benchmark
from neuroalign.cli import run
from neuroalign.cli.compare import screen
from neuroalign.errors import UsageError
from neuroalign.metrics import aggregate_ratios, completeness, completeness_at
from neuroalign.models import FixedFamily
from neuroalign.stats import bootstrap_weighted_difference

QUICK = Alignment(n_folds=3, n_lambdas=20)


def latents_of(dataset, values):
    stimuli = dataset.responses["stimulus"].values
    return xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli})


def family(dataset, name, n, *, mixed, dead=0):
    """Instances that are the true factors, or mixtures of them, with noise of their own."""
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    members = []
    for seed in range(n):
        rng = np.random.default_rng([seed, mixed])
        turn = stats.ortho_group.rvs(4, random_state=rng) if mixed else np.eye(4)
        units = factors @ turn + 0.2 * rng.standard_normal(factors.shape)
        units = np.hstack([units, np.zeros((len(units), dead))])
        members.append(na.as_model(latents_of(dataset, units), identifier=f"{name}[seed={seed}]"))
    return FixedFamily(name, members)


@pytest.fixture
def pair(dataset):
    return family(dataset, "true", 3, mixed=False), family(dataset, "turned", 4, mixed=True)


def test_numbers_are_those_of_the_tests_by_themselves(dataset, pair):
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=500, seed=3)
    values = [[each.value for each in score.instances] for score in (result.a, result.b)]
    assert result.difference == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    instances, neurons, stimuli, together = result.generalisations
    theirs = stats.ttest_ind(*values, equal_var=False)
    assert instances.p == pytest.approx(theirs.pvalue)
    assert (instances.ci_low, instances.ci_high) == pytest.approx(tuple(theirs.confidence_interval()))
    terms = [
        [
            np.stack([one.data["alignment"].values for one in score.instances]),
            np.stack([np.abs(one.data["weights"].values).sum(axis=0) for one in score.instances]),
        ]
        for score in (result.a, result.b)
    ]
    drawn = bootstrap_weighted_difference(*terms[0], *terms[1], n_resamples=500, seed=3)
    assert drawn.estimate == pytest.approx(result.difference)
    assert (neurons.ci_low, neurons.ci_high, neurons.p) == (drawn.low, drawn.high, drawn.p)
    assert math.isnan(stimuli.p)
    assert together.standard_error == pytest.approx(
        math.hypot(instances.standard_error, drawn.standard_error)
    )
    assert result.verdict == "a"
    assert result.sentence.startswith("true scores higher than turned by ")


def test_swapping_the_models_swaps_the_signs(dataset, pair):
    there = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=200)
    back = na.compare(*pair[::-1], dataset, QUICK, ceiling=None, n_resamples=200)
    assert back.difference == pytest.approx(-there.difference)
    assert back.sentence == there.sentence
    assert (there.verdict, back.verdict) == ("a", "b")


def test_stimuli_are_drawn_when_asked_for(dataset, pair):
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100, n_stimulus_resamples=5)
    over = [each.over for each in result.generalisations]
    assert over == [
        "instances",
        "neurons",
        "stimuli",
        "neurons and stimuli",
        "instances, neurons and stimuli",
    ]
    assert all(math.isfinite(each.p) for each in result.generalisations)
    again = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100, n_stimulus_resamples=5)
    assert again.to_record()["generalisations"] == result.to_record()["generalisations"]


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


def test_dead_units_are_said_to_explain_what_they_explain(dataset):
    # The same units, and a hundred dead ones beside them: nothing but the base of the logarithm differs.
    plain, padded = (
        family(dataset, "plain", 2, mixed=True),
        family(dataset, "padded", 2, mixed=True, dead=100),
    )
    result = na.compare(padded, plain, dataset, QUICK, ceiling=None, n_resamples=50)
    assert result.difference > 0.2
    converted = np.mean([completeness_at(each.value, 4, 104) for each in result.b.instances])
    assert result.a.value == pytest.approx(converted)
    (dead, free) = result.confounds
    assert (
        "padded has 4 informative units where D is 104 and plain has 4 informative units where D is 4" in dead
    )
    assert dead.endswith(("explains it.", "explains most of it."))
    assert free.endswith("does not agree.")


def test_true_factors_are_not_explained_away(dataset, pair):
    dead, free = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=50).confounds
    assert "D is 4 for both, so the base of the logarithm favours neither" in dead
    assert free.endswith("which agrees.")


def test_chance_of_few_units(dataset, pair):
    (said,) = na.compare(*pair, dataset, "correlation_ratio", ceiling=None).confounds
    assert said.startswith("Chance at small D: true has 4 informative units, turned 4")


def test_a_benchmark_that_is_no_mean_over_neurons_says_so(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[aggregate=unit_max]", ceiling=None)
    assert [each.over for each in result.generalisations] == ["instances", "neurons", "stimuli"]
    assert result.generalisations[1].reason == (
        "correlation_ratio with aggregate=unit_max takes the maximum over neurons, which drawn neurons do not vary "
        "enough for a bootstrap"
    )


@pytest.mark.parametrize("aggregate", ["unit_mean", "neuron_mean"])
def test_the_correlation_ratio_of_drawn_neurons_is_that_of_the_neurons(dataset, pair, aggregate):
    by = CorrelationRatio(aggregate=aggregate, n_permutations=0)
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
    np.testing.assert_allclose(statistic(counts), [*expected[:-1], 0.0], atol=1e-12)
    units = [len(set(codes[neurons]) - {-1}) / 4 for neurons in drawn]
    np.testing.assert_allclose(proportion(counts), units, atol=1e-12)
    result = na.compare(*pair, dataset, by, ceiling=None, n_resamples=200)
    assert [each.over for each in result.generalisations][-1] == "instances and neurons"


def test_alignment_at_a_common_d_is_that_of_the_weights_at_this_d(dataset):
    families = [family(dataset, "small", 1, mixed=True), family(dataset, "large", 1, mixed=True, dead=6)]
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
    zero = replace(small, value=0.0, beside={**small.beside, "neurons without weight": 12})
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


@pytest.mark.parametrize("kind", ["abs_gaussian", "orthogonal"])
def test_mixing_is_named_as_a_confound(dataset, pair, kind):
    by = f"linear_recombination[benchmark=correlation_ratio,n_draws=2,kind={kind}]"
    result = na.compare(*pair, dataset, by)
    assert result.ceiling is None
    assert ("2/π" in result.confounds[0]) == (kind == "abs_gaussian")


def test_ceiling_is_tested_for_equivalence(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio", margin=0.5)
    assert result.ceiling.model == "neuron_subset"
    assert {each.verdict for each in result.meets_ceiling.values()} == {"yes"}
    assert result.meets_ceiling["a"].difference == pytest.approx(result.a.value - result.ceiling.value)


def test_what_is_exceeded_is_no_ceiling(dataset, pair):
    poor = family(dataset, "poor", 4, mixed=True, dead=3)
    result = na.compare(*pair, dataset, QUICK, ceiling=poor, n_resamples=50)
    assert result.meets_ceiling["a"].verdict == "no"
    assert result.meets_ceiling["a"].difference > 0.05
    text = " ".join(screen(result).split())
    assert "true: it exceeds it, so that this is no ceiling; the 90 % interval" in text


def test_single_models_have_no_spread_of_instances(dataset, pair):
    first, second = (each.instances(dataset)[0] for each in pair)
    result = na.compare(first, second, dataset, QUICK, ceiling=None, n_resamples=100)
    assert result.generalisations[0].reason == "fewer than two finite values in one group (1 and 1)"
    assert "is not tested over instances and stimuli" in result.sentence
    assert result.verdict == "a"


def test_lower_is_better_for_decoding(dataset, pair):
    result = na.compare(*pair, dataset, "decoding", ceiling=None)
    assert result.difference < 0
    assert result.sentence.startswith("true scores lower, which is better, than turned by ")


def test_record_is_json(dataset, pair):
    record = na.compare(*pair, dataset, QUICK, n_resamples=50).to_record()
    read = json.loads(json.dumps(record, allow_nan=False, default=str))
    assert read["verdict"] == "a"
    assert len(read["a"]["instances"]) == 3
    assert read["meets_ceiling"]["a"]["verdict"] in ("yes", "no", "cannot tell")


def test_wrong_calls(dataset, pair):
    with pytest.raises(UsageError, match="both models are true; name two that differ"):
        na.compare(pair[0], pair[0], dataset)
    with pytest.raises(UsageError, match="margin must be a positive number, not 0"):
        na.compare(*pair, dataset, margin=0.0)
    with pytest.raises(UsageError, match="n_stimulus_resamples must be 2 at least"):
        na.compare(*pair, dataset, n_stimulus_resamples=1)


def test_command(capsys, tmp_path, dataset):
    from neuroalign.datasets.formats.folder import write_folder

    write_folder(dataset, tmp_path / "toy")
    arguments = ["neuron_subset[n=3]", "neuron_subset[n=4]", str(tmp_path / "toy"), "-b", "correlation_ratio"]
    assert run(["compare", *arguments]) == 0
    text = capsys.readouterr().out
    assert "generalises over" in text
    assert "Does it meet the ceiling?" in text
    assert run(["compare", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["benchmark"] == "correlation_ratio"
    assert run(["compare", "neuron_subset[n=3]", "neuron_subset[n=3]", str(tmp_path / "toy")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "name two that differ" in error
