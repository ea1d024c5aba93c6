"""Variants of one image, which stay together in folds, draws and shuffles of stimuli."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.image_sources import ImageSource, bytes_of, is_file, length_of, pixels_of
from neuroalign.errors import DatasetError, name_some
from neuroalign.progress import progress

#: Column of a stimulus table that names the original of each variant.
COLUMN = "original"
_FLAGS = {"true", "false", "yes", "no"}


@dataclass(frozen=True, eq=False)
class Originals:
    """Originals of some stimuli.

    Parameters
    ----------
    labels : array of int64, shape (n_stimuli,)
        Original of each stimulus, 0 to n_originals - 1, in the order of the smallest stimulus id of each original.
    n_identical : int
        Number of stimuli with an image that equals, byte for byte, the image of a stimulus with another original.
    """

    labels: NDArray[np.int64]
    n_identical: int = 0

    @property
    def n(self) -> int:
        """Number of originals."""
        return int(self.labels.max(initial=-1)) + 1

    @property
    def has_variants(self) -> bool:
        """Whether some original has more than one stimulus."""
        return self.n < self.labels.size

    @property
    def provenance(self) -> dict[str, int]:
        """``n_originals`` where it differs from the number of stimuli; empty otherwise."""
        return {"n_originals": self.n} if self.has_variants else {}

    def notes(self, splits: str) -> list[str]:
        """Say that stimuli of one original stay together; empty where each stimulus is an original.

        Parameters
        ----------
        splits : str
            Plural noun for the parts or draws that keep them together, such as "folds".
        """
        if not self.has_variants:
            return []
        notes = [f"{splits} keep the {self.n:,} originals together"]
        if self.n_identical:
            notes.append(
                f"{self.n_identical:,} stimuli share their image with another stimulus byte for byte: "
                "equal images count as one original"
            )
        return notes


class VariantTable:
    """Originals of all stimuli of a set.

    Parameters
    ----------
    table : pandas.DataFrame
        Stimulus table, indexed by unique ids; the column ``original`` is optional.
    images : mapping of stimulus id to path or array, optional

    Raises
    ------
    DatasetError
        If the column ``original`` holds flags, if an original is a variant itself, or if an image cannot be read.
    """

    def __init__(self, table: pd.DataFrame, images: Mapping[str, ImageSource] | None) -> None:
        self._index = table.index.astype(str)
        self._named = _named_originals(table, self._index)
        self._image = np.arange(len(self._index)) if images is None else _equal_images(self._index, images)
        self._joined = join_labels(self._named, self._image)

    def originals(self, ids: NDArray[np.str_]) -> Originals:
        """Return the originals of some stimuli of the set.

        Parameters
        ----------
        ids : array of str, shape (n_stimuli,)
            Stimuli of the set, in any order.
        """
        rows = self._index.get_indexer(pd.Index(ids))
        joined = self._joined[rows]
        # Labels follow the smallest id of each original, so that the order of a file does not matter.
        order = np.argsort(ids, kind="stable")
        labels = np.empty(rows.size, dtype=np.int64)
        labels[order] = pd.factorize(joined[order])[0]
        named, image = self._named[rows], self._image[rows]
        n_identical = 0
        # Most sets hold no image twice, and grouping takes longer than all the rest.
        if np.unique(image).size < image.size:
            pairs = pd.DataFrame({"image": image, "named": named})
            n_identical = int((pairs.groupby("image")["named"].transform("nunique") > 1).sum())
        return Originals(labels, n_identical)


def _named_originals(table: pd.DataFrame, index: pd.Index) -> NDArray[np.int64]:
    """Return a label of the original of each row by the column ``original``; rows without one are their own."""
    if COLUMN not in table:
        return np.arange(len(index))
    ids = set(index)
    # Some writers of netCDF store a missing text as "nan" or "None".
    names = [
        "" if name.lower() in ("nan", "none") and name not in ids else name
        for name in map(_text, table[COLUMN])
    ]
    given = {name for name in names if name}
    if given and {name.lower() for name in given} <= _FLAGS and not given & ids:
        raise DatasetError(
            f"the column {COLUMN} must name the stimulus of which each stimulus is a variant, got "
            f"{name_some(sorted(given))}; name the originals, or give the column another name"
        )
    originals = [name or own for name, own in zip(names, index, strict=True)]
    by_id = dict(zip(index, originals, strict=True))
    for own, original in by_id.items():
        above = by_id.get(original, original)
        if above != original:
            raise DatasetError(
                f"the original of stimulus {own!r} is {original!r}, and the original of {original!r} is {above!r}; "
                f"name one original for both in the column {COLUMN}, or label groups by names that are not stimulus ids"
            )
    return pd.factorize(np.array(originals, dtype=object))[0]


def _text(value: Any) -> str:
    """Return the name of an original as text, empty where it is missing; 3.0 names the stimulus "3"."""
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _equal_images(index: pd.Index, images: Mapping[str, ImageSource]) -> NDArray[np.int64]:
    """Return a label of the image of each stimulus; equal bytes have equal labels."""
    sources = [images[stimulus] for stimulus in index]
    # Files of unequal length differ: most files need not be read.
    sizes = pd.Series([length_of(source, stimulus) for source, stimulus in zip(sources, index, strict=True)])
    repeated = sizes.duplicated(keep=False).to_numpy()
    keys = [
        (size, _digest(source, stimulus) if is_repeated else str(place))
        for place, (size, source, stimulus, is_repeated) in enumerate(
            progress(
                zip(sizes, sources, index, repeated, strict=True),
                description="comparing images",
                unit="image",
                total=len(sources),
            )
        )
    ]
    return pd.factorize(np.array([f"{size} {key}" for size, key in keys], dtype=object))[0]


def _digest(source: ImageSource, stimulus: str) -> str:
    content = bytes_of(source, stimulus) if is_file(source) else pixels_of(source).tobytes()
    return sha256(content).hexdigest()


def join_labels(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels of the stimuli that two labellings connect, directly or through other stimuli.

    Parameters
    ----------
    a, b : arrays of int, shape (n_stimuli,)
        Labels, not negative.

    Returns
    -------
    array of int64, shape (n_stimuli,)

    Examples
    --------
    >>> join_labels(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]))
    array([0, 0, 0, 1])
    """
    if np.unique(b).size == b.size:
        return a
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offset = int(a.max()) + 1
    n = offset + int(b.max()) + 1
    links = coo_array((np.ones(a.size), (a, offset + b)), shape=(n, n))
    labels = connected_components(links, directed=False)[1]
    joined: NDArray[np.int64] = labels[a].astype(np.int64)
    return joined
