"""Privileged axes: score of units against scores of the same units in randomly rotated axes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.completeness import completeness
from neuroalign.metrics.folds import FITTED_ONLY, fold_labels, predicted_rows
from neuroalign.metrics.inputs import as_informative, as_matrix, as_pair, constant_columns
from neuroalign.metrics.lasso.cv import lasso_cv
from neuroalign.metrics.lasso.rotated import RotatedLasso, rotated_lasso
from neuroalign.metrics.lasso.threads import in_threads, one_blas_thread
from neuroalign.metrics.rotated_matching import MATCHERS, HeldOutNeurons, NeuronFolds
from neuroalign.metrics.rotations import RectifiedRotations, Rotations
from neuroalign.progress import progress

FloatArray = NDArray[np.float64]
Metric = Literal["semi", "soft", "one_to_one", "alignment"]

#: Share of zeros from which a unit looks rectified, and the share of such units from which a layer does.
ZEROS, RECTIFIED_UNITS = 0.05, 0.5
# Largest difference between rectified inputs and units, in standard deviations of all units: networks compute in
# single precision.
_SAME = 1e-4


@dataclass(frozen=True, eq=False)
class PrivilegedAxes:
    """Result of :func:`privileged_axes`.

    Parameters
    ----------
    values, weights : array of float64, shape (n_rotations + 1, J)
        Value of each neuron, and its weight in the score ``Σ weight·value / Σ weight``; the first row belongs to the
        native axes, the others to rotated axes.
    """

    values: FloatArray
    weights: FloatArray

    @property
    def scores(self) -> FloatArray:
        """Score of the native axes and of each rotation, (n_rotations + 1,); 0 where no neuron has weight."""
        return divide((self.weights * self.values).sum(axis=1), self.weights.sum(axis=1), otherwise=0.0)

    @property
    def native(self) -> float:
        """Score of the native axes."""
        return float(self.scores[0])

    @property
    def rotated(self) -> FloatArray:
        """Score of each rotation, (n_rotations,)."""
        return self.scores[1:]

    @property
    def drop(self) -> float:
        """Native score minus the mean score of the rotations."""
        return self.native - float(self.rotated.mean())

    @property
    def p(self) -> float:
        """Share of axes that score at least as well as the native axes, the native axes included."""
        return (1 + int((self.rotated >= self.native).sum())) / (1 + self.rotated.size)

    @property
    def per_neuron(self) -> FloatArray:
        """Native value minus the mean value over rotations of each neuron, (J,); NaN for neurons without weight."""
        native = np.where(self.weights[0] > 0, self.values[0], np.nan)
        rotated = self.weights[1:].sum(axis=0)
        mean = divide((self.weights[1:] * self.values[1:]).sum(axis=0), rotated, otherwise=np.nan)
        drops: FloatArray = native - mean
        return drops


@one_blas_thread()
def privileged_axes(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    metric: Metric = "semi",
    n_rotations: int = 199,
    before: ArrayLike | None = None,
    absolute: bool = False,
    in_sample: bool = False,
    informative: ArrayLike | None = None,
    n_folds: int = 10,
    folds: ArrayLike | None = None,
    seed: int = 0,
    n_threads: int | None = None,
) -> PrivilegedAxes:
    """Test whether units predict neurons better than the same units in randomly rotated axes.

    With S(Z) the score of the units and Q_b Haar rotations of the units, the drop is S(Z) − mean S(Z·Q_b), and
    p = (1 + #{S(Z·Q_b) ≥ S(Z)}) / (1 + B). Units are centred and not scaled. Neurons are never rotated.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model, stimuli in rows.
    Y : array of shape (N, J)
        Responses to the same stimuli.
    metric : {"semi", "soft", "one_to_one", "alignment"}
        Score of the units. "semi": mean over neurons of the correlation with the best unit. "soft": soft matching.
        "one_to_one": mean over the pairs of the best assignment. "alignment": completeness of the Lasso weights with
        D, the number of informative units, as the base of the logarithm.
    n_rotations : int
        B, at least 1.
    before : array of shape (N, D), optional
        Inputs of rectified units, such that ``max(before, 0)`` is Z. The inputs are then rotated and rectified; see
        :class:`neuroalign.metrics.rotations.RectifiedRotations`.
    absolute : bool
        Whether a negative correlation counts like a positive one; its sign is taken from the training folds.
        Alignment does not depend on signs.
    in_sample : bool
        Whether pairs are chosen and scored on the same stimuli. Alignment is not a held-out score, so that this does
        not change it.
    informative : array of bool, shape (D,), optional
        Units that count; by default those that vary.
    n_folds, folds, seed
        Folds of the cross-validation, as for :func:`neuroalign.metrics.lasso_cv`; `seed` also draws the rotations. For
        matchings, stimuli with the label -1 fix the pairs and all others score them.
    n_threads : int, optional
        Number of threads over rotations; the result does not depend on it.

    Returns
    -------
    PrivilegedAxes

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or ``max(before, 0)`` is not Z.
    UsageError
        If an option is out of range, or fewer than two units are informative.

    Notes
    -----
    "semi" is the default because it has one value for each neuron, does not depend on the number of neurons, and
    rejects least often where no axes are special: see the calibration in the documentation. The test is not valid
    where both units and neurons are rectified or skewed (shared marginals favour native axes), where units are noisy,
    or where units differ in quality. The axis index κ of :func:`neuroalign.metrics.turned_tuning` is the test to
    prefer; this test serves the comparison with published numbers.

    References
    ----------
    Khosla, Williams, McDermott & Kanwisher (2024), bioRxiv 2024.06.20.599957; Khosla & Williams (2023), arXiv
    2311.09466 (soft matching); Li et al. (2016), arXiv 1511.07543 (one-to-one and semi-matching).

    Examples
    --------
    Neurons that follow single units, and neurons that follow mixtures:

    >>> import numpy as np
    >>> from neuroalign.metrics import privileged_axes
    >>> rng = np.random.default_rng(0)
    >>> Z, noise = rng.standard_normal((400, 5)), rng.standard_normal((400, 20))
    >>> for Y in (Z[:, [0, 1, 2, 3, 4] * 4] + noise, Z @ rng.standard_normal((5, 20)) + noise):
    ...     result = privileged_axes(Z, Y, n_rotations=19)
    ...     print(round(result.drop, 2), result.p)
    0.29 0.05
    -0.04 0.8
    """
    units, neurons = as_pair(Z, Y)
    if metric not in get_args(Metric):
        raise UsageError(f"metric must be one of {', '.join(get_args(Metric))}, got {metric!r}")
    if n_rotations < 1:
        raise UsageError(f"n_rotations must be at least 1, got {n_rotations}")
    mask = as_informative(informative, ~constant_columns(units)) & ~constant_columns(units)
    if mask.sum() < 2:
        raise UsageError(
            f"rotations need two informative units at least, got {int(mask.sum())}: one unit has one axis"
        )
    labels = fold_labels(len(units), n_folds, seed=seed) if folds is None else as_labels(folds, "folds")
    if labels.shape != (len(units),):
        raise ArrayError(f"folds must have shape ({len(units)},), got {labels.shape}")
    rows = predicted_rows(labels)
    if metric == "alignment" and not rows.all():
        raise UsageError("folds of alignment must not have the label -1; give the fitted stimuli alone")
    # One split, where stimuli with the label -1 fix the pairs, or folds numbered from 0.
    labels = np.unique(labels, return_inverse=True)[1] if rows.all() else np.where(rows, 0, FITTED_ONLY)
    rotations: Rotations | RectifiedRotations = Rotations(units[:, mask], seed=seed)
    if before is not None:
        rotations = RectifiedRotations(_inputs(before, units)[:, mask], seed=seed)
    if metric == "alignment":
        score = _alignments(units[:, mask], neurons, labels, rotations)
    else:
        score = _matchings(units[:, mask], neurons, labels, rotations, metric, absolute, in_sample)
    shape = (n_rotations + 1, neurons.shape[1])
    result = PrivilegedAxes(np.zeros(shape), np.zeros(shape))

    def fill(rows: NDArray[np.int64]) -> int:
        for row in rows:
            result.values[row], result.weights[row] = score(row - 1)
        return 0

    # The native score comes first and alone, so that compilation is not repeated in each thread.
    fill(np.array([0]))
    blocks = [np.array([row]) for row in range(1, n_rotations + 1)]
    for _ in progress(in_threads(fill, blocks, n_threads), description="rotations", total=n_rotations):
        pass
    return result


def looks_rectified(units: ArrayLike) -> bool:
    """Return whether units look like the output of a rectification: never negative, with a mass at zero.

    Parameters
    ----------
    units : array of shape (N, D)
        Units of the model, stimuli in rows.

    Returns
    -------
    bool
        Whether no value is negative, and at least half of the units that vary are zero for 5 % of the stimuli.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import looks_rectified
    >>> units = np.random.default_rng(0).standard_normal((50, 3))
    >>> looks_rectified(units), looks_rectified(np.maximum(units, 0))
    (False, True)
    """
    values = as_matrix(units, "units")
    values = values[:, ~constant_columns(values)]
    if not values.size or values.min() < 0:
        return False
    return bool(((values == 0).mean(axis=0) >= ZEROS).mean() >= RECTIFIED_UNITS)


#: Returns values and weights of the neurons for a rotation, or for the native axes where the number is -1.
_Score = Callable[[int], tuple[FloatArray, FloatArray]]


def _matchings(
    units: FloatArray,
    neurons: FloatArray,
    folds: NDArray[np.int64],
    rotations: Rotations | RectifiedRotations,
    metric: str,
    absolute: bool,
    in_sample: bool,
) -> _Score:
    rows = predicted_rows(folds)
    kept = np.flatnonzero(~constant_columns(neurons[rows]))
    if not kept.size:
        raise UsageError("a matching needs a neuron with variance, got only constant neurons")
    sums: NeuronFolds | HeldOutNeurons
    if in_sample or rows.all():
        sums = NeuronFolds.of(neurons[:, kept], np.zeros_like(folds) if in_sample else folds)
    else:
        sums = HeldOutNeurons.of(neurons[:, kept], rows)

    def score(rotation: int) -> tuple[FloatArray, FloatArray]:
        rotated = units if rotation < 0 else rotations.rotated(rotation)
        values, weights = np.zeros((2, neurons.shape[1]))
        values[kept], weights[kept] = sums.match(rotated, MATCHERS[metric], absolute=absolute)
        return values, weights

    return score


def _alignments(
    units: FloatArray,
    neurons: FloatArray,
    folds: NDArray[np.int64],
    rotations: Rotations | RectifiedRotations,
) -> _Score:
    shared: RotatedLasso | None = None
    if isinstance(rotations, Rotations):
        shared = rotated_lasso(rotations.coordinates, neurons, folds, n_threads=1)

    def score(rotation: int) -> tuple[FloatArray, FloatArray]:
        if rotation >= 0 and shared is not None and isinstance(rotations, Rotations):
            weights = shared.fit(rotations.rows(rotation)).weights
        else:
            rotated = units if rotation < 0 else rotations.rotated(rotation)
            weights = lasso_cv(rotated, neurons, folds=folds, n_threads=1).weights
        return np.nan_to_num(completeness(weights).per_neuron), np.abs(weights).sum(axis=0)

    return score


def _inputs(before: ArrayLike, units: FloatArray) -> FloatArray:
    """Return the inputs of rectified units.

    Raises
    ------
    ArrayError
        If the rectified inputs are not the units.
    """
    inputs = as_matrix(before, "before")
    if inputs.shape != units.shape:
        raise ArrayError(f"before must have the shape {units.shape} of the units, got {inputs.shape}")
    farthest = float(np.abs(np.maximum(inputs, 0.0) - units).max())
    if farthest > _SAME * units.std():
        raise ArrayError(
            f"max(before, 0) must be the units, but they differ by up to {farthest:.3g}; give the input of the "
            "rectification of this layer"
        )
    return inputs
