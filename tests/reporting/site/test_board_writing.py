"""The site of a board: its numbers, its links, its cards, its citations, and names that would do harm."""

import html
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from neuroalign.comparison.board import board
from neuroalign.datasets.collection import load_collection
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.reporting.site import write_board_site
from neuroalign.reporting.site.board_contents import benchmark_key, dataset_card, family_card, model_card
from neuroalign.reporting.site.names import anchor
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset

BENCHMARKS = ("variance_explained", "decoding[turns=0]")


class Page(HTMLParser):
    """Tags, ids, references and rows of tables in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.references, self.rows = [], [], [], []
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.references += [attrs[name] for name in ("href", "src") if name in attrs]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = len(self.rows[-1]) - 1

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self.rows[-1][self._cell] += data


def read_page(path):
    return Page(path.read_text("utf-8"))


def read_variant(site, key):
    """Return the rows of one table of the first page, without the heading."""
    text = (site / "index.html").read_text("utf-8")
    section = re.search(rf'<section class="variant" id="{key}".*?</section>', text, re.DOTALL)
    assert section, key
    return Page(section[0]).rows[1:]


def read_data(site):
    text = (site / "index.html").read_text("utf-8")
    return json.loads(re.search(r'id="board-data">(.*?)</script>', text, re.DOTALL)[1])


def written(value):
    return "—" if value != value else f"{value:.3f}".replace("-", "−")


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
@pytest.mark.parametrize("over_ceiling", [False, True])
def test_the_numbers_are_the_numbers_of_the_board(board_site, board_store, board_made, name, over_ceiling):
    datasets = board_made[1]
    table = board(datasets, name, store=board_store, n_resamples=500, over_ceiling=over_ceiling)
    key = benchmark_key(name, table.attrs["benchmark_version"])
    if over_ceiling and name != "variance_explained":
        # No score of this benchmark has a ceiling, so the site has no such table.
        assert f'id="{key}-over-ceiling"' not in (board_site / "index.html").read_text("utf-8")
        return
    rows = read_variant(board_site, f"{key}-over-ceiling" if over_ceiling else key)
    expected = []
    for row in table.to_dict("records"):
        has_rank = row["rank"] == row["rank"]
        expected.append(
            [
                row["family"],
                f"{row['rank']:.0f}" if has_rank else "—",
                f"{row['rank_low']:.0f} to {row['rank_high']:.0f}" if has_rank else "—",
                written(row["mean"]),
                f"{row['ci_low']:.3f} to {row['ci_high']:.3f}" if has_rank else "—",
                *(written(row[f"score: {dataset.identifier}"]) for dataset in datasets),
            ]
        )
    assert rows == expected
    assert expected[-1][0] == "partial"
    assert expected[-1][-1] == "—"


def test_axes_have_the_scores_of_the_board(board_site, board_store, board_made):
    datasets = board_made[1]
    axes = {axis["key"]: axis for axis in read_data(board_site)["axes"]}
    assert len(axes) == 3
    for over_ceiling in (False, True):
        table = board(datasets, BENCHMARKS[0], store=board_store, n_resamples=500, over_ceiling=over_ceiling)
        key = benchmark_key(BENCHMARKS[0], table.attrs["benchmark_version"])
        axis = axes[f"{key}-over-ceiling" if over_ceiling else key]
        for row in table.to_dict("records"):
            own = [row[f"score: {dataset.identifier}"] for dataset in datasets]
            assert axis["families"][row["family"]] == [value if value == value else None for value in own]


def test_every_link_leads_somewhere_within_the_site(board_site):
    pages = {path: read_page(path) for path in board_site.rglob("*.html")}
    # The first page, cards of 3 datasets, 4 families and 8 models, and the pages of each dataset.
    assert len(pages) == 1 + 3 + 4 + 8 + (1 + 1 + 4 + 8) + (1 + 1 + 4 + 8) + (1 + 1 + 3 + 6)
    for path, page in pages.items():
        for reference in page.references:
            parts = urlsplit(reference)
            if parts.scheme == "data":
                assert reference == "data:,"
                continue
            assert (parts.scheme, parts.netloc) == ("", "")
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(board_site)
            assert target.is_file(), reference
            if parts.fragment:
                assert parts.fragment in pages[target].ids
        assert len(page.ids) == len(set(page.ids))
    # One copy of the scripts serves all pages.
    assert [path.parent.name for path in board_site.rglob("site.js")] == ["static"]


def test_hostile_names_are_text_everywhere(board_site):
    hostile = "<script>document.title='owned'</script>"
    for path in board_site.rglob("*.html"):
        page, text = read_page(path), path.read_text("utf-8")
        scripts = [attrs for tag, attrs in page.tags if tag == "script"]
        assert all("src" in attrs or attrs.get("type") == "application/json" for attrs in scripts)
        assert not any(tag in ("img", "b") for tag, _ in page.tags)
        assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert hostile not in text
        assert hostile in html.unescape(text)
        assert "simulated neurons" in text
    assert [path.name for path in board_site.parent.iterdir() if path.is_dir()] == ["results", "site"]


def test_the_card_of_a_dataset(board_site, board_made):
    dataset = board_made[1][1]
    text = html.unescape((board_site / dataset_card("day2")).read_text("utf-8"))
    for name, value in {
        "neurons": "6, simulated",
        "stimuli": "20",
        "presentations": "60",
        "animal": "animal 1 (6)",
        "content (SHA-256)": dataset.content_hash,
        "licence": "<script>document.title='owned'</script>",
        "citation": "Chang, L. & Tsao, D. Y. (2017). The code for <b>facial</b> identity. Cell, 169, 1013–1028.",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in text
    rows = read_page(board_site / dataset_card("day2")).rows[1:]
    (pca,) = [row for row in rows if row[:2] == ["pca", "variance_explained"]]
    # n, mean, interval, SE over neurons, chance, ceiling.
    assert pca[3:5] == ["2", "0.518"]
    assert pca[6:] == ["0.100", "neurons", "0.010", "0.800"]


def test_the_cards_of_a_family_and_of_a_model(board_site, board_store):
    rows = read_page(board_site / family_card("pca")).rows[1:]
    assert [(row[0], row[1]) for row in rows][:2] == [
        ("decoding[turns=0]", "day1"),
        ("decoding[turns=0]", "day2"),
    ]
    assert len(rows) == 6
    path = board_site / model_card("pca", "pca[n=5,seed=1]")
    page, text = read_page(path), html.unescape(path.read_text("utf-8"))
    (score,) = [
        score
        for score in board_store.scores(dataset="day2")
        if (score.model, score.benchmark) == ("pca[n=5,seed=1]", "variance_explained")
    ]
    (row,) = [row for row in page.rows if row[:2] == ["variance_explained", "day2"]]
    assert row[2:] == [
        f"{score.value:.3f}",
        "0.100",
        "neurons",
        "0.010",
        "0.800",
        str(score.benchmark_version),
    ]
    # Options of the name; provenance that all scores share, and that one score has.
    assert "<dt>n</dt><dd>5</dd>" in text
    assert "<dt>seed</dt><dd>1</dd>" in text
    shared, of_scores = text.split("<details>", 1)
    assert "<dt>remark</dt><dd><script>document.title='owned'</script></dd>" in shared
    assert "<dt>created</dt>" not in shared
    assert of_scores.count("<dt>created</dt><dd>2026-01-0") == 6
    assert score.provenance["dataset_hash"] in of_scores
    assert "(all scores)" in shared


def test_citations(board_site):
    text = (board_site / "citations.bib").read_text("utf-8")
    assert text.startswith("@misc{neuroalign,\n  author = {{The neuroalign developers}},")
    # Two datasets share a citation; another dataset has no citation.
    assert text.count("@misc{chang2017,\n  author = {Chang, L. and Tsao, D. Y.},") == 1
    assert "% 2 datasets, simulated neurons: day2, day3" in text
    assert "% Dataset without a citation in its record: day1" in text
    # Two benchmarks cite one paper.
    assert text.count("author = {{Higgins} and others},\n  year = {2020},") == 1
    entries = read_data(board_site)["entries"]
    assert [len(entry["datasets"]) for entry in entries] == [0, 2, 1, 0, 0]
    assert "\n\n".join(entry["text"] for entry in entries) + "\n" == text
    page = html.unescape((board_site / "index.html").read_text("utf-8"))
    assert text in page


@pytest.mark.slow
def test_the_same_scores_give_the_same_bytes(board_site, board_store, board_made, tmp_path):
    title = "Board <script>document.title='owned'</script>"
    again = write_board_site(
        tmp_path / "again", board_made[1], store=board_store, title=title, n_resamples=500
    ).parent
    files = sorted(path.relative_to(board_site) for path in board_site.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((board_site / file).read_bytes() == (again / file).read_bytes() for file in files)


@pytest.mark.slow
def test_a_collection_is_a_column_and_its_datasets_have_pages(board_store, board_made, tmp_path):
    datasets = board_made[1]
    days = load_collection(datasets[:2], identifier="days")
    page = write_board_site(
        tmp_path / "site", [days, datasets[2]], ["variance_explained"], store=board_store, mean="available"
    )
    site = page.parent
    data = read_data(site)
    assert [column["name"] for column in data["columns"]] == ["days", datasets[2].identifier]
    assert data["entries"][1]["datasets"] == [anchor("days"), anchor(datasets[2].identifier)]
    assert '<p class="small">days: day1, day2.</p>' in page.read_text("utf-8")
    assert len(list(site.glob("on/*/index.html"))) == 3
    (partial,) = [row for row in read_page(page).rows if row[0] == "partial" and "1 of 2" in row][:1]
    assert partial[-1] == "—"


@pytest.mark.slow
def test_a_dataset_without_scores_has_a_card(board_store, board_made, tmp_path):
    new = make_dataset("new", n_stimuli=20, n_neurons=4, images=False, seed=9)
    page = write_board_site(tmp_path / "site", [board_made[1][0], new], store=board_store, n_resamples=200)
    assert "Nothing has been scored on this dataset." in (page.parent / dataset_card("new")).read_text(
        "utf-8"
    )
    assert len(list(page.parent.glob("on/*"))) == 1
    assert "nothing scored" in page.read_text("utf-8")


def test_refusals(board_made, tmp_path):
    with pytest.raises(NeuroalignError, match="nothing has been scored on day1, day2 yet"):
        write_board_site(tmp_path / "site", board_made[1][:2], store=ResultsStore(tmp_path / "empty"))
    assert not (tmp_path / "site").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="must be a new folder, an empty folder or a site of neuroalign"):
        write_board_site(other, board_made[1])


def test_each_benchmark_of_a_board_has_its_question_and_direction(board_site):
    text = html.unescape((board_site / "index.html").read_text("utf-8"))
    for name, direction in (("variance_explained", "higher"), ("decoding[turns=0]", "lower")):
        benchmark = load_benchmark(name)
        section = next(part for part in text.split("<section") if f'-title">{name}\n' in part)
        assert f"{direction} is better</small>" in section
        assert f'<p class="question">{benchmark.question}</p>' in section
        assert "Higgins et al. (2020)" in section.partition("<details>")[2].partition("</details>")[0]
