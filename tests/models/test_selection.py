"""Tests of the selection of instances: tables computed by hand, and properties of any table."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from neuroalign import arrays
from neuroalign.errors import ArrayError, NeuroalignWarning, StimulusMismatchError, UsageError
from neuroalign.metrics import udr
from neuroalign.models.selection import (
    accurate,
    add_udr,
    best_objective,
    best_udr,
    explaining,
    select_instances,
)
from neuroalign.studies.study import RULES, load_study


def paper_rules():
    """Return the rules of the paper, which the study of the paper declares, by family."""
    families = load_study("higgins2020").families.values()
    grids = {family.model: family.grids["paper"] for family in families if "paper" in family.grids}
    return {
        model: partial(RULES[grid.rule], **grid.rule_options) for model, grid in grids.items() if grid.rule
    }


def table_of(column, scores, **columns):
    names = [f"model[seed={seed}]" for seed in range(len(scores))]
    return pd.DataFrame({"instance": names, column: scores, **columns})


def seeds(table):
    return [int(name.split("seed=")[1].rstrip("]")) for name in table["instance"]]


def reasons(selection):
    return dict(zip(seeds(selection.dropped), selection.dropped["reason"], strict=True))


def test_best_udr():
    selection = best_udr(table_of("udr", [0.2, 0.5, float("nan"), 0.4, 0.1]), n=2)
    assert seeds(selection.kept) == [1, 3]
    assert reasons(selection) == {
        0: "udr 0.2 is number 3 of 4; the best 2 are kept",
        2: "udr is nan, not a number to go by",
        4: "udr 0.1 is number 4 of 4; the best 2 are kept",
    }


@pytest.mark.parametrize(("share", "n"), [(0.4, 2), (0.5, 2), (0.55, 3), (1.0, 5)])
def test_a_share_is_of_all_instances(share, n):
    table = table_of("udr", [0.2, 0.5, 0.3, 0.4, 0.1])
    assert seeds(best_udr(table, share=share).kept) == seeds(best_udr(table, n=n).kept)


def test_the_papers_share_of_400_is_60_not_its_51():
    table = table_of("udr", np.linspace(0, 1, 400))
    assert len(best_udr(table, share=0.15).kept) == 60
    assert len(paper_rules()["beta_vae"](table).kept) == 51


def test_more_than_there_are_keeps_all():
    assert seeds(best_udr(table_of("udr", [0.2, 0.1]), n=51).kept) == [0, 1]


def test_among_equals_the_first_name_is_kept():
    table = table_of("udr", [0.3, 0.3, 0.3]).iloc[::-1]
    selection = best_udr(table, n=1)
    assert seeds(selection.kept) == [0]
    # In the order of the table.
    assert seeds(selection.dropped) == [2, 1]


def test_best_objective_of_each_size():
    table = table_of("objective", [-5.0, -3.0, -4.0, -90.0, -80.0, np.inf], n_units=[10, 10, 10, 50, 50, 50])
    selection = best_objective(table, n=1)
    assert seeds(selection.kept) == [1, 4]
    assert reasons(selection) == {
        0: "objective -5 is number 3 of 3 with 10 units; the best 1 are kept",
        2: "objective -4 is number 2 of 3 with 10 units; the best 1 are kept",
        3: "objective -90 is number 2 of 2 with 50 units; the best 1 are kept",
        5: "objective is inf, not a number to go by",
    }


def test_accuracy_must_be_above_the_threshold():
    selection = accurate(table_of("accuracy", [0.95, 0.9501, 0.5, None]))
    assert seeds(selection.kept) == [1]
    assert reasons(selection) == {
        0: "accuracy 0.95 is not above 0.95",
        2: "accuracy 0.5 is not above 0.95",
        3: "accuracy is nan, not a number to go by",
    }


def test_explained_variance_by_hand():
    # Mean 0.3, standard deviation sqrt(0.12/4) = 0.1732. A second pass would have the mean 0.375 and the deviation
    # 0.05, and drop the next.
    selection = explaining(table_of("variance_explained", [0.0, 0.3, 0.4, 0.4, 0.4, np.nan]))
    assert seeds(selection.kept) == [1, 2, 3, 4]
    assert reasons(selection) == {
        0: "variance_explained 0 is below 0.1268, the mean less one standard deviation of 5 instances",
        5: "variance_explained is nan, not a number to go by",
    }


def test_the_limit_of_explained_variance_is_strict_and_has_ddof_1():
    # Mean 0.5, standard deviation 0.5: the lowest is on the limit; with ddof 0 it would be below.
    assert len(explaining(table_of("variance_explained", [0.0, 0.5, 1.0])).dropped) == 0
    assert seeds(explaining(table_of("variance_explained", [-0.001, 0.5, 1.0, 0.5])).dropped) == [0]


@pytest.mark.parametrize("n", [1, 3, 7, 49])
def test_equal_instances_are_all_kept(n):
    assert len(explaining(table_of("variance_explained", [0.1] * n)).dropped) == 0


def trained():
    """Two families with rules and one without; dropped instances do not count in the last step."""
    return pd.DataFrame(
        {
            "family": ["vae"] * 3 + ["classifier"] * 2 + ["pca"] * 3,
            "instance": [f"vae[seed={i}]" for i in range(3)]
            + ["classifier[seed=0]", "classifier[seed=1]", *"abc"],
            "n_units": 10,
            "objective": [-1.0, -2.0, -3.0] + [np.nan] * 5,
            "accuracy": [np.nan] * 3 + [0.99, 0.1] + [np.nan] * 3,
            "variance_explained": [0.4, 0.4, -9.0, 0.4, -9.0, 0.4, 0.4, 0.1],
        },
        index=[7] * 8,
    )


def test_families_first_then_explained_variance():
    rules = {"vae": partial(best_objective, n=2), "classifier": accurate}
    selection = select_instances(trained(), rules)
    assert selection.kept["instance"].tolist() == [
        "vae[seed=0]",
        "vae[seed=1]",
        "classifier[seed=0]",
        "a",
        "b",
    ]
    assert selection.dropped[["instance", "step", "reason"]].to_numpy().tolist() == [
        ["vae[seed=2]", "family", "objective -3 is number 3 of 3 with 10 units; the best 2 are kept"],
        ["classifier[seed=1]", "family", "accuracy 0.1 is not above 0.95"],
        [
            "c",
            "variance explained",
            "variance_explained 0.1 is below 0.2275, the mean less one standard deviation of 6 instances",
        ],
    ]
    assert selection.dropped.index.tolist() == [7] * 3


def test_the_papers_numbers():
    rng = np.random.default_rng(0)
    betas = np.repeat(np.arange(1, 41) / 2, 10)
    sizes = np.repeat([10, 20, 30, 40, 50], 20)
    parts = [
        pd.DataFrame({"family": "beta_vae", "beta": betas, "n_units": 50, "udr": rng.random(400)}),
        pd.DataFrame({"family": "vae", "n_units": sizes, "objective": -rng.random(100)}),
        pd.DataFrame({"family": "autoencoder", "n_units": sizes, "objective": -rng.random(100)}),
        pd.DataFrame({"family": "classifier", "n_units": 50, "accuracy": np.linspace(0.9, 1, 100)}),
        pd.DataFrame({"family": "pca", "n_units": range(10, 51)}),
    ]
    table = pd.concat(parts, ignore_index=True)
    table["instance"] = [f"{family}-{index}" for index, family in enumerate(table["family"])]
    table["variance_explained"] = 0.3
    kept = select_instances(table, paper_rules()).kept
    assert kept["family"].value_counts().to_dict() == {
        "beta_vae": 51,
        "vae": 50,
        "autoencoder": 50,
        "classifier": 50,
        "pca": 41,
    }
    assert (kept[kept["family"] == "vae"]["n_units"].value_counts() == 10).all()


SCORES = st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 0.5, float("nan"), float("inf"), -float("inf")]))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["beta_vae", "vae", "autoencoder", "classifier", "pca"]),
        st.sampled_from([10, 50]),
        SCORES,
        SCORES,
    ),
    max_size=40,
)


@given(rows=ROWS, n=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_every_instance_is_kept_or_dropped_with_a_reason_in_any_order(rows, n, seed):
    table = pd.DataFrame(rows, columns=["family", "n_units", "score", "variance_explained"])
    table = table.astype({"score": float, "variance_explained": float})
    table["instance"] = [f"m{index}" for index in range(len(table))]
    table = table.assign(udr=table["score"], objective=table["score"], accuracy=table["score"])
    rules = {
        "beta_vae": partial(best_udr, n=n),
        "vae": partial(best_objective, n=n),
        "autoencoder": partial(best_objective, n=n),
        "classifier": accurate,
    }
    selection = select_instances(table, rules)
    kept, dropped = set(selection.kept["instance"]), set(selection.dropped["instance"])
    assert kept | dropped == set(table["instance"])
    assert not kept & dropped
    assert selection.dropped["reason"].str.len().gt(0).all()
    pd.testing.assert_frame_equal(selection.kept, table[table["instance"].isin(kept)])
    shuffled = select_instances(table.sample(frac=1, random_state=seed), rules)
    assert set(shuffled.kept["instance"]) == kept
    # No dropped instance of a family beats one that its rule kept.
    by_rule = set(selection.dropped["instance"][selection.dropped["step"] == "family"])
    passed = table[~table["instance"].isin(by_rule)]
    assert (passed["family"] == "beta_vae").sum() == min(
        n, np.isfinite(table["score"][table["family"] == "beta_vae"]).sum()
    )
    # The last step is strict and is taken once.
    explained = passed["variance_explained"][np.isfinite(passed["variance_explained"])]
    limit = explained.mean() - explained.std(ddof=1)
    for instance, value in zip(passed["instance"], passed["variance_explained"], strict=True):
        if not np.isfinite(value):
            assert instance in dropped
        elif not abs(value - limit) < 1e-12:
            assert (instance in dropped) == (value < limit)


def latents_of(seed, *, n=60, d=4, order=None, kl=None):
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99).standard_normal((n, d))
    values = shared + 0.5 * rng.standard_normal((n, d))
    order = np.arange(n) if order is None else order
    return arrays.latents(
        values[order],
        stimulus=np.array([f"s{i:03}" for i in range(n)])[order],
        kl=np.ones(d) if kl is None else kl,
    )


def test_udr_is_among_the_seeds_of_the_same_settings():
    table = pd.DataFrame(
        {
            "family": ["beta_vae"] * 6 + ["vae"],
            "instance": list("abcdefg"),
            "n_units": 4,
            "beta": [1.0, 4.0, 1.0, 4.0, 1.0, 8.0, np.nan],
        }
    )
    shuffled = np.random.default_rng(0).permutation(60)
    latents = {name: latents_of(index) for index, name in enumerate("abcdef")}
    in_order = [latents[name] for name in "ace"]
    # Stimuli in another order are the same stimuli.
    latents["c"] = latents_of(2, order=shuffled)
    result = add_udr(table, latents)["udr"]
    expected = udr([array.values for array in in_order], [np.ones(4)] * 3)
    np.testing.assert_allclose(result[[0, 2, 4]], expected, rtol=0, atol=1e-14)
    pair = udr([latents["b"].values, latents["d"].values], [np.ones(4)] * 2)
    np.testing.assert_allclose(result[[1, 3]], pair, rtol=0, atol=1e-14)
    # f has no other seed, g no latents.
    assert np.isnan(result[[5, 6]]).all()
    assert "udr" not in table
    lasso = add_udr(table, latents, correlation="lasso", pooling="disentanglement_lib")["udr"]
    expected = udr(
        [array.values for array in in_order],
        [np.ones(4)] * 3,
        correlation="lasso",
        pooling="disentanglement_lib",
    )
    np.testing.assert_allclose(lasso[[0, 2, 4]], expected, rtol=0, atol=1e-9)


def test_udr_of_an_instance_without_informative_units_is_zero():
    table = pd.DataFrame({"family": "beta_vae", "instance": list("abc")})
    latents = {"a": latents_of(0), "b": latents_of(1), "c": latents_of(2, kl=np.zeros(4))}
    with pytest.warns(NeuroalignWarning, match="1 of 3 models have no informative unit"):
        assert add_udr(table, latents)["udr"][2] == 0.0


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        (latents_of(1).drop_vars("kl"), ArrayError, "the latents of b have no kl"),
        (
            latents_of(1, kl=[1, np.nan, 1, 1]),
            ArrayError,
            "the kl of b must be finite; unit 1 has nan: leave the instance out",
        ),
        (latents_of(1, n=59), StimulusMismatchError, "b and a must have latents for the same stimuli"),
        (
            latents_of(1).assign_coords(stimulus=[f"t{i}" for i in range(60)]),
            StimulusMismatchError,
            "b and a must have latents for the same stimuli",
        ),
    ],
)
def test_latents_that_cannot_be_compared(second, error, message):
    assert isinstance(second, xr.DataArray)
    table = pd.DataFrame({"family": "beta_vae", "instance": list("ab")})
    with pytest.raises(error, match=message):
        add_udr(table, {"a": latents_of(0), "b": second})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: best_udr(table_of("urd", [1.0]), n=1),
            "no column of the table is called 'udr'; did you mean urd",
        ),
        (lambda: best_udr(table_of("udr", [1.0])), "best_udr must have n or share, got"),
        (
            lambda: best_udr(table_of("udr", [1.0]), n=1, share=0.5),
            "best_udr must have n or share, got",
        ),
        (lambda: best_udr(table_of("udr", [1.0]), share=15), "share must be above 0 and at most 1, got 15"),
        (
            lambda: best_udr(table_of("udr", [1.0]), share=0.1),
            "the number of kept instances must be at least one, got 0",
        ),
        (
            lambda: best_objective(table_of("objective", [1.0], n_units=1), n=0),
            "the number of kept instances must be at least one, got 0",
        ),
        (lambda: best_udr(table_of("udr", ["high"]), n=1), "the column udr must hold numbers"),
        (
            lambda: explaining(pd.DataFrame({"instance": ["a", "a"], "variance_explained": 1})),
            "'a' has several",
        ),
        (lambda: select_instances(table_of("udr", [1.0]), {}), "no column of the table is called 'family'"),
        (
            lambda: select_instances(trained().drop(columns="accuracy"), {"classifier": accurate}),
            "no column of the table is called 'accuracy'",
        ),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(UsageError, match=message):
        call()
