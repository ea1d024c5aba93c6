"""Time of the axis index on top of alignment: ``python tests/performance/bench_axis_index.py``.

159 neurons × 2,100 stimuli that follow mixtures of the units; processor time of the Lasso alone, of the linear model of
the neurons and of the fits to the regenerated neurons (one without a turn and twenty turns).
"""

import time
from collections.abc import Callable

import numpy as np

from neuroalign.metrics import lasso_cv, turned_alignment, turned_tuning

N_STIMULI, N_NEURONS, N_TURNS = 2_100, 159, 20


def processor_time(function: Callable[[], object]) -> float:
    """Return the smallest of three processor times, in seconds."""
    times = []
    for _ in range(3):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Print a table of processor times."""
    rng = np.random.default_rng(0)
    lasso_cv(*rng.standard_normal((2, 100, 4)))
    print("units | Lasso | linear model | regenerated neurons | a turn | κ in all")
    for n_units in (7, 10, 30, 50):
        units = rng.standard_normal((N_STIMULI, n_units))
        neurons = units[:, :7] @ rng.standard_normal((7, N_NEURONS))
        neurons += 2 * rng.standard_normal(neurons.shape)
        model = turned_tuning(units, neurons)
        alone = processor_time(lambda units=units, neurons=neurons: lasso_cv(units, neurons))
        linear = processor_time(lambda units=units, neurons=neurons: turned_tuning(units, neurons))
        fits = processor_time(
            lambda units=units, model=model: turned_alignment(units, model, n_turns=N_TURNS)
        )
        turn = fits / (N_TURNS + 1)
        print(
            f"{n_units:5} | {alone:.2f} s | {linear:.2f} s | {fits:.2f} s | {turn:.3f} s | {linear + fits:.2f} s"
        )


if __name__ == "__main__":
    main()
