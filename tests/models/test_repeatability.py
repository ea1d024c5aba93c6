import random
import sys

import numpy as np
import torch

from neuroalign.models.repeatability import differ, observe, seeded


def numpy_draw():
    return np.random.rand()  # noqa: NPY002


def test_draws_of_every_global_generator_are_seen():
    for draw in (random.random, numpy_draw, lambda: torch.rand(3)):
        seen = observe(draw)
        assert (seen.is_random, seen.is_seedable) == (True, True)
    # A draw that changes nothing this time may change something for another image.
    assert observe(lambda: random.random() * 0).is_random
    generator = np.random.default_rng(0)
    seen = observe(generator.random)
    assert (seen.is_random, seen.is_seedable) == (True, False)
    assert not observe(lambda: np.arange(3.0)).is_random


def test_a_generator_that_appears_during_the_run_is_not_a_draw(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    seen = observe(lambda: sys.modules.setdefault("torch", torch) and 1.0)
    assert not seen.is_random


def test_seeds_are_the_same_again_and_the_generators_stay_as_they_are():
    def draw():
        return random.random(), numpy_draw(), float(torch.rand(1))

    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    with seeded("a", 1):
        first = draw()
    with seeded("a", 1):
        assert draw() == first
    with seeded("a", 2):
        assert not set(draw()) & set(first)
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    assert before == after


def test_differ_allows_for_rounding_only():
    values = np.array([1.0, -1000.0, np.nan])
    assert not differ(values, values + 0.05)
    assert differ(values, values + 0.2)
    assert differ(values, np.array([1.0, np.nan, np.nan]))
    assert differ(np.zeros(2), np.zeros(3))
    assert differ({"a": values}, {"b": values})
    assert differ([values, values], [values, values + 1])
    assert not differ((torch.ones(2),), (torch.ones(2, dtype=torch.bfloat16),))
