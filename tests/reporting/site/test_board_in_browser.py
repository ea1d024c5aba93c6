"""The site of a board in a real browser: the view in the address, the scatter plot, BibTeX, keys and small screens."""

import json

import numpy as np
import pytest

from neuroalign.comparison.board import board
from neuroalign.reporting.site.board_contents import benchmark_key
from neuroalign.reporting.site.names import anchor
from neuroalign.scoring.benchmark import load_benchmark

pytestmark = pytest.mark.slow

EXPLAINED, DECODING = "variance_explained", "decoding[turns=0]"


def key_of(name):
    return benchmark_key(name, load_benchmark(name).version)


@pytest.fixture
def by():
    return pytest.importorskip("selenium.webdriver.common.by").By


@pytest.fixture
def choose(index):
    """Choose an option of a selector."""
    select = pytest.importorskip("selenium.webdriver.support.ui").Select
    return lambda name, value: select(index.find_element("id", name)).select_by_value(value)


@pytest.fixture
def wait(browser):
    """Wait until an expression of JavaScript is true."""
    ui = pytest.importorskip("selenium.webdriver.support.ui")
    return lambda script: ui.WebDriverWait(browser, 20).until(
        lambda _: browser.execute_script(f"return {script}")
    )


@pytest.fixture
def index(browser, board_site, wait):
    browser.get((board_site / "index.html").as_uri())
    wait("document.querySelector('#scatter .drawing svg')")
    return browser


def read_view(browser):
    """Return the rows of the shown table, the shown columns, the rows of the scatter plot, and the address."""
    return browser.execute_script(
        """const shown = (element) => element.offsetParent !== null;
        const cells = (row) => [...row.cells].filter(shown).map((cell) => cell.textContent.trim());
        const table = [...document.querySelectorAll("table.board")].find(shown);
        return {
          title: table.closest("section").id,
          headings: [...table.tHead.rows[0].cells].filter(shown).map((cell) => cell.dataset.key),
          rows: [...table.tBodies[0].rows].filter(shown).map(cells),
          scatter: [...document.querySelectorAll("#scatter-table tbody tr")].map(cells),
          axes: [document.getElementById("x").value, document.getElementById("y").value],
          entries: document.getElementById("entries").value,
          note: document.getElementById("view").textContent,
        };"""
    )


def first_names(view):
    return [row[0] for row in view["rows"]]


def test_one_benchmark_at_a_time(index, choose, by):
    view = read_view(index)
    assert view["title"] == key_of(EXPLAINED)
    assert "#" not in index.current_url
    choose("benchmark", key_of(DECODING))
    assert read_view(index)["title"] == key_of(DECODING)
    assert index.current_url.endswith(f"#benchmark={key_of(DECODING)}")
    # No score of this benchmark has a ceiling.
    assert not index.find_element(by.ID, "over-ceiling").is_enabled()
    choose("benchmark", key_of(EXPLAINED))
    assert "#" not in index.current_url
    index.find_element(by.ID, "over-ceiling").click()
    over = read_view(index)
    assert over["title"] == f"{key_of(EXPLAINED)}-over-ceiling"
    assert over["rows"] != view["rows"]


def test_a_link_shows_the_same_view_and_back_returns(index, choose, by, wait, board_site):
    start = read_view(index)
    choose("benchmark", key_of(DECODING))
    index.find_element(by.CSS_SELECTOR, f"input[value='{anchor('day2')}']").click()
    choose("y", f"{key_of(EXPLAINED)}-over-ceiling")
    heading = index.find_element(by.CSS_SELECTOR, f"#{key_of(DECODING)} th[data-key=family]")
    heading.click()
    wait("location.hash.includes('sort=family.descending')")
    heading.click()
    wait("location.hash.includes('sort=family.ascending')")
    chosen, address = read_view(index), index.current_url
    assert anchor("day2") not in chosen["headings"]
    assert first_names(chosen) != first_names(start)
    assert "means, ranks and intervals are over all datasets" in chosen["note"]

    index.switch_to.new_window("tab")
    index.get(address)
    wait("document.querySelector('#scatter .drawing svg')")
    wait(f"document.querySelector('#{key_of(DECODING)} th[aria-sort=ascending]')")
    wait(
        f"document.querySelector('#{key_of(DECODING)} tbody th').textContent === {json.dumps(first_names(chosen)[0])}"
    )
    assert read_view(index) == chosen
    index.close()
    index.switch_to.window(index.window_handles[-1])

    for _ in range(5):
        index.back()
    wait("location.hash === ''")
    wait("!document.querySelector('.variant:not([hidden]) th[aria-sort]')")
    assert read_view(index) == start
    index.forward()
    wait(f"location.hash === '#benchmark={key_of(DECODING)}'")
    assert read_view(index)["title"] == key_of(DECODING)
    index.find_element(by.ID, "reset").click()
    assert read_view(index) == start


def test_the_scatter_plot_has_means_and_errors_over_common_datasets(index, board_store, board_made, by):
    datasets = board_made[1]
    tables = {
        name: board(datasets, name, store=board_store, n_resamples=200).set_index("family")
        for name in (EXPLAINED, DECODING)
    }

    def expected(columns):
        rows = []
        for family in sorted(tables[EXPLAINED].index, key=str):
            values = np.array(
                [[table.loc[family, f"score: {name}"] for name in columns] for table in tables.values()],
                dtype=float,
            )
            values = values[:, np.isfinite(values).all(axis=0)]
            n = values.shape[1]
            numbers = []
            for own in values:
                error = own.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
                numbers += [f"{own.mean():.3f}", f"{error:.3f}" if n > 1 else "–"]
            rows.append([family, *numbers, str(n)])
        return rows

    names = [dataset.identifier for dataset in datasets]
    view = read_view(index)
    assert view["axes"] == [key_of(EXPLAINED), key_of(DECODING)]
    assert sorted(view["scatter"]) == expected(names)
    assert [row[-1] for row in sorted(view["scatter"]) if row[0] == "partial"] == ["2"]
    caption = index.find_element(by.ID, "scatter-caption").text
    assert "Hollow points have fewer datasets" in caption
    assert len(index.find_elements(by.CSS_SELECTOR, "#scatter [aria-label=dot] circle")) == 4
    # Bars of both axes of all families.
    assert len(index.find_elements(by.CSS_SELECTOR, "#scatter [aria-label=rule] line")) == 8
    # Datasets that are not shown are left out: partial then has one dataset, and no bars.
    index.find_element(by.CSS_SELECTOR, f"input[value='{anchor('day1')}']").click()
    assert sorted(read_view(index)["scatter"]) == expected(names[1:])
    assert len(index.find_elements(by.CSS_SELECTOR, "#scatter [aria-label=rule] line")) == 6


def test_bibtex_follows_the_view(index, choose, by):
    entries = read_view(index)["entries"]
    assert "@misc{chang2017" in entries
    assert "record: day1" in entries
    for name in ("day2", list(board_columns(index))[2]):
        index.find_element(by.CSS_SELECTOR, f"input[value='{anchor(name)}']").click()
    fewer = read_view(index)["entries"]
    assert "@misc{chang2017" not in fewer
    assert "record: day1" in fewer
    assert "@misc{pospisil2021" in fewer
    for control in ("benchmark", "x", "y"):
        choose(control, key_of(DECODING))
    entries = read_view(index)["entries"]
    assert "@misc{pospisil2021" not in entries
    assert "@misc{higgins2020" in entries


def board_columns(browser):
    return browser.execute_script(
        "return JSON.parse(document.getElementById('board-data').textContent).columns.map((column) => column.name)"
    )


def test_an_address_with_unknown_names_shows_the_rest_and_says_so(index, board_site, wait):
    index.get("about:blank")
    address = (board_site / "index.html").as_uri()
    index.get(
        f"{address}#benchmark={key_of(DECODING)}&x=old<b>&datasets={anchor('day1')},gone&sort=nothing.up"
    )
    wait("document.querySelector('#scatter .drawing svg')")
    view = read_view(index)
    assert view["title"] == key_of(DECODING)
    assert view["axes"][0] == key_of(EXPLAINED)
    assert "The address names old<b>, nothing, gone, which this board does not have." in view["note"]
    assert len(view["headings"]) == 6


def test_filter_and_links_to_sections_keep_the_view(index, choose, by):
    choose("benchmark", key_of(DECODING))
    index.find_element(by.ID, "filter").send_keys("PCA")
    view, address = read_view(index), index.current_url
    assert first_names(view) == ["pca"]
    assert [row[0] for row in view["scatter"]] == ["pca"]
    assert address.endswith("families=PCA")
    index.find_element(by.CSS_SELECTOR, ".contents a[href='#bibtex']").click()
    assert index.current_url == address
    assert index.switch_to.active_element.get_attribute("id") == "bibtex"


def test_every_page_loads_alone_and_without_a_complaint(browser, board_site, wait):
    pages = sorted(
        [board_site / "index.html", *board_site.glob("cards/*/*"), *board_site.glob("on/*/index.html")]
    )
    browser.get("about:blank")
    browser.get_log("performance")
    for page in pages:
        browser.get(page.as_uri())
        wait("[...document.querySelectorAll('.drawing')].every(drawing => drawing.querySelector('svg'))")
        assert browser.title != "owned"
    assert [item for item in browser.get_log("browser") if item["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(item["message"])["message"] for item in browser.get_log("performance")]
    requested = [
        item["params"]["request"]["url"] for item in messages if item["method"] == "Network.requestWillBeSent"
    ]
    assert len(requested) > len(pages)
    assert [url for url in requested if not url.startswith((board_site.as_uri(), "data:"))] == []


def test_keys_reach_the_controls(index):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    webdriver = pytest.importorskip("selenium.webdriver")
    reached = []
    for _ in range(60):
        webdriver.ActionChains(index).send_keys(keys.TAB).perform()
        element = index.switch_to.active_element
        reached.append(element.get_attribute("id") or element.get_attribute("value") or element.text)
        assert element.value_of_css_property("outline-style") != "none"
    expected = ["benchmark", "over-ceiling", anchor("day1"), "filter", "reset", "x", "y"]
    assert [name for name in reached if name in expected] == expected


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(index, board_site, width):
    index.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width == 360},
    )
    for page in (
        board_site / "index.html",
        *(next(board_site.glob(f"cards/{kind}/*")) for kind in ("datasets", "families", "models")),
    ):
        index.get(page.as_uri())
        assert index.execute_script("return document.documentElement.scrollWidth") <= width


def test_without_scripts_every_table_is_shown(browser, board_site):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get((board_site / "index.html").as_uri())
    shown = [table for table in browser.find_elements("css selector", "table.board") if table.is_displayed()]
    assert len(shown) == 3
    assert not browser.find_element("id", "controls").is_displayed()
    assert "@misc{chang2017" in browser.find_element("id", "entries").get_attribute("value")
