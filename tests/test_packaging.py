"""Tests of the wheel and of the editable install: both have the same modules and all the data."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "neuroalign": "neuroalign",
    "benchmarks": "neuroalign/benchmarks",
    "model_zoo": "neuroalign/model_zoo",
}
DATA = ("neuroalign/py.typed", "neuroalign/model_zoo/training/grids.toml")
SHIPPED_FOLDERS = (
    "neuroalign/datasets/simulation/bundled",
    "neuroalign/results/shipped",
    "model_zoo/weights",
)
MOST_BYTES = 40_000_000

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("the source tree is not here", allow_module_level=True)


def installed_name(path):
    """Where a file of the source tree lies in an installation."""
    top, *rest = path.relative_to(ROOT).parts
    return "/".join((FOLDERS[top], *rest))


def sources(pattern):
    return [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    ]


def shipped_data():
    return [path for folder in SHIPPED_FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_package_is_listed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {installed_name(path.parent).replace("/", ".") for path in sources("__init__.py")}
    assert packages == set(settings["tool"]["setuptools"]["packages"])
    stray = [path for path in sources("*.py") if not (path.parent / "__init__.py").is_file()]
    assert not stray, "modules outside any package would not be installed"


def test_every_entry_point_can_be_imported():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for group in settings["project"]["entry-points"].values():
        for value in group.values():
            module, _, attribute = value.partition(":")
            assert hasattr(importlib.import_module(module), attribute), value


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without the network from a copy, so that nothing of an earlier build gets in."""
    for needed in ("setuptools", "pip"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed; the extra 'test' brings it")
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "plugin", copy / "tests" / "plugin")
    built = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(built)]
    run(sys.executable, "-m", "pip", "wheel", *options, str(copy))
    (file,) = built.iterdir()
    return file


@pytest.fixture(scope="module")
def members(wheel):
    """The files in the wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_wheel_has_the_modules_and_nothing_else(members):
    expected = {installed_name(path): path.read_bytes() for path in sources("*.py")}
    assert {name: content for name, content in members.items() if name.endswith(".py")} == expected
    assert {name.split("/")[0] for name in members} == {"neuroalign", "neuroalign-0.1.0.dist-info"}
    unwanted = ("tests", "test_", "__pycache__", ".")
    parts = {part for name in members for part in name.split("/")}
    assert not {part for part in parts if part.startswith(unwanted) or part == "docs"}


@pytest.mark.slow
def test_wheel_has_the_data(members, wheel):
    assert set(DATA) <= set(members)
    for path in shipped_data():
        assert members[installed_name(path)] == path.read_bytes()
    assert wheel.stat().st_size < MOST_BYTES


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--no-index", "--quiet", "--no-compile", "--target", str(target)]
    run(sys.executable, "-m", "pip", "install", *options, str(wheel))
    return target


@pytest.mark.slow
def test_installed_wheel_works(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    code = (
        "import neuroalign, neuroalign.benchmarks.alignment, neuroalign.model_zoo.training.grids as grids\n"
        "print(neuroalign.__file__, neuroalign.benchmarks.__file__, neuroalign.model_zoo.__file__, sep='\\n')\n"
        "print(grids.load_grid('beta_vae', 'paper')[0]['seed'] is not None)\n"
    )
    *files, grid = run(sys.executable, "-c", code, env=environment, cwd=tmp_path).split()
    assert [Path(file) for file in files] == [
        installed / "neuroalign" / part / "__init__.py" for part in ("", "benchmarks", "model_zoo")
    ]
    assert grid == "True"
    command = [sys.executable, "-m", "neuroalign", "list", "benchmarks", "--json"]
    listed = json.loads(run(*command, env=environment, cwd=tmp_path))["benchmarks"]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = settings["project"]["entry-points"]["neuroalign.benchmarks"]
    assert [row["name"] for row in listed] == sorted(declared)
    assert "alignment" in declared


@pytest.mark.slow
def test_this_installation_has_the_same_modules(members):
    """Modules of this installation, editable or not, equal the modules in the wheel."""
    for name, content in members.items():
        if name.endswith(".py"):
            module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            spec = importlib.util.find_spec(module)
            assert spec is not None, module
            assert Path(spec.origin).read_bytes() == content, module


def test_python_in_a_checkout_finds_everything():
    # Without the path of this installation, Python imports the checkout itself.
    code = (
        "import neuroalign, neuroalign.benchmarks, neuroalign.model_zoo\n"
        "print(neuroalign.__file__, neuroalign.benchmarks.__file__, neuroalign.model_zoo.__file__, sep='\\n')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    files = run(sys.executable, "-c", code, cwd=ROOT, env=environment).splitlines()
    assert files == [
        str(ROOT / folder / "__init__.py") for folder in ("neuroalign", "benchmarks", "model_zoo")
    ]
