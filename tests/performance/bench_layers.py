"""Memory and time of a sweep over all layers of a ResNet-50.

Run with ``python tests/performance/bench_layers.py [N_STIMULI [IMAGE_SIZE]]``: by default 2,000 images, which the
network sees at 224 pixels, random weights, the mean over positions, one thread. The latents go to a temporary folder.
"""

import os
import resource
import sys
import tempfile
import time

MOST_GIGABYTES = 4.0


def main(n_stimuli: int = 2_000, image_size: int = 224) -> None:
    """Read every layer, score four by ridge, and print the peak of the resident memory and the times."""
    import timm
    import torch

    from neuroalign import as_model
    from neuroalign.models.latents_cache import compute_latents
    from neuroalign.models.sweeps import load_layers
    from neuroalign.scoring.layers import score_layers
    from neuroalign.testing import make_dataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    dataset = make_dataset(n_stimuli=n_stimuli, n_neurons=20, image_size=32)
    network = as_model(timm.create_model("resnet50"), layer="*", pool="mean", image_size=image_size)
    before, started = _peak(), time.perf_counter()
    with load_layers(network, dataset) as sweep:
        selected = time.perf_counter() - started
        sweep.extract(dataset.stimuli)
        extracted = time.perf_counter() - started
        after_pass = _peak()
        for layer in sweep.layers:
            compute_latents(layer.model, dataset.stimuli)
        n_layers, n_units = len(sweep.layers), sum(layer.n_units for layer in sweep.layers)
    print(f"{n_layers} layers, {n_units:,} units, {n_stimuli:,} stimuli of {image_size} pixels")
    print(f"choice of the layers {selected:.1f} s, pass over the stimuli {extracted - selected:.1f} s")
    started = time.perf_counter()
    scores = score_layers(network, dataset, "ridge[n_permutations=0]", layers="layer?")
    print(f"ridge of four layers: {time.perf_counter() - started:.1f} s")
    print([f"{row.layer} {row.score.value:.3f}" for row in scores.rows if row.score is not None])
    print(
        f"peak memory before {before:.2f} GB, after the pass {after_pass:.2f} GB, at the end {_peak():.2f} GB"
    )
    assert _peak() < MOST_GIGABYTES


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NEUROALIGN_HOME"] = folder
        main(*map(int, sys.argv[1:]))
