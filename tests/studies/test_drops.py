"""Claims that scores drop on mixtures of neurons."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.studies.claims import drops


def test_a_drop_of_all(evidence, recombined, spread):
    given = evidence(
        a=recombined("a", 0.6 + 0.01 * spread, 0.3 + 0.02 * spread),
        b=recombined("b", 0.9 + 0.01 * spread, 0.3 + 0.02 * spread),
    )
    result = drops(given, scoring="alignment", families=["a", "b"])
    assert (result.paper.verdict, result.ours.verdict) == ("agrees", "agrees")
    assert result.ours.estimate == pytest.approx(0.3)
    interval = stats.ttest_1samp(0.3 - 0.01 * spread, 0).confidence_interval()
    np.testing.assert_allclose([result.ours.low, result.ours.high], interval)


def test_no_drop_of_one(evidence, recombined, spread):
    given = evidence(
        a=recombined("a", 0.6 + 0.01 * spread, 0.3 + 0.02 * spread),
        b=recombined("b", 0.4 + 0.01 * spread, 0.4 + 0.011 * spread),
    )
    result = drops(given, scoring="alignment", families=["a", "b"], margin=0.02)
    assert result.ours.verdict == "disagrees"
    assert result.ours.why.startswith("no drop of 0.02 or more for b")


def test_a_rise(evidence, recombined, spread):
    given = evidence(a=recombined("a", 0.3 + 0.01 * spread, 0.6 + 0.02 * spread))
    result = drops(given, scoring="alignment", families=["a"])
    assert (result.paper.verdict, result.ours.verdict) == ("disagrees", "disagrees")


def test_mixtures_that_differ_leave_it_open(evidence, recombined, spread):
    native, mixed = 0.6 + 0.001 * spread, 0.55 + 0.002 * spread
    sure = evidence(a=recombined("a", native, mixed, draws=[-0.001, 0.0, 0.001]))
    unsure = evidence(a=recombined("a", native, mixed, draws=[-0.2, 0.0, 0.2]))
    assert drops(sure, scoring="alignment", families=["a"]).ours.verdict == "agrees"
    assert drops(unsure, scoring="alignment", families=["a"]).ours.verdict == "cannot tell"


def test_one_instance(evidence, recombined):
    given = evidence(a=recombined("a", [0.6], [0.3]))
    result = drops(given, scoring="alignment", families=["a"])
    assert result.ours.verdict == "cannot tell"
    assert "a single instance has no spread" in result.ours.why
    assert result.paper.verdict == "cannot tell"
