"""Split of the recorded stimuli into fitted and held-out stimuli, with no original on both sides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError

#: Smallest number of held-out stimuli (or originals) and of other stimuli.
MIN_STIMULI = 3


@dataclass(frozen=True, eq=False)
class HeldOutSplit:
    """Result of :func:`split_held_out`.

    Parameters
    ----------
    fitted : array of bool, shape (n_stimuli,)
        Stimuli that are fitted.
    held_out : array of bool, shape (n_stimuli,)
        Stimuli that are decoded. A stimulus that is neither fitted nor decoded is a variant of a fitted one.
    is_marked : bool
        Whether the dataset marks the held-out stimuli, or an option names them.
    n_left_out : int
        Number of marked stimuli that are not decoded.
    """

    fitted: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    is_marked: bool
    n_left_out: int


def split_held_out(
    dataset: Dataset,
    stimuli: NDArray[np.str_],
    *,
    share: float = 0.1,
    seed: int = 0,
    labels: NDArray[np.int64] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> HeldOutSplit:
    """Split stimuli so that no original has stimuli on both sides.

    Parameters
    ----------
    dataset : Dataset
        The marks of its stimuli choose the held-out stimuli, where there are marks.
    stimuli : array of str, shape (n_stimuli,)
        Recorded stimuli.
    share : float
        Share of the originals that is held out at random where the dataset marks no stimuli.
    seed : int
        Seed of the random choice.
    labels : array of int, shape (n_stimuli,), optional
        -1 for fitted and 0 for held-out stimuli, in place of the marks and of a random choice.
    groups : array of int, shape (n_stimuli,), optional
        Groups of stimuli, 0 to n_groups - 1, of which whole groups are held out at random, one at least, in place of
        the marks.

    Returns
    -------
    HeldOutSplit

    Raises
    ------
    UsageError
        If fewer than three originals are held out, or fewer than three stimuli are fitted.
    """
    if labels is not None:
        return _check(dataset, stimuli, labels < 0, labels >= 0, is_marked=True, n_left_out=0)
    if groups is not None:
        held_out = np.isin(groups, held_out_groups(groups, share, seed))
        return _check(dataset, stimuli, ~held_out, held_out, is_marked=True, n_left_out=0)
    marked = dataset.stimuli.held_out()
    chosen = np.zeros(len(stimuli), dtype=bool) if marked is None else np.isin(stimuli, marked.ids)
    is_marked = bool(chosen.any())
    if is_marked:
        held_out = chosen & ~_has_fitted_variant(dataset, stimuli, chosen)
    else:
        groups = dataset.stimuli.groups(stimuli)
        n_originals = int(groups.max()) + 1
        order = np.random.default_rng(seed).permutation(n_originals)
        held_out = chosen = np.isin(groups, order[: round(share * n_originals)])
    return _check(
        dataset,
        stimuli,
        ~chosen,
        held_out,
        is_marked=is_marked,
        n_left_out=int((chosen & ~held_out).sum()),
    )


def held_out_groups(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Return the groups that are held out at random, one at least and all but one at most."""
    n_groups = int(groups.max()) + 1
    n_held_out = min(max(round(share * n_groups), 1), n_groups - 1)
    return np.random.default_rng(seed).permutation(n_groups)[:n_held_out]


def _check(
    dataset: Dataset,
    stimuli: NDArray[np.str_],
    fitted: NDArray[np.bool_],
    held_out: NDArray[np.bool_],
    *,
    is_marked: bool,
    n_left_out: int,
) -> HeldOutSplit:
    """Return the split if it has enough stimuli on both sides."""
    decoded = dataset.stimuli.originals(stimuli[held_out])
    n_fitted = int(fitted.sum())
    if decoded.n < MIN_STIMULI or n_fitted < MIN_STIMULI:
        counted = "originals" if decoded.has_variants or n_left_out else "stimuli"
        left_out = (
            f" ({n_left_out} others are variants of stimuli that models are fitted to: mark whole originals)"
            if n_left_out
            else ""
        )
        raise UsageError(
            f"decoding needs at least {MIN_STIMULI} held-out {counted} and {MIN_STIMULI} other stimuli, got "
            f"{decoded.n} and {n_fitted}{left_out}; mark others in the dataset, or where no stimuli are marked choose "
            "another held_out"
        )
    return HeldOutSplit(fitted, held_out, is_marked, n_left_out)


def _has_fitted_variant(
    dataset: Dataset, stimuli: NDArray[np.str_], held_out: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which stimuli share their original with a training stimulus or with a stimulus that is not held out."""
    all_stimuli = dataset.stimuli.ids
    groups = dataset.stimuli.groups(all_stimuli)
    # A model may be trained on variants that were not recorded.
    fitted = np.isin(all_stimuli, dataset.stimuli.training().ids) | np.isin(all_stimuli, stimuli[~held_out])
    leaks = np.isin(groups, groups[fitted])
    return np.isin(stimuli, all_stimuli[leaks])
