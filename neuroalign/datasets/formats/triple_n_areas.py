"""Area of each unit of Triple-N, by its session and its depth along the probe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.tables import read_table
from neuroalign.errors import DatasetError, name_some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_COLUMNS = ("SesIdx", "y1", "y2", "AREALABEL")


def read_areas(path: Path) -> pd.DataFrame:
    """Read the table ``exclude_area``.

    Parameters
    ----------
    path : Path
        CSV, ``.xlsx`` or ``.xls`` with the columns ``SesIdx`` (session), ``y1`` and ``y2`` (first and last depth in
        micrometres), ``AREALABEL`` and, optionally, ``Area``, in any case.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DatasetError
        If the file cannot be read, or a column is missing or does not hold numbers.
    """
    import pandas as pd

    table = read_table(path, "table of areas")
    by_name = {str(column).strip().casefold(): column for column in table.columns}
    missing = [name for name in _COLUMNS if name.casefold() not in by_name]
    if missing:
        raise DatasetError(
            f"the table of areas {path} lacks the columns {name_some(missing)}; it has "
            f"{name_some([str(column) for column in table.columns], most=20)}"
        )
    names = [name for name in (*_COLUMNS, "Area") if name.casefold() in by_name]
    table = pd.DataFrame({name: table[by_name[name.casefold()]] for name in names})
    table = table.dropna(how="all")
    for name in ("SesIdx", "y1", "y2"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
        if table[name].isna().any():
            raise DatasetError(f"the column {name} of the table of areas {path} must hold numbers")
    return table


def areas_of(areas: pd.DataFrame, units: pd.DataFrame) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Find the area of each unit.

    Parameters
    ----------
    areas : pandas.DataFrame
        Table as :func:`read_areas` returns it.
    units : pandas.DataFrame
        Columns ``number`` (session) and ``depth``.

    Returns
    -------
    labels : dict of str to array of str, shape (n_units,)
        ``region`` from AREALABEL and, where the table has it, ``area`` from Area; "unknown" outside all rows.
    notes : list of str

    Raises
    ------
    DatasetError
        If the units have no depth.

    Examples
    --------
    >>> import pandas as pd
    >>> areas = pd.DataFrame({"SesIdx": [1, 1], "y1": [0, 500], "y2": [400, 900], "AREALABEL": ["V4", "MF1"]})
    >>> units = pd.DataFrame({"number": [1, 1, 2], "depth": [100.0, 450.0, 100.0]})
    >>> areas_of(areas, units)[0]["region"].tolist()
    ['V4', 'unknown', 'unknown']
    """
    import numpy as np

    if "depth" not in units:
        raise DatasetError("--areas needs the depth of each unit, and the files lack the variable pos")
    number, depth = units["number"].to_numpy(), units["depth"].to_numpy()
    columns = {"region": "AREALABEL"} | ({"area": "Area"} if "Area" in areas else {})
    labels = {name: np.full(len(units), "unknown", dtype=object) for name in columns}
    matches = np.zeros(len(units), dtype=np.int64)
    for row in areas.to_dict("records"):
        inside = (number == row["SesIdx"]) & (row["y1"] <= depth) & (depth <= row["y2"])
        for name, column in columns.items():
            labels[name][inside & (matches == 0)] = str(row[column]).strip()
        matches += inside
    notes = ["Regions are AREALABEL of the table of areas, by session and depth."]
    for count, text in (
        (int((matches == 0).sum()), "in no area of the table: their region is unknown"),
        (int((matches > 1).sum()), "in several areas of the table, of which the first counts"),
    ):
        if count:
            notes.append(f"{count:,} of {len(units):,} units lie {text}.")
    return {name: values.astype(str) for name, values in labels.items()}, notes
