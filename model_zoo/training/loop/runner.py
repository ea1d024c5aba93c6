"""Training of several instances in parallel, with a progress bar.

Importing this module imports torch.
"""

import multiprocessing
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.jobs import count_workers, current_cluster, naming_lost_process
from neuroalign.model_zoo.training.loop.checkpoints import find_checkpoints
from neuroalign.model_zoo.training.loop.course import Outcome, TrainingImages
from neuroalign.model_zoo.training.loop.devices import Device, choose_device, expect_precision
from neuroalign.model_zoo.training.loop.groups import Group, group
from neuroalign.model_zoo.training.loop.on_cluster import find_finished, fitting_on_cluster, train_on_cluster
from neuroalign.model_zoo.training.loop.trainer import Interrupted, Report, train_together
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.model_zoo.training.weights_file import read_trained, stem
from neuroalign.models.replaced_weights import with_ending
from neuroalign.progress import PATIENCE

# Steps between a worker's reports.
_REPORT_EVERY = 20
# Largest number of held-out images on which the objective is measured, unless there are more training images.
_HELD_OUT = 1000


def train(
    recipes: Sequence[Recipe],
    stimuli: StimulusSet,
    folder: Path,
    *,
    device: Device = "auto",
    together: int | None = None,
    jobs: int = 1,
    overwrite: bool = False,
) -> list[Outcome]:
    """Train instances on the training images of a stimulus set.

    Finished instances are not trained again. Unfinished instances continue from their checkpoints, on any device and in
    the group in which they began. The weights of instances that are trained alone do not depend on `jobs`. In a group,
    sums are rounded differently.

    Parameters
    ----------
    recipes : sequence of Recipe
    stimuli : StimulusSet
        Stimuli; ``stimuli.training()`` are used, mirrored where the stimulus set asks for it. On
        ``stimuli.held_out()`` the objective is measured in the course of the training, where stimuli are marked.
    folder : Path
        Folder for weights, records, logs and checkpoints.
    device : {"auto", "cpu", "cuda", "mps"}
        By default the value of ``NEUROALIGN_DEVICE``, or else a GPU if one is available.
    together : int, optional
        Largest number of instances that are trained as one batched network. By default 1 on a CPU; on a GPU, the
        number that fills half of the memory.
    jobs : int
        Number of instances, or batched networks, that are trained at the same time, each in its own process with one
        thread. A cluster trains as many as its workers have threads; see :func:`neuroalign.jobs.cluster`.
    overwrite : bool
        Whether to replace instances of the same name that were trained by another recipe or on other images.

    Returns
    -------
    list of Outcome
        Outcomes in the order of `recipes`. A diverging instance does not stop the other instances.

    Raises
    ------
    UsageError
        If two recipes have instances of the same name, if an instance would be replaced, or if the device is not
        available or does not have the precision.
    MissingImagesError
        If the images are not available.
    KeyboardInterrupt
        After an interruption, when the checkpoints are written.
    """
    if jobs < 1:
        raise UsageError(f"jobs must be a positive number, got {jobs}")
    if together is not None and together < 1:
        raise UsageError(f"together must be a positive number, got {together}")
    on_cluster = current_cluster() is not None
    if not on_cluster:  # workers check their own device
        where = choose_device(device)
        for recipe in recipes:
            expect_precision(where, recipe.precision)
    training = stimuli.training()
    # Sorted, so that the order of the table does not influence the training.
    training = training.select(np.sort(training.ids))
    if not len(training):
        raise UsageError(f"the stimulus set {stimuli.identifier!r} marks no stimulus as for training")
    names = [stem(recipe) for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two instances would be called {name}; train one at a time, each to its --output"
            )
    content_hash = training.content_hash
    if overwrite:
        replaced = _remove_others(folder, recipes, content_hash, keep_records=not on_cluster)
    else:
        replaced = set()
        _expect_same(folder, recipes, content_hash)
    held_out = _held_out(stimuli, len(training))
    images = {
        size: TrainingImages(
            stimuli.identifier,
            content_hash,
            training.pixels(size),
            None if held_out is None else held_out.pixels(size),
            None if held_out is None else held_out.content_hash,
        )
        for size in {recipe.image_size for recipe in recipes}
    }
    finished = {recipe: find_finished(folder, recipe) for recipe in recipes if stem(recipe) not in replaced}
    done = {recipe: outcome for recipe, outcome in finished.items() if outcome is not None}
    groups = group(
        recipes,
        done,
        images,
        folder,
        device=device,
        together=together,
        jobs=count_workers(jobs),
        fitting=partial(fitting_on_cluster, device) if on_cluster else None,
    )
    if on_cluster:
        outcomes = train_on_cluster(groups, images, folder, device)
        done.update((outcome.recipe, outcome) for outcome in outcomes)
        return [done[recipe] for recipe in recipes]
    with _Bar(recipes) as bar:
        for recipe in set(done).difference(*(unfinished.recipes for unfinished in groups)):
            bar.report(recipe, recipe.steps, None)
        n_workers = min(jobs, len(groups))
        workers = _in_processes if n_workers > 1 else _in_this_process
        with workers(n_workers, bar.report) as (submit, stop):
            futures = [
                submit(members, images[members.recipes[0].image_size], folder, device) for members in groups
            ]
            for members, future in zip(groups, futures, strict=True):
                future.add_done_callback(partial(bar.end, members.recipes))
            try:
                with naming_lost_process():
                    for future in futures:
                        done.update((outcome.recipe, outcome) for outcome in future.result())
            except BaseException as error:
                # Running groups write a checkpoint and stop.
                stop()
                for future in futures:
                    future.cancel()
                if isinstance(error, Interrupted):
                    raise KeyboardInterrupt from error
                raise
    return [done[recipe] for recipe in recipes]


def _held_out(stimuli: StimulusSet, n_training: int) -> StimulusSet | None:
    """Return the held-out stimuli, evenly spread over their sorted ids where they are many; None without any."""
    held_out = stimuli.held_out()
    if held_out is None or not len(held_out):
        return None
    most = max(n_training, _HELD_OUT)
    chosen = np.unique(np.linspace(0, len(held_out) - 1, min(most, len(held_out))).round().astype(int))
    return held_out.select(np.sort(held_out.ids)[chosen])


#: Function that starts the training of a group with its images, its folder and its device.
Submit = Callable[[Group, TrainingImages, Path, Device], "Future[list[Outcome]]"]


@contextmanager
def _in_this_process(n_workers: int, report: Report) -> Iterator[tuple[Submit, Callable[[], None]]]:
    """Train one group after the other in a thread, so that an interruption waits for the end of a step."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def submit(
            group: Group, images: TrainingImages, folder: Path, device: Device
        ) -> "Future[list[Outcome]]":
            return pool.submit(
                train_together,
                group.recipes,
                images,
                folder,
                checkpoint=group.checkpoint,
                device=device,
                report=report,
                stop=stop,
            )

        yield submit, stop.set


@contextmanager
def _in_processes(n_workers: int, report: Report) -> Iterator[tuple[Submit, Callable[[], None]]]:
    """Train every group in its own process, because threads of one process would wait for each other at every step."""
    context = multiprocessing.get_context("spawn")
    stop, messages = context.Event(), context.SimpleQueue()

    def listen() -> None:
        for message in iter(messages.get, None):
            if isinstance(message, str):
                warnings.warn(message, NeuroalignWarning, stacklevel=1)
            else:
                report(*message)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(
            n_workers, mp_context=context, initializer=_begin_worker, initargs=(stop, messages)
        ) as pool:

            def submit(
                group: Group, images: TrainingImages, folder: Path, device: Device
            ) -> "Future[list[Outcome]]":
                return pool.submit(_train_in_worker, group, images, folder, device)

            yield submit, stop.set
    finally:
        messages.put(None)
        listener.join()


# Objects that a worker process shares with the main process.
_shared: dict[str, Any] = {}


def _begin_worker(stop: Any, messages: Any) -> None:
    # Ctrl-C reaches every process of a terminal; the main process alone handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared.update(stop=stop, messages=messages)


def _train_in_worker(group: Group, images: TrainingImages, folder: Path, device: Device) -> list[Outcome]:
    messages = _shared["messages"]

    def report(recipe: Recipe, step: int, entry: Mapping[str, Any] | None) -> None:
        if entry is not None or step % _REPORT_EVERY == 0:
            messages.put((recipe, step, entry))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NeuroalignWarning)
        try:
            return train_together(
                group.recipes,
                images,
                folder,
                checkpoint=group.checkpoint,
                device=device,
                report=report,
                stop=_shared["stop"],
            )
        finally:
            for warning in caught:
                if issubclass(warning.category, NeuroalignWarning):
                    messages.put(str(warning.message))


def _difference(recipe: Recipe, content_hash: str, record: Mapping[str, Any]) -> str | None:
    """Describe the difference between an existing record and a training by a recipe; return None if they are equal."""
    if record["stimulus_set"]["content_hash"] != content_hash:
        return f"other images (of {record['stimulus_set']['name']!r})"
    procedure = record.get("procedure", 1)
    if procedure != recipe.procedure:
        return f"version {procedure} of the training, not {recipe.procedure}, which draws other noise"
    wanted, had = recipe.to_mapping(), recipe.complete(record["recipe"])
    differing = [
        f"{name}={had.get(name)}, not {wanted[name]}" for name in wanted if wanted[name] != had.get(name)
    ]
    return "; ".join(differing) or None


def _others(folder: Path, recipes: Sequence[Recipe], content_hash: str) -> Iterator[tuple[Path, str]]:
    """Yield files of finished and unfinished instances with the same name and another recipe or other images."""
    for recipe in recipes:
        record = folder / f"{stem(recipe)}.json"
        if record.is_file():
            difference = _difference(recipe, content_hash, read_trained(record, type(recipe)).record)
            if difference:
                yield record, difference
    for path, state in find_checkpoints(folder / "checkpoints").items():
        for recipe in recipes:
            run = state["runs"].get(stem(recipe))
            difference = None if run is None else _difference(recipe, content_hash, run)
            if difference:
                yield path, difference


def _expect_same(folder: Path, recipes: Sequence[Recipe], content_hash: str) -> None:
    for path, difference in _others(folder, recipes, content_hash):
        raise UsageError(
            f"{path} exists and was trained with {difference}; replace it with --overwrite, "
            "or train to another folder with --output"
        )


def _remove_others(
    folder: Path, recipes: Sequence[Recipe], content_hash: str, *, keep_records: bool
) -> set[str]:
    """Delete checkpoints of other trainings, and return the names of the instances that are trained again.

    Finished weights of these instances stay until the new ones replace them. Workers of a cluster take every finished
    instance for theirs, so there the weights are deleted, too (`keep_records` false).
    """
    replaced = set()
    for path, _ in list(_others(folder, recipes, content_hash)):
        if path.suffix != ".json":
            path.unlink(missing_ok=True)
            continue
        replaced.add(path.name.removesuffix(".json"))
        if not keep_records:
            path.unlink(missing_ok=True)
            with_ending(path, ".safetensors").unlink(missing_ok=True)
    return replaced


class _Bar:
    """A progress bar over all images of all instances, shown in a terminal."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        from tqdm import tqdm

        self._seen: dict[Recipe, int] = {}
        self._expected = sum(recipe.steps * recipe.batch_size for recipe in recipes)
        self._lock = threading.Lock()
        self._bar = tqdm(
            desc=f"training {', '.join(sorted({recipe.family for recipe in recipes}))}",
            total=self._expected,
            unit="img",
            unit_scale=True,
            delay=PATIENCE,
            disable=None,
            leave=False,
        )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def end(self, recipes: Sequence[Recipe], _: "Future[list[Outcome]]") -> None:
        """Remove the remaining steps of instances, which may have ended before their last step."""
        with self._lock:
            for recipe in recipes:
                self._expected -= (recipe.steps - self._seen.get(recipe, 0)) * recipe.batch_size
                self._seen[recipe] = recipe.steps
            self._bar.total = self._expected

    def report(self, recipe: Recipe, step: int, entry: Mapping[str, Any] | None) -> None:
        """Count the steps of an instance, and show its newest entry in the log."""
        with self._lock:
            seen = self._seen.get(recipe, 0)
            self._bar.update(max(0, step - seen) * recipe.batch_size)
            self._seen[recipe] = max(step, seen)
            if entry is not None:
                numbers = [
                    f"{name.replace('_', ' ')} {value:.5g}"
                    for name, value in entry.items()
                    if name not in ("step", "images_per_second", "seconds")
                ]
                self._bar.set_postfix_str(f"{stem(recipe)}: {', '.join(numbers)}", refresh=False)
