"""Verdicts on made-up scores whose answer is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from neuroalign.errors import NeuroalignError
from neuroalign.names.registry import benchmarks
from neuroalign.reporting.figures import udr_against_alignment
from neuroalign.reporting.figures.families import mean_interval
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.studies.claims import best, drops, examine, meets, predicts, special
from neuroalign.studies.differences import differ
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.findings import Finding, correct_over_claims
from neuroalign.studies.relation import relate
from neuroalign.studies.samples import samples

#: Values about 0 with a standard deviation of about 1.
SPREAD = np.array([-1.2, -0.7, 0.0, 0.6, 1.3])


def score(model, value, *, benchmark="alignment", family="", **fields):
    return Score(
        value=float(value),
        error=0.01,
        error_over="neurons",
        model=model,
        family=family or model.partition("[")[0],
        dataset="toy",
        benchmark=benchmark,
        benchmark_version=load_benchmark(benchmark).version if benchmark in benchmarks else 1,
        **fields,
    )


def family(name, values, **fields):
    return [score(f"{name}[seed={seed}]", value, **fields) for seed, value in enumerate(values)]


def evidence(
    scoring="alignment", *, every=None, table=None, expected=(), missing=(), unsupported=(), **families
):
    kept = {scoring: families}
    return Evidence(
        kept,
        every=kept if every is None else every,
        table=pd.DataFrame() if table is None else table,
        expected={scoring: expected},
        missing=dict(missing),
        unsupported=dict(unsupported),
    )


def with_neurons(model, per_neuron, weights, *, d):
    """A score of alignment with its arrays: per neuron 1 - H, and |weights| that sum to `weights`."""
    per_neuron, weights = np.asarray(per_neuron, float), np.asarray(weights, float)
    data = xr.Dataset(
        {
            "alignment": ("neuroid", per_neuron),
            "weights": (("unit", "neuroid"), np.array([weights, 0 * weights])),
        },
        coords={"neuroid": [f"n{index:02d}" for index in range(len(weights))]},
    )
    value = float((per_neuron * weights).sum() / weights.sum())
    return score(model, value, data=data, beside={"D": d})


class TestBest:
    def test_a_rival_of_few_instances_leaves_it_open(self):
        found = best(
            evidence(
                a=family("a", 0.8 + 0.01 * SPREAD),
                b=family("b", 0.5 + 0.01 * SPREAD),
                c=family("c", [0.2, 0.3]),
            ),
            scoring="alignment",
            subject="a",
        )
        # c has a wide interval of two instances: Welch's p there is above .01.
        expected = stats.ttest_ind(0.8 + 0.01 * SPREAD, [0.2, 0.3], equal_var=False).pvalue
        assert expected > 0.01
        assert found.paper.verdict == "cannot tell"
        assert "not shown to differ from c" in found.paper.why

    def test_all_are_worse(self):
        found = best(
            evidence(a=family("a", 0.8 + 0.01 * SPREAD), b=family("b", 0.5 + 0.01 * SPREAD)),
            scoring="alignment",
            subject="a",
        )
        assert (found.paper.verdict, found.ours.verdict) == ("agrees", "agrees")
        assert found.ours.estimate == pytest.approx(0.3)
        interval = stats.ttest_ind(
            0.8 + 0.01 * SPREAD, 0.5 + 0.01 * SPREAD, equal_var=False
        ).confidence_interval()
        np.testing.assert_allclose([found.ours.low, found.ours.high], interval)

    def test_one_is_better(self):
        found = best(
            evidence(
                a=family("a", 0.5 + 0.01 * SPREAD),
                b=family("b", 0.8 + 0.01 * SPREAD),
                c=family("c", 0.1 * SPREAD),
            ),
            scoring="alignment",
            subject="a",
        )
        assert found.ours.verdict == "disagrees"
        assert found.ours.estimate == pytest.approx(-0.3)
        assert found.ours.why.startswith("not better than b")
        assert [(each.name, each.shown) for each in found.ours.compared] == [("b", "below"), ("c", "above")]
        assert found.ours.compared[0].difference.estimate == pytest.approx(-0.3)
        assert "better than c" in found.ours.why

    def test_an_advantage_below_the_margin_is_none(self):
        given = evidence(a=family("a", 0.51 + 0.001 * SPREAD), b=family("b", 0.5 + 0.001 * SPREAD))
        assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
        assert best(given, scoring="alignment", subject="a", margin=0.05).ours.verdict == "disagrees"

    def test_holm_counts_the_rivals_that_are_to_lie_below_the_margin(self):
        # An advantage of .02 with a standard error of .014: alone shown to be less than .05, not among four.
        a, rival = 0.5 + 0.023 * SPREAD, 0.48 + 0.023 * SPREAD
        alone = evidence(a=family("a", a), b=family("b", rival))
        error = np.sqrt(2 * a.var(ddof=1) / 5)
        p = stats.t.cdf((0.02 - 0.05) / error, 8)
        assert 0.05 / 4 < p < 0.05
        settings = {"scoring": "alignment", "subject": "a", "margin": 0.05}
        found = examine("best", alone, settings).ours
        assert found.verdict == "disagrees"
        assert found.why.startswith("not better by 0.05 or more than b")
        others = {name: family(name, rival) for name in "bcde"}
        assert examine("best", evidence(a=family("a", a), **others), settings).ours.verdict == "cannot tell"

    def test_a_rival_of_one_instance_is_not_tested(self):
        given = evidence(
            a=family("a", 0.8 + 0.01 * SPREAD), b=family("b", 0.5 + 0.01 * SPREAD), c=family("c", [0.9])
        )
        found = best(given, scoring="alignment", subject="a").ours
        assert found.verdict == "agrees among those tested"
        assert found.why.endswith("Not tested: c (1 instance).")
        alone = evidence(a=family("a", SPREAD), c=family("c", [0.9]))
        with pytest.raises(NeuroalignError, match="no other family with two instances"):
            best(alone, scoring="alignment", subject="a")

    def test_lower_is_better(self):
        lower = {"benchmark": "decoding", "higher_is_better": False}
        found = best(
            evidence(
                "decoding",
                a=family("a", 0.3 + 0.01 * SPREAD, **lower),
                b=family("b", 0.6 + 0.01 * SPREAD, **lower),
            ),
            scoring="decoding",
            subject="a",
        )
        assert found.ours.verdict == "agrees"
        assert found.ours.estimate == pytest.approx(0.3)
        assert found.ours.statistic.startswith(
            "a 0.300, the nearest rival b 0.600, lower is better: ahead by +0.300"
        )

    def test_holm_counts_the_rivals(self):
        # Each of the differences has a raw p of about .03: enough for one rival, not for three.
        a = 0.5 + 0.1 * SPREAD
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

    def test_one_instance_cannot_tell(self):
        found = best(
            evidence(a=family("a", [0.9]), b=family("b", 0.1 * SPREAD)), scoring="alignment", subject="a"
        )
        assert found.ours.verdict == "cannot tell"
        assert "fewer than two finite values" in found.ours.why
        assert found.ours.estimate == pytest.approx(0.9)

    def test_without_a_rival_it_agrees_among_those_tested(self):
        given = evidence(
            a=family("a", 0.8 + 0.01 * SPREAD),
            b=family("b", 0.5 + 0.01 * SPREAD),
            expected=("a", "b", "vgg"),
            missing={"vgg": "there are no weights", "of another scoring": "nothing"},
        )
        found = best(given, scoring="alignment", subject="a")
        assert (found.paper.verdict, found.ours.verdict) == ("agrees among those tested",) * 2
        assert found.ours.why.endswith("Not tested: vgg (no scores).")

    def test_a_rival_that_is_better_decides_whoever_is_missing(self):
        given = evidence(
            a=family("a", 0.5 + 0.01 * SPREAD), b=family("b", 0.8 + 0.01 * SPREAD), expected=("a", "b", "vgg")
        )
        assert best(given, scoring="alignment", subject="a").ours.verdict == "disagrees"

    def test_a_missing_subject_cannot_tell(self):
        given = evidence(b=family("b", SPREAD), missing={"a": "none was trained"})
        found = examine("best", given, {"scoring": "alignment", "subject": "a"})
        assert (found.paper.verdict, found.ours.verdict) == ("cannot tell", "cannot tell")
        assert found.ours.why == "a has no score by alignment: none was trained"

    def test_no_held_out_set_cannot_tell(self):
        given = evidence(
            a=family("a", SPREAD), unsupported={"decoding": "the dataset marks no held-out stimuli"}
        )
        found = examine("best", given, {"scoring": "decoding", "subject": "a"})
        assert found.ours.why == "a has no score by decoding: the dataset marks no held-out stimuli"

    def test_alone_and_the_ceiling_is_no_rival(self):
        given = evidence(a=family("a", SPREAD), top=family("top", 5 + SPREAD))
        with pytest.raises(NeuroalignError, match="no other family"):
            best(given, scoring="alignment", subject="a", ceiling="top")


class TestReading:
    def test_dead_units_do_not_count_at_a_common_d(self):
        # Six equal weights score .222 at D = 10 and .542 at D = 50.
        few, many = 1 - np.log(6) / np.log(10), 1 - np.log(6) / np.log(50)
        given = evidence(
            few=[score("few", few, beside={"D": 10})], many=[score("many", many, beside={"D": 50})]
        )
        known = samples(given, "alignment", read="common D")
        assert known["few"].values == pytest.approx([many])
        assert known["many"].values == pytest.approx([many])

    def test_common_d_overturns_an_advantage_of_dead_units(self):
        def of(name, d):
            return [
                score(f"{name}[seed={s}]", 1 - np.log(6 + x) / np.log(d), beside={"D": d})
                for s, x in enumerate(0.01 * SPREAD)
            ]

        given = evidence(a=of("a", 50), b=of("b", 10))
        assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
        corrected = best(given, scoring="alignment", subject="a", read="common D").ours
        assert corrected.verdict == "cannot tell"
        assert corrected.estimate == pytest.approx(0, abs=1e-12)

    def test_no_weights_stay_zero_at_every_d(self):
        dead = with_neurons("dead", [0.5, 0.5], [1.0, 1.0], d=10)
        data = dead.data.assign(weights=0 * dead.data["weights"], alignment=dead.data["alignment"] * np.nan)
        beside = {"D": 10, "neurons_without_weight": 2}
        zero = score("dead", 0.0, data=data, beside=beside, provenance={"n_neurons": 2})
        given = evidence(dead=[zero], many=[score("many", 0.5, beside={"D": 50})])
        assert samples(given, "alignment", read="common D")["dead"].values.tolist() == [0.0]

    def test_above_chance(self):
        ratio = score("a", 0.4, benchmark="correlation_ratio", null=0.2)
        distance = score("b", 0.3, benchmark="decoding", null=0.9, higher_is_better=False)
        assert samples(evidence(a=[ratio]), "alignment", read="above chance")["a"].values == pytest.approx(
            [0.25]
        )
        assert samples(evidence(b=[distance]), "alignment", read="above chance")["b"].values == pytest.approx(
            [2 / 3]
        )

    def test_a_number_beside_the_value(self):
        given = evidence(a=[score("a", 0.4, beside={"unit_proportion": 0.7})])
        assert samples(given, "alignment", read="unit_proportion")["a"].values.tolist() == [0.7]
        with pytest.raises(NeuroalignError, match="did you mean unit proportion"):
            samples(given, "alignment", read="unit proportions")

    def test_neurons_pair_by_name(self):
        one = with_neurons("a", [0.1, 0.9], [1.0, 3.0], d=10)
        other = score("a[seed=1]", one.value, data=one.data.isel(neuroid=[1, 0]), beside={"D": 10})
        known = samples(evidence(a=[one, other]), "alignment", read="value")["a"]
        assert known.tested.neurons == ("n00", "n01")
        # Both instances at once: 1 - H times the weight, and the weight, of each.
        parts = known.tested.of_neurons.parts
        np.testing.assert_allclose(
            np.hstack([part.terms for part in parts]), [[0.1, 1.0] * 2, [2.7, 3.0] * 2]
        )


class TestNeurons:
    def test_neurons_that_disagree_leave_it_open(self):
        rng = np.random.default_rng(0)
        neurons = rng.uniform(0, 1, 20)
        weights = np.ones(20)
        # b is a with the neurons in another order but for a small step: the instances hardly differ, the neurons do.
        a = [
            with_neurons(f"a[seed={s}]", np.clip(neurons + 0.05 + x, 0, 1), weights, d=10)
            for s, x in enumerate(0.001 * SPREAD)
        ]
        b = [
            with_neurons(f"b[seed={s}]", np.clip(neurons[::-1] + x, 0, 1), weights, d=10)
            for s, x in enumerate(0.001 * SPREAD)
        ]
        given = evidence(a=a, b=b)
        assert best(given, scoring="alignment", subject="a").ours.verdict == "agrees"
        wide = best(given, scoring="alignment", subject="a", neurons=True).ours
        assert wide.verdict == "cannot tell"
        assert wide.low < 0 < wide.high

    def test_neurons_that_all_agree_do_not_matter(self):
        rng = np.random.default_rng(1)
        neurons = rng.uniform(0.1, 0.6, 40)
        a = [
            with_neurons(f"a[seed={s}]", neurons + 0.3 + x, np.ones(40), d=10)
            for s, x in enumerate(0.01 * SPREAD)
        ]
        b = [
            with_neurons(f"b[seed={s}]", neurons + x, np.ones(40), d=10) for s, x in enumerate(0.01 * SPREAD)
        ]
        # The difference is the same for every neuron up to the spread of the instances.
        a[0] = with_neurons("a[seed=0]", neurons + 0.3 + 0.001 * rng.standard_normal(40), np.ones(40), d=10)
        found = best(evidence(a=a, b=b), scoring="alignment", subject="a", neurons=True).ours
        assert found.verdict == "agrees"
        assert found.low == pytest.approx(0.3, abs=0.03)

    def test_without_neurons_it_cannot_tell(self):
        given = evidence(a=family("a", 0.8 + 0.01 * SPREAD), b=family("b", 0.01 * SPREAD))
        found = best(given, scoring="alignment", subject="a", neurons=True).ours
        assert found.verdict == "cannot tell"
        assert "the arrays of a[seed=0] are not arrays of alignment" in found.why


def with_draws(model, score, *, of_stimuli, of_neurons=0.0, n_draws=400, seed=0):
    """Fits of a score to drawn stimuli that move all neurons together, and each by itself."""
    rng = np.random.default_rng(seed)
    values = score.data["alignment"].values
    moved = of_stimuli * rng.standard_normal((n_draws, 1))
    moved = moved + of_neurons * rng.standard_normal((n_draws, len(values)))
    data = xr.Dataset(
        {
            "terms": (("draw", "neuroid", "term"), np.stack([values + moved, np.ones(moved.shape)], axis=-1)),
        },
        coords={"neuroid": score.data["neuroid"].values},
    )
    return score_of_draws(model, score.value, data)


@cache
def families_with_draws(**options):
    """Scores of two families of five instances, and their fits to drawn stimuli."""
    neurons = np.random.default_rng(4).uniform(0, 1, 100)
    scores, draws = {}, {}
    for name, level, order, seed in (("a", 0.3, 1, 1), ("b", 0.0, -1, 2)):
        scores[name] = [
            with_neurons(f"{name}[seed={s}]", neurons[::order] + level + x, np.ones(100), d=10)
            for s, x in enumerate(0.001 * SPREAD)
        ]
        draws[name] = [
            with_draws(score.model, score, seed=seed, **options)
            for score in scores[name]
        ]
    return scores, draws


def score_of_draws(model, value, data):
    return score(model, value, benchmark="stimulus_bootstrap", data=data, provenance={"n_stimuli": 1_000})


class TestStimuli:
    def kept(self, **options):
        scores, draws = families_with_draws(**options)
        return {"alignment": dict(scores), "drawn": dict(draws)}

    def error(self, of):
        """Half of a 95 % interval, as the standard error that it would have with many degrees of freedom."""
        return (of.high - of.low) / 2 / 1.97

    def test_variances_of_neurons_and_stimuli_add_up(self):
        known = samples(Evidence(self.kept(of_stimuli=0.05)), "alignment", read="value", stimuli="drawn")
        alone = self.error(differ(known["a"], known["b"], neurons=True))
        both = self.error(differ(known["a"], known["b"], stimuli=True))
        # The two families are moved independently of each other: twice the variance of one.
        assert both == pytest.approx(np.sqrt(alone**2 + 2 * 0.05**2), rel=0.1)

    def test_what_stimuli_move_in_each_neuron_is_not_counted_twice(self):
        kept = self.kept(of_stimuli=0.0, of_neurons=0.5)
        known = samples(Evidence(kept), "alignment", read="value", stimuli="drawn")
        alone = self.error(differ(known["a"], known["b"], neurons=True))
        both = self.error(differ(known["a"], known["b"], stimuli=True))
        # A neuron that is drawn twice counts what moves it twice: that is taken off, down to the larger of the two.
        assert both == pytest.approx(max(alone, np.sqrt(2 * 0.5**2 / 100)), rel=0.1)

    def test_stimuli_that_matter_leave_it_open(self):
        kept = self.kept(of_stimuli=0.3)
        settings = {"scoring": "alignment", "subject": "a"}
        assert examine("best", Evidence(kept), {**settings, "neurons": True}).ours.verdict == "agrees"
        found = examine("best", Evidence(kept), {**settings, "stimuli": "drawn"}).ours
        assert found.verdict == "cannot tell"
        assert "instances, neurons and stimuli" in found.test

    def test_at_a_common_d_the_draws_are_at_it_as_well(self):
        kept = self.kept(of_stimuli=0.05, n_draws=20)
        kept["alignment"]["b"] = [replace(each, beside={"D": 100}) for each in kept["alignment"]["b"]]
        known = samples(Evidence(kept), "alignment", read="common D", stimuli="drawn")
        as_it_was = samples(Evidence(kept), "alignment", read="value", stimuli="drawn")
        # From D = 10 to 100 the entropy counts half.
        before, now = (
            {name: sample.tested.of_stimuli.values for name, sample in read.items()}
            for read in (as_it_was, known)
        )
        np.testing.assert_allclose(now["a"], 1 - (1 - before["a"]) / 2)
        np.testing.assert_allclose(now["b"], before["b"])

    def test_neurons_of_draws_pair_by_name(self):
        kept = self.kept(of_stimuli=0.05, n_draws=20)
        straight = samples(Evidence(kept), "alignment", read="value", stimuli="drawn")["a"]
        kept["drawn"]["a"] = [
            replace(each, data=each.data.isel(neuroid=slice(None, None, -1))) for each in kept["drawn"]["a"]
        ]
        turned = samples(Evidence(kept), "alignment", read="value", stimuli="drawn")["a"]
        np.testing.assert_allclose(
            straight.tested.of_stimuli.values, turned.tested.of_stimuli.values, rtol=1e-12
        )

    def test_an_instance_without_draws_cannot_tell(self):
        kept = self.kept(of_stimuli=0.05, n_draws=20)
        kept["drawn"]["b"] = kept["drawn"]["b"][1:]
        found = best(Evidence(kept), scoring="alignment", subject="a", stimuli="drawn").ours
        assert found.verdict == "cannot tell"
        assert "b[seed=0] was not fitted to drawn stimuli" in found.why


class TestMeets:
    @pytest.mark.parametrize(
        ("gap", "spread", "verdict", "papers"),
        [
            (0.0, 0.01, "agrees", "agrees"),
            (-0.3, 0.01, "disagrees", "disagrees"),
            # Above it there is no ceiling.
            (0.3, 0.01, "cannot tell", "cannot tell"),
            (0.0, 0.5, "cannot tell", "agrees"),
        ],
    )
    def test_equivalence_within_a_margin(self, gap, spread, verdict, papers):
        given = evidence(a=family("a", 0.5 + gap + spread * SPREAD), top=family("top", 0.5 + spread * SPREAD))
        found = meets(given, scoring="alignment", subject="a", ceiling="top", margin=0.05)
        assert (found.ours.verdict, found.paper.verdict) == (verdict, papers)
        assert found.ours.estimate == pytest.approx(gap)

    def test_the_margin_is_of_the_90_percent_interval(self):
        a, top = 0.51 + 0.01 * SPREAD, 0.5 + 0.01 * SPREAD
        high = stats.ttest_ind(a, top, equal_var=False).confidence_interval(0.9).high
        given = evidence(a=family("a", a), top=family("top", top))
        options = {"scoring": "alignment", "subject": "a", "ceiling": "top"}
        assert meets(given, **options, margin=high + 1e-6).ours.verdict == "agrees"
        assert meets(given, **options, margin=high - 1e-6).ours.verdict == "cannot tell"

    def test_the_ceiling_may_be_scored_otherwise(self):
        kept = {
            "alignment": {"a": family("a", 1 + 0.001 * SPREAD), "top": family("top", 0.5 + 0.001 * SPREAD)},
            "itself": {"top": family("top", 1 + 0.001 * SPREAD)},
        }
        options = {"subject": "a", "ceiling": "top", "margin": 0.05, "scoring": "alignment"}
        assert meets(Evidence(kept), **options, ceiling_scoring="itself").ours.verdict == "agrees"
        assert meets(Evidence(kept), **options).ours.verdict == "cannot tell"

    @pytest.mark.parametrize(("level", "verdict"), [(0.5, "agrees"), (0.01, "cannot tell")])
    def test_a_ceiling_without_special_axes_says_nothing(self, level, verdict):
        scores = {
            name: [
                score(f"{name}[seed={seed}]", 0.5, beside={"axis_index": level + shift, "axis_index_p": 0.04})
                for seed, shift in enumerate(0.001 * SPREAD)
            ]
            for name in ("a", "top")
        }
        found = meets(
            evidence(**scores),
            scoring="alignment",
            subject="a",
            ceiling="top",
            margin=0.1,
            read="axis_index",
        ).ours
        assert found.verdict == verdict
        assert ("the axes of top are not special (κ = 0.010)" in found.why) == (verdict == "cannot tell")

    def test_no_ceiling(self):
        given = evidence(a=family("a", SPREAD), missing={"top": "fewer than 3 neurons"})
        found = examine(
            "meets", given, {"scoring": "alignment", "subject": "a", "ceiling": "top", "margin": 0.1}
        )
        assert found.ours.why == "top has no score by alignment: fewer than 3 neurons"

    def test_one_instance(self):
        given = evidence(a=family("a", [0.5]), top=family("top", SPREAD))
        found = meets(given, scoring="alignment", subject="a", ceiling="top", margin=0.1)
        assert (found.paper.verdict, found.ours.verdict) == ("cannot tell", "cannot tell")


def recombined(name, native, mixed, *, draws=None):
    made = []
    for seed, (of, other) in enumerate(zip(native, mixed, strict=True)):
        data = (
            xr.Dataset() if draws is None else xr.Dataset({"drop": ("draw", of - other + np.asarray(draws))})
        )
        made.append(
            score(
                f"{name}[seed={seed}]",
                of - other,
                benchmark="linear_recombination",
                data=data,
                beside={"native": of, "recombined": other},
            )
        )
    return made


class TestDrops:
    def test_a_drop_of_all(self):
        given = evidence(
            a=recombined("a", 0.6 + 0.01 * SPREAD, 0.3 + 0.02 * SPREAD),
            b=recombined("b", 0.9 + 0.01 * SPREAD, 0.3 + 0.02 * SPREAD),
        )
        found = drops(given, scoring="alignment", families=["a", "b"])
        assert (found.paper.verdict, found.ours.verdict) == ("agrees", "agrees")
        assert found.ours.estimate == pytest.approx(0.3)
        interval = stats.ttest_1samp(0.3 - 0.01 * SPREAD, 0).confidence_interval()
        np.testing.assert_allclose([found.ours.low, found.ours.high], interval)

    def test_no_drop_of_one(self):
        given = evidence(
            a=recombined("a", 0.6 + 0.01 * SPREAD, 0.3 + 0.02 * SPREAD),
            b=recombined("b", 0.4 + 0.01 * SPREAD, 0.4 + 0.011 * SPREAD),
        )
        found = drops(given, scoring="alignment", families=["a", "b"], margin=0.02)
        assert found.ours.verdict == "disagrees"
        assert found.ours.why.startswith("no drop of 0.02 or more of b")

    def test_a_rise(self):
        given = evidence(a=recombined("a", 0.3 + 0.01 * SPREAD, 0.6 + 0.02 * SPREAD))
        found = drops(given, scoring="alignment", families=["a"])
        assert (found.paper.verdict, found.ours.verdict) == ("disagrees", "disagrees")

    def test_mixtures_that_differ_leave_it_open(self):
        native, mixed = 0.6 + 0.001 * SPREAD, 0.55 + 0.002 * SPREAD
        sure = evidence(a=recombined("a", native, mixed, draws=[-0.001, 0.0, 0.001]))
        unsure = evidence(a=recombined("a", native, mixed, draws=[-0.2, 0.0, 0.2]))
        assert drops(sure, scoring="alignment", families=["a"]).ours.verdict == "agrees"
        assert drops(unsure, scoring="alignment", families=["a"]).ours.verdict == "cannot tell"

    def test_one_instance(self):
        given = evidence(a=recombined("a", [0.6], [0.3]))
        found = drops(given, scoring="alignment", families=["a"])
        assert found.ours.verdict == "cannot tell"
        assert "a single instance has no spread" in found.ours.why
        assert found.paper.verdict == "cannot tell"


def ranked(udr, values, betas):
    names = [f"a[beta={beta},seed={seed}]" for seed, beta in enumerate(betas)]
    table = pd.DataFrame({"instance": names, "family": "a", "udr": udr, "beta": betas})
    return evidence(a=[score(name, value) for name, value in zip(names, values, strict=True)], table=table)


class TestPredicts:
    def test_a_relation_among_all(self):
        x = np.arange(20.0)
        y = x + np.tile([3.0, -3.0], 10)
        found = predicts(ranked(x, y, [1] * 20), scoring="alignment", subject="a")
        assert (found.paper.verdict, found.ours.verdict) == ("agrees", "agrees")
        assert found.ours.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
        # No draw of 9,999 is as far from zero.
        assert found.ours.p == 1e-4
        assert found.ours.test == "rank correlation, random permutations of all instances, p < .05"

    def test_a_relation_the_other_way(self):
        x = np.arange(20.0)
        found = predicts(ranked(x, -x - np.tile([3.0, -3.0], 10), [1] * 20), scoring="alignment", subject="a")
        assert (found.paper.verdict, found.ours.verdict) == ("disagrees", "disagrees")

    def test_a_relation_that_is_only_between_groups(self):
        rng = np.random.default_rng(3)
        betas = np.repeat([1, 4, 16], 8)
        x, y = betas + rng.uniform(0, 1, 24), betas + rng.uniform(0, 1, 24)
        given = ranked(x, y, betas)
        assert predicts(given, scoring="alignment", subject="a").ours.verdict == "agrees"
        within = predicts(given, scoring="alignment", subject="a", within="beta").ours
        assert within.verdict == "cannot tell"
        assert "24 instances of 3 groups" in within.statistic
        assert within.test == "rank correlation, exact permutations within each beta, p < .05"

    def test_a_perfect_group_of_four_is_not_enough(self):
        found = predicts(ranked([1, 2, 3, 4], [1, 2, 3, 4], [1] * 4), scoring="alignment", subject="a")
        assert (found.paper.verdict, found.ours.verdict) == ("cannot tell", "cannot tell")
        assert found.ours.why == (
            "4 instances allow no p below 0.0833 for any values: no relation could be shown at the level of .05"
        )
        # Two perfect groups of four: 2 of 576 permutations.
        two = ranked([1, 2, 3, 4] * 2, [1, 2, 3, 4] * 2, [1] * 4 + [2] * 4)
        both = predicts(two, scoring="alignment", subject="a", within="beta")
        assert (both.paper.verdict, both.ours.verdict) == ("agrees", "agrees")
        assert both.ours.p == pytest.approx(2 / 576)

    @pytest.mark.parametrize("within", ["", "beta"])
    def test_groups_of_four_without_a_relation_rarely_agree(self, within):
        rng = np.random.default_rng(5)
        verdicts = [
            predicts(
                ranked(rng.normal(size=12), rng.normal(size=12), np.repeat([1, 2, 3], 4)),
                scoring="alignment",
                subject="a",
                within=within,
            ).ours.verdict
            for _ in range(100)
        ]
        assert 100 - verdicts.count("cannot tell") <= 10

    def test_too_few(self):
        given = ranked([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1, 1, 1])
        found = examine("predicts", given, {"scoring": "alignment", "subject": "a"})
        assert found.ours.verdict == "cannot tell"
        assert found.ours.why.startswith("3 instances allow no p below 0.333")
        alone = ranked([1.0, 1.0], [1.0, 2.0], [1, 1])
        found = examine("predicts", alone, {"scoring": "alignment", "subject": "a", "within": "beta"})
        assert found.ours.why == "UDR and score must both vary within each beta, which they do not"

    def test_no_udr(self):
        given = ranked([np.nan] * 4, [1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4])
        found = examine("predicts", given, {"scoring": "alignment", "subject": "a"})
        assert "differ in their seed alone" in found.ours.why

    def test_the_figure_shows_the_number_that_the_claim_tests(self):
        rng = np.random.default_rng(7)
        given = ranked(rng.normal(size=18), rng.normal(size=18), np.repeat([1, 4, 8], [4, 6, 8]))
        given = replace(given, kept={"alignment": {"a": given.every["alignment"]["a"][:3]}})
        settings = {"scoring": "alignment", "subject": "a"}
        related = relate(given, **settings)
        axes = udr_against_alignment(related.table, related.scores, by="beta", values=related.values)
        everyone, within, *_ = axes.texts[0].get_text().split("\n")
        claims = [predicts(given, **settings, within=group).ours for group in ("", "beta")]
        assert [finding.statistic.split(",")[0] for finding in claims] == [
            f"Spearman's ρ = {claims[0].estimate:.2f}",
            f"Spearman's ρ within each beta = {claims[1].estimate:.2f}",
        ]
        assert everyone == f"Spearman ρ = {claims[0].estimate:.2f}, p = {claims[0].p:.3f}, n = 18"
        assert within == f"within β: ρ = {claims[1].estimate:.2f}, p = {claims[1].p:.3f}, n = 18"
        # The two differ, so that neither stands for the other.
        assert abs(claims[0].estimate - claims[1].estimate) > 0.01


class TestOptions:
    """A score is resampled by the options that it was made with."""

    def of(self, aggregate, value):
        ratios = np.array([0.9, 0.5, 0.4, 0.3])
        data = xr.Dataset(
            {"correlation_ratio": ("neuroid", ratios), "best_unit": ("neuroid", ["u", "u", "u", "v"])},
            coords={"neuroid": list("abcd")},
        )
        return [
            score(
                f"x[seed={seed}]",
                value,
                benchmark="correlation_ratio",
                options={"aggregate": aggregate},
                data=data,
                beside={"informative_units": 2, "unit_proportion": 1.0},
            )
            for seed in range(2)
        ]

    @pytest.mark.parametrize(("aggregate", "value"), [("neuron_mean", 0.525), ("unit_mean", 0.45)])
    def test_all_neurons_give_the_score_itself(self, aggregate, value):
        sample = samples(evidence(x=self.of(aggregate, value)), "alignment", read="value")["x"]
        assert sample.tested.of_neurons(np.ones((1, 4))) == pytest.approx([value])
        # Without the first neuron; the other neurons keep their shares of the best unit.
        assert sample.tested.of_neurons([[0, 1, 1, 1]]) == pytest.approx(
            [0.4 if aggregate == "neuron_mean" else (0.5 / 3 + 0.4 / 3 + 0.3) / (2 / 3 + 1)]
        )

    def test_a_maximum_over_neurons_is_not_tested_as_a_mean(self):
        given = evidence(x=self.of("unit_max", 0.6), y=self.of("unit_max", 0.5))
        found = samples(given, "alignment", read="value")["x"]
        assert found.tested.of_neurons is None
        assert "aggregate=unit_max takes the maximum over neurons" in found.tested.why_no_neurons


class TestSeedless:
    """Families of nested sizes are no samples of instances."""

    def given(self):
        rng = np.random.default_rng(0)
        neurons = rng.uniform(0.2, 0.6, 60)
        a = [
            with_neurons(f"a[seed={s}]", neurons + 0.2 + x, np.ones(60), d=10)
            for s, x in enumerate(0.01 * SPREAD)
        ]
        pca = [
            with_neurons(f"pca[n={n}]", neurons + 0.1 * rng.normal(size=60) + x, np.ones(60), d=10)
            for n, x in zip((10, 20, 30, 40, 50), 0.1 * SPREAD, strict=True)
        ]
        return evidence(a=a, pca=pca)

    def test_their_sizes_are_no_error(self):
        known = samples(self.given(), "alignment", read="value")
        assert [known[name].is_sample for name in ("a", "pca")] == [True, False]
        # They are compared over neurons, asked for or not.
        wide = differ(known["a"], known["pca"])
        assert wide == differ(known["a"], known["pca"], neurons=True)
        parts = [known[name].tested.of_neurons.parts for name in ("a", "pca")]
        terms = [np.mean([part.terms[:, 0] for part in each], axis=0) for each in parts]
        over_neurons = np.std(terms[0] - terms[1]) / np.sqrt(60)
        assert wide.error == pytest.approx(np.hypot(stats.sem(known["a"].values), over_neurons), rel=0.05)
        found = best(self.given(), scoring="alignment", subject="a", neurons=True)
        assert "(pca is no sample of instances: compared over neurons)" in found.ours.test
        # The paper took sizes for instances.
        assert found.paper.compared[0].difference.p == pytest.approx(
            stats.ttest_ind(known["a"].values, known["pca"].values, equal_var=False).pvalue
        )

    @pytest.mark.parametrize(("declared", "is_sample"), [(None, True), (False, False)])
    def test_sizes_that_were_trained_with_one_seed_each_are_a_sample(self, declared, is_sample):
        provenance = {} if declared is None else {"is_sample": declared}
        vae = [
            score(f"vae[n_latents={n},seed=0]", value, provenance=provenance)
            for n, value in zip((10, 20, 30, 40, 50), 0.5 + 0.1 * SPREAD, strict=True)
        ]
        given = evidence(a=family("a", 0.6 + 0.1 * SPREAD), vae=vae)
        known = samples(given, "alignment", read="value")
        assert known["vae"].is_sample == is_sample
        if is_sample:
            assert differ(known["a"], known["vae"]).p == pytest.approx(
                stats.ttest_ind(0.6 + 0.1 * SPREAD, 0.5 + 0.1 * SPREAD, equal_var=False).pvalue
            )

    def test_a_single_one_is_tested(self):
        given = self.given()
        one = evidence(a=given.kept["alignment"]["a"], pca=given.kept["alignment"]["pca"][:1])
        found = best(one, scoring="alignment", subject="a", neurons=True)
        assert found.ours.verdict == "agrees"
        assert found.paper.why == "no other family has two instances"


class TestHeldOut:
    def of(self, name, values):
        rng = np.random.default_rng(len(name))
        made = []
        for seed, value in enumerate(values):
            distances = value + 0.1 * rng.normal(size=30)
            data = xr.Dataset(
                {"cosine_distance": ("stimulus", distances)},
                coords={"stimulus": [f"s{index:02d}" for index in range(30)]},
            )
            made.append(
                score(
                    f"{name}[seed={seed}]",
                    distances.mean(),
                    benchmark="decoding",
                    higher_is_better=False,
                    null=1.0,
                    data=data if seed % 2 else data.isel(stimulus=slice(None, None, -1)),
                )
            )
        return made

    def test_stimuli_that_all_instances_share_are_an_error(self):
        given = evidence(a=self.of("a", 0.3 + 0.01 * SPREAD), bb=self.of("bb", 0.6 + 0.01 * SPREAD))
        known = samples(given, "alignment", read="value")
        assert known["a"].stimuli[:2] == ("s00", "s01")
        alone, both = differ(known["a"], known["bb"]), differ(known["a"], known["bb"], held_out=True)
        paired = known["a"].held_out.mean(axis=0) - known["bb"].held_out.mean(axis=0)
        assert both.error == pytest.approx(np.hypot(alone.error, stats.sem(paired)))
        assert both.estimate == alone.estimate > 0
        # Thirty variants of ten originals are worth ten stimuli.
        variants = replace(known["a"], n_originals=10)
        assert differ(variants, known["bb"], held_out=True).error == pytest.approx(
            np.hypot(alone.error, stats.sem(paired) * np.sqrt(3))
        )
        found = best(given, scoring="alignment", subject="a", read="above chance", held_out=True).ours
        assert found.verdict == "agrees"
        assert found.test.startswith("Welch's test over instances and held-out stimuli")

    def test_scores_without_single_stimuli_cannot_tell(self):
        given = evidence(a=family("a", 0.5 + 0.01 * SPREAD), b=family("b", 0.01 * SPREAD))
        found = best(given, scoring="alignment", subject="a", held_out=True).ours
        assert found.verdict == "cannot tell"
        assert "the scores are no means over the same held-out stimuli" in found.why


def with_index(name, values, p=0.01):
    return [
        score(f"{name}[seed={seed}]", 0.5, beside={"axis_index": value, "axis_index_p": p})
        for seed, value in enumerate(values)
    ]


class TestSpecial:
    @pytest.mark.parametrize(
        ("index", "p", "verdict"),
        [
            (0.5, 0.01, "agrees"),
            (0.5, 0.2, "cannot tell"),
            (0.02, 0.01, "disagrees"),
            (0.105, 0.01, "cannot tell"),
        ],
    )
    def test_the_index_lies_above_the_margin_and_above_turns(self, index, p, verdict):
        given = evidence(a=with_index("a", index + 0.02 * SPREAD, p))
        found = special(given, scoring="alignment", families=["a"], margin=0.1, neurons=False)
        assert found.ours.verdict == found.paper.verdict == verdict
        assert found.ours.estimate == pytest.approx(index - 0.1)
        expected = stats.ttest_1samp(index + 0.02 * SPREAD, 0.1)
        assert found.ours.p == pytest.approx(expected.pvalue)
        assert found.ours.statistic.startswith(
            f"axis index κ of a {index:.3f} (p = {p:.3f}".replace("= 0.", "= .")
        )

    def test_a_p_value_that_is_missing_cannot_tell(self):
        given = evidence(a=with_index("a", 0.5 + 0.02 * SPREAD, np.nan))
        found = special(given, scoring="alignment", families=["a"], neurons=False).ours
        assert found.verdict == "cannot tell"
        assert "the p-value of turns is not known for a; score them again" in found.why

    @pytest.mark.parametrize("beside", [{}, {"axis_index": np.nan}])
    @pytest.mark.parametrize(
        ("kind", "settings"),
        [
            ("special", {"families": ["a"]}),
            ("best", {"subject": "a", "read": "axis_index"}),
            ("meets", {"subject": "a", "ceiling": "b", "margin": 0.1, "read": "axis_index"}),
        ],
    )
    def test_scores_without_an_index_cannot_tell(self, beside, kind, settings):
        given = evidence(a=family("a", SPREAD, beside=beside), b=family("b", SPREAD, beside=beside))
        found = examine(kind, given, {"scoring": "alignment", **settings}).ours
        assert found.verdict == "cannot tell"
        assert found.why == "scores have no axis index; score them again"

    def test_families_are_ranked_by_the_index(self):
        given = evidence(a=with_index("a", 0.6 + 0.02 * SPREAD), b=with_index("b", 0.2 + 0.02 * SPREAD))
        found = best(given, scoring="alignment", subject="a", read="axis_index", margin=0.1).ours
        assert found.verdict == "agrees"
        assert found.estimate == pytest.approx(0.4)


class TestOverClaims:
    def of(self, verdict, p):
        return Finding(verdict, "it is shown", p=p)

    def test_holm_counts_the_claims_that_were_tested(self):
        found = correct_over_claims(
            [
                self.of("agrees", 0.01),
                self.of("disagrees", 0.03),
                self.of("cannot tell", 0.5),
                self.of("cannot tell", np.nan),
            ]
        )
        assert [finding.p for finding in found] == pytest.approx([0.03, 0.06, 0.5, np.nan], nan_ok=True)
        assert [finding.verdict for finding in found] == [
            "agrees",
            "cannot tell",
            "cannot tell",
            "cannot tell",
        ]
        assert found[0].why == "it is shown. After Holm's correction over 3 claims, p = .030."
        assert (
            found[1].why == "it is shown. This does not hold after Holm's correction over 3 claims, p = .060."
        )
        assert found[3].why == "it is shown"

    def test_a_claim_is_as_sure_as_its_least_sure_comparison(self):
        a, near, far = 0.5 + 0.02 * SPREAD, 0.46 + 0.02 * SPREAD, 0.2 + 0.02 * SPREAD
        given = evidence(a=family("a", a), b=family("b", near), c=family("c", far))
        found = best(given, scoring="alignment", subject="a").ours
        assert found.p == pytest.approx(stats.ttest_ind(a, near, equal_var=False).pvalue)
        below = best(given, scoring="alignment", subject="a", margin=0.3).ours
        assert below.verdict == "disagrees"
        test = stats.ttest_ind(a, near, equal_var=False)
        one_sided = stats.t.cdf((0.04 - 0.3) / (0.04 / test.statistic), test.df)
        assert below.p == pytest.approx(2 * one_sided)

    def test_equivalence_is_as_sure_as_the_weaker_of_its_tests(self):
        a, top = 0.51 + 0.01 * SPREAD, 0.5 + 0.01 * SPREAD
        found = meets(
            evidence(a=family("a", a), top=family("top", top)),
            scoring="alignment",
            subject="a",
            ceiling="top",
            margin=0.05,
        ).ours
        shifted = stats.ttest_ind(a, top + 0.05, equal_var=False, alternative="less").pvalue
        assert (found.verdict, found.p) == ("agrees", pytest.approx(shifted))


def test_figures_show_the_means_that_claims_compare():
    given = evidence(a=family("a", [0.8, np.nan, 0.9, 0.7]), b=family("b", [0.3, 0.4, 0.5]))
    known = samples(given, "alignment", read="value")
    found = best(given, scoring="alignment", subject="a")
    means = {
        name: mean_interval(np.array([score.value for score in scores]))[0]
        for name, scores in given.kept["alignment"].items()
    }
    assert means == pytest.approx({name: sample.mean for name, sample in known.items()})
    assert found.paper.estimate == pytest.approx(means["a"] - means["b"])
