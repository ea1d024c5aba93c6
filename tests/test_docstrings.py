"""Examples in docstrings print what they say."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "neuroalign.metrics.axis_index",
        "neuroalign.metrics.ridge",
        "neuroalign.metrics.turned_alignment",
        "neuroalign.metrics.turned_tuning",
    ],
)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module, module=module) if test.examples]
    runner = doctest.DocTestRunner()
    for test in examples:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
    assert bool(examples) is (name != "neuroalign.metrics.ridge")
