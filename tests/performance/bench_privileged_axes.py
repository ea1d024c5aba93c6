"""Time of 199 rotations: ``python tests/performance/bench_privileged_axes.py [METRIC …]``.

2,100 stimuli × 50 units × 159 neurons that follow mixtures of twelve factors, as in the paper's recording. For each
score: seconds of all rotations in two threads, their processor time, and, for alignment, the processor time of a
rotation with and without the sums that rotations share.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from neuroalign.metrics import fold_labels, lasso_cv, privileged_axes
from neuroalign.metrics.lasso.rotated import rotated_lasso
from neuroalign.metrics.rotations import Rotations

N_STIMULI, N_UNITS, N_NEURONS, N_FACTORS, N_ROTATIONS = 2_100, 50, 159, 12, 199


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds and the processor time of a call."""
    started, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - started, time.process_time() - processor


def main() -> None:
    """Print a table of times."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((N_STIMULI, N_FACTORS))
    units = factors @ rng.standard_normal((N_FACTORS, N_UNITS)) + 0.5 * rng.standard_normal(
        (N_STIMULI, N_UNITS)
    )
    neurons = factors @ rng.standard_normal((N_FACTORS, N_NEURONS)) + 3 * rng.standard_normal(
        (N_STIMULI, N_NEURONS)
    )
    lasso_cv(*rng.standard_normal((2, 100, 4)))
    print(f"score | {N_ROTATIONS} rotations, two threads | processor time")
    for metric in sys.argv[1:] or ("semi", "one_to_one", "soft", "alignment"):
        # The first call loads the solver of the transport.
        privileged_axes(units[:100], neurons[:100], metric=metric, n_rotations=1)  # type: ignore[arg-type]
        wall, processor = seconds(
            lambda metric=metric: privileged_axes(
                units, neurons, metric=metric, n_rotations=N_ROTATIONS, n_threads=2
            )
        )
        print(f"{metric} | {wall:.1f} s | {processor:.1f} s", flush=True)
    folds, rotations = fold_labels(N_STIMULI, 10), Rotations(units)
    shared = rotated_lasso(rotations.coordinates, neurons, folds, n_threads=1)
    for name, fit in (
        ("shared sums", lambda: shared.fit(rotations.rows(0))),
        ("sums of rotated units", lambda: lasso_cv(rotations.rotated(0), neurons, folds=folds, n_threads=1)),
    ):
        print(
            f"a rotation of alignment, {name} | {min(seconds(fit)[1] for _ in range(5)):.3f} s of processor time"
        )


if __name__ == "__main__":
    main()
