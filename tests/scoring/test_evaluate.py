"""Stored scores and latents: their keys, failures while they are computed, and damaged files."""

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np
import pytest
import torch
import xarray as xr

from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, NeuroalignWarning
from neuroalign.files.home import TEMPORARY_PREFIX, home
from neuroalign.models.latents_cache import latents_folder
from neuroalign.models.loading import as_model
from neuroalign.models.model import FixedFamily
from neuroalign.models.wrapped import PrecomputedModel
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.evaluate import score, score_all


@dataclass(frozen=True, kw_only=True)
class MeanLatent(Benchmark):
    """The mean latent, and how often it was asked for."""

    identifier: ClassVar[str] = "mean_latent"
    calls: ClassVar[int] = 0

    power: int = 1

    def score(self, model, dataset, *, join="exact"):
        type(self).calls += 1
        latents, _ = self.align(model, dataset, join=join)
        values = latents.values.mean(axis=0) ** self.power
        return self.make_score(
            model,
            dataset,
            value=float(values.mean()),
            error=float("nan"),
            error_over="units",
            data=xr.Dataset({"mean": ("unit", values)}, coords={"unit": latents["unit"].values}),
        )


@pytest.fixture(autouse=True)
def calls():
    """Count how often the benchmark computes."""
    MeanLatent.calls = 0
    return lambda: MeanLatent.calls


@pytest.fixture
def _one_moment(monkeypatch):
    """Let the time of scoring be the same at every scoring."""
    monkeypatch.setattr("neuroalign.scoring.evaluate.now", lambda: "2026-01-01T00:00:00+00:00")
    # A process of its own, where nothing is replaced, must not draw a number of its own.
    monkeypatch.setattr("neuroalign.results.store.next_serial", lambda folder: 7)


def network(weight=1.0):
    layer = torch.nn.Linear(64, 2, bias=False)
    with torch.no_grad():
        layer.weight.fill_(weight)
    return torch.nn.Sequential(torch.nn.Flatten(), layer)


def a_model(weight=1.0, **options):
    return as_model(network(weight), identifier="net", image_size=8, channels=1, **options)


def precomputed(dataset, name, n_units=3, seed=0):
    values = np.random.default_rng(seed).standard_normal((len(dataset.stimuli), n_units))
    latents = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids})
    return PrecomputedModel(latents, name)


def with_pixel_changed(dataset):
    images = {stimulus: np.asarray(dataset.stimuli.open(stimulus)).copy() for stimulus in dataset.stimuli.ids}
    images["s007"][3, 3] ^= 128
    stimuli = StimulusSet(dataset.stimuli.identifier, dataset.stimuli.table, images, mirror_training=True)
    return type(dataset)(dataset.identifier, dataset.recording, stimuli, simulated=True)


def timeless(record):
    """A record without the durations of scoring."""
    provenance = {name: value for name, value in record["provenance"].items() if not name.endswith("seconds")}
    assert len(provenance) < len(record["provenance"])
    return {**record, "provenance": provenance}


def records():
    """The bytes of every file of the store, with durations and the sums over them set to zero."""
    return {
        path.name: re.sub(rb'(seconds|content_sha256)": ("[0-9a-f]+"|[0-9.]+)', rb'\1": 0', path.read_bytes())
        for path in ResultsStore().folder.glob("*/*")
    }


def test_the_second_time_nothing_is_computed(dataset, calls, monkeypatch):
    first = score(a_model(), dataset, MeanLatent())
    assert calls() == 1
    monkeypatch.setattr(torch.nn.Linear, "forward", None)
    second = score(a_model(), dataset, MeanLatent())
    assert calls() == 1
    assert second.to_record() == first.to_record()
    xr.testing.assert_identical(second.data, first.data)


def test_what_is_not_to_be_cached_is_computed_and_not_kept(dataset, calls):
    for _ in range(2):
        score(a_model(), dataset, MeanLatent(), use_cache=False)
    assert calls() == 2
    assert records() == {}
    assert not latents_folder().exists()


def test_a_name_is_no_key(dataset, calls):
    """Models and datasets of one name, each different in one thing: each has a score of its own."""
    made = {
        "as it was": (a_model(), dataset),
        "other weights": (a_model(1.001), dataset),
        "other preprocessing": (a_model(mean=[0.5]), dataset),
        "other scale": (a_model(std=[0.5]), dataset),
        "one pixel": (a_model(), with_pixel_changed(dataset)),
    }
    values = {change: score(model, on, MeanLatent()).value for change, (model, on) in made.items()}
    assert calls() == len(made)
    assert len(set(values.values())) == len(made)
    for change, (model, on) in made.items():
        assert score(model, on, MeanLatent()).value == values[change]
    assert calls() == len(made)


def test_training_further_is_another_score(dataset, calls):
    net = network()
    model = as_model(net, identifier="net", image_size=8, channels=1)
    before = score(model, dataset, MeanLatent()).value
    with torch.no_grad():
        net[1].weight.mul_(2)
    assert score(model, dataset, MeanLatent()).value == pytest.approx(2 * before)
    assert calls() == 2


def test_options_version_and_join_are_part_of_the_key(dataset, calls, monkeypatch):
    model = precomputed(dataset, "m")
    score(model, dataset, MeanLatent())
    score(model, dataset, MeanLatent(power=2))
    score(model, dataset, MeanLatent(), join="intersection")
    monkeypatch.setattr(MeanLatent, "version", 2)
    assert score(model, dataset, MeanLatent()).benchmark_version == 2
    assert calls() == 4
    assert len(records()) == 2 * 4


def test_latents_without_a_fingerprint_count_by_their_values(dataset, calls):
    factor = 1.0
    model = as_model(lambda pixels: factor * pixels.mean(axis=(1, 2)), identifier="mine")
    before = score(model, dataset, MeanLatent()).value
    assert score(model, dataset, MeanLatent()).value == before
    assert calls() == 1
    factor = 3.0
    assert score(model, dataset, MeanLatent()).value == pytest.approx(3 * before)
    assert calls() == 2


def test_provenance_says_what_made_the_number(dataset):
    model = a_model()
    made = score(model, dataset, MeanLatent()).provenance
    assert made["dataset_hash"] == dataset.content_hash
    assert made["model_fingerprint"] == model.fingerprint
    assert made["simulated"] is True
    assert made["join"] == "exact"
    assert made["numpy"] == np.__version__
    created = datetime.fromisoformat(made["created"])
    assert created.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=10)
    assert len(made["latents_hash"]) == 64


@pytest.mark.usefixtures("_one_moment")
@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n rubbish", None], ids=["empty", "rubbish", "cut"]
)
def test_unreadable_latents_are_computed_again_and_reported(dataset, content):
    expected = score(a_model(), dataset, MeanLatent())
    (path,) = latents_folder().iterdir()
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] if content is None else content)
    shutil.rmtree(ResultsStore().folder)
    with pytest.warns(NeuroalignWarning, match=rf"^ignored unreadable cached latents .*{path.name}: "):
        again = score(a_model(), dataset, MeanLatent())
    assert timeless(again.to_record()) == timeless(expected.to_record())
    assert path.read_bytes() == good


@pytest.mark.usefixtures("_one_moment")
@pytest.mark.parametrize("suffix", [".json", ".nc"])
@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "other", "cut"])
def test_unreadable_scores_are_computed_again_and_reported(dataset, calls, suffix, content):
    model = precomputed(dataset, "m")
    score(model, dataset, MeanLatent())
    expected = records()
    (path,) = ResultsStore().folder.glob(f"*/*{suffix}")
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] if content is None else content)
    with pytest.warns(NeuroalignWarning, match=r"^ignored an unreadable record .*\.json: "):
        score(model, dataset, MeanLatent())
    assert calls() == 2
    assert records() == expected


def test_a_score_whose_arrays_are_gone_is_computed_again(dataset, calls):
    model = precomputed(dataset, "m")
    score(model, dataset, MeanLatent())
    next(ResultsStore().folder.glob("*/*.nc")).unlink()
    with pytest.warns(NeuroalignWarning, match="ignored an unreadable record"):
        score(model, dataset, MeanLatent())
    assert calls() == 2


@pytest.mark.usefixtures("_one_moment")
@pytest.mark.slow
def test_workers_do_not_change_a_byte(dataset):
    family = FixedFamily("noise", [precomputed(dataset, f"m{seed}", seed=seed) for seed in range(4)])
    benchmarks = ["correlation_ratio", "alignment[n_folds=3]"]
    outcomes = {}
    for jobs in (1, 2):
        scores, failures = score_all(family, dataset, benchmarks, n_jobs=jobs)
        assert not failures
        outcomes[jobs] = [json.dumps(timeless(score.to_record())) for score in scores], records()
        shutil.rmtree(ResultsStore().folder)
    assert outcomes[1] == outcomes[2]
    assert len(outcomes[1][1]) == 2 * 8


def test_scores_come_instance_by_instance(dataset):
    family = FixedFamily("noise", [precomputed(dataset, f"m{seed}", seed=seed) for seed in range(3)])
    scores, _ = score_all(family, dataset, [MeanLatent(), MeanLatent(power=2)])
    assert [(score.model, score.options["power"]) for score in scores] == [
        (f"m{seed}", power) for seed in range(3) for power in (1, 2)
    ]
    assert {score.family for score in scores} == {"noise"}


def test_latents_are_computed_once_for_all_benchmarks(dataset):
    asked = []
    model = as_model(
        # One image alone is there to check the model with.
        lambda pixels: (len(pixels) > 1 and asked.append(1)) or pixels.mean(axis=(1, 2)),
        identifier="m",
        batch_size=500,
    )
    score_all(model, dataset, [MeanLatent(), MeanLatent(power=2), "correlation_ratio"])
    assert len(asked) == 1


def test_a_family_is_the_mean_of_its_instances(dataset):
    members = [precomputed(dataset, f"m{seed}", seed=seed) for seed in range(3)]
    single = [score(member, dataset, MeanLatent()).value for member in members]
    family = score(FixedFamily("noise", members), dataset, MeanLatent())
    assert family.value == pytest.approx(np.mean(single))
    assert family.error == pytest.approx(np.std(single, ddof=1) / np.sqrt(3))
    assert [instance.value for instance in family.instances] == single


class Refusing:
    identifier = "refusing"

    def latents(self, stimuli):
        raise ModelError("no weights here")


class Broken:
    identifier = "broken"

    def latents(self, stimuli):
        return np.zeros(3)[7]


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_one_failing_instance_does_not_lose_the_others(dataset, jobs):
    narrow = precomputed(dataset, "narrow", n_units=1)
    members = [precomputed(dataset, "m0"), narrow, precomputed(dataset, "m1", seed=1)]
    scores, failures = score_all(
        FixedFamily("mixed", members), dataset, ["alignment", "variance_explained"], n_jobs=jobs
    )
    assert [(score.model, score.benchmark) for score in scores] == [
        ("m0", "alignment"),
        ("m0", "variance_explained"),
        ("narrow", "variance_explained"),
        ("m1", "alignment"),
        ("m1", "variance_explained"),
    ]
    ((model, benchmark, reason),) = [
        (failure.model, failure.benchmark, failure.reason) for failure in failures
    ]
    assert (model, benchmark) == ("narrow", "alignment")
    assert isinstance(reason, NeuroalignError)
    assert len(list(ResultsStore().scores())) == 5


def test_a_model_that_raises_loses_only_its_own_scores(dataset):
    members = [precomputed(dataset, "m0"), Refusing(), Broken(), precomputed(dataset, "m1", seed=1)]
    family = FixedFamily("mixed", members)
    scores, failures = score_all(family, dataset, [MeanLatent(), MeanLatent(power=2)])
    assert [score.model for score in scores] == ["m0", "m0", "m1", "m1"]
    assert [failure.model for failure in failures] == ["refusing", "refusing", "broken", "broken"]
    assert str(failures[0].reason) == "no weights here"
    line = Broken.latents.__code__.co_firstlineno + 1
    assert str(failures[2].reason) == (
        "the latents of broken cannot be computed: IndexError: index 7 is out of bounds "
        f"for axis 0 with size 3 (test_evaluate.py, line {line})"
    )
    assert isinstance(failures[2].reason.__cause__, IndexError)
    with pytest.raises(ModelError, match=r"^no weights here$"):
        score(family, dataset, MeanLatent())


def test_a_benchmark_that_raises_loses_only_its_own_scores(dataset, monkeypatch):
    def fail(self, model, dataset, *, join="exact"):
        raise ZeroDivisionError("of mine")

    model = precomputed(dataset, "m")
    monkeypatch.setattr(MeanLatent, "score", fail)
    scores, failures = score_all(model, dataset, [MeanLatent(), "correlation_ratio"])
    assert [score.benchmark for score in scores] == ["correlation_ratio"]
    line = fail.__code__.co_firstlineno + 1
    assert str(failures[0].reason) == (
        f"mean_latent fails on m: ZeroDivisionError: of mine (test_evaluate.py, line {line})"
    )


SCORE = """
import os, sys
from neuroalign.models.loading import load_model
from neuroalign.scoring.evaluate import score_all

stop_at = int(sys.argv[2])
replace, renamed = os.replace, []

def stop_at_rename(source, target):
    renamed.append(target)
    if len(renamed) == stop_at:
        # Text that is printed while a model computes latents goes to standard error.
        print("ready", file=sys.__stdout__, flush=True)
        sys.stdin.read()
    replace(source, target)

os.replace = stop_at_rename
print("loaded", flush=True)
sys.stdin.readline()
scores, failures = score_all("pca", sys.argv[1], [sys.argv[3]])
print(len(scores), len(failures))
"""
BY_RATIO = "correlation_ratio[turns=0,predictive_power=false,n_permutations=0]"


@pytest.fixture
def start_scoring(dataset, tmp_path):
    """Score a family in another process, which waits before its n-th rename (never for 0).

    The function returns the process and the folder of the dataset.
    """
    folder = tmp_path / "toy"
    write_folder(dataset, folder)

    def start(stop_at=0):
        command = [sys.executable, "-c", SCORE, str(folder), str(stop_at), BY_RATIO]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "loaded\n"
        process.stdin.write("\n")
        process.stdin.flush()
        return process, str(folder)

    return start


def expect_complete_store(n):
    """All scores can be read, with their arrays, without a warning."""
    store = ResultsStore()
    keys = [path.stem for path in store.folder.glob("*/[!.]*.json")]
    assert len(keys) == n
    assert all(store.load(key).data["correlation_ratio"].size == 12 for key in keys)


@pytest.mark.slow
def test_two_processes_lose_nothing(start_scoring):
    # This process is the second one, and starts to score at the same time.
    process, folder = start_scoring()
    scores, failures = score_all("pca", folder, [BY_RATIO])
    assert process.communicate()[0] == "5 0\n"
    assert (len(scores), failures) == (5, [])
    expect_complete_store(5)
    assert not list(home().rglob(f"{TEMPORARY_PREFIX}*"))


# Latents, arrays and record of the first instance, then of the second.
@pytest.mark.slow
@pytest.mark.parametrize(
    "stop_at", [2, *(pytest.param(stop_at, marks=pytest.mark.slow) for stop_at in (1, 3, 5))]
)
def test_a_killed_process_leaves_nothing_half_written(start_scoring, stop_at):
    process, folder = start_scoring(stop_at)
    with process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    expect_complete_store((stop_at - 1) // 3)
    scores, failures = score_all("pca", folder, [BY_RATIO])
    assert (len(scores), failures) == (5, [])
    expect_complete_store(5)


def test_a_family_without_instances_is_an_error(dataset):
    empty = FixedFamily("nobody", [])
    with pytest.raises(
        ModelError, match="nobody has no instance for single; see neuroalign info nobody for its instances"
    ):
        score(empty, dataset)


class LooksElsewhere(MeanLatent):
    """A benchmark that asks for latents of other stimuli, too."""

    identifier: ClassVar[str] = "looks_elsewhere"

    def score(self, model, dataset, *, join="exact"):
        model.latents(dataset.stimuli.training())
        return super().score(model, dataset, join=join)


def test_without_cache_no_latents_are_kept(dataset, neuroalign_home):
    model = as_model(lambda pixels: pixels.mean(axis=(1, 2)), identifier="m", fingerprint="m")
    score(model, dataset, LooksElsewhere(), use_cache=False)
    assert [path for path in neuroalign_home.rglob("*") if path.is_file()] == []
    score(model, dataset, LooksElsewhere())
    assert len(list((neuroalign_home / "latents").iterdir())) == 2
