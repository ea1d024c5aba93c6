"""Simulated datasets, scores and checks for tests of models, benchmarks and file readers.

Nothing here needs pytest, and no other part of neuroalign imports it.
"""

from neuroalign.testing.benchmark_checks import BENCHMARK_CHECKS, check_benchmark
from neuroalign.testing.checking import CheckError
from neuroalign.testing.datasets import make_dataset
from neuroalign.testing.model_checks import MODEL_CHECKS, check_model
from neuroalign.testing.reader_checks import READER_CHECKS, check_reader
from neuroalign.testing.scores import make_score
from neuroalign.testing.time_course import make_time_course

__all__ = [
    "BENCHMARK_CHECKS",
    "MODEL_CHECKS",
    "READER_CHECKS",
    "CheckError",
    "check_benchmark",
    "check_model",
    "check_reader",
    "make_dataset",
    "make_score",
    "make_time_course",
]
