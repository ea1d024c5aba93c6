"""Examples in docstrings print the results that they show."""

import doctest
import importlib
import importlib.util
from pathlib import Path

import pytest

PACKAGES = ("neuroalign", "neuroalign.benchmarks", "neuroalign.model_zoo")


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


@pytest.mark.slow
@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_the_results_that_they_show(name):
    module = importlib.import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module, module=module) if test.examples]
    assert examples, "a prompt outside of any docstring"
    runner = doctest.DocTestRunner()
    for test in examples:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_the_examples_of_the_metrics_are_found():
    assert "neuroalign.metrics.axis_index" in modules_with_examples()
