"""Principal components of pixels (the paper's "PCA")."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.model_zoo.fitted.base import FittedFamily
from neuroalign.model_zoo.fitted.components import Matrix
from neuroalign.model_zoo.fitted.pixels import SIZES, Decomposition, LinearPixelModel


class PixelPCA(LinearPixelModel):
    """The first n principal components of the training images; see :class:`LinearPixelModel`."""

    def _unmixing(self, decomposition: Decomposition) -> Matrix:
        return np.eye(self.n)


class PCA(FittedFamily):
    """Principal components of pixels, fitted to the training images.

    Higgins et al. (2020) have one instance for each n from 10 to 50 (41 in all):
    ``PCA(sizes=PAPER_SIZES)``, with :data:`neuroalign.model_zoo.fitted.pixels.PAPER_SIZES`. By default there
    are five instances, n = 10, 20, …, 50, so that scoring takes little time. Any other instance is available by name:
    ``pca[n=11]``, ``pca[n=50,image_size=32]``. All instances share one decomposition.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baselines".
    """

    identifier = "pca"
    model = PixelPCA
    option_names = ("n", "image_size")

    def __init__(self, *, sizes: Sequence[int] = SIZES) -> None:
        self.sizes = tuple(sizes)

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return one set of options for each size."""
        return [{"n": n} for n in self.sizes]
