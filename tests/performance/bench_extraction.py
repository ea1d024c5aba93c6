"""Extraction of the latents of images by a network, beside a bare loop of the network over decoded tensors.

    python tests/performance/bench_extraction.py [--images N] [--rounds N] [--threads N] [NETWORK ...]

The bare loop runs batches of the same number of images, decoded and preprocessed before the clock starts. Extraction
decodes JPEG files of 500 × 375 pixels, resamples and normalises them, runs the network and returns the latents.
Extraction of half of the images, in the same round, gives the time for each further image: the checks before the first
batch take a time that does not depend on the number of images. The kinds of runs take turns in each round, so that
other work on the machine slows all of them. Wall times mean something on an idle machine only; processor times count
all threads.
"""

import argparse
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


def write_images(folder: Path, n_images: int = N_IMAGES) -> StimulusSet:
    """Write smooth random images as JPEG files."""
    generator = np.random.default_rng(0)
    paths = {}
    for number in range(n_images):
        small = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        paths[f"{number:04}"] = folder / f"{number:04}.jpg"
        Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(paths[f"{number:04}"], quality=90)
    return StimulusSet("images", pd.DataFrame(index=list(paths)), paths)


def timed(run):
    """Return the seconds that passed and the processor time of a run."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(name, stimuli, *, device="cpu", batch_size=None, n_rounds=N_ROUNDS, with_half=False):
    """Return medians of wall and processor time in seconds, for each kind of run of a network."""
    n_images = len(stimuli)
    model = load_model(f"timm:{name}[weights=random,device={device}]")
    network = timm.create_model(name).eval().to(device)
    tensors = torch.cat(list(model.images.batches(stimuli, n_images, identifier=name))).to(device)
    size = batch_size or for_cpu(tensors.shape[1:])

    def bare():
        # The copy to the host waits for the end.
        return torch.cat([network(batch) for batch in tensors.split(size)]).cpu()

    def extract():
        return model.latents(stimuli).values

    def extract_half():
        return model.latents(stimuli.select(stimuli.ids[: n_images // 2])).values

    def load():
        for _ in model.images.batches(stimuli, size, identifier=name):
            pass

    runs = {
        "bare loop": bare,
        "extraction": extract,
        "loading alone": load,
        **({"extraction of half": extract_half} if with_half else {}),
    }
    network(tensors[:size])
    times = {kind: [] for kind in runs}
    for _ in range(n_rounds):
        for kind, run in runs.items():
            times[kind].append(timed(run))
    return {
        kind: (median(wall for wall, _ in pairs), median(processor for _, processor in pairs))
        for kind, pairs in times.items()
    }


def main(names, n_images=N_IMAGES, n_rounds=N_ROUNDS):
    """Print one row for each network and kind of run."""
    print(f"{n_images} images, medians of {n_rounds} rounds, {torch.get_num_threads()} threads of torch")
    print("network, run: wall time an image in ms, ratio; processor time an image in ms, ratio")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        stimuli = write_images(Path(folder), n_images)
        for name in names:
            times = measure(name, stimuli, n_rounds=n_rounds, with_half=True)
            per_image = {
                kind: np.array(pair) / (n_images // 2 if kind == "extraction of half" else n_images)
                for kind, pair in times.items()
            }
            whole, half = np.array(times["extraction"]), np.array(times["extraction of half"])
            per_image["each further image"] = (whole - half) / (n_images - n_images // 2)
            for kind, (wall, processor) in per_image.items():
                ratios = (wall, processor) / per_image["bare loop"]
                print(
                    f"{name}, {kind}: {1000 * wall:.1f}, {ratios[0]:.3f}; {1000 * processor:.1f}, {ratios[1]:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--images", type=int, default=N_IMAGES)
    parser.add_argument("--rounds", type=int, default=N_ROUNDS)
    parser.add_argument("--threads", type=int, help="threads of torch; by default as many as torch takes")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    main(given.networks, given.images, given.rounds)
