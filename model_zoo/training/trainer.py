"""Train one instance: from its recipe and the images to weights, a record and a log.

Importing this module imports torch.
"""

import platform
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from neuroalign.model_zoo.networks import ARCHITECTURE, build
from neuroalign.model_zoo.training.allocator import keep_freed_memory
from neuroalign.model_zoo.training.checkpoints import read_state, restore, write_checkpoint
from neuroalign.model_zoo.training.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipes import Recipe
from neuroalign.model_zoo.training.trained import Trained, stem, write_json, write_trained
from numpy.typing import NDArray
from torch import Tensor

from neuroalign.errors import ModelError, NeuroalignWarning

#: Seconds between checkpoints.
CHECKPOINT_SECONDS = 30.0

_LOG_ENTRIES = 200

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
    keep_freed_memory()
    with one_thread():
        run = _Run(recipe, images, folder)
        try:
            run.advance(report or (lambda *_: None), stop or threading.Event(), checkpoint_seconds)
            return Outcome(recipe, trained=run.finish())
        except _Diverged as reason:
            run.write_log(stopped=str(reason))
            return Outcome(recipe, failure=str(reason))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread in this thread of the program."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Diverged(Exception):
    """Why training cannot go on."""


class _Run:
    """The training of one instance: network, optimiser, log and how far it is."""

    def __init__(self, recipe: Recipe, images: TrainingImages, folder: Path) -> None:
        self.recipe, self.images, self.folder = recipe, images, folder
        self.objective = recipe.objective(images.pixels)
        self._begin()
        self._resume()

    def _begin(self) -> None:
        recipe = self.recipe
        make = partial(recipe.network, len(self.images.pixels))
        self.network: torch.nn.Module = build(make, seed=recipe.seed)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, fused=True)
        self.stopping = self.objective.early_stopping()
        # Weights after the step that did best on the validation set, where there is one.
        self.best: dict[str, Tensor] = {}
        # What was measured since the last entry of the log, and in the last validation.
        self.totals: dict[str, Tensor] = {}
        self.steps_in_totals = 0
        self.validated: dict[str, float] = {}
        self.step = 0
        self.seconds: float = 0.0
        self.log: list[dict[str, Any]] = []

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for a checkpoint to be of this run."""
        return {
            "family": self.recipe.family,
            "architecture": ARCHITECTURE,
            "recipe": self.recipe.to_mapping(),
            "stimulus_set": {
                "name": self.images.name,
                "content_hash": self.images.content_hash,
                "n_images": len(self.images.pixels),
            },
        }

    def advance(self, report: Report, stop: threading.Event, checkpoint_seconds: float) -> None:
        """Train to the last step, or until the validation loss falls no more."""
        recipe = self.recipe
        log_every = min(1000, max(1, recipe.steps // _LOG_ENTRIES))
        started = saved = logged = time.perf_counter()
        before, logged_step = self.seconds, self.step
        while not self._is_over():
            if stop.is_set():
                self._save()
                raise Interrupted
            self._train_step()
            self._validate()
            now = time.perf_counter()
            self.seconds = before + now - started
            entry = None
            if self.step % log_every == 0 or self._is_over():
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
        if self.best:
            self.network.load_state_dict(self.best)
        dtype = np.dtype(recipe.storage)
        with np.errstate(over="ignore"):
            weights = {name: value.numpy().astype(dtype) for name, value in self.network.state_dict().items()}
        if not all(np.isfinite(value).all() for value in weights.values()):
            raise _Diverged(f"the weights are not all finite in {recipe.storage}; {self._advice()}")
        with torch.no_grad():
            # What is measured is what is kept.
            for name, value in self.network.state_dict().items():
                value.copy_(torch.from_numpy(weights[name]))
        record = {
            **self.identity(),
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("neuroalign", "torch", "numpy")},
            },
            "steps": self.step,
            **self.objective.evaluate(self.network),
            "training_seconds": round(self.seconds, 1),
            "images_per_second": round(self.step * recipe.batch_size / max(self.seconds, 1e-9), 1),
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

    def _is_over(self) -> bool:
        return self.step >= self.recipe.steps or (self.stopping is not None and self.stopping.exhausted)

    def _train_step(self) -> None:
        objective = self.objective
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate_at(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        measured = objective.measure(self.network, *objective.inputs(self.step))
        means = {name: each.mean(dim=0) for name, each in measured.items()}
        value = objective.value_at(self.step, means)
        if not value.item() >= objective.worst:
            raise _Diverged(
                f"diverged at step {self.step + 1}: the objective was {value.item():g} (below "
                f"{objective.worst:.0f} or not a number); {self._advice()}"
            )
        (-value).backward()
        self.optimiser.step()
        for name, mean in means.items():
            self.totals[name] = self.totals.get(name, 0) + mean.detach().double()
        self.step += 1
        self.steps_in_totals += 1

    def _advice(self) -> str:
        return f"try a learning rate below {self.recipe.learning_rate:g}"

    def _validate(self) -> None:
        """Measure the network on the validation set, if there is one and it is time."""
        stopping = self.stopping
        if stopping is None or (self.step % stopping.every and self.step < self.recipe.steps):
            return
        loss, numbers = self.objective.validate(self.network)
        self.validated = {"validated_step": self.step, **numbers}
        if stopping.update(self.step, loss):
            self.best = {name: value.clone() for name, value in self.network.state_dict().items()}

    def _log_entry(self, images_per_second: float) -> dict[str, Any]:
        means = {name: total / self.steps_in_totals for name, total in self.totals.items()}
        numbers = {**self.objective.summary(means), **self.validated}
        entry = {
            "step": self.step,
            **{name: round(value, 4) for name, value in numbers.items()},
            "images_per_second": round(images_per_second, 1),
            "seconds": round(self.seconds, 1),
        }
        self.log.append(entry)
        self.totals, self.steps_in_totals = {}, 0
        return entry

    def _save(self) -> None:
        state = {
            **self.identity(),
            "step": self.step,
            "steps_in_totals": self.steps_in_totals,
            "validated": self.validated,
            "stopping": None if self.stopping is None else asdict(self.stopping),
            "seconds": self.seconds,
            "log": self.log,
        }
        path = checkpoint_path(self.folder, self.recipe)
        groups = {"total": self.totals, "best": self.best}
        write_checkpoint(path, self.network, self.optimiser, groups, state)
        self.write_log()

    def _resume(self) -> None:
        path = checkpoint_path(self.folder, self.recipe)
        if not path.is_file():
            return
        try:
            state = read_state(path)
            if {name: state.get(name) for name in self.identity()} != self.identity():
                raise ModelError(f"the checkpoint {path} is of another recipe or other images")
            self.totals, self.best = restore(path, self.network, self.optimiser, ("total", "best"))
            self.step, self.steps_in_totals = int(state["step"]), int(state["steps_in_totals"])
            self.validated = dict(state["validated"])
            self.stopping = None if state["stopping"] is None else EarlyStopping(**state["stopping"])
            self.seconds, self.log = float(state["seconds"]), list(state["log"])
        except ModelError as error:
            self._begin()
            warnings.warn(f"{error}; started from the beginning", NeuroalignWarning, stacklevel=2)
