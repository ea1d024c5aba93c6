"""Comparison of two models: numbers, tests, ceiling and records."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import neuroalign as na
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.cli import run
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.metrics import completeness, completeness_at
from neuroalign.metrics import reliability as split_half
from neuroalign.model_zoo.neuron_subset import NeuronSubset
from neuroalign.models.model import FixedFamily
from neuroalign.reporting.text.comparison import format_comparison
from neuroalign.results.score import summarise
from neuroalign.scoring.cautions import cautions
from neuroalign.stats import bootstrap_weighted_difference
from neuroalign.testing import make_dataset

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


@pytest.fixture(autouse=True)
def few_subsets_of_each_size(monkeypatch):
    """Let the ceiling be two subsets of neurons of each size; ten would only take longer."""
    monkeypatch.setattr(NeuronSubset, "n_subsets", 2)


def test_numbers_are_those_of_the_tests_by_themselves(dataset, pair):
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=500, seed=3)
    values = [[instance.value for instance in score.instances] for score in (result.a, result.b)]
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
    over = [test.over for test in result.generalisations]
    assert over == [
        "instances",
        "neurons",
        "stimuli",
        "neurons and stimuli",
        "instances, neurons and stimuli",
    ]
    assert all(math.isfinite(test.p) for test in result.generalisations)
    again = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100, n_stimulus_resamples=5)
    assert again.to_record()["generalisations"] == result.to_record()["generalisations"]


def test_dead_units_are_said_to_explain_what_they_explain(make_family, dataset):
    # The same units, and a hundred dead ones beside them: nothing but the base of the logarithm differs.
    plain, padded = (
        make_family(dataset, "plain", 2, mixed=True),
        make_family(dataset, "padded", 2, mixed=True, dead=100),
    )
    result = na.compare(padded, plain, dataset, QUICK, ceiling=None, n_resamples=50)
    assert result.difference > 0.2
    converted = np.mean([completeness_at(instance.value, 4, 104) for instance in result.b.instances])
    assert result.a.value == pytest.approx(converted)
    (common,) = result.others
    assert common.statistic.label == "alignment C at D = 104"
    assert common.means["a"] == pytest.approx(common.means["b"])
    assert common.test.estimate == pytest.approx(0.0, abs=1e-12)
    text = " ".join(format_comparison(result).split())
    assert f"alignment C at D = 104: {result.a.value:.3f} against {result.a.value:.3f}, difference" in text
    assert not any("logarithm" in sentence for sentence in result.confounds)


def test_another_statistic_is_compared_where_it_is_named(make_family, dataset):
    plain, padded = (
        make_family(dataset, "plain", 2, mixed=True),
        make_family(dataset, "padded", 2, mixed=True, dead=100),
    )
    result = na.compare(
        padded,
        plain,
        dataset,
        QUICK,
        statistic="at_common_d",
        ceiling=make_family(dataset, "true", 2, mixed=False),
        n_resamples=50,
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


def test_at_one_d_the_common_d_is_not_named(dataset, pair):
    assert na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=50).others == []


def test_chance_of_few_units(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[turns=0]", ceiling=None)
    assert [other.statistic.label for other in result.others] == ["unit proportion"]
    assert result.confounds[0].startswith("Chance at small D: true has 4 informative units, turned 4")


def test_a_benchmark_that_is_no_mean_over_neurons_says_so(dataset, pair):
    result = na.compare(*pair, dataset, "correlation_ratio[aggregate=unit_max,turns=0]", ceiling=None)
    assert [test.over for test in result.generalisations] == ["instances", "neurons", "stimuli"]
    assert result.generalisations[1].reason == (
        "correlation_ratio with aggregate=unit_max takes the maximum over neurons, which drawn neurons do not vary "
        "enough for a bootstrap"
    )


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
    assert {outcome.verdict for outcome in result.meets_ceiling.values()} == {"yes"}
    assert result.meets_ceiling["a"].difference == pytest.approx(result.a.value - result.ceiling.value)


def test_what_is_exceeded_is_no_ceiling(make_family, dataset, pair):
    poor = make_family(dataset, "poor", 4, mixed=True, dead=3)
    result = na.compare(*pair, dataset, QUICK, ceiling=poor, n_resamples=50)
    assert result.meets_ceiling["a"].verdict == "no"
    assert result.meets_ceiling["a"].difference > 0.05
    text = " ".join(format_comparison(result).split())
    assert "true: the model scores above it, so poor is not an upper bound here; the 90 % interval" in text


def test_single_models_have_no_spread_of_instances(dataset, pair):
    first, second = (item.instances(dataset)[0] for item in pair)
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


def sized(make_family, dataset, name, *, mixed):
    """A family of members that differ in a size and have no seed."""
    members = [
        na.as_model(model.latents(dataset.stimuli), identifier=f"{name}[n={index}]")
        for index, model in enumerate(make_family(dataset, name, 4, mixed=mixed).instances(dataset))
    ]
    return FixedFamily(name, members)


@pytest.mark.slow
def test_sizes_are_no_sample_of_instances(make_family, dataset, pair, monkeypatch, tmp_path):
    # Stored scores keep the declaration of the family that they were scored in.
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path))
    true = sized(make_family, dataset, "true", mixed=False)
    turned = sized(make_family, dataset, "turned", mixed=True)
    both = na.compare(true, turned, dataset, QUICK, ceiling=None, n_resamples=300)
    why = "its sizes are not a sample of instances, so it is tested over neurons only"
    assert both.why_no_samples == {"a": f"true has no seed: {why}", "b": f"turned has no seed: {why}"}
    assert [(test.over, math.isfinite(test.p)) for test in both.generalisations] == [
        ("instances", False),
        ("neurons", True),
        ("stimuli", False),
    ]
    text = " ".join(format_comparison(both).split())
    assert (
        "true and turned have no seeds: their sizes are not a sample of instances, so they are tested" in text
    )
    # In a comparison with a family with seeds, the variance over instances is the variance of this family.
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


def test_a_comparison_lists_its_cautions(dataset, pair):
    result = na.compare(*pair, dataset, QUICK, ceiling=None, n_resamples=100)
    assert result.cautions == {"a": cautions(result.a), "b": cautions(result.b)}
    assert result.reliability == pytest.approx(np.median(split_half(dataset.trials).per_neuron))
    assert result.to_record()["reliability"] == result.reliability
    assert f"Reliability: {result.reliability:.2f} for the median neuron; noise raises C" in " ".join(
        result.confounds
    )
    beside = {"variance_explained": 0.01, "explained_share": 0.02}
    instances = [replace(score, beside={**score.beside, **beside}) for score in result.a.instances]
    weak = replace(
        result, a=summarise(instances, family="true"), cautions={"a": ["explains no variance"], "b": []}
    )
    lines = format_comparison(weak).splitlines()
    assert lines[2:4] == ["caution: true: explains no variance.", ""]
    assert next(line for line in lines if line.startswith("A ")).split()[1:3] == ["true", "!"]
    assert next(line for line in lines if line.startswith("B ")).split()[2] != "!"
    assert weak.to_record()["cautions"] == {"a": ["explains no variance"], "b": []}


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
    with pytest.raises(UsageError, match="n_stimulus_resamples must be at least 2, or 0 for no draws"):
        na.compare(*pair, dataset, n_stimulus_resamples=1)
    with pytest.raises(UsageError, match="permutations and seed must not be negative, got 0, -2 and 0"):
        na.compare(*pair, dataset, n_permutations=-2)


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_of_a_comparison_is_wider_than_the_terminal(pair, dataset, width):
    result = na.compare(*pair, dataset, "alignment[turns=3]", ceiling=few_subsets(dataset), n_resamples=50)
    lines = format_comparison(result, width=width).splitlines()
    # A table of scores needs 80 letters.
    assert max(map(len, lines)) <= max(width, 80)
    sentences = lines[lines.index("Other possible explanations") :]
    assert max(map(len, sentences)) <= width


def test_command(capsys, tmp_path, dataset, monkeypatch):
    from neuroalign.datasets.folder import write_folder

    monkeypatch.setenv("COLUMNS", "80")
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
    assert max(map(len, text.splitlines())) <= 80
    assert "Does it meet the ceiling?" in text
    assert run(["compare", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["benchmark"] == "correlation_ratio"
    assert run(["compare", "neuron_subset[n=3]", "neuron_subset[n=3]", str(tmp_path / "toy")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "name two that differ" in error


def test_a_fitted_model_has_the_images_of_the_dataset():
    class Network:
        identifier = "network"
        trained_on = "photographs"

        def latents(self, stimuli):
            return factors.latents(stimuli)

    dataset = make_dataset(n_stimuli=60, n_neurons=8)
    factors = na.load_model("factors", dataset=dataset)
    result = na.compare(Network(), "pca[n=4]", dataset, "linear", ceiling=None, use_cache=False)
    assert (
        "Training images: network was trained on photographs, pca[n=4] was fitted to the stimuli of "
        f"{dataset.identifier}; the images may explain the difference."
    ) in result.confounds
    # Two single models share one sentence.
    assert "network and pca[n=4] are single models, so they are tested over neurons only." in " ".join(
        format_comparison(result, width=200).split()
    )
