"""The generative factors of the rendered faces, their draw, and the split of the stimuli."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: What a face is made from, in the order of the columns everywhere. Each lies in [-1, 1].
FACTORS = (
    "light_direction",
    "hair_length",
    "hair_volume",
    "head_tilt",
    "face_width",
    "fringe",
    "smile",
)

#: Faces in all; METHODS: 2,100 presented, 2,100 trained on, 2,038 both.
N_FACES = 2162
N_HELD_OUT = 62
N_NOT_PRESENTED = 62

SEED = 20200625


def draw_factors(n: int = N_FACES, *, seed: int = SEED) -> NDArray[np.float64]:
    """Draw faces: every factor by itself, uniform on [-1, 1].

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    array of shape (n, n_factors), float64
        Rounded to six decimals, as they are written.
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
        Indexed by stimulus_id; columns filename, presented, training (bool), then the factors. 62 faces
        are presented and never trained on, 62 trained on and never presented, the others both.
    """
    ids = [f"face_{number:04d}" for number in range(1, N_FACES + 1)]
    order = np.random.default_rng([seed, 1]).permutation(N_FACES)
    presented, training = np.ones(N_FACES, dtype=bool), np.ones(N_FACES, dtype=bool)
    training[order[:N_HELD_OUT]] = False
    presented[order[N_HELD_OUT : N_HELD_OUT + N_NOT_PRESENTED]] = False
    table = pd.DataFrame(
        {"filename": [f"{each}.webp" for each in ids], "presented": presented, "training": training},
        index=pd.Index(ids, name="stimulus_id"),
    )
    return table.join(pd.DataFrame(draw_factors(seed=seed), columns=list(FACTORS), index=table.index))
