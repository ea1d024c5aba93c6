"""Time of ridge predictivity beside himalaya and scikit-learn: ``python tests/performance/bench_ridge.py``.

2,100 stimuli × 2,048 units × 159 neurons, ten folds. Processor time of all folds with a penalty for each neuron:

- ridge_predictivity with units as they are, as the other programs take them, and with standardised units;
- himalaya's ``KernelRidgeCV`` and ``RidgeCV`` with the same penalties and five inner folds;
- scikit-learn's ``RidgeCV`` with the same penalties, and with the 99 penalties of Brain-Score.

The other programs are timed on one of the ten folds, and the time is multiplied by ten. OMP_NUM_THREADS=1 makes
processor times independent of other work.
"""

import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import RidgeCV

from neuroalign.metrics import fold_labels, ridge_predictivity

N_STIMULI, N_UNITS, N_NEURONS, N_FOLDS = 2_100, 2_048, 159, 10
ALPHAS = N_UNITS * np.logspace(-4, 3, 15)
BRAIN_SCORE = [
    *[0.01, 0.1, 0.5, 1.0],
    *np.linspace(1e1, 1e2, 4, endpoint=False),
    *np.concatenate([np.linspace(10.0**k, 10.0 ** (k + 1), 18, endpoint=False) for k in (2, 3, 4, 5)]),
    *np.linspace(1e6, 1e7, 19),
]


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time and the elapsed time."""
    processor, elapsed = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - processor, time.perf_counter() - elapsed


def main() -> None:
    """Print a table of times."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    units = rng.standard_normal((N_STIMULI, 100)) @ rng.standard_normal((100, N_UNITS))
    units += rng.standard_normal(units.shape)
    neurons = units[:, :50] @ rng.standard_normal((50, N_NEURONS))
    neurons += 2 * neurons.std() * rng.standard_normal(neurons.shape)
    folds = fold_labels(N_STIMULI, N_FOLDS)
    seen, target = units[folds != 0], neurons[folds != 0]

    def predictivity(standardise: bool) -> Callable[[], object]:
        return lambda: ridge_predictivity(units, neurons, folds=folds, alphas=ALPHAS, standardise=standardise)

    def one_fold(make: Callable[[], RidgeCV]) -> Callable[[], object]:
        return lambda: make().fit(seen, target)

    programs = {
        "ridge_predictivity, units as they are": (predictivity(False), 1),
        "ridge_predictivity, standardised units": (predictivity(True), 1),
        "scikit-learn RidgeCV, alpha_per_target": (
            one_fold(lambda: RidgeCV(alphas=ALPHAS, alpha_per_target=True)),
            N_FOLDS,
        ),
        "scikit-learn RidgeCV, Brain-Score's 99 penalties": (
            one_fold(lambda: RidgeCV(alphas=BRAIN_SCORE, store_cv_results=True)),
            N_FOLDS,
        ),
    }
    try:
        from himalaya.kernel_ridge import KernelRidgeCV
        from himalaya.ridge import RidgeCV as HimalayaRidgeCV

        programs["himalaya KernelRidgeCV"] = (one_fold(lambda: KernelRidgeCV(alphas=ALPHAS)), N_FOLDS)
        programs["himalaya RidgeCV"] = (one_fold(lambda: HimalayaRidgeCV(alphas=ALPHAS)), N_FOLDS)
    except ImportError:
        print("himalaya is not installed")
    print("ten folds | processor time | elapsed")
    for name, (function, factor) in programs.items():
        processor, elapsed = seconds(function)
        print(f"{name} | {factor * processor:.1f} s | {factor * elapsed:.1f} s", flush=True)


if __name__ == "__main__":
    main()
