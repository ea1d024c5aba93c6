"""Known factors of the stimuli as the units of a model: one-hot categories, numbers and their products."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.selection import select_part
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.stimulus_factors import StimulusFactors, choose_factors
from neuroalign.errors import StimulusMismatchError, UsageError, name_some, unknown_name
from neuroalign.files.digests import digest
from neuroalign.names.syntax import format_spec, format_value, parse_spec

FloatArray = NDArray[np.float64]

_OPTIONS = ("columns", "categories", "interactions")


@dataclass(frozen=True)
class FactorChoice:
    """Columns of a stimulus table that become units.

    Parameters
    ----------
    columns : tuple of str
        Names of columns, products of columns (``person:orientation``), and columns with all their products
        (``person*orientation``); empty for all columns that vary.
    categories : tuple of str
        Columns of numbers that are labels.
    interactions : bool
        Whether the products of all pairs of the columns are added.
    """

    columns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    interactions: bool = False

    @classmethod
    def of(cls, columns: Any, categories: Any, interactions: bool) -> "FactorChoice":
        """Return the choice that the options of a name stand for, each one name or a list of names."""
        return cls(_as_names(columns), _as_names(categories), interactions)

    def options(self) -> dict[str, Any]:
        """Return the options that differ from the default, as a name has them."""
        options: dict[str, Any] = {}
        for option in ("columns", "categories"):
            names = getattr(self, option)
            if names:
                options[option] = names[0] if len(names) == 1 else list(names)
        if self.interactions:
            options["interactions"] = True
        return options


@dataclass(frozen=True, eq=False)
class FactorUnits:
    """Units of the factors of some stimuli.

    Parameters
    ----------
    values : array of float64, shape (n_stimuli, n_units)
    units : tuple of str
        Names such as ``person=3``, ``x`` and ``person=3:x``.
    terms : tuple of str
        Column, or product of columns, that each unit belongs to.
    notes : tuple of str
        Columns that are units and those that are left out, and choices that a reader of the scores should know.
    """

    values: FloatArray
    units: tuple[str, ...]
    terms: tuple[str, ...]
    notes: tuple[str, ...]


def factor_units(stimuli: StimulusSet, choice: FactorChoice | None = None) -> FactorUnits:
    """Return the factors of a stimulus table as units.

    Each value of a category is a unit of 0 and 1, and no value is dropped: the units of a category add up to 1.
    Numbers are units as they are. A product of columns has the products of their units; a cell of categories
    without a stimulus has no unit.

    Parameters
    ----------
    stimuli : StimulusSet
    choice : FactorChoice, optional
        By default all columns that vary; see :func:`neuroalign.datasets.stimulus_factors.choose_factors`.

    Returns
    -------
    FactorUnits
        Stimuli in the order of the table; units in the order of the columns, and of the values of each.

    Raises
    ------
    UnknownNameError
        If the table lacks a column.
    DatasetError
        If a named column does not vary or has missing values, or the table has no factor.
    UsageError
        If a column is named twice, or is in `categories` but not in `columns`.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.datasets.stimuli import StimulusSet
    >>> table = pd.DataFrame({"view": ["front", "side"] * 2, "size": [1.0, 1.0, 2.0, 2.0]}, index=list("abcd"))
    >>> factor_units(StimulusSet("toy", table)).units
    ('view=front', 'view=side', 'size')
    """
    choice = choice or FactorChoice()
    existing = [str(name) for name in stimuli.table.columns]
    terms = _terms(choice.columns, existing)
    named = tuple(dict.fromkeys(name for term in terms for name in term))
    for name in choice.categories:
        if name not in existing:
            raise unknown_name("column of the stimulus table", name, existing)
        if named and name not in named:
            raise UsageError(
                f"categories must be among the columns {', '.join(named)}, got {name}; add it to columns"
            )
    factors = choose_factors(stimuli, stimuli.ids, columns=named, categories=choice.categories)
    terms = terms or [(name,) for name in factors.names]
    if choice.interactions:
        mains = [term[0] for term in terms if len(term) == 1]
        terms += [pair for pair in combinations(mains, 2) if set(pair) not in map(set, terms)]
    coded = {
        name: _code(stimuli.table[name], name, is_category=bool(is_category))
        for name, is_category in zip(factors.names, factors.categorical, strict=True)
    }
    values, units, of_term = [], [], []
    for term in terms:
        of_units, names = _product([coded[name] for name in term])
        values.append(of_units)
        units += names
        of_term += [":".join(term)] * len(names)
    stacked = np.hstack(values)
    notes = _notes(stimuli.table, factors, terms, values)
    return FactorUnits(stacked, tuple(units), tuple(of_term), tuple(notes))


class FactorModel:
    """Factors of the stimuli of one dataset as units.

    The latents have the coordinate ``band``, the column or product of columns of each unit, if there are several, so
    that ``banded_ridge`` splits the explained variance among the factors. Images are not needed.

    Parameters
    ----------
    stimuli : StimulusSet
        Stimuli with the table of the factors.
    identifier : str
    choice : FactorChoice
    """

    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "nothing"

    def __init__(self, stimuli: StimulusSet, identifier: str, choice: FactorChoice) -> None:
        self.identifier = identifier
        self._ids = stimuli.ids
        self._name = stimuli.identifier
        self._factors = factor_units(stimuli, choice)

    @property
    def notes(self) -> tuple[str, ...]:
        """Columns that are units and those that are left out."""
        return self._factors.notes

    @property
    def fingerprint(self) -> str:
        """Digest of the values, the units and the ids of the stimuli; the name of the dataset has no influence."""
        order = np.argsort(self._ids)
        factors = self._factors
        return digest(
            "factors", self._ids[order], list(factors.units), list(factors.terms), factors.values[order]
        )

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the factors of the stimuli that the table of the dataset has.

        Raises
        ------
        StimulusMismatchError
            If no stimulus is in the table.
        """
        rows = pd.Index(self._ids).get_indexer(pd.Index(stimuli.ids))
        if (rows < 0).all():
            raise StimulusMismatchError(
                f"{self.identifier} has the factors of {name_some(self._ids)}, but of none of the stimuli of "
                f"{stimuli.identifier!r} ({name_some(stimuli.ids)})"
            )
        return _latents(self._factors, rows[rows >= 0], stimuli.ids[rows >= 0])


class ScoredFactors:
    """Factors of the stimuli that a model is scored on, as units.

    Parameters
    ----------
    choice : FactorChoice

    Notes
    -----
    The model has no fingerprint: the latents depend on the table of the stimuli, which the cache does not compare.
    """

    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "nothing"

    def __init__(self, choice: FactorChoice) -> None:
        self.identifier = format_spec("factors", choice.options())
        self.notes: tuple[str, ...] = ()
        self._choice = choice

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the factors in the table of the stimuli, with the notes on its columns."""
        factors = factor_units(stimuli, self._choice)
        self.notes = factors.notes
        return _latents(factors, np.arange(len(stimuli)), stimuli.ids)


def scored_factors(
    *,
    columns: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    interactions: bool = False,
) -> ScoredFactors:
    """Known factors of the scored stimuli as units: ``factors``, or ``factors[columns=[person,orientation]]``.

    Parameters
    ----------
    columns : str or sequence of str
        Columns of the stimulus table; by default all columns that vary, without identifiers. ``a:b`` is the product
        of two columns, and ``a*b`` stands for ``a``, ``b`` and ``a:b``.
    categories : str or sequence of str
        Columns of numbers that are labels. Text and truth values always are.
    interactions : bool
        Whether the products of all pairs of columns are added.

    Returns
    -------
    ScoredFactors
    """
    return ScoredFactors(FactorChoice.of(columns, categories, interactions))


def factors(
    dataset: str,
    *,
    columns: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    interactions: bool = False,
    **conditions: Any,
) -> FactorModel:
    """Known factors of a dataset's stimuli as units: ``factors:DATASET``, or ``factors:DATASET[columns=person]``.

    Parameters
    ----------
    dataset : str
        Name or folder, as in :func:`neuroalign.load_dataset`.
    columns : str or sequence of str
        Columns of the stimulus table; by default all columns that vary, without identifiers. ``a:b`` is the product
        of two columns, and ``a*b`` stands for ``a``, ``b`` and ``a:b``.
    categories : str or sequence of str
        Columns of numbers that are labels. Text and truth values always are.
    interactions : bool
        Whether the products of all pairs of columns are added.
    **conditions
        Values of columns that select a part of the dataset; see :func:`neuroalign.datasets.selection.select_part`. A
        column of the dataset with the name of an option needs the name of its table: ``stimulus.columns``.

    Returns
    -------
    FactorModel
        Its name has the name of the loaded dataset, so that a stand-in is never mistaken for recordings.

    Raises
    ------
    UnknownNameError
        If the dataset, a column or a value is unknown. The message has the nearest names.
    DatasetError
        If a named column cannot be a factor, or the table has no factor.
    """
    choice = FactorChoice.of(columns, categories, interactions)
    loaded = select_part(load_dataset(dataset), conditions)
    name, part = loaded.identifier, dict[str, Any]()
    if loaded.part_of is not None:
        spec = parse_spec(loaded.identifier)
        name, part = spec.name, {_prefixed(column): value for column, value in spec.options.items()}
    return FactorModel(loaded.stimuli, format_spec(f"factors:{name}", {**part, **choice.options()}), choice)


def _prefixed(column: str) -> str:
    """Return a column of a part with the name of its table, if it has the name of an option."""
    return f"stimulus.{column}" if column in _OPTIONS else column


def _as_names(given: Any) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else list(given)
    return tuple(name if isinstance(name, str) else format_value(name) for name in names)


def _terms(columns: Sequence[str], existing: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the columns and products of columns that the names stand for; a column with that very name comes first."""
    terms: list[tuple[str, ...]] = []
    for name in columns:
        for term in _expand(name, existing):
            if len(set(term)) < len(term) or (set(term) in map(set, terms) and "*" not in name):
                raise UsageError(f"each column must be named once, got {':'.join(term)} twice; leave one out")
            if set(term) not in map(set, terms):
                terms.append(term)
    return terms


def _expand(name: str, existing: Sequence[str]) -> list[tuple[str, ...]]:
    if name in existing:
        return [(name,)]
    if "*" in name:
        parts = [part.strip() for part in name.split("*")]
        return [term for n in range(1, len(parts) + 1) for term in combinations(parts, n)]
    return [tuple(part.strip() for part in name.split(":"))]


def _code(column: pd.Series, name: str, *, is_category: bool) -> tuple[FloatArray, list[str]]:
    """Return the units of one column and their names."""
    if not is_category:
        return column.to_numpy(dtype=np.float64)[:, None], [name]
    is_number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    labels = column.to_numpy(dtype=np.float64) if is_number else column.to_numpy().astype(str)
    levels, codes = np.unique(labels, return_inverse=True)
    one_hot = (codes[:, None] == np.arange(levels.size)).astype(np.float64)
    return one_hot, [f"{name}={format_value(float(level)) if is_number else level}" for level in levels]


def _product(factors: Sequence[tuple[FloatArray, list[str]]]) -> tuple[FloatArray, list[str]]:
    """Return the products of the units of several columns, without those that are 0 for every stimulus."""
    values, names = factors[0]
    for more_values, more_names in factors[1:]:
        values = (values[:, :, None] * more_values[:, None, :]).reshape(len(values), -1)
        names = [f"{name}:{more}" for name in names for more in more_names]
    occurs = (values != 0).any(axis=0)
    return values[:, occurs], [name for name, kept in zip(names, occurs, strict=True) if kept]


def _notes(
    table: pd.DataFrame,
    factors: StimulusFactors,
    terms: Sequence[tuple[str, ...]],
    values: Sequence[FloatArray],
) -> list[str]:
    notes = [factors.describe()]
    numbers = [name for name, label in zip(factors.names, factors.categorical, strict=True) if not label]
    for name in numbers:
        n_values = table[name].nunique()
        if n_values <= max(2, len(table) // 4):
            notes.append(
                f"{name} has {n_values} values and is one unit, a number; categories={name} makes each value a unit"
            )
    for term, of_term in zip(terms, values, strict=True):
        is_label = all(factors.categorical[factors.names.index(name)] for name in term)
        if is_label and of_term.sum(axis=0).max() <= 1:
            notes.append(
                f"each unit of {':'.join(term)} has one stimulus, so that no fit to other stimuli can use it"
            )
    return notes


def _latents(factors: FactorUnits, rows: NDArray[np.int64], stimulus: NDArray[np.str_]) -> xr.DataArray:
    latents = arrays.latents(factors.values[rows], stimulus=stimulus, unit=factors.units)
    if len(set(factors.terms)) < 2:
        return latents
    return latents.assign_coords(band=("unit", np.array(factors.terms)))
