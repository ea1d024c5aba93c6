"""Tests of processes that are killed at every step of the file system: nothing is lost, mixed or stuck."""

import numpy as np
import pytest

from neuroalign.errors import NeuroalignWarning
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.weights_file import find_trained, write_trained
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_score

from .kills import kill_at_every_step

KEY = "ab12"


def state_of(folder):
    """Return value and arrays of the only score of a store, by its own record, the index and the arrays alone."""
    store = ResultsStore(folder)
    score = store.load(KEY)
    if score is None:
        assert list(store.scores()) == []
        return None
    [listed] = store.scores()
    alone = store.load_arrays(KEY)["alignment"].values.tolist()
    assert listed.value == score.value
    assert score.data["alignment"].values.tolist() == alone
    return score.value, tuple(alone)


def test_a_killed_save_leaves_the_old_score_or_the_new_one():
    old = make_score(0.25, per_neuron={"a": 0.5, "b": 0.0})
    new = make_score(0.75, per_neuron={"a": 1.0, "b": 0.5, "c": 0.75})
    states = []
    for step, folder in kill_at_every_step(
        lambda folder: ResultsStore(folder).save(KEY, old), lambda folder: ResultsStore(folder).save(KEY, new)
    ):
        states.append(state_of(folder))
        ResultsStore(folder).save(KEY, old)
        assert ResultsStore(folder).load(KEY).value == 0.25, f"the score is stuck after a kill at step {step}"
    before, after = (0.25, (0.5, 0.0)), (0.75, (1.0, 0.5, 0.75))
    assert set(states) == {before, after}
    assert states == sorted(states), "the old score must be there until the new one is"
    assert len(states) >= 6


def test_a_killed_first_save_leaves_a_whole_score_or_none():
    new = make_score(0.75, per_neuron={"a": 1.0, "b": 0.5})
    states = [
        state_of(folder)
        for _, folder in kill_at_every_step(
            lambda folder: None, lambda folder: ResultsStore(folder).save(KEY, new)
        )
    ]
    assert states[0] is None
    assert set(states[states.index((0.75, (1.0, 0.5))) :]) == {(0.75, (1.0, 0.5))}


def test_arrays_of_another_score_under_the_key_are_a_miss(tmp_path):
    store = ResultsStore(tmp_path)
    store.save(KEY, make_score(0.25, per_neuron={"a": 0.5, "b": 0.0}))
    arrays = (tmp_path / "ab" / "ab12.nc").read_bytes()
    store.save(KEY, make_score(0.75, per_neuron={"a": 1.0, "b": 0.5}))
    for file in (tmp_path / "ab").glob("*.nc"):
        file.write_bytes(arrays)
    with pytest.warns(NeuroalignWarning, match="must be the arrays of this record, got other content"):
        assert store.load(KEY) is None


RECIPE = BetaVAERecipe(beta=4, seed=0)


def write_instance(folder, value):
    record = {
        "family": RECIPE.family,
        "architecture": "tiny",
        "stimulus_set": {"name": "toy", "content_hash": "0" * 64, "n_images": 3},
    }
    write_trained(folder, RECIPE, {"weight": np.full(3, value, np.float32)}, record | {"value": value})


def test_killed_training_leaves_the_old_weights_or_the_new_ones():
    states = []
    for _, folder in kill_at_every_step(
        lambda folder: write_instance(folder, 1.0), lambda folder: write_instance(folder, 2.0)
    ):
        [trained] = find_trained(folder, BetaVAERecipe)
        [value] = set(trained.weights({"weight": (3,)})["weight"].tolist())
        assert value == trained.record["value"]
        states.append(value)
    assert states == sorted(states)
    assert set(states) == {1.0, 2.0}
