"""Objects and tables of NWB files, found by their type and read with h5py alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DatasetError
from neuroalign.files.hdf5 import expect_plausible_size, is_stored_elsewhere, read_values

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


#: Types of single images, of which a file can have more than can be open at once.
SINGLE_IMAGES = ("GrayscaleImage", "RGBImage", "RGBAImage", "Image")


@dataclass(frozen=True)
class ImagePlace:
    """Place of a single image in an NWB file; an open HDF5 dataset takes about 30 kB of memory, a place does not.

    Parameters
    ----------
    file : h5py.File
    name : str
        Path of the HDF5 dataset.
    """

    file: Any
    name: str

    def open(self) -> Any:
        """Return the HDF5 dataset."""
        return self.file[self.name]


def text_of(value: Any) -> str:
    """Return an attribute or a scalar as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def find_objects(file: Any) -> dict[str, list[Any]]:
    """Find the objects of an NWB file by their ``neurodata_type``; links are not followed.

    Parameters
    ----------
    file : h5py.File

    Returns
    -------
    dict of str to list
        Groups and datasets of each type, in the order of their paths; for single images their :class:`ImagePlace`.
    """
    objects: dict[str, list[Any]] = {}

    def visit(name: str, node: Any) -> None:
        kind = node.attrs.get("neurodata_type")
        if kind is not None:
            is_image = text_of(kind) in SINGLE_IMAGES
            objects.setdefault(text_of(kind), []).append(ImagePlace(file, node.name) if is_image else node)

    file.visititems(visit)
    return objects


def member(group: Any, name: str) -> Any:
    """Return a member of a group.

    Raises
    ------
    DatasetError
        If the member is missing or in another file.
    """
    if name not in group:
        raise DatasetError(
            f"{group.name} of {Path(group.file.filename).name} has no {name}, which the format asks for; write the "
            "file again with pynwb or MatNWB"
        )
    node = group[name]
    if node.file.filename != group.file.filename or (hasattr(node, "shape") and is_stored_elsewhere(node)):
        raise DatasetError(
            f"{group.name}/{name} of {Path(group.file.filename).name} is in another file, which is never opened"
        )
    return node


def values_of(node: Any) -> NDArray[Any]:
    """Return the values of an HDF5 dataset; text as str.

    Raises
    ------
    DatasetError
        If the dataset claims more values than its storage can hold.
    """
    import h5py
    import numpy as np

    expect_plausible_size(node)
    if h5py.check_string_dtype(node.dtype) is not None:
        return np.asarray(node.asstr(errors="replace")[()], dtype=object)
    return read_values(node)


def column_names(table: Any) -> list[str]:
    """Return the names of the columns of a table, in the order of the file."""
    if "colnames" in table.attrs:
        return [name for name in map(text_of, table.attrs["colnames"]) if name in table]
    return [name for name in table if hasattr(table[name], "shape") and not name.endswith("_index")]


def read_table(table: Any, *, without: tuple[str, ...] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Read the columns of a table that have one number or text in each row.

    Parameters
    ----------
    table : h5py.Group
        DynamicTable of an NWB file.
    without : tuple of str
        Columns that are not read.

    Returns
    -------
    table : pandas.DataFrame
        Indexed by the ids of the rows.
    passed_over : list of str
        Columns with lists, arrays or references in their rows.

    Raises
    ------
    DatasetError
        If columns have different lengths, or a column is in another file.
    """
    import h5py
    import pandas as pd

    ids = values_of(member(table, "id"))
    columns: dict[str, NDArray[Any]] = {}
    passed_over: list[str] = []
    for name in column_names(table):
        if name in without:
            continue
        node = member(table, name)
        is_text = h5py.check_string_dtype(node.dtype) is not None
        if f"{name}_index" in table or node.ndim != 1 or (node.dtype.kind not in "fiub" and not is_text):
            passed_over.append(name)
            continue
        if node.shape != ids.shape:
            raise DatasetError(
                f"the column {name} of {table.name} has {node.shape[0]} rows, and the table has {len(ids)}"
            )
        values = values_of(node)
        if "elements" in node.attrs:  # EnumData: numbers of texts
            values = values_of(node.file[node.attrs["elements"]])[values.astype("int64")]
        columns[name] = values
    return pd.DataFrame(columns, index=pd.Index(ids, name="id")), passed_over


def ragged_bounds(table: Any, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the start and the end of the values of each row of a column with lists.

    Parameters
    ----------
    table : h5py.Group
    name : str
        Column; ``NAME_index`` has the end of each row, in uint8 or larger.

    Raises
    ------
    DatasetError
        If the ends decrease, or lie behind the values.
    """
    import numpy as np

    if f"{name}_index" not in table:
        rows = np.arange(member(table, name).shape[0])
        return rows, rows + 1
    # Small unsigned integers, in which differences would overflow.
    ends = values_of(member(table, f"{name}_index")).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    if (ends < starts).any() or (len(ends) and ends[-1] > member(table, name).shape[0]):
        raise DatasetError(f"{table.name}/{name}_index does not fit the values of {name}")
    return starts, ends
