"""Equal and nearly equal images of a stimulus set, and shapes of images."""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from neuroalign.errors import name_some

_COARSE, _FINE = 16, 96

#: Root mean square difference of standardised fingerprints up to which images are nearly the same.
_COARSE_LIMIT, _FINE_LIMIT = 0.05, 0.1

#: Largest difference of the means of nearly equal images in grey levels, and largest ratio of their contrasts.
_MEAN_LIMIT, _CONTRAST_LIMIT = 8.0, 1.1

#: Images with less contrast (standard deviation in grey levels) are compared pixel for pixel only.
_LEAST_CONTRAST = 2.0

_NEIGHBOURS = 5

#: Number of images with fingerprints in floating point at once.
_AT_ONCE = 4096


class ImageSurvey:
    """Small fingerprints of images, gathered while each image is open.

    Images are nearly the same if colour fingerprints of 16 × 16 pixels and grey ones of 96 × 96 pixels agree after
    each is standardised, and brightness and contrast agree too: copies that were compressed, resized or got a
    little noise. Fifty thousand images take 60 MB and a few seconds beside their decoding: only coarse fingerprints
    stay in memory.

    Parameters
    ----------
    reopen : callable
        Function that returns the loaded image of a stimulus again, for the pairs with the same coarse fingerprint.
    """

    def __init__(self, reopen: Callable[[str], Image.Image]) -> None:
        self._ids: list[str] = []
        self._sizes: list[tuple[int, int]] = []
        self._digests: list[bytes] = []
        self._coarse: list[NDArray[np.uint8]] = []
        self._fine = lru_cache(maxsize=1024)(lambda index: _fine_fingerprint(reopen(self._ids[index])))

    def add(self, stimulus_id: str, image: Image.Image) -> None:
        """Take the fingerprint of a loaded image."""
        colour = image.convert("RGB")
        self._ids.append(str(stimulus_id))
        self._sizes.append(image.size)
        self._digests.append(
            hashlib.blake2b(f"{image.size}".encode() + colour.tobytes(), digest_size=32).digest()
        )
        small = colour.resize((_COARSE, _COARSE), Image.Resampling.BOX)
        self._coarse.append(np.array(small))

    def identical(self) -> list[list[str]]:
        """Return groups of stimuli that share all pixels of their images."""
        return [[self._ids[index] for index in group] for group in self._same_pixels() if len(group) > 1]

    def similar(self) -> list[list[str]]:
        """Return groups of stimuli with images that are nearly, but not exactly, the same.

        Of images with the same pixels the first stands for all.
        """
        first = np.array([group[0] for group in self._same_pixels()], dtype=np.int64)
        groups = _connected(len(first), self._similar_pairs(first)) if len(first) > 1 else []
        return [[self._ids[first[index]] for index in group] for group in groups]

    def shapes(self) -> list[tuple[int, int]]:
        """Return the size (width, height) of one image for each ratio of width to height."""
        by_ratio: dict[float, tuple[int, int]] = {}
        for width, height in self._sizes:
            by_ratio.setdefault(round(float(np.log(width / height)), 2), (width, height))
        return list(by_ratio.values())

    def _same_pixels(self) -> list[list[int]]:
        groups: dict[bytes, list[int]] = {}
        for index, digest in enumerate(self._digests):
            groups.setdefault(digest, []).append(index)
        return list(groups.values())

    def _similar_pairs(self, indices: NDArray[np.int64]) -> list[tuple[int, int]]:
        from scipy.spatial import cKDTree

        # Means over blocks are never further apart, in root mean square, than the pixels in the blocks.
        mean = np.empty((len(indices), 3), dtype=np.float32)
        contrast = np.empty(len(indices), dtype=np.float32)
        blocks = np.empty((len(indices), 48), dtype=np.float32)
        for start in range(0, len(indices), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            mean[rows], standard, contrast[rows] = self._standard(indices[rows])
            block = _COARSE // 4
            blocks[rows] = (
                standard.reshape(-1, 4, block, 4, block, 3).mean(axis=(2, 4)).reshape(len(standard), -1)
            )
        usable = np.flatnonzero(contrast >= _LEAST_CONTRAST)
        if len(usable) < 2:
            return []
        blocks = blocks[usable]
        limit = _COARSE_LIMIT * np.sqrt(blocks.shape[1])
        tree = cKDTree(blocks)
        near = np.asarray(tree.query(blocks, k=min(_NEIGHBOURS, len(usable)), distance_upper_bound=limit)[1])
        pairs = {
            (min(a, usable[b]), max(a, usable[b]))
            for a, row in zip(usable, near, strict=True)
            for b in row
            if b < len(usable) and usable[b] != a
        }
        return [
            (int(a), int(b))
            for a, b in sorted(pairs)
            if np.abs(mean[a] - mean[b]).max() <= _MEAN_LIMIT
            and max(contrast[a], contrast[b]) <= _CONTRAST_LIMIT * min(contrast[a], contrast[b])
            and _distance(*self._standard(indices[[a, b]])[1]) <= _COARSE_LIMIT
            and self._fine_distance(indices[a], indices[b]) <= _FINE_LIMIT
        ]

    def _standard(
        self, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean colours, the standardised coarse fingerprints and the contrasts of some images."""
        coarse = np.stack([self._coarse[index] for index in indices]).astype(np.float32)
        standard, contrast = _standardised(coarse.reshape(len(coarse), -1), coarse.mean(axis=(1, 2, 3)))
        return coarse.mean(axis=(1, 2)), standard, contrast

    def _fine_distance(self, a: int, b: int) -> float:
        pair = np.stack([self._fine(a), self._fine(b)]).reshape(2, -1).astype(np.float32)
        standard, _ = _standardised(pair, pair.mean(axis=1))
        return _distance(standard[0], standard[1])


def notes_on_images(survey: ImageSurvey, table: pd.DataFrame) -> list[str]:
    """Return notes with advice on images that are equal, nearly equal, or of several shapes.

    Parameters
    ----------
    survey : ImageSurvey
    table : pandas.DataFrame
        Table of the stimuli, indexed by stimulus id. Notes leave out variants that the column ``original`` marks.
    """
    notes = []
    advice = (
        "If they are variants of one picture, name the first one's stimulus_id in the column original of the "
        "stimulus table for the others, so that folds keep them together."
    )
    for groups, sign, same in (
        (unmarked(survey.identical(), table), " = ", "the same pixels as the image of another stimulus"),
        (unmarked(survey.similar(), table), " ≈ ", "nearly the same pixels as the image of another stimulus"),
    ):
        if groups:
            n_stimuli = sum(map(len, groups))
            listed = name_some([sign.join(group) for group in groups])
            notes.append(f"The images of {n_stimuli} stimuli have {same}: {listed}. {advice}")
    shapes = survey.shapes()
    if len(shapes) > 1:
        listed = name_some([f"{width} × {height}" for width, height in shapes], most=3)
        notes.append(
            f"Images differ in shape (width × height: {listed}): models that take square images see them stretched "
            "by different factors; pad or crop them to one shape if that matters."
        )
    return notes


def unmarked(groups: Iterable[list[str]], table: pd.DataFrame) -> list[list[str]]:
    """Return the groups of stimuli that the column ``original`` of a stimulus table does not mark as variants."""
    if "original" not in table:
        return list(groups)
    marks = table["original"]
    root = {
        str(name): str(name) if pd.isna(mark) or mark == "" else str(mark) for name, mark in marks.items()
    }
    return [group for group in groups if len({root.get(name, name) for name in group}) > 1]


def _fine_fingerprint(image: Image.Image) -> NDArray[np.uint8]:
    grey = image.convert("RGB").convert("L")
    return np.asarray(grey.resize((_FINE, _FINE), Image.Resampling.BOX))


def _standardised(
    values: NDArray[np.float32], means: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    centred = values - means[:, np.newaxis]
    contrast = np.sqrt((centred**2).mean(axis=1))
    return centred / np.maximum(contrast, 1e-6)[:, np.newaxis], contrast


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.sqrt(((a - b) ** 2).mean()))


def _connected(n: int, pairs: list[tuple[int, int]]) -> list[list[int]]:
    """Return the groups that pairs connect, smallest indices first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return []
    first, second = np.array(pairs).T
    links = coo_array((np.ones(len(pairs)), (first, second)), shape=(n, n))
    labels = connected_components(links, directed=False)[1]
    groups: dict[int, list[int]] = {}
    for index in np.unique([first, second]).tolist():
        groups.setdefault(int(labels[index]), []).append(index)
    return list(groups.values())
