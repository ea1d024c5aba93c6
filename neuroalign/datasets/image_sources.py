"""Images in files, in memory or inside larger files: pixels, sizes and bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from math import isqrt
from numbers import Integral
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError
from typing_extensions import TypeIs

from neuroalign.datasets.picture_faults import picture_fault
from neuroalign.errors import DatasetError, brief, name_some
from neuroalign.masked import as_numbers

#: Ends of the names of image files.
IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".pgm", ".ppm"),
    *(".bmp", ".tif", ".tiff", ".webp", ".gif"),
)

#: Ends of the names of image files that none of the decoders below reads.
OTHER_SUFFIXES = (
    *(".avif", ".heic", ".heif", ".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".eps", ".psd", ".xcf", ".exr"),
    *(".hdr", ".tga", ".dds", ".dng", ".cr2", ".nef", ".arw", ".qoi", ".pcx", ".ico", ".icns"),
)

#: Formats of Pillow that may decode a file of any origin. Others run programs, such as Ghostscript for PostScript.
DECODERS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP", "GIF")

#: Largest number of pixels of an image, as Pillow has it before it warns of a decompression bomb.
MOST_PIXELS = 89_478_485

# Images inside a larger file share its open file, and threads load images.
_READING = Lock()


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image inside a larger file, such as a stack of images, which is read at each use.

    Tens of thousands of images may be larger than the memory.

    Parameters
    ----------
    shape : tuple of int
        Height, width and, for colour, 3.
    read : callable
        Function that returns the pixels, array of uint8 of this shape.
    """

    shape: tuple[int, ...]
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class SummedFile:
    """An image file that is compared with its SHA-256 at each reading.

    Parameters
    ----------
    path : Path
    sha256 : str
        64 hexadecimal digits.
    """

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Return the content of the file.

        Raises
        ------
        DatasetError
            If the file is not a regular file, or its content differs from the sum.
        OSError
            If the file cannot be read.
        """
        _expect_regular(self.path)
        content = self.path.read_bytes()
        if sha256(content).hexdigest() != self.sha256:
            raise DatasetError(
                f"{self.path} differs from its SHA-256 of the import: it is damaged, or was replaced while it was read"
            )
        return content


#: A file, pixels of shape (height, width[, 3]), or an image inside a larger file.
ImageSource = Path | SummedFile | NDArray[np.uint8] | StoredImage


def as_pixels(images: ArrayLike) -> NDArray[np.uint8]:
    """Return images as uint8, shape (n, height, width[, 3]).

    Raises
    ------
    DatasetError
        If the shape does not fit, or values are neither uint8 nor floats in [0, 1].
    """
    pixels = as_numbers(images)
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[-1] != 3):
        raise DatasetError(f"images must be (n, height, width[, 3]), got {pixels.shape}")
    if pixels.dtype != np.uint8:
        inside = (pixels >= 0) & (pixels <= 1)
        if pixels.dtype.kind != "f" or not inside.all():
            spread = f" from {pixels.min():g} to {pixels.max():g}" if pixels.size else ""
            raise DatasetError(f"images must be uint8, or floats in [0, 1], got {pixels.dtype}{spread}")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    return pixels


def is_file(source: ImageSource) -> TypeIs[Path | SummedFile]:
    """Return whether an image is a file of its own."""
    return isinstance(source, Path | SummedFile)


def suffix_of(source: ImageSource) -> str:
    """Return the suffix of the file name of an image, with its dot; ``.png`` for an image without a file of its own."""
    return _path_of(source).suffix if is_file(source) else ".png"


def pixels_of(source: NDArray[np.uint8] | StoredImage) -> NDArray[np.uint8]:
    """Return the pixels of an image that is not a file of its own."""
    if isinstance(source, StoredImage):
        with _READING:
            return source.read()
    return source


def decode_file(source: Path | BytesIO) -> Image.Image:
    """Open an image file with the decoders in :data:`DECODERS` alone; the pixels are read later.

    Parameters
    ----------
    source : Path or BytesIO
        File, or the bytes of one.

    Returns
    -------
    PIL.Image.Image
        To be used in a ``with`` statement.

    Raises
    ------
    DatasetError
        If the file is not a regular file, is not an image of one of the formats, or claims too many pixels.
    """
    if isinstance(source, Path):
        _expect_regular(source)
    try:
        image = Image.open(source, formats=DECODERS)
    except UnidentifiedImageError:
        raise DatasetError("it is not an image, or an image of an unknown format") from None
    if image.width * image.height > MOST_PIXELS:
        size = f"{image.width:,} × {image.height:,}"
        image.close()
        raise DatasetError(f"it claims {size} pixels; at most {MOST_PIXELS:,} are accepted")
    return image


def open_image(source: ImageSource, stimulus_id: str, *, mirrored: bool = False) -> Image.Image:
    """Read an image, mirrored left to right if `mirrored`; messages name it by `stimulus_id`.

    Raises
    ------
    DatasetError
        If the image cannot be read.
    """
    try:
        with _open(source) as image:
            image.load()
            if fault := picture_fault(image):
                raise DatasetError(fault)
            return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        raise _unreadable(stimulus_id, error) from error


def read_batch(
    sources: Mapping[str, ImageSource],
    ids: Sequence[str],
    *,
    channels: int = 1,
    size: int | None = None,
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """Read images into one array.

    Parameters
    ----------
    sources : mapping of stimulus id to path, or to array of uint8
    ids : sequence of str, length n
        Stimulus ids of the images, in the order of the result.
    channels : {1, 3}
        Grey or RGB.
    size : int, optional
        Side of the square to which images are resampled (antialiased); by default the size of the images.
    mirrored : bool
        Whether to mirror the images left to right.

    Returns
    -------
    array of float32 in [0, 1], shape (n, height, width) or (n, height, width, 3)

    Raises
    ------
    DatasetError
        If an argument is not permitted, an image cannot be read, or images differ in size and `size` is not given.
    """
    arrays = [
        square_pixels(
            open_image(sources[stimulus_id], stimulus_id, mirrored=mirrored), channels=channels, size=size
        )
        for stimulus_id in ids
    ]
    for stimulus_id in ids[-1:]:
        sources[stimulus_id]  # a folder that was replaced before the last image was read is an error here
    expect_one_size(array.shape for array in arrays)
    return np.stack(arrays).astype(np.float32) / np.float32(255)


def square_pixels(image: Image.Image, *, channels: int, size: int | None) -> NDArray[np.uint8]:
    """Convert an image to grey or RGB, and resample it to a square.

    Parameters
    ----------
    image : PIL image
    channels : {1, 3}
        Grey or RGB.
    size : int, optional
        Side of the square, in pixels; by default the image keeps its size.

    Returns
    -------
    array of uint8, shape (height, width) or (height, width, 3)

    Raises
    ------
    DatasetError
        If an argument is not permitted.
    """
    mode = {1: "L", 3: "RGB"}.get(channels) if isinstance(channels, Integral) else None
    if mode is None:
        raise DatasetError(f"channels must be 1 (grey) or 3 (RGB), got {channels!r}")
    if size is not None and not isinstance(size, Integral):
        raise DatasetError(f"size must be a whole number of pixels, got {size!r}")
    if size is not None and size < 1:
        raise DatasetError(f"size must be at least 1 pixel, got {size}")
    if size is not None and size * size > MOST_PIXELS:
        raise DatasetError(f"size must be at most {isqrt(MOST_PIXELS):,} pixels, got {size:,}")
    image = image.convert(mode)
    if size is not None and image.size != (size, size):
        # Pillow widens the kernel when it shrinks an image, so enlarging and shrinking are both antialiased.
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image)


def expect_one_size(shapes: Iterable[tuple[int, ...]]) -> None:
    """Raise an error for images with different shapes.

    Raises
    ------
    DatasetError
        The message names the shapes.
    """
    different = sorted(set(shapes))
    if len(different) > 1:
        raise DatasetError(f"images must have one size, got {name_some(different)}; give a size")


def size_of(source: ImageSource, stimulus_id: str) -> tuple[int, int]:
    """Return the width and height of an image in pixels.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    if not is_file(source):
        return source.shape[1], source.shape[0]
    try:
        with _open(source) as image:
            return image.size
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        raise _unreadable(stimulus_id, error) from error


def contents_of(sources: Mapping[str, ImageSource], ids: NDArray[np.str_]) -> Iterator[object]:
    """Yield the bytes of each file, and the pixels of each image in memory, as digests need them."""
    for stimulus_id in ids:
        source = sources[stimulus_id]
        yield bytes_of(source, stimulus_id) if is_file(source) else pixels_of(source)


def bytes_of(source: ImageSource, stimulus_id: str) -> bytes:
    """Return the bytes of an image file, or of an array as PNG.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    if is_file(source):
        try:
            return source.read() if isinstance(source, SummedFile) else source.read_bytes()
        except (OSError, DatasetError) as error:
            raise _unreadable(stimulus_id, error) from error
    buffer = BytesIO()
    Image.fromarray(pixels_of(source)).save(buffer, format="PNG")
    return buffer.getvalue()


def length_of(source: ImageSource, stimulus_id: str) -> str:
    """Return the length of a file, or the shape of an array, as text; equal images have equal text.

    Raises
    ------
    DatasetError
        If the file does not exist.
    """
    if not is_file(source):
        return f"array {tuple(source.shape)}"
    try:
        return f"file {_path_of(source).stat().st_size}"
    except OSError as error:
        raise _unreadable(stimulus_id, error) from error


def _open(source: ImageSource) -> Image.Image:
    if is_file(source):
        return decode_file(BytesIO(source.read()) if isinstance(source, SummedFile) else source)
    return Image.fromarray(pixels_of(source))


def _path_of(source: Path | SummedFile) -> Path:
    return source.path if isinstance(source, SummedFile) else source


def _expect_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise DatasetError("it is not a regular file")


def _unreadable(stimulus_id: str, error: Exception) -> DatasetError:
    return DatasetError(f"cannot read the image of stimulus {str(stimulus_id)!r}: {brief(error)}")
