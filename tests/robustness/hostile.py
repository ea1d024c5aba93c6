"""Hostile changes of sound files that keep their format, so that they reach the readers behind the decoders."""

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from .reading import SECRET
from .sound_files import mutate

_TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z0-9_.+-]+')
_TEXTS = [
    b"",
    b"nan",
    b"-inf",
    b"1e400",
    b"9" * 5000,
    b"\x00",
    b"\x1b[2J",
    b"=1+1",
    b"/etc/passwd",
    b"../../etc/passwd",
    b"caf\xe9",
    b"\xed\xa0\x80",
    "\u202e\u0000".encode(),
    b"true",
    b"null",
    b"[" * 5000,
    b'{"a":' * 5000,
    b'"',
    b"\n",
    b",",
    b"\t",
    b"1979-05-27",
    b"0x7f",
    b"x" * 100_000,
    b"-0",
    b"1e-320",
    b"18446744073709551616",
    b"'",
    b"\\u0000",
]
_VALUES = [
    None,
    True,
    -1,
    1e308,
    2**70,
    "",
    "\x1b]0;x\x07",
    "a" * 70_000,
    [],
    {},
    [[]] * 50,
    {"a": {"b": []}},
    "NaN",
    0,
]


def change_text(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace some words, numbers or texts in quotes of a text file."""
    for _ in range(int(rng.integers(1, 4))):
        tokens = list(_TOKEN.finditer(content[:20_000]))
        if not tokens:
            break
        token = tokens[rng.integers(len(tokens))]
        text = _TEXTS[rng.integers(len(_TEXTS))]
        if token[0].startswith(b'"') and rng.integers(2):
            text = b'"' + text + b'"'
        content = content[: token.start()] + text + content[token.end() :]
    return content


def change_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, remove or add a value of a JSON document."""
    document = json.loads(content)
    places = list(_places(document))
    holder, key = places[rng.integers(len(places))]
    kind = rng.integers(4)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[f"{key}\x1b"] = _VALUES[rng.integers(len(_VALUES))]
    else:
        holder[key] = _VALUES[rng.integers(len(_VALUES))]
    return json.dumps(document).encode()


def _places(value: object) -> "list[tuple[object, object]]":
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


def change_zip(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a ZIP archive again with one odd member, or with a damaged member under a sound sum."""
    members = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = int(rng.integers(len(members)))
    name, inside = members[at]
    changes: list[Callable[[], tuple[str | zipfile.ZipInfo, bytes]]] = [
        lambda: (name, mutate(inside or b" ", rng)),
        lambda: (name, change_text(inside, rng)),
        lambda: (f"../{name}", inside),
        lambda: (f"/tmp/{name}", inside),
        lambda: (f"{name}/inside", inside),
        lambda: (f"a/{'b/' * 300}{name}", inside),
        lambda: (f"\x1b[2J{name}", inside),
        lambda: (name.upper(), inside),
        lambda: (name, b""),
        lambda: (name, bytes(20_000_000)),
        lambda: (_link(name), b"/etc/passwd"),
        lambda: (_link(name), b"../" * 20 + b"etc/passwd"),
        lambda: (f"{name}\\..\\x", inside),
    ]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            if number == at:
                change = int(rng.integers(len(changes) + 4))
                archive.writestr(*changes[change if change < len(changes) else change % 2]())
            else:
                archive.writestr(*member)
    return written.getvalue()


def _link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def change_npy(content: bytes, rng: np.random.Generator) -> bytes:
    """Write another header before the values of a .npy file."""
    values = np.load(io.BytesIO(content))
    kinds = ["<f8", "|O", "<U100000", "<c16", "|V8", "<M8[s]", "|S0", ">f4", "<f8,<f8", "|b1", "<i8"]
    shapes = [values.shape, (), (0,), (2**40,), (-1, 5), (1,) * 33, (2**31, 2**31), (60,), (1, 60), (3, 4, 5)]
    header = {
        "descr": kinds[rng.integers(len(kinds))],
        "fortran_order": bool(rng.integers(2)),
        "shape": shapes[rng.integers(len(shapes))],
    }
    text = repr(header).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values.tobytes()


def change_png(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage the chunks of a PNG file, and correct their check sums."""
    damaged, written, place = mutate(content[8:], rng), bytearray(content[:8]), 0
    while place + 12 <= len(damaged):
        length = min(struct.unpack(">I", damaged[place : place + 4])[0], len(damaged) - place - 12)
        body = damaged[place + 4 : place + 8 + length]
        written += struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(written)


def change_matlab(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a MATLAB 5 file with an odd variable of the same name."""
    values = next(
        value for name, value in scipy.io.loadmat(io.BytesIO(content)).items() if not name.startswith("_")
    )
    cell = np.empty((3, 4), dtype=object)
    for number in range(12):
        cell.flat[number] = np.full(number, 1.5)
    nested: object = values
    for _ in range(40):
        holder = np.empty((1, 1), dtype=object)
        holder[0, 0] = nested
        nested = holder
    odd = [
        cell,
        nested,
        values * 1j,
        np.empty((0, 5)),
        "text",
        np.array(["a", "bc"]),
        values > 0,
        np.full((4, 3), np.nan),
        values.astype(np.uint64),
        {"a": values, "b": {"c": "d"}},
        np.zeros((2, 3, 2, 2, 1, 1)),
        scipy.sparse.csc_matrix(values),
        np.array([], dtype=object),
    ]
    name = ["resp", "proto", "a" * 31][rng.integers(3)]
    written = io.BytesIO()
    scipy.io.savemat(
        written, {name: odd[rng.integers(len(odd))], "n": values}, do_compression=bool(rng.integers(2))
    )
    return written.getvalue()


def change_hdf5(path: Path, outside: Path, rng: np.random.Generator) -> None:
    """Change one object of an HDF5 file: another value, or values in the file `outside`."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[rng.integers(len(names))]
        node = file[name]
        kind = int(rng.integers(17))
        if kind == 0 and node.attrs:
            attribute = list(node.attrs)[rng.integers(len(node.attrs))]
            odd = [1.5, "x", b"\xff", [1, 2], np.zeros((2, 2)), h5py.Empty("f8"), "\x1b[2J"][rng.integers(7)]
            del node.attrs[attribute]
            node.attrs[attribute] = odd
            return
        del file[name]
        if kind == 1:
            file[name] = h5py.ExternalLink(str(outside), "/secret")
        elif kind == 2:
            file[name] = h5py.SoftLink(f"/{name}")
        elif kind == 3:
            layout = h5py.VirtualLayout((4,), "f8")
            layout[:] = h5py.VirtualSource(str(outside), "secret", shape=(4,))
            file.create_virtual_dataset(name, layout)
        elif kind == 4:
            file.create_dataset(name, (4,), "f8", external=[(str(outside.with_suffix(".raw")), 0, 32)])
        elif kind == 5:
            file.create_dataset(name, (2**31, 2**20), "f8", chunks=(1024, 1024), compression="gzip")
        elif kind == 6:
            file.create_group(name)
        elif kind == 7:
            file[name] = np.array(5.0)
        elif kind == 8:
            file.create_dataset(name, data=["a", "b\x1b", "c"], dtype=h5py.string_dtype())
        elif kind == 9:
            file.create_dataset(name, data=[b"caf\xe9"], dtype=h5py.string_dtype("ascii"))
        elif kind == 10:
            file[name] = np.zeros(3, dtype=[("a", "f8"), ("b", "S4")])
        elif kind == 11:
            file.create_dataset(name, (3,), h5py.vlen_dtype(np.float64))
        elif kind == 12:
            file.create_dataset(name, data=[file.ref, h5py.Reference()], dtype=h5py.ref_dtype)
        elif kind == 13:
            file[name] = h5py.Empty("f8")
        elif kind == 14:
            file[name] = np.full((3, 2, 2), np.nan)
        elif kind == 15:
            file[name] = np.array([2**62, -1])
        # The remaining kind leaves the object out.


#: Changes of the content of a file by its ending.
CHANGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    **dict.fromkeys((".csv", ".tsv", ".toml", ".txt"), change_text),
    ".json": change_json,
    **dict.fromkeys((".zip", ".npz", ".xlsx", ".pth"), change_zip),
    ".npy": change_npy,
    ".png": change_png,
}


def write_changed(path: Path, content: bytes, outside: Path, rng: np.random.Generator) -> str:
    """Write a file with a hostile change, or with damaged bytes; return the kind of the change."""
    suffix = path.suffix
    change = CHANGES.get(suffix)
    if suffix == ".mat" and path.name != "seven.mat":
        change = change_matlab
    is_hdf5 = content[:8] == b"\x89HDF\r\n\x1a\n" or content[512:520] == b"\x89HDF\r\n\x1a\n"
    if rng.integers(2) or not (change or is_hdf5):
        path.write_bytes(mutate(content, rng))
        return "bytes"
    if is_hdf5:
        path.write_bytes(content)
        change_hdf5(path, outside, rng)
        return "hdf5"
    path.write_bytes(change(content, rng))
    return change.__name__


def write_outside(folder: Path) -> Path:
    """Write files with :data:`SECRET` that hostile files point to; return the HDF5 file among them."""
    outside = folder / "outside.h5"
    with h5py.File(outside, "w") as file:
        file["secret"] = np.full(4, SECRET)
    outside.with_suffix(".raw").write_bytes(np.full(4, SECRET).tobytes())
    return outside
