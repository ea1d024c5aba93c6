"""Random numbers of a training step, which depend only on the seed and the number of the step.

Importing this module imports torch.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def batch_indices(seed: int, step: int, n_examples: int, batch_size: int) -> NDArray[np.int64]:
    """Return the indices of the examples in the batch of a step.

    Every pass through the examples has its own order. A batch may lie across two passes.

    Parameters
    ----------
    seed, step, n_examples, batch_size : int

    Returns
    -------
    array of shape (batch_size,), int64
    """
    positions = step * batch_size + np.arange(batch_size)
    turns, places = np.divmod(positions, n_examples)
    indices = np.empty(batch_size, dtype=np.int64)
    for turn in np.unique(turns):
        indices[turns == turn] = _order(seed, int(turn), n_examples)[places[turns == turn]]
    return indices


def step_noise(seed: int, step: int, shape: tuple[int, int]) -> Tensor:
    """Return the standard normal noise of a step, shape (batch_size, n_latents), float32."""
    rng = np.random.default_rng([seed, 2, step])
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


@lru_cache(maxsize=64)
def _order(seed: int, turn: int, n_examples: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 1, turn]).permutation(n_examples)
