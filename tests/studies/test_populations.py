"""Errors of claims over held-out stimuli, and for families of nested sizes."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from neuroalign.studies.claims import best
from neuroalign.studies.differences import differ
from neuroalign.studies.samples import samples


@pytest.fixture
def nested(evidence, with_neurons, spread):
    """A family with seeds, and a family of nested sizes."""
    rng = np.random.default_rng(0)
    neurons = rng.uniform(0.2, 0.6, 60)
    a = [
        with_neurons(f"a[seed={s}]", neurons + 0.2 + x, np.ones(60), d=10)
        for s, x in enumerate(0.01 * spread)
    ]
    pca = [
        with_neurons(f"pca[n={n}]", neurons + 0.1 * rng.normal(size=60) + x, np.ones(60), d=10)
        for n, x in zip((10, 20, 30, 40, 50), 0.1 * spread, strict=True)
    ]
    return evidence(a=a, pca=pca)


def test_sizes_add_no_error(nested):
    families = samples(nested, "alignment", read="value")
    assert [families[name].is_sample for name in ("a", "pca")] == [True, False]
    # The families are compared over neurons, with or without a request.
    wide = differ(families["a"], families["pca"])
    assert wide == differ(families["a"], families["pca"], neurons=True)
    parts = [families[name].tested.of_neurons.parts for name in ("a", "pca")]
    terms = [np.mean([part.terms[:, 0] for part in family_parts], axis=0) for family_parts in parts]
    over_neurons = np.std(terms[0] - terms[1]) / np.sqrt(60)
    assert wide.error == pytest.approx(np.hypot(stats.sem(families["a"].values), over_neurons), rel=0.05)
    result = best(nested, scoring="alignment", subject="a", neurons=True)
    assert "(pca: instances are not a random sample, compared over neurons)" in result.ours.test
    # The paper treated sizes as instances.
    assert result.paper.compared[0].difference.p == pytest.approx(
        stats.ttest_ind(families["a"].values, families["pca"].values, equal_var=False).pvalue
    )


@pytest.mark.parametrize(("declared", "is_sample"), [(None, True), (False, False)])
def test_sizes_that_were_trained_with_one_seed_each_are_a_sample(
    declared, is_sample, evidence, family, score, spread
):
    provenance = {} if declared is None else {"is_sample": declared}
    vae = [
        score(f"vae[n_latents={n},seed=0]", value, provenance=provenance)
        for n, value in zip((10, 20, 30, 40, 50), 0.5 + 0.1 * spread, strict=True)
    ]
    given = evidence(a=family("a", 0.6 + 0.1 * spread), vae=vae)
    families = samples(given, "alignment", read="value")
    assert families["vae"].is_sample == is_sample
    if is_sample:
        assert differ(families["a"], families["vae"]).p == pytest.approx(
            stats.ttest_ind(0.6 + 0.1 * spread, 0.5 + 0.1 * spread, equal_var=False).pvalue
        )


def test_a_single_one_is_tested(evidence, nested):
    given = nested
    one = evidence(a=given.kept["alignment"]["a"], pca=given.kept["alignment"]["pca"][:1])
    result = best(one, scoring="alignment", subject="a", neurons=True)
    assert result.ours.verdict == "agrees"
    assert result.paper.why == "no other family has two instances"


@pytest.fixture
def decoded(score):
    """Make scores of decoding with the distances of thirty held-out stimuli."""

    def make(name, values):
        rng = np.random.default_rng(len(name))
        scores = []
        for seed, value in enumerate(values):
            distances = value + 0.1 * rng.normal(size=30)
            data = xr.Dataset(
                {"cosine_distance": ("stimulus", distances)},
                coords={"stimulus": [f"s{index:02d}" for index in range(30)]},
            )
            scores.append(
                score(
                    f"{name}[seed={seed}]",
                    distances.mean(),
                    benchmark="decoding",
                    null=1.0,
                    data=data if seed % 2 else data.isel(stimulus=slice(None, None, -1)),
                )
            )
        return scores

    return make


def test_stimuli_that_all_instances_share_are_an_error(decoded, evidence, spread):
    given = evidence(a=decoded("a", 0.3 + 0.01 * spread), bb=decoded("bb", 0.6 + 0.01 * spread))
    families = samples(given, "alignment", read="value")
    assert families["a"].stimuli[:2] == ("s00", "s01")
    alone, both = differ(families["a"], families["bb"]), differ(families["a"], families["bb"], held_out=True)
    paired = families["a"].held_out.mean(axis=0) - families["bb"].held_out.mean(axis=0)
    assert both.error == pytest.approx(np.hypot(alone.error, stats.sem(paired)))
    assert both.estimate == alone.estimate > 0
    # Thirty variants of ten originals are worth ten stimuli.
    variants = replace(families["a"], n_originals=10)
    assert differ(variants, families["bb"], held_out=True).error == pytest.approx(
        np.hypot(alone.error, stats.sem(paired) * np.sqrt(3))
    )
    result = best(given, scoring="alignment", subject="a", read="above chance", held_out=True).ours
    assert result.verdict == "agrees"
    assert result.test.startswith("Welch's test over instances and held-out stimuli")


def test_scores_without_single_stimuli_cannot_tell(evidence, family, spread):
    given = evidence(a=family("a", 0.5 + 0.01 * spread), b=family("b", 0.01 * spread))
    result = best(given, scoring="alignment", subject="a", held_out=True).ours
    assert result.verdict == "cannot tell"
    assert "the scores are not means over the same held-out stimuli" in result.why
