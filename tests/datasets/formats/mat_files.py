"""Small MATLAB files with cells and structures, as MATLAB's save writes them in versions 5 and 7.3."""

import h5py
import numpy as np
import scipy.io

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"


def cell_array(shape, contents):
    """Return an array of objects, which savemat writes as a cell array; contents are in C order."""
    made = np.empty(len(contents), dtype=object)
    for index, content in enumerate(contents):
        made[index] = content
    return made.reshape(shape)


def structure_array(**fields):
    """Return a structure array of 1 × n from fields with n values each."""
    n = len(next(iter(fields.values())))
    made = np.zeros((1, n), dtype=[(name, "O") for name in fields])
    for name, values in fields.items():
        for index, value in enumerate(values):
            made[0, index][name] = value
    return made


def save_v5(path, **variables):
    """Write version 5."""
    scipy.io.savemat(path, variables)
    return path


def save_v7_3(path, **variables):
    """Write version 7.3: the last axis first, cells as references, structure arrays as groups of references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _write(file, file, name, value)
    with path.open("r+b") as file:
        file.write(HEADER)
    return path


def _write(file, parent, name, value):
    if isinstance(value, dict):
        group = parent.create_group(name)
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, field in value.items():
            _write(file, group, key, field)
        return group
    if isinstance(value, str):
        node = parent.create_dataset(name, data=np.array([list(map(ord, value))], dtype="u2").T)
        node.attrs["MATLAB_class"] = np.bytes_("char")
        return node
    value = np.asarray(value)
    if value.dtype.names is not None:
        group = parent.create_group(name)
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in value.dtype.names:
            _write_references(file, group, key, value[key])
        return group
    if value.dtype.kind == "O":
        node = _write_references(file, parent, name, value)
        node.attrs["MATLAB_class"] = np.bytes_("cell")
        return node
    value = np.atleast_2d(value)
    if value.size == 0:
        node = parent.create_dataset(name, data=np.array(value.shape, dtype="u8"))
        node.attrs["MATLAB_empty"] = np.uint8(1)
    else:
        node = parent.create_dataset(name, data=value.T)
    classes = {"f": "double", "b": "logical", "u": f"uint{8 * value.dtype.itemsize}", "i": "int64"}
    node.attrs["MATLAB_class"] = np.bytes_(classes[value.dtype.kind])
    return node


def _write_references(file, parent, name, value):
    held = file.require_group("#refs#")
    node = parent.create_dataset(name, value.T.shape, dtype=h5py.ref_dtype)
    references = np.empty(value.size, dtype=h5py.ref_dtype)
    for index, content in enumerate(value.T.reshape(-1)):
        references[index] = _write(file, held, f"{name}{len(held)}", content).ref
    node[...] = references.reshape(value.T.shape)
    return node
