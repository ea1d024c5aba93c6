"""Memory, disk and time of reducers: ``python tests/performance/bench_reducers.py [N_STIMULI N_UNITS [REDUCER...]]``.

A function makes units of products of two pixels. Each reducer runs in a process of its own with an empty home, which
reports its processor time, the largest part of physical memory that it had (``VmHWM`` of Linux, elsewhere
``ru_maxrss``) and the files that it wrote. Latents above 50 MB stay in a file.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REDUCERS = ("none", "srp[n=512]", "pca[n=50]", "pca[n=50,solver=incremental]", "subsample[n=512]")
SIDE = 24


def units_of(images: np.ndarray) -> np.ndarray:
    """Return products of two pixels, shape (n_images, n_units)."""
    n_units = int(os.environ["N_UNITS"])
    first, second = np.random.default_rng(0).integers(0, SIDE * SIDE, (2, n_units))
    flat = images.reshape(len(images), -1)
    return flat[:, first] * flat[:, second]


def stimuli(n: int) -> "object":
    """Return images that are mixtures of 100 patterns with falling strength, and noise."""
    from neuroalign.datasets.stimuli import StimulusSet

    rng = np.random.default_rng(1)
    patterns = rng.standard_normal((100, SIDE * SIDE)) / np.arange(1, 101)[:, np.newaxis]
    pixels = rng.standard_normal((n, 100)) @ patterns + 0.05 * rng.standard_normal((n, SIDE * SIDE))
    scaled = np.clip(128 + 40 * pixels, 0, 255).astype(np.uint8).reshape(n, SIDE, SIDE)
    return StimulusSet.from_arrays(scaled)


def peak_megabytes() -> float:
    """Return the peak of the physical memory of this process."""
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run(n_stimuli: int, reducer: str) -> None:
    """Reduce once and print the numbers."""
    import neuroalign as na
    from neuroalign.models.latents_cache import compute_latents
    from neuroalign.models.reductions import reductions_of
    from neuroalign.names.registry import reducers
    from neuroalign.names.syntax import parse_spec

    model = na.as_model(units_of, identifier="products", fingerprint="products-1", batch_size=64)
    if reducer != "none":
        spec = parse_spec(reducer)
        model = reducers.get(spec.name)(**spec.options)(model)
    images = stimuli(n_stimuli)
    before, started = peak_megabytes(), time.process_time()
    latents = compute_latents(model, images)
    seconds = time.process_time() - started
    files = sum(
        file.stat().st_size for file in Path(os.environ["NEUROALIGN_HOME"]).rglob("*") if file.is_file()
    )
    explained = [
        round(record.get("explained_variance", float("nan")), 6) for record in reductions_of(latents)
    ]
    print(
        f"{reducer:32} {latents.sizes['unit']:>7} units  peak {peak_megabytes():6.0f} MB (before {before:.0f})  "
        f"disk {files / 1e6:6.0f} MB  {seconds:6.1f} s of processor time  explained variance {explained}"
    )


def main() -> None:
    """Run each reducer in a process of its own."""
    if "N_UNITS" in os.environ and len(sys.argv) == 3:
        run(int(sys.argv[1]), sys.argv[2])
        return
    n_stimuli, n_units = (int(number) for number in (sys.argv[1:3] or (1000, 40_000)))
    print(f"{n_stimuli:,} stimuli × {n_units:,} units: {n_stimuli * n_units * 8 / 1e6:,.0f} MB")
    for reducer in sys.argv[3:] or REDUCERS:
        with tempfile.TemporaryDirectory() as home:
            environment = {
                "NEUROALIGN_LATENTS_MEMORY": "50",
                "NEUROALIGN_HOME": home,
                "N_UNITS": str(n_units),
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            }
            command = [sys.executable, __file__, str(n_stimuli), reducer]
            subprocess.run(command, env={**os.environ, **environment}, check=True)


if __name__ == "__main__":
    main()
