"""Time and peak memory of large scores: ``python tests/performance/bench_large_scores.py [BENCHMARK...]``.

20,000 stimuli × 1,000 units × 500 neurons, means over trials, 20 units of the model behind each neuron. Each benchmark
runs in a process of its own with one thread, which reports its processor time and the largest part of physical memory
that it had, with Python, the libraries and the arrays themselves. ``SIZE=4000,200,100`` in the environment changes the
numbers of stimuli, units and neurons.
"""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from bench_import_memory import peak_bytes

BENCHMARKS = ("correlation_ratio", "ridge[n_permutations=0]", "cka", "rsa", "alignment", "variance_explained")


def make_inputs(n_stimuli: int, n_units: int, n_neurons: int) -> tuple[object, object]:
    """Return a model of given latents, and a dataset of given responses."""
    import neuroalign as na
    from neuroalign import arrays
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.datasets.stimuli import StimulusSet

    rng = np.random.default_rng(0)
    ids = [f"s{number:05d}" for number in range(n_stimuli)]
    units = rng.standard_normal((n_stimuli, n_units))
    weights = np.zeros((n_units, n_neurons))
    for neuron in range(n_neurons):
        weights[rng.choice(n_units, 20, replace=False), neuron] = rng.standard_normal(20)
    responses = units @ weights
    responses += 4 * rng.standard_normal(responses.shape)
    recording = arrays.recording(
        responses, stimulus_id=ids, neuroid_id=[f"n{number}" for number in range(n_neurons)]
    )
    stimuli = StimulusSet("large", pd.DataFrame(index=pd.Index(ids, name="stimulus_id")), None)
    dataset = Dataset("large", recording, stimuli, averaged=True, simulated=True)
    model = na.as_model(arrays.latents(units, stimulus=ids), identifier="units")
    return model, dataset


def run(benchmark: str, size: tuple[int, int, int]) -> None:
    """Score once, and print a line of the table."""
    import neuroalign as na

    model, dataset = make_inputs(*size)
    before, begin = peak_bytes(), time.process_time()
    try:
        outcome = f"{na.score(model, dataset, benchmark, use_cache=False).value:.4f}"
    except na.NeuroalignError as error:
        outcome = str(error)
    seconds = time.process_time() - begin
    print(
        f"{benchmark:<28} {seconds:>8.1f} {before / 1e9:>9.2f} {peak_bytes() / 1e9:>9.2f}  {outcome}",
        flush=True,
    )


def main() -> None:
    """Print a table."""
    size = tuple(int(number) for number in os.environ.get("SIZE", "20000,1000,500").split(","))
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], size)
        return
    print(f"{'benchmark':<28} {'seconds':>8} {'inputs GB':>9} {'peak GB':>9}  score", flush=True)
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    for benchmark in sys.argv[1:] or BENCHMARKS:
        subprocess.run(
            [sys.executable, __file__, "--one", benchmark], env={**os.environ, **one_thread}, check=False
        )


if __name__ == "__main__":
    main()
