"""Jobs in processes of this machine: their order, their number, and shuffles in parts."""

import os
import re
from concurrent.futures.process import BrokenProcessPool

import joblib
import numpy as np
import pytest

import neuroalign as na
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.jobs import count_workers, run_jobs
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.loop import runner
from neuroalign.model_zoo.training.recipe import sweep
from neuroalign.models.model import FixedFamily
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.grouped import score_by
from neuroalign.testing import make_dataset


@pytest.fixture
def started(monkeypatch):
    """Numbers of processes that joblib was asked for, with the jobs in this process."""
    numbers = []

    class Recording(joblib.Parallel):
        def __init__(self, n_jobs, **options):
            numbers.append(n_jobs)
            super().__init__(n_jobs=1, **options)

    monkeypatch.setattr(joblib, "Parallel", Recording)
    return numbers


def first_values(n):
    weights = np.random.default_rng(n).standard_normal((16, 3))
    return na.as_model(lambda pixels: pixels.reshape(len(pixels), -1)[:, :16] @ weights, identifier=f"m{n}")


@pytest.mark.parametrize(("n_jobs", "n", "expected"), [(8, 2, 2), (-1, 1, 1), (2, 5, 2), (1, 5, 1)])
def test_there_are_never_more_processes_than_jobs(started, n_jobs, n, expected):
    assert run_jobs([joblib.delayed(pow)(base, 2) for base in range(n)], n_jobs=n_jobs, description="") == [
        base**2 for base in range(n)
    ]
    assert started == [expected]


def test_no_jobs_start_no_process(started):
    assert run_jobs([], n_jobs=4, description="") == []
    assert started == []


def test_scores_start_a_process_for_each_instance_or_group(started):
    small = make_dataset(n_stimuli=30, n_neurons=4, image_size=16)
    instances = [first_values(n) for n in (1, 2)]
    ridge = "ridge[n_permutations=0]"
    score_all(FixedFamily("two", instances), small, [ridge], n_jobs=9, use_cache=False)
    assert started == [2]
    started.clear()
    score_by(instances[0], small, ridge, by="neuroid_id", n_jobs=9, use_cache=False)
    assert started == [4]


@pytest.mark.slow
def test_joblib_starts_as_many_processes_as_there_are_jobs():
    seen = run_jobs([joblib.delayed(os.getpid)() for _ in range(2)], n_jobs=5, description="")
    assert os.getpid() not in seen
    assert 1 <= len(set(seen)) <= 2


def test_training_starts_a_process_for_each_group(monkeypatch, tmp_path):
    asked = []

    class Refusing:
        def __init__(self, n_workers, **_):
            asked.append(n_workers)
            raise InterruptedError

    monkeypatch.setattr(runner, "ProcessPoolExecutor", Refusing)
    stimuli = StimulusSet.from_arrays(np.zeros((4, 32, 32), dtype=np.uint8))
    recipes = sweep(BetaVAERecipe, {"image_size": 32, "steps": 1, "batch_size": 2, "seed": [0, 1]})
    with pytest.raises(InterruptedError):
        runner.train(recipes, stimuli, tmp_path, jobs=7, device="cpu")
    assert asked == [2]


def test_workers_are_counted():
    assert [count_workers(n) for n in (1, 3)] == [1, 3]
    assert count_workers(-1) == joblib.cpu_count()


@pytest.mark.parametrize("n_jobs", [0, "2", 1.5, None])
def test_a_number_of_jobs_must_be_whole(n_jobs):
    with pytest.raises(
        UsageError, match=r"^n_jobs must be a positive whole number, or -1 for all processors, got "
    ):
        run_jobs([joblib.delayed(abs)(1)], n_jobs=n_jobs, description="one")


LOST = "a process ended before its result{}: the system ends processes that need too much memory"


@pytest.mark.slow
def test_a_process_that_a_model_ends_is_no_fault_of_neuroalign():
    ends = [joblib.delayed(os._exit)(3), joblib.delayed(pow)(2, 2)]
    with pytest.raises(NeuroalignError, match="^" + re.escape(LOST.format(", by EXIT(3)"))):
        run_jobs(ends, n_jobs=2, description="ends")
    assert run_jobs([joblib.delayed(pow)(base, 2) for base in (2, 3)], n_jobs=2, description="squares") == [
        4,
        9,
    ]


def test_a_training_process_that_the_system_ends_is_no_fault_of_neuroalign(tmp_path, monkeypatch):
    def end(*_, **__):
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(runner, "train_together", end)
    stimuli = make_dataset(n_stimuli=4, image_size=8).stimuli
    recipe = BetaVAERecipe(beta=1, seed=0, steps=1)
    with pytest.raises(NeuroalignError, match=f"^{re.escape(LOST.format(''))}"):
        runner.train([recipe], stimuli, tmp_path)
