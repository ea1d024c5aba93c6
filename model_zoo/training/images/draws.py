"""Random numbers of training steps: the order of the examples, mirror images, and noise.

All depend on the seed of an instance and on the number of the step alone, so a run that continues from a checkpoint
needs no state of a generator.

Importing this module imports torch.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

#: Steps with noise that is drawn at once. A block costs about as much as a step, because its arrays are small.
BLOCK = 16
#: Counters of the noise for training and for the evaluation of a trained network.
TRAINING, EVALUATION = 0, 1

# Philox 4x32 with ten rounds: multipliers of the rounds, and constants that are added to the key.
_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF


class BatchOrder:
    """Order in which an instance sees its examples.

    Every pass through the examples has its own order. A batch may lie across two passes or more. The order of one pass
    is kept in memory, so steps that follow each other draw one permutation for each pass.

    Parameters
    ----------
    seed, n_examples, batch_size : int

    Examples
    --------
    >>> order = BatchOrder(0, n_examples=4, batch_size=2)
    >>> sorted([*order.batch(0).tolist(), *order.batch(1).tolist()])
    [0, 1, 2, 3]
    """

    def __init__(self, seed: int, n_examples: int, batch_size: int) -> None:
        self.seed, self.n_examples, self.batch_size = seed, n_examples, batch_size
        self._turn, self._order = -1, np.empty(0, dtype=np.int32)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the indices of the examples in the batch of a step, shape (batch_size,), int64.

        Parameters
        ----------
        step : int
            Number of the step, counted from 0.
        """
        place, indices = step * self.batch_size, np.empty(self.batch_size, dtype=np.int64)
        filled = 0
        while filled < self.batch_size:
            turn, start = divmod(place + filled, self.n_examples)
            if turn != self._turn:
                self._turn, self._order = turn, permutation(self.seed, turn, self.n_examples)
            part = self._order[start : start + self.batch_size - filled]
            indices[filled : filled + len(part)] = part
            filled += len(part)
        return indices


def permutation(seed: int, turn: int, n_examples: int) -> NDArray[np.int32]:
    """Return the order of the examples in a pass, shape (n_examples,), int32."""
    return np.random.default_rng([seed, 1, turn]).permutation(n_examples).astype(np.int32)


def mirrored(seed: int, step: int, n: int, probability: float) -> NDArray[np.bool_]:
    """Return which images of a step are mirrored, shape (n,), bool."""
    return np.random.default_rng([seed, 4, step]).random(n) < probability


class Noise:
    """Standard normal noise of several instances, drawn on their device.

    The generator is counter-based: Philox 4x32 with ten rounds. Its key is made from the seed of the instance; its
    counter is the number of the value, the number of the step and the purpose. A word of 32 bits gives two quantiles of
    the normal distribution, from a table with 65,536 entries; the value is their sum divided by √2. Only operations on
    whole numbers, a table and one sum are needed, so every device gives the same bits.

    Parameters
    ----------
    seeds : sequence of int
        Seed of each instance.
    shape : tuple of int
        Shape of the noise of one instance and step.
    device : torch.device
    purpose : {0, 1}
        :data:`TRAINING` or :data:`EVALUATION`.

    References
    ----------
    Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".

    Examples
    --------
    >>> noise = Noise([0, 1], (16, 50), torch.device("cpu"))
    >>> tuple(noise.at([7, 7]).shape)
    (2, 16, 50)
    """

    def __init__(
        self, seeds: Sequence[int], shape: tuple[int, ...], device: torch.device, purpose: int = TRAINING
    ) -> None:
        self.shape, self.device, self.purpose = shape, device, purpose
        self._size = int(np.prod(shape))
        keys = [np.random.SeedSequence([seed, 2]).generate_state(2) for seed in seeds]
        # Each round has its own key, shape (round, word, instance, 1).
        weyl = np.arange(_ROUNDS, dtype=np.int64)[:, None, None] * np.array(_WEYL)[None, :, None]
        rounds = (np.array(keys, dtype=np.int64).T[None] + weyl) & _WORD
        self._keys = torch.from_numpy(rounds[..., None]).to(device)
        self._multipliers = torch.tensor(_MULTIPLIERS).reshape(2, 1, 1).to(device)
        self._table = torch.from_numpy(_quantiles()).to(device)
        self._blocks: tuple[int, ...] = ()
        self._drawn = torch.empty(0)

    def at(self, steps: Sequence[int]) -> Tensor:
        """Return the noise of a step of each instance, shape (n_instances, …), float32.

        Parameters
        ----------
        steps : sequence of int
            Number of the step of each instance, counted from 0.
        """
        blocks = tuple(step // BLOCK for step in steps)
        if blocks != self._blocks:
            self._drawn, self._blocks = self._draw(blocks), blocks
        places = [step % BLOCK for step in steps]
        if len(set(places)) == 1:
            return self._drawn[places[0]]
        return torch.stack([self._drawn[place, index] for index, place in enumerate(places)])

    def _draw(self, blocks: Sequence[int]) -> Tensor:
        """Draw the noise of a block of steps, shape (BLOCK, n_instances, …)."""
        n_counters = -(-self._size // 4)
        numbers = torch.arange(BLOCK * n_counters, device=self.device)
        first = torch.tensor(blocks).to(self.device)[:, None] * BLOCK
        counters = (numbers % n_counters).expand(len(blocks), -1)
        steps = first + numbers // n_counters
        even = torch.stack([counters, torch.full_like(counters, self.purpose)])
        odd = torch.stack([steps & _WORD, steps >> 32])
        words = philox(even, odd, self._keys, self._multipliers)
        words = words.reshape(len(blocks), BLOCK, -1)[..., : self._size]
        values = self._table[words >> 16] + self._table[words & 0xFFFF]
        return values.transpose(0, 1).reshape(BLOCK, len(blocks), *self.shape)


def philox(even: Tensor, odd: Tensor, keys: Tensor, multipliers: Tensor) -> Tensor:
    """Return the random words of Philox 4x32 with ten rounds.

    Parameters
    ----------
    even, odd : tensors of int64, shape (2, …)
        Words 0 and 2, and words 1 and 3, of each counter.
    keys : tensor of int64, broadcastable to (10, 2, …)
        Key of each round.
    multipliers : tensor of int64, broadcastable to (2, …)

    Returns
    -------
    tensor of int64, shape (…, 4)
        Words of 32 bits, from 0 to 2³² − 1.

    References
    ----------
    Salmon et al. (2011), section 3.3.
    """
    for key in keys:
        # The upper and lower half of the product of 64 bits; a negative number has the same bits.
        product = even * multipliers
        even = ((product >> 32) & _WORD).flip(0) ^ odd ^ key
        odd = (product & _WORD).flip(0)
    return torch.stack([even[0], odd[0], even[1], odd[1]], dim=-1)


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.float32]:
    """Return quantiles of the normal distribution, divided by √2, so that sums of two have the variance 1."""
    quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return (quantiles / (np.sqrt(2) * quantiles.std())).astype(np.float32)
