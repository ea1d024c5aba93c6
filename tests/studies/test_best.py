"""Claims that a family is better than all others, on scores with a families result."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import NeuroalignError
from neuroalign.reporting.figures.families import mean_interval
from neuroalign.studies.claims import best, examine
from neuroalign.studies.samples import samples


def test_a_rival_of_few_instances_leaves_it_open(evidence, family, spread):
    result = best(
        evidence(
            a=family("a", 0.8 + 0.01 * spread),
            b=family("b", 0.5 + 0.01 * spread),
            c=family("c", [0.2, 0.3]),
        ),
        scoring="alignment",
        subject="a",
    )
    # c has a wide interval of two instances: Welch's p there is above .01.
    expected = stats.ttest_ind(0.8 + 0.01 * spread, [0.2, 0.3], equal_var=False).pvalue
    assert expected > 0.01
    assert result.paper.verdict == "cannot tell"
    assert "not shown to differ from c" in result.paper.why


def test_all_are_worse(evidence, family, spread):
    result = best(
        evidence(a=family("a", 0.8 + 0.01 * spread), b=family("b", 0.5 + 0.01 * spread)),
        scoring="alignment",
        subject="a",
    )
    assert (result.paper.verdict, result.ours.verdict) == ("agrees", "agrees")
    assert result.ours.estimate == pytest.approx(0.3)
    interval = stats.ttest_ind(
        0.8 + 0.01 * spread, 0.5 + 0.01 * spread, equal_var=False
    ).confidence_interval()
    np.testing.assert_allclose([result.ours.low, result.ours.high], interval)


def test_one_is_better(evidence, family, spread):
    result = best(
        evidence(
            a=family("a", 0.5 + 0.01 * spread),
            b=family("b", 0.8 + 0.01 * spread),
            c=family("c", 0.1 * spread),
        ),
        scoring="alignment",
        subject="a",
    )
    assert result.ours.verdict == "disagrees"
    assert result.ours.estimate == pytest.approx(-0.3)
    assert result.ours.why.startswith("not better than b")
    assert [(compared.name, compared.shown) for compared in result.ours.compared] == [
        ("b", "below"),
        ("c", "above"),
    ]
    assert result.ours.compared[0].difference.estimate == pytest.approx(-0.3)
    assert "better than c" in result.ours.why


def test_an_advantage_below_the_margin_does_not_count(evidence, family, spread):
    given = evidence(a=family("a", 0.51 + 0.001 * spread), b=family("b", 0.5 + 0.001 * spread))
    assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
    assert best(given, scoring="alignment", subject="a", margin=0.05).ours.verdict == "disagrees"


def test_holm_counts_the_rivals_in_tests_below_the_margin(evidence, family, spread):
    # The advantage is .02 with a standard error of .014: shown to lie below .05 with one rival, but not with four.
    a, rival = 0.5 + 0.023 * spread, 0.48 + 0.023 * spread
    alone = evidence(a=family("a", a), b=family("b", rival))
    error = np.sqrt(2 * a.var(ddof=1) / 5)
    p = stats.t.cdf((0.02 - 0.05) / error, 8)
    assert 0.05 / 4 < p < 0.05
    settings = {"scoring": "alignment", "subject": "a", "margin": 0.05}
    result = examine("best", alone, settings).ours
    assert result.verdict == "disagrees"
    assert result.why.startswith("not better than b by 0.05 or more")
    others = {name: family(name, rival) for name in "bcde"}
    assert examine("best", evidence(a=family("a", a), **others), settings).ours.verdict == "cannot tell"


def test_a_rival_of_one_instance_is_not_tested(evidence, family, spread):
    given = evidence(
        a=family("a", 0.8 + 0.01 * spread), b=family("b", 0.5 + 0.01 * spread), c=family("c", [0.9])
    )
    result = best(given, scoring="alignment", subject="a").ours
    assert result.verdict == "agrees among those tested"
    assert result.why.endswith("Not tested: c (1 instance).")
    alone = evidence(a=family("a", spread), c=family("c", [0.9]))
    with pytest.raises(NeuroalignError, match="needs another family with two instances"):
        best(alone, scoring="alignment", subject="a")


def test_lower_is_better(evidence, family, spread):
    lower = {"benchmark": "decoding", "higher_is_better": False}
    result = best(
        evidence(
            "decoding",
            a=family("a", 0.3 + 0.01 * spread, **lower),
            b=family("b", 0.6 + 0.01 * spread, **lower),
        ),
        scoring="decoding",
        subject="a",
    )
    assert result.ours.verdict == "agrees"
    assert result.ours.estimate == pytest.approx(0.3)
    assert result.ours.statistic.startswith(
        "a 0.300, the nearest rival b 0.600, lower is better: ahead by +0.300"
    )


def test_holm_counts_the_rivals(evidence, family, spread):
    # Each of the differences has a raw p of about .03: enough for one rival, not for three.
    a = 0.5 + 0.1 * spread
    rival = a - 0.165
    raw = stats.ttest_ind(a, rival, equal_var=False).pvalue
    assert 0.02 < raw < 0.05
    one = best(evidence(a=family("a", a), b=family("b", rival)), scoring="alignment", subject="a")
    assert one.ours.verdict == "agrees"
    three = best(
        evidence(a=family("a", a), b=family("b", rival), c=family("c", rival), d=family("d", rival)),
        scoring="alignment",
        subject="a",
    )
    assert three.ours.verdict == "cannot tell"
    assert three.paper.verdict == "cannot tell"


def test_one_instance_cannot_tell(evidence, family, spread):
    result = best(
        evidence(a=family("a", [0.9]), b=family("b", 0.1 * spread)), scoring="alignment", subject="a"
    )
    assert result.ours.verdict == "cannot tell"
    assert "fewer than two finite values" in result.ours.why
    assert result.ours.estimate == pytest.approx(0.9)


def test_without_a_rival_it_agrees_among_those_tested(evidence, family, spread):
    given = evidence(
        a=family("a", 0.8 + 0.01 * spread),
        b=family("b", 0.5 + 0.01 * spread),
        expected=("a", "b", "vgg"),
        missing={"vgg": "there are no weights", "of another scoring": "nothing"},
    )
    result = best(given, scoring="alignment", subject="a")
    assert (result.paper.verdict, result.ours.verdict) == ("agrees among those tested",) * 2
    assert result.ours.why.endswith("Not tested: vgg (no scores).")


def test_a_better_rival_decides_although_others_are_missing(evidence, family, spread):
    given = evidence(
        a=family("a", 0.5 + 0.01 * spread), b=family("b", 0.8 + 0.01 * spread), expected=("a", "b", "vgg")
    )
    assert best(given, scoring="alignment", subject="a").ours.verdict == "disagrees"


def test_a_missing_subject_cannot_tell(evidence, family, spread):
    given = evidence(b=family("b", spread), missing={"a": "none was trained"})
    result = examine("best", given, {"scoring": "alignment", "subject": "a"})
    assert (result.paper.verdict, result.ours.verdict) == ("cannot tell", "cannot tell")
    assert result.ours.why == "a has no score by alignment: none was trained"


def test_no_held_out_set_cannot_tell(evidence, family, spread):
    given = evidence(a=family("a", spread), unsupported={"decoding": "the dataset marks no held-out stimuli"})
    result = examine("best", given, {"scoring": "decoding", "subject": "a"})
    assert result.ours.why == "a has no score by decoding: the dataset marks no held-out stimuli"


def test_the_ceiling_is_not_a_rival(evidence, family, spread):
    given = evidence(a=family("a", spread), top=family("top", 5 + spread))
    with pytest.raises(NeuroalignError, match="needs another family"):
        best(given, scoring="alignment", subject="a", ceiling="top")


def test_a_claim_is_as_sure_as_its_least_sure_comparison(evidence, family, spread):
    a, near, far = 0.5 + 0.02 * spread, 0.46 + 0.02 * spread, 0.2 + 0.02 * spread
    given = evidence(a=family("a", a), b=family("b", near), c=family("c", far))
    result = best(given, scoring="alignment", subject="a").ours
    assert result.p == pytest.approx(stats.ttest_ind(a, near, equal_var=False).pvalue)
    below = best(given, scoring="alignment", subject="a", margin=0.3).ours
    assert below.verdict == "disagrees"
    test = stats.ttest_ind(a, near, equal_var=False)
    one_sided = stats.t.cdf((0.04 - 0.3) / (0.04 / test.statistic), test.df)
    assert below.p == pytest.approx(2 * one_sided)


def test_figures_show_the_means_that_claims_compare(evidence, family):
    given = evidence(a=family("a", [0.8, np.nan, 0.9, 0.7]), b=family("b", [0.3, 0.4, 0.5]))
    families = samples(given, "alignment", read="value")
    result = best(given, scoring="alignment", subject="a")
    means = {
        name: mean_interval(np.array([instance.value for instance in scores]))[0]
        for name, scores in given.kept["alignment"].items()
    }
    assert means == pytest.approx({name: sample.mean for name, sample in families.items()})
    assert result.paper.estimate == pytest.approx(means["a"] - means["b"])
