"""Tests of the pages of families and models that must not be interpreted."""

import re

import pytest

from neuroalign.reporting.site import write_board_site, write_site
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

WHY = (
    "explains 2.0 % of the explainable variance (0.016 of 0.800); 5 of 12 neurons have no weight: do not interpret "
    "alignment"
)
OF_FAMILY = (
    "! weak: in all 2 instances the units explain 2.0 % of the explainable variance (0.016 of 0.800): do not interpret "
    "alignment."
)


@pytest.fixture
def site(dataset, tmp_path):
    store, benchmark = ResultsStore(tmp_path / "results"), load_benchmark("alignment[turns=0]")
    for family, explained in (("weak", 0.016), ("sound", 0.4)):
        for seed in range(2):
            score = make_score(
                0.5 + 0.1 * seed,
                error=0.02,
                model=f"{family}[seed={seed}]",
                dataset=dataset,
                benchmark=benchmark,
                beside={
                    "variance_explained": explained,
                    "explained_share": explained / 0.8,
                    "neurons_without_weight": 5.0,
                    "axis_index_p": 0.0004,
                },
            )
            store.save(f"{family}{seed}", score)
    write_site(tmp_path / "site", dataset, store=store)
    write_board_site(tmp_path / "board", [dataset], store=store, n_resamples=20)
    return tmp_path / "site"


def paragraphs(page):
    return re.findall(r'<p class="caution"><strong>Caution.</strong> (.*?)</p>', page)


def test_a_board_marks_the_family_and_gives_it_no_rank(site):
    page = (site.parent / "board" / "index.html").read_text()
    rows = re.findall(r'<tr data-family="(\w+)">(.*?)</tr>', page, flags=re.DOTALL)
    assert [name for name, _ in rows] == ["sound", "weak"]
    heads = [row.partition("</th>")[0] for _, row in rows]
    assert ['class="mark"' in head for head in heads] == [False, True]
    assert [re.findall(r"<td[^>]*>(.*?)</td>", row)[0] for _, row in rows] == ["1", "—"]
    assert "must not be interpreted: weak." in page


def test_the_first_page_marks_families_and_says_why(site):
    page = (site / "index.html").read_text()
    assert paragraphs(page) == [OF_FAMILY]
    marked = re.findall(r'<th scope="row" data-sort="(\w+)"><a [^>]*>\w+</a> <abbr class="mark"', page)
    # In the leaderboard, and in the table of the numbers beside the score.
    assert marked == ["weak", "weak"]
    # Numbers beside the scores have labels, and units.
    assert ">share of the explainable variance</th>" in page
    assert ">2.0 %</td>" in page
    assert ">50.0 %</td>" in page
    assert ">4.0e−4</td>" in page


def test_the_pages_of_a_family_and_of_a_model_say_why(site):
    pages = {page.name: page.read_text() for page in site.glob("*/*.html")}
    weak = [page for page in pages.values() if "<h1>weak[seed=0]" in page]
    assert [paragraphs(page) for page in weak] == [[WHY]]
    assert "<dt>neurons without weight</dt><dd>5</dd>" in weak[0]
    assert "<dt>share of the explainable variance</dt><dd>2.0 %</dd>" in weak[0]
    (family,) = [page for page in pages.values() if "<h1>weak " in page]
    assert paragraphs(family) == [OF_FAMILY.removeprefix("! weak: ")[:-1]]
    assert 'class="mark"' in family
    sound = [page for page in pages.values() if "<h1>sound" in page]
    assert [paragraphs(page) for page in sound] == [[]] * 3
