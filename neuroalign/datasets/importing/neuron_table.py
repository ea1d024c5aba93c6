"""Table of the neurons of an import: ids, regions, animals and further labels of the neurons."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.tables import read_table
from neuroalign.datasets.importing.labelling import is_unknown
from neuroalign.datasets.importing.stimulus_columns import plain_name
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some

#: Names of columns in lower case with only letters and digits, the preferred name first.
_NAMES = {
    "neuroid_id": (
        *(
            "neuroidid",
            "neuronid",
            "unitid",
            "cellid",
            "siteid",
            "electrodeid",
            "clusterid",
            "voxelid",
            "roiid",
        ),
        *("neuroid", "neuron", "unit", "cell", "site", "electrode", "cluster", "voxel", "roi", "id", "index"),
    ),
    "region": ("region", "brainregion", "area", "brainarea", "visualarea", "roiname"),
    "animal": ("animal", "animalid", "subject", "subjectid", "monkey", "mouse", "monkeyid", "mouseid"),
}
#: Names of coordinates of a recording that label no neuron.
_TAKEN = (
    "stimulus_id",
    "repetition",
    "presentation",
    "neuroid",
    "time_bin",
    "time_bin_start",
    "time_bin_end",
)


def read_neuron_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of neurons from a file; see :func:`as_neuron_table`.

    Parameters
    ----------
    path : Path
        CSV, text with semicolons or tabs, Parquet, Feather or Excel workbook, with a header.

    Returns
    -------
    table : pandas.DataFrame
        Table with the names of columns that neuroalign uses.
    notes : list of str
        Sentences for the user.
    """
    named = {name for names in _NAMES.values() for name in names}
    table = read_table(path, "table of neurons", lambda column: plain_name(column) in named)
    return as_neuron_table(table, f"the table of neurons {path}")


def as_neuron_table(
    table: pd.DataFrame, source: str = "the table of neurons"
) -> tuple[pd.DataFrame, list[str]]:
    """Find the columns that have a meaning in a table of neurons.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each neuron. One column may name the neurons (``neuroid_id``, ``neuron``, ``unit_id``, ``id``, …),
        one their region (``region``, ``area``, …) and one their animal (``animal``, ``subject``, …), in any case; all
        other columns are kept. The index may hold the ids, if it has a name or holds text.
    source : str
        Name of the table in messages.

    Returns
    -------
    table : pandas.DataFrame
        Table with the columns ``neuroid_id``, ``region`` and ``animal`` as text, as far as the user's table has them,
        and further columns of numbers, flags or text.
    notes : list of str
        Sentences for the user on the columns that were renamed.

    Raises
    ------
    DatasetError
        If the table has no rows, two columns have the same meaning, an id is missing or repeats, or a column has the
        name of another label of a recording.
    """
    if table.index.name is not None or table.index.dtype.kind not in "iu":
        named = table.index.nlevels > 1 or table.index.name is not None
        table = (table if named else table.rename_axis("id")).reset_index()
    table = table.rename(columns=str)
    if table.empty:
        raise DatasetError(f"{source} has no rows")
    repeated = table.columns[table.columns.duplicated()].tolist()
    if repeated:
        raise DatasetError(f"{source} has several columns called {name_some(repeated)}; rename them")
    notes = []
    for canonical in _NAMES:
        column = _find(table, canonical, source)
        if column is not None and column != canonical:
            table = table.rename(columns={column: canonical})
            notes.append(f"Column {column} of the table of neurons is taken as {canonical}.")
    taken = [column for column in table if column in _TAKEN]
    if taken:
        raise DatasetError(
            f"{source} has the columns {name_some(taken)}, which label trials; rename or leave them out"
        )
    table = pd.DataFrame({name: _plain_values(table[name], name in _NAMES) for name in table})
    if "neuroid_id" in table:
        ids = table["neuroid_id"]
        if (ids == "").any():
            raise DatasetError(
                f"row {int((ids == '').to_numpy().argmax()) + 1} of {source} has no neuroid_id"
            )
        twice = ids[ids.duplicated()].unique().tolist()
        if twice:
            raise DatasetError(f"{source} has several rows for {name_some(twice)}; each neuron needs one row")
    return table, notes


def label_neurons(
    array: xr.DataArray, table: pd.DataFrame, *, named: bool, stated: dict[str, str | None]
) -> tuple[xr.DataArray, list[str]]:
    """Label the neurons of a recording by a table.

    Parameters
    ----------
    array : recording
    table : pandas.DataFrame
        Table by :func:`as_neuron_table`.
    named : bool
        Whether the file names its neurons. Rows are then matched by id; otherwise they are in the order of the
        neurons.
    stated : dict of str to str or None
        Labels that the user states for all neurons by options: ``region`` and ``animal``.

    Returns
    -------
    recording : recording
        Recording with the columns of the table as coordinates of the neurons.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    DatasetError
        If the table lacks a neuron, or has another number of rows than the recording has neurons.
    UsageError
        If a column contradicts labels in the file, or an option.
    """
    ids = array["neuroid_id"].values.astype(str)
    notes = []
    if named and "neuroid_id" in table:
        table = table.assign(neuroid_id=respell(table["neuroid_id"], ids))
        rows = pd.Index(table["neuroid_id"]).get_indexer(pd.Index(ids))
        if (rows < 0).any():
            missing = ids[rows < 0]
            raise DatasetError(
                f"the table of neurons lacks {len(missing)} of {len(ids)} neurons: {name_some(missing)}; it has "
                f"{name_some(table['neuroid_id'].tolist(), most=3)}"
            )
        idle = len(table) - len(ids)
        how = "matched by neuroid_id" + (
            f"; {count_noun(idle, 'row')} without a neuron in the recording left out" if idle else ""
        )
        table = table.iloc[rows]
    else:
        if len(table) != len(ids):
            names = "the table has no column neuroid_id" if named else "the file does not name its neurons"
            raise DatasetError(
                f"the table of neurons has {count_noun(len(table), 'row')}, but the recording has {len(ids)} neurons; "
                f"{names}, so that the rows must be the neurons in their order"
            )
        how = "in the order of the neurons, because " + (
            "the table does not name them" if named else "the file does not name them"
        )
    for column in table:
        values = table[column].to_numpy()
        if column in array.coords and not (column == "neuroid_id" and not named):
            values = _agree(array, str(column), values, ids, stated)
        array = array.assign_coords({str(column): ("neuroid", values)})
    columns = name_some(table.columns.tolist(), most=12)
    notes.append(f"Labels of {len(ids)} neurons are from the table of neurons ({columns}), {how}.")
    return array, notes


def _find(table: pd.DataFrame, canonical: str, source: str) -> Hashable | None:
    """Return the column with a meaning; among several names for ids, the first in the list of names counts."""
    if canonical in table:
        return canonical
    for name in _NAMES[canonical]:
        columns = [column for column in table if plain_name(column) == name]
        if len(columns) > 1:
            raise DatasetError(
                f"{source} has the columns {name_some(columns)}, which have the same meaning; leave one out"
            )
        if columns:
            return columns[0]
    return None


def _plain_values(values: pd.Series, is_label: bool) -> NDArray[Any]:
    """Return a column as numbers, flags or text; a missing text is empty."""
    if not is_label and values.dtype.kind in "iufb" and isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    if not is_label and pd.api.types.is_numeric_dtype(values.dtype) and values.dtype.kind in "iuf":
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_text(value) for value in values], dtype=str)


def _text(value: Any) -> str:
    if np.ndim(value) > 0:
        return " ".join(map(str, np.ravel(value)))
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _agree(
    array: xr.DataArray,
    column: str,
    values: NDArray[Any],
    ids: NDArray[np.str_],
    stated: dict[str, str | None],
) -> NDArray[Any]:
    """Return the labels of the recording, and the labels of the table where the recording lacks a label."""
    ours = array[column].values
    missing = (
        np.array([is_unknown(label) for label in ours]),
        np.array([is_unknown(label) for label in values]),
    )
    same = np.array([_key(a) == _key(b) for a, b in zip(ours, values, strict=True)])
    wrong = ~same & ~missing[0] & ~missing[1]
    if wrong.any():
        first = int(wrong.argmax())
        option = stated.get(column)
        other = "the file of responses" if option is None else f"--{column} {option}"
        raise UsageError(
            f"column {column} of the table of neurons contradicts {other} for {int(wrong.sum())} of {len(ids)} neurons "
            f"({ids[first]}: {values[first]} in the table, {ours[first]} otherwise); correct the table, or leave "
            f"{'the column' if option is None else 'the option'} out"
        )
    if values.dtype.kind in "US" or ours.dtype.kind in "USO":
        return np.where(missing[0], values.astype(str), ours.astype(str))
    return np.where(missing[0], values, ours)


def _key(value: Any) -> Any:
    """Return a key by which two labels are equal: numbers by value, text without case."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value).strip().casefold()
