"""Time of the non-negative Lasso beside scikit-learn: ``python tests/performance/bench_sparse_encoding.py``.

2,100 stimuli and 50 units, 100 λ and 10 folds; processor time of one thread for each neuron. neuroalign fits 159
neurons, scikit-learn's ``LassoCV(positive=True)`` some of them, on the same grids and folds. Both are asked for
weights to about 1e-8: neuroalign's path is exact, and scikit-learn has tolerance 1e-10.
"""

import time
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LassoCV
from threadpoolctl import threadpool_limits

from neuroalign.metrics import lasso_cv, lasso_variance_explained
from neuroalign.metrics.inputs import standardise

N_STIMULI, N_UNITS, N_NEURONS, N_PEER = 2_100, 50, 159, 5
OPTIONS = {"positive": True, "rule": "min", "n_threads": 1}


def processor_time(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the smallest of several processor times, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Print a table of processor times."""
    rng = np.random.default_rng(0)
    for positive in (False, True):
        lasso_cv(*rng.standard_normal((2, 100, 4)), positive=positive)
    print("units | free Lasso | non-negative | predictions | scikit-learn | ratio | largest difference")
    for correlated in (0.0, 0.5):
        units = rng.standard_normal((N_STIMULI, N_UNITS))
        units = units @ (
            np.eye(N_UNITS) + correlated * rng.standard_normal((N_UNITS, N_UNITS)) / np.sqrt(N_UNITS)
        )
        weights = rng.standard_normal((N_UNITS, N_NEURONS)) * (rng.random((N_UNITS, N_NEURONS)) < 0.2)
        neurons = units @ weights + 3 * rng.standard_normal((N_STIMULI, N_NEURONS))
        units, neurons = standardise(units), standardise(neurons)
        free = processor_time(lambda units=units, neurons=neurons: lasso_cv(units, neurons, n_threads=1))
        exact = processor_time(lambda units=units, neurons=neurons: lasso_cv(units, neurons, **OPTIONS))
        predictions = processor_time(
            lambda units=units, neurons=neurons: lasso_variance_explained(units, neurons, **OPTIONS)
        )
        fit = lasso_cv(units, neurons, **OPTIONS)
        split = [(np.flatnonzero(fit.folds != fold), np.flatnonzero(fit.folds == fold)) for fold in range(10)]
        peers = [
            LassoCV(alphas=fit.lambdas[neuron], cv=split, positive=True, tol=1e-10, max_iter=10**5)
            for neuron in range(N_PEER)
        ]

        def fit_peers(units=units, neurons=neurons, peers=peers) -> None:
            with threadpool_limits(1):
                for neuron, peer in enumerate(peers):
                    peer.fit(units, neurons[:, neuron])

        peer_time = processor_time(fit_peers, 1) / N_PEER
        # scikit-learn does not standardise units within a fold, so only neurons with the same λ are compared.
        same = [neuron for neuron in range(N_PEER) if np.isclose(peers[neuron].alpha_, fit.lambda_[neuron])]
        difference = max(np.abs(peers[neuron].coef_ - fit.weights[:, neuron]).max() for neuron in same)
        kind = "correlated" if correlated else "independent"
        print(
            f"{kind:11} | {free / N_NEURONS * 1e3:.2f} ms | {exact / N_NEURONS * 1e3:.2f} ms | "
            f"{predictions / N_NEURONS * 1e3:.1f} ms | {peer_time * 1e3:.0f} ms | "
            f"{peer_time / exact * N_NEURONS:.0f} | {difference:.0e} ({len(same)} neurons)"
        )


if __name__ == "__main__":
    main()
