"""Extraction of the latents of images by a network, beside a bare loop of the network over decoded tensors.

    python tests/performance/bench_extraction.py [NETWORK ...]

The bare loop runs batches of the same number of images, decoded and preprocessed before the clock starts. Extraction
decodes JPEG files of 500 × 375 pixels, resamples and normalises them, runs the network and returns the latents. Wall
times mean something on an idle machine only; processor times count all threads.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.model_zoo.adapters.batch_sizes import for_cpu
from neuroalign.models.loading import load_model

NETWORKS = ("resnet50", "vit_small_patch16_224")
N_IMAGES = 480
N_ROUNDS = 2
SIZE = (500, 375)


def write_images(folder: Path) -> StimulusSet:
    """Write smooth random images as JPEG files."""
    generator = np.random.default_rng(0)
    paths = {}
    for number in range(N_IMAGES):
        small = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        paths[f"{number:03}"] = folder / f"{number:03}.jpg"
        Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(paths[f"{number:03}"], quality=90)
    return StimulusSet("images", pd.DataFrame(index=list(paths)), paths)


def timed(run):
    """Return the seconds that passed and the processor time of a run."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def main(names):
    """Print one row for each network and kind of run."""
    print("network, run: images/s, ratio; processor time an image in ms, ratio (medians)")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        stimuli = write_images(Path(folder))
        for name in names:
            model = load_model(f"timm:{name}[weights=random,device=cpu]")
            network = timm.create_model(name).eval()
            tensors = torch.cat(list(model.images.batches(stimuli, N_IMAGES, identifier=name)))
            size = for_cpu(tensors.shape[1:])

            def bare(network=network, tensors=tensors, size=size):
                return torch.cat([network(batch) for batch in tensors.split(size)])

            def extract(model=model):
                return model.latents(stimuli).values

            def load(model=model, size=size, name=name):
                for _ in model.images.batches(stimuli, size, identifier=name):
                    pass

            runs = {"bare loop": bare, "extraction": extract, "loading alone": load}
            network(tensors[:size])
            times = {kind: [] for kind in runs}
            for _ in range(N_ROUNDS):
                for kind, run in runs.items():
                    times[kind].append(timed(run))
            walls = {kind: median(wall for wall, _ in pairs) for kind, pairs in times.items()}
            processors = {kind: median(processor for _, processor in pairs) for kind, pairs in times.items()}
            for kind in runs:
                print(
                    f"{name}, {kind}: {N_IMAGES / walls[kind]:.1f}, {walls[kind] / walls['bare loop']:.3f}; "
                    f"{1000 * processors[kind] / N_IMAGES:.1f}, {processors[kind] / processors['bare loop']:.3f}"
                )


if __name__ == "__main__":
    main(sys.argv[1:] or NETWORKS)
