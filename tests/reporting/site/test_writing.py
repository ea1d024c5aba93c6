import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from neuroalign.cli import run
from neuroalign.comparison.leaderboard import SCOPE_OF_WELCH, leaderboard
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.reporting.site import contents, write_site
from neuroalign.reporting.site.names import page_name
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

HOSTILE = "<script>document.title='owned'</script>"


class Page(HTMLParser):
    """Everything in a page that refers to something, and its ids."""

    def __init__(self, text):
        super().__init__()
        self.references, self.ids, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in ("href", "src"):
                self.references.append(value)
            if name == "id":
                self.ids.append(value)


def read_section(site, name):
    """Return the part of the first page that is about one benchmark."""
    sections = html.unescape((site / "index.html").read_text("utf-8")).split("</section>")
    return next(section for section in sections if re.search(rf"<h2[^>]*>{name}\b", section))


@pytest.fixture
def pages(site):
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_there_is_a_page_for_each_family_model_and_dataset(pages, site):
    counts = {folder: len(list((site / folder).iterdir())) for folder in ("families", "models", "datasets")}
    assert counts == {"families": 4, "models": 13, "datasets": 1}


def test_every_link_leads_somewhere_within_the_site(pages, site):
    for path, page in pages.items():
        for reference in page.references:
            parts = urlsplit(reference)
            if parts.scheme == "data":
                assert reference == "data:,"
                continue
            assert (parts.scheme, parts.netloc) == ("", "")
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(site)
            assert target.is_file(), reference
            if parts.fragment:
                assert parts.fragment in pages[target].ids
        assert len(page.ids) == len(set(page.ids))


def test_hostile_names_are_text_everywhere(pages, site):
    for path, page in pages.items():
        scripts = [attrs for tag, attrs in page.tags if tag == "script"]
        assert all("src" in item or item.get("type") == "application/json" for item in scripts)
        assert not any(tag == "img" for tag, _ in page.tags)
        assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert HOSTILE not in path.read_text("utf-8")
    assert HOSTILE in html.unescape((site / "index.html").read_text("utf-8"))
    # Nothing was written beside the site.
    assert [path.name for path in site.parent.iterdir()] == ["site"]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "", "a" * 500, "β", "CON", "a/b\\c", "\ud800"])
def test_page_names_stay_in_their_folder(name):
    made = page_name(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*\.html", made)
    assert len(made) < 90


def test_different_names_have_different_pages():
    assert len({page_name(item) for item in ("a b", "a-b", "A b", "a_b")}) == 4
    assert page_name("a", "b") != page_name("a b")


def test_the_numbers_are_those_of_the_leaderboard(site, store, dataset):
    table = leaderboard(dataset, "alignment[turns=0]", store=store)
    section = read_section(site, "alignment")
    means = [float(mean) for mean in re.findall(r'<td class="mean" data-sort="([^"]+)"', section)]
    assert means == list(table["mean"])
    letters = table[["letters", "welch_letters"]].to_numpy().ravel().tolist()
    assert re.findall(r'<td class="letters">(\w*)</td>', section) == letters
    assert SCOPE_OF_WELCH in section
    assert all(f"{item:.3f}" in section for item in table["ci_low"].dropna())


def test_the_page_of_a_family_names_the_ranked_number_and_its_instances_by_their_options(dataset, tmp_path):
    store = ResultsStore(tmp_path / "results")
    for seed in range(3):
        score = make_score(
            0.8,
            model=f"pca[seed={seed}]",
            family="pca",
            dataset=dataset,
            benchmark=load_benchmark("alignment"),
            beside={"D": 3.0, "axis_index": 0.5, "axis_index_error": 0.1, "axis_index_p": 0.05},
        )
        store.save(f"{seed:04x}", score)
    write_site(tmp_path / "site", dataset, store=store)
    (page,) = (tmp_path / "site" / "families").iterdir()
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in page.read_text("utf-8").split("<tr>")[1:]
    ]
    cells = [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in rows]
    assert cells[0][:5] == ["Benchmark", "Rank", "n", "Number", "Mean"]
    assert cells[1][:5] == ["alignment", "1 of 1", "3", "axis index κ", "0.500"]
    assert cells[2:] == [["Model", "alignment"], *([f"seed={seed}", "0.800"] for seed in range(3))]


def test_the_first_page_begins_with_a_matrix_of_families_and_benchmarks(site, store, dataset):
    text = html.unescape((site / "index.html").read_text("utf-8"))
    overview = text[text.index('id="overview"') : text.index("</table>")]
    assert text.index('id="overview"') < text.index('<table class="sortable n-last board">')
    headings = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', overview)
    assert headings == ["Family", "alignment[turns=0] ↑", "decoding[turns=0] ↓"]
    cells = {
        name: [leaderboard(dataset, f"{name}[turns=0]", store=store).set_index("family")["mean"]]
        for name in ("alignment", "decoding")
    }
    rows = re.findall(r'<tr data-family="(.*?)"><th.*?</th>\n(.*?)</tr>', overview, re.DOTALL)
    assert len(rows) == 4
    for family, row in rows:
        shown = [float(number) for number in re.findall(r'data-sort="([^"]+)"', row)]
        assert shown == [float(cells[name][0][family]) for name in ("alignment", "decoding")]
    # The lowest distance is the best one.
    best = [family for family, row in rows if row.count('class="best"')]
    assert best == [HOSTILE, "pca"] or best == ["pca", HOSTILE]


def test_each_benchmark_has_its_question_and_a_description(pages, site):
    section = read_section(site, "alignment")
    question = load_benchmark("alignment").question
    assert f'<p class="question">{question} <a href="#about-alignment' in section
    assert "higher is better" in section
    assert "lower is better" in read_section(site, "decoding")
    about = html.unescape((site / "index.html").read_text("utf-8")).partition('id="about"')[2]
    assert f"<strong>{question}</strong>" in about
    assert "Higgins et al. (2020)" in about


def test_controls_have_no_rank_and_the_bootstrap_of_a_study_has_no_board(dataset, tmp_path):
    store = ResultsStore(tmp_path / "results")
    names = ("variance_explained", "correlation_ratio[turns=0]", "linear_recombination", "stimulus_bootstrap")
    for place, name in enumerate(names):
        for seed in range(2):
            score = make_score(
                0.3 + 0.1 * seed,
                model=f"{'pca' if seed else 'ica'}[n=5]",
                dataset=dataset,
                benchmark=load_benchmark(name),
            )
            store.save(f"{place}{seed:03x}", score)
    text = write_site(tmp_path / "site", dataset, store=store).read_text("utf-8")
    boards = re.findall(r'<h2 id="[\w-]*-title">(\w+)', text)
    assert sorted(boards[1:-1]) == ["correlation_ratio", "linear_recombination", "variance_explained"]
    assert "a control, which does not rank models" in text
    overview = text[text.index('id="overview"') : text.index("</table>")]
    assert "linear_recombination" not in overview
    # A user who names the bootstrap sees it.
    named = write_site(tmp_path / "named", dataset, ["stimulus_bootstrap"], store=store).read_text("utf-8")
    assert ">stimulus_bootstrap" in named


def test_every_page_says_that_neurons_are_simulated(pages):
    for path in pages:
        assert "simulated neurons" in path.read_text("utf-8")


def test_every_page_names_its_command_and_date(dataset, store, tmp_path):
    command = f"neuroalign leaderboard {HOSTILE} --html site"
    today = datetime.now(UTC)
    index = write_site(tmp_path / "site", dataset, ["decoding[turns=0]"], store=store, command=command)
    pages = [html.unescape(path.read_text("utf-8")) for path in index.parent.rglob("*.html")]
    assert len(pages) > 5
    dates = {f"{day:%Y-%m-%d}" for day in (today, today + timedelta(days=1))}
    for page in pages:
        (date,) = re.findall(r"Written by neuroalign [\d.]+\S* on ([\d-]+) by: <code>", page)
        assert date in dates
        assert f"<code>{command}</code>" in page
    assert HOSTILE not in index.read_text("utf-8")


def test_numbers_beside_the_score_have_a_table_of_their_own(site):
    section = read_section(site, "alignment")
    ranked, beside, *_ = re.findall(r'<table class="sortable n-last board">(.*?)</table>', section, re.DOTALL)
    assert 'class="mean"' in ranked
    assert "logarithm (D)" not in ranked
    assert "logarithm (D)</th>" in beside
    assert 'data-sort="3.0">3</td>' in beside
    # Both have the families in the same order.
    assert re.findall('data-family="(.*?)">', ranked) == re.findall('data-family="(.*?)">', beside)


def test_a_model_page_says_where_its_numbers_come_from(site):
    text = next((site / "models").glob("pca*")).read_text("utf-8")
    for expected in ("<dt>key</dt>", "dataset hash", "<dt>n folds</dt>", "sum of |weights| over neurons"):
        assert expected in text


@pytest.mark.slow
def test_the_same_scores_give_the_same_bytes(site, store, dataset, tmp_path):
    again = write_site(tmp_path / "again", dataset, store=store).parent
    files = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())

    # The date may be the next one.
    def read(folder, file):
        return re.sub(rb"on \d{4}-\d\d-\d\d\.</p>", b"", (folder / file).read_bytes())

    assert all(read(site, file) == read(again, file) for file in files)


def test_lists_in_a_dataset_are_read_as_text():
    facts = {
        "notes": ["One.", "Two."],
        "files": [{"role": "images", "sha256": "ab"}, {"role": "responses", "sha256": "cd"}],
        "shape": (3, 4),
        "missing": None,
        "simulated": False,
    }
    assert dict(contents.write_facts(facts)) == {
        "notes": "One.; Two.",
        "files": "role: images, sha256: ab; role: responses, sha256: cd",
        "shape": "3, 4",
        "missing": "–",
        "simulated": "false",
    }


def test_the_test_over_neurons_stands_beside_welchs(site):
    section = read_section(site, "alignment")
    assert "Over instances and neurons" in section
    assert section.count('<table class="matrix">') == 2
    # D, a number of every score, is 3.
    assert section.count('<td data-sort="3.0">3</td>') == 4


def test_libraries_come_with_their_licences(site):
    vendor = site / "static" / "vendor"
    assert {path.name.split(".")[0] for path in vendor.glob("*.js")} == {
        path.name.split(".")[0] for path in vendor.glob("*.LICENSE.txt")
    }


@pytest.mark.slow
def test_only_a_site_is_replaced(site, store, dataset, tmp_path):
    (site / "old.html").write_text("old")
    write_site(site, dataset, store=store)
    assert not (site / "old.html").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="must be a new folder, an empty folder or a site of neuroalign"):
        write_site(other, dataset, store=store)
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_a_site_that_cannot_be_finished_leaves_the_old_one(site, store, dataset, monkeypatch):
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}

    def fail(model, store):
        raise KeyboardInterrupt

    monkeypatch.setattr(contents, "lay_out_scores", fail)
    with pytest.raises(KeyboardInterrupt):
        write_site(site, dataset, store=store)
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_nothing_scored_writes_nothing(dataset, tmp_path):
    with pytest.raises(NeuroalignError, match="nothing has been scored"):
        write_site(tmp_path / "site", dataset, store=ResultsStore(tmp_path / "empty"))
    assert not (tmp_path / "site").exists()


def test_a_model_without_readable_arrays_still_has_its_page(store, dataset, tmp_path):
    next(store.folder.glob("*/*.nc")).unlink()
    with pytest.warns(match="unreadable"):
        site = write_site(tmp_path / "site", dataset, store=store).parent
    assert sum("cannot be read" in path.read_text("utf-8") for path in (site / "models").iterdir()) == 1


def test_command(dataset, tmp_path, capsys):
    write_folder(dataset, tmp_path / "toy")
    assert run(["score", "neuron_subset[n=6,seed=0]", str(tmp_path / "toy"), "-b", "correlation_ratio"]) == 0
    capsys.readouterr()
    assert run(["leaderboard", str(tmp_path / "toy"), "--html", str(tmp_path / "site")]) == 0
    assert str(tmp_path / "site" / "index.html") in capsys.readouterr().out
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_score_that_is_better_when_lower_says_so_beside_the_number_that_ranks(dataset, tmp_path):
    store = ResultsStore(tmp_path / "results")
    for name in ("decoding", "alignment"):
        beside = {"D": 3.0, "axis_index": 0.5, "axis_index_error": 0.1, "axis_index_p": 0.05}
        score = make_score(
            0.8, model="pca[n=5]", dataset=dataset, benchmark=load_benchmark(name), beside=beside
        )
        store.save(name, score)
    site = write_site(tmp_path / "site", dataset, store=store).parent
    assert '<th scope="col" class="wrapped">decoding (lower is better)</th>' in read_section(site, "decoding")
    assert '<th scope="col" class="wrapped">C</th>' in read_section(site, "alignment")
