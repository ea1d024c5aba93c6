"""Alignment of regenerated neurons, with their tuning as it is and turned: the axis index κ of a model."""

from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.metrics.axis_index import AxisIndex, axis_index, is_special
from neuroalign.metrics.completeness import completeness
from neuroalign.metrics.lasso.cv import lasso_cv
from neuroalign.metrics.turned_tuning import TurnedTuning

FloatArray = NDArray[np.float64]

#: Responses that are regenerated and fitted at a time: 240 MB.
BATCH = 3 * 10**7


@dataclass(frozen=True, eq=False)
class TurnedAlignment:
    """Result of :func:`turned_alignment`.

    Parameters
    ----------
    strength : array of float64, shape (n_turns + 1, J)
        Sum of the ``|weights|`` of each regenerated neuron; the first row is the one without a turn.
    entropy : array of float64, shape (n_turns + 1, J)
        Entropy of the weights in nats; 0 for neurons without weight.
    """

    strength: FloatArray
    entropy: FloatArray

    @property
    def mean_entropy(self) -> FloatArray:
        """Mean entropy in nats, weighted by the strength, (n_turns + 1,); NaN where no neuron has weight."""
        total = self.strength.sum(axis=1)
        weighted = (self.strength * self.entropy).sum(axis=1)
        return divide(weighted, total, otherwise=np.nan)

    def index(self, n_units: int) -> AxisIndex:
        """Return κ with C(I) and C(Q) for the base `n_units` of the logarithm; κ does not depend on it."""
        scores = 1.0 - self.mean_entropy / np.log(max(n_units, 2))
        return axis_index(float(scores[0]), scores[1:])

    def of_counts(self, counts: ArrayLike) -> FloatArray:
        """Return κ of resampled neurons.

        Parameters
        ----------
        counts : array of float, shape (n_draws, J)
            Number of draws of each neuron. A turned neuron goes with the neuron that has the same share of signal.

        Returns
        -------
        array of float64, shape (n_draws,)
            0, the level of chance, where a draw leaves κ undefined.
        """
        drawn = np.asarray(counts, dtype=np.float64)
        return index_of_sums(drawn @ self.strength.T, drawn @ (self.strength * self.entropy).T)

    def error(self, *, n_resamples: int = 2_000, seed: int = 0) -> float:
        """Return the bootstrap standard error of κ over neurons; NaN for fewer than two neurons."""
        n = self.strength.shape[1]
        if n < 2:
            return float("nan")
        counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
        return float(self.of_counts(counts).std(ddof=1))

    def special(self, *, seed: int = 0) -> bool:
        """Say whether the axes are special: see :func:`neuroalign.metrics.is_special`."""
        index = self.index(2)
        return is_special(index.value, self.error(seed=seed), index.p)


def index_of_sums(strength: FloatArray, weighted: FloatArray) -> FloatArray:
    """Return κ = 1 − H(I)/H̄(Q) from sums over neurons.

    Parameters
    ----------
    strength, weighted : array of float64, shape (n_draws, n_turns + 1)
        Sums of the strength, and of strength times entropy; the first column is the one without a turn.

    Returns
    -------
    array of float64, shape (n_draws,)
        0 where κ is undefined.
    """
    mean = divide(weighted, strength, otherwise=0.0)
    level = mean[:, 1:].mean(axis=1)
    defined = (level > 1e-9) & (strength[:, 0] > 0)
    return 1.0 - divide(mean[:, 0], np.where(defined, level, 0.0), otherwise=1.0)


def turned_alignment(
    Z: ArrayLike, model: TurnedTuning, *, n_turns: int = 20, **lasso: Any
) -> TurnedAlignment:
    """Fit the Lasso of alignment to regenerated neurons, with their tuning as it is and turned.

    Parameters
    ----------
    Z : array of shape (N, D)
        Latents, stimuli in rows, as for :func:`lasso_cv`.
    model : TurnedTuning
        Model of the recorded neurons on these latents; see :func:`turned_tuning`.
    n_turns : int
        Number of random turns.
    **lasso
        Options of :func:`lasso_cv`, such as folds, rule and number of λ.

    Returns
    -------
    TurnedAlignment

    Notes
    -----
    All sets of neurons are fitted in one call, which computes the Gram matrices of the units once.

    Examples
    --------
    Twenty neurons that follow one unit each, and mixtures of the units:

    >>> import numpy as np
    >>> from neuroalign.metrics import turned_alignment
    >>> from neuroalign.metrics import turned_tuning
    >>> rng = np.random.default_rng(0)
    >>> Z, noise = rng.standard_normal((400, 4)), rng.standard_normal((400, 20))
    >>> single, mixed = Z[:, [0, 1, 2, 3] * 5] + noise, Z @ rng.standard_normal((4, 20)) + noise
    >>> for Y in (single, mixed):
    ...     print(round(turned_alignment(Z, turned_tuning(Z, Y)).index(4).value, 1))
    1.0
    -0.0
    """
    native = model.native()
    sets = chain([native], model.turned(n_turns))
    per_batch = max(1, BATCH // max(native.size, 1))
    weights = []
    while batch := list(islice(sets, per_batch)):
        weights.append(lasso_cv(Z, np.hstack(batch), **lasso).weights)
    fitted = np.hstack(weights)
    effective = completeness(fitted, n_units=max(2, len(fitted))).effective_units
    shape = (n_turns + 1, native.shape[1])
    return TurnedAlignment(
        np.abs(fitted).sum(axis=0).reshape(shape),
        np.log(np.nan_to_num(effective, nan=1.0)).reshape(shape),
    )
