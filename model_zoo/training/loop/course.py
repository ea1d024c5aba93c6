"""Course of the training of one instance: its step, its measurements, and its weights, record and log.

Importing this module imports torch.
"""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuroalign.model_zoo.training.networks.architectures import ARCHITECTURE, build, convolve_in
from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import (
    Trained,
    stem,
    write_json,
    write_trained,
)

#: Entries of the log of a long training, at least; an entry describes at most 1000 steps.
LOG_ENTRIES = 200
# The objective on held-out images is measured at every fourth entry of the log at most, and after so many training
# images for each held-out image, so that it takes little time.
_HELD_OUT_ENTRIES, _HELD_OUT_SHARE = 4, 5


@dataclass(frozen=True)
class TrainingImages:
    """Training images in memory.

    Parameters
    ----------
    name : str
        Name of the stimulus set.
    content_hash : str
        Content hash of the training stimuli; see :attr:`neuroalign.datasets.stimuli.StimulusSet.content_hash`.
    pixels : array of float32 in [0, 1], shape (n, image_size, image_size)
    held_out : array of float32 in [0, 1], shape (n_held_out, image_size, image_size), optional
        Images on which the objective is measured in the course of the training, and which do not influence it.
    held_out_hash : str, optional
        Content hash of the held-out stimuli.
    """

    name: str
    content_hash: str
    pixels: NDArray[np.float32]
    held_out: NDArray[np.float32] | None = None
    held_out_hash: str | None = None


@dataclass(frozen=True)
class Outcome:
    """End of the training of one instance: its weights, or the reason for a failure."""

    recipe: Recipe
    trained: Trained | None = None
    failure: str | None = None


def log_path(folder: Path, recipe: Recipe) -> Path:
    """Return the path of the log of an instance."""
    return folder / "logs" / f"{stem(recipe)}.json"


def identity(recipe: Recipe, images: TrainingImages) -> dict[str, Any]:
    """Return the values that are equal if and only if two runs are the same."""
    return {
        "family": recipe.family,
        "architecture": ARCHITECTURE,
        "procedure": recipe.procedure,
        "recipe": recipe.to_mapping(),
        "stimulus_set": {
            "name": images.name,
            "content_hash": images.content_hash,
            "n_images": len(images.pixels),
        },
    }


def is_run_of(run: Mapping[str, Any], recipe: Recipe, images: TrainingImages) -> bool:
    """Return whether a checkpoint of an instance belongs to a training; an earlier version may have written it."""
    wanted = identity(recipe, images)
    had = {name: run.get(name) for name in wanted}
    if isinstance(had["recipe"], Mapping):
        had["recipe"] = recipe.complete(had["recipe"])
    return had == wanted


class Course:
    """Training of one instance, without the steps of its optimiser.

    Parameters
    ----------
    recipe : Recipe
    images : TrainingImages
    pixels : tensor of float32, shape (n, image_size, image_size)
        Pixels of `images`, on the device of the training.
    folder : Path
        Folder for the weights and the log.
    held_out : tensor of float32, shape (n_held_out, image_size, image_size), optional
        Held-out pixels of `images`, on the device of the training.
    """

    def __init__(
        self,
        recipe: Recipe,
        images: TrainingImages,
        pixels: Tensor,
        folder: Path,
        held_out: Tensor | None = None,
    ) -> None:
        self.recipe, self.folder = recipe, folder
        self.identity = identity(recipe, images)
        self.objective = recipe.objective(pixels)
        self.held_out = None if held_out is None else self.objective.hold_out(held_out)
        self.held_out_hash = images.held_out_hash
        self.network = build(partial(recipe.network, len(pixels)), seed=recipe.seed).to(pixels.device)
        # TF32 is a way to multiply numbers in float32.
        convolve_in(self.network, torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32)
        self.stopping = self.objective.early_stopping()
        # Weights with the lowest validation loss, for objectives with a validation set.
        self.best: dict[str, Tensor] = {}
        # Sums of the measurements since the last entry of the log, and numbers of the last validation.
        self.totals: dict[str, Tensor] = {}
        self.steps_in_totals = 0
        self.validated: dict[str, float] = {}
        self.step = 0
        self.seconds: float = 0.0
        self.logged: tuple[int, float] = (0, 0.0)
        self.log: list[dict[str, Any]] = []

    def is_over(self) -> bool:
        """Return whether training has reached its last step, or stops early."""
        return self.step >= self.recipe.steps or (self.stopping is not None and self.stopping.exhausted)

    def is_due(self) -> bool:
        """Return whether the step requires a validation or an entry in the log."""
        return self._validation_is_due() or self._entry_is_due()

    def count_step(self, seconds: float) -> None:
        """Count a finished step and its duration."""
        self.step += 1
        self.steps_in_totals += 1
        self.seconds += seconds

    def measure(self) -> dict[str, Any] | None:
        """Validate and write to the log if they are due; return the new entry of the log, or None."""
        if self._validation_is_due():
            loss, numbers = self.objective.validate(self.network)
            self.validated = {"validated_step": self.step, **numbers}
            if self.stopping is not None and self.stopping.update(loss):
                self.best = {name: value.clone() for name, value in self.network.state_dict().items()}
        if not (self._entry_is_due() or self.is_over()):
            return None
        return self._log_entry(self._measure_held_out() if self._held_out_is_due() or self.is_over() else {})

    def finish(self, **facts: Any) -> Outcome:
        """Write weights, record and log.

        Parameters
        ----------
        **facts
            Further entries of the record.
        """
        recipe = self.recipe
        if self.best:
            self.network.load_state_dict(self.best)
        dtype = np.dtype(recipe.storage)
        with np.errstate(over="ignore"):
            weights = {
                name: value.cpu().numpy().astype(dtype) for name, value in self.network.state_dict().items()
            }
        if not all(np.isfinite(value).all() for value in weights.values()):
            return self.fail(f"the weights are not all finite in {recipe.storage}")
        with torch.no_grad():
            # The measurements must describe the weights with the precision of the file.
            for name, value in self.network.state_dict().items():
                value.copy_(torch.from_numpy(weights[name]))
        convolve_in(self.network, torch.float32)
        record = {
            **self.identity,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("neuroalign", "torch", "numpy")},
            },
            "steps": self.step,
            **self.objective.evaluate(self.network),
            **self._record_held_out(),
            **facts,
            "training_seconds": round(self.seconds, 3),
            "images_per_second": round(self.step * recipe.batch_size / max(self.seconds, 1e-9), 1),
        }
        trained = write_trained(self.folder, recipe, weights, record)
        self.write_log()
        return Outcome(recipe, trained=trained)

    def fail(self, reason: str) -> Outcome:
        """Write the log with the reason for a failure, and return the failure."""
        failure = f"{reason}; try a learning rate below {self.recipe.learning_rate:g}"
        self.write_log(stopped=failure)
        return Outcome(self.recipe, failure=failure)

    def write_log(self, *, stopped: str | None = None) -> None:
        """Write the log: the measurements in the course of the training."""
        content = {**self.identity, "stopped": stopped, "entries": self.log}
        write_json(log_path(self.folder, self.recipe), content)

    def state(self) -> dict[str, Any]:
        """Return the state of the instance for a checkpoint, without tensors."""
        return {
            **self.identity,
            "step": self.step,
            "steps_in_totals": self.steps_in_totals,
            "validated": self.validated,
            "stopping": None if self.stopping is None else asdict(self.stopping),
            "seconds": self.seconds,
            "log": self.log,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that belong to the state."""
        groups = {"total": self.totals, "best": self.best}
        return {
            f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()
        }

    def load(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Continue from the results of :meth:`state` and :meth:`tensors`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a part is missing or malformed.
        """
        device = self.objective.images.device
        self.totals, self.best = (
            {
                name.removeprefix(start): value.to(device)
                for name, value in tensors.items()
                if name.startswith(start)
            }
            for start in ("total.", "best.")
        )
        self.step, self.steps_in_totals = int(state["step"]), int(state["steps_in_totals"])
        self.validated = dict(state["validated"])
        self.stopping = None if state["stopping"] is None else EarlyStopping(**state["stopping"])
        self.seconds, self.log = float(state["seconds"]), list(state["log"])
        self.logged = (self.step, self.seconds)

    def _validation_is_due(self) -> bool:
        stopping = self.stopping
        return stopping is not None and (self.step % stopping.every == 0 or self.step >= self.recipe.steps)

    @property
    def _entry_every(self) -> int:
        return min(1000, max(1, self.recipe.steps // LOG_ENTRIES))

    def _entry_is_due(self) -> bool:
        return self.step % self._entry_every == 0 or self.step >= self.recipe.steps

    def _held_out_is_due(self) -> bool:
        if self.held_out is None:
            return False
        entries = _HELD_OUT_SHARE * len(self.held_out.images) / (self.recipe.batch_size * self._entry_every)
        return self.step % (self._entry_every * max(_HELD_OUT_ENTRIES, math.ceil(entries))) == 0

    def _measure_held_out(self) -> dict[str, float]:
        """Return the numbers of the log on the held-out images; empty without these."""
        if self.held_out is None:
            return {}
        numbers = self.held_out.evaluate(self.network)["final"]
        return {f"held_out_{name}": value for name, value in numbers.items()}

    def _record_held_out(self) -> dict[str, Any]:
        if self.held_out is None:
            return {}
        numbers = self.held_out.evaluate(self.network)["final"]
        facts = {"n_images": len(self.held_out.images), "content_hash": self.held_out_hash}
        return {"held_out": {**facts, **numbers}}

    def _log_entry(self, held_out: Mapping[str, float]) -> dict[str, Any]:
        means = {name: total / self.steps_in_totals for name, total in self.totals.items()}
        numbers = {**self.objective.summary(means), **self.validated, **held_out}
        step, seconds = self.logged
        rate = (self.step - step) * self.recipe.batch_size / max(self.seconds - seconds, 1e-9)
        entry = {
            "step": self.step,
            **{name: round(value, 4) for name, value in numbers.items()},
            "images_per_second": round(rate, 1),
            "seconds": round(self.seconds, 1),
        }
        self.log.append(entry)
        self.logged = (self.step, self.seconds)
        for total in self.totals.values():
            total.zero_()
        self.steps_in_totals = 0
        return entry
