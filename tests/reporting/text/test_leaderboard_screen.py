"""Leaderboards of several benchmarks on one screen: the ranking first, shared sentences once, and lines that fit."""

from copy import deepcopy

import pytest

from neuroalign.comparison.leaderboard import leaderboards
from neuroalign.reporting.text.leaderboard import format_leaderboards
from neuroalign.reporting.text.shared_notes import share_sentences
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

BENCHMARKS = ("ridge", "variance_explained", "linear")
#: Means by the first and second benchmark: "b" is the best by the first, "z" by the second and third.
MEANS = {"z": (0.4, 0.5), "b": (0.6, 0.3), "weak": (0.2, 0.2)}


@pytest.fixture(scope="module")
def made(dataset, tmp_path_factory):
    store = ResultsStore(tmp_path_factory.mktemp("store"))
    for place, name in enumerate(BENCHMARKS):
        benchmark = load_benchmark(name)
        for family, means in MEANS.items():
            for seed in range(3):
                score = make_score(
                    means[min(place, 1)] + 0.01 * seed,
                    error=0.02,
                    model=f"{family}[seed={seed}]",
                    dataset=dataset,
                    benchmark=benchmark,
                    beside={"variance_explained": -0.1 if family == "weak" else 0.4},
                )
                store.save(f"{name}{family}{seed}", score)
    return leaderboards(dataset, list(BENCHMARKS), store=store)


@pytest.fixture
def tables(made):
    return deepcopy(made)


def test_the_ranking_by_all_benchmarks_comes_first(tables):
    tables[0]["letters"] = ["a", "b", ""]
    cautions, title, ranking, *others = format_leaderboards(tables, "table", width=80).split("\n\n")
    assert cautions.startswith("caution: ! weak: ")
    assert title.endswith("(simulated neurons): families in the order of their mean rank")
    heading, *rows = [line.split() for line in ranking.splitlines() if "---" not in line]
    assert heading == ["family", "ridge", "variance_", "linear"]
    # z has the ranks 2, 1 and 1, and b has the ranks 1, 2 and 2; the scores of weak must not be interpreted.
    assert rows[-3:] == [
        ["z", "0.410", "b", "0.510", "0.510"],
        ["b", "0.610", "a", "0.310", "0.310"],
        ["weak", "0.210", "!", "0.210", "!", "0.210", "!"],
    ]
    assert "ridge version" in others[0]
    # One benchmark needs no table of all benchmarks, and a paper has a table of its own.
    assert "mean rank" not in format_leaderboards(tables[:1], "table", width=80)
    assert "mean rank" not in format_leaderboards(tables, "markdown")


@pytest.mark.parametrize("style", ["table", "markdown"])
def test_a_caution_of_several_benchmarks_stands_once(tables, style):
    text = format_leaderboards(tables, style)
    (line,) = [line for line in text.splitlines() if "caution" in line]
    assert line.endswith("do not interpret ridge, variance explained and linear.")
    tables[2].attrs["cautions"]["z"] = ["the third only"]
    for table in tables[:2]:
        table.attrs["cautions"]["b"] = ["trained elsewhere"]
    text = format_leaderboards(tables, style)
    assert text.count("caution: b: trained elsewhere (ridge and variance_explained).") == 1
    assert text.split("linear version")[1].count("caution: z: the third only.") == 1


def test_a_sentence_of_several_benchmarks_stands_once(tables):
    for table in tables:
        table.attrs["reliability"] = 0.7
    assert (
        format_leaderboards(tables, "table").count("Median split-half reliability of the neurons: 0.70.") == 1
    )
    own, shared = share_sentences([["x."], ["x.", "y."], []], ["ridge", "rsa", "cka"])
    assert (own, shared) == ([[], ["y."], []], ["ridge and rsa: x."])


@pytest.mark.parametrize("width", [80, 100, 140])
def test_numbers_beside_the_score_fill_the_line(tables, width):
    for table in tables:
        for number in range(12):
            table[f"beside: number {number}"] = 0.123
    lines = format_leaderboards(tables[:1], "table", width=width).splitlines()
    widest = max(len(line) for line in lines if line.startswith("z ") or "number" in line)
    assert widest <= width
    assert widest > width - 20


def test_rows_that_all_come_with_neuroalign_have_plain_names(tables):
    table = tables[0]
    table["family"] = [f"{name} (shipped)" for name in table["family"]]
    table.attrs["cautions"] = {f"{name} (shipped)": text for name, text in table.attrs["cautions"].items()}
    table.attrs["unreadable"] = ["weak (shipped)"]
    text = format_leaderboards([table], "table")
    assert "(shipped)" not in text
    assert "\nweak ! " in text
    assert "All scores come with neuroalign; neuroalign score FAMILY " in text
    # Beside a score of the user, the rows have their marks.
    table.loc[0, "family"] = "b"
    text = format_leaderboards([table], "table")
    assert "\nz (shipped) " in text
    assert "(shipped): scores that come with neuroalign; " in text
