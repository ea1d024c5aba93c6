"""Neurons regenerated from a linear model of the data, with native or randomly turned tuning."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import as_pair, constant_columns, standardise
from neuroalign.metrics.ridge import Ridge, held_out_r2, reduced_rank_ridge

FloatArray = NDArray[np.float64]

#: Responses of turned neurons that are kept for the next benchmark: 80 MB.
MOST_KEPT = 10**7


@dataclass(frozen=True, eq=False)
class TurnedTuning:
    """Result of :func:`turned_tuning`: a linear model of the neurons that can be turned.

    Parameters
    ----------
    explained : array of float64, shape (J,)
        Cross-validated R² of the ridge prediction of each neuron; 0 for neurons without variance.
    tuned : array of bool, shape (J,)
        Neurons with a positive R², the ones that are turned.
    rank : int
        Rank of the signal; 0 if fewer than three neurons are tuned.
    signal : array of float64, shape (N, n_tuned)
        Fitted signal of the tuned neurons; the variance of a column is its neuron's R².
    residual : array of float64, shape (N, n_tuned)
        Standardised residuals, with shuffled stimuli.
    untuned : array of float64, shape (N, J - n_tuned)
        The other neurons, standardised, with shuffled stimuli.
    seed : int
        Seed of the shuffle and of the rotations.

    Notes
    -----
    Turned neurons are kept, up to ``MOST_KEPT`` numbers, and must not be written to.
    """

    explained: FloatArray
    tuned: NDArray[np.bool_]
    rank: int
    signal: FloatArray
    residual: FloatArray
    untuned: FloatArray
    seed: int
    _turns: list[FloatArray] = field(default_factory=list, repr=False)

    @property
    def can_turn(self) -> bool:
        """Whether enough neurons are tuned: a rotation that keeps their mean needs three."""
        return self.rank > 0

    def native(self) -> FloatArray:
        """Return the regenerated neurons with their tuning as it is, shape (N, J)."""
        return self._assemble(self.signal, self.explained[self.tuned], np.arange(self.signal.shape[1]))

    def turned(self, n_turns: int) -> Iterator[FloatArray]:
        """Yield regenerated neurons with turned tuning, each of shape (N, J).

        Parameters
        ----------
        n_turns : int
            Number of random rotations. The first rotations are the same for every number.

        Yields
        ------
        array of float64, shape (N, J)
            Column j of a tuned neuron has the same share of signal, R², as neuron j.
        """
        # Several benchmarks take the same turns one after another.
        kept = self._turns[:n_turns]
        yield from kept
        shares = self.explained[self.tuned]
        noise = self.residual * np.sqrt(1 - shares)
        for turn in range(len(kept), n_turns):
            rng = np.random.default_rng([self.seed, 1, turn])
            rotation = mean_keeping_rotation(shares.size, rng)
            signal = self.signal @ rotation
            strength = signal.var(axis=0)
            total = strength + (noise @ rotation).var(axis=0)
            # Neurons with stronger tuning get larger shares of signal, in the order of their ranks.
            order = np.argsort(strength / total, kind="stable")
            place = np.empty_like(order)
            place[order] = np.argsort(shares, kind="stable")
            neurons = self._assemble(signal, shares[place], place)
            if turn == len(self._turns) and neurons.size * (turn + 1) <= MOST_KEPT:
                neurons.flags.writeable = False
                self._turns.append(neurons)
            yield neurons

    def _assemble(self, signal: FloatArray, shares: FloatArray, place: NDArray[np.int64]) -> FloatArray:
        """Mix signal and residuals by the shares, and write column k to tuned neuron ``place[k]``."""
        neurons = np.empty((len(signal), self.tuned.size))
        neurons[:, ~self.tuned] = self.untuned
        columns = np.flatnonzero(self.tuned)[place]
        neurons[:, columns] = np.sqrt(shares) * standardise(signal) + np.sqrt(1 - shares) * self.residual
        return neurons


def turned_tuning(
    Z: ArrayLike, Y: ArrayLike, *, seed: int = 0, groups: ArrayLike | None = None
) -> TurnedTuning:
    """Fit a linear model of the neurons with tuning that can be turned at random.

    The control for "are these axes special?": turned neurons have the same signal subspace, the same strength of
    signal and the same noise as the recorded neurons, but other axes.

    Parameters
    ----------
    Z : array of shape (N, D)
        Latents, stimuli in rows.
    Y : array of shape (N, J)
        Responses averaged over trials, the same stimuli in rows.
    seed : int
        Seed of the folds, the shuffle of the residuals and the rotations.
    groups : array of shape (N,), optional
        Stimuli of one group, such as variants of one image, are held out together.

    Returns
    -------
    TurnedTuning

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    UsageError
        If the seed is negative.

    Notes
    -----
    1. R²_j is the leave-one-out R² of the ridge prediction of neuron j (α by efficient leave-one-out, one α for each
       neuron). Neurons with R²_j > 0 are tuned.
    2. S is the signal of the tuned neurons by reduced-rank ridge regression; its rank and its α minimise the total
       squared error of 5-fold cross-validation. The reduced rank removes noise of estimation, which a rotation would
       otherwise spread over all units. Columns of S are scaled to the variance R²_j.
    3. E holds the standardised residuals, with one random order of the stimuli for all neurons.
    4. A turn is T = S·Q with a random rotation Q of the tuned neurons that keeps their mean: Q·1 = 1.
    5. Column k of T has the share v_k = var(T_k)/(var(T_k) + var((E·diag√(1−R²)·Q)_k)). The column of the largest
       v_k receives the largest R², and so on: c_k.
    6. The turned neuron is √c_k·T_k/sd(T_k) + √(1−c_k)·E_k. Without a turn, c_k = R²_k.

    Untuned neurons keep their responses, with shuffled stimuli.

    References
    ----------
    Mukherjee & Zhu (2011), Stat. Anal. Data Min. 4:612, for reduced-rank ridge regression.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import turned_tuning
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((500, 4))
    >>> Y = Z[:, [0, 1, 2, 3] * 5] + rng.standard_normal((500, 20))
    >>> model = turned_tuning(Z, Y)
    >>> model.rank, int(model.tuned.sum())
    (4, 20)
    """
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    latents, responses = as_pair(Z, Y)
    units, neurons = standardise(latents), standardise(responses)
    n_stimuli = len(units)
    labels = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    explained = held_out_r2(Ridge(units), neurons, groups=labels)
    explained = np.where(constant_columns(responses), 0.0, explained)
    tuned = explained > 0
    order = np.random.default_rng([seed, 0]).permutation(n_stimuli)
    rank, n_tuned = 0, int(tuned.sum())
    signal = np.zeros((n_stimuli, n_tuned))
    n_groups = n_stimuli if labels is None else int(labels.max()) + 1
    if n_tuned >= 3 and n_groups >= 5:
        folds = fold_labels(n_stimuli, 5, seed=seed, groups=labels)
        fitted = reduced_rank_ridge(units, neurons[:, tuned], folds)
        rank, signal = fitted.rank, fitted.prediction
    residual = standardise(neurons[:, tuned] - signal)[order]
    signal = standardise(signal) * np.sqrt(explained[tuned])
    return TurnedTuning(explained, tuned, rank, signal, residual, neurons[:, ~tuned][order], seed)


def mean_keeping_rotation(n: int, rng: np.random.Generator) -> FloatArray:
    """Draw a rotation that keeps the vector of ones, Haar on the orthogonal complement.

    Parameters
    ----------
    n : int
        Dimension, two at least.
    rng : numpy.random.Generator

    Returns
    -------
    array of float64, shape (n, n)
        Orthogonal, with rows and columns that sum to 1.
    """
    # Helmert's contrasts span the complement of the ones.
    contrasts = np.tril(np.ones((n - 1, n)), k=0)
    contrasts[np.arange(n - 1), np.arange(1, n)] = -np.arange(1, n)
    contrasts = (contrasts / np.linalg.norm(contrasts, axis=1, keepdims=True)).T
    q, r = np.linalg.qr(rng.standard_normal((n - 1, n - 1)))
    # The signs of R's diagonal make the distribution of Q uniform (Mezzadri 2007).
    haar = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    rotation: FloatArray = np.full((n, n), 1.0 / n) + contrasts @ haar @ contrasts.T
    return rotation
