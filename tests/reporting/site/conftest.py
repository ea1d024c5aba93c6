"""A site of a small dataset, and a real browser to open it in."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign.reporting.site import write_board_site, write_site
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score

#: Names that would do harm in a page or a path that they are not escaped in.
HOSTILE = "<script>document.title='owned'</script>"
LEAVING = "../../../leaving"
QUOTES = "\"'><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="session")
def made(dataset_factory, tmp_path_factory):
    """The folders of four families' scores on two benchmarks, with arrays, and of their site."""
    folder, dataset = tmp_path_factory.mktemp("made"), dataset_factory()
    store, rng = ResultsStore(folder / "results"), np.random.default_rng(0)
    count = 0
    # The newest scores stand first.
    for name in ("decoding", "alignment"):
        # These scores have no axis index.
        benchmark = load_benchmark(f"{name}[turns=0]")
        for family, mean, n in ((HOSTILE, 0.8, 4), ("pca", 0.3, 4), (LEAVING, 0.5, 4), (QUOTES, 0.6, 1)):
            for seed in range(n):
                value = mean + 0.01 * rng.standard_normal()
                arrays = xr.Dataset(
                    {
                        "alignment": ("neuroid", rng.random(12)),
                        "weights": (("unit", "neuroid"), rng.standard_normal((3, 12))),
                    },
                    coords={"neuroid": [f"{QUOTES}{index}" for index in range(12)], "unit": [0, 1, 2]},
                )
                score = make_score(
                    value,
                    error=0.02,
                    model=f"{family}[seed={seed}]",
                    family=family,
                    dataset=dataset,
                    benchmark=benchmark,
                    null=0.1,
                    ceiling=0.95,
                    data=arrays,
                    beside={"D": 3.0, QUOTES: 0.5},
                    notes=(HOSTILE,),
                    provenance={"remark": HOSTILE},
                )
                store.save(f"{count:04x}", score)
                count += 1
    write_site(folder / "site", dataset, store=store)
    return folder


@pytest.fixture
def store(made, tmp_path):
    """Scores that a test may change."""
    shutil.copytree(made / "results", tmp_path / "results")
    return ResultsStore(tmp_path / "results")


@pytest.fixture
def site(made, tmp_path):
    """The folder of a site that a test may change."""
    return shutil.copytree(made / "site", tmp_path / "out" / "site")


#: Families on the board, each with its score above the mean of the datasets.
ON_BOARD = {"pca": 0.02, HOSTILE: 0.1, QUOTES: -0.1, "partial": 0.05}
#: Datasets of the board: mean score and ceiling. The name of the last one would do harm.
DATASETS = {"day1": (0.3, 0.6), "day2": (0.5, 0.8), f"day3{QUOTES}": (0.4, 0.5)}
CITATION = "Chang, L. & Tsao, D. Y. (2017). The code for <b>facial</b> identity. Cell, 169, 1013–1028."


@pytest.fixture(scope="session")
def board_made(tmp_path_factory):
    """The datasets of a board, their scores by two benchmarks, and the folder of the site."""
    folder = tmp_path_factory.mktemp("board")
    store, rng = ResultsStore(folder / "results"), np.random.default_rng(1)
    datasets = []
    for place, (name, (mean, ceiling)) in enumerate(DATASETS.items()):
        dataset = make_dataset(name, n_stimuli=20, n_neurons=6, images=False, seed=place)
        recording = dataset.recording.assign_coords(animal=("neuroid", [f"animal {place}"] * 6))
        metadata = {**dataset.metadata, "licence": HOSTILE, **({"citation": CITATION} if place else {})}
        dataset = replace(dataset, recording=recording, metadata=metadata)
        datasets.append(dataset)
        for benchmark in ("variance_explained", "decoding[turns=0]"):
            for family, above in ON_BOARD.items():
                if family == "partial" and place == 2:
                    continue
                for seed in range(2):
                    values = mean + above + 0.02 * rng.standard_normal(6)
                    is_error = benchmark != "variance_explained"
                    score = make_score(
                        model=f"{family}[n=5,seed={seed}]",
                        family=family,
                        dataset=dataset,
                        benchmark=load_benchmark(benchmark),
                        per_neuron=dict(zip(dataset.recording["neuroid_id"].values, values, strict=True)),
                        null=0.01,
                        **({} if is_error else {"ceiling": ceiling}),
                        notes=(HOSTILE,),
                        provenance={"remark": HOSTILE, "created": f"2026-01-0{place + 1}"},
                    )
                    store.save(f"{place}{len(list(store.scores())):03x}", score)
    write_board_site(folder / "site", datasets, store=store, title=f"Board {HOSTILE}", n_resamples=500)
    return folder, datasets


@pytest.fixture(scope="session")
def board_store(board_made):
    """Scores on the board, which no test may change."""
    return ResultsStore(board_made[0] / "results")


@pytest.fixture(scope="session")
def board_site(board_made):
    """The folder of the site of a board, which no test may change."""
    return board_made[0] / "site"


_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Chromium without a window, with a new profile, that records console messages and requests."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        message = "needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("NEUROALIGN_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def browser(chromium):
    """A new tab of Chromium, without stored settings, emulation or messages of other tests."""
    first = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    for log in ("browser", "performance"):
        chromium.get_log(log)
    yield chromium
    chromium.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "local_storage"}
    )
    chromium.close()
    chromium.switch_to.window(first)
