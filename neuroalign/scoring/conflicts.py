"""Warnings of two computations of one score that differ by more than rounding."""

import warnings

from neuroalign.errors import NeuroalignWarning
from neuroalign.results.agreement import conflict
from neuroalign.results.score import Score, imported_from
from neuroalign.results.store import ResultsStore


def warn_of_conflict(store: ResultsStore, key: str, score: Score, *, with_own: bool) -> None:
    """Warn in one line if a stored score under the key of a new one has other numbers.

    Parameters
    ----------
    store : ResultsStore
    key : str
        Key of the new score.
    score : Score
        The new score, which is not in the store yet.
    with_own : bool
        Whether to compare it also with the score that was computed here before.
    """
    for stored in (store.load_imported(key), store.load_own(key) if with_own else None):
        difference = "" if stored is None else conflict(score, stored)
        if stored is None or not difference:
            continue
        source = imported_from(stored)
        where = f"that was imported from {source}" if source else "in the store"
        difference = difference.replace("ours", "the new one", 1).replace("theirs", "the stored one", 1)
        warnings.warn(
            f"{score.model} on {score.dataset} by {score.benchmark} differs from the score {where}: {difference}",
            NeuroalignWarning,
            stacklevel=3,
        )
