"""The scores side by side in the documentation."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("benchmark_numbers", DOCS / "benchmark_numbers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_has_the_stored_scores(script):
    assert (DOCS / "benchmark_numbers.md").read_text(encoding="utf-8") == script.tables()


def test_axis_index_of_alignment_tells_single_from_mixed_neurons():
    scores = pd.read_csv(DOCS / "benchmark_numbers.csv")
    index = scores[scores["benchmark"] == "alignment"].set_index("dataset")["axis_index"]
    assert index["AM-faces-sim"].min() > 0.1 > index["AM-faces-sim-mixed"].max() + 0.05
