"""The tables of benchmarks in the documentation."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_tables_agree_with_the_declarations_of_the_benchmarks():
    spec = importlib.util.spec_from_file_location("benchmark_table", DOCS / "benchmark_table.py")
    benchmark_table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark_table)
    stored = (DOCS / "benchmark_table.md").read_text(encoding="utf-8")
    assert stored == benchmark_table.tables(), "run python docs/benchmark_table.py"
