"""Overhead of a job on a cluster of Dask: two workers of one thread on this machine, jobs that do almost nothing.

Run ``python tests/performance/bench_cluster.py [N_JOBS]``. The client and the scheduler share one process here, so the
processor time of this process is the time that jobs take one after the other, however many workers there are. The
processor time of the workers beyond the work itself is the time that each job adds on its worker.
"""

import os
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import joblib  # noqa: E402


def main(n_jobs: int) -> None:
    """Measure jobs without work, and small scores."""
    from distributed import LocalCluster

    import neuroalign as na
    from neuroalign.jobs import cluster, current_cluster, run_jobs
    from neuroalign.models.model import FixedFamily
    from neuroalign.scoring.evaluate import score_all
    from neuroalign.testing import make_dataset

    # The size of a recording of the paper: 2,100 stimuli and 159 neurons.
    dataset = make_dataset("bench", n_stimuli=2100, n_neurons=159, n_repetitions=1, image_size=8)
    family = FixedFamily("bench", [na.load_model(f"pca[n={n}]") for n in range(1, 41)])
    benchmarks = ["linear[n_permutations=0]"]

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as local,
        cluster("dask", local.scheduler_address),
    ):
        joined = current_cluster()
        assert joined is not None

        def workers() -> float:
            return float(sum(joined.ask_workers(time.process_time).values()))

        def measure(name, n, work) -> None:
            began, here, there = time.perf_counter(), time.process_time(), workers()
            work()
            passed = time.perf_counter() - began
            here, there = time.process_time() - here, workers() - there
            print(
                f"{name}: {n} jobs in {passed:.2f} s; per job {1000 * here / n:.2f} ms of processor time in the "
                f"client and the scheduler, {1000 * there / n:.2f} ms in the workers",
                flush=True,
            )

        noop = [joblib.delayed(pow)(n, 2) for n in range(n_jobs)]
        run_jobs(noop[:20], n_jobs=1, description="")  # imports, connections
        for _ in range(3):
            measure("no work", n_jobs, lambda: run_jobs(noop, n_jobs=1, description=""))
        shared = [joblib.delayed(len)([dataset, n]) for n in range(n_jobs)]
        for _ in range(3):
            measure("a dataset", n_jobs, lambda: run_jobs(shared, n_jobs=1, description=""))
        score_all(family, dataset, benchmarks)
        for _ in range(3):
            measure("stored scores", 40, lambda: score_all(family, dataset, benchmarks))
    began = time.process_time()
    for _ in range(3):
        score_all(family, dataset, benchmarks)
    print(
        f"stored scores in this process: {1000 * (time.process_time() - began) / 120:.2f} ms of processor time each"
    )
    print(f"the recording has {dataset.recording.nbytes / 1e6:.1f} MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEUROALIGN_HOME"] = folder
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
