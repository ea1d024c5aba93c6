"""Errors of claims over neurons and drawn stimuli that all instances share."""

from dataclasses import replace

import numpy as np
import pytest

from neuroalign.studies.claims import best, examine
from neuroalign.studies.differences import differ
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.samples import samples


def test_neurons_that_disagree_leave_it_open(evidence, spread, with_neurons):
    rng = np.random.default_rng(0)
    neurons = rng.uniform(0, 1, 20)
    weights = np.ones(20)
    # b has the neurons of a in another order, and a small step: instances hardly differ, neurons do.
    a = [
        with_neurons(f"a[seed={s}]", np.clip(neurons + 0.05 + x, 0, 1), weights, d=10)
        for s, x in enumerate(0.001 * spread)
    ]
    b = [
        with_neurons(f"b[seed={s}]", np.clip(neurons[::-1] + x, 0, 1), weights, d=10)
        for s, x in enumerate(0.001 * spread)
    ]
    given = evidence(a=a, b=b)
    assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
    wide = best(given, scoring="alignment", subject="a", neurons=True).ours
    assert wide.verdict == "cannot tell"
    assert wide.low < 0 < wide.high


def test_neurons_that_all_agree_do_not_matter(evidence, spread, with_neurons):
    rng = np.random.default_rng(1)
    neurons = rng.uniform(0.1, 0.6, 40)
    a = [
        with_neurons(f"a[seed={s}]", neurons + 0.3 + x, np.ones(40), d=10)
        for s, x in enumerate(0.01 * spread)
    ]
    b = [with_neurons(f"b[seed={s}]", neurons + x, np.ones(40), d=10) for s, x in enumerate(0.01 * spread)]
    # The difference is the same for every neuron up to the spread of the instances.
    a[0] = with_neurons("a[seed=0]", neurons + 0.3 + 0.001 * rng.standard_normal(40), np.ones(40), d=10)
    result = best(evidence(a=a, b=b), scoring="alignment", subject="a", neurons=True).ours
    assert result.verdict == "agrees"
    assert result.low == pytest.approx(0.3, abs=0.03)


def test_without_neurons_it_cannot_tell(evidence, family, spread):
    given = evidence(a=family("a", 0.8 + 0.01 * spread), b=family("b", 0.01 * spread))
    result = best(given, scoring="alignment", subject="a", neurons=True).ours
    assert result.verdict == "cannot tell"
    assert "the arrays of a[seed=0] are not arrays of alignment" in result.why


def error_of(difference):
    """Return half of a 95 % interval as a standard error with many degrees of freedom."""
    return (difference.high - difference.low) / 2 / 1.97


def test_variances_of_neurons_and_stimuli_add_up(kept):
    families = samples(Evidence(kept(of_stimuli=0.05)), "alignment", read="value", stimuli="drawn")
    alone = error_of(differ(families["a"], families["b"], neurons=True))
    both = error_of(differ(families["a"], families["b"], stimuli=True))
    # The two families are moved independently of each other: twice the variance of one.
    assert both == pytest.approx(np.sqrt(alone**2 + 2 * 0.05**2), rel=0.1)


def test_effects_of_stimuli_on_single_neurons_are_not_counted_twice(kept):
    given = kept(of_stimuli=0.0, of_neurons=0.5)
    families = samples(Evidence(given), "alignment", read="value", stimuli="drawn")
    alone = error_of(differ(families["a"], families["b"], neurons=True))
    both = error_of(differ(families["a"], families["b"], stimuli=True))
    # A neuron that is drawn twice counts its movement twice: this is subtracted, down to the larger of the two errors.
    assert both == pytest.approx(max(alone, np.sqrt(2 * 0.5**2 / 100)), rel=0.1)


def test_stimuli_that_matter_leave_it_open(kept):
    given = kept(of_stimuli=0.3)
    settings = {"scoring": "alignment", "subject": "a"}
    assert examine("best", Evidence(given), {**settings, "neurons": True}).ours.verdict == "agrees"
    result = examine("best", Evidence(given), {**settings, "stimuli": "drawn"}).ours
    assert result.verdict == "cannot tell"
    assert "instances, neurons and stimuli" in result.test


def test_draws_are_converted_to_the_common_d(kept):
    given = kept(of_stimuli=0.05, n_draws=20)
    given["alignment"]["b"] = [replace(instance, beside={"D": 100}) for instance in given["alignment"]["b"]]
    families = samples(Evidence(given), "alignment", read="at_common_d", stimuli="drawn")
    as_it_was = samples(Evidence(given), "alignment", read="value", stimuli="drawn")
    # From D = 10 to 100 the entropy counts half.
    before, now = (
        {name: sample.tested.of_stimuli.values for name, sample in read.items()}
        for read in (as_it_was, families)
    )
    np.testing.assert_allclose(now["a"], 1 - (1 - before["a"]) / 2)
    np.testing.assert_allclose(now["b"], before["b"])


def test_neurons_of_draws_pair_by_name(kept):
    given = kept(of_stimuli=0.05, n_draws=20)
    straight = samples(Evidence(given), "alignment", read="value", stimuli="drawn")["a"]
    given["drawn"]["a"] = [
        replace(instance, data=instance.data.isel(neuroid=slice(None, None, -1)))
        for instance in given["drawn"]["a"]
    ]
    turned = samples(Evidence(given), "alignment", read="value", stimuli="drawn")["a"]
    np.testing.assert_allclose(straight.tested.of_stimuli.values, turned.tested.of_stimuli.values, rtol=1e-12)


def test_an_instance_without_draws_cannot_tell(kept):
    given = kept(of_stimuli=0.05, n_draws=20)
    given["drawn"]["b"] = given["drawn"]["b"][1:]
    result = best(Evidence(given), scoring="alignment", subject="a", stimuli="drawn").ours
    assert result.verdict == "cannot tell"
    assert "b[seed=0] was not fitted to drawn stimuli" in result.why
