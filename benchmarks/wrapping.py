"""Base class of benchmarks that score by another benchmark."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.names.syntax import format_spec
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.exchange import Exchange


@dataclass(frozen=True)
class WrappingBenchmark(Benchmark):
    """Benchmark that scores by another benchmark.

    Parameters
    ----------
    benchmark : str or Benchmark
        Other benchmark, by name or as an object.
    """

    benchmark: str | Benchmark = "alignment"

    @property
    def wrapped(self) -> Benchmark:
        """Other benchmark, loaded."""
        return load_benchmark(self.benchmark)

    def exchange(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> Exchange:
        """Return the shuffles of the wrapped benchmark."""
        return self.wrapped.exchange(dataset, stimuli)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Columns of the stimulus table that the wrapped benchmark reads."""
        return self.wrapped.columns_read

    def options(self) -> dict[str, Any]:
        """Return the options, with the full name of the wrapped benchmark and its version."""
        # A new version of the wrapped benchmark changes the scores of this benchmark, too.
        return {
            **super().options(),
            "benchmark": format_spec(self.wrapped.identifier, self.wrapped.options()),
            "benchmark_version": self.wrapped.version,
        }
