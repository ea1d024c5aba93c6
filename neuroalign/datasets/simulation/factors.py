"""Generative factors of the rendered faces, their random draw, and the split of the stimuli."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Factors of a face in the order of all columns. Each factor lies in [-1, 1].
FACTORS = (
    "light_direction",
    "hair_length",
    "hair_volume",
    "head_tilt",
    "face_width",
    "fringe",
    "smile",
)

#: Number of faces: 2,100 are presented, 2,100 are for training, 2,038 are both.
N_FACES = 2162
N_HELD_OUT = 62
N_NOT_PRESENTED = 62

SEED = 20200625


def draw_factors(n: int = N_FACES, *, seed: int = SEED) -> NDArray[np.float64]:
    """Draw faces with independent factors, uniform on [-1, 1].

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    array of shape (n, n_factors), float64
        Factors, rounded to the six decimals of the file.
    """
    rng = np.random.default_rng([seed, 0])
    return rng.uniform(-1, 1, (n, len(FACTORS))).round(6)


def stimulus_table(*, seed: int = SEED) -> pd.DataFrame:
    """Return the faces with their factors and the split of Higgins et al. (2020).

    Parameters
    ----------
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row for each stimulus id, with the columns filename, presented and training (bool), and the factors. 62
        faces are presented but not for training, 62 are for training but not presented, and the others are both.
    """
    ids = [f"face_{number:04d}" for number in range(1, N_FACES + 1)]
    order = np.random.default_rng([seed, 1]).permutation(N_FACES)
    presented, training = np.ones(N_FACES, dtype=bool), np.ones(N_FACES, dtype=bool)
    training[order[:N_HELD_OUT]] = False
    presented[order[N_HELD_OUT : N_HELD_OUT + N_NOT_PRESENTED]] = False
    table = pd.DataFrame(
        {
            "filename": [f"{stimulus_id}.webp" for stimulus_id in ids],
            "presented": presented,
            "training": training,
        },
        index=pd.Index(ids, name="stimulus_id"),
    )
    return table.join(pd.DataFrame(draw_factors(seed=seed), columns=list(FACTORS), index=table.index))
