"""Tests of the registry of names."""

import inspect
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint

import pytest

import neuroalign as na
from neuroalign.errors import NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.names import registry
from neuroalign.names.registry import Registry


@pytest.fixture
def entry_points(monkeypatch):
    points: list[EntryPoint] = []
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point for point in points if point.group == group]
    )
    return points


def test_register_and_get():
    models = Registry("model", "test.models")

    @models.register("mine")
    def mine():
        return 1

    assert models.get("mine") is mine
    assert models.names() == ["mine"]
    assert "mine" in models


@pytest.mark.parametrize("kind", ["model", "dataset", "benchmark", "reader"])
def test_the_decorators_of_the_package_register_in_the_registries(kind):
    assert getattr(na, f"register_{kind}").__self__ is getattr(registry, f"{kind}s")


def test_unknown_name_suggests_the_nearest():
    models = Registry("model", "test.models")
    models.register("beta_vae")(object())
    with pytest.raises(UnknownNameError, match=r"^no model is called 'betavae'; did you mean beta_vae\?$"):
        models.get("betavae")
    with pytest.raises(UnknownNameError, match=r"^no model is called 'zzz'; there are: beta_vae$"):
        models.get("zzz")


def test_near_names_come_nearest_first():
    datasets = Registry("dataset", "test.datasets")
    for name in ("AM-faces", "AM-faces-sim", "AM-faces-sim-mixed"):
        datasets.register(name)(object())
    with pytest.raises(
        UnknownNameError, match=r"did you mean AM-faces-sim or AM-faces or AM-faces-sim-mixed\?$"
    ):
        datasets.get("am-face-sim")


def test_a_name_is_taken_once():
    models = Registry("model", "test.models")
    models.register("a")(1)
    with pytest.raises(UsageError, match="registered already"):
        models.register("a")(2)


def test_a_name_is_registered_for_the_time_of_a_block():
    models = Registry("model", "test.models")
    kept = models.register("kept")(object())
    with models.registered("mine", 1) as mine, models.registered("kept", kept):
        assert models.get("mine") == mine == 1
        with pytest.raises(UsageError, match="registered already"), models.registered("mine", 2):
            pass
        assert models.names() == ["kept", "mine"]
    assert models.names() == ["kept"]
    with pytest.raises(KeyError), models.registered("mine", 3):
        raise KeyError
    assert models.names() == ["kept"]


def test_an_object_in_place_of_a_plugin_is_forgotten(entry_points):
    entry_points.append(EntryPoint("number", "math:pi", "test.models"))
    models = Registry("model", "test.models")
    with models.registered("number", 3):
        assert models.get("number") == 3
    assert models.get("number") == pytest.approx(3.14159, abs=1e-5)


@pytest.mark.parametrize("name", ["", "a b", "a[1]", "a+b", "a,b", "a'b", 'a"b', "a=b"])
def test_names_that_a_spec_could_not_hold(name):
    with pytest.raises(UsageError, match=r"^the name of a model must be text without spaces, quotes and"):
        Registry("model", "test.models").register(name)


def test_broken_plugin_warns_once_and_is_skipped(entry_points):
    entry_points.append(EntryPoint("broken", "no_such_package_at_all:model", "test.models"))
    entry_points.append(EntryPoint("fine", "math:pi", "test.models"))
    models = Registry("model", "test.models")
    assert models.names() == ["broken", "fine"]
    with pytest.warns(
        NeuroalignWarning, match=r"skipped: the model 'broken' comes from 'no_such_package_at_all:model'"
    ):
        assert [name for name, _ in models.items()] == ["fine"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [name for name, _ in models.items()] == ["fine"]
    with pytest.raises(UsageError, match="fails to import: ModuleNotFoundError"):
        models.get("broken")


def test_installed_plugin_cannot_take_over_our_names(entry_points):
    entry_points.append(EntryPoint("pca", "math:pi", "test.models"))
    entry_points.append(EntryPoint("pca", "neuroalign.names.syntax:Spec", "test.models"))
    models = Registry("model", "test.models")
    with pytest.warns(NeuroalignWarning, match="two plug-ins register the model 'pca'"):
        assert models.get("pca").__name__ == "Spec"


def test_two_threads_that_look_first_see_all_plugins(monkeypatch):
    plugins = [EntryPoint(name, f"json:{name}", "group") for name in ("dump", "dumps", "load", "loads")]

    def slowly(group):
        for plugin in plugins:
            time.sleep(0.02)
            yield plugin

    monkeypatch.setattr("neuroalign.names.registry.entry_points", slowly)
    registry = Registry("function", "group")
    with ThreadPoolExecutor(2) as pool:
        futures = []
        for _ in range(2):
            futures.append(pool.submit(registry.names))
            time.sleep(0.03)
        assert [future.result() for future in futures] == [["dump", "dumps", "load", "loads"]] * 2


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (
            "models",
            "math:pi",
            "must be a model, a family without abstract methods, or a function that returns one of ",
        ),
        (
            "models",
            "neuroalign.models.model:ModelFamily",
            "must be a model, a family without abstract methods, or",
        ),
        (
            "benchmarks",
            "math:sqrt",
            "must be a class derived from neuroalign.Benchmark, got builtin_function_or_method",
        ),
        (
            "benchmarks",
            "neuroalign.scoring.benchmark:Benchmark",
            "must be a class derived from neuroalign.Benchmark",
        ),
        ("datasets", "math:pi", "must be a dataset, or a function that returns one, got float"),
        ("reducers", "math:pi", "must be a class or a function, got float"),
        ("adapters", "math:pi", "must be a function, got float"),
        ("readers", "math:pi", "must be a reader, or its class, got float"),
    ],
)
def test_an_object_of_another_kind_is_skipped_once(kind, value, message, entry_points, monkeypatch):
    group = getattr(registry, kind)
    monkeypatch.setattr(group, "_plugins", None)
    monkeypatch.setattr(group, "_objects", {})
    monkeypatch.setattr(group, "_broken", set())
    entry_points.append(EntryPoint("wrong", value, group.group))
    with pytest.warns(NeuroalignWarning) as caught:
        assert dict(group.items()) == {}
    assert len(caught) == 1
    assert str(caught[0].message).startswith(
        f"skipped: the {group.kind} 'wrong' comes from {value!r}, which {message}"
    )
    assert dict(group.items()) == {}
    with pytest.raises(UsageError):
        group.get("wrong")


def test_a_plugin_that_ends_the_program_is_skipped(entry_points, tmp_path, monkeypatch):
    (tmp_path / "plugin_that_exits.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    models = Registry("model", "test.models")
    entry_points.append(EntryPoint("exits", "plugin_that_exits:model", "test.models"))
    with pytest.warns(NeuroalignWarning) as caught:
        assert dict(models.items()) == {}
    assert [str(warning.message) for warning in caught] == [
        "skipped: the model 'exits' comes from 'plugin_that_exits:model', which fails to import: SystemExit: 0 "
        "(plugin_that_exits.py, line 2)"
    ]


@pytest.mark.parametrize("kind", ["models", "reducers", "datasets", "benchmarks"])
def test_docstrings_without_an_import_are_those_of_the_objects(kind, monkeypatch):
    group = getattr(registry, kind)
    expected = {name: inspect.getdoc(item) for name, item in group.items() if group.is_own(name)}
    monkeypatch.setattr(group, "_objects", {})
    monkeypatch.setattr(group, "get", lambda name: pytest.fail(f"{name} was imported"))
    # Names of other packages need an import.
    monkeypatch.setattr(group, "names", lambda: sorted(expected))
    assert len(expected) >= 3
    assert dict(group.docstrings()) == expected
