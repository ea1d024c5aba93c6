"""A third party's package, installed as its users would install it."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from neuroalign.testing import check_benchmark, check_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed_plugin(tmp_path_factory) -> Path:
    """The example package with its entry points, installed into a folder of its own."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed; the extra 'test' brings it")
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    for path in (Path(__file__).parent / "plugin").rglob("*"):
        if path.suffix in (".py", ".toml"):
            copy = source / path.relative_to(Path(__file__).parent / "plugin")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(target),
        str(source),
    ]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


#: Runs command lines in one process, and prints their exit codes, output and messages as JSON.
RUN = """
import contextlib, io, json, sys
from neuroalign.cli import run

results = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    results.append([code, out.getvalue(), err.getvalue()])
json.dump(results, sys.stdout)
"""
BY = "plugin_best_correlation"
DATASET = "plugin_population"
STUDY = """
name = "plugins"
title = "A study of plug-ins"
dataset = "plugin_population"
grids = ["small"]
variance_explained = "best"
[families.plugin_filters.grids.small]
options = { seed = [0, 1, 2] }
[scorings.best]
benchmark = "plugin_best_correlation"
[[claims]]
name = "filters are best"
kind = "best"
statement = "Filters correlate best."
test = { scoring = "best", subject = "plugin_filters" }
"""
COMMANDS = {
    "models": ["list", "models"],
    "benchmarks": ["list", "benchmarks"],
    # Before any score: measured durations replace the declared one.
    "duration": ["reproduce", "STUDY", "--dry-run"],
    "score": ["score", "plugin_brightness", "plugin_recording", "--benchmark", BY, "--json"],
    "options": ["score", "plugin_brightness[power=2]", "plugin_recording", "-b", f"{BY}[absolute=false]"],
    "misspelt": ["score", "plugin_brightness", "plugin_recording", "-b", f"{BY}[absolut=false]"],
    "family": ["score", "plugin_filters", DATASET, "-b", BY],
    "model": ["score", "plugin_brightness", DATASET, "-b", BY],
    "comparison": ["compare", "plugin_brightness", "plugin_filters", DATASET, "-b", BY],
    "table": ["leaderboard", DATASET, "-b", BY],
    "pages": ["leaderboard", DATASET, "-b", BY, "--html", "SITE"],
}


@dataclass(frozen=True)
class Finished:
    """A finished command line."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the pages of the leaderboard."""
    return tmp_path_factory.mktemp("pages") / "site"


@pytest.fixture(scope="module")
def finished(installed_plugin, site, tmp_path_factory) -> dict[str, Finished]:
    """All command lines, run in a process that sees the plug-in, in their order."""
    study = tmp_path_factory.mktemp("study") / "plugins.toml"
    study.write_text(STUDY, encoding="utf-8")
    paths = {"STUDY": str(study), "SITE": str(site)}
    commands = [[paths.get(word, word) for word in command] for command in COMMANDS.values()]
    home = str(tmp_path_factory.mktemp("home"))
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(installed_plugin), "NEUROALIGN_HOME": home},
        cwd=installed_plugin,
    )
    assert done.returncode == 0, done.stderr
    return {name: Finished(*result) for name, result in zip(COMMANDS, json.loads(done.stdout), strict=True)}


def test_scores_with_a_plugin(finished):
    assert finished["score"].returncode == 0, finished["score"].stderr
    document = json.loads(finished["score"].stdout)
    assert document["scores"][0]["value"] == pytest.approx(1.0, abs=1e-3)
    assert document["scores"][0]["benchmark"] == BY


def test_options_reach_a_plugin(finished):
    assert finished["options"].returncode == 0, finished["options"].stderr
    assert BY in finished["options"].stdout
    assert finished["misspelt"].returncode == 2
    assert "did you mean absolute?" in finished["misspelt"].stderr


def test_broken_plugin_is_skipped_and_named(finished):
    assert finished["models"].returncode == 0
    assert "plugin_brightness  " in finished["models"].stdout
    assert "plugin_broken" not in finished["models"].stdout
    assert finished["models"].stderr.count("skipped: the model 'plugin_broken'") == 1


def test_a_benchmark_of_a_plugin_is_listed(finished):
    assert f"{BY}  " in finished["benchmarks"].stdout
    assert "Mean over neurons of the best unit's correlation" in finished["benchmarks"].stdout


def test_a_study_estimates_the_time_that_a_plugin_declares(finished):
    """Three scores of 40 × 12 of 2,100 × 159 values, at 7,200 s for all of them: 31 seconds, and the latents."""
    assert finished["duration"].returncode == 0, finished["duration"].stderr
    row = next(line for line in finished["duration"].stdout.splitlines() if "score plugin_filters" in line)
    assert re.match(r"\s*~?31 s\b", row), row


def test_a_plugin_has_a_ceiling(finished):
    shown = finished["comparison"]
    assert shown.returncode == 0, shown.stderr
    assert "Does it meet the ceiling?" in shown.stdout
    assert re.search(r"^ceiling +neuron_subset ", shown.stdout, flags=re.MULTILINE)


def test_a_plugin_has_a_leaderboard_with_its_numbers(finished):
    shown = finished["table"]
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^plugin_filters +4 ", shown.stdout, flags=re.MULTILINE)
    assert re.search(r"^plugin_brightness +1 ", shown.stdout, flags=re.MULTILINE)
    # The heading of the declared number, over two lines.
    assert re.search(r"worst *\n.*neuron", shown.stdout)


def test_a_plugin_is_compared_over_neurons(finished):
    text = " ".join(finished["comparison"].stdout.split())
    assert "plugin_brightness scores higher than plugin_filters by" in text
    assert "best r" in text
    # A single model against a family of four seeds: tested over the neurons, which the benchmark can draw.
    assert re.search(r"^neurons +12 ", finished["comparison"].stdout, flags=re.MULTILINE)


def test_a_plugin_has_pages(finished, site):
    assert finished["pages"].returncode == 0, finished["pages"].stderr
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "plugin_brightness" in index
    models = [path.read_text(encoding="utf-8") for path in (site / "models").iterdir()]
    assert len([page for page in models if "correlation of the worst neuron" in page]) >= 5


def test_the_plugin_passes_the_checks_of_its_authors(installed_plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(installed_plugin))
    plugin = importlib.import_module("neuroalign_example_plugin")
    check_benchmark(plugin.BestCorrelation(absolute=False))
    check_model(plugin.Filters())
    check_model(plugin.brightness())
