"""Matrices of responses in data frames, with names of their columns and rows as labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.matrix_labels import CsvLabels, counts, id_columns, may_be_ids
from neuroalign.errors import DatasetError, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def matrix_of_frame(
    frame: pd.DataFrame, source: str, *, labels: CsvLabels | None, advice: str, tidy: str
) -> BareArray:
    """Read a matrix from a data frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        Numbers, with labels in the names of the columns and in the index or the first column.
    source : str
        Name of the frame in messages.
    labels : {"none", "header", "index", "both"}, optional
        Whether the names of the columns (header), and the index or the first column (index) are labels. By default
        names are labels unless they count 0, 1, 2, … or 1, 2, 3, …; an index is, unless pandas numbered it; and a
        first column of text is.
    advice : str
        Rest of a message that says how to state the labels.
    tidy : str
        Rest of a message that says how to give a table with one row for each value.

    Returns
    -------
    BareArray
        Values in the common type of the columns, rows first. The first axis has the labels of the rows.

    Raises
    ------
    DatasetError
        If a column does not hold numbers, the table has one row for each value, or its labels are not certain.
    """
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        raise DatasetError(
            f"{source} has several levels of labels; join them to one text for each row and column, or give an "
            "xarray.DataArray"
        )
    if frame.empty:
        raise DatasetError(f"{source} is empty")
    ids = id_columns(frame.columns)
    if labels is None and len(ids) > 1:
        raise DatasetError(
            f"{source} looks like a long table, with one row for each value: its columns {name_some(ids)} are ids; "
            f"{tidy}"
        )
    numbered = frame.index.name is None and _is_numbered(frame.index)
    index: Sequence[Any] | None = None if numbered else frame.index.tolist()
    if numbered and _first_is_index(frame, labels, source, advice):
        index, frame = frame.iloc[:, 0].tolist(), frame.iloc[:, 1:]
    elif labels in ("none", "header"):
        index = None
    names: list[Any] = frame.columns.tolist()
    header: Sequence[Any] | None = names
    if labels in ("none", "index") or (labels is None and counts(names)):
        header = None
    elif labels is None and any(_is_fraction(name) for name in names):
        raise DatasetError(
            f"the names of the columns of {source} could be values, as {names[0]}: a matrix without a header was "
            f"probably read with one; {advice}"
        )
    labels_of = {
        axis: _texts(labelled, source)
        for axis, labelled in enumerate((index, header))
        if labelled is not None
    }
    lines = [f"{'rows' if axis == 0 else 'columns'} ({texts[0]}, …)" for axis, texts in labels_of.items()]
    note = f"Labels of {source} are the names of its {' and '.join(lines)}." if lines else None
    return BareArray(_numbers(frame, source, advice), labels_of, note=note)


def _is_numbered(index: pd.Index) -> bool:
    return index.dtype.kind in "iu" and counts(index.tolist())


def _first_is_index(frame: pd.DataFrame, labels: CsvLabels | None, source: str, advice: str) -> bool:
    """Return whether the first column of a frame without an index has the labels of the rows."""
    import pandas as pd

    if labels is not None:
        return labels in ("index", "both")
    first = frame.iloc[:, 0]
    if not pd.api.types.is_numeric_dtype(first.dtype):
        return frame.shape[1] > 1
    ids = id_columns(frame.columns)
    if ids and ids[0] != str(frame.columns[0]):
        raise DatasetError(
            f"column {ids[0]} of {source} looks like ids among the responses; make it the first column, or leave it out"
        )
    rest = frame.iloc[:, 1:]
    only_whole = first.dtype.kind in "iu" and first.is_unique and len(first) > 2
    odd = only_whole and frame.shape[1] > 1 and not any(dtype.kind in "iu" for dtype in rest.dtypes)
    if ids or odd or (only_whole and (counts(first.tolist()) or may_be_ids(str(frame.columns[0])))):
        raise DatasetError(
            f"the first column of {source} ({frame.columns[0]}: {', '.join(map(str, first[:3]))}, …) could be labels "
            f"or values; {advice}"
        )
    return False


def _is_fraction(name: Any) -> bool:
    """Return whether a name is a number that is not whole, which no label is."""
    try:
        return not float(str(name)).is_integer()
    except (ValueError, OverflowError):
        return False


def _texts(names: Sequence[Any], source: str) -> NDArray[np.str_]:
    import numpy as np
    import pandas as pd

    missing = [place for place, name in enumerate(names) if pd.isna(name) or str(name).strip() == ""]
    if missing:
        raise DatasetError(f"the label of row or column {missing[0] + 1} of {source} is empty")
    return np.array(
        [str(int(name)) if isinstance(name, float) and name.is_integer() else str(name) for name in names]
    )


def _numbers(frame: pd.DataFrame, source: str, advice: str) -> NDArray[Any]:
    import numpy as np
    import pandas as pd

    if frame.shape[1] == 0:
        raise DatasetError(f"{source} has no columns of numbers")
    odd = [
        f"{column} ({dtype})"
        for column, dtype in frame.dtypes.items()
        if not pd.api.types.is_numeric_dtype(dtype) or getattr(dtype, "kind", "O") == "c"
    ]
    if odd:
        raise DatasetError(
            f"{source} must hold numbers, got the columns {name_some(odd)}; leave them out, or {advice}"
        )
    if all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):
        return frame.to_numpy()
    return frame.to_numpy(dtype=np.float64, na_value=np.nan)
