"""Program that reads HDF5 and MATLAB files in a process of its own, so that a damaged file harms no other process.

HDF5 itself can loop without end on a damaged file, and SciPy's reader of MATLAB files can crash.
``neuroalign.files.judging`` starts this program and sends it paths, one JSON line each; it answers each with one
JSON line. It imports h5py alone, and SciPy for its first MATLAB file, to start quickly.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

#: Bytes that a dataset may claim without a look at its storage, and the compression that is possible beyond.
SMALL, COMPRESSION = 1 << 26, 1100

#: Bytes of the values of one file that are read to see whether they can be read, and bytes of one attribute.
_READ, _ATTRIBUTE = 1 << 25, 1 << 22


class Fault(Exception):
    """A reason why a file must not be opened."""


class _Judge:
    """Walk through all objects of one open file.

    Parameters
    ----------
    file : h5py.File
    beat : callable
        Called after each step, which shows that the process goes on.
    """

    def __init__(self, file: Any, beat: Callable[[], None]) -> None:
        self._file, self._beat = file.id, beat
        self._size = os.path.getsize(file.filename)
        self._left = _READ
        self._visited: set[int] = set()
        self._soft: list[tuple[Any, bytes, str]] = []
        self._hard: list[tuple[Any, bytes, str]] = []

    def walk(self) -> None:
        """Judge every object that links or references lead to; then the soft links, which may lead anywhere."""
        self._object(self._file, "/")
        # HDF5's own visit of all objects ends at the first damaged one, and readers open the others by their names.
        while self._hard:
            self._beat()
            group, key, label = self._hard.pop()
            node = _attempt(lambda group=group, key=key: h5py.h5o.open(group, key))  # type: ignore[misc]
            if node is not None:
                self._object(node, label)
        # A soft link can lead through an external link, and is followed only in a file without external links.
        for group, key, label in self._soft:
            self._beat()
            try:
                h5py.h5o.open(group, key)
            except Exception as error:  # a link to nothing is never followed
                if "too many" in str(error).lower() or "traversal" in str(error).lower():
                    raise Fault(f"{label} is a link that leads to itself") from None

    def _object(self, node: Any, label: str) -> None:
        info = _attempt(lambda: h5py.h5o.get_info(node))
        if info is None:
            raise Fault(f"{label} cannot be read, so that the file is damaged")
        if info.addr in self._visited:
            return
        self._visited.add(info.addr)
        self._attributes(node, label)
        if isinstance(node, h5py.h5d.DatasetID):
            self._dataset(node, label)
        elif isinstance(node, h5py.h5g.GroupID):
            self._links(node, label)

    def _links(self, group: Any, label: str) -> None:
        names: list[bytes] = []
        try:
            group.links.iterate(lambda name: names.append(name))
        except Exception:  # h5py raises nearly anything on a damaged file
            raise Fault(f"the group {label} cannot be listed, so that the file is damaged") from None
        for name in names:
            self._beat()
            link = _attempt(lambda name=name: group.links.get_info(name))  # type: ignore[misc]
            if link is None:
                continue
            inside = f"{label.rstrip('/')}/{name.decode(errors='replace')}"
            if link.type == h5py.h5l.TYPE_HARD:
                self._hard.append((group, name, inside))
            elif link.type == h5py.h5l.TYPE_SOFT:
                self._soft.append((group, name, inside))
            else:
                raise _elsewhere(inside)

    def _dataset(self, node: Any, label: str) -> None:
        plist = _attempt(node.get_create_plist)
        if plist is None:
            return
        layout = plist.get_layout()
        if plist.get_external_count() > 0 or layout == h5py.h5d.VIRTUAL:
            raise _elsewhere(label)
        kind, shape, stored = _attempt(node.get_type), _attempt(lambda: node.shape), node.get_storage_size()
        if kind is None or shape is None:
            return
        claimed = math.prod(shape) * kind.get_size()
        if stored > self._size or claimed > max(SMALL, COMPRESSION * stored):
            raise Fault(f"{label} claims {claimed:,} bytes, and stores {min(stored, self._size):,}")
        self._beat()
        if _is_plain(kind) and layout != h5py.h5d.CHUNKED:
            return  # the values lie in one piece, and need no decoding
        if claimed <= self._left or (not _is_plain(kind) and claimed <= SMALL):
            self._left -= min(claimed, self._left)
            values = _attempt(lambda: _read(node, shape))
            if values is not None and kind.get_class() == h5py.h5t.REFERENCE:
                self._references(values, label)
        elif layout == h5py.h5d.CHUNKED:
            _attempt(lambda: node.chunk_iter(lambda chunk: self._beat()))
        self._beat()

    def _attributes(self, node: Any, label: str) -> None:
        names: list[bytes] = []
        _attempt(lambda: h5py.h5a.iterate(node, lambda name: names.append(name)))
        for name in names:
            self._beat()
            attribute = _attempt(lambda name=name: h5py.h5a.open(node, name))  # type: ignore[misc]
            if attribute is None:
                continue
            kind, stored = _attempt(attribute.get_type), attribute.get_storage_size()
            if stored > _ATTRIBUTE:
                raise Fault(
                    f"the attribute {name.decode(errors='replace')} of {label} claims {stored:,} bytes"
                )
            if kind is None or _is_plain(kind):
                continue
            values = _attempt(lambda a=attribute: _read_attribute(a))  # type: ignore[misc]
            if values is not None:
                self._references(values, label)

    def _references(self, values: Any, label: str) -> None:
        """Judge the objects that references lead to; no link need lead to them."""
        for value in values.ravel().tolist() if values.dtype.kind == "O" else ():
            for reference in value.ravel().tolist() if isinstance(value, np.ndarray) else (value,):
                if isinstance(reference, h5py.h5r.Reference) and reference:
                    self._beat()
                    node = _attempt(lambda r=reference: h5py.h5r.dereference(r, self._file))  # type: ignore[misc]
                    if node is not None:
                        # HDF5 would search the whole file for the name of this object.
                        self._object(node, f"an object that {label} refers to")


def judge(path: str, beat: Callable[[], None]) -> str | None:
    """Return the reason why an HDF5 file must not be opened; None if it can be opened.

    Parameters
    ----------
    path : str
    beat : callable
        Called after each step.

    Notes
    -----
    A file that HDF5 refuses by itself has no fault here: HDF5 refuses it again where it is opened.
    """
    try:
        file = h5py.File(path, "r", locking=False)
    except Exception:  # h5py raises nearly anything on a damaged file
        return None
    with file:
        try:
            _Judge(file, beat).walk()
        except Fault as fault:
            return str(fault)
        except MemoryError:
            return "it claims more memory than a file of its size can need"
        except (
            Exception
        ):  # h5py raises nearly anything on a damaged file, and the rest of this file was not judged
            return "it cannot be read, so that it is damaged"
    return None


def judge_matlab(path: str) -> str | None:
    """Return the reason why a MATLAB file of version 4 or 5 must not be opened; None if it can be opened."""
    from scipy.io import loadmat

    try:
        loadmat(path)
    except MemoryError:
        return "it claims more memory than this machine has"
    except Exception:  # damage that raises an exception here raises it in every reader
        return None
    return None


def _elsewhere(label: str) -> Fault:
    return Fault(f"{label} is in another file, which is never opened; copy its values into this file")


def _read(node: Any, shape: tuple[int, ...]) -> Any:
    values = np.empty(shape, dtype=node.dtype)
    node.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def _read_attribute(attribute: Any) -> Any:
    shape = attribute.shape
    if shape is None:
        return None
    values = np.empty(shape, dtype=attribute.dtype)
    attribute.read(values)
    return values


def _is_plain(kind: Any) -> bool:
    """Return whether values of a type lie where their dataset or attribute lies, and lead nowhere."""
    if kind.get_class() == h5py.h5t.STRING:
        return not kind.is_variable_str()
    return kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)


def _attempt(call: Callable[[], Any]) -> Any:
    """Return the outcome of a call; None where it raises, as every reader then does too."""
    try:
        return call()
    except (Fault, MemoryError):
        raise
    except Exception:  # h5py raises nearly anything on a damaged file
        return None


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ImportError, AttributeError, ValueError, OSError):  # systems without limits
        pass


def _rearm(seconds: float) -> None:
    """Let the system end this process after some seconds of computation, also if nobody waits for it any more."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Answer each line of standard input, until it ends."""
    _limit_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        seconds = float(question["seconds"])
        _rearm(seconds)
        steps = 0

        def beat(seconds: float = seconds) -> None:
            nonlocal steps
            steps += 1
            if steps % 16 == 0:
                _rearm(seconds)

        path = question["path"]
        fault = judge(path, beat) if question["kind"] == "hdf5" else judge_matlab(path)
        _rearm(0)
        answers.write(json.dumps({"fault": fault}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
