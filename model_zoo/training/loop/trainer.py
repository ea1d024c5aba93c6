"""Training of instances as one batched network, with checkpoints.

Importing this module imports torch.
"""

import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuroalign.errors import ModelError, NeuroalignWarning
from neuroalign.files.digests import digest
from neuroalign.model_zoo.training.loop.allocator import keep_freed_memory
from neuroalign.model_zoo.training.loop.checkpoints import read_state, read_tensors, write_checkpoint
from neuroalign.model_zoo.training.loop.course import Course, Outcome, TrainingImages, is_run_of
from neuroalign.model_zoo.training.loop.devices import (
    Device,
    choose_device,
    describe,
    expect_precision,
    repeatable,
)
from neuroalign.model_zoo.training.loop.optimisation import Alone, Optimisation, Together
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import stem

#: Seconds between checkpoints.
CHECKPOINT_SECONDS = 30.0
#: A step is checked for divergence if its number is a multiple, by the type of the device. A check makes a GPU wait.
LOOK_EVERY = {"cpu": 1, "cuda": 50, "mps": 50}
# Largest share of the time for writing checkpoints, which are large for many instances.
_CHECKPOINT_SHARE = 0.05

#: Function called after every step with the recipe, the number of finished steps, and a new log entry or None.
Report = Callable[[Recipe, int, Mapping[str, Any] | None], None]


class Interrupted(Exception):
    """Training was interrupted; its state is in the checkpoint."""


def checkpoint_path(folder: Path, *recipes: Recipe) -> Path:
    """Return the path of the checkpoint of an unfinished instance, or of several that are trained together."""
    names = [stem(recipe) for recipe in recipes]
    name = names[0] if len(names) == 1 else f"together-{digest(*names)[:12]}"
    return folder / "checkpoints" / f"{name}.safetensors"


def train_instance(
    recipe: Recipe,
    images: TrainingImages,
    folder: Path,
    *,
    device: Device = "cpu",
    report: Report | None = None,
    stop: threading.Event | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Outcome:
    """Train one instance; see :func:`train_together`."""
    [outcome] = train_together(
        [recipe],
        images,
        folder,
        device=device,
        report=report,
        stop=stop,
        checkpoint_seconds=checkpoint_seconds,
    )
    return outcome


def train_together(
    recipes: Sequence[Recipe],
    images: TrainingImages,
    folder: Path,
    *,
    checkpoint: Path | None = None,
    device: Device = "cpu",
    report: Report | None = None,
    stop: threading.Event | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> list[Outcome]:
    """Train instances as one batched network, from their checkpoint if it exists.

    One thread computes, so the weights do not depend on the number of cores. On a CPU, they are the same to the last
    bit with and without an interruption. On a GPU, the kernels are deterministic and each step replays one graph, so
    they are meant to be. Weights of instances that are trained together differ from weights of instances that are
    trained alone by the rounding of sums.

    Parameters
    ----------
    recipes : sequence of Recipe
        Recipes of one family with networks of one shape and one precision.
    images : TrainingImages
    folder : Path
        Folder for the weights and their records, ``logs/`` and, until all are finished, ``checkpoints/``.
    checkpoint : Path, optional
        Path of the checkpoint; by default :func:`checkpoint_path` of the recipes.
    device : {"auto", "cpu", "cuda", "mps"}
    report : callable, optional
        See :data:`Report`.
    stop : threading.Event, optional
        Event that makes training write a checkpoint and stop.
    checkpoint_seconds : float
        Least time between checkpoints in seconds; large checkpoints are rarer. 0 for a checkpoint after each step.

    Returns
    -------
    list of Outcome
        Outcomes in the order of `recipes`. An instance fails if its objective diverges or is not finite; the other
        instances continue.

    Raises
    ------
    UsageError
        If the device is not available, or does not have the precision.
    Interrupted
        If `stop` was set.
    """
    keep_freed_memory()
    where, precision = choose_device(device), recipes[0].precision
    expect_precision(where, precision)
    with repeatable(where, precision):
        run = _Run(recipes, images, folder, checkpoint or checkpoint_path(folder, *recipes), where)
        run.advance(report or (lambda *_: None), stop or threading.Event(), checkpoint_seconds)
    return [run.outcomes[recipe] for recipe in recipes]


class _Run:
    """The training of instances that share a checkpoint."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        images: TrainingImages,
        folder: Path,
        checkpoint: Path,
        device: torch.device,
    ) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.outcomes: dict[Recipe, Outcome] = {}
        pixels, held_out = (
            None if array is None else torch.from_numpy(np.ascontiguousarray(array)).to(device)
            for array in (images.pixels, images.held_out)
        )
        assert pixels is not None
        self.images = images
        self._make = lambda: [Course(recipe, images, pixels, folder, held_out) for recipe in recipes]
        self._begin()
        if checkpoint.is_file():
            try:
                self._resume()
            except ModelError as error:
                self._begin()
                warnings.warn(f"{error}; started from the beginning", NeuroalignWarning, stacklevel=2)

    def _begin(self) -> None:
        self.courses: list[Course] = self._make()
        self.trained_together = len(self.courses)
        self.devices = [describe(self.device)]
        self.optimisation = self._optimisation()
        # Sums of the measurements, with one row for each course, its totals.
        self.totals: dict[str, Tensor] = {}
        # Values of the objectives at each step since the last check.
        self.values: list[Tensor] = []

    def _optimisation(self) -> Optimisation:
        # The last instance of a group stays a group: alone, its sums would be rounded differently.
        kind = Alone if self.trained_together == 1 else Together
        return kind(
            [course.objective for course in self.courses], [course.network for course in self.courses]
        )

    def advance(self, report: Report, stop: threading.Event, checkpoint_seconds: float) -> None:
        """Train all instances to their ends."""
        now = saved = time.perf_counter()
        pause = checkpoint_seconds
        while self.courses:
            if stop.is_set():
                self._save()
                raise Interrupted
            self._train_step()
            before, now = now, time.perf_counter()
            for course in self.courses:
                course.count_step(now - before)
            # The steps with a check depend on the step alone: an instance that has diverged leaves after the same step
            # with and without an interruption, and sums of the other instances are rounded as before.
            if self.courses[0].step % LOOK_EVERY[self.device.type] == 0 or any(
                course.is_due() for course in self.courses
            ):
                self._look()
            measured = [(course, course.measure() if course.is_due() else None) for course in self.courses]
            self._finish([course for course in self.courses if course.is_over()])
            if now - saved > pause:
                self._save()
                saved = time.perf_counter()
                if checkpoint_seconds:
                    pause = max(checkpoint_seconds, (saved - now) / _CHECKPOINT_SHARE)
            for course, entry in measured:
                report(course.recipe, course.step, entry)

    def _finish(self, ended: Sequence[Course]) -> None:
        """Measure and write instances that have ended, and continue without them."""
        if not ended:
            return
        facts = {"device": ", then ".join(self.devices), "trained_together": self.trained_together}
        # The measurements in the record have full precision.
        with repeatable(self.device):
            for course in ended:
                self.outcomes[course.recipe] = course.finish(**facts)
        self._leave(ended)

    def _train_step(self) -> None:
        values, means = self.optimisation.step([course.step for course in self.courses])
        self.values.append(values)
        if not self.totals:
            self._gather_totals(means)
        for name, mean in means.items():
            self.totals[name] += mean

    def _gather_totals(self, means: Mapping[str, Tensor]) -> None:
        """Stack the totals of all courses, so that one operation adds to all of them."""
        # GPUs of Apple do not support double precision.
        dtype = torch.float32 if self.device.type == "mps" else torch.float64
        for name, mean in means.items():
            rows = [
                course.totals.get(name, torch.zeros_like(row, dtype=dtype))
                for course, row in zip(self.courses, mean, strict=True)
            ]
            self.totals[name] = torch.stack(rows)
        for index, course in enumerate(self.courses):
            course.totals = {name: total[index] for name, total in self.totals.items()}

    def _look(self) -> None:
        """Stop instances with an objective that was NaN or below the worst value since the last check."""
        if not self.values:
            return
        values = torch.stack(self.values).cpu().numpy()
        self.values = []
        failed = []
        for course, column in zip(self.courses, values.T, strict=True):
            bad = ~(column >= course.objective.worst)
            if bad.any():
                first = int(bad.argmax())
                failed.append(course)
                self.outcomes[course.recipe] = course.fail(
                    f"diverged at step {course.step - len(column) + first + 1}: the objective was "
                    f"{column[first]:g} (below {course.objective.worst:.0f} or not a number)"
                )
        self._leave(failed)

    def _leave(self, ended: Sequence[Course]) -> None:
        """Continue without some instances."""
        if not ended:
            return
        if len(ended) == len(self.courses):
            self.courses = []
            self.checkpoint.unlink(missing_ok=True)
            return
        state = [
            (course, self.optimisation.state(index))
            for index, course in enumerate(self.courses)
            if course not in ended
        ]
        self.courses = [course for course, _ in state]
        self.totals = {}
        self.optimisation = self._optimisation()
        for index, (course, tensors) in enumerate(state):
            self.optimisation.load(index, tensors, course.step)
        # A run that continues from the checkpoint must have the same group.
        self._save()

    def _save(self) -> None:
        if not self.courses:
            return
        tensors, runs = {}, {}
        for index, course in enumerate(self.courses):
            name = stem(course.recipe)
            tensors[name] = {**self.optimisation.state(index), **course.tensors()}
            if self.values:
                tensors[name]["values"] = torch.stack([values[index] for values in self.values])
            runs[name] = course.state()
        state = {"trained_together": self.trained_together, "devices": self.devices, "runs": runs}
        write_checkpoint(self.checkpoint, tensors, state)
        for course in self.courses:
            course.write_log()

    def _resume(self) -> None:
        path = self.checkpoint
        state = read_state(path)
        for course in self.courses:
            if not is_run_of(state["runs"].get(stem(course.recipe), {}), course.recipe, self.images):
                raise ModelError(f"the checkpoint {path} has another recipe or other images")
        try:
            self.trained_together = int(state["trained_together"])
            self.devices = [str(device) for device in state["devices"]]
            self.optimisation = self._optimisation()
            values = []
            for index, course in enumerate(self.courses):
                name = stem(course.recipe)
                tensors = read_tensors(path, name)
                course.load(state["runs"][name], tensors)
                self.optimisation.load(index, tensors, course.step)
                values.append(tensors.get("values", torch.empty(0)).to(self.device))
            self.values = list(torch.stack(values, dim=1))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"the checkpoint {path} is damaged: {error}") from error
        here = describe(self.device)
        if here != self.devices[-1]:
            warnings.warn(
                f"the checkpoint {path} was written on {self.devices[-1]} and continues on {here}, which rounds "
                "differently, so the last digits of the weights are not the digits of a training on one device",
                NeuroalignWarning,
                stacklevel=3,
            )
            self.devices.append(here)
