"""Choice of the folds of a benchmark: at random, by groups of stimuli, or by tiers that the stimulus table gives.

The option ``folds`` has one of four forms:

- ``random``: stimuli are assigned to folds at random;
- ``group:COLUMN``: stimuli with the same value in COLUMN of the stimulus table share a fold;
- ``split:COLUMN``: the training tier of COLUMN is fitted and its test tiers are predicted;
- ``split:COLUMN:TRAIN:TEST``: the same with the tiers named; ``+`` joins several tiers, ``a+b``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.variants import COLUMN as ORIGINAL
from neuroalign.datasets.variants import join_labels
from neuroalign.errors import UsageError, count_noun, name_some, unknown_name
from neuroalign.metrics.folds import FITTED_ONLY, fold_labels

#: Value of the option for folds at random.
RANDOM = "random"
#: Smallest number of fitted and of predicted stimuli of a split.
MIN_STIMULI = 3

_TRAINING = {"train", "training"}
_TEST = {"test", "testing", "heldout"}


@dataclass(frozen=True)
class FoldChoice:
    """Value of the option ``folds``.

    Parameters
    ----------
    kind : {"random", "group", "split"}
    place : str
        Text after ``group:`` or ``split:``.
    """

    kind: Literal["random", "group", "split"]
    place: str = ""


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of stimuli that share a fold.

    Parameters
    ----------
    labels : array of int64, shape (n_stimuli,)
        Group of each stimulus, 0 to n - 1, in the order of the smallest stimulus id of each group.
    n_values : int
        Number of values in the column.
    """

    labels: NDArray[np.int64]
    n_values: int

    @property
    def n(self) -> int:
        """Number of groups."""
        return int(self.labels.max(initial=-1)) + 1


@dataclass(frozen=True, eq=False)
class Tiers:
    """Fitted and predicted stimuli of a split.

    Parameters
    ----------
    column : str
        Column of the stimulus table.
    training, test : tuple of str
        Values of the column.
    values : array of str, shape (n_stimuli,)
        Tier of each stimulus; empty where the table has no value.
    fitted, predicted : arrays of bool, shape (n_stimuli,)
    n_leaks : int
        Number of stimuli of the test tiers that are left out because the training tier has a variant of them.
    """

    column: str
    training: tuple[str, ...]
    test: tuple[str, ...]
    values: NDArray[np.str_]
    fitted: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    n_leaks: int

    @property
    def notes(self) -> list[str]:
        """Numbers of stimuli that are fitted, predicted and left out."""
        named = np.isin(self.values, (*self.training, *self.test))
        others, counts = np.unique(self.values[~named], return_counts=True)
        notes = [
            f"split by {self.column}: {_count(self.fitted)} stimuli of {' and '.join(self.training)} are fitted, "
            f"{_count(self.predicted)} of {' and '.join(self.test)} are predicted"
        ]
        if others.size:
            left_out = [
                f"{count:,} of {value}" if value else f"{count:,} without a {self.column}"
                for value, count in zip(others, counts, strict=True)
            ]
            notes.append(f"{name_some(left_out)} are left out")
        if self.n_leaks:
            leaks = count_noun(self.n_leaks, "stimulus", "stimuli")
            notes.append(f"{leaks} of {' and '.join(self.test)} left out: variants of fitted stimuli")
        return notes


def parse_folds(text: str) -> FoldChoice:
    """Parse the option ``folds``.

    Raises
    ------
    UsageError
        If the text does not have one of the forms of this module.

    Examples
    --------
    >>> parse_folds("group:category")
    FoldChoice(kind='group', place='category')
    """
    kind, _, place = text.partition(":")
    if text == RANDOM:
        return FoldChoice("random")
    if kind == "group" and place.strip():
        return FoldChoice("group", place)
    if kind == "split" and place.strip():
        return FoldChoice("split", place)
    raise UsageError(
        f"folds must be random, group:COLUMN, split:COLUMN or split:COLUMN:TRAIN:TEST, got {text!r}; name a column of "
        "the stimulus table"
    )


def find_groups(stimuli: StimulusSet, ids: NDArray[np.str_], column: str) -> Groups:
    """Group stimuli by a column of their table; groups that share an original are one group.

    Parameters
    ----------
    stimuli : StimulusSet
    ids : array of str, shape (n_stimuli,)
        Stimuli of the set.
    column : str
        Column of the stimulus table. For the column ``original`` a stimulus without a value is a group of its own.

    Raises
    ------
    UnknownNameError
        If the table has no such column.
    UsageError
        If a stimulus has no value in the column.
    """
    originals = stimuli.groups(ids)
    if column == ORIGINAL and column in stimuli.table:
        return Groups(originals, int(originals.max(initial=-1)) + 1)
    values = _values_of(stimuli, ids, column)
    missing = ids[values == ""]
    if missing.size:
        raise UsageError(
            f"folds=group:{column} needs a {column} of each stimulus, got none for {missing.size:,} of {ids.size:,}: "
            f"{name_some(missing)}; give them one, or score the part of the dataset with a {column}"
        )
    order = np.argsort(ids, kind="stable")
    joined = join_labels(np.unique(values, return_inverse=True)[1].astype(np.int64), originals)
    labels = np.empty(ids.size, dtype=np.int64)
    labels[order] = pd.factorize(joined[order])[0]
    return Groups(labels, int(np.unique(values).size))


def find_tiers(stimuli: StimulusSet, ids: NDArray[np.str_], place: str) -> Tiers:
    """Find the training tier and the test tiers in a column of the stimulus table.

    Parameters
    ----------
    stimuli : StimulusSet
    ids : array of str, shape (n_stimuli,)
        Stimuli of the set.
    place : str
        ``COLUMN`` or ``COLUMN:TRAIN:TEST``. Without names, tiers with the word train or training are fitted, and tiers
        with the word test, testing or held-out are predicted.

    Raises
    ------
    UnknownNameError
        If the table has no such column, or no stimulus is of a tier.
    UsageError
        If no training or test tier is recognised, or a tier has fewer than three stimuli.
    """
    has_names = place not in stimuli.table and place.count(":") >= 2
    column, *named = place.rsplit(":", 2) if has_names else [place]
    values = _values_of(stimuli, ids, column)
    distinct = sorted(set(values.tolist()) - {""})
    if not named:
        training = tuple(value for value in distinct if _role(value, column) == "training")
        test = tuple(value for value in distinct if _role(value, column) == "test")
        if not training or not test:
            counts = [f"{value} ({_count(values == value)})" for value in distinct]
            raise UsageError(
                f"folds=split:{column} must find a training and a test tier, got {name_some(counts) or 'no value'}; "
                f"name them: folds=split:{column}:TRAIN:TEST"
            )
    else:
        training, test = (_find_named(part, distinct, column) for part in named)
        both = sorted(set(training) & set(test))
        if both:
            raise UsageError(
                f"folds=split:{place} must name a tier once, got {name_some(both)} as training and test; choose one"
            )
    fitted, chosen = np.isin(values, training), np.isin(values, test)
    originals = stimuli.groups(ids)
    predicted = chosen & ~np.isin(originals, originals[fitted])
    if min(fitted.sum(), predicted.sum()) < MIN_STIMULI:
        raise UsageError(
            f"folds=split:{place} needs {MIN_STIMULI} fitted and {MIN_STIMULI} predicted stimuli at least, got "
            f"{_count(fitted)} of {' and '.join(training)} and {_count(predicted)} of {' and '.join(test)} that are "
            "not variants of these; choose other tiers"
        )
    return Tiers(column, training, test, values, fitted, predicted, int((chosen & ~predicted).sum()))


def label_groups(
    groups: Groups, n_folds: int, *, is_default: bool, column: str, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each stimulus; with as many groups as folds or fewer, each group is a fold.

    Parameters
    ----------
    groups : Groups
    n_folds : int
    is_default : bool
        Whether the number of folds is the default of the benchmark, which fewer groups reduce.
    column : str
        Column of the groups, for the message.
    seed : int

    Raises
    ------
    UsageError
        If there is one group only, or fewer groups than the number of folds that was asked for.
    """
    if groups.n < 2:
        raise UsageError(
            f"folds=group:{column} needs two groups at least, got {groups.n}; choose another column"
        )
    if groups.n < n_folds and not is_default:
        raise UsageError(
            f"n_folds must be at most {groups.n}, the number of groups of {column}, got {n_folds}; leave n_folds out "
            "for a fold of each group"
        )
    return fold_labels(groups.labels.size, min(n_folds, groups.n), seed=seed, groups=groups.labels)


def label_tiers(
    tiers: Tiers, originals: NDArray[np.int64], n_folds: int, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels of a split, and the folds within the training tier that choose hyper-parameters.

    Parameters
    ----------
    tiers : Tiers
    originals : array of int, shape (n_stimuli,)
    n_folds, seed : int
        Number and seed of the folds within the training tier.

    Returns
    -------
    labels : array of int64, shape (n_stimuli,)
        -1 for fitted stimuli, 0 for predicted stimuli.
    inner : array of int64, shape (n_stimuli,)
        Fold of each fitted stimulus; -1 for the others.
    """
    labels = np.where(tiers.predicted, 0, FITTED_ONLY)
    inner = np.full(labels.size, FITTED_ONLY)
    of_fitted = originals[tiers.fitted]
    inner[tiers.fitted] = fold_labels(of_fitted.size, n_folds, seed=seed, groups=of_fitted)
    return labels.astype(np.int64), inner.astype(np.int64)


def notes_on_groups(groups: Groups, n_folds: int, column: str) -> list[str]:
    """Return the numbers of groups and folds, and the number of groups that an original joins."""
    used = min(n_folds, groups.n)
    detail = ", one for each group" if used == groups.n else ""
    notes = [f"folds by {column}: {count_noun(groups.n, 'group')} in {count_noun(used, 'fold')}{detail}"]
    if groups.n < groups.n_values:
        notes.append(
            f"the {groups.n_values} values of {column} are {count_noun(groups.n, 'group')}: values with variants of "
            "one original share a fold"
        )
    return notes


def _values_of(stimuli: StimulusSet, ids: NDArray[np.str_], column: str) -> NDArray[np.str_]:
    """Return the values of a column as text, empty where they are missing."""
    table = stimuli.table
    if column not in table:
        raise unknown_name("column of the stimulus table", column, map(str, table.columns))
    return np.array([_text(value) for value in table[column].loc[pd.Index(ids)]], dtype=str)


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _role(value: str, column: str) -> str:
    """Return "training" or "test" for the name of such a tier, else an empty text."""
    if value.lower() in ("true", "false"):
        # A column of flags has the name of the tier that it marks.
        marked = _role(column.lower().removeprefix("is_"), "")
        other = {"training": "test", "test": "training"}.get(marked, "")
        return marked if value.lower() == "true" else other
    words = set(
        re.split(r"[\W_]+", value.lower().replace("held-out", "heldout").replace("held_out", "heldout"))
    )
    is_training, is_test = bool(words & _TRAINING), bool(words & _TEST) or {"held", "out"} <= words
    if is_training == is_test:
        return ""
    return "training" if is_training else "test"


def _find_named(text: str, distinct: Sequence[str], column: str) -> tuple[str, ...]:
    """Return the tiers that a text names, joined by plus signs."""
    if text in distinct:
        return (text,)
    names = tuple(dict.fromkeys(name.strip() for name in text.split("+")))
    for name in names:
        if name not in distinct:
            raise unknown_name(f"tier of {column}", name, distinct)
    return names


def _count(chosen: NDArray[np.bool_]) -> str:
    return f"{int(chosen.sum()):,}"
