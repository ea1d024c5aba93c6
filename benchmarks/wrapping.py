"""Benchmarks of benchmarks: what they have in common."""

from dataclasses import dataclass
from typing import Any

from neuroalign.names.syntax import format_spec
from neuroalign.scoring.benchmark import Benchmark, load_benchmark


@dataclass(frozen=True)
class WrappingBenchmark(Benchmark):
    """A benchmark that scores by another one.

    Parameters
    ----------
    benchmark : str or Benchmark
        The other one.
    """

    benchmark: str | Benchmark = "alignment"

    @property
    def wrapped(self) -> Benchmark:
        """The other benchmark."""
        return load_benchmark(self.benchmark)

    def options(self) -> dict[str, Any]:
        """Return the options, the wrapped benchmark written out in full, and its version."""
        # A new version of it gives other numbers here as well: they must not be taken for the same.
        return {
            **super().options(),
            "benchmark": format_spec(self.wrapped.identifier, self.wrapped.options()),
            "benchmark_version": self.wrapped.version,
        }
