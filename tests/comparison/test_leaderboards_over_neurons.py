"""Leaderboards of scores with arrays: tests over neurons, common terms, controls and cautions."""

import csv
import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from statsmodels.stats.multitest import multipletests

from neuroalign.comparison import Sample, generalise, infer_pairs, make_sample
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.comparison.leaderboard_findings import (
    describe_cautions,
    describe_findings,
    describe_welch_only,
)
from neuroalign.files.digests import digest
from neuroalign.metrics import reliability
from neuroalign.reporting.text.leaderboard import format_leaderboards
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.resampling import NeuronStatistic
from neuroalign.stats import pairwise_welch
from neuroalign.testing import make_score

#: Scores without an axis index are ranked by C.
BY_C = "alignment[turns=0]"


@pytest.fixture(scope="module")
def saved(dataset, tmp_path_factory):
    """Save three families of instances with the same differences between neurons; return store and scores."""
    store = ResultsStore(tmp_path_factory.mktemp("stores") / "results")
    loaded, rng = load_benchmark("variance_explained"), np.random.default_rng(0)
    names = np.array([f"n{index}" for index in range(30)])
    families = {}
    for family, mean, n in (("best", 0.6, 20), ("second", 0.55, 20), ("far", 0.1, 3)):
        special = rng.standard_normal(30)
        own = mean + 0.15 * (special - special.mean())
        for index in range(n):
            values = own + 0.02 * rng.standard_normal() + 0.02 * rng.standard_normal(30)
            # Instances need not list the neurons in one order.
            mixed = rng.permutation(30)
            score = make_score(
                values.mean(),
                error=0.03,
                model=f"{family}[seed={index}]",
                dataset=dataset,
                benchmark=loaded,
                data=xr.Dataset(
                    {"variance_explained": ("neuroid", values[mixed])}, coords={"neuroid": names[mixed]}
                ),
            )
            store.save(f"{family[0]}0{index:02}", score)
            families.setdefault(family, []).append(score)
    return store, families


@pytest.fixture
def families(saved):
    """Copy the saved scores into the store of a test; return them by family."""
    store, families = saved
    shutil.copytree(store.folder, ResultsStore().folder)
    return families


def test_the_test_over_neurons_is_that_of_compare(dataset, families):
    table = leaderboard(dataset, "variance_explained")
    assert table.attrs["n_neurons"] == 30
    assert table.attrs["no_neurons"] == ""
    names = list(table["family"])
    for row, name in zip(table.itertuples(), names, strict=True):
        if name == names[0]:
            assert np.isnan(row.crossed_p)
            continue
        resampling = load_benchmark("variance_explained").resampling()
        instances, _, _, together = generalise(
            make_sample(families[names[0]], resampling), make_sample(families[name], resampling)
        )
        assert (row.welch_p_raw, row.crossed_p_raw) == pytest.approx((instances.p, together.p))
        assert (row.crossed_ci_low, row.crossed_ci_high) == pytest.approx((together.ci_low, together.ci_high))
        assert (row.welch_ci_low, row.welch_ci_high) == pytest.approx((instances.ci_low, instances.ci_high))
    raw = [pair["crossed_p_raw"] for pair in table.attrs["pairs"]]
    corrected = [pair["crossed_p"] for pair in table.attrs["pairs"]]
    np.testing.assert_allclose(corrected, multipletests(raw, method="holm")[1])


def test_pairs_that_differ_by_welch_alone_are_named(dataset, families):
    # Twenty instances of each agree on these thirty neurons, which says little about others.
    table = leaderboard(dataset, "variance_explained")
    assert table.attrs["welch_only"] == [["best", "second"]]
    assert describe_welch_only(table) == (
        "1 pair of families differs by Welch's test only, and is not shown to differ with other neurons: best and "
        "second."
    )
    table.attrs["welch_only"] = [["a", "b"], ["a", "c"], ["b", "c"], ["c", "d"]]
    assert describe_welch_only(table).startswith(
        "4 pairs of families differ by Welch's test only, and are not shown"
    )
    assert describe_welch_only(table).endswith("a and b; a and c; b and c; 1 more.")
    table.attrs["welch_only"] = []
    assert describe_welch_only(table) == ""


def test_arrays_are_not_read_where_the_call_says_so(dataset, families):
    table = leaderboard(dataset, "variance_explained")
    assert table["crossed_p"].notna().sum() == 2
    refused = leaderboard(dataset, "variance_explained", over_neurons=False)
    assert refused["crossed_p"].isna().all()
    assert refused.attrs["no_neurons"] == ""


def test_damaged_arrays_cost_their_family_its_test_only(dataset, families):
    store = ResultsStore()
    (store.folder / "s0" / "s003.nc").write_bytes(b"damaged")
    table = leaderboard(dataset, "variance_explained").set_index("family")
    assert table["crossed_p"].notna().to_dict() == {"best": False, "second": False, "far": True}
    assert table["welch_p"].notna()["second"]
    assert table.attrs["no_neurons"].startswith("second: the arrays in ")
    other = families["second"][3]
    store.save("s003", replace(other, data=other.data.assign_coords(neuroid=[f"x{i}" for i in range(30)])))
    reason = leaderboard(dataset, "variance_explained").attrs["no_neurons"]
    assert re.fullmatch(r"second: second\[seed=\d+\] was scored on other neurons than the rest", reason)
    store.save("s003", replace(other, data=xr.Dataset()))
    reason = leaderboard(dataset, "variance_explained").attrs["no_neurons"]
    assert reason == "second: the arrays of second[seed=3] are not arrays of variance_explained"


def save(store, dataset, benchmark, family, option, value, *, data=None, beside=None):
    """Save one score of a family of members that differ in an option, such as seed=3."""
    store.save(
        digest(family, option),
        make_score(
            value,
            error=0.03,
            model=f"{family}[{option}]",
            dataset=dataset,
            benchmark=benchmark,
            data=xr.Dataset() if data is None else data,
            beside=beside or {},
        ),
    )


# C of the instances that come with neuroalign, on AM-faces-sim, with D.
BUNDLED = {
    "ica": [
        *[(0.7733, 10), (0.1821, 40), (0.3767, 20), (0.1986, 30), (0.1694, 50)],
        *[(0.1727, 50), (0.3787, 20), (0.7718, 10), (0.1981, 40), (0.2199, 30)],
    ],
    "autoencoder": [(0.2145, 10), (0.2727, 50), (0.2672, 30)],
    "pca": [(0.4499, 50), (0.4141, 30), (0.4259, 20), (0.3654, 10), (0.4345, 40)],
    "vae": [(0.5926, 30), (0.6728, 50), (0.4551, 10)],
    "beta_vae": [(0.8433, 50), (0.8465, 50), (0.8979, 50), (0.9189, 50), (0.792, 50)],
}


def test_alignment_is_tested_at_a_common_d(dataset):
    store, benchmark = ResultsStore(), load_benchmark(BY_C)
    for family, instances in BUNDLED.items():
        for index, (value, d) in enumerate(instances):
            save(store, dataset, benchmark, family, f"n={d},seed={index}", value, beside={"D": d})
    # Each at its own D, the families are not shown to differ.
    of_values = {family: [value for value, _ in instances] for family, instances in BUNDLED.items()}
    own = pairwise_welch(of_values).set_index(["a", "b"]).loc[("vae", "beta_vae")]
    assert own["p"] == pytest.approx(0.173, abs=0.001)
    table = leaderboard(dataset, BY_C, store=store).set_index("family")
    assert table["welch_p"]["vae"] == pytest.approx(0.003, abs=0.0005)
    assert table.attrs["statistic"]["label"] == "alignment C at D = 50"
    assert table["value"]["vae"] == pytest.approx(0.5735, abs=1e-4)
    assert table["mean"]["vae"] == pytest.approx(0.666, abs=1e-3)
    assert table["mean"]["beta_vae"] == pytest.approx(table["value"]["beta_vae"])


def equal_families(rng, *, n_families=6, n_instances=10, n_neurons=40):
    """Families that are equally good, each of them for other neurons; their instances share the neurons."""
    neurons = tuple(f"n{index:02d}" for index in range(n_neurons))
    samples = {}
    for family in range(n_families):
        own = 0.5 + 0.15 * rng.standard_normal(n_neurons)
        of_instances = 0.045 * rng.standard_normal((n_instances, 1))
        values = own + of_instances + 0.02 * rng.standard_normal((n_instances, n_neurons))
        mean = NeuronStatistic.weighted_mean(neurons, values.mean(axis=0))
        samples[f"family_{family}"] = Sample(f"family_{family}", values.mean(axis=1), of_neurons=mean)
    return samples


@pytest.mark.slow
def test_letters_of_equal_families_err_in_their_five_percent():
    n_simulations, differ = 80, {"welch": 0, "crossed": 0}
    rng = np.random.default_rng(0)
    for _ in range(n_simulations):
        samples = equal_families(rng)
        welch = pairwise_welch({name: sample.values for name, sample in samples.items()})
        crossed = infer_pairs(samples, n_resamples=300)
        differ["welch"] += int((welch["p"] < 0.05).any())
        differ["crossed"] += int((crossed["p"] < 0.05).any())
    assert differ["welch"] / n_simulations == pytest.approx(0.55, abs=0.12)
    assert differ["crossed"] / n_simulations <= 0.06


def test_sizes_are_tested_over_neurons_only(dataset):
    store, benchmark = ResultsStore(), load_benchmark("variance_explained")
    rng = np.random.default_rng(1)
    for family, mean, option in (("first", 0.6, "n"), ("second", 0.55, "n"), ("third", 0.3, "seed")):
        for index in range(4):
            # The sizes differ much more than other neurons would make them.
            values = mean + 0.05 * index + 0.02 * rng.standard_normal(30)
            data = xr.Dataset(
                {"variance_explained": ("neuroid", values)}, coords={"neuroid": [f"n{i}" for i in range(30)]}
            )
            save(store, dataset, benchmark, family, f"{option}={index}", values.mean(), data=data)
    table = leaderboard(dataset, "variance_explained", store=store).set_index("family")
    assert table["welch_p"]["second"] > 0.05
    assert table["crossed_p"]["second"] < 1e-6
    assert table["crossed_over"].to_dict() == {
        "first": "",
        "second": "neurons",
        "third": "instances and neurons",
    }
    assert list(table["letters"]) == ["a", "b", "c"]
    assert table["interval_over"].to_dict() == {
        "first": "neurons",
        "second": "neurons",
        "third": "instances and neurons",
    }
    assert table["ci_high"]["first"] - table["ci_low"]["first"] < 0.02
    assert table["ci_high"]["third"] - table["ci_low"]["third"] > 0.1
    table = leaderboard(dataset, "variance_explained", store=store)
    assert describe_findings(table)[0] == (
        "first and second have no seeds that vary: their members are not a sample of instances, so they are "
        "tested over neurons only."
    )
    table.attrs["no_sample"].pop("second")
    assert describe_findings(table)[0] == (
        "first has no seed: its sizes are not a sample of instances, so it is tested over neurons only."
    )


def test_a_control_ranks_nothing(dataset):
    store, benchmark = ResultsStore(), load_benchmark("linear_recombination")
    for family, mean in (("b", 0.5), ("a", 0.1)):
        for index in range(3):
            save(store, dataset, benchmark, family, f"seed={index}", mean + 0.01 * index)
    table = leaderboard(dataset, "linear_recombination", store=store)
    assert list(table["family"]) == ["a", "b"]
    assert table.attrs["is_control"]
    assert table.attrs["pairs"] == []
    assert set(table["letters"]) | set(table["welch_letters"]) | set(table["note"]) == {""}
    assert describe_findings(table)[0] == (
        "linear_recombination is a control: its families are not ranked, and have no letters."
    )


def test_families_are_ranked_by_the_first_statistic(dataset):
    store, benchmark = ResultsStore(), load_benchmark("alignment")
    rng = np.random.default_rng(0)
    for family, c, kappa, d in (("aligned", 0.4, 0.5, 10), ("dead", 0.8, 0.02, 50), ("old", 0.9, np.nan, 50)):
        for seed in range(4):
            axis = kappa + 0.05 * rng.standard_normal(20)
            weights = np.abs(rng.standard_normal((d, 20)))
            data = xr.Dataset(
                {
                    # Neurons of equal weight, and an entropy of 1 with turned tuning: κ is the mean of `axis`.
                    "regenerated_strength": ("neuroid", np.ones(20)),
                    "regenerated_entropy": ("neuroid", 1 - axis),
                    "turned_strength": (("turn", "neuroid"), np.ones((2, 20))),
                    "turned_entropy": (("turn", "neuroid"), np.ones((2, 20))),
                    "alignment": ("neuroid", np.full(20, c) + 0.01 * rng.standard_normal(20)),
                    "weights": (("unit", "neuroid"), weights),
                },
                coords={"neuroid": [f"n{index}" for index in range(20)]},
            )
            beside = {"D": d, "axis_index_p": [0.01, 0.02, 0.9, 0.03][seed]}
            if np.isfinite(kappa):
                beside |= {"axis_index": axis.mean(), "axis_index_error": 0.07}
            save(store, dataset, benchmark, family, f"seed={seed}", c, data=data, beside=beside)
    table = leaderboard(dataset, "alignment", store=store)
    assert list(table["family"]) == ["aligned", "dead", "old"]
    assert table.attrs["statistic"]["identifier"] == "axis_index"
    assert table["mean"][0] == pytest.approx(0.5, abs=0.03)
    assert list(table["value"]) == pytest.approx([0.4, 0.8, 0.9])
    assert list(table["letters"]) == ["a", "b", ""]
    assert table["note"][2] == "no test: no axis index κ"
    assert table["error"][0] == pytest.approx(0.07)
    assert "beside: axis_index" not in table
    # The median p of instances, not the mean.
    assert table["beside: axis_index_p"][0] == pytest.approx(0.025)
    assert table.attrs["value_statistic"]["label"] == "alignment C at D = 50"
    at_50 = 1 - 0.6 * np.log(10) / np.log(50)
    assert table["beside: alignment C at D = 50"][0] == pytest.approx(at_50)
    assert table["value_difference"][1] == pytest.approx(at_50 - 0.8)
    assert table["value_p"][1] < 1e-6
    assert any("No axis index κ in the stored scores of old" in said for said in describe_findings(table))


def test_reliability_stands_below(dataset, families):
    table = leaderboard(dataset, "variance_explained")
    expected = np.median(reliability(dataset.trials).per_neuron)
    assert table.attrs["reliability"] == pytest.approx(expected)
    assert f"Median split-half reliability of the neurons: {expected:.2f}." in describe_findings(table)


def test_families_that_must_not_be_interpreted(dataset):
    benchmark, store = load_benchmark("decoding[turns=0]"), ResultsStore()
    numbers = {"weak": (-0.01, -0.02, 0.5), "sound": (0.5, 0.5, -0.01)}
    for family, explained in numbers.items():
        for seed, value in enumerate(explained):
            score = make_score(
                0.5 + 0.1 * seed,
                model=f"{family}[seed={seed}]",
                dataset=dataset,
                benchmark=benchmark,
                beside={"variance_explained": value, "explained_share": value / 0.8},
            )
            store.save(f"{family}{seed}", score)
    table = leaderboard(dataset, "decoding[turns=0]")
    assert table.attrs["unreadable"] == ["weak"]
    sound = "sound: in 1 of 3 instances the units explain no variance (-0.010): do not interpret decoding."
    weak = "! weak: in 2 of 3 instances the units explain no variance (-0.020 to -0.010): do not interpret decoding."
    assert describe_cautions(table) == [sound, weak]
    text = format_leaderboards([table], "table")
    title, cautions, scores = text.split("\n\n")[:3]
    assert title.startswith("single (simulated neurons): decoding")
    assert cautions == f"caution: {sound}\ncaution: {weak}"
    assert [line.split()[:2] for line in scores.splitlines()[-2:]] == [["sound", "3"], ["weak", "!"]]
    # The numbers beside the scores have labels, and units.
    assert re.search(r" VE +VE of\n +neurons +ceiling\n", text)
    assert re.search(r"\nsound +0\.100 +0\.330 +41\.2 %", text)
    rows = list(csv.DictReader(io.StringIO(format_leaderboards([table], "csv"))))
    assert [row["cautions"] for row in rows] == [
        sound.removeprefix("sound: ")[:-1],
        weak.removeprefix("! weak: ")[:-1],
    ]
    latex = format_leaderboards([table], "latex")
    assert r"41.2 \%" in latex
    assert "Caution: ! weak" in latex
