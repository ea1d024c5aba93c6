"""A neuroalign folder in which commands fail, and a search for everything that is lost or stuck after that."""

import io
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from neuroalign.cli import run
from neuroalign.datasets.catalogue import added_names, remove_dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import NeuroalignError
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.weights_file import find_trained
from neuroalign.results.store import ResultsStore, score_key
from neuroalign.testing import make_dataset, make_score

from .commands import start
from .kills import Killer

SCORE = ["score", "pca[n=4]", "toy", "-b", "cka[n_permutations=0]", "--permutations", "0"]
REMOVE = ["data", "remove", "cells", "--yes"]
TRAIN = ["train", "beta_vae", "toy", "--set", "beta=4", "--seeds", "1", "--batch-size", "4", "--overwrite"]


@dataclass
class Case:
    """A command, the datasets and the trained steps that may be there after its kill, and the command after that."""

    words: list[str]
    datasets: tuple[str | None, ...] = ("first",)
    imported: tuple[float, ...] = (0.5,)
    steps: tuple[int, ...] = (2,)
    prepare: Callable[[Path], object] = lambda home: None


def add(folder, number, *options):
    responses = str(folder / f"{number}.npy")
    return ["data", "add", "cells", "--responses", responses, "--axes", "stimulus,neuroid", *options]


def forget(home):
    shutil.rmtree(home / "datasets" / "cells")


def cases(folder):
    theirs = str(folder / "theirs-second")
    return {
        "score": Case(SCORE),
        "add": Case(add(folder, "first"), datasets=(None, "first"), prepare=forget),
        "force": Case(add(folder, "second", "--force"), datasets=("first", "second")),
        "remove": Case(REMOVE, datasets=("first", None)),
        "import": Case(["results", "import", theirs]),
        "import --replace": Case(["results", "import", theirs, "--replace"], imported=(0.5, 0.75)),
        "train": Case([*TRAIN, "--steps", "3"], steps=(2, 3)),
    }


def their_records(folder, value):
    """Write two records of another laboratory, one with a value."""
    store = ResultsStore(folder)
    for seed_, number in ((0, value), (1, 0.25)):
        provenance = {
            "created": "2026-01-01T00:00:00+00:00",
            "dataset_hash": "d" * 64,
            "latents_hash": "1" * 64,
            "simulated": True,
            "join": "exact",
        }
        score = make_score(
            number,
            model=f"m[seed={seed_}]",
            dataset="d",
            benchmark="b",
            per_neuron={"a": number, "b": number},
            provenance=provenance,
        )
        key = score_key(
            model=score.model,
            family=score.family,
            identity="1" * 64,
            decoder=None,
            dataset="d",
            dataset_hash="d" * 64,
            benchmark="b",
            benchmark_version=1,
            options={},
            join="exact",
        )
        store.save(key, score)


class Battery:
    """A neuroalign folder in which commands fail, and a comparison of the remains with the states before.

    Parameters
    ----------
    folder : Path
        Folder for files.
    home : Path
        The neuroalign folder.
    trains : bool
        Whether there is a trained model.
    """

    def __init__(self, folder, home, *, trains):
        self.folder, self.home, self.template = folder, home, folder / "template"
        self._values = {}
        for number, name in enumerate(("first", "second")):
            np.save(folder / f"{name}.npy", np.random.default_rng(number).normal(size=(24, 4)))
            their_records(folder / f"theirs-{name}", 0.5 + number / 4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NEUROALIGN_HOME", str(self.template))
            toy = make_dataset("toy", n_stimuli=24, n_neurons=4, n_factors=2, image_size=8)
            write_folder(toy, self.template / "datasets" / "toy")
            warm = [
                ["score", "pca[n=2]", *SCORE[2:]],
                ["score", "pca[n=3]", *SCORE[2:]],
                ["results", "import", str(folder / "theirs-first")],
                add(folder, "second"),
                REMOVE,
                add(folder, "first"),
                *([[*TRAIN, "--steps", "2"]] if trains else []),
            ]
            for words in warm:
                assert run(words) == 0, words
        self._hashes = {name: hash_of(folder, name) for name in ("first", "second")}
        self._toy = files_of(self.template / "datasets" / "toy")
        own = ResultsStore(self.template / "results")
        self._own = {key: score.value for key, score in own.items()}
        [self._replaced] = [key for key, score in own.items() if score.model == "m[seed=0]"]
        self._trains = trains
        self._seconds, self._steps = {}, {}

    def renew(self, case):
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.template, self.home)
        case.prepare(self.home)

    def measure(self, name, case):
        """Run a command without a kill, and keep its time and its number of steps."""
        self.renew(case)
        killer = Killer(str(self.home))
        begin = time.monotonic()
        code, text = start(case.words, self.folder, before=lambda: sys.addaudithook(killer)).finish()
        assert code == 0, text
        self._seconds[name], self._steps[name] = time.monotonic() - begin, killer.count
        assert killer.count > 3, name

    def kill(self, name, case, rng, *, at_step, again):
        """Kill a command; return whether it still ran, and a line on each loss; see :meth:`losses`."""
        self.renew(case)
        if at_step:
            killer = Killer(str(self.home), int(rng.integers(self._steps[name])))
            running = start(case.words, self.folder, before=lambda: sys.addaudithook(killer))
            code, text = running.finish()
            was_killed = code == -9
            losses = [] if was_killed or code == 0 else [f"exit code {code}: {text}"]
        else:
            running = start(case.words, self.folder)
            time.sleep(rng.uniform(0, 1.1 * self._seconds[name]))
            was_killed, losses = running.kill(), []
        return was_killed, losses + self.losses(case, again=again)

    def losses(self, case, *, again):
        """Return a line on everything that is lost or stuck; `again` runs the same command once more."""
        losses = []
        present = self.present()
        if present not in case.datasets:
            losses.append(f"the dataset is {present}")
        if files_of(self.home / "datasets" / "toy") != self._toy:
            losses.append("the other dataset changed")
        losses += self.lost_scores(case)
        if self._trains and (left := self.trained_steps()) not in [[n] for n in case.steps]:
            losses.append(f"the trained instances have steps {left}")
        with redirect_stdout(io.StringIO()):
            if run(["cache", "clear", "unfinished", "--yes"]):
                losses.append("leftovers cannot be cleared")
        losses += [f"left: {path}" for path in self.home.rglob(".unfinished-*")]
        # The same command can run again, and the name can be given to a dataset and freed.
        is_possible = (
            present is None if case.words == add(self.folder, "first") else present or case.words != REMOVE
        )
        if again and is_possible:
            code, text = start(case.words, self.folder).finish()
            if code or "Traceback" in text:
                losses.append(f"the same command afterwards: {code}: {text}")
            losses += self.lost_scores(case)
        try:
            given = {"responses": self.folder / "second.npy", "axes": "stimulus,neuroid"}
            import_dataset("cells", **given, force=True)
            if self.present() != "second":
                losses.append("the name is stuck")
            remove_dataset("cells")
        except NeuroalignError as error:
            losses.append(f"the name is stuck: {error}")
        if {path.name for path in (self.home / "datasets").iterdir()} != {"toy"}:
            losses.append("something is left beside the datasets")
        return losses

    def present(self):
        """Return the version of the dataset: "first" or "second"; None without a dataset."""
        if "cells" not in added_names():
            return None
        content = read_folder(self.home / "datasets" / "cells").content_hash
        return next((name for name, hash_ in self._hashes.items() if hash_ == content), "another one")

    def lost_scores(self, case):
        """Return a line on each score that is lost or cannot be read."""
        store = ResultsStore()
        keys = {path.stem for path in store.folder.glob("*/*.json") if not path.name.startswith(".")}
        losses = []
        for key in keys | set(self._own):
            score = store.load(key)
            value = None if score is None else score.value
            accepted = case.imported if key == self._replaced else (self._own.get(key, value),)
            if value is None or value not in accepted:
                losses.append(f"the score {key} is {value}")
        return losses

    def trained_steps(self):
        [folder] = (self.home / "models" / "beta_vae").iterdir()
        steps = []
        for trained in find_trained(folder, BetaVAERecipe):
            trained.weights(shapes_of(trained))
            steps.append(trained.recipe.steps)
        return steps


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hash_of(folder, name):
    """Return the content hash of a dataset, imported into a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(folder / f"home-{name}"))
        import_dataset("cells", responses=folder / f"{name}.npy", axes="stimulus,neuroid")
        return read_folder(folder / f"home-{name}" / "datasets" / "cells").content_hash


def shapes_of(trained):
    """Return the shapes of trained weights, which may have the name that they have before their record is written."""
    own = trained.path.with_suffix(f".{trained.weights_sha256[:16]}.safetensors")
    file = own if own.exists() else trained.path
    return {name: array.shape for name, array in load(file.read_bytes()).items()}
