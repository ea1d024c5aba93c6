"""Scores of all benchmarks on neurons with known tuning."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from scipy.stats import special_ortho_group

from neuroalign import arrays
from neuroalign.errors import StimulusMismatchError, UnknownNameError, UsageError
from neuroalign.models.loading import as_model
from neuroalign.models.wrapped import PrecomputedModel
from neuroalign.scoring.benchmark import (
    Benchmark,
    load_benchmark,
    make_benchmark,
    self_pairs,
)
from neuroalign.scoring.evaluate import score

ALL = [
    "alignment",
    "variance_explained",
    "correlation_ratio",
    "linear_recombination[n_draws=2]",
    "stimulus_bootstrap[n_draws=2]",
    "decoding",
]


def factors_of(dataset, rotation=None):
    values = dataset.factors.to_numpy()
    if rotation is not None:
        values = values @ rotation
    return PrecomputedModel(
        xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids}), "factors"
    )


def noise(dataset, n_units=6, seed=0):
    values = np.random.default_rng(seed).standard_normal((len(dataset.stimuli), n_units))
    return PrecomputedModel(
        xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids}), "noise"
    )


@pytest.mark.parametrize("name", ALL)
def test_order_of_stimuli_does_not_change_a_bit(name, dataset):
    model = factors_of(dataset)
    shuffled = np.random.default_rng(1).permutation(len(dataset.stimuli))
    latents = model.latents(dataset.stimuli)

    class Shuffled:
        identifier = "factors"

        def latents(self, stimuli):
            return latents.isel(stimulus=shuffled)

    first = score(model, dataset, name, use_cache=False)
    second = score(Shuffled(), dataset, name, use_cache=False)
    assert first.value == second.value
    xr.testing.assert_identical(first.data, second.data)


@pytest.mark.parametrize("name", ALL)
def test_pure_noise_gives_finite_numbers_near_chance(name, dataset):
    result = score(noise(dataset), dataset, name, use_cache=False)
    if name.startswith("linear_recombination"):
        # Noise predicts no neuron at all, so that there is no drop.
        assert np.isnan(result.value)
        return
    assert np.isfinite(result.value)
    good = score(factors_of(dataset), dataset, name, use_cache=False)
    gain = good.value - result.value if result.higher_is_better else result.value - good.value
    assert gain > 0.1


@pytest.mark.parametrize("name", ALL)
def test_record_has_what_a_reader_needs(name, dataset):
    result = score(factors_of(dataset), dataset, name, use_cache=False)
    record = result.to_record()
    assert record["model"] == "factors"
    assert record["dataset"] == dataset.identifier
    assert record["benchmark"] == load_benchmark(name).identifier
    assert record["provenance"]["dataset_hash"] == dataset.content_hash
    assert record["provenance"]["simulated"] is True
    assert record["options"]
    assert all(isinstance(value, float | int) for value in record["beside"].values())


def test_numbers_without_which_a_score_misleads(dataset):
    model = factors_of(dataset)
    alignment = score(model, dataset, "alignment", use_cache=False)
    assert alignment.beside["D"] == 4
    assert alignment.beside["effective_units"] == pytest.approx(1.0, abs=0.05)
    assert alignment.beside["neurons_without_weight"] == 0
    ratio = score(model, dataset, "correlation_ratio[turns=0,predictive_power=False]", use_cache=False)
    corrected = (ratio.value - 1 / 4) / (1 - 1 / 4)
    assert ratio.beside == {
        "informative_units": 4,
        "unit_proportion": 1.0,
        "corrected_for_1_D": pytest.approx(corrected),
    }
    assert set(score(model, dataset, "correlation_ratio[turns=2]", use_cache=False).beside) == {
        *ratio.beside,
        *("axis_index", "axis_index_error", "axis_index_p", "axis_index_special"),
        *("regenerated", "turned", "turned_sd"),
        *("variance_explained", "explained_share", "predicted_neurons", "reliability"),
    }
    recombined = score(model, dataset, "linear_recombination[n_draws=2]", use_cache=False)
    assert recombined.value == pytest.approx(recombined.beside["native"] - recombined.beside["recombined"])
    explained = score(model, dataset, "variance_explained", use_cache=False)
    assert explained.beside["median_noise_corrected_r2"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alignment[turns=0]", "correlation_ratio[turns=0]"])
def test_axes_matter_only_where_neurons_have_axes(name, dataset_factory):
    rotations = [special_ortho_group.rvs(4, random_state=seed) for seed in range(3, 8)]
    gaps = {}
    for mixed in (False, True):
        dataset = dataset_factory(n_stimuli=300, n_neurons=24, tuning="mixed" if mixed else "single")
        native = score(factors_of(dataset), dataset, name, use_cache=False).value
        rotated = [
            score(factors_of(dataset, rotation), dataset, name, use_cache=False).value
            for rotation in rotations
        ]
        gaps[dataset.identifier] = native - np.mean(rotated)
    assert gaps["single"] > 0.25
    assert abs(gaps["mixed"]) < 0.1


def test_alignment_of_the_truth_is_nearly_one(dataset):
    result = score(factors_of(dataset), dataset, "alignment", use_cache=False)
    assert result.value > 0.95
    assert result.data["weights"].shape == (4, 12)
    best = np.abs(result.data["weights"]).argmax("unit").values
    np.testing.assert_array_equal(best, np.arange(12) % 4)


def test_variance_explained_approaches_the_ceiling(dataset_factory):
    dataset = dataset_factory(n_stimuli=400, noise=1.0)
    result = score(factors_of(dataset), dataset, "variance_explained", use_cache=False)
    # The mean of three trials has signal variance 1 and noise variance 1/3.
    assert result.value == pytest.approx(0.75, abs=0.06)
    assert result.ceiling == pytest.approx(0.75, abs=0.06)
    assert float(result.data["noise_corrected_r2"].median()) == pytest.approx(1.0, abs=0.05)


def test_recombination_lowers_the_native_score(dataset):
    result = score(factors_of(dataset), dataset, "linear_recombination", use_cache=False)
    assert result.value > 0.1
    assert result.data["recombined"].sizes == {"draw": 5}
    native = score(factors_of(dataset), dataset, "alignment", use_cache=False)
    assert float(result.data["native"]) == native.value
    np.testing.assert_allclose(result.data["drop"], native.value - result.data["recombined"])


def test_recombination_rotates_by_default_and_knows_no_chance_of_positive_mixtures(dataset):
    model = factors_of(dataset)
    rotated = score(model, dataset, "linear_recombination[n_draws=1]", use_cache=False)
    assert (rotated.options["kind"], rotated.null, rotated.benchmark_version) == ("orthogonal", 0.0, 2)
    assert list(rotated.notes) == ["of alignment"]
    mixed = score(model, dataset, "linear_recombination[n_draws=1,kind=abs_gaussian]", use_cache=False)
    assert np.isnan(mixed.null)
    assert mixed.notes[1].startswith(
        "level of chance unknown: mixing with positive weights lowers alignment by itself"
    )


def test_mixtures_that_no_unit_predicts_give_no_drop(dataset, monkeypatch):
    model = factors_of(dataset)
    wrapped = type(load_benchmark("alignment"))
    whole = wrapped.score
    calls = []

    def dead(self, model, dataset, **options):
        made = whole(self, model, dataset, **options)
        calls.append(made)
        if len(calls) in lost:
            beside = {**made.beside, "neurons_without_weight": dataset.responses.sizes["neuroid"]}
            return replace(made, value=0.0, beside=beside)
        return made

    monkeypatch.setattr(wrapped, "score", dead)
    name = "linear_recombination[n_draws=2]"
    lost = {2, 3}
    # Nothing is stored, because a stored score would be compared with the next one.
    gone = score(model, dataset, name, use_cache=False)
    assert np.isnan([gone.value, gone.beside["recombined"]]).all()
    assert gone.notes[1] == (
        "no unit predicts any mixture in 2 of 2 sets of mixtures: the drop cannot be measured"
    )
    # The record holds no NaN, which JSON lacks.
    assert gone.provenance["recombined"] == [None, None]
    calls.clear()
    lost = {3}
    part = score(model, dataset, name, use_cache=False)
    assert part.value == pytest.approx(part.beside["native"] - part.provenance["recombined"][0])
    assert part.notes[1] == "no unit predicts any mixture in 1 of 2 sets of mixtures: they are left out"
    calls.clear()
    lost = {1}
    native = score(model, dataset, name, use_cache=False)
    assert np.isnan(native.value)
    assert native.notes[1] == "no unit predicts any neuron, so the score cannot drop"


def test_alignment_has_the_unweighted_mean_beside_it(dataset):
    result = score(factors_of(dataset), dataset, "alignment", use_cache=False)
    assert result.beside["unweighted_mean"] == pytest.approx(float(result.data["alignment"].mean()))
    strength = np.abs(result.data["weights"].values).sum(axis=0)
    assert result.value == pytest.approx(np.average(result.data["alignment"].values, weights=strength))


def test_recombination_wraps_any_benchmark(dataset):
    wrapped = load_benchmark("linear_recombination[benchmark=correlation_ratio,kind=orthogonal,n_draws=2]")
    result = score(factors_of(dataset), dataset, wrapped, use_cache=False)
    native = score(factors_of(dataset), dataset, "correlation_ratio", use_cache=False)
    assert float(result.data["native"]) == native.value
    assert "correlation_ratio[" in result.options["benchmark"]
    with pytest.raises(UsageError, match="cannot wrap itself"):
        load_benchmark("linear_recombination[benchmark=linear_recombination]")


def test_a_new_version_of_the_wrapped_benchmark_is_another_score(dataset, monkeypatch):
    name = "linear_recombination[benchmark=correlation_ratio,n_draws=2]"
    wrapped = load_benchmark(name)
    before = score(noise(dataset), dataset, name).options
    monkeypatch.setattr(type(load_benchmark("correlation_ratio")), "version", 99)
    after = score(noise(dataset), dataset, name).options
    assert before != after
    assert after["benchmark_version"] == 99
    # An instance that is registered is taken with its options, the wrapped benchmark among them.
    again = make_benchmark("mine", wrapped, {"n_draws": 3})
    assert (again.benchmark, again.n_draws) == ("correlation_ratio", 3)


def test_missing_stimuli_are_an_error_unless_the_intersection_is_asked_for(dataset):
    latents = factors_of(dataset).latents(dataset.stimuli).isel(stimulus=slice(10, None))
    model = PrecomputedModel(latents, "most")
    with pytest.raises(StimulusMismatchError, match=r"missing for 10 recorded stimuli of 120: s000, s001"):
        score(model, dataset, "alignment")
    assert score(model, dataset, "alignment", join="intersection").provenance["n_stimuli"] == 110


def test_a_neuron_does_not_predict_itself(dataset):
    responses = dataset.responses
    latents = arrays.latents(
        responses.values,
        stimulus=responses["stimulus"].values,
        neuroid=responses["neuroid"].values,
        attrs={"neuroids_of": dataset.content_hash},
    )

    class Neurons:
        identifier = "neurons"

        def latents(self, stimuli):
            return latents

    np.testing.assert_array_equal(self_pairs(latents, responses, dataset), np.arange(12))
    excluded = score(as_model(Neurons()), dataset, "alignment", use_cache=False)
    included = score(as_model(Neurons()), dataset, "alignment[self_pairs=include]", use_cache=False)
    assert np.all(np.diag(excluded.data["weights"]) == 0)
    assert included.value > excluded.value
    assert included.value > 0.9
    recombined = score(as_model(Neurons()), dataset, "linear_recombination[n_draws=1]", use_cache=False)
    assert any("units of the model" in note for note in recombined.notes)
    assert not score(factors_of(dataset), dataset, "linear_recombination[n_draws=1]").notes[1:]
    ratio = score(as_model(Neurons()), dataset, "correlation_ratio", use_cache=False)
    assert (ratio.data["best_unit"].values.astype(int) != np.arange(12)).all()


def test_decoding_says_why_it_held_out_others_than_the_dataset_marks(dataset, dataset_factory):
    training = dataset.stimuli.table["training"].to_numpy()
    latents = factors_of(dataset).latents(dataset.stimuli).isel(stimulus=training)
    result = score(PrecomputedModel(latents, "m"), dataset, "decoding", join="intersection", use_cache=False)
    assert result.notes[1].startswith(
        "the held-out stimuli that the dataset marks have no latents and responses"
    )
    unmarked = dataset_factory()
    unmarked.stimuli.table["training"] = True
    result = score(factors_of(unmarked), unmarked, "decoding", use_cache=False)
    assert result.notes[1].startswith("the dataset marks no held-out stimuli")


def test_rounding_of_a_constant_is_not_decoded(dataset):
    latents = factors_of(dataset).latents(dataset.stimuli)
    unit = np.full(len(latents), 0.3)
    unit[1] = 0.1 + 0.2
    unit[dataset.stimuli.table["training"].to_numpy() == 0] += 1e-9
    padded = arrays.latents(np.column_stack([latents, unit]), stimulus=latents["stimulus"].values)
    alone = score(PrecomputedModel(latents, "m"), dataset, "decoding", use_cache=False)
    result = score(PrecomputedModel(padded, "m"), dataset, "decoding", use_cache=False)
    assert result.value == pytest.approx(alone.value, abs=1e-6)


def test_error_of_the_ratio_is_that_of_its_aggregate(dataset):
    model = noise(dataset)
    by_neuron = score(model, dataset, "correlation_ratio[aggregate=neuron_mean]", use_cache=False)
    ratios = by_neuron.data["correlation_ratio"].values
    assert by_neuron.error == pytest.approx(ratios.std(ddof=1) / np.sqrt(12))
    by_unit = score(model, dataset, "correlation_ratio", use_cache=False)
    best = by_unit.data["best_unit"].values
    without = []
    for neuron in range(12):
        kept = np.arange(12) != neuron
        units = np.unique(best[kept])
        without.append(np.mean([ratios[kept & (best == unit)].mean() for unit in units]))
    assert by_unit.error == pytest.approx(np.sqrt(11 * np.var(without)))
    assert by_unit.error != pytest.approx(by_neuron.error, rel=0.1)


def test_a_neuron_without_variance_has_no_best_unit(dataset):
    values = dataset.responses.values.copy()
    values[10:, 3] = 1.0
    constant_later = dataset.with_responses(dataset.responses.copy(data=values))
    model = PrecomputedModel(factors_of(dataset).latents(dataset.stimuli).isel(stimulus=slice(10, None)), "m")
    result = score(model, constant_later, "correlation_ratio", join="intersection", use_cache=False)
    assert result.data["best_unit"].values[3] == ""
    assert (result.data["best_unit"].values[:3] == ["0", "1", "2"]).all()
    assert result.notes[0].startswith("1 neurons are left out: they have no variance")


def test_options_are_checked():
    with pytest.raises(UsageError, match=r"^alignment: rule must be 1se or min, got 'max'$"):
        load_benchmark("alignment[rule=max]")
    with pytest.raises(UnknownNameError, match="did you mean n_lambdas"):
        load_benchmark("alignment[n_lambda=3]")
    with pytest.raises(UsageError, match="n_permutations must be a whole number of at least 0, got -3"):
        load_benchmark("correlation_ratio[n_permutations=-3]")
    assert load_benchmark("alignment[n_units=12]").n_units == 12


def test_options_of_a_registered_class_have_its_declared_types():
    @dataclass(frozen=True, kw_only=True)
    class Third(Benchmark):
        identifier: ClassVar[str] = "third"
        windows: tuple[int, ...] = (1, 2)
        scale: float = 0.5
        offset: int = 0
        transform: Callable[[float], float] | None = None
        area: str

        def score(self, model, dataset, *, join="exact"):
            return None

    assert make_benchmark("third", Third, {"area": "IT", "windows": [3], "offset": -2}) == Third(
        area="IT", windows=(3,), offset=-2
    )
    assert isinstance(Third(area="IT", scale=2).scale, float)
    assert Third(area="IT", transform=abs).transform is abs
    with pytest.raises(UsageError, match=r"^third: item 2 of windows must be a whole number, got 'x'$"):
        Third(area="IT", windows=(1, "x"))
    with pytest.raises(UsageError, match=r"^third needs the option area; write third\[area=…\]$"):
        make_benchmark("third", Third, {})
    with pytest.raises(UsageError, match="scale must be a number, got 'wide'"):
        Third(area="IT", scale="wide")


def test_dead_units_raise_the_paper_score_but_not_the_informative_one(dataset):
    factors = factors_of(dataset).latents(dataset.stimuli)
    padded = arrays.latents(
        np.hstack([factors.values, np.zeros((len(factors), 46))]), stimulus=factors["stimulus"].values
    )
    rotation = special_ortho_group.rvs(4, random_state=3)
    padded[:, :4] = factors.values @ rotation
    model = PrecomputedModel(padded, "padded")
    small = score(PrecomputedModel(padded[:, :4], "small"), dataset, "alignment", use_cache=False)
    large = score(model, dataset, "alignment", use_cache=False)
    common = score(model, dataset, "alignment[n_units=informative]", use_cache=False)
    assert large.value > small.value + 0.2
    assert common.value == pytest.approx(small.value, abs=1e-12)


def test_noise_explains_nothing_however_few_the_stimuli(dataset_factory):
    dataset = dataset_factory(n_stimuli=40)
    result = score(noise(dataset, n_units=3), dataset, "variance_explained", use_cache=False)
    assert abs(result.beside["median_noise_corrected_r2"]) < 0.05
    assert np.isfinite(result.data["noise_corrected_r2"]).all()
