"""The site in a real browser: it loads alone, and sorting, filtering, themes and keys work."""

import json
import re
from importlib import resources

import numpy as np
import pytest
import xarray as xr

from neuroalign.reporting.site import write_site
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

pytestmark = pytest.mark.slow

FAMILIES = 4


@pytest.fixture
def by():
    return pytest.importorskip("selenium.webdriver.common.by").By


@pytest.fixture
def wait(browser):
    """Wait until an expression of JavaScript is true."""
    ui = pytest.importorskip("selenium.webdriver.support.ui")
    return lambda script: ui.WebDriverWait(browser, 20).until(lambda _: browser.execute_script(script))


@pytest.fixture
def index(browser, site, wait):
    browser.get((site / "index.html").as_uri())
    wait("return document.querySelectorAll('.drawing svg').length === 2")
    return browser


def first_column(browser, by):
    table = browser.find_element(by.CSS_SELECTOR, "table.board")
    rows = table.find_elements(by.CSS_SELECTOR, "tbody tr")
    return [row.find_element(by.TAG_NAME, "th").text for row in rows if row.is_displayed()]


def test_every_page_loads_alone_and_without_a_complaint(browser, site, wait):
    pages = [site / "index.html", *site.glob("families/*"), *site.glob("datasets/*"), *site.glob("models/*")]
    # The first page of Chromium does not belong to the site.
    browser.get("about:blank")
    browser.get_log("performance")
    for page in pages:
        browser.get(page.as_uri())
        wait(
            "return [...document.querySelectorAll('.drawing')].every(drawing => drawing.querySelector('svg'))"
        )
        assert browser.title != "owned"
    assert [item for item in browser.get_log("browser") if item["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(item["message"])["message"] for item in browser.get_log("performance")]
    requested = [
        item["params"]["request"]["url"] for item in messages if item["method"] == "Network.requestWillBeSent"
    ]
    assert len(requested) > len(pages)
    folder = site.as_uri()
    assert [url for url in requested if not url.startswith((folder, "data:"))] == []


def test_there_is_no_dead_link(index, by, site):
    links = {
        anchor.get_attribute("href").partition("#")[0]
        for anchor in index.find_elements(by.CSS_SELECTOR, "a[href]")
    }
    assert len(links) >= FAMILIES + 2
    for link in links:
        index.get(link)
        assert index.find_elements(by.TAG_NAME, "h1")


def test_a_click_sorts_and_another_sorts_the_other_way(index, by, wait):
    mean = index.find_element(by.XPATH, "//table[contains(@class, 'board')]//th[starts-with(., 'Mean')]")
    ranked = first_column(index, by)
    mean.click()
    wait("return document.querySelector('th[aria-sort=descending]')")
    wait(f"return document.querySelector('table.board tbody th').textContent === {json.dumps(ranked[0])}")
    assert first_column(index, by) == ranked
    mean.click()
    wait(f"return document.querySelector('table.board tbody th').textContent === {json.dumps(ranked[-1])}")
    assert first_column(index, by) == ranked[::-1]


def test_sorting_works_by_keyboard(index, by, wait):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    mean = index.find_element(by.XPATH, "//table[contains(@class, 'board')]//th[starts-with(., 'Mean')]")
    assert mean.get_attribute("tabindex") == "0"
    mean.send_keys(keys.ENTER)
    wait("return document.querySelector('th[aria-sort=descending]')")
    ranked = first_column(index, by)
    mean.send_keys(keys.ENTER)
    wait("return document.querySelector('th[aria-sort=ascending]')")
    wait(f"return document.querySelector('table.board tbody th').textContent === {json.dumps(ranked[-1])}")


def test_filter_hides_families_in_tables_and_plots(index, by, wait):
    field = index.find_element(by.ID, "filter")
    field.send_keys("PCA")
    assert first_column(index, by) == ["pca"]
    assert index.find_element(by.ID, "shown").text == f"1 of {FAMILIES} families"
    wait("return !document.querySelector('.drawing').textContent.includes('leaving')")
    field.clear()
    field.send_keys("nothing of the kind")
    assert first_column(index, by) == []


def test_points_are_the_instances(index):
    drawn = index.execute_script(
        "return document.querySelectorAll('.drawing svg')[0].querySelectorAll('[aria-label=dot] circle').length"
    )
    assert drawn == 13


def test_p_values_of_every_pair_are_a_matrix(index, by):
    index.find_element(by.TAG_NAME, "summary").click()
    crossed, welch = index.find_elements(by.CSS_SELECTOR, "table.matrix")[:2]
    # The family of one instance is tested over neurons, and has no Welch's test with any other.
    for matrix, n_missing in ((crossed, 0), (welch, 2 * (FAMILIES - 1))):
        cells = [cell.text for cell in matrix.find_elements(by.CSS_SELECTOR, "tbody td")]
        assert len(cells) == FAMILIES**2
        assert cells.count("") == FAMILIES
        assert cells.count("–") == n_missing


def test_theme_is_the_systems_until_it_is_chosen_and_then_kept(index, by, site, wait):
    def page():
        return index.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = page()
    index.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    dark = page()
    assert light != dark
    button = index.find_element(by.ID, "theme")
    # The page hears of it a moment later.
    wait("return document.getElementById('theme').getAttribute('aria-label') === 'Light theme'")
    button.click()
    assert page() == light
    index.get(next(site.glob("families/*")).as_uri())
    assert page() == light


def test_keys_reach_everything_in_order_and_show_where_they_are(index, by):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    webdriver = pytest.importorskip("selenium.webdriver")
    reached = []
    for _ in range(12):
        webdriver.ActionChains(index).send_keys(keys.TAB).perform()
        element = index.switch_to.active_element
        reached.append(element.text or element.get_attribute("id"))
        assert element.value_of_css_property("outline-style") == "solid"
    assert reached[:5] == ["Skip to content", "neuroalign", "Leaderboard", "Dataset", "Dark"]
    assert "filter" in reached


def test_a_phone_shows_it_without_scrolling_sideways(index, site, by, wait):
    index.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    for page in (site / "index.html", *list(site.glob("models/*"))[:2], *site.glob("datasets/*")):
        index.get(page.as_uri())
        wait(
            "return [...document.querySelectorAll('.drawing')].every(drawing => drawing.querySelector('svg'))"
        )
        assert index.execute_script("return document.documentElement.scrollWidth") <= 390


def test_bars_of_wide_layers_are_visible_and_wide_tables_have_a_hint(browser, dataset, tmp_path, wait):
    store, n_units = ResultsStore(tmp_path / "results"), 544
    weights = xr.DataArray(
        np.random.default_rng(0).random((n_units, 12)),
        dims=("unit", "neuroid"),
        coords={"unit": np.arange(n_units), "neuroid": [f"n{index:02d}" for index in range(12)]},
    )
    score = make_score(
        0.3,
        model="net@layer",
        dataset=dataset,
        benchmark=load_benchmark("alignment[turns=0]"),
        beside={"D": n_units, "variance_explained": 0.2, "reliability": 0.8},
        data=xr.Dataset({"weights": weights}),
    )
    store.save("0000", score)
    index = write_site(tmp_path / "site", dataset, store=store)
    browser.get(next(index.parent.glob("models/*")).as_uri())
    wait("return document.querySelector('.drawing svg')")
    lines = browser.execute_script(
        "const lines = [...document.querySelectorAll('[aria-label=rule] line')];"
        "return lines.map(line => [line.getBoundingClientRect().height, getComputedStyle(line).strokeWidth])"
    )
    # Lines that are narrower than a pixel would be pale. The line at 0 has no height.
    upright = [width for height, width in lines if height > 0.5]
    assert len(upright) == n_units
    assert set(upright) == {"1px"}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.get(index.as_uri())
    wait("return document.querySelector('.scroll.more')")
    hint = "return getComputedStyle(document.querySelector('.scroll.cut'), '::before').content"
    assert "more columns" in browser.execute_script(hint)


def test_paper_has_all_columns_and_whole_names(browser, dataset, tmp_path, wait):
    store = ResultsStore(tmp_path / "results")
    beside = (
        "D",
        "variance_explained",
        "explained_share",
        "reliability",
        "neurons_without_weight",
        "axis_index",
    )
    beside += (
        "axis_index_error",
        "axis_index_p",
        "special_axes",
        "turned",
        "regenerated",
        "predicted_neurons",
    )
    for place, family in enumerate(("autoencoder", "neuron_subset")):
        score = make_score(
            0.3,
            model=f"{family}[n=10]",
            family=family,
            dataset=dataset,
            benchmark=load_benchmark("alignment"),
            null=0.1,
            ceiling=0.9,
            beside=dict.fromkeys(beside, 0.25),
        )
        store.save(f"{place:04x}", score)
    index = write_site(tmp_path / "site", dataset, store=store)
    # A4 across, without its margins.
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1047, "height": 718, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(index.as_uri())
    wait("return document.querySelector('.drawing svg')")
    edges = browser.execute_script(
        "const cells = document.querySelectorAll('table.board th, table.board td');"
        "return [...cells].map(cell => cell.getBoundingClientRect().right)"
    )
    assert len(edges) > 50
    assert max(edges) <= 1047
    heights = browser.execute_script(
        "return [...document.querySelectorAll('table.board tbody th a')].map(name => name.getClientRects().length)"
    )
    assert heights == [1] * 4
    shown = browser.execute_script(
        "return [...document.querySelectorAll('summary')].filter(item => item.checkVisibility()).length"
    )
    assert shown == 0


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [item / 12.92 if item <= 0.04045 else ((item + 0.055) / 1.055) ** 2.4 for item in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "faint", "accent", "warn"])
@pytest.mark.parametrize("behind", ["page", "raised", "mark"])
def test_contrast_passes_aa(theme, text, behind):
    css = resources.files("neuroalign.reporting.site").joinpath("static/site.css").read_text("utf-8")
    pattern = r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)"
    colours = {name: (light, dark) for name, light, dark in re.findall(pattern, css)}
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast(colours[text][theme], colours[behind][theme]) >= 4.5
