"""Checks that every benchmark must pass."""

from collections.abc import Callable, Iterable

from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import Model
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.testing.checking import copy_of, run_checks
from neuroalign.testing.datasets import make_dataset
from neuroalign.testing.fault_checks import (
    few_stimuli_are_an_error_or_a_score,
    missing_latents_are_an_error,
    nan_is_an_error,
    neurons_without_variance_are_an_error,
    one_stimulus_is_an_error,
    units_without_variance_are_no_crash,
)
from neuroalign.testing.invariance_checks import INVARIANCE_CHECKS
from neuroalign.testing.score_checks import (
    alone_is_the_same_score,
    arrays_are_labelled,
    input_is_not_changed,
    numbers_are_declared,
    numbers_follow_from_arrays,
    options_are_checked,
    order_of_stimuli_does_not_matter,
    record_survives_the_store,
    resampled_statistics_agree,
    score_is_deterministic,
    score_is_labelled,
)
from neuroalign.testing.units import example_model

#: Checks of a benchmark, each a function of the benchmark, a model and a dataset; :func:`check_benchmark` runs all
#: of them.
BENCHMARK_CHECKS = (
    score_is_labelled,
    options_are_checked,
    score_is_deterministic,
    order_of_stimuli_does_not_matter,
    input_is_not_changed,
    arrays_are_labelled,
    numbers_are_declared,
    resampled_statistics_agree,
    alone_is_the_same_score,
    numbers_follow_from_arrays,
    record_survives_the_store,
    missing_latents_are_an_error,
    nan_is_an_error,
    one_stimulus_is_an_error,
    few_stimuli_are_an_error_or_a_score,
    neurons_without_variance_are_an_error,
    units_without_variance_are_no_crash,
)


def check_benchmark(
    benchmark: str | Benchmark,
    *,
    dataset: Dataset | None = None,
    model: Model | None = None,
    only: Iterable[str] | None = None,
) -> None:
    """Check a benchmark, as a test of a plug-in.

    Parameters
    ----------
    benchmark : str or Benchmark
        A registered name, such as ``alignment[turns=0]``, or an object. Options that make it quick make the check
        quick: it computes about 20 scores.
    dataset : Dataset, optional
        By default a simulated one of 60 stimuli and 8 neurons.
    model : Model, optional
        By default five units, which mix the generative factors of the simulated dataset with noise, and one unit that
        is constant.
    only : iterable of str, optional
        Names of the checks to run, such as "nan_is_an_error"; all by default.

    Raises
    ------
    CheckError
        Naming each check that failed, the fault and its remedy. The checks are the functions in
        ``neuroalign.testing.BENCHMARK_CHECKS``, and one for each transformation that the benchmark declares in
        its class variable ``invariances``.
    NeuroalignError
        If the benchmark cannot be loaded.

    Examples
    --------
    >>> from neuroalign.testing import check_benchmark
    >>> check_benchmark("variance_explained[n_lambdas=10]")
    """
    loaded = load_benchmark(benchmark)
    used = make_dataset(n_stimuli=60, n_neurons=8, n_factors=3) if dataset is None else dataset
    units = example_model(used) if model is None else model
    checks = (*BENCHMARK_CHECKS, *_claimed_invariances(loaded))
    run_checks(f"check_benchmark({loaded.identifier})", checks, lambda: (loaded, units, copy_of(used)), only)


def _claimed_invariances(benchmark: Benchmark) -> list[Callable[[Benchmark, Model, Dataset], None]]:
    # The order of the stimuli must never matter, so it is a check of every benchmark.
    return [check for name, check in INVARIANCE_CHECKS.items() if name in benchmark.invariances]
