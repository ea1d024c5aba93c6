"""Each check of a benchmark passes for a good benchmark and fails for one with the fault that it is about."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
import xarray as xr

from neuroalign import arrays
from neuroalign.errors import ArrayError, NeuroalignError, UnknownNameError
from neuroalign.metrics import correlations
from neuroalign.models.loading import as_model
from neuroalign.results.numbers import Number
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.testing import BENCHMARK_CHECKS, CheckError, check_benchmark, make_dataset
from neuroalign.testing.invariance_checks import INVARIANCE_CHECKS


@dataclass(frozen=True, kw_only=True)
class Best(Benchmark):
    """Mean over neurons of the largest absolute correlation with a unit."""

    identifier: ClassVar[str] = "best"
    invariances: ClassVar[frozenset[str]] = frozenset(get_args(Invariance)) - {"rotation of units"}
    numbers: ClassVar[tuple[Number, ...]] = (Number("least", "lowest correlation of a neuron"),)

    n_shown: int = 1

    def arrays(self, model, dataset, join):
        latents, responses = self.align(model, dataset, join=join)
        return latents, responses

    def correlations(self, latents, responses):
        if latents.sizes["stimulus"] < 3:
            raise ArrayError(f"best must have three stimuli at least, got {latents.sizes['stimulus']}")
        if not np.isfinite(latents.values).all():
            raise ArrayError("latents must be finite, got NaN")
        return np.nan_to_num(correlations(latents.values, responses.values))

    def values(self, latents, responses):
        return np.abs(self.correlations(latents, responses)).max(axis=0)

    def score(self, model, dataset, *, join="exact"):
        latents, responses = self.arrays(model, dataset, join)
        return self.labelled(model, dataset, self.values(latents, responses), responses)

    def labelled(self, model, dataset, values, responses, **fields):
        data = xr.Dataset({"best": ("neuroid", values)}, coords={"neuroid": responses["neuroid"].values})
        common = {
            "error": 0.0,
            "error_over": "neurons",
            "data": data,
            "beside": {"least": float(values.min())},
        }
        return self.make_score(model, dataset, value=float(values.mean()), **(common | fields))

    def resampling(self, statistic="", scores=()):
        def terms(score):
            return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data["best"].values)

        def refit(latents, responses, dataset, rows):
            drawn = self.values(latents.isel(stimulus=rows), responses.isel(stimulus=rows))
            return NeuronStatistic.weighted_mean(responses["neuroid"].values, drawn)

        return Resampling(self.find_statistic(statistic), from_score=terms, refit=refit)


class ReturnsNumber(Best):
    def score(self, model, dataset, *, join="exact"):
        return super().score(model, dataset, join=join).value


class OtherName(Best):
    def score(self, model, dataset, *, join="exact"):
        return replace(super().score(model, dataset, join=join), benchmark="good")


class Infinite(Best):
    def score(self, model, dataset, *, join="exact"):
        return replace(super().score(model, dataset, join=join), value=float("inf"))


@dataclass(frozen=True, kw_only=True)
class ArrayOption(Best):
    weights: Any = field(default_factory=lambda: np.ones(3))


@dataclass(frozen=True, kw_only=True)
class UnwritableOption(Best):
    weights: Any = frozenset({1})


class Random(Best):
    def values(self, latents, responses):
        return super().values(latents, responses) * np.random.default_rng().random()


class RandomArrays(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        noise = np.random.default_rng().random(values.size)
        score = super().labelled(model, dataset, values, responses, **fields)
        return replace(score, data=score.data.assign(noise=("neuroid", noise)))


class ByPosition(Best):
    def arrays(self, model, dataset, join):
        latents, _ = super().arrays(model, dataset, join)
        recorded = model.latents(dataset.stimuli)
        return recorded, dataset.responses.isel(stimulus=slice(0, latents.sizes["stimulus"]))


class ChangesLatents(Best):
    def score(self, model, dataset, *, join="exact"):
        score = super().score(model, dataset, join=join)
        model.latents(dataset.stimuli).values[...] = 0.0
        return score


class ChangesTheRecording(Best):
    def score(self, model, dataset, *, join="exact"):
        score = super().score(model, dataset, join=join)
        dataset.recording.values[...] += 1.0
        return score


class NoIds(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        score = super().labelled(model, dataset, values, responses, **fields)
        return replace(score, data=score.data.drop_vars("neuroid"))


class Numbered(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        return super().labelled(
            model,
            dataset,
            values,
            responses.assign_coords(neuroid=np.arange(values.size).astype(str)),
            **fields,
        )


class NamelessDimension(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        score = super().labelled(model, dataset, values, responses, **fields)
        return replace(score, data=score.data.assign(grid=("dim_0", np.arange(4))))


class TextBeside(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        return super().labelled(model, dataset, values, responses, beside={"least": "0.5"}, **fields)


class MissingStatistic(Best):
    @property
    def statistics(self):
        return (Statistic("value", "best"), Statistic("worst", "worst"))

    def resampling(self, statistic="", scores=()):
        if statistic != "worst":
            return super().resampling(statistic, scores)
        return Resampling(self.find_statistic("worst"), read=lambda score: float("nan"), reason="none")


class Undeclared(Best):
    numbers: ClassVar[tuple[Number, ...]] = ()


class OtherTerms(Best):
    def resampling(self, statistic="", scores=()):
        resampling = super().resampling(statistic, scores)
        return replace(resampling, from_score=lambda score: _doubled(score))


class OtherRefit(Best):
    def resampling(self, statistic="", scores=()):
        resampling = super().resampling(statistic, scores)

        def refit(latents, responses, dataset, rows):
            return resampling.refit(latents, responses, dataset, rows[: len(rows) // 2])

        return replace(resampling, refit=refit)


class NoReason(Best):
    def resampling(self, statistic="", scores=()):
        return replace(super().resampling(statistic, scores), refit=None)


@dataclass(frozen=True, kw_only=True)
class OtherAlone(Best):
    n_permutations: int = 5

    def values(self, latents, responses):
        return super().values(latents, responses) / (1 + self.n_permutations)


class UnwritableProvenance(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        return super().labelled(
            model, dataset, values, responses, provenance={"neurons": responses["neuroid"].values}, **fields
        )


class UnwritableArray(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        score = super().labelled(model, dataset, values, responses, **fields)
        objects = np.array([{"neuron": index} for index in range(values.size)], dtype=object)
        return replace(score, data=score.data.assign(objects=("neuroid", objects)))


class IgnoresJoin(Best):
    def arrays(self, model, dataset, join):
        return super().arrays(model, dataset, "intersection")


class RefusesIntersection(Best):
    def arrays(self, model, dataset, join):
        return super().arrays(model, dataset, "exact")


class SkipsNaN(Best):
    def correlations(self, latents, responses):
        filled = latents.copy(data=np.nan_to_num(latents.values))
        return super().correlations(filled, responses)


class OneStimulus(Best):
    def correlations(self, latents, responses):
        if latents.sizes["stimulus"] < 2:
            return np.ones((latents.sizes["unit"], responses.sizes["neuroid"]))
        return super().correlations(latents, responses)


class CrashesOnFew(Best):
    def correlations(self, latents, responses):
        if latents.sizes["stimulus"] < 5:
            raise IndexError("fold 4")
        return super().correlations(latents, responses)


class ReadsTheRecording(Best):
    """Averages trials itself, and so never sees that neurons are constant."""

    def arrays(self, model, dataset, join):
        by_stimulus = dataset.recording.groupby("stimulus_id").mean("presentation")
        responses = by_stimulus.rename(stimulus_id="stimulus").assign_coords(
            neuroid=dataset.recording["neuroid_id"].values
        )
        latents = model.latents(dataset.stimuli)
        if join == "exact" and latents.sizes["stimulus"] < responses.sizes["stimulus"]:
            raise NeuroalignError("latents are missing")
        shared = np.intersect1d(latents["stimulus"].values, responses["stimulus"].values)
        return latents.sel(stimulus=shared), responses.sel(stimulus=shared)


class InfiniteForConstants(Best):
    def labelled(self, model, dataset, values, responses, **fields):
        score = super().labelled(model, dataset, values, responses, **fields)
        return score if score.value else replace(score, value=float("inf"))


class FirstNeuron(Best):
    def score(self, model, dataset, *, join="exact"):
        score = super().score(model, dataset, join=join)
        return replace(score, value=float(score.data["best"][0]))

    def resampling(self, statistic="", scores=()):
        return Resampling(self.find_statistic(statistic), reason="of one neuron")


class FirstUnit(Best):
    def values(self, latents, responses):
        return np.abs(self.correlations(latents, responses))[0]


class Covariance(Best):
    def values(self, latents, responses):
        self.correlations(latents, responses)
        centred = latents.values - latents.values.mean(axis=0)
        return np.abs(centred.T @ (responses.values / responses.values.std(axis=0))).max(axis=0)


class Signed(Best):
    def values(self, latents, responses):
        return self.correlations(latents, responses).max(axis=0)


class CountsUnits(Best):
    invariances = Best.invariances | {"rotation of units"}

    def values(self, latents, responses):
        return super().values(latents, responses) * latents.sizes["unit"]


def _doubled(score):
    return NeuronStatistic.weighted_mean(score.data["neuroid"].values, 2 * score.data["best"].values)


class OutOfBounds(Best):
    bounds = (0.0, 0.1)


class OtherError(Best):
    def recompute(self, score):
        return {**super().recompute(score), "error": 1.0}


FAULTS = [
    (ReturnsNumber, "score_is_labelled", "score() must return a neuroalign.Score, got float"),
    (OtherName, "score_is_labelled", "the score's benchmark must be 'best', got 'good'"),
    (
        Infinite,
        "score_is_labelled",
        "the value must be finite for a model that predicts the neurons, got inf",
    ),
    (ArrayOption, "options_are_checked", "two benchmarks with equal options must be equal; declare"),
    (
        UnwritableOption,
        "options_are_checked",
        "options must be numbers, text, flags or None, got Object",
    ),
    (Random, "score_is_deterministic", "two calls must give the same record; seed random numbers"),
    (RandomArrays, "score_is_deterministic", "two calls must give the same arrays; seed random numbers"),
    (ByPosition, "order_of_stimuli_does_not_matter", "rows in another order must have the same score"),
    (ChangesLatents, "input_is_not_changed", "latents must not be changed; copy them first"),
    (ChangesTheRecording, "input_is_not_changed", "the recording must not be changed; copy them first"),
    (NoIds, "arrays_are_labelled", "arrays along 'neuroid' must have its ids as coordinate"),
    (
        Numbered,
        "arrays_are_labelled",
        "labels along 'neuroid' must be ids of the input, got 0, 1, 2, 3, 4 and 3",
    ),
    (NamelessDimension, "arrays_are_labelled", "dimensions must have names, got dim_0"),
    (TextBeside, "numbers_are_declared", "beside must map text to numbers, got 'least': '0.5'"),
    (
        MissingStatistic,
        "numbers_are_declared",
        "the statistic 'worst' must be 'value' or a key of the score's",
    ),
    (Undeclared, "numbers_are_declared", "numbers beside a score must be declared, got least"),
    (
        OtherTerms,
        "resampled_statistics_agree",
        "'value' with each neuron once must be the number of the score",
    ),
    (
        OtherRefit,
        "resampled_statistics_agree",
        "'value' refitted to each stimulus once must be the number of the score",
    ),
    (NoReason, "resampled_statistics_agree", "resampling of 'value' must give the reason"),
    (OtherAlone, "alone_is_the_same_score", "alone() must give the same value"),
    (
        OutOfBounds,
        "numbers_follow_from_arrays",
        "the value must be within the bounds (0.0, 0.1), got",
    ),
    (OtherError, "numbers_follow_from_arrays", "recompute() must give the stored error"),
    (
        UnwritableProvenance,
        "record_survives_the_store",
        "options, beside and provenance must hold finite numbers",
    ),
    (UnwritableArray, "record_survives_the_store", "the plug-in raised"),
    (IgnoresJoin, "missing_latents_are_an_error", "recorded stimuli without latents must be an error"),
    (
        RefusesIntersection,
        "missing_latents_are_an_error",
        "join='intersection' must score the shared stimuli, got",
    ),
    (
        SkipsNaN,
        "nan_is_an_error",
        "latents with NaN must give an error, or NaN with a note that says why, got",
    ),
    (OneStimulus, "one_stimulus_is_an_error", "one recorded stimulus must give an error, or NaN with a note"),
    (
        CrashesOnFew,
        "few_stimuli_are_an_error_or_a_score",
        "three recorded stimuli must raise an error of neuroalign.errors, got IndexError: fold 4",
    ),
    (
        ReadsTheRecording,
        "neurons_without_variance_are_an_error",
        "neurons without variance must give an error, or NaN with a note that says why, got 0.0",
    ),
    (
        InfiniteForConstants,
        "units_without_variance_are_no_crash",
        "units without variance must not give an infinite score",
    ),
    (
        FirstNeuron,
        "score_does_not_depend_on_neuron_order",
        "neurons in another order must have the same score",
    ),
    (FirstUnit, "score_does_not_depend_on_unit_order", "units in another order must have the same score"),
    (
        Covariance,
        "score_does_not_depend_on_unit_scale",
        "units times positive numbers must have the same score",
    ),
    (Signed, "score_does_not_depend_on_unit_sign", "units times -1 must have the same score"),
    (CountsUnits, "score_does_not_depend_on_unit_rotation", "rotated units must have the same score"),
    (
        CountsUnits,
        "score_does_not_depend_on_constant_units",
        "a model with more constant units must have the same score",
    ),
    (
        CountsUnits,
        "score_does_not_depend_on_copies_of_units",
        "a model with more copies of units must have the same score",
    ),
]


def test_good_benchmark_passes():
    check_benchmark(Best())


@pytest.fixture(scope="module")
def units(dataset):
    """Five units that mix the factors of the dataset, and noise."""
    factors = dataset.factors.to_numpy()
    rng = np.random.default_rng(0)
    values = factors @ rng.standard_normal((3, 5)) + 0.5 * rng.standard_normal((len(factors), 5))
    return as_model(arrays.latents(values, stimulus=dataset.stimuli.ids), identifier="units")


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(n_stimuli=60, n_neurons=8, n_factors=3)


@pytest.mark.parametrize(
    ("fault", "check", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", None)
)
def test_faulty_benchmark_fails_the_check_of_its_fault(fault, check, message, units, dataset):
    with pytest.raises(CheckError) as caught:
        check_benchmark(fault(), model=units, dataset=dataset, only=[check])
    title, line = str(caught.value).splitlines()
    assert title == "check_benchmark(best): 1 of 1 checks failed"
    assert line.startswith(f"  {check}: {message}")


def test_every_check_has_a_fault_that_it_finds():
    expected = {check.__name__ for check in BENCHMARK_CHECKS}
    expected |= {check.__name__ for check in INVARIANCE_CHECKS.values()}
    assert {*INVARIANCE_CHECKS, "order of stimuli"} == set(get_args(Invariance))
    assert {check for _, check, _ in FAULTS} == expected


def test_all_failed_checks_are_named():
    class Faulty(NoIds, OtherName):
        pass

    with pytest.raises(CheckError) as caught:
        check_benchmark(Faulty())
    title, *lines = str(caught.value).splitlines()
    assert title == "check_benchmark(best): 3 of 23 checks failed"
    assert [line.split(":")[0].strip() for line in lines] == [
        "score_is_labelled",
        "arrays_are_labelled",
        "score_does_not_depend_on_neuron_order",
    ]


def test_invariances_that_are_not_claimed_are_not_checked():
    class Claims(Signed):
        invariances = Best.invariances - {"sign of units"}

    check_benchmark(Claims())


def test_unknown_names_are_errors_and_not_failed_checks():
    with pytest.raises(UnknownNameError, match="no benchmark is called 'alignmen'; did you mean alignment"):
        check_benchmark("alignmen")
    with pytest.raises(
        UnknownNameError, match="no check is called 'nan'; there are: alone_is_the_same_score, "
    ):
        check_benchmark(Best(), only=["nan"])


@pytest.mark.parametrize(
    ("name", "recomputed"),
    [
        ("correlation_ratio[aggregate=unit_max,turns=0]", {"value", "error", "unit_proportion"}),
        ("privileged_axes[n_rotations=3]", {"value", "error"}),
        ("factor_disentanglement[metric=modularity,n_permutations=0]", {"value", "error"}),
        ("factor_disentanglement[metric=disentanglement,n_permutations=0]", set()),
    ],
)
def test_value_and_error_follow_from_arrays(name, recomputed, units, dataset):
    benchmark = load_benchmark(name)
    score = benchmark.score(units, dataset)
    numbers = benchmark.recompute(score)
    assert set(numbers) == recomputed
    stored = {**score.beside, "value": score.value, "error": score.error}
    assert numbers == pytest.approx({name: stored[name] for name in recomputed}, rel=1e-9)
