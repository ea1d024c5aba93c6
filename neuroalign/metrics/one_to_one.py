"""Cross-validated one-to-one matching of units and neurons."""

from numpy.typing import ArrayLike

from neuroalign.metrics.matching_folds import Matching, match_folds
from neuroalign.metrics.transport import assign


def one_to_one(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    ranks: bool = False,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
) -> Matching:
    r"""Match units and neurons one to one, and average the held-out correlations of the pairs.

    .. math:: \max_M \sum_{(i, j) \in M} s_{ij}, \quad \text{score} = \frac{1}{\min(D, J)} \sum_{(i, j) \in M} s'_{ij}

    with :math:`\min(D, J)` pairs M, the correlation s over the training stimuli, and the similarity s′ of the
    held-out stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus, in any unit of measurement. Units without variance are left out.
    Y : array of shape (N, J)
        Responses to the same stimuli. Neurons without variance are left out.
    folds : array of shape (N,), optional
        Label of the fold of each stimulus, as of :func:`neuroalign.metrics.fold_labels`. Without it, the matching
        and the similarities are from the same stimuli, so the score is too high (in-sample).
    ranks : bool
        Whether Spearman's correlation replaces Pearson's; ranks are over all stimuli.
    absolute : bool
        Whether the sign of a pair is free. The training stimuli fix it: ``|s|`` is maximised, and s′ is multiplied by
        the sign of s.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not matched with, such as the neuron itself; -1 for no unit.

    Returns
    -------
    Matching
        The share of a neuron is the share of the stimuli in the folds in which it is matched.

    Raises
    ------
    UsageError
        If no unit or neuron varies, only excluded pairs are left, or there is only one fold.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    Notes
    -----
    s′ is the mean over the held-out stimuli of the product of the columns, standardised over all stimuli. Its mean
    over folds is Pearson's r, so a matching that is the same in all folds has the in-sample score, and small folds
    need no correlation of their own. The matching has no access to the pairs of the held-out stimuli.

    References
    ----------
    Li et al. (2016), ICLR, arXiv 1511.07543, "Convergent learning".

    Examples
    --------
    >>> from neuroalign.metrics import one_to_one
    >>> import numpy as np
    >>> from neuroalign.metrics import fold_labels
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((500, 4))
    >>> Y = Z[:, [2, 0, 3, 1]] + 0.5 * rng.standard_normal((500, 4))
    >>> result = one_to_one(Z, Y, folds=fold_labels(500, 5))
    >>> result.best_unit, round(result.score, 2)
    (array([2, 0, 3, 1]), 0.9)
    """
    return match_folds(
        Z, Y, assign, folds=folds, ranks=ranks, absolute=absolute, exclude=exclude, full=(1.0, 1.0)
    )
