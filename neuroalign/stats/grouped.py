"""Resampling of stimuli that may be variants of one original: draws, permutations and standard errors."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError


def draw_stimuli(groups: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw originals with replacement, each with all its variants.

    Parameters
    ----------
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus, 0 to n_originals - 1, as
        ``neuroalign.datasets.stimuli.StimulusSet.groups`` returns it.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    array of int64, shape (n_drawn,)
        Rows of the drawn stimuli. n_drawn is n_stimuli where all originals have equally many variants, and varies
        otherwise. Without variants the rows are ``rng.integers(n_stimuli, size=n_stimuli)``.

    References
    ----------
    Davison, A. C. & Hinkley, D. V. (1997). Bootstrap Methods and their Application, section 3.8: draw the top level
    with replacement and keep the lower levels.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import draw_stimuli
    >>> draw_stimuli([0, 0, 1, 1, 2, 2], np.random.default_rng(0))
    array([4, 5, 2, 3, 2, 3])
    """
    members = _members(groups)
    drawn = rng.integers(len(members), size=len(members))
    return np.concatenate([members[original] for original in drawn])


def permute_stimuli(groups: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """Permute originals with equal numbers of variants; variants move together and keep their order.

    Parameters
    ----------
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus; see :func:`draw_stimuli`.
    rng : numpy.random.Generator
        Source of the permutation.

    Returns
    -------
    array of int64, shape (n_stimuli,)
        A permutation of the rows. Without variants it is ``rng.permutation(n_stimuli)``.

    Notes
    -----
    The k-th variant of one original takes the place of the k-th variant of the other, in the order of the rows. These
    permutations are closed under composition, so a p-value that counts them is exact if the originals are exchangeable;
    variants of one original need not be exchangeable. An original with a unique number of variants keeps its place: see
    :func:`n_fixed`.

    References
    ----------
    Winkler, A. M., Webster, M. A., Vidaurre, D., Nichols, T. E. & Smith, S. M. (2015). Multi-level block permutation.
    NeuroImage 123:253, whole-block exchangeability.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import permute_stimuli
    >>> permute_stimuli([0, 0, 1, 1, 2, 2], np.random.default_rng(0))
    array([4, 5, 0, 1, 2, 3])
    """
    members = _members(groups)
    sizes = np.array([rows.size for rows in members])
    order = np.empty(sizes.sum(), dtype=np.int64)
    for size in np.unique(sizes):
        rows = np.stack([members[original] for original in np.flatnonzero(sizes == size)])
        order[rows] = rows[rng.permutation(len(rows))]
    return order


def permute_within(strata: ArrayLike, groups: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """Permute originals with equal numbers of variants within each stratum, such as a training or a test set.

    Parameters
    ----------
    strata : array of int, shape (n_stimuli,)
        Stratum of each stimulus.
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus. Variants in different strata move apart.
    rng : numpy.random.Generator
        Source of the permutation.

    Returns
    -------
    array of int64, shape (n_stimuli,)
        A permutation of the rows that leaves each stratum in place.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import permute_within
    >>> permute_within([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5], np.random.default_rng(0))
    array([2, 0, 1, 5, 4, 3])
    """
    labels, originals = np.asarray(strata), np.asarray(groups)
    order = np.empty(labels.size, dtype=np.int64)
    for stratum in np.unique(labels):
        rows = np.flatnonzero(labels == stratum)
        order[rows] = rows[permute_stimuli(np.unique(originals[rows], return_inverse=True)[1], rng)]
    return order


def permute_blocks(blocks: ArrayLike, groups: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """Permute originals within each block, and whole blocks with equal numbers of stimuli.

    Parameters
    ----------
    blocks : array of int, shape (n_stimuli,)
        Block of each stimulus, such as its category. An original has one block.
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus.
    rng : numpy.random.Generator
        Source of the permutation.

    Returns
    -------
    array of int64, shape (n_stimuli,)
        A permutation of the rows that keeps stimuli of one block together. Blocks change places with blocks that hold
        equally many originals of each number of variants; see :func:`block_kinds`.

    Notes
    -----
    These permutations are closed under composition, so a p-value that counts them is exact if blocks are exchangeable
    and the originals of a block, too. Units and neurons that both differ between blocks, each for its own reason, meet
    these conditions; they do not meet the condition of free permutations.

    References
    ----------
    Winkler, A. M., Webster, M. A., Vidaurre, D., Nichols, T. E. & Smith, S. M. (2015). Multi-level block permutation.
    NeuroImage 123:253.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import permute_blocks
    >>> permute_blocks([0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5], np.random.default_rng(1))
    array([5, 4, 0, 1, 2, 3])
    """
    labels = np.unique(np.asarray(blocks), return_inverse=True)[1]
    within = permute_within(labels, groups, rng)
    order = np.empty(labels.size, dtype=np.int64)
    kinds, members = block_kinds(labels, groups)
    for kind in np.unique(kinds):
        rows = np.stack([members[block] for block in np.flatnonzero(kinds == kind)])
        order[rows] = rows[rng.permutation(len(rows))]
    moved: NDArray[np.int64] = within[order]
    return moved


def block_kinds(blocks: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Return the kind of each block, and its rows; blocks of one kind can change places.

    Parameters
    ----------
    blocks, groups : arrays of int, shape (n_stimuli,)
        See :func:`permute_blocks`.

    Returns
    -------
    kinds : array of int64, shape (n_blocks,)
        Blocks of one kind hold equally many originals of each number of variants.
    members : list of arrays of int64
        Rows of each block, sorted by the number of variants of their original and by original.

    Examples
    --------
    >>> from neuroalign.stats import block_kinds
    >>> kinds, members = block_kinds(["cat", "cat", "car", "car", "cup"], [0, 1, 2, 3, 4])
    >>> kinds, members
    (array([0, 0, 1]), [array([2, 3]), array([0, 1]), array([4])])
    """
    labels = np.unique(np.asarray(blocks), return_inverse=True)[1]
    originals = np.unique(np.asarray(groups), return_inverse=True)[1]
    sizes = np.bincount(originals)[originals]
    members = [
        rows[np.lexsort((rows, originals[rows], sizes[rows]))]
        for rows in (np.flatnonzero(labels == block) for block in range(int(labels.max(initial=-1)) + 1))
    ]
    names: dict[tuple[int, ...], int] = {}
    kinds = [names.setdefault(tuple(sizes[rows].tolist()), len(names)) for rows in members]
    return np.array(kinds, dtype=np.int64), members


def n_fixed(groups: ArrayLike) -> int:
    """Count the originals with a unique number of variants, which :func:`permute_stimuli` leaves in place.

    Parameters
    ----------
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus; see :func:`draw_stimuli`.

    Returns
    -------
    int
        Number of these originals; 0 if all originals have equal numbers of variants and there are at least two.

    Examples
    --------
    >>> from neuroalign.stats import n_fixed
    >>> n_fixed([0, 0, 1, 1, 2]), n_fixed([0, 1, 2])
    (1, 0)
    """
    _, counts = np.unique([rows.size for rows in _members(groups)], return_counts=True)
    return int((counts == 1).sum())


def grouped_standard_error(values: ArrayLike, groups: ArrayLike) -> float:
    """Return the standard error of a mean over stimuli, with their originals as the independent sample.

    Parameters
    ----------
    values : array of float, shape (n_stimuli,)
        Values of the stimuli; NaN values are dropped.
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus.

    Returns
    -------
    float
        ``sqrt(G/(G − 1) Σ_g (Σ_{i∈g} (v_i − v̄))²)/n`` for G originals and n values: the standard error of the mean of
        the originals' means if all originals have equal numbers of variants. NaN for fewer than two originals.

    References
    ----------
    Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73:13.

    Examples
    --------
    >>> from neuroalign.stats import grouped_standard_error
    >>> values = [0.1, 0.1, 0.5, 0.5, 0.3, 0.3]
    >>> round(grouped_standard_error(values, range(6)), 3), round(grouped_standard_error(values, [0, 0, 1, 1, 2, 2]), 3)
    (0.073, 0.115)
    """
    array, labels = np.asarray(values, dtype=np.float64), np.asarray(groups)
    finite = np.isfinite(array)
    array = array[finite]
    labels = np.unique(labels[finite], return_inverse=True)[1]
    n_groups = int(labels.max(initial=-1)) + 1
    if n_groups < 2:
        return float("nan")
    sums = np.bincount(labels, weights=array - array.mean())
    return float(np.sqrt(n_groups / (n_groups - 1) * (sums**2).sum()) / array.size)


def _members(groups: ArrayLike) -> list[NDArray[np.int64]]:
    """Return the rows of each original."""
    labels = np.asarray(groups)
    if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "iu":
        raise ArrayError(f"groups must be a row of integers, got {labels.dtype} of shape {labels.shape}")
    counts = np.bincount(labels)
    if not counts.all():
        raise ArrayError(f"groups must be numbered from 0 without gaps, got none numbered {counts.argmin()}")
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
