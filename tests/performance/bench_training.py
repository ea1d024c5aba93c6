"""Images per second in training, side by side with a plain PyTorch loop of the same network.

Run with ``pytest tests/performance/bench_training.py -s`` on a quiet machine: about five minutes on two cores.
The network is the β-VAE of Higgins et al. (2020): 64 × 64 pixels, 50 latents, batches of 16.
"""

import json
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from neuroalign import load_dataset
from neuroalign.model_zoo.beta_vae import BetaVAERecipe

N_STEPS, N_WARM_UP, N_ROUNDS, BETA = 600, 20, 3, 4

#: Instances, and how the command is to train them.
OURS = {
    "one instance, on one core": (1, []),
    "two instances in two processes": (2, ["--jobs", "2"]),
    "one instance, convolutions in bfloat16": (1, ["--set", "precision=bfloat16"]),
    "two instances in two processes, convolutions in bfloat16": (
        2,
        ["--jobs", "2", "--set", "precision=bfloat16"],
    ),
    "eight instances as two batched networks in two processes": (8, ["--together", "4", "--jobs", "2"]),
}


class PlainVAE(nn.Module):
    """The same network, as one would write it down."""

    def __init__(self, n_latents=50):
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 32, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(64, 64, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 2 * n_latents)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(n_latents, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU()),
            nn.Unflatten(1, (64, 4, 4)),
            *(nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 32, 4, stride=2, padding=1), nn.ReLU()),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        latents = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(latents), mean, log_variance


def plain_loop(device="cpu", n_steps=N_STEPS):
    """Return images per second of a plain loop, with torch's default settings and number of threads."""
    pixels = torch.from_numpy(load_dataset("AM-faces-sim").stimuli.training().pixels(64))[:, None]
    loader = DataLoader(TensorDataset(pixels), batch_size=16, shuffle=True, drop_last=True)
    network = PlainVAE().to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    step, started = 0, 0.0
    while True:
        for (batch,) in loader:
            if step in (N_WARM_UP, N_WARM_UP + n_steps):
                if device == "cuda":
                    torch.cuda.synchronize()
                if step > N_WARM_UP:
                    return n_steps * 16 / (time.perf_counter() - started)
                started = time.perf_counter()
            images = batch.to(device)
            logits, mean, log_variance = network(images)
            likelihood = -binary_cross_entropy_with_logits(logits, images, reduction="sum")
            kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
            optimiser.zero_grad()
            ((BETA * kl - likelihood) / len(images)).backward()
            optimiser.step()
            step += 1


def run_plain():
    result = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    return float(result.stdout)


def run_ours(n_instances, options, folder):
    """Return images per second of the command, of all its instances."""
    command = [sys.executable, "-m", "neuroalign", "train", "beta_vae", "AM-faces-sim", "--json"]
    recipe = ["--set", f"beta={BETA}", "--steps", str(N_STEPS), "--batch-size", "16"]
    seeds = ["--learning-rate", "1e-4", "--seeds", str(n_instances), "--device", "cpu"]
    where = ["--output", str(folder)]
    result = subprocess.run(
        [*command, *recipe, *seeds, *options, *where], capture_output=True, text=True, check=True
    )
    return sum(instance["images_per_second"] for instance in json.loads(result.stdout)["instances"])


def test_images_per_second(tmp_path):
    n_parameters = sum(weights.numel() for weights in PlainVAE().parameters())
    assert n_parameters == sum(weights.numel() for weights in BetaVAERecipe().network(1).parameters())
    rates = {"plain": []} | {name: [] for name in OURS}
    # In turn, so that other work on the machine slows all of them equally.
    for number in range(N_ROUNDS):
        rates["plain"].append(run_plain())
        for index, (name, (n_instances, options)) in enumerate(OURS.items()):
            rates[name].append(run_ours(n_instances, options, tmp_path / f"{number}-{index}"))
    plain = np.median(rates["plain"])
    print(f"\n{'images/s':>9} {'ratio':>6}  (median of {N_ROUNDS}; range)")
    for name, values in rates.items():
        middle = np.median(values)
        print(f"{middle:9.0f} {middle / plain:6.2f}  ({min(values):.0f} to {max(values):.0f})  {name}")


if __name__ == "__main__":
    print(plain_loop())
