"""A third party's package, installed as its users would install it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


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


@pytest.fixture
def run(installed_plugin):
    """Run the command line in a process that sees the plug-in."""

    def run_command(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "neuroalign", *args]
        environment = {**os.environ, "PYTHONPATH": str(installed_plugin)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=installed_plugin)

    return run_command


def test_scores_with_a_plugin(run):
    done = run(
        "score", "plugin_brightness", "plugin_recording", "--benchmark", "plugin_best_correlation", "--json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["scores"][0]["value"] == pytest.approx(1.0, abs=1e-3)
    assert document["scores"][0]["benchmark"] == "plugin_best_correlation"


def test_options_reach_a_plugin(run):
    done = run(
        "score",
        "plugin_brightness[power=2]",
        "plugin_recording",
        "-b",
        "plugin_best_correlation[absolute=false]",
    )
    assert done.returncode == 0, done.stderr
    assert "plugin_best_correlation" in done.stdout
    refused = run(
        "score", "plugin_brightness", "plugin_recording", "-b", "plugin_best_correlation[absolut=false]"
    )
    assert refused.returncode == 2
    assert "did you mean absolute?" in refused.stderr


def test_broken_plugin_is_skipped_and_named(run):
    done = run("list", "models")
    assert done.returncode == 0
    assert "plugin_brightness  " in done.stdout
    assert "plugin_broken" not in done.stdout
    assert done.stderr.count("skipped: the model 'plugin_broken'") == 1
