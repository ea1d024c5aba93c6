"""Scores of stimuli that are variants of one image."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from neuroalign import arrays
from neuroalign.benchmarks.held_out_split import split_held_out
from neuroalign.comparison import compare, make_sample
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.metrics import correlation_ratio, fold_labels, lasso_cv, lasso_variance_explained
from neuroalign.models.loading import PrecomputedModel
from neuroalign.results.score import summarise
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.chance import permutation_null
from neuroalign.scoring.evaluate import score
from neuroalign.stats import permutation_p_value


def make(
    sizes,
    *,
    n_neurons=10,
    n_units=8,
    seed=0,
    column=True,
    training=None,
    images=None,
    jitter=0.1,
    signal=0.0,
):
    """Neurons and a model of noise that both see the original and little of the variant.

    With `signal`, neurons follow a unit each.
    """
    rng = np.random.default_rng(seed)
    original = np.repeat(np.arange(len(sizes)), sizes)
    units = rng.standard_normal((len(sizes), n_units))[original]
    units += jitter * rng.standard_normal(units.shape)
    values = (
        rng.standard_normal((len(sizes), n_neurons))[original]
        + signal * units[:, np.arange(n_neurons) % n_units]
    )
    values += 0.3 * rng.standard_normal(values.shape)
    ids = np.array([f"s{index:03d}" for index in range(original.size)])
    table = pd.DataFrame(index=pd.Index(ids))
    if column:
        table["original"] = [f"original_{index}" for index in original]
    if training is not None:
        table["training"] = training
    dataset = Dataset(
        identifier="variants",
        recording=arrays.recording(values, stimulus_id=ids, neuroid_id=[f"n{j}" for j in range(n_neurons)]),
        stimuli=StimulusSet("variants", table, images),
        averaged=True,
    )
    latents = xr.DataArray(units, dims=("stimulus", "unit"), coords={"stimulus": ids})
    return PrecomputedModel(latents, "noise"), dataset


def arrays_of(model, dataset):
    return model.latents(dataset.stimuli).values, dataset.responses.values


FORTY = [5] * 40
FEW = "only {}: the one-standard-error rule leaves few weights; compare rule=min"


def test_noise_does_not_explain_variants():
    model, dataset = make(FORTY, n_units=50)
    grouped = score(model, dataset, "variance_explained", use_cache=False)
    assert -0.1 < grouped.value < 0.02
    # Folds that split variants explain noise; groups prevent this.
    leaking = lasso_variance_explained(*arrays_of(model, dataset), folds=fold_labels(200, 10))
    assert leaking.per_neuron.mean() > 0.3
    assert grouped.provenance["n_stimuli"] == 200
    assert grouped.provenance["n_originals"] == 40
    assert list(grouped.notes) == [
        "only averages over trials are known, so the ceiling and the noise correction are missing",
        "folds keep the 40 originals together",
        FEW.format("40 originals"),
    ]


def test_the_fit_of_alignment_keeps_originals_in_one_fold():
    model, dataset = make([5] * 60, signal=1.0)
    result = score(model, dataset, use_cache=False)
    units, responses = arrays_of(model, dataset)
    folds = fold_labels(300, 10, groups=np.repeat(np.arange(60), 5))
    fit = lasso_cv(units, responses, folds=folds)
    np.testing.assert_array_equal(result.data["weights"].values, fit.weights)
    split = lasso_cv(units, responses, folds=fold_labels(300, 10))
    assert (split.lambda_ < fit.lambda_).all()
    assert (result.provenance["n_originals"], list(result.notes)) == (
        60,
        ["folds keep the 60 originals together"],
    )


def test_without_variants_folds_and_shuffles_are_those_of_single_stimuli():
    model, dataset = make([1] * 80, column=False)
    units, responses = arrays_of(model, dataset)
    explained = score(model, dataset, "variance_explained", use_cache=False)
    expected = lasso_variance_explained(units, responses, folds=fold_labels(80, 10))
    np.testing.assert_array_equal(explained.data["variance_explained"].values, expected.per_neuron)
    assert "n_originals" not in explained.provenance
    ratio = score(model, dataset, "correlation_ratio[n_permutations=3,seed=4]", use_cache=False)
    rng = np.random.default_rng(4)
    shuffled = [correlation_ratio(units[rng.permutation(80)], responses).score for _ in range(3)]
    assert ratio.null == np.mean(shuffled)
    decoded = score(model, dataset, "decoding[seed=2,held_out=0.2]", use_cache=False)
    rows = np.sort(np.random.default_rng(2).permutation(80)[:16])
    assert decoded.data["stimulus"].values.tolist() == [f"s{row:03d}" for row in rows]
    # A column that names each stimulus as its own original changes nothing.
    _, named = make([1] * 80)
    assert named.content_hash == dataset.content_hash
    for first, name in ((explained, "variance_explained"), (decoded, "decoding[seed=2,held_out=0.2]")):
        second = score(model, named, name, use_cache=False)
        assert (second.value, second.error, second.notes) == (first.value, first.error, first.notes)


def test_too_few_originals_for_the_folds_are_an_error_that_says_what_to_do():
    model, dataset = make([5] * 7)
    with pytest.raises(UsageError) as caught:
        score(model, dataset, use_cache=False)
    assert str(caught.value) == (
        "n_folds must be from 2 to the number of groups of stimuli, 7, got 10; variants of one original form one "
        "group: choose n_folds=7 or fewer"
    )
    assert np.isfinite(score(model, dataset, "alignment[n_folds=7]", use_cache=False).value)


def test_few_stimuli_leave_few_weights_by_the_rule_of_one_standard_error():
    model, dataset = make([1] * 21, column=False)
    said = FEW.format("21 stimuli")
    assert said in score(model, dataset, use_cache=False).notes
    assert said in score(model, dataset, "variance_explained", use_cache=False).notes
    assert not any("only" in note for note in score(model, dataset, "alignment[rule=min]").notes)
    enough, others = make([1] * 50, column=False)
    assert list(score(enough, others, "alignment[rule=min]", use_cache=False).notes) == []
    assert not any("stimuli" in note for note in score(enough, others, use_cache=False).notes)


def test_equal_images_are_one_original():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    images = {f"s{index:03d}": pictures[index // 5] for index in range(200)}
    model, dataset = make(FORTY, column=False, images=images)
    _, marked = make(FORTY)
    result = score(model, dataset, "variance_explained", use_cache=False)
    assert result.value == score(model, marked, "variance_explained", use_cache=False).value
    assert result.provenance["n_originals"] == 40
    assert list(result.notes[1:3]) == [
        "folds keep the 40 originals together",
        "200 stimuli share their image with another stimulus byte for byte: equal images count as one original",
    ]


def test_decoding_holds_out_whole_originals():
    model, dataset = make([5] * 100)
    result = score(model, dataset, "decoding[n_permutations=2,turns=0]", use_cache=False)
    groups = dataset.stimuli.groups(dataset.stimuli.ids)
    held_out = np.isin(dataset.stimuli.ids, result.data["stimulus"].values)
    assert held_out.sum() == 50
    assert not set(groups[held_out]) & set(groups[~held_out])
    chosen = np.random.default_rng(0).permutation(100)[:10]
    assert set(groups[held_out]) == set(chosen)
    assert result.provenance["n_originals"] == 100
    assert (result.provenance["n_held_out"], result.provenance["n_held_out_originals"]) == (50, 10)
    by_original = result.data["cosine_distance"].values.reshape(10, 5).mean(axis=1)
    assert result.error == pytest.approx(by_original.std(ddof=1) / np.sqrt(10), rel=1e-12)
    assert result.error_over == "originals"
    assert list(result.notes) == [
        "50 stimuli decoded",
        "fit and held-out stimuli keep the 100 originals together",
        "shuffles keep the 10 originals together",
        "the dataset marks no held-out stimuli: a model fitted to its images has seen these",
    ]


def test_decoding_leaves_out_marked_stimuli_that_have_variants_among_the_fitted():
    training = np.ones(300, dtype=bool)
    training[[0, 1, 2, 3, 4, 5]] = False
    training[60:120] = False
    model, dataset = make([5] * 60, training=training)
    result = score(model, dataset, "decoding[n_permutations=0]", use_cache=False)
    # All five variants of the first original are held out, and one of the second: that one is not decoded.
    decoded = [*range(5), *range(60, 120)]
    assert result.data["stimulus"].values.tolist() == [f"s{row:03d}" for row in decoded]
    assert "1 held-out stimuli are variants of stimuli that models are fitted to: left out" in result.notes
    fitted = np.delete(np.arange(300), [*decoded, 5])
    split = split_held_out(dataset, dataset.responses["stimulus"].values)
    np.testing.assert_array_equal(np.flatnonzero(split.fitted), fitted)
    # A model may have been trained on variants that were not recorded.
    unrecorded = dataset.recording.isel(presentation=np.r_[0:60, 61:300])
    training[60] = True
    _, marked = make([5] * 60, training=training)
    split = split_held_out(replace(marked, recording=unrecorded), np.unique(unrecorded["stimulus_id"].values))
    assert split.n_left_out == 1 + 4
    straddling = np.ones(300, dtype=bool)
    straddling[::5] = False
    _, leaking = make([5] * 60, training=straddling)
    with pytest.raises(UsageError) as caught:
        score(model, leaking, "decoding", use_cache=False)
    assert str(caught.value) == (
        "decoding needs at least 3 held-out originals and 3 other stimuli, got 0 and 240 (60 others are "
        "variants of stimuli that models are fitted to: mark whole originals); mark others in the dataset, or "
        "where no stimuli are marked choose another held_out"
    )


@pytest.mark.parametrize(("n", "doubt"), [(2, None), (3, True), (9, True), (10, False)])
def test_decoding_of_few_stimuli_is_refused_or_doubted(n, doubt):
    model, dataset = make([1] * 100, training=np.arange(100) >= n)
    if doubt is None:
        with pytest.raises(
            UsageError, match="at least 3 held-out stimuli and 3 other stimuli, got 2 and 98;"
        ):
            score(model, dataset, "decoding", use_cache=False)
        return
    notes = score(model, dataset, "decoding", use_cache=False).notes
    assert (f"only {n} stimuli: the distance is unreliable" in notes) is doubt


class Strongest(Benchmark):
    """The largest correlation of a unit with a neuron."""

    identifier = "strongest"

    def score(self, model, dataset, *, join="exact"):
        latents, responses = self.align(model, dataset, join=join)
        value = strongest(latents.values, responses.values)
        return self.make_score(model, dataset, value=value, error=np.nan, error_over="")


def strongest(units, responses):
    return float(np.abs(np.corrcoef(units.T, responses.T)[: units.shape[1], units.shape[1] :]).max())


@pytest.mark.slow
def test_shuffles_of_variants_are_calibrated():
    """Each p-value of a model of noise is as likely as any other; shuffles of single stimuli reject too often."""
    grouped, single = [], []
    for seed in range(60):
        model, dataset = make([4] * 15, n_neurons=3, n_units=4, seed=seed)
        shuffled = permutation_null(Strongest(), model, dataset, n_permutations=39, seed=seed)
        units, responses = arrays_of(model, dataset)
        value, rng = strongest(units, responses), np.random.default_rng(seed)
        grouped.append(permutation_p_value(value, shuffled))
        split = [strongest(units[rng.permutation(60)], responses) for _ in range(39)]
        single.append(permutation_p_value(value, split))
    # Uniform on 1/40, 2/40, …, 1; a jitter makes it continuous.
    spread = np.array(grouped) - np.random.default_rng(0).uniform(0, 1 / 40, 60)
    assert kstest(spread, "uniform").pvalue > 0.05
    assert np.mean(np.array(grouped) <= 0.05) <= 0.1
    assert np.mean(np.array(single) <= 0.05) > 0.3


def test_shuffles_say_which_originals_keep_their_place():
    model, dataset = make([2] * 60 + [3])
    result = score(
        model, dataset, "correlation_ratio[n_permutations=2,turns=0]", use_cache=False, n_permutations=2
    )
    assert list(result.notes) == [
        "shuffles keep the 61 originals together",
        "1 of 61 originals keep their place in shuffles: no other one has as many variants",
    ]
    model, dataset = make([2, 3, 4, 5, 6])
    ratio = score(model, dataset, "correlation_ratio[turns=0]", use_cache=False)
    assert np.isnan(ratio.null)
    assert "variance_explained" not in ratio.beside
    assert ratio.notes[0] == "no variance explained: 5 originals are too few for 10 folds"
    assert ratio.notes[-1] == (
        "no two of the 5 originals have equally many variants, so stimuli cannot be shuffled: the level of chance is "
        "not known"
    )
    with pytest.raises(UsageError, match="the 5 originals all differ in their number of variants"):
        score(model, dataset, "correlation_ratio", use_cache=False, n_permutations=2)


def test_the_bootstrap_draws_originals():
    model, dataset = make(FORTY, signal=1.0)
    result = score(model, dataset, "stimulus_bootstrap[n_draws=3,seed=3]", use_cache=False)
    benchmark = load_benchmark("alignment")
    latents, responses = benchmark.align(model, dataset)
    drawn = np.random.default_rng([3, 1]).integers(40, size=40)
    rows = (5 * drawn[:, None] + np.arange(5)).ravel()
    refit = benchmark.resampling("value").refit(latents, responses, dataset, rows)
    np.testing.assert_array_equal(result.data["terms"].values[1], refit.terms)
    assert (result.error_over, result.provenance["n_originals"]) == ("originals", 40)
    assert list(result.notes) == ["of alignment", "draws and folds keep the 40 originals together"]


def test_controls_and_families_say_that_originals_stay_together():
    model, dataset = make([5] * 60, signal=1.0)
    control = score(model, dataset, "linear_recombination[n_draws=1]", use_cache=False)
    assert list(control.notes) == ["of alignment", "both scores keep the 60 originals together"]
    assert control.provenance["n_originals"] == 60
    alone = replace(
        score(model, dataset, use_cache=False), notes=("of one only", *score(model, dataset).notes)
    )
    family = summarise([alone, score(model, dataset, use_cache=False)], family="noise")
    assert list(family.notes) == ["mean over 2 instances", "folds keep the 60 originals together"]


def test_samples_count_originals():
    model, dataset = make(FORTY, signal=1.0)
    fitted = score(model, dataset, "variance_explained", use_cache=False)
    drawn = score(
        model, dataset, "stimulus_bootstrap[benchmark=variance_explained,n_draws=2]", use_cache=False
    )
    resampling = load_benchmark("variance_explained").resampling()
    sample = make_sample([fitted], resampling, bootstraps={fitted.model: drawn})
    assert sample.of_stimuli.n_originals == 40


def test_a_comparison_draws_originals():
    model, dataset = make(FORTY, signal=1.0)
    other = PrecomputedModel(model.latents(dataset.stimuli)[:, 3:], "fewer")
    compared = compare(
        model,
        other,
        dataset,
        "variance_explained",
        ceiling=None,
        n_resamples=50,
        n_stimulus_resamples=3,
        use_cache=False,
    )
    by_name = {inference.over: inference for inference in compared.generalisations}
    # 40 originals, not 200 stimuli.
    assert by_name["stimuli"].n == "40"
    assert by_name["neurons and stimuli"].n == "10 × 40"


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_stimuli_changes_no_score(random, with_variants):
    model, dataset = make([3] * 40 if with_variants else [1] * 120, n_neurons=5, n_units=4, signal=1.0)
    order, others = list(range(120)), list(range(120))
    random.shuffle(order)
    random.shuffle(others)
    stimuli = StimulusSet("variants", dataset.stimuli.table.iloc[order])
    moved = replace(dataset, recording=dataset.recording.isel(presentation=others), stimuli=stimuli)
    latents = model.latents(dataset.stimuli).isel(stimulus=order)
    moved_model = PrecomputedModel(latents, "noise")
    for name in (
        "alignment[turns=2]",
        "variance_explained",
        "correlation_ratio[turns=2]",
        "decoding[turns=2]",
    ):
        first = score(model, dataset, name, use_cache=False, n_permutations=1)
        second = score(moved_model, moved, name, use_cache=False, n_permutations=1)
        assert (first.value, first.error, first.null) == (second.value, second.error, second.null)
        xr.testing.assert_identical(first.data, second.data)
        assert first.notes == second.notes
