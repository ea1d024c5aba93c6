"""Variables of MATLAB's ``.mat`` files of version 7.3, which are HDF5.

Nothing outside the file is read: external storage, virtual datasets, soft links and external links are never followed.
Cells are references, which are resolved one at a time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.matlab_variables import (
    IDLE,
    Array,
    Cells,
    Content,
    expect_memory,
    nested_shape,
    odd_cell,
    size_of,
)
from neuroalign.errors import DatasetError
from neuroalign.files.hdf5 import is_stored_elsewhere, read_values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMERIC = {
    "double",
    "single",
    "logical",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}

#: Largest number of cells that are searched for text only.
_LOOKED_AT = 10_000


def read_hdf5_content(file: Any) -> Content:
    """Return the variables of an open HDF5 file that MATLAB wrote.

    Parameters
    ----------
    file : h5py.File
        The file must stay open while arrays and cells are read.
    """
    import h5py

    content = Content()
    closed: list[str] = ["#refs#/", "#subsystem#/"]

    def visit(path_inside: str, node: Any) -> None:
        # "#refs#" holds the contents of cells, and "#subsystem#" the contents of objects.
        if f"{path_inside}/".startswith(tuple(closed)):
            return
        name = path_inside.replace("/", ".")
        matlab_class = _class_of(node)
        if isinstance(node, h5py.Group):
            if "MATLAB_sparse" in node.attrs and matlab_class in _NUMERIC:
                if "data" in node and _member(node, "data").dtype.names is not None:
                    content.unreadable[name] = "complex numbers"
                else:
                    content.arrays[name] = Array(_shape_of(node), lambda: _values_of(node, name))
                closed.append(f"{path_inside}/")
            elif matlab_class not in ("", "struct"):
                _set_aside(name, matlab_class, "", content)
                closed.append(f"{path_inside}/")
            return
        shape = tuple(node.shape[::-1]) if node.shape else ()
        if is_stored_elsewhere(node):
            content.unreadable[name] = "data in another file"
        elif h5py.check_ref_dtype(node.dtype) is not None and matlab_class in ("", "cell"):
            _refer_to_cells(file, name, node, shape, content)
        elif matlab_class == "char":
            content.idle[name] = "text"
            content.texts[name] = _text_of(node)
        elif matlab_class not in _NUMERIC or "MATLAB_object_decode" in node.attrs:
            _set_aside(name, matlab_class, size_of(shape), content)
        elif node.dtype.names is not None:
            content.unreadable[name] = f"complex numbers of {size_of(shape)}"
        else:
            content.arrays[name] = Array(_shape_of(node), lambda: _values_of(node, name))

    file.visititems(visit)
    return content


def _refer_to_cells(file: Any, name: str, node: Any, shape: tuple[int, ...], content: Content) -> None:
    """Add a dataset of references: a cell array, or a field of a structure array."""
    import numpy as np

    noun = "a cell array" if _class_of(node) else "a field of a structure array"
    references: list[NDArray[np.object_]] = []

    def reference(index: int) -> Any:
        if not references:
            # MATLAB stores the last axis first.
            references.append(read_values(node).T.reshape(-1))
        return references[0][index]

    def read(index: int) -> NDArray[Any] | str:
        source = f"cell {index + 1} of {name}"
        target = reference(index)
        if not target:
            raise DatasetError(
                f"{source} points to nothing: the file is damaged, or another program wrote it"
            )
        return _held_by(file[target], source)

    if 0 < math.prod(shape) <= _LOOKED_AT:
        inner = [_references_in(file, reference(0))]
        n = len(inner[0])
        # Most cells hold numbers, and a look at the first is enough.
        if n:
            inner += [_references_in(file, reference(index)) for index in range(1, math.prod(shape))]
            if all(len(row) == n for row in inner):
                references[0], shape = np.concatenate(inner), nested_shape(shape, n)
    cells = content.cells[name] = Cells(shape, noun, read)
    if len(cells) == 0 or (
        len(cells) <= _LOOKED_AT
        and all(reference(index) and _is_text(file[reference(index)]) for index in range(len(cells)))
    ):
        content.idle[name] = f"{noun} of {size_of(shape)}, text"


def _references_in(file: Any, target: Any) -> NDArray[np.object_]:
    """Return the references in a cell that holds a row or column of cells; an empty array for every other cell."""
    import h5py
    import numpy as np

    node = file[target] if target else None
    if (
        not isinstance(node, h5py.Dataset)
        or _class_of(node) != "cell"
        or h5py.check_ref_dtype(node.dtype) is None
        or is_stored_elsewhere(node)
        or node.size != max(node.shape, default=0)
    ):
        return np.empty(0, dtype=object)
    return np.asarray(read_values(node).reshape(-1), dtype=object)


def _is_text(node: Any) -> bool:
    return _class_of(node) == "char"


def _held_by(node: Any, source: str) -> NDArray[Any] | str:
    """Return the numbers or the text in a cell of a version 7.3 file."""
    import h5py

    matlab_class = _class_of(node)
    if isinstance(node, h5py.Group):
        if "MATLAB_sparse" not in node.attrs:
            raise odd_cell(source, "a structure" if matlab_class in ("", "struct") else "an object")
        return _values_of(node, source)
    if is_stored_elsewhere(node):
        raise odd_cell(source, "data in another file")
    if matlab_class == "char":
        return _text_of(node)
    if h5py.check_ref_dtype(node.dtype) is not None or matlab_class == "cell":
        raise odd_cell(source, "cells")
    if matlab_class not in _NUMERIC or "MATLAB_object_decode" in node.attrs or node.dtype.kind not in "fiub":
        raise odd_cell(source, f"an object of class {matlab_class or 'unknown'}")
    return _values_of(node, source)


def _class_of(node: Any) -> str:
    stated = node.attrs.get("MATLAB_class", b"")
    return stated.decode() if isinstance(stated, bytes) else str(stated)


def _set_aside(name: str, matlab_class: str, size: str, content: Content) -> None:
    descriptions = {
        "": "data without a MATLAB class",
        "char": "text",
        "cell": f"a cell array of {size}",
        "struct": f"a structure array of {size}",
        "function_handle": "a function handle",
    }
    text = descriptions.get(matlab_class, f"an object of class {matlab_class}")
    # MATLAB writes an empty cell or structure array as its shape.
    empty = matlab_class in ("cell", "struct")
    (content.idle if matlab_class in IDLE or empty else content.unreadable)[name] = (
        text.replace("a ", "an empty ", 1) if empty else text
    )


def _shape_of(node: Any) -> tuple[int, ...]:
    import numpy as np

    if "MATLAB_sparse" in node.attrs:
        return int(node.attrs["MATLAB_sparse"]), _member(node, "jc").shape[0] - 1
    if node.attrs.get("MATLAB_empty", 0):  # the content is then the shape
        return tuple(int(n) for n in np.ravel(read_values(node)))
    return tuple(node.shape[::-1])


def _values_of(node: Any, name: str) -> NDArray[Any]:
    """Return the values of an array in MATLAB's order of axes, full also where they are stored as sparse."""
    import h5py
    import numpy as np
    from scipy.sparse import csc_array

    shape = _shape_of(node)
    if isinstance(node, h5py.Group):
        expect_memory(shape, name)
        if "data" not in node:
            return np.zeros(shape)
        data, rows, columns = (read_values(_member(node, key)) for key in ("data", "ir", "jc"))
        parts = (data, rows.astype(np.int64), columns.astype(np.int64))
        # MATLAB stores a sparse matrix column by column.
        matrix = csc_array(parts, shape=(shape[0], shape[1]))
        matrix.check_format()
        return np.asarray(matrix.toarray())
    if node.attrs.get("MATLAB_empty", 0):
        expect_memory(shape, name)
        return np.zeros(shape)
    return read_values(node).T


def _member(group: Any, key: str) -> Any:
    """Return a member of a group that is in the file itself."""
    import h5py

    if not isinstance(group.get(key, getlink=True), h5py.HardLink) or is_stored_elsewhere(group[key]):
        raise DatasetError(f"{key} of {group.name} is a link or in another file, which is never read")
    return group[key]


def _text_of(node: Any) -> str:
    import numpy as np

    if node.attrs.get("MATLAB_empty", 0) or node.dtype.kind not in "iu":
        return ""
    return "".join(map(chr, np.ravel(read_values(node)).tolist()))
