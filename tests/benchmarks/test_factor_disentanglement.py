from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.arrays import latents
from neuroalign.benchmarks.factor_disentanglement import METRICS, FactorDisentanglement
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, ModelError, UsageError
from neuroalign.metrics import factor_dci, factor_information, fold_labels
from neuroalign.scoring.evaluate import score

QUICK = {"n_folds": 4, "n_lambdas": 30, "n_permutations": 4}


@pytest.fixture(scope="module")
def perfect(dataset):
    values = dataset.factors.to_numpy()[:, ::-1] * [-1, 2, 1, 5]
    return na.as_model(latents(values, stimulus=dataset.stimuli.ids), identifier="perfect")


def with_columns(dataset, **columns):
    return replace(dataset, stimuli=StimulusSet("toy", dataset.stimuli.table.assign(**columns)))


def test_the_values_are_those_of_the_metrics(perfect, dataset):
    result = FactorDisentanglement(**QUICK).score(perfect, dataset)
    ids = dataset.responses["stimulus"].values
    units, factors = perfect.latents(dataset.stimuli).values, dataset.factors.loc[ids].to_numpy()
    folds = fold_labels(len(ids), 4, seed=0, groups=dataset.stimuli.groups(ids))
    dci = factor_dci(units, factors, folds=folds, n_lambdas=30)
    information = factor_information(units, factors)
    assert result.value == result.beside["disentanglement"] == pytest.approx(dci.disentanglement, abs=1e-9)
    assert result.beside["informativeness"] == pytest.approx(dci.informativeness, abs=1e-9)
    assert result.beside["mig"] == pytest.approx(information.mig)
    assert result.beside["compactness"] == pytest.approx(information.compactness)
    assert result.data["mig_per_factor"]["factor"].values.tolist() == [
        f"factor_{index}" for index in range(4)
    ]
    np.testing.assert_allclose(result.data["mig_per_factor"], information.mig_per_factor)
    assert result.notes[0] == "factors: numbers factor_0, factor_1, factor_2, factor_3"
    assert "120 stimuli are few for 20 × 20 bins" in result.notes[1]
    assert result.error_over == "units"
    assert result.value > 0.99


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_and_its_chance(metric, perfect, dataset):
    result = FactorDisentanglement(metric=metric, bins=5, **QUICK).score(perfect, dataset)
    assert result.value == result.beside[metric] > 0.5
    assert result.null < 0.3
    assert result.beside["p_chance"] == pytest.approx(1 / 5)
    statistics = FactorDisentanglement(metric=metric).statistics
    assert len({statistic.label for statistic in statistics}) == len(METRICS) == len(statistics)


def test_mixed_neurons_are_less_disentangled_than_single_ones(dataset_factory):
    single, mixed = (dataset_factory(tuning=tuning, reliability=0.95) for tuning in ("single", "mixed"))
    values = [
        FactorDisentanglement(**QUICK).score(na.as_model(neurons_of(scored)), scored)
        for scored in (single, mixed)
    ]
    assert values[0].value > 0.8 > 0.5 > values[1].value


def neurons_of(scored):
    responses = scored.responses
    return latents(responses.values, stimulus=responses["stimulus"].values)


def test_columns_categories_and_notes(perfect, dataset):
    sign = np.where(dataset.stimuli.table["factor_0"] > 0, "high", "low")
    scored = with_columns(
        dataset, sign=sign, level=np.digitize(dataset.stimuli.table["factor_1"], [-1, 0, 1])
    )
    result = FactorDisentanglement(columns=("sign", "level"), categories=("level",), **QUICK).score(
        perfect, scored
    )
    assert result.notes[0] == "factors: categories sign, level"
    assert result.beside["factors"] == 2
    assert FactorDisentanglement(**QUICK).score(perfect, scored).beside["factors"] == 6
    by_name = na.load_benchmark("factor_disentanglement[columns=[sign,level],categories=[level]]")
    assert by_name.columns == ("sign", "level")
    with pytest.raises(UsageError, match="did you mean level"):
        FactorDisentanglement(columns=("sign", "lvl")).score(perfect, scored)


def test_in_sample_says_so(perfect, dataset):
    result = FactorDisentanglement(in_sample=True, **QUICK).score(perfect, dataset)
    assert any(note.startswith("in-sample: ") for note in result.notes)


def test_too_few_factors_and_units(perfect, dataset):
    one = replace(dataset, stimuli=StimulusSet("toy", dataset.stimuli.table[["factor_0", "training"]]))
    with pytest.raises(
        DatasetError,
        match="single must have two factors at least, got factors: numbers factor_0; add columns",
    ):
        FactorDisentanglement().score(perfect, one)
    flat = na.as_model(perfect.latents(dataset.stimuli)[:, :1], identifier="flat")
    with pytest.raises(ModelError, match="flat must have two informative units at least, got 1"):
        FactorDisentanglement().score(flat, dataset)


def test_a_changed_column_is_scored_again(perfect, dataset):
    """The content hash of a dataset has no column of the stimulus table, but a stored score depends on them."""
    benchmark = FactorDisentanglement(**QUICK)
    first = score(perfect, dataset, benchmark)
    other = with_columns(
        dataset, factor_0=np.random.default_rng(0).permutation(dataset.stimuli.table["factor_0"])
    )
    other = replace(other, stimuli=StimulusSet("toy", other.stimuli.table, mirror_training=True))
    bare = replace(dataset, stimuli=StimulusSet("toy", dataset.stimuli.table, mirror_training=True))
    assert other.content_hash == bare.content_hash
    assert score(perfect, bare, benchmark).beside == first.beside
    assert score(perfect, other, benchmark).beside["informativeness"] < first.beside["informativeness"] - 0.2


def test_a_part_of_the_stimuli(perfect, dataset):
    from neuroalign.datasets.selection import select_part

    part = select_part(with_columns(dataset, kind=["a", "b"] * 60), {"kind": "a"})
    result = FactorDisentanglement(**QUICK).score(perfect, part)
    assert result.notes[0] == (
        "factors: numbers factor_0, factor_1, factor_2, factor_3; not factors: kind (one value only)"
    )
    assert result.provenance["n_stimuli"] == 60
    assert isinstance(part.stimuli.table, pd.DataFrame)
