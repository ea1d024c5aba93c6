"""Cross-validated matchings of units and neurons: similarities of training and held-out stimuli, sums over folds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.folds import predicted_rows
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns, standardise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: A column with a smaller SD over the training stimuli, in units of its SD over all stimuli, has no correlation there.
LEAST_SD = 1e-8
#: Decimals of the similarities that fix a matching: copies of a column get equal similarities.
DECIMALS = 12


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a unit and a neuron.

    Parameters
    ----------
    unit, neuron : arrays of int, shape (n_pairs,)
        Indices of the pairs with mass.
    mass : array of float64, shape (n_pairs,)
        Positive mass of each pair.
    """

    unit: IntArray
    neuron: IntArray
    mass: FloatArray


@dataclass(frozen=True, eq=False)
class FoldSimilarity:
    """Similarities of units and neurons in one fold.

    Parameters
    ----------
    share : float
        Share of the stimuli that are held out.
    train : array of float64, shape (D, J)
        Correlation over the training stimuli.
    held_out : array of float64, shape (D, J)
        Mean over the held-out stimuli of the product of the columns, standardised over all stimuli.
    """

    share: float
    train: FloatArray
    held_out: FloatArray


@dataclass(frozen=True, eq=False)
class Matching:
    """Result of a matching of units and neurons.

    Parameters
    ----------
    score : float
        Mean held-out similarity of the matched pairs, weighted by their mass.
    per_neuron : array of float64, shape (J,)
        Mean held-out similarity of each neuron with its units; NaN for a neuron that is never matched.
    neuron_share : array of float64, shape (J,)
        Matched share of each neuron, from 0 to 1, mean over folds. ``score = Σ share · value / Σ share``.
    best_unit : array of int, shape (J,)
        Unit with the largest mass over folds; -1 for a neuron that is never matched.
    per_unit, unit_share, best_neuron : arrays of shape (D,)
        The same for the units.
    fold_similarity : array of float64, shape (n_folds, J)
        Mean held-out similarity of each neuron in each fold, in the order of the sorted labels; NaN where it is not
        matched.
    fold_share : array of float64, shape (n_folds, J)
        Matched share of each neuron in each fold, times the share of the stimuli in the fold; `neuron_share` is the
        sum over folds.
    """

    score: float
    per_neuron: FloatArray
    neuron_share: FloatArray
    best_unit: IntArray
    per_unit: FloatArray
    unit_share: FloatArray
    best_neuron: IntArray
    fold_similarity: FloatArray
    fold_share: FloatArray


def fold_similarities(
    units: FloatArray, neurons: FloatArray, folds: ArrayLike | None = None
) -> Iterator[FoldSimilarity]:
    """Yield the similarities of each fold.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        Finite.
    neurons : array of float64, shape (N, J)
        Responses to the same stimuli, finite.
    folds : array of shape (N,), optional
        Label of the fold of each stimulus; stimuli with the label -1 are training stimuli of all folds. Without it, all
        stimuli are training and held-out stimuli of one fold.

    Yields
    ------
    FoldSimilarity
        In the order of the labels. The mean of ``held_out`` over folds, weighted by ``share``, is Pearson's r over the
        stimuli that are held out in some fold.

    Raises
    ------
    UsageError
        If there is only one fold.
    ArrayError
        If the labels do not fit the stimuli.
    """
    x, y = standardise(units), standardise(neurons)
    n_stimuli = len(x)
    total = x.T @ y
    if folds is None:
        r = np.clip(total / n_stimuli, -1.0, 1.0)
        yield FoldSimilarity(1.0, r, r)
        return
    labels = as_labels(folds, "folds")
    if labels.shape != (n_stimuli,):
        raise ArrayError(f"folds must have shape ({n_stimuli},), got {labels.shape}")
    names = np.unique(labels)
    if names.size >= 2 and not predicted_rows(labels).all():
        yield from _held_out_only(units, neurons, labels)
        return
    if names.size < 2:
        raise UsageError(
            "a matching needs two folds at least, got 1; leave folds out for the in-sample score"
        )
    for fold in names:
        test = labels == fold
        n_test = int(test.sum())
        product = x[test].T @ y[test]
        (mean_x, sd_x), (mean_y, sd_y) = _moments(x[~test]), _moments(y[~test])
        train = (total - product) / (n_stimuli - n_test) - np.outer(mean_x, mean_y)
        train *= np.outer(
            divide(1.0, np.where(sd_x > LEAST_SD, sd_x, 0.0), otherwise=0.0),
            divide(1.0, np.where(sd_y > LEAST_SD, sd_y, 0.0), otherwise=0.0),
        )
        yield FoldSimilarity(n_test / n_stimuli, np.clip(train, -1.0, 1.0, out=train), product / n_test)


def _held_out_only(
    units: FloatArray, neurons: FloatArray, labels: NDArray[np.generic]
) -> Iterator[FoldSimilarity]:
    """Yield the similarities of folds that do not cover all stimuli; held-out stimuli are standardised together."""
    rows = predicted_rows(labels)
    x, y = standardise(units[rows]), standardise(neurons[rows])
    for fold in np.unique(labels[rows]):
        seen, test = labels != fold, labels[rows] == fold
        train = standardise(units[seen]).T @ standardise(neurons[seen]) / seen.sum()
        held_out = x[test].T @ y[test] / test.sum()
        yield FoldSimilarity(float(test.mean()), np.clip(train, -1.0, 1.0), held_out)


def match_folds(
    Z: ArrayLike,
    Y: ArrayLike,
    match: Callable[[FloatArray, NDArray[np.bool_]], Pairs],
    *,
    folds: ArrayLike | None = None,
    ranks: bool = False,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
    full: tuple[float, float] | None = None,
) -> Matching:
    """Match units and neurons on the training stimuli of each fold, and average the held-out similarities.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus. Units without variance are left out.
    Y : array of shape (N, J)
        Responses to the same stimuli. Neurons without variance are left out.
    match : callable
        Returns the pairs for a similarity, (D', J'), and a mask of the pairs that are not allowed, (D', J').
    folds : array of shape (N,), optional
        Label of the fold of each stimulus, as of :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        training stimuli of all folds. Without it, the matching and the similarities are from the same stimuli
        (in-sample).
    ranks : bool
        Whether the values are replaced by their ranks over all stimuli: Spearman's correlation. Stimuli with the label
        -1 and the others are ranked apart.
    absolute : bool
        Whether the sign of a pair is free; the training stimuli fix it.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not matched with, such as the neuron itself; -1 for no unit.
    full : tuple of float, optional
        Mass of a unit and of a neuron that is fully matched; by default 1/D' and 1/J'.

    Returns
    -------
    Matching

    Raises
    ------
    UsageError
        If no unit or no neuron varies, or `match` has no pairs.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    """
    units, neurons = as_pair(Z, Y)
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    rows = np.ones(len(units), dtype=bool) if folds is None else predicted_rows(folds)
    if rows.shape != (len(units),) or not rows.any():
        rows = np.ones(len(units), dtype=bool)
    kept_units, kept_neurons = _varying(units[rows], "unit"), _varying(neurons[rows], "neuron")
    forbidden = np.zeros((units.shape[1], neurons.shape[1]), dtype=bool)
    forbidden[excluded[excluded >= 0], np.flatnonzero(excluded >= 0)] = True
    forbidden = forbidden[np.ix_(kept_units, kept_neurons)]
    x, y = units[:, kept_units], neurons[:, kept_neurons]
    if ranks:
        from scipy.stats import rankdata

        for part in (rows, ~rows):
            if part.any():
                x[part], y[part] = rankdata(x[part], axis=0), rankdata(y[part], axis=0)
    matched: list[tuple[Pairs, FloatArray]] = []
    for fold in fold_similarities(x, y, folds):
        gain = np.round(np.abs(fold.train) if absolute else fold.train, DECIMALS)
        pairs = _match_in_order(match, gain, forbidden)
        similarity = fold.held_out[pairs.unit, pairs.neuron]
        if absolute:
            similarity = np.where(fold.train[pairs.unit, pairs.neuron] < 0, -similarity, similarity)
        mass = pairs.mass * fold.share
        matched.append((Pairs(kept_units[pairs.unit], kept_neurons[pairs.neuron], mass), similarity))
    every = Pairs(
        *(
            np.concatenate([getattr(pairs, name) for pairs, _ in matched])
            for name in ("unit", "neuron", "mass")
        )
    )
    if not every.mass.size:
        raise UsageError("no unit can be matched with a neuron: only excluded pairs are left")
    similarity = np.concatenate([values for _, values in matched])
    of_unit, of_neuron = full or (1.0 / kept_units.size, 1.0 / kept_neurons.size)
    shape = (units.shape[1], neurons.shape[1])
    by_neuron = _sum_pairs(every.neuron, every.unit, every.mass, similarity, shape[1], shape[0], of_neuron)
    by_unit = _sum_pairs(every.unit, every.neuron, every.mass, similarity, shape[0], shape[1], of_unit)
    mass = _sum_folds([(pairs.neuron, pairs.mass) for pairs, _ in matched], shape[1])
    gained = _sum_folds([(pairs.neuron, pairs.mass * values) for pairs, values in matched], shape[1])
    return Matching(
        float(every.mass @ similarity / every.mass.sum()),
        *by_neuron,
        *by_unit,
        fold_similarity=divide(gained, mass, otherwise=np.nan),
        fold_share=mass / of_neuron,
    )


def splice_matchings(matchings: Sequence[Matching], chosen: IntArray) -> tuple[float, FloatArray, FloatArray]:
    """Join the matchings of several models with the same neurons, with one model for each fold and neuron.

    Parameters
    ----------
    matchings : sequence of Matching
        Matchings of the same neurons in the same folds.
    chosen : array of int, shape (n_folds, J)
        Index of the model for each fold and neuron.

    Returns
    -------
    score : float
        ``Σ share · value / Σ share``, as for one matching; NaN where no neuron is matched.
    per_neuron, neuron_share : arrays of float64, shape (J,)
        See :class:`Matching`.
    """
    similarity, share = (
        np.take_along_axis(np.stack([getattr(matching, name) for matching in matchings]), chosen[None], 0)[0]
        for name in ("fold_similarity", "fold_share")
    )
    total = share.sum(axis=0)
    gained = np.where(share > 0, share * np.nan_to_num(similarity), 0.0).sum(axis=0)
    score = float(gained.sum() / total.sum()) if total.sum() > 0 else float("nan")
    return score, divide(gained, total, otherwise=np.nan), total


def _sum_folds(folds: Sequence[tuple[IntArray, FloatArray]], n_neurons: int) -> FloatArray:
    """Return the sum of the weights of each neuron in each fold, (n_folds, n_neurons)."""
    return np.stack([np.bincount(neuron, weights, minlength=n_neurons) for neuron, weights in folds])


def _varying(values: FloatArray, noun: str) -> IntArray:
    kept = np.flatnonzero(~constant_columns(values))
    if not kept.size:
        raise UsageError(f"a matching needs a {noun} with variance, got only constant {noun}s")
    return kept


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the SD of each column; in two passes, so that small SDs are exact."""
    mean = values.mean(axis=0)
    centred = values - mean
    return mean, np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(values))


def _match_in_order(
    match: Callable[[FloatArray, NDArray[np.bool_]], Pairs], gain: FloatArray, forbidden: NDArray[np.bool_]
) -> Pairs:
    """Match rows and columns in an order that depends on their content alone, because ties are broken by order."""
    rows, columns = _canonical_order(gain), _canonical_order(gain.T)
    pairs = match(gain[np.ix_(rows, columns)], forbidden[np.ix_(rows, columns)])
    return Pairs(rows[pairs.unit], columns[pairs.neuron], pairs.mass)


def _canonical_order(gain: FloatArray) -> IntArray:
    """Sort rows by sums over their entries, which do not depend on the order of the columns."""
    # The order of a sum changes its last digits.
    return np.lexsort((np.round((gain**3).sum(axis=1), 9), np.round(gain.sum(axis=1), 9)))


def _sum_pairs(
    side: IntArray,
    partner: IntArray,
    mass: FloatArray,
    similarity: FloatArray,
    n_side: int,
    n_partners: int,
    full: float,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the mean similarity, the matched share and the partner with the largest mass, for one side."""
    total = np.bincount(side, weights=mass, minlength=n_side)
    value = divide(np.bincount(side, weights=mass * similarity, minlength=n_side), total, otherwise=np.nan)
    # Mass of each pair over folds.
    pair, place = np.unique(side * n_partners + partner, return_inverse=True)
    of_pair = np.bincount(place, weights=mass)
    best = np.full(n_side, -1, dtype=np.int64)
    # Later entries overwrite earlier ones: the largest mass last, and of equal masses the first partner.
    order = np.lexsort((-pair, np.round(of_pair, DECIMALS)))
    best[pair[order] // n_partners] = pair[order] % n_partners
    return value, total / full, best
