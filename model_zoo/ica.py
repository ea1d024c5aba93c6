"""Independent components of pixels (the paper's "ICA")."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignWarning
from neuroalign.model_zoo.fitted.base import IMAGE_SIZE, FittedFamily
from neuroalign.model_zoo.fitted.components import Matrix, signs
from neuroalign.model_zoo.fitted.pixels import SIZES, Decomposition, LinearPixelModel
from neuroalign.validation import NonNegative, check_value

_MAX_ITERATIONS = 2000
_TOLERANCE = 1e-4


class PixelICA(LinearPixelModel):
    """Independent components in the space of the first n principal components.

    The training images are whitened in this space, and FastICA (parallel, log cosh) finds the rotation that makes the
    units as independent as possible. Each unit has unit variance over the training images. Its sign is chosen so that
    the pixel that it changes most becomes brighter with larger values.

    Parameters
    ----------
    identifier : str
    n : int
        Number of units.
    seed : int
        Seed of the initial matrix of FastICA.
    image_size : int
        Images are resampled to image_size × image_size grey pixels.
    dataset : Dataset, optional
        See :class:`LinearPixelModel`.

    References
    ----------
    Hyvärinen & Oja (2000), Neural Networks 13:411.
    """

    def __init__(
        self,
        identifier: str,
        *,
        n: int,
        seed: int = 0,
        image_size: int = IMAGE_SIZE,
        dataset: Dataset | None = None,
    ) -> None:
        super().__init__(identifier, n=n, image_size=image_size, dataset=dataset)
        check_value(seed, NonNegative, "seed", owner=identifier)
        self.seed = seed

    def options(self) -> dict[str, Any]:
        """Return the options that distinguish this instance from other instances of its family."""
        return {**super().options(), "seed": self.seed}

    def _unmixing(self, decomposition: Decomposition) -> Matrix:
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        scale = decomposition.components.scale[: self.n]
        varies = scale > 0
        n = int(varies.sum())
        unmixing = np.zeros((self.n, self.n))
        if n == 0:
            return unmixing
        whitened = decomposition.training[:, : self.n][:, varies] / scale[varies]
        start = np.random.default_rng(self.seed).standard_normal((n, n))
        ica = FastICA(whiten=False, w_init=start, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE)
        with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            ica.fit(whitened)
        if ica.n_iter_ >= _MAX_ITERATIONS:
            warnings.warn(
                f"{self.identifier}: FastICA did not converge in {_MAX_ITERATIONS} iterations; "
                "its components may be poorly separated",
                NeuroalignWarning,
                stacklevel=3,
            )
        # components_ is orthogonal, so its rows are also the patterns in the whitened space.
        patterns = (ica.components_ * scale[varies]) @ decomposition.components.axes[: self.n][varies]
        rotation = ica.components_ * signs(patterns)[:, np.newaxis]
        unmixing[:n, varies] = rotation / scale[varies]
        return unmixing


class ICA(FittedFamily):
    """Independent components of pixels, fitted to the training images by FastICA.

    Higgins et al. (2020) have five sizes with ten seeds each (50 in all):
    ``ICA(seeds=range(10))``. By default there are two seeds for n = 10, 20, …, 50, so that scoring takes little time.
    Any other instance is available by name: ``ica[n=11,seed=7]``. All instances share one decomposition.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units.
    seeds : sequence of int

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baselines".
    """

    identifier = "ica"
    model = PixelICA
    option_names = ("n", "seed", "image_size")

    def __init__(self, *, sizes: Sequence[int] = SIZES, seeds: Sequence[int] = (0, 1)) -> None:
        self.sizes = tuple(sizes)
        self.seeds = tuple(seeds)

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return one set of options for each size and seed."""
        return [{"n": n, "seed": seed} for n in self.sizes for seed in self.seeds]
