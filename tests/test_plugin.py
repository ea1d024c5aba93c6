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
    "painters": ["score", "plugin_painters", DATASET, "-b", BY, "--each"],
    "bound": ["score", "plugin_bound", DATASET, "-b", BY],
    "comparison": ["compare", "plugin_brightness", "plugin_filters", DATASET, "-b", BY],
    "bounded": [
        *("compare", "plugin_painters", "plugin_filters", DATASET, "-b", BY),
        *("--neurons", "50", "--ceiling", "plugin_bound"),
    ],
    "figures": [
        *("figures", DATASET, "-b", BY, "-m", "plugin_painters", "-m", "plugin_bound"),
        *("--ceiling", "plugin_bound", "-o", "FIGURES"),
    ],
    "table": ["leaderboard", DATASET, "-b", BY],
    "latex": ["leaderboard", DATASET, "-b", BY, "--format", "latex", "--full"],
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
def figures(tmp_path_factory) -> Path:
    """The folder of the figures."""
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def finished(installed_plugin, site, figures, tmp_path_factory) -> dict[str, Finished]:
    """All command lines, run in a process that sees the plug-in, in their order."""
    study = tmp_path_factory.mktemp("study") / "plugins.toml"
    study.write_text(STUDY, encoding="utf-8")
    paths = {"STUDY": str(study), "SITE": str(site), "FIGURES": str(figures)}
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
    document = json.loads(finished["score"].stdout)
    assert document["scores"][0]["value"] == pytest.approx(1.0, abs=1e-3)
    assert document["scores"][0]["benchmark"] == BY


def test_options_reach_a_plugin(finished):
    # The name of the benchmark takes two lines.
    assert re.search(r"\nplugin best +0\.\d{3} .*\n  correlation\n", finished["options"].stdout)
    assert finished["misspelt"].returncode == 2
    assert "did you mean absolute?" in finished["misspelt"].stderr


def test_every_other_command_succeeds(finished):
    assert {name: run.stderr for name, run in finished.items() if run.returncode and name != "misspelt"} == {}


def test_tables_of_scores_have_the_symbol_and_the_numbers(finished):
    text = finished["painters"].stdout
    assert f"plugin_painters, 3 instances, on {DATASET} (recorded neurons)\n" in text
    assert "\nplugin_best_correlation (± is the standard error over neurons)\n" in text
    assert re.search(r"worst *\n.* best r +neuron\n", text)


def test_broken_plugin_is_skipped_and_named(finished):
    assert "plugin_brightness  " in finished["models"].stdout
    assert "plugin_broken" not in finished["models"].stdout
    assert finished["models"].stderr.count("skipped: the model 'plugin_broken'") == 1


def test_a_benchmark_of_a_plugin_is_listed(finished):
    assert f"{BY}  " in finished["benchmarks"].stdout
    assert "Mean over neurons of the best unit's correlation" in finished["benchmarks"].stdout


def test_a_study_estimates_the_time_that_a_plugin_declares(finished):
    """Three scores of 40 × 12 of 2,100 × 159 values, at 7,200 s for all of them: 31 seconds, and the latents."""
    row = next(line for line in finished["duration"].stdout.splitlines() if "score plugin_filters" in line)
    assert re.match(r"\s*~?31 s\b", row), row


def test_a_plugin_has_a_ceiling(finished):
    shown = finished["comparison"]
    assert "Does it meet the ceiling?" in shown.stdout
    assert re.search(r"^ceiling +neuron_subset ", shown.stdout, flags=re.MULTILINE)


def test_a_plugin_provides_the_ceiling(finished):
    assert re.search(r"^ceiling +plugin_bound ", finished["bounded"].stdout, flags=re.MULTILINE)
    # A ceiling of a plug-in must be named.
    assert "plugin_bound" not in finished["comparison"].stdout


def test_a_plugin_has_a_leaderboard_with_its_numbers(finished):
    shown = finished["table"]
    rows = re.findall(r"^plugin_(\w+) +(\d) ", shown.stdout, flags=re.MULTILINE)
    assert rows[:4] == [("brightness", "1"), ("bound", "3"), ("painters", "3"), ("filters", "4")]
    assert r"plugin\_bound & 3" in finished["latex"].stdout
    # The heading of the declared number, over two lines.
    assert re.search(r"worst *\n.*neuron", shown.stdout)


def test_a_plugin_is_compared_over_neurons(finished):
    text = " ".join(finished["comparison"].stdout.split())
    assert "plugin_brightness scores higher than plugin_filters by" in text
    assert "best r" in text
    # A single model against a family of four seeds: tested over the neurons, which the benchmark can draw.
    assert re.search(r"^neurons +12 ", finished["comparison"].stdout, flags=re.MULTILINE)


def test_a_plugin_has_pages(finished, site):
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "correlation of the worst neuron" in index
    names = {path.name.rpartition("-")[0] for path in (site / "families").iterdir()}
    assert {"plugin-painters", "plugin-bound", "plugin-filters"} <= names
    models = [path.read_text(encoding="utf-8") for path in (site / "models").iterdir()]
    assert len([page for page in models if "correlation of the worst neuron" in page]) >= 5


def test_figures_are_drawn_from_the_declared_arrays(finished, figures):
    assert finished["figures"].stderr == ""
    assert {path.stem for path in figures.iterdir()} == {
        f"scores_{BY}",
        f"neurons_{BY}",
        *(
            f"{kind}_{family}"
            for kind in ("udr", "units_by_neurons", "traversals")
            for family in ("plugin_painters", "plugin_bound")
        ),
        "decoded_faces",
    }
    # The family that is named as the ceiling is drawn as a bound, not as a row.
    assert (figures / f"scores_{BY}.svg").read_text(encoding="utf-8").count("plugin_bound") == 1


def test_the_plugin_passes_the_checks_of_its_authors(installed_plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(installed_plugin))
    plugin = importlib.import_module("neuroalign_example_plugin")
    check_benchmark(plugin.BestCorrelation(absolute=False))
    check_model(plugin.Filters())
    check_model(plugin.Painters())
    check_model(plugin.brightness())
