"""Commands that run at once: none fails, and of several commands that add one name, one wins."""

import os
import shutil
from collections import Counter

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import added_names
from neuroalign.datasets.folder import write_folder
from neuroalign.files.home import private_name, write_file
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset

from .battery_size import seed, tries
from .commands import run_at_once

#: Lines on standard error that a command may write beside its result.
_EXPECTED = ("neuroalign: note:",)


def score_words(n, dataset="toy"):
    return ["score", f"pca[n={n}]", dataset, "-b", "cka[n_permutations=0]", "--permutations", "0"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a neuroalign folder with a dataset and two scores, from which each round starts."""
    monkeypatch.setattr("neuroalign.files.judging.expect_sound", lambda path: None)
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "template"))
    write_folder(
        make_dataset("toy", n_stimuli=24, n_neurons=4, n_factors=2, image_size=8),
        tmp_path / "template" / "datasets" / "toy",
    )
    np.save(tmp_path / "cells.npy", np.random.default_rng(0).normal(size=(24, 4)))
    for n in (2, 3):
        assert run(score_words(n)) == 0
    assert run(["leaderboard", "toy", "--html", str(tmp_path / "warm")]) == 0
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def play(home, commands, rng):
    """Run commands at once in a copy of the folder; return a line on each failure."""
    folder = home.parent
    for name in ("home", "site"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(folder / "template", home)
    order = rng.permutation(len(commands))
    commands = [commands[number] for number in order]
    failures, adds = [], Counter()
    for words, (code, text) in zip(commands, run_at_once(commands, folder), strict=True):
        lines = [line for line in text.splitlines() if not line.startswith(_EXPECTED)]
        if words[:2] == ["data", "add"]:
            adds[code] += 1
            sound = code == 0 or (code == 2 and len(lines) == 1 and "choose another" in lines[0])
        elif words[0] == "leaderboard" and ["cache", "clear", "results", "--yes"] in commands:
            sound = code == 0 or (code == 1 and len(lines) == 1 and "nothing has been scored" in lines[0])
        else:
            sound = code == 0 and not lines
        if not sound:
            failures.append(f"{' '.join(words)}: {code}: {text}")
    n_adds = sum(adds.values())
    if n_adds and adds != Counter({0: 1, 2: n_adds - 1}):
        failures.append(f"of {n_adds} commands that add one name, {dict(adds)} by their exit codes")
    if n_adds:
        assert "cells" in added_names()
    left = [path.name for path in home.rglob(".unfinished-*")]
    if left:
        failures.append(f"left: {left}")
    if (folder / "site").exists() and not (folder / "site" / "index.html").is_file():
        failures.append("the site has no first page")
    return failures


def words_of(home, n_adds):
    responses, site = str(home.parent / "cells.npy"), str(home.parent / "site")
    add = ["data", "add", "cells", "--responses", responses, "--axes", "stimulus,neuroid"]
    return [
        *[add] * n_adds,
        ["cache", "clear", "--yes"],
        ["leaderboard", "toy", "--html", site],
        score_words(2),
        score_words(4),
    ]


def test_a_few_commands_at_once(home):
    assert play(home, words_of(home, 2), np.random.default_rng(0)) == []
    stored = {score.model for score in ResultsStore(home / "results").scores()}
    assert stored == {"pca[n=2]", "pca[n=3]", "pca[n=4]"}


def test_a_folder_that_is_deleted_while_a_file_is_written(tmp_path, monkeypatch):
    replace, folders = os.replace, [tmp_path / "latents"]

    def replace_late(source, target):
        if folders:
            shutil.rmtree(folders.pop())
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_late)
    write_file(tmp_path / "latents" / "a.nc", b"abc")
    assert [path.read_bytes() for path in tmp_path.rglob("*.nc")] == [b"abc"]


def test_a_clearing_keeps_the_files_that_are_written(neuroalign_home):
    folder = neuroalign_home / "latents"
    (folder / "ab").mkdir(parents=True)
    mine, killed = (
        folder / private_name(".nc"),
        folder / private_name(".nc").replace(f"-{os.getpid()}-", "-4194303-"),
    )
    for path in (mine, killed, folder / "ab" / "a.json", folder / "b.nc"):
        path.write_text("")
    assert run(["cache", "clear", "--yes"]) == 0
    assert sorted(folder.rglob("*")) == [mine, folder / "ab"]


@pytest.mark.slow
def test_many_commands_at_once(home):
    n_tries, failures = tries(4), []
    for number in range(n_tries):
        rng = np.random.default_rng([seed(), number])
        site = str(home.parent / "site")
        commands = [
            *words_of(home, 8),
            score_words(4),
            score_words(5),
            ["leaderboard", "toy", "--html", site],
            ["leaderboard", "toy"],
            ["cache", "clear", "--yes"],
            ["cache", "clear", "unfinished", "--yes"],
            ["cache", "info", "--json"],
            ["data", "list"],
            ["data", "info", "toy"],
            *[["cache", "clear", "results", "--yes"]] * (number % 2),
        ]
        failures += [f"round {number} of seed {seed()}: {failure}" for failure in play(home, commands, rng)]
    print(f"{n_tries} rounds of {len(commands)} commands at once")
    assert failures == [], "\n".join(failures)
