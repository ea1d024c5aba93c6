"""Random numbers of training: known answers of the generator, noise of groups, and the order of images."""

import hashlib

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from neuroalign.model_zoo.training.images import draws
from neuroalign.model_zoo.training.images.draws import BLOCK, EVALUATION, BatchOrder, Noise, philox

CPU = torch.device("cpu")
ONES = 0xFFFFFFFF


# --- noise ---


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        # Known answers of Random123 (kat_vectors), philox4x32 with 10 rounds.
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_words_are_the_known_answers(counter, key, expected):
    weyl = torch.arange(10)[:, None] * torch.tensor([0x9E3779B9, 0xBB67AE85])
    keys = ((torch.tensor(key) + weyl) & ONES)[..., None]
    even, odd = (torch.tensor(counter[start::2])[:, None] for start in (0, 1))
    multipliers = torch.tensor([0xD2511F53, 0xCD9E8D57])[:, None]
    assert philox(even, odd, keys, multipliers)[0].tolist() == list(expected)


def test_noise_is_computed_from_the_words_of_its_counters():
    seed, step, shape = 3, 21, (5, 3)
    key = np.random.SeedSequence([seed, 2]).generate_state(2).astype(np.int64)
    weyl = np.arange(10)[:, None] * np.array([0x9E3779B9, 0xBB67AE85])
    keys = torch.from_numpy((key + weyl) & ONES)[..., None]
    multipliers = torch.tensor([0xD2511F53, 0xCD9E8D57])[:, None]
    words = [
        philox(torch.tensor([[number], [0]]), torch.tensor([[step], [0]]), keys, multipliers)
        for number in range(4)
    ]
    words = torch.cat(words).flatten()[:15].numpy()
    # Both halves of a word give a quantile with the probability at the centre of its bin.
    halves = norm.ppf((np.stack([words >> 16, words & 0xFFFF]) + 0.5) / 2**16)
    drawn = Noise([seed], shape, CPU).at([step])[0]
    np.testing.assert_allclose(drawn.numpy().ravel(), halves.sum(axis=0) / np.sqrt(2), rtol=2e-5, atol=1e-6)


def test_noise_is_standard_normal():
    noise = Noise([1], (250, 50), CPU)
    values = torch.stack([noise.at([step])[0] for step in range(80)])
    assert values.dtype == torch.float32
    values = values.double().numpy().ravel()
    assert len(values) == 1_000_000
    # Bounds of four standard errors for the moments; the distance of Kolmogorov is 0.00163 at p = .01.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((values**power).mean() - moment) < 4 * np.sqrt(variance / len(values))
    assert kstest(values, "norm").statistic < 0.00163
    # 63 of a million normal values are beyond four standard deviations.
    assert 30 < (np.abs(values) > 4).sum() < 100


def test_steps_seeds_and_purposes_have_noise_of_their_own():
    shape = (100, 50)
    drawn = [
        Noise([seed], shape, CPU, purpose).at([step])[0].numpy().ravel()
        for seed, step, purpose in ((0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, EVALUATION), (0, 2**32, 0))
    ]
    correlations = np.corrcoef(drawn) - np.eye(5)
    assert np.abs(correlations).max() < 4 / np.sqrt(5000)


def test_noise_is_the_same_in_a_group_and_at_any_step():
    seeds, shape = [4, 0, 2**70], (4, 3)
    together = Noise(seeds, shape, CPU)
    for steps in ([0, 0, 0], [1, 1, 1], [14, 20, 90], [15, 21, 91], [16, 22, 92], [1, 1, 1]):
        noise = together.at(steps)
        for index, (seed, step) in enumerate(zip(seeds, steps, strict=True)):
            assert torch.equal(noise[index], Noise([seed], shape, CPU).at([step])[0])


def test_noise_of_a_block_is_drawn_once(monkeypatch):
    drawn, own = [], Noise._draw
    monkeypatch.setattr(Noise, "_draw", lambda self, blocks: drawn.append(blocks) or own(self, blocks))
    noise = Noise([0, 1], (4, 3), CPU)
    for step in range(3 * BLOCK):
        noise.at([step, step])
    assert drawn == [(0, 0), (1, 1), (2, 2)]


def test_table_of_quantiles_is_symmetric_and_has_the_variance_one_half():
    table = draws._quantiles()
    np.testing.assert_array_equal(table, -table[::-1])
    assert table.astype(np.float64).var() == pytest.approx(0.5, rel=1e-6)
    # The weights of networks depend on every bit of it.
    assert hashlib.sha256(table.tobytes()).hexdigest()[:16] == "dfdb399543b1ac6e"


# --- the order of images ---


def test_every_image_is_seen_once_in_each_pass():
    order = BatchOrder(3, 10, 4)
    indices = np.concatenate([order.batch(step) for step in range(10)])
    for turn in range(4):
        assert sorted(indices[turn * 10 : turn * 10 + 10]) == list(range(10))
    assert not np.array_equal(indices[:10], indices[10:20])
    other = BatchOrder(4, 10, 5)
    assert not np.array_equal(indices[:10], np.concatenate([other.batch(step) for step in range(2)]))


@pytest.mark.parametrize("batch_size", [3, 10, 27])
def test_a_batch_does_not_depend_on_the_batches_before_it(batch_size):
    order = BatchOrder(0, 10, batch_size)
    expected = [order.batch(step) for step in range(12)]
    for step in (11, 0, 5, 4, 7):
        np.testing.assert_array_equal(BatchOrder(0, 10, batch_size).batch(step), expected[step])
        np.testing.assert_array_equal(order.batch(step), expected[step])


def test_four_hundred_instances_draw_one_permutation_for_each_pass(monkeypatch):
    drawn, own = [], draws.permutation
    monkeypatch.setattr(draws, "permutation", lambda *key: drawn.append(key) or own(*key))
    orders = [BatchOrder(seed, 21, 4) for seed in range(400)]
    for step in range(10):
        for order in orders:
            order.batch(step)
    # Ten batches of four are two passes through 21 images; a cache of 64 orders would draw 400 at every step.
    assert len(drawn) == len(set(drawn)) == 2 * 400
    # One order of 21 numbers for each instance stays in memory.
    assert {order._order.nbytes for order in orders} == {21 * 4}
