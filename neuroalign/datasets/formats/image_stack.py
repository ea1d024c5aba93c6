"""Stacks of images in one array: their axes, their grey levels, and their stimuli."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.arrays.blocks import forget_pages, slowest_axis
from neuroalign.datasets.image_sources import ImageSource, StoredImage
from neuroalign.errors import DatasetError, UsageError, unknown_name
from neuroalign.progress import progress

AXES = ("image", "height", "width", "channel")

#: Size of the part of a stack that is in memory, in bytes.
_BLOCK_BYTES = 1 << 24

_CONVERT = "give uint8, or floats from 0 to 1 or from 0 to 255"


@dataclass(frozen=True)
class ImageStack:
    """Images in one array, which may be larger than the memory.

    Parameters
    ----------
    values : array, or h5py.Dataset
        Three or four axes.
    source : str
        Name of the array for messages and notes.
    ids : array of str, optional
        Stimulus id of each image.
    reverse : bool
        Whether the axes are in the reverse order, as HDF5 stores arrays of MATLAB.
    needs_axes : bool
        Whether the order of the axes is open: programs write HDF5 in two orders.
    """

    values: Any
    source: str
    ids: NDArray[np.str_] | None = None
    reverse: bool = False
    needs_axes: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, in the order of the program that wrote the stack."""
        shape = tuple(int(n) for n in self.values.shape)
        return shape[::-1] if self.reverse else shape

    def images(
        self, numbers: Sequence[int], axes: Sequence[str] | None, white: int | None
    ) -> tuple[list[StoredImage], list[str]]:
        """Return the images in their order.

        Parameters
        ----------
        numbers : sequence of int
            Possible numbers of images.
        axes : sequence of {"image", "height", "width", "channel"}, optional
        white : {1, 255}, optional
            Value of white.

        Returns
        -------
        images : list of StoredImage
        notes : list of str
            Sentences for the user on the axes and the grey levels.
        """
        names = decide_axes(self.shape, numbers, axes, self)
        stored = names[::-1] if self.reverse else names
        order = [stored.index(name) for name in AXES if name in stored]
        read = _BlockReader(self.values, order)
        convert, levels = _decide_levels(read, self.values.dtype, white, self.source)
        shape = tuple(self.values.shape[axis] for axis in order[1:])
        shape = shape[:2] if shape[2:] == (1,) else shape
        text = " × ".join(f"{name} {length}" for name, length in zip(names, self.shape, strict=True))
        notes = [
            f"Images are the array {self.source} ({text}){'' if axes else '; --image-axes names another order'}."
        ]
        return [
            StoredImage(shape, partial(_pixels, read, number, convert)) for number in range(read.n)
        ], notes + levels


def parse_image_axes(axes: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the names of the axes of a stack from a sequence, or from text with commas in between.

    Raises
    ------
    UsageError
        If a name is unknown, repeats or is missing.
    """
    if axes is None:
        return None
    names = tuple(name.strip() for name in (axes.split(",") if isinstance(axes, str) else axes))
    for name in names:
        if name not in AXES:
            raise unknown_name("axis of a stack of images", name, AXES)
    if len(set(names)) != len(names) or not set(AXES[:3]) <= set(names):
        raise UsageError(
            f"--image-axes must name image, height and width, and may name channel, each once, got {','.join(names)}"
        )
    return names


def pair_images(
    stack: ImageStack,
    axis: Sequence[str] | None,
    rows: Sequence[str] | None,
    *,
    axes: Sequence[str] | None,
    white: int | None,
) -> tuple[dict[str, ImageSource], list[str]]:
    """Pair the images of a stack with stimuli: by the ids in its file, or by the order of the stimuli.

    Parameters
    ----------
    stack : ImageStack
    axis : sequence of str, optional
        Stimuli of the responses in the order of the stimulus axis; None where the responses have no such axis.
    rows : sequence of str, optional
        Stimuli of the stimulus table in its order.
    axes : sequence of str, optional
    white : {1, 255}, optional

    Raises
    ------
    DatasetError
        If the number of images fits neither, or two orders are possible.
    """
    if stack.ids is not None:
        images, notes = stack.images([len(stack.ids)], axes, white)
        if len(set(stack.ids)) < len(stack.ids):
            raise DatasetError(f"the ids of the images in {stack.source} repeat; name each image once")
        paired = dict(zip(stack.ids.tolist(), images, strict=True))
        return dict(paired), [
            *notes,
            f"Images are paired with stimuli by the ids in the file of {stack.source}.",
        ]
    advice = "save the stimulus id of each image beside them, in an array called stimulus_id"
    orders = {
        phrase: list(ids)
        for phrase, ids in (("the stimulus axis", axis), ("the rows of the stimulus table", rows))
        if ids is not None
    }
    if not orders:
        raise DatasetError(
            f"the responses have no stimulus axis, so that the order of {stack.source} says nothing; {advice}"
        )
    images, notes = stack.images([len(ids) for ids in orders.values()], axes, white)
    fitting = {phrase: ids for phrase, ids in orders.items() if len(ids) == len(images)}
    if len(fitting) > 1 and len({tuple(ids) for ids in fitting.values()}) > 1:
        raise DatasetError(
            f"{stack.source} could have the order of {' or of '.join(fitting)}, which differ; {advice}"
        )
    phrase, ids = next(iter(fitting.items()))
    return dict(zip(ids, images, strict=True)), [
        *notes,
        f"The {len(ids):,} images are taken in the order of {phrase}: the first is the image of {ids[0]}.",
    ]


def decide_axes(
    shape: tuple[int, ...], numbers: Sequence[int], stated: Sequence[str] | None, stack: ImageStack
) -> tuple[str, ...]:
    """Return the name of each axis of a stack, by the number of images and of colours.

    Raises
    ------
    DatasetError
        If the names are not certain; the message asks for ``--image-axes``.
    UsageError
        If the stated names do not fit the shape.
    """
    size = " × ".join(map(str, shape))
    if stated is not None:
        if len(stated) != len(shape):
            raise UsageError(
                f"{stack.source} has {len(shape)} axes ({size}), and --image-axes names {len(stated)}: "
                f"{','.join(stated)}"
            )
        _expect_fit(shape, tuple(stated), numbers, stack.source)
        return tuple(stated)
    ask = "name its axes in their order, for example --image-axes image,height,width,channel"
    if stack.needs_axes:
        raise DatasetError(
            f"{stack.source} is {size} in the order of h5py, and HDF5 does not say which axis is the height; {ask}"
        )
    colours = [axis for axis, n in enumerate(shape) if n in (1, 3)] if len(shape) == 4 else []
    if len(shape) == 4 and len(colours) != 1:
        raise DatasetError(f"it is not certain which axis of {stack.source} ({size}) has the colours; {ask}")
    places = [axis for axis, n in enumerate(shape) if n in numbers and axis not in colours]
    if not places:
        raise DatasetError(
            f"no axis of {stack.source} ({size}) has the length {' or '.join(map(str, sorted(set(numbers))))}, the "
            "number of stimuli: each stimulus needs one image"
        )
    if len(places) > 1:
        raise DatasetError(
            f"it is not certain which axis of {stack.source} ({size}) numbers the images; {ask}"
        )
    rest = iter(("height", "width"))
    return tuple(
        "channel" if axis in colours else "image" if axis == places[0] else next(rest)
        for axis in range(len(shape))
    )


def _expect_fit(shape: tuple[int, ...], names: tuple[str, ...], numbers: Sequence[int], source: str) -> None:
    lengths = dict(zip(names, shape, strict=True))
    if lengths["image"] not in numbers:
        raise DatasetError(
            f"{source} has {lengths['image']} images, and there are {' or '.join(map(str, sorted(set(numbers))))} "
            "stimuli; is --image-axes right?"
        )
    if lengths.get("channel", 3) not in (1, 3):
        raise DatasetError(
            f"the axis channel of {source} must have the length 1 or 3, got {lengths['channel']}"
        )


class _BlockReader:
    """Images of an array on disk or in memory, image by image, without the whole array in memory."""

    def __init__(self, values: Any, order: Sequence[int]) -> None:
        self._values = values
        self._axis = order[0]
        # Axes in the order of the array, with the axis of the images at its place.
        self._order = list(order)
        self.n = int(values.shape[order[0]])
        per_image = max(1, values.dtype.itemsize * int(np.prod(values.shape)) // max(self.n, 1))
        chunks = getattr(values, "chunks", None)
        if chunks:
            self._step = int(chunks[order[0]])
        elif (slowest_axis(values) if isinstance(values, np.ndarray) else 0) == order[0]:
            self._step = 1
        else:
            self._step = max(1, _BLOCK_BYTES // per_image)
        self._step = min(self._step, max(1, 4 * _BLOCK_BYTES // per_image))
        self._block = lru_cache(maxsize=1)(self._read)

    def _read(self, start: int) -> NDArray[Any]:
        index = [slice(None)] * len(self._order)
        index[self._axis] = slice(start, start + self._step)
        block = np.array(np.asarray(self._values[tuple(index)]).transpose(self._order))
        if isinstance(self._values, np.ndarray):
            forget_pages(self._values)
        return block

    def __call__(self, number: int) -> NDArray[Any]:
        """Return an image, (height, width[, channel])."""
        image: NDArray[Any] = self._block(number // self._step * self._step)[number % self._step]
        return image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image


def _pixels(
    read: _BlockReader, number: int, convert: Callable[[NDArray[Any]], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    return convert(read(number))


def _decide_levels(
    read: _BlockReader, dtype: np.dtype[Any], white: int | None, source: str
) -> tuple[Callable[[NDArray[Any]], NDArray[np.uint8]], list[str]]:
    """Return the conversion of grey levels to uint8, with a note; look at all values unless they are uint8."""
    if white is not None and white not in (1, 255):
        raise UsageError(f"--image-white must be 1 or 255, got {white}")
    if dtype == np.uint8:
        if white == 1:
            raise UsageError(
                f"--image-white 1 contradicts the uint8 of {source}; leave it out, or convert the images"
            )
        return partial(_scaled, factor=1), []
    if dtype == np.bool_:
        return partial(_scaled, factor=255), [f"Grey levels of {source} are false (black) and true (white)."]
    lowest, highest, fractions = np.inf, -np.inf, False
    for number in progress(range(read.n), description="looking at grey levels", unit="image"):
        image = read(number)
        if not np.isfinite(image).all():
            raise DatasetError(f"image {number} of {source} has values that are NaN or infinite")
        lowest, highest = min(lowest, float(image.min())), max(highest, float(image.max()))
        fractions = fractions or bool((image != np.round(image)).any())
    spread = f"{dtype} from {lowest:g} to {highest:g}"
    if lowest < 0 or highest > 255 or (white == 1 and highest > 1):
        raise DatasetError(
            f"the grey levels of {source} are {spread}; {_CONVERT}, and never standardised values"
        )
    if white is None and highest <= 1 and not fractions:
        raise DatasetError(
            f"white may be 1 or 255 in {source} ({spread}); say which with --image-white 1|255"
        )
    white = white or (1 if highest <= 1 else 255)
    rounded = ", and rounded to whole numbers" if fractions else ""
    how = "multiplied by 255" if white == 1 else "taken as grey levels from 0 to 255"
    other = 255 if white == 1 else 1
    doubt = f" (--image-white {other} for the other scale)" if highest <= 1 else ""
    return partial(_scaled, factor=255 // white), [
        f"Values of {source} ({spread}) were {how}{rounded}{doubt}."
    ]


def _scaled(values: NDArray[Any], factor: int) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    return np.rint(values * np.float64(factor)).astype(np.uint8)
