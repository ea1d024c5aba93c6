import math

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.benchmarks.correlation_ratio import CorrelationRatio
from neuroalign.benchmarks.decoding import Decoding
from neuroalign.benchmarks.linear_recombination import LinearRecombination
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.errors import UsageError
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.chance import permutation_null

EVERY = [
    Alignment(n_folds=3, n_lambdas=20),
    VarianceExplained(n_folds=3, n_lambdas=20),
    CorrelationRatio(),
    Decoding(),
    LinearRecombination(benchmark=CorrelationRatio(n_permutations=0), n_draws=2),
]


def model_of(values, dataset, name="model"):
    latents = xr.DataArray(
        values, dims=("stimulus", "unit"), coords={"stimulus": dataset.responses["stimulus"].values}
    )
    return na.as_model(latents, identifier=name)


def truth(dataset):
    return model_of(dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy(), dataset)


def noise(dataset, seed=0):
    values = np.random.default_rng(seed).standard_normal((dataset.responses.sizes["stimulus"], 4))
    return model_of(values, dataset, f"noise {seed}")


@pytest.mark.parametrize("by", EVERY[:4], ids=lambda benchmark: benchmark.identifier)
def test_the_true_factors_beat_every_shuffle(by, dataset):
    score = na.score(truth(dataset), dataset, by, use_cache=False, n_permutations=19)
    shuffled = score.data["shuffled"].values
    better = shuffled < score.value if by.higher_is_better else shuffled > score.value
    assert better.all()
    assert score.null == pytest.approx(np.mean(shuffled))
    assert score.provenance["permutation_p"] == 1 / 20
    assert (score.provenance["n_permutations"], score.provenance["permutation_seed"]) == (19, 0)


@pytest.mark.slow
@pytest.mark.parametrize("by", EVERY, ids=lambda benchmark: benchmark.identifier)
def test_any_benchmark_has_a_null(by, dataset):
    score = na.score(noise(dataset), dataset, by, use_cache=False, n_permutations=5)
    assert score.data["shuffled"].shape == (5,)
    assert math.isfinite(score.null)
    assert 1 / 6 <= score.provenance["permutation_p"] <= 1
    plain = na.score(noise(dataset), dataset, by, use_cache=False)
    assert plain.value == score.value
    assert "permutation_p" not in plain.provenance


def test_a_shuffle_by_hand(dataset):
    benchmark = Alignment(n_folds=3, n_lambdas=20)
    model = truth(dataset)
    shuffled = permutation_null(benchmark, model, dataset, n_permutations=3, seed=7)
    rng = np.random.default_rng(7)
    orders = [rng.permutation(120) for _ in range(3)]
    values = model.latents(dataset.stimuli).values[orders[2]]
    assert shuffled[2] == benchmark.score(model_of(values, dataset), dataset).value


@pytest.mark.slow
def test_p_is_uniform_for_models_of_noise(dataset):
    benchmark = CorrelationRatio(aggregate="neuron_mean", n_permutations=0, turns=0, predictive_power=False)
    p = [
        na.score(noise(dataset, seed), dataset, benchmark, use_cache=False, n_permutations=19).provenance[
            "permutation_p"
        ]
        for seed in range(60)
    ]
    # Multiples of 1/20: about three are the smallest, and half of them are at most one half.
    assert sum(value <= 0.05 for value in p) <= 8
    assert 18 <= sum(value <= 0.5 for value in p) <= 42


def test_a_neuron_stays_apart_from_itself_when_shuffled(dataset):
    subset = na.load_model("neuron_subset[n=4,seed=0]", dataset=dataset)
    excluded = permutation_null(CorrelationRatio(), subset, dataset, n_permutations=4)
    included = permutation_null(CorrelationRatio(self_pairs="include"), subset, dataset, n_permutations=4)
    assert (excluded != included).all()


def test_shuffles_are_added_to_a_stored_score(dataset, tmp_path):
    from neuroalign.scoring.evaluate import score_all

    store = ResultsStore(tmp_path)
    options = {"store": store, "use_cache": True}
    (plain,), _ = score_all(truth(dataset), dataset, ["correlation_ratio"], **options)
    (first,), _ = score_all(truth(dataset), dataset, ["correlation_ratio"], n_permutations=4, **options)
    (again,), _ = score_all(truth(dataset), dataset, ["correlation_ratio"], n_permutations=4, **options)
    (kept,), _ = score_all(truth(dataset), dataset, ["correlation_ratio"], **options)
    (seeded,), _ = score_all(
        truth(dataset), dataset, ["correlation_ratio"], n_permutations=4, permutation_seed=1, **options
    )
    assert len(list(store.scores())) == 1
    assert plain.value == first.value
    assert first.null == again.null == kept.null != plain.null
    assert again.provenance == first.provenance
    assert seeded.null != first.null
    np.testing.assert_array_equal(kept.data["shuffled"].values, first.data["shuffled"].values)


def test_wrong_calls(dataset):
    with pytest.raises(UsageError, match=r"must not be negative, got \(-1, 0\)"):
        na.score(truth(dataset), dataset, n_permutations=-1)
    with pytest.raises(UsageError, match="n_permutations must be at least 1"):
        permutation_null(CorrelationRatio(), truth(dataset), dataset, n_permutations=0)
