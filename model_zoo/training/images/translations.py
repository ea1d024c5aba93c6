"""Translations of faces by a few pixels, which give a classifier several images of each face."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

#: Shifts of a face in pixels, down and to the right.
SHIFTS = (-2, -1, 0, 1, 2)
#: Number of images of each face: one for every pair of a vertical and a horizontal shift.
N_TRANSLATIONS = len(SHIFTS) ** 2


class Translations:
    """All translations of all faces. Pixels from outside an image repeat its edge.

    Example ``25 f + 5 i + j`` is face f, shifted down by ``SHIFTS[i]`` and to the right by ``SHIFTS[j]``.

    Parameters
    ----------
    pixels : tensor of float32, shape (n_faces, size, size)
        Faces on any device, where the translations are made.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Dataset", describes a 5×5 grid without further details. Here
    the grid is centred on the original face and has steps of one pixel of the network's input.
    """

    def __init__(self, pixels: "Tensor") -> None:
        from torch.nn.functional import pad

        most, size = max(SHIFTS), pixels.shape[-1]
        padded = pad(pixels[:, None], (most,) * 4, mode="replicate")[:, 0]
        # Views, not copies.
        self._windows = padded.unfold(1, size, 1).unfold(2, size, 1)

    def __len__(self) -> int:
        return len(self._windows) * N_TRANSLATIONS

    def take(self, examples: "Tensor") -> "Tensor":
        """Return images of examples, with the dimensions of `examples` and (size, size)."""
        faces, translations = examples // N_TRANSLATIONS, examples % N_TRANSLATIONS
        last = len(SHIFTS) - 1
        # A window that starts lower shows the face higher.
        return self._windows[faces, last - translations // len(SHIFTS), last - translations % len(SHIFTS)]


@dataclass(frozen=True)
class Split:
    """Division of the images into parts; every face has images in every part.

    Parameters
    ----------
    training, validation, test : arrays of int64
        Numbers of examples (see :class:`Translations`), ascending.
    """

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(n_faces: int, *, seed: int) -> Split:
    """Split the images of each face 80/10/10.

    For each face, 20 of the 25 images, drawn at random, are for training. Of the other five images, a random half of
    the faces has three for validation and two for the test; the other half has two for validation and three for the
    test.

    Parameters
    ----------
    n_faces : int
        Number of faces.
    seed : int
        Seed of the draws.

    Returns
    -------
    Split
    """
    rng = np.random.default_rng([seed, 3])
    order = rng.permuted(np.tile(np.arange(N_TRANSLATIONS), (n_faces, 1)), axis=1)
    examples = order + N_TRANSLATIONS * np.arange(n_faces)[:, np.newaxis]
    n_training = N_TRANSLATIONS * 8 // 10
    middle = n_training + (N_TRANSLATIONS - n_training) // 2
    # The third of the five images is for validation in a random half of the faces.
    to_validation = rng.permutation(n_faces) < n_faces // 2
    return Split(
        np.sort(examples[:, :n_training], axis=None),
        np.sort(np.concatenate([examples[:, n_training:middle].ravel(), examples[to_validation, middle]])),
        np.sort(np.concatenate([examples[~to_validation, middle], examples[:, middle + 1 :].ravel()])),
    )
