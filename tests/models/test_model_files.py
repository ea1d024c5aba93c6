"""Tests of models in Python files: modules beside them, dataclasses, paths, and code that prints or stops."""

import json
import sys

import joblib
import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import ModelError, NeuroalignError
from neuroalign.models.loading import as_model, load_model

BRIGHTNESS = "def m(pixels):\n    return pixels.reshape(len(pixels), -1)[:, :3] * FACTOR\n"


@pytest.fixture(autouse=True)
def _same_modules(monkeypatch):
    """Forget the modules and folders of model files after each test."""
    before = dict(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - set(before):
        if name in ("beside_model", "package_beside", "package_beside.inner"):
            del sys.modules[name]


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "mine.py"
    file.write_text(text)
    return f"{file}:m"


def first(name, dataset):
    """Return the first latent of a model over the first pixel of the first stimulus."""
    latents = load_model(name).latents(dataset.stimuli)
    return round(float(latents.values[0, 0] / dataset.stimuli.pixels()[0].ravel()[0]), 5)


def test_a_file_imports_the_modules_and_packages_beside_it(tmp_path, dataset):
    name = write(tmp_path, f"from beside_model import FACTOR\nimport package_beside.inner\n{BRIGHTNESS}")
    (tmp_path / "beside_model.py").write_text("FACTOR = 3\n")
    (tmp_path / "package_beside").mkdir()
    (tmp_path / "package_beside" / "__init__.py").write_text("")
    (tmp_path / "package_beside" / "inner.py").write_text("")
    assert first(name, dataset) == 3


def test_two_files_have_different_modules_of_one_name_beside_them(tmp_path, dataset):
    for folder, factor in (("a", 2), ("b", 5)):
        write(tmp_path / folder, f"from beside_model import FACTOR\n{BRIGHTNESS}")
        (tmp_path / folder / "beside_model.py").write_text(f"FACTOR = {factor}\n")
    assert [first(f"{tmp_path / folder / 'mine.py'}:m", dataset) for folder in "aba"] == [2, 5, 2]


def test_modules_beside_a_file_reach_other_processes(tmp_path, dataset):
    code = "class Model:\n    identifier = 'm'\n    def latents(self, stimuli):\n        return FACTOR\nFACTOR = 4\n"
    (tmp_path / "beside_model.py").write_text(code)
    model = load_model(write(tmp_path, "from beside_model import Model\nm = Model()\n"))
    sys.path.remove(str(tmp_path))
    calls = joblib.Parallel(n_jobs=2)(joblib.delayed(model.latents)(None) for _ in range(2))
    assert calls == [4, 4]


def test_a_file_has_dataclasses_and_the_name_of_a_loaded_module(tmp_path, dataset):
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass Config:\n    kind: ClassVar[str]\n    factor: int = 7\n"
        f"FACTOR = Config().factor\n{BRIGHTNESS}"
    )
    write(tmp_path, code)
    (tmp_path / "mine.py").rename(tmp_path / "json.py")
    assert first(f"{tmp_path / 'json.py'}:m", dataset) == 7
    assert sys.modules["json"] is json


@pytest.mark.parametrize("folder", ["a+b", "a[1]", "c: d", "run=3", "it's", "a+b.py:c"])
def test_paths_with_characters_of_names(folder, tmp_path, dataset):
    name = write(tmp_path / folder, f"FACTOR = 2\n{BRIGHTNESS}")
    assert first(name, dataset) == 2
    reduced = load_model(f"{name}+pca[n=2]")
    assert reduced.latents(dataset.stimuli).shape == (120, 2)


def test_drive_letters(tmp_path, dataset, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "C:", f"FACTOR = 2\n{BRIGHTNESS}")
    assert first("C:/mine.py:m", dataset) == 2
    with pytest.raises(ModelError, match=r"^the file C:/missing\.py does not exist"):
        load_model("C:/missing.py:m")
    with pytest.raises(ModelError, match=r"^say which model in C:/mine\.py: C:/mine\.py:NAME$"):
        load_model("C:/mine.py")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nsys.exit(0)\n", "{file} fails to run: SystemExit: 0"),
        ("raise RuntimeError('a\\nb')\n", "{file} fails to run: RuntimeError: a b"),
        ("raise GeneratorExit\n", "{file} fails to run: GeneratorExit: GeneratorExit"),
        (
            "import neuroalign\nclass m(neuroalign.ModelFamily):\n    identifier = 'f'\n"
            "    def grid(self, dataset=None):\n        raise RuntimeError('g')\n"
            "    def instance(self, dataset=None, **options): ...\n",
            "the family f cannot make its instances: RuntimeError: g (mine.py, line 5)",
        ),
        (
            "import neuroalign\nclass m(neuroalign.ModelFamily):\n    identifier = 'f'\n"
            "    def grid(self, dataset=None):\n        return [{}]\n"
            "    def instance(self, dataset=None, **options): ...\n",
            "each instance of f must be a model with identifier and latents(stimuli), got NoneType; correct the "
            "method instance() of the family",
        ),
        (
            "class Model:\n    @property\n    def identifier(self):\n        raise RuntimeError('id')\n"
            "    def latents(self, stimuli): ...\nm = Model()\n",
            "the identifier of Model cannot be read: RuntimeError: id (mine.py, line 4)",
        ),
        (
            "class Model:\n    identifier = None\n    def latents(self, stimuli): ...\nm = Model()\n",
            "the identifier of Model must be text, got None",
        ),
        (
            "import sys\ndef m(pixels):\n    sys.exit(0)\n",
            "no correlation_ratio for m: the latents of m cannot be computed: SystemExit: 0 (mine.py, line 3)",
        ),
    ],
)
def test_code_that_fails_is_one_line(code, message, tmp_path, dataset, capsys):
    name = write(tmp_path, code)
    write_folder(dataset, tmp_path / "toy")
    assert run(["score", name, str(tmp_path / "toy"), "-b", "correlation_ratio[turns=0]"]) in (1, 2)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1] == f"neuroalign: {message.format(file=tmp_path / 'mine.py')}"


def test_text_that_a_model_prints_stays_out_of_json(tmp_path, dataset, capsys, monkeypatch):
    code = BRIGHTNESS.replace("pixels):", "pixels):\n    print(1)")
    name = write(tmp_path, f"print('at import')\nFACTOR = 1\n{code}")
    write_folder(dataset, tmp_path / "toy")
    monkeypatch.chdir(tmp_path)
    assert run(["score", name, "toy", "-b", "correlation_ratio[turns=0]", "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["model"] == "m"
    assert output.err.startswith("at import\n1\n")


def test_a_model_may_change_the_current_folder(tmp_path, dataset, capsys, monkeypatch):
    name = write(tmp_path, f"import os\nFACTOR = 1\nos.chdir('/')\n{BRIGHTNESS}")
    write_folder(dataset, tmp_path / "toy")
    monkeypatch.chdir(tmp_path)
    assert run(["score", name, "toy", "-b", "correlation_ratio[turns=0]"]) == 0


def test_an_adapter_of_a_third_party_that_fails_is_skipped(dataset, recwarn, monkeypatch):
    from neuroalign.names.registry import adapters

    def fails(obj, **options):
        raise RuntimeError("no luck")

    monkeypatch.setattr(adapters, "is_installed", lambda name: name == "a_broken")
    with adapters.registered("a_broken", fails):
        model = as_model(lambda pixels: pixels.mean((1, 2)), identifier="m")
        as_model(lambda pixels: pixels.mean((1, 2)), identifier="m")
        monkeypatch.setattr(adapters, "_broken", set())
        monkeypatch.setattr(adapters, "is_installed", lambda name: False)
        with pytest.raises(NeuroalignError, match=r"^the adapter 'a_broken' fails on function: RuntimeError"):
            as_model(lambda pixels: pixels.mean((1, 2)), identifier="m")
    assert len(recwarn) == 1
    assert np.isfinite(model.latents(dataset.stimuli).values).all()


def test_text_in_a_file_is_not_a_model(tmp_path):
    (tmp_path / "x.py").write_text("m = 'pca[n=5]'")
    with pytest.raises(
        ModelError, match=r"^m in .*x\.py must be a model, got the text 'pca\[n=5\]'; name pca\[n=5\]"
    ):
        load_model(f"{tmp_path / 'x.py'}:m")
