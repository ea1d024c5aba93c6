"""Training and extraction on an NVIDIA GPU: rates, the same bytes after an interruption, and the tests of a GPU.

    python tests/performance/bench_gpu.py [--output FILE]        # planned for less than eight minutes on one H100
    python tests/performance/bench_gpu.py --device cpu --small   # runs through the code; its times mean nothing

The network is the β-VAE of Higgins et al. (2020): 64 × 64 pixels, 50 latents, batches of 16. Every rate is divided by
the rate of a plain PyTorch loop of one instance in the same run. The file is written after each part.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from bench_extraction import NETWORKS, measure, write_images
from bench_training import plain_loop
from safetensors.numpy import load

from neuroalign import load_dataset
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.images.draws import Noise
from neuroalign.model_zoo.training.loop import course, trainer
from neuroalign.model_zoo.training.loop.course import TrainingImages
from neuroalign.model_zoo.training.loop.devices import describe
from neuroalign.model_zoo.training.loop.graphs import Reruns
from neuroalign.model_zoo.training.loop.optimisation import Alone, Together
from neuroalign.model_zoo.training.loop.trainer import Interrupted, train_together

BATCH = 16
#: Images of the paper's 400 β-VAEs.
SWEEP = 400 * 1_000_000 * BATCH
#: Required ratios to the plain loop on one H100 or H200.
REQUIRED = {("float32", "several"): 25, ("tf32", "several"): 35, ("float32", "one"): 4}
TESTS = Path(__file__).parents[1]
#: Number of instances, and of steps for the measurement.
STEPS = {1: 4000, 40: 1200, 100: 500, 400: 150}
N_WARM_UP = 20


def recipes_of(n_instances, n_steps, precision):
    settings = {"batch_size": BATCH, "learning_rate": 1e-4, "steps": n_steps, "precision": precision}
    return [BetaVAERecipe(**settings, seed=seed) for seed in range(n_instances)]


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def made_by(alone=Alone, together=Together):
    """Let the trainer make its optimisations by other functions, and log as rarely as in the training of the paper."""
    with (
        patch.object(trainer, "Alone", alone),
        patch.object(trainer, "Together", together),
        patch.object(course, "LOG_ENTRIES", 1),
    ):
        yield


def rate_of(n_instances, n_steps, precision, images, device):
    """Return images per second of all instances, with all work of the trainer except checkpoints."""
    times = {}

    def report(recipe, step, _):
        if recipe.seed == 0 and step in (N_WARM_UP, n_steps - 1):
            wait(device)
            times[step] = time.perf_counter()

    recipes = recipes_of(n_instances, n_steps, precision)
    with tempfile.TemporaryDirectory() as folder:
        train_together(
            recipes, images, Path(folder), device=device, report=report, checkpoint_seconds=float("inf")
        )
    seconds = times[n_steps - 1] - times[N_WARM_UP]
    return (n_steps - 1 - N_WARM_UP) * BATCH * n_instances / seconds


def measure_training(images, device, small):
    """Return the rates of the plain loop, and rows with our rates."""
    plain = [plain_loop(device, 3 if small else 1500)]
    rows = []
    steps = {1: 24, 2: 23} if small else STEPS
    precisions = ("float32",) if small else ("float32", "tf32")
    variants = [(n, precision, "default") for n in steps for precision in precisions]
    if small:
        variants += [(2, "float32", "captured by reruns"), (1, "float32", "captured by reruns")]
    else:
        variants += [(100, precision, "grouped convolutions") for precision in precisions]
        variants += [(1, "float32", "one instance as a batched network")]
    makers = {
        "default": {},
        "captured by reruns": {
            "alone": partial(Alone, graphs=Reruns()),
            "together": partial(Together, graphs=Reruns(), products=True),
        },
        "grouped convolutions": {"together": partial(Together, products=False)},
        "one instance as a batched network": {"alone": Together},
    }
    for n_instances, precision, variant in variants:
        with made_by(**makers[variant]):
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            rate = rate_of(n_instances, steps[n_instances], precision, images, device)
            memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None
        rows.append(
            {
                "instances": n_instances,
                "precision": precision,
                "variant": variant,
                "rate": rate,
                "gib": memory,
            }
        )
        print(f"  {n_instances:4d} {precision:8} {variant:34} {rate:9.0f} images/s", flush=True)
    plain.append(plain_loop(device, 3 if small else 1500))
    middle = float(np.median(plain))
    for row in rows:
        row["ratio"] = row["rate"] / middle
        row["hours_of_the_sweep"] = SWEEP / row["rate"] / 3600
        required = REQUIRED.get((row["precision"], "one" if row["instances"] == 1 else "several"))
        row["required_ratio"] = required if row["variant"] == "default" else None
    return {"plain": plain, "rows": rows}


def interrupted(recipes, images, folder, device, steps):
    """Train with interruptions after steps, and return the outcomes."""
    for last in steps:
        stop = threading.Event()

        def report(_, step, __, last=last, stop=stop):
            if step == last:
                stop.set()

        try:
            train_together(recipes, images, folder, device=device, report=report, stop=stop)
        except Interrupted:
            continue
    return train_together(recipes, images, folder, device=device)


def compare_resumed(images, device, small):
    """Return, for each kind of run, whether bytes are the same, and the largest difference of a weight."""
    rows = []
    n_steps, stops = (12, (4, 9)) if small else (300, (70, 205))
    for precision in ("float32",) if small else ("float32", "tf32"):
        for n_instances in (1, 2) if small else (1, 8):
            recipes = recipes_of(n_instances, n_steps, precision)
            with tempfile.TemporaryDirectory() as scratch, made_by():
                folder = Path(scratch)
                whole, again = (
                    train_together(recipes, images, folder / name, device=device)
                    for name in ("whole", "again")
                )
                parts = interrupted(recipes, images, folder / "parts", device, stops)
                for kind, others in (("a second run", again), ("a resumed run", parts)):
                    weights = [
                        [load(outcome.trained.path.read_bytes()) for outcome in outcomes]
                        for outcomes in (whole, others)
                    ]
                    largest = max(
                        float(np.abs(one[name] - other[name]).max())
                        for one, other in zip(*weights, strict=True)
                        for name in one
                    )
                    rows.append(
                        {
                            "precision": precision,
                            "instances": n_instances,
                            "kind": kind,
                            "same_bytes": largest == 0.0,
                            "largest_difference": largest,
                        }
                    )
    return rows


def compare_noise(device):
    """Return whether noise on the device has the bits of noise on the CPU."""
    kinds = [Noise([0, 7, 2**70], (BATCH, 50), torch.device(name)) for name in ("cpu", device)]
    return all(torch.equal(*(noise.at([step] * 3).cpu() for noise in kinds)) for step in (0, 15, 16, 999_999))


def measure_extraction(device, small):
    """Return rates of the bare forward pass, of extraction and of loading."""
    n_images, rows = (8 if small else 1536), []
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        stimuli = write_images(Path(folder), n_images)
        for name in NETWORKS[:1] if small else NETWORKS:
            times = measure(
                name, stimuli, device=device, batch_size=4 if small else 128, n_rounds=1 if small else 2
            )
            rates = {kind: n_images / wall for kind, (wall, _) in times.items()}
            bound = min(rates["bare loop"], rates["loading alone"])
            rows.append({"network": name, "rates": rates, "ratio_to_bound": rates["extraction"] / bound})
    return rows


def run_tests():
    """Run the tests with the mark gpu, and the tests of training that failed on a GPU before."""
    commands = {
        "tests of a GPU": ["-m", "gpu", str(TESTS / "model_zoo")],
        "tests of groups": [str(TESTS / "model_zoo" / "test_trained_together.py")],
    }
    ends = {}
    for name, arguments in commands.items():
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n0",
            "--no-header",
            "-p",
            "no:cacheprovider",
            *arguments,
        ]
        result = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent)
        lines = result.stdout.strip().splitlines() or [result.stderr.strip()]
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        ends[name] = {"exit_code": result.returncode, "last_line": lines[-1], "failed": failed}
    return ends


def print_results(results):
    """Print the tables."""
    training = results.get("training")
    if training:
        print(
            f"\nplain loop of one instance: {', '.join(f'{rate:.0f}' for rate in training['plain'])} images/s"
        )
        print(
            f"{'instances':>9} {'precision':9} {'variant':34} {'images/s':>9} {'ratio':>6} {'needed':>6} {'h':>6} GiB"
        )
        for row in training["rows"]:
            needed = row["required_ratio"] or ""
            memory = "" if row["gib"] is None else f"{row['gib']:.1f}"
            print(
                f"{row['instances']:9d} {row['precision']:9} {row['variant']:34} {row['rate']:9.0f} "
                f"{row['ratio']:6.1f} {needed:>6} {row['hours_of_the_sweep']:6.1f} {memory}"
            )
        print("h: hours for the paper's 400 β-VAEs at this rate, computed")
    for row in results.get("resumed", []):
        same = (
            "the same bytes"
            if row["same_bytes"]
            else f"a largest difference of {row['largest_difference']:.2g}"
        )
        print(f"{row['kind']}, {row['instances']} instances, {row['precision']}: {same}")
    if "noise" in results:
        print(f"noise has the bits of the CPU: {results['noise']}")
    for row in results.get("extraction", []):
        rates = ", ".join(f"{kind} {rate:.0f}" for kind, rate in row["rates"].items())
        print(
            f"{row['network']}: {rates} images/s; extraction / lower of the others {row['ratio_to_bound']:.2f}"
        )
    for name, end in results.get("tests", {}).items():
        print(f"{name}: {end['last_line']}", *end["failed"], sep="\n  ")
    for name, reason in results["errors"].items():
        print(f"{name}: {reason}")


def main():
    """Measure all parts, print them, and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument(
        "--small", action="store_true", help="a few steps and images, to run through the code"
    )
    parser.add_argument("--output", type=Path, default=Path("bench_gpu.json"))
    parser.add_argument("--parts", default="training,resumed,noise,extraction,tests")
    arguments = parser.parse_args()
    device, small = arguments.device, arguments.small
    if device == "cuda" and not torch.cuda.is_available():
        print("torch finds no NVIDIA GPU here; --device cpu --small runs through the code")
        return
    pixels = load_dataset("AM-faces-sim").stimuli.training().pixels(64)
    images = TrainingImages("AM-faces-sim", "hash", pixels[:40] if small else pixels)
    parts = {
        "noise": partial(compare_noise, device),
        "resumed": partial(compare_resumed, images, device, small),
        "training": partial(measure_training, images, device, small),
        "extraction": partial(measure_extraction, device, small),
        "tests": run_tests,
    }
    results = {
        "machine": describe(torch.device(device)),
        "torch": torch.__version__,
        "small": small,
        "seconds": {},
        "errors": {},
    }
    for name, run in parts.items():
        if name not in arguments.parts.split(","):
            continue
        print(f"{name} …", flush=True)
        started = time.perf_counter()
        try:
            results[name] = run()
        except Exception as error:  # the other parts of a short loan of a GPU still count
            results["errors"][name] = f"{type(error).__name__}: {error}"
        results["seconds"][name] = round(time.perf_counter() - started, 1)
        arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print_results(results)
    print(
        f"{results['machine']}, torch {results['torch']}; seconds: {results['seconds']}; {arguments.output}"
    )


if __name__ == "__main__":
    main()
