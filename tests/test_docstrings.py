"""Examples in docstrings: every public function has one, and it prints the results that it shows."""

import doctest
import functools
import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import neuroalign as na

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("neuroalign", "neuroalign.benchmarks", "neuroalign.model_zoo")
#: Pages that list the public functions.
PAGES = ("api.md", "test_a_plugin.md")
_DIRECTIVE = re.compile(r"^\.\. auto(function|module):: ([\w.]+)\n((?:   .*\n)*)", re.MULTILINE)


@functools.cache
def public_functions():
    """Return the functions that the pages of the API list, by their full names."""
    functions = {}
    for page in PAGES:
        for kind, name, options in _DIRECTIVE.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
            module, _, function = name.rpartition(".")
            if kind == "function":
                functions[name] = getattr(importlib.import_module(module), function)
                continue
            owner = importlib.import_module(name)
            listed = re.search(r":members:((?:[^:]|\n)*)", options).group(1).replace(",", " ").split()
            for member in listed or owner.__all__:
                functions[f"{name}.{member}"] = getattr(owner, member)
    functions |= {f"neuroalign.{name}": getattr(na, name) for name in na.__all__}
    return {name: item for name, item in functions.items() if inspect.isfunction(item)}


def run_example(name, function):
    """Run the example of a function with the names that it imports itself, and return the number of faults."""
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(recurse=False).find(function, name, globs={}):
        runner.run(test)
    return runner.summarize(verbose=False).failed


def modules_with_examples():
    """Return the names of the modules of the package with a prompt in their source."""
    names = set()
    for package in PACKAGES:
        folder = Path(importlib.util.find_spec(package).origin).parent
        for path in folder.rglob("*.py"):
            if ">>> " in path.read_text(encoding="utf-8"):
                inside = path.relative_to(folder).with_suffix("").parts
                names.add(".".join([package, *(part for part in inside if part != "__init__")]))
    return sorted(names)


def test_every_public_function_has_an_example():
    functions = public_functions()
    assert len(functions) > 150
    assert [name for name, function in functions.items() if ">>> " not in (function.__doc__ or "")] == []


@pytest.mark.parametrize(
    "package", ["metrics", "stats", "comparison", ""], ids=["metrics", "stats", "comparison", "others"]
)
def test_examples_of_public_functions_run_as_they_are_printed(package):
    functions = public_functions()
    parts = ("metrics", "stats", "comparison")
    chosen = {
        name: function
        for name, function in functions.items()
        if (name.split(".")[1] == package if package else name.split(".")[1] not in parts)
    }
    assert chosen
    assert {name: run_example(name, function) for name, function in chosen.items()} == dict.fromkeys(
        chosen, 0
    )


def test_an_example_that_prints_something_else_is_noticed():
    def wrong():
        """Do something.

        >>> import numpy as np
        >>> np.add(1, 1) == 3
        True
        """

    assert run_example("wrong", wrong) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_the_results_that_they_show(name):
    module = importlib.import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module, module=module) if test.examples]
    assert examples, "a prompt outside of any docstring"
    public = {id(function) for function in public_functions().values()}
    runner = doctest.DocTestRunner()
    for test in examples:
        function = getattr(module, test.name.removeprefix(f"{name}."), None)
        if id(function) not in public:
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_the_examples_of_the_metrics_are_found():
    assert "neuroalign.metrics.axis_index" in modules_with_examples()
