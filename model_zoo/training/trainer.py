"""Train one instance: from its recipe and the images to weights, a record and a log.

Importing this module imports torch.
"""

import platform
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from neuroalign.model_zoo.networks import ARCHITECTURE, VariationalAutoencoder, build
from neuroalign.model_zoo.training.checkpoints import read_state, restore, write_checkpoint
from neuroalign.model_zoo.training.objectives import (
    bernoulli_log_likelihood,
    beta_vae_objective,
    gaussian_kl,
)
from neuroalign.model_zoo.training.recipes import Recipe
from neuroalign.model_zoo.training.trained import Trained, stem, write_json, write_trained
from numpy.typing import NDArray
from torch import Tensor

from neuroalign.errors import ModelError, NeuroalignWarning

#: A unit is informative if its mean divergence from the prior is above this, in nats.
INFORMATIVE = 0.01
#: Seconds between checkpoints.
CHECKPOINT_SECONDS = 30.0

_LOG_ENTRIES = 200
_EVALUATION_BATCH = 64

#: Called after every step with the recipe, the number of steps done and, now and then, a log entry.
Report = Callable[[Recipe, int, Mapping[str, Any] | None], None]


@dataclass(frozen=True)
class TrainingImages:
    """The images that networks are trained on, in memory.

    Parameters
    ----------
    name : str
        Of the stimulus set.
    content_hash : str
        Of the training stimuli, see :attr:`neuroalign.stimuli.StimulusSet.content_hash`.
    pixels : array of float32 in [0, 1], shape (n, image_size, image_size)
    """

    name: str
    content_hash: str
    pixels: NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """How the training of one instance ended: with weights, or with the reason why not."""

    recipe: Recipe
    trained: Trained | None = None
    failure: str | None = None


class Interrupted(Exception):
    """Training was asked to stop; what it had reached is in the checkpoint."""


def checkpoint_path(folder: Path, recipe: Recipe) -> Path:
    """Return where the checkpoint of an unfinished instance is."""
    return folder / "checkpoints" / f"{stem(recipe)}.safetensors"


def log_path(folder: Path, recipe: Recipe) -> Path:
    """Return where the log of an instance is."""
    return folder / "logs" / f"{stem(recipe)}.json"


def train_instance(
    recipe: Recipe,
    images: TrainingImages,
    folder: Path,
    *,
    family: str = "beta_vae",
    report: Report | None = None,
    stop: threading.Event | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Outcome:
    """Train one instance, going on from its checkpoint if there is one.

    One thread computes, so the weights do not depend on the number of cores; they are the same to the
    last bit whether or not the run was interrupted.

    Parameters
    ----------
    recipe : Recipe
    images : TrainingImages
    folder : Path
        Receives the weights with their record, ``logs/`` and, until it is finished, ``checkpoints/``.
    family : str
    report : callable, optional
        See :data:`Report`.
    stop : threading.Event, optional
        When it is set, a checkpoint is written and training stops.
    checkpoint_seconds : float
        Time between checkpoints.

    Returns
    -------
    Outcome
        With the reason if the values ceased to be finite or the objective diverged.

    Raises
    ------
    Interrupted
        If `stop` was set.
    """
    with one_thread():
        run = _Run(recipe, images, folder, family)
        try:
            run.advance(report or (lambda *_: None), stop or threading.Event(), checkpoint_seconds)
        except _Diverged as reason:
            run.write_log(stopped=str(reason))
            return Outcome(recipe, failure=str(reason))
        return Outcome(recipe, trained=run.finish())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread in this thread of the program."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def batch_indices(seed: int, step: int, n_images: int, batch_size: int) -> NDArray[np.int64]:
    """Return which images make the batch of a step.

    Each pass through the images has an order of its own; a batch may lie across two passes.

    Parameters
    ----------
    seed, step, n_images, batch_size : int

    Returns
    -------
    array of shape (batch_size,), int64
    """
    positions = step * batch_size + np.arange(batch_size)
    turns, places = np.divmod(positions, n_images)
    indices = np.empty(batch_size, dtype=np.int64)
    for turn in np.unique(turns):
        indices[turns == turn] = _order(seed, int(turn), n_images)[places[turns == turn]]
    return indices


def step_noise(seed: int, step: int, shape: tuple[int, int]) -> Tensor:
    """Return the standard normal noise of a step, shape (batch_size, n_latents), float32."""
    rng = np.random.default_rng([seed, 2, step])
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def evaluate(
    network: VariationalAutoencoder, pixels: NDArray[np.float32], *, seed: int
) -> tuple[float, NDArray[np.float64]]:
    """Measure a network on images, with one sample of the latents for each.

    Parameters
    ----------
    network : VariationalAutoencoder
    pixels : array of float32, shape (n, image_size, image_size)
    seed : int

    Returns
    -------
    log_likelihood : float
        Mean over images of log p(x|z), nats.
    kl : array of shape (n_latents,)
        Mean over images of each unit's divergence from the prior, nats.
    """
    likelihoods, divergences = [], []
    with torch.inference_mode():
        for number, start in enumerate(range(0, len(pixels), _EVALUATION_BATCH)):
            batch = torch.from_numpy(pixels[start : start + _EVALUATION_BATCH])[:, None]
            n_latents = network.decoder.hidden.in_features
            logits, mean, log_variance = network(batch, step_noise(seed, number, (len(batch), n_latents)))
            likelihoods.append(bernoulli_log_likelihood(batch, logits).numpy())
            divergences.append(gaussian_kl(mean, log_variance).numpy())
    return (
        float(np.concatenate(likelihoods).mean(dtype=np.float64)),
        np.concatenate(divergences).mean(axis=0, dtype=np.float64),
    )


@lru_cache(maxsize=64)
def _order(seed: int, turn: int, n_images: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 1, turn]).permutation(n_images)


class _Diverged(Exception):
    """Why training cannot go on."""


class _Run:
    """The training of one instance: network, optimiser, log and how far it is."""

    def __init__(self, recipe: Recipe, images: TrainingImages, folder: Path, family: str) -> None:
        self.recipe, self.images, self.folder, self.family = recipe, images, folder, family
        self.pixels = torch.from_numpy(np.ascontiguousarray(images.pixels))[:, None]
        self._begin()
        self._resume()

    def _begin(self) -> None:
        recipe = self.recipe
        self.network = build(recipe.n_latents, image_size=recipe.image_size, seed=recipe.seed)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, fused=True)
        self.totals = {
            "log_likelihood": torch.zeros((), dtype=torch.float64),
            "kl": torch.zeros(recipe.n_latents, dtype=torch.float64),
        }
        self.step, self.steps_in_totals = 0, 0
        self.seconds: float = 0.0
        self.log: list[dict[str, Any]] = []

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to be of this run."""
        return {
            "family": self.family,
            "architecture": ARCHITECTURE,
            "recipe": self.recipe.to_mapping(),
            "stimulus_set": {
                "name": self.images.name,
                "content_hash": self.images.content_hash,
                "n_images": len(self.images.pixels),
            },
        }

    def advance(self, report: Report, stop: threading.Event, checkpoint_seconds: float) -> None:
        """Train to the last step."""
        recipe = self.recipe
        log_every = min(1000, max(1, recipe.steps // _LOG_ENTRIES))
        started = saved = logged = time.perf_counter()
        before, logged_step = self.seconds, self.step
        while self.step < recipe.steps:
            if stop.is_set():
                self._save()
                raise Interrupted
            self._train_step()
            now = time.perf_counter()
            self.seconds = before + now - started
            entry = None
            if self.step % log_every == 0 or self.step == recipe.steps:
                rate = (self.step - logged_step) * recipe.batch_size / (now - logged)
                entry = self._log_entry(rate)
                logged, logged_step = now, self.step
            if now - saved > checkpoint_seconds:
                self._save()
                saved = now
            report(recipe, self.step, entry)

    def finish(self) -> Trained:
        """Write weights, record and log; delete the checkpoint."""
        recipe = self.recipe
        dtype = np.dtype(recipe.storage)
        weights = {name: value.numpy().astype(dtype) for name, value in self.network.state_dict().items()}
        with torch.no_grad():
            # What is measured is what is kept.
            for name, value in self.network.state_dict().items():
                value.copy_(torch.from_numpy(weights[name]))
        log_likelihood, kl = evaluate(self.network, self.images.pixels, seed=recipe.seed)
        record = {
            **self.identity(),
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("neuroalign", "torch", "numpy")},
            },
            "final": {
                "objective": log_likelihood - recipe.beta * float(kl.sum()),
                "log_likelihood": log_likelihood,
                "kl": float(kl.sum()),
                "informative_units": int((kl > INFORMATIVE).sum()),
            },
            "kl": kl.tolist(),
            "training_seconds": round(self.seconds, 1),
            "images_per_second": round(recipe.steps * recipe.batch_size / max(self.seconds, 1e-9), 1),
        }
        trained = write_trained(self.folder, recipe, weights, record)
        self.write_log()
        checkpoint_path(self.folder, recipe).unlink(missing_ok=True)
        return trained

    def write_log(self, *, stopped: str | None = None) -> None:
        """Write the log: what was measured every now and then during training."""
        write_json(
            log_path(self.folder, self.recipe), {**self.identity(), "stopped": stopped, "entries": self.log}
        )

    def _train_step(self) -> None:
        recipe, step = self.recipe, self.step
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        indices = batch_indices(recipe.seed, step, len(self.pixels), recipe.batch_size)
        batch = self.pixels[torch.from_numpy(indices)]
        noise = step_noise(recipe.seed, step, (len(batch), recipe.n_latents))
        self.optimiser.zero_grad(set_to_none=True)
        logits, mean, log_variance = self.network(batch, noise)
        log_likelihood = bernoulli_log_likelihood(batch, logits)
        kl = gaussian_kl(mean, log_variance)
        objective = beta_vae_objective(log_likelihood, kl, recipe.beta)
        # A constant grey image costs log 2 a pixel: whoever does far worse will not come back.
        worst = -10 * np.log(2) * batch[0].numel()
        if not objective.item() > worst:
            raise _Diverged(
                f"diverged at step {step + 1}: the objective was {objective.item():g} nats (below {worst:.0f} or "
                f"not a number); try a learning rate below {recipe.learning_rate:g}"
            )
        (-objective).backward()
        self.optimiser.step()
        self.totals["log_likelihood"] += log_likelihood.detach().mean()
        self.totals["kl"] += kl.detach().mean(dim=0)
        self.step += 1
        self.steps_in_totals += 1

    def _log_entry(self, images_per_second: float) -> dict[str, Any]:
        log_likelihood = self.totals["log_likelihood"].item() / self.steps_in_totals
        kl = self.totals["kl"] / self.steps_in_totals
        entry = {
            "step": self.step,
            "log_likelihood": round(log_likelihood, 4),
            "kl": round(kl.sum().item(), 4),
            "objective": round(log_likelihood - self.recipe.beta * kl.sum().item(), 4),
            "informative_units": int((kl > INFORMATIVE).sum()),
            "images_per_second": round(images_per_second, 1),
            "seconds": round(self.seconds, 1),
        }
        self.log.append(entry)
        for total in self.totals.values():
            total.zero_()
        self.steps_in_totals = 0
        return entry

    def _save(self) -> None:
        state = {
            **self.identity(),
            "step": self.step,
            "steps_in_totals": self.steps_in_totals,
            "seconds": self.seconds,
            "log": self.log,
        }
        path = checkpoint_path(self.folder, self.recipe)
        write_checkpoint(path, self.network, self.optimiser, self.totals, state)
        self.write_log()

    def _resume(self) -> None:
        path = checkpoint_path(self.folder, self.recipe)
        if not path.is_file():
            return
        try:
            state = read_state(path)
            if {name: state.get(name) for name in self.identity()} != self.identity():
                raise ModelError(f"the checkpoint {path} is of another recipe or other images")
            restore(path, self.network, self.optimiser, self.totals)
            self.step, self.steps_in_totals = int(state["step"]), int(state["steps_in_totals"])
            self.seconds, self.log = float(state["seconds"]), list(state["log"])
        except ModelError as error:
            self._begin()
            warnings.warn(f"{error}; started from the beginning", NeuroalignWarning, stacklevel=2)
