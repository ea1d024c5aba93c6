"""Partitions of stimuli for cross-validation."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.masked import as_labels

#: Label of stimuli that are fitted and never predicted, as in scikit-learn's ``PredefinedSplit``.
FITTED_ONLY = -1


def predicted_rows(labels: ArrayLike) -> NDArray[np.bool_]:
    """Return which stimuli are predicted: all, except those with the label -1.

    Parameters
    ----------
    labels : array of shape (N,)
        Fold of each stimulus. Labels of text are all predicted.

    Returns
    -------
    array of bool, shape (N,)

    Examples
    --------
    >>> predicted_rows([-1, -1, 0]), predicted_rows([0, 1, 0])
    (array([False, False,  True]), array([ True,  True,  True]))
    """
    values = as_labels(labels, "folds")
    if values.dtype.kind != "i":
        return np.ones(values.shape, dtype=bool)
    rows: NDArray[np.bool_] = values != FITTED_ONLY
    return rows


def fold_labels(
    n_stimuli: int, n_folds: int, *, seed: int = 0, groups: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Assign each stimulus to a fold by a seeded permutation; sizes of folds, in groups, differ by at most one.

    Parameters
    ----------
    n_stimuli : int
        Number of stimuli to assign.
    n_folds : int
        Number of folds, from 2 to the number of stimuli (or groups).
    seed : int
        Seed of the permutation, not negative.
    groups : array of shape (n_stimuli,), optional
        Stimuli of one group, such as variants of one image, share a fold.

    Returns
    -------
    array of int64, shape (n_stimuli,)
        Labels 0 to n_folds - 1.

    Raises
    ------
    UsageError
        If there are fewer stimuli or groups than folds. The number of folds is never reduced automatically.

    Examples
    --------
    >>> from neuroalign.metrics import fold_labels
    >>> fold_labels(6, 3)
    array([1, 2, 1, 0, 0, 2])
    >>> fold_labels(6, 2, groups=["a", "a", "b", "b", "c", "d"])
    array([1, 1, 0, 0, 0, 1])
    """
    if groups is None:
        members = np.arange(n_stimuli)
    else:
        labels = as_labels(groups, "groups")
        if labels.shape != (n_stimuli,):
            raise UsageError(f"groups must have shape ({n_stimuli},), got {labels.shape}")
        members = np.unique(labels, return_inverse=True)[1]
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    n_groups = int(members.max(initial=-1)) + 1
    if not 2 <= n_folds <= n_groups:
        kind, remedy = "stimuli", f"choose n_folds={n_groups} or fewer"
        if n_groups < n_stimuli:
            kind, remedy = "groups of stimuli", f"variants of one original form one group: {remedy}"
        if n_groups < 2:
            remedy = "at least two groups of stimuli are needed"
        if n_folds < 2:
            remedy = "choose 2 or more"
        raise UsageError(
            f"n_folds must be from 2 to the number of {kind}, {n_groups}, got {n_folds}; {remedy}"
        )
    of_group = np.empty(n_groups, dtype=np.int64)
    of_group[np.random.default_rng(seed).permutation(n_groups)] = np.arange(n_groups) % n_folds
    return of_group[members]
