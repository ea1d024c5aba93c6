import json
import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import neuroalign as na
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.benchmarks.correlation_ratio import CorrelationRatio
from neuroalign.benchmarks.stimulus_bootstrap import StimulusBootstrap
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.cli import run
from neuroalign.comparison import Sample, generalise, make_sample
from neuroalign.comparison.axes import read_axes
from neuroalign.comparison.wording import conclude, explain
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.metrics import aggregate_ratios, completeness, completeness_at
from neuroalign.metrics import reliability as split_half
from neuroalign.models.model import FixedFamily
from neuroalign.reporting.text.comparison import format_comparison
from neuroalign.results.score import Score, summarise
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.cautions import cautions
from neuroalign.scoring.declared import installed_benchmark
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.stats import bootstrap_weighted_difference

#: Compares by C.
QUICK = Alignment(n_folds=3, n_lambdas=20, turns=0)
#: Compares by κ.
TURNED = Alignment(n_folds=3, n_lambdas=20, turns=6)


@pytest.fixture(autouse=True, scope="module")
def shared_home(tmp_path_factory):
    """Keep the scores of the families of this module, which many tests compare."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def neuroalign_home(shared_home, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(shared_home))
    return shared_home


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
    # The interval is Student's, with the spread of the draws as the standard error.
    assert neurons.standard_error == pytest.approx(drawn.standard_error)
    half = drawn.standard_error * stats.t.ppf(0.975, 11)
    assert (neurons.ci_low, neurons.ci_high) == pytest.approx(
        (result.difference - half, result.difference + half)
    )
    assert neurons.p == pytest.approx(2 * stats.t.sf(abs(result.difference) / drawn.standard_error, 11))
    assert math.isnan(stimuli.p)
    assert together.standard_error == pytest.approx(
        math.hypot(instances.standard_error, drawn.standard_error)
    )
    assert result.verdict == "a"
    assert result.sentence.startswith("true scores higher than turned by ")


def test_kappa_is_compared_by_default(dataset, pair):
    result = na.compare(*pair, dataset, TURNED, n_resamples=500, seed=3)
    assert result.statistic.label == "axis index κ"
    kappas = [[one.beside["axis_index"] for one in score.instances] for score in (result.a, result.b)]
    assert result.means == {"a": pytest.approx(np.mean(kappas[0])), "b": pytest.approx(np.mean(kappas[1]))}
    assert result.difference == pytest.approx(np.mean(kappas[0]) - np.mean(kappas[1]))
    instances, neurons, _, together = result.generalisations
    assert instances.p == pytest.approx(stats.ttest_ind(*kappas, equal_var=False).pvalue)
    # κ of drawn neurons, written out; the same neurons are drawn for all instances.
    counts = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=4000)
    drawn = [
        np.mean([kappa_of(one, counts) for one in score.instances], axis=0) for score in (result.a, result.b)
    ]
    assert neurons.standard_error == pytest.approx(np.std(drawn[0] - drawn[1]), rel=0.1)
    assert together.standard_error == pytest.approx(
        math.hypot(instances.standard_error, neurons.standard_error)
    )
    # An axis index has no ceiling of neurons: its bound is 1.
    assert result.ceiling is None
    assert result.meets_ceiling == {}
    assert [other.statistic.identifier for other in result.others] == ["value"]
    # p cannot be .05 with six turns, so that "higher" is withheld.
    assert result.verdict == "neither"
    assert result.sentence.startswith("Neither model's axes are special: true (κ = 0.9")


def kappa_of(score, counts):
    """κ = 1 − H(I)/H̄(Q) of drawn neurons, from the arrays of a score."""

    def entropy(kind):
        strength = np.atleast_2d(score.data[f"{kind}_strength"].values)
        weighted = strength * score.data[f"{kind}_entropy"].values
        return (counts @ weighted.T) / (counts @ strength.T)

    return 1 - entropy("regenerated")[:, 0] / entropy("turned").mean(axis=1)


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
    (common,) = result.others
    assert common.statistic.label == "alignment C at D = 104"
    assert common.means["a"] == pytest.approx(common.means["b"])
    assert common.test.estimate == pytest.approx(0.0, abs=1e-12)
    text = " ".join(format_comparison(result).split())
    assert f"alignment C at D = 104: {result.a.value:.3f} against {result.a.value:.3f}, difference" in text
    assert not any("logarithm" in sentence for sentence in result.confounds)


def test_another_statistic_is_compared_where_it_is_named(dataset):
    plain, padded = (
        family(dataset, "plain", 2, mixed=True),
        family(dataset, "padded", 2, mixed=True, dead=100),
    )
    result = na.compare(
        padded, plain, dataset, QUICK, statistic="at_common_d", ceiling=pair_of_true(dataset), n_resamples=50
    )
    assert result.difference == pytest.approx(0.0, abs=1e-12)
    assert result.means["a"] == pytest.approx(result.a.value)
    top = [completeness_at(score.value, 4, 104) for score in result.ceiling.instances]
    assert result.means["ceiling"] == pytest.approx(np.mean(top))
    (value,) = result.others
    assert value.test.estimate == pytest.approx(result.a.value - result.b.value)
    row = next(line for line in format_comparison(result).splitlines() if line.startswith("B "))
    assert f"{result.means['b']:.3f}" in row
    assert f"{result.b.value:.3f}" in row
    with pytest.raises(UnknownNameError, match="statistic of alignment"):
        na.compare(padded, plain, dataset, QUICK, statistic="kappa")


def pair_of_true(dataset):
    return family(dataset, "true", 2, mixed=False)


def test_at_one_d_the_common_d_is_not_named(dataset, pair):
    assert na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=50).others == []


def test_chance_of_few_units(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[turns=0]", ceiling=None)
    assert [other.statistic.label for other in result.others] == ["unit proportion"]
    assert result.confounds[0].startswith("Chance at small D: true has 4 informative units, turned 4")


def test_a_benchmark_that_is_no_mean_over_neurons_says_so(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[aggregate=unit_max,turns=0]", ceiling=None)
    assert [each.over for each in result.generalisations] == ["instances", "neurons", "stimuli"]
    assert result.generalisations[1].reason == (
        "correlation_ratio with aggregate=unit_max takes the maximum over neurons, which drawn neurons do not vary "
        "enough for a bootstrap"
    )


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


def test_stimuli_that_cannot_be_drawn_say_why(dataset, pair):
    result = na.compare(
        *pair, dataset, "correlation_ratio[turns=0]", ceiling=None, n_resamples=100, n_stimulus_resamples=5
    )
    assert result.generalisations[2].over == "stimuli"
    assert result.generalisations[2].reason == "correlation_ratio is not computed for drawn stimuli"


@pytest.mark.parametrize("kind", ["abs_gaussian", "orthogonal"])
def test_mixing_is_named_as_a_confound(dataset, pair, kind):
    by = f"linear_recombination[benchmark=correlation_ratio,n_draws=2,kind={kind}]"
    result = na.compare(*pair, dataset, by)
    assert result.ceiling is None
    assert ("2/π" in result.confounds[0]) == (kind == "abs_gaussian")


def test_ceiling_is_tested_for_equivalence(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[turns=0,predictive_power=False]", margin=0.5)
    assert result.ceiling.model == "neuron_subset"
    assert {each.verdict for each in result.meets_ceiling.values()} == {"yes"}
    assert result.meets_ceiling["a"].difference == pytest.approx(result.a.value - result.ceiling.value)


def test_what_is_exceeded_is_no_ceiling(dataset, pair):
    poor = family(dataset, "poor", 4, mixed=True, dead=3)
    result = na.compare(*pair, dataset, QUICK, ceiling=poor, n_resamples=50)
    assert result.meets_ceiling["a"].verdict == "no"
    assert result.meets_ceiling["a"].difference > 0.05
    text = " ".join(format_comparison(result).split())
    assert "true: the model scores above it, so poor is not an upper bound here; the 90 % interval" in text


def test_single_models_have_no_spread_of_instances(dataset, pair):
    first, second = (each.instances(dataset)[0] for each in pair)
    result = na.compare(first, second, dataset, QUICK, ceiling=None, n_resamples=100)
    assert result.generalisations[0].reason == (
        "true[seed=0] is a single model, so it is tested over neurons only; "
        "turned[seed=0] is a single model, so it is tested over neurons only"
    )
    assert [test.over for test in result.generalisations] == ["instances", "neurons", "stimuli"]
    assert "is not tested over instances and stimuli" in result.sentence
    assert result.verdict == "a"


def test_lower_is_better_for_decoding(dataset, pair):
    result = na.compare(*pair, dataset, "decoding[turns=0]", ceiling=None)
    assert result.difference < 0
    assert result.sentence.startswith("true scores lower, which is better, than turned by ")
    assert "in decoding distance" in result.sentence


def sized(dataset, name, *, mixed):
    """A family whose members differ in a size and have no seed."""
    members = [
        na.as_model(model.latents(dataset.stimuli), identifier=f"{name}[n={index}]")
        for index, model in enumerate(family(dataset, name, 4, mixed=mixed).instances(dataset))
    ]
    return FixedFamily(name, members)


def test_sizes_are_no_sample_of_instances(dataset, pair, monkeypatch, tmp_path):
    # Stored scores keep the declaration of the family that they were scored in.
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path))
    true, turned = (sized(dataset, name, mixed=mixed) for name, mixed in (("true", False), ("turned", True)))
    both = na.compare(true, turned, dataset, QUICK, ceiling=None, n_resamples=300)
    why = "its sizes are not a sample of instances, so it is tested over neurons only"
    assert both.why_no_samples == {"a": f"true has no seed: {why}", "b": f"turned has no seed: {why}"}
    assert [(test.over, math.isfinite(test.p)) for test in both.generalisations] == [
        ("instances", False),
        ("neurons", True),
        ("stimuli", False),
    ]
    text = " ".join(format_comparison(both).split())
    assert f"true has no seed: {why}." in text
    # Of one such family and one with seeds, the variance over instances is that of the second.
    mixed = na.compare(pair[0], turned, dataset, QUICK, ceiling=None, n_resamples=300)
    _, neurons, _, together = mixed.generalisations
    assert together.n == "3 × 12"
    values = [score.value for score in mixed.a.instances]
    assert together.standard_error == pytest.approx(
        math.hypot(np.std(values, ddof=1) / math.sqrt(3), neurons.standard_error)
    )
    # A family may declare that its members are a sample, or that they are not.
    declared = FixedFamily("turned", turned.instances(dataset), is_sample=True)
    result = na.compare(pair[0], declared, dataset, QUICK, ceiling=None, n_resamples=300)
    assert math.isfinite(result.generalisations[0].p)
    assert result.b.instances[0].provenance["is_sample"] is True
    declared = FixedFamily("true", pair[0].instances(dataset), is_sample=False)
    result = na.compare(declared, pair[1], dataset, QUICK, ceiling=None, n_resamples=300)
    assert (
        result.why_no_samples["a"]
        == "true declares no sample of instances, so it is tested over neurons only"
    )


def with_axes(score, index, p, **arrays):
    """Scores of instances as a benchmark with an axis index makes them."""
    beside = {
        "axis_index": index,
        "axis_index_error": 0.02,
        "axis_index_p": p,
        "regenerated": 0.5,
        "turned": 0.4,
        "turned_sd": 0.01,
    }
    return replace(score, beside={**score.beside, **beside}, data=score.data.assign(arrays))


KAPPA = Statistic("axis_index", "axis index κ")


def concluded(kappas, ps):
    """Conclude from two families of three instances with these κ and p."""
    scores = []
    for name, kappa, p in zip(("beta_vae", "pca"), kappas, ps, strict=True):
        instances = [
            with_axes(
                Score(
                    value=0.5,
                    error=0.0,
                    error_over="neurons",
                    model=f"{name}[seed={seed}]",
                    family=name,
                    dataset="toy",
                    benchmark="alignment",
                    benchmark_version=1,
                ),
                kappa + 0.001 * seed,
                p,
            )
            for seed in range(3)
        ]
        scores.append(summarise(instances, family=name))
    resampling = Resampling(KAPPA, read=lambda score: score.beside["axis_index"])
    samples = [make_sample(score.instances, resampling) for score in scores]
    return conclude(*scores, tuple(samples), KAPPA, generalise(*samples)), scores


def test_where_no_axes_are_special_neither_is_higher():
    (verdict, sentence), scores = concluded((0.05, 0.02), (0.2, 0.6))
    assert verdict == "neither"
    assert sentence == (
        "Neither model's axes are special: beta_vae (κ = 0.051, p = 0.200) and pca (κ = 0.021, p = 0.600). "
        "So their difference of 0.030 ranks neither before the other."
    )
    assert explain(*scores)[0] == (
        "Axes: the axes of beta_vae are not special (κ = 0.051 ± 0.020, median p = 0.200, 0 of 3 instances have "
        "p ≤ .05); C is 0.500, with neurons regenerated from linear tuning 0.500, and with this tuning turned "
        "0.400 ± 0.010."
    )


def test_higher_is_withheld_where_one_side_is_at_chance():
    (verdict, sentence), _ = concluded((0.4, 0.02), (0.01, 0.6))
    assert verdict == "a"
    assert sentence.startswith(
        "The axes of beta_vae are special (κ = 0.401, p = 0.010), the axes of pca are not (κ = 0.021, p = 0.600). "
        "Their difference of 0.380 holds over instances"
    )
    assert "higher" not in sentence
    # κ needs both: a number above .10 and p ≤ .05.
    for kappa, p in ((0.4, 0.06), (0.09, 0.01)):
        (verdict, sentence), _ = concluded((kappa, 0.02), (p, 0.6))
        assert (verdict, sentence.startswith("Neither model's axes are special")) == ("neither", True)
    (verdict, sentence), _ = concluded((0.4, 0.2), (0.01, 0.02))
    assert verdict == "a"
    assert sentence.startswith(
        "beta_vae scores higher than pca by 0.200 in axis index κ (0.401 against 0.201)."
    )


def weaken(score, **beside):
    """Scores of a family whose instances explain little."""
    weak = {"variance_explained": 0.01, "explained_share": 0.02, **beside}
    instances = [
        replace(instance, beside={**instance.beside, **weak}, provenance={"n_neurons": 33})
        for instance in score.instances
    ]
    return summarise(instances, family=score.model)


def test_higher_is_withheld_where_the_better_score_must_not_be_interpreted():
    (verdict, _), (a, b) = concluded((0.4, 0.2), (0.01, 0.02))
    assert verdict == "a"
    resampling = Resampling(KAPPA, read=lambda score: score.beside["axis_index"])
    samples = tuple(make_sample(score.instances, resampling) for score in (a, b))
    tests = generalise(*samples)
    why = (
        "in all 3 instances the units explain 2.0 % of the explainable variance (0.010 of 0.500): do not interpret "
        "alignment"
    )
    assert conclude(weaken(a), b, samples, KAPPA, tests) == (
        "neither",
        f"The score of beta_vae must not be interpreted ({why}). So the difference of 0.200 in axis index κ ranks "
        "neither before the other.",
    )
    assert conclude(weaken(a), weaken(b), samples, KAPPA, tests) == (
        "neither",
        f"The score of beta_vae must not be interpreted ({why}), nor must the score of pca. So the "
        "difference of 0.200 in axis index κ ranks neither before the other.",
    )
    # The better one may be interpreted.
    verdict, sentence = conclude(a, weaken(b), samples, KAPPA, tests)
    assert (verdict, sentence.split(" by ")[0]) == ("a", "beta_vae scores higher than pca")


def test_axes_are_special_by_the_bound_over_neurons():
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    assert read_axes(scores[0]).special
    wide = [
        replace(instance, beside={**instance.beside, "axis_index_error": 0.19})
        for instance in scores[0].instances
    ]
    # .401 − 1.645 · .19 is .088.
    assert not read_axes(summarise(wide, family="beta_vae")).special


def test_a_comparison_lists_its_cautions(dataset, pair):
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100)
    assert result.cautions == {"a": cautions(result.a), "b": cautions(result.b)}
    assert result.reliability == pytest.approx(np.median(split_half(dataset.trials).per_neuron))
    assert result.to_record()["reliability"] == result.reliability
    assert f"Reliability: the median neuron's is {result.reliability:.2f}; noise raises C" in " ".join(
        result.confounds
    )
    weak = replace(result, a=weaken(result.a), cautions={"a": ["explains no variance"], "b": []})
    lines = format_comparison(weak).splitlines()
    assert lines[2:4] == ["caution: true: explains no variance.", ""]
    assert next(line for line in lines if line.startswith("A ")).split()[1:3] == ["true", "!"]
    assert next(line for line in lines if line.startswith("B ")).split()[2] != "!"
    assert weak.to_record()["cautions"] == {"a": ["explains no variance"], "b": []}


def test_chance_by_shuffles_withholds_higher(dataset, pair):
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    a, b = (replace(score, value=value) for score, value in zip(scores, (0.6, 0.5), strict=True))
    b = replace(
        b,
        null=0.48,
        instances=[replace(score, provenance={"permutation_p": 0.3}) for score in b.instances],
    )
    statistic = Statistic("value", "alignment C")
    samples = tuple(
        Sample(score.model, np.array([score.value - 0.01, score.value + 0.01])) for score in (a, b)
    )
    verdict, sentence = conclude(a, b, samples, statistic, generalise(*samples))
    assert sentence.startswith(
        "pca is not above chance (0.500, p of chance = 0.300). Their difference of 0.100 "
    )
    assert verdict == "a"


def test_other_explanations_are_named(dataset, pair):
    _, scores = concluded((0.4, 0.2), (0.01, 0.02))
    neurons = [f"n{index}" for index in range(8)]
    given = []
    for score, explained, trained in zip(scores, (0.4, 0.2), ("faces", "objects"), strict=True):
        predicted = np.arange(8) < (7 if explained > 0.3 else 6)
        data = xr.Dataset(
            {
                "variance_explained": ("neuroid", np.full(8, explained)),
                "predicted": ("neuroid", predicted),
            },
            coords={"neuroid": neurons},
        )
        instances = [
            replace(
                one, data=data, provenance={"trained_on": trained}, beside={"neurons_without_weight": 2.0}
            )
            for one in score.instances
        ]
        given.append(summarise(instances, family=score.model))
    assert explain(*given, reliability=0.61) == [
        "Prediction: beta_vae explains 40.0% of the variance, pca 20.0%; a model that predicts fewer neurons is scored "
        "on other neurons.",
        "Neurons without weight: 2 for beta_vae, 2 for pca; they do not count in C.",
        "Training images: beta_vae was trained on faces, pca was trained on objects; the images may explain the "
        "difference.",
        "Reliability: the median neuron's is 0.61; noise raises C, for it leaves fewer weights, and lowers variance "
        "explained. alignment[rule=min] is nearly free of this: compare recordings, areas and animals by it, with κ.",
    ]
    assert explain(*given)[-1].startswith(
        "Reliability: it is not known without single trials; noise raises C"
    )
    by_min = [replace(score, options={"rule": "min"}) for score in given]
    assert explain(*by_min, reliability=0.61)[-1] == (
        "Reliability: the median neuron's is 0.61; noise lowers variance explained, and hardly changes C by rule=min."
    )
    of_others = [replace(score, benchmark="decoding") for score in given]
    assert explain(*of_others, reliability=0.61)[-1] == (
        "Reliability: the median neuron's is 0.61; noise lowers variance explained."
    )


def test_matched_neurons_are_those_that_both_predict(dataset, pair, monkeypatch, tmp_path):
    # Its scores are not the scores of other tests.
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path))
    score_neurons = Alignment.score

    def score(self, model, dataset, *, join="exact"):
        scored = score_neurons(self, model, dataset, join=join)
        predicted = np.arange(12) < (8 if model.identifier.startswith("true") else 10)
        return replace(scored, data=scored.data.assign(predicted=("neuroid", predicted)))

    monkeypatch.setattr(Alignment, "score", score)
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100)
    assert result.n_matched == 8
    expected = [
        np.mean([completeness(one.data["weights"].values[:, :8]).score for one in score.instances])
        for score in (result.a, result.b)
    ]
    assert result.matched.estimate == pytest.approx(expected[0] - expected[1], abs=1e-12)
    assert any(
        sentence.startswith(
            "Matched neurons: at the 8 neurons that both predict above chance the difference is +"
        )
        for sentence in result.confounds
    )


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
    found = installed_benchmark(by.identifier, by.version, options)
    assert found.options() == options
    assert type(found) is type(by)
    assert installed_benchmark(by.identifier, by.version + 1, options) is None
    assert installed_benchmark("elsewhere", 1, {}) is None
    assert installed_benchmark(by.identifier, by.version, {**options, "unknown": 1}) is None
    if "benchmark_version" in options:
        older = {**options, "benchmark_version": options["benchmark_version"] - 1}
        assert installed_benchmark(by.identifier, by.version, older) is None


def few_subsets(dataset):
    """Two instances of the family of neurons that stands for the ceiling."""
    return FixedFamily(
        "neuron_subset",
        [na.load_model(f"neuron_subset[n=6,seed={seed}]", dataset=dataset) for seed in range(2)],
    )


def test_record_is_json(dataset, pair):
    record = na.compare(*pair, dataset, QUICK, ceiling=few_subsets(dataset), n_resamples=50).to_record()
    read = json.loads(json.dumps(record, allow_nan=False, default=str))
    assert read["verdict"] == "a"
    assert len(read["a"]["instances"]) == 3
    assert read["meets_ceiling"]["a"]["verdict"] in ("yes", "no", "cannot tell")


def test_wrong_calls(dataset, pair):
    with pytest.raises(UsageError, match="both models are true; name two that differ"):
        na.compare(pair[0], pair[0], dataset)
    with pytest.raises(UsageError, match="margin must be a positive number, got 0"):
        na.compare(*pair, dataset, margin=0.0)
    with pytest.raises(
        UsageError, match="n_stimulus_resamples must be at least 2, or 0 for no draws of stimuli, got 1"
    ):
        na.compare(*pair, dataset, n_stimulus_resamples=1)
    with pytest.raises(UsageError, match="permutations and seed must not be negative, got 0, -2 and 0"):
        na.compare(*pair, dataset, n_permutations=-2)


def test_command(capsys, tmp_path, dataset):
    from neuroalign.datasets.folder import write_folder

    write_folder(dataset, tmp_path / "toy")
    arguments = [
        "neuron_subset[n=3]",
        "neuron_subset[n=4]",
        str(tmp_path / "toy"),
        "-b",
        "correlation_ratio[turns=0,predictive_power=false,n_permutations=2]",
    ]
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
