"""Images of the stimuli in an NWB file: image stacks, indexed images, and images named like the stimuli."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.datasets.formats.nwb_tables import (
    SINGLE_IMAGES,
    ImagePlace,
    member,
    values_of,
)
from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.errors import DatasetError
from neuroalign.files.hdf5 import expect_plausible_size, open_hdf5
from neuroalign.progress import progress

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from neuroalign.datasets.image_sources import ImageSource

ColorOrder = Literal["rgb", "bgr"]

#: Seconds that may lie between the onset of a presentation and the time of its image.
_TOLERANCE = 0.02

#: Types of series of images.
_SERIES = ("OpticalSeries", "ImageSeries")

COLOR_ORDER = ReaderOption(
    "color_order",
    "Order of the colours of the images in the file. By default rgb.",
    choices=("rgb", "bgr"),
)


def find_images(
    array: xr.DataArray, objects: Mapping[str, Sequence[Any]], color_order: ColorOrder | None
) -> tuple[dict[str, ImageSource] | None, list[str]]:
    """Find the image of each stimulus in an NWB file.

    Parameters
    ----------
    array : recording
        Recording with the coordinate ``onset`` along presentation, in seconds.
    objects : mapping of str to sequence of h5py objects
        Objects of the file by type; see :func:`neuroalign.datasets.formats.nwb_tables.find_objects`.
    color_order : {"rgb", "bgr"}, optional

    Returns
    -------
    images : dict of stimulus id to array of uint8, or None
        None if the file has no images that belong to the stimuli.
    notes : list of str
        Sentences for the user on the origin of the images, or the reason why they were passed over.
    """
    passed_over: list[str] = []
    for find in _sources(objects):
        try:
            images, origin = find(array)
        except DatasetError as error:
            passed_over.append(f"Images in the file were passed over: {error}.")
            continue
        in_color = any(len(shape) == 3 for shape, _ in images.values())
        note = f"Images are {origin}, with rows first"
        if in_color:
            stated = "" if color_order else " (--color-order bgr for the reverse)"
            note += f" and colours in the order {color_order or 'rgb'}{stated}"
        return _stored(images, array, objects, color_order == "bgr"), [f"{note}."]
    return None, passed_over


#: Name of an HDF5 dataset in the file, and row of an image in it; None if the dataset is one image.
_Place = tuple[str, int | None]
#: Shape and place of the image of each stimulus, and a phrase on the origin of the images.
_Found = tuple[dict[str, tuple[tuple[int, ...], _Place]], str]


class _Frames:
    """Images in an NWB file, which is open only while an image is read, so that other programs can open it."""

    def __init__(self, path: Path, reverse: bool) -> None:
        self._path = path
        self._reverse = reverse

    def read(self, place: _Place) -> NDArray[np.uint8]:
        """Return the pixels of one image."""
        name, row = place
        with open_hdf5(self._path) as file:
            pixels = _pixels(_values(file[name], row))
        return pixels[..., ::-1].copy() if self._reverse and pixels.ndim == 3 else pixels


def _stored(
    images: Mapping[str, tuple[tuple[int, ...], _Place]],
    array: xr.DataArray,
    objects: Mapping[str, Sequence[Any]],
    reverse: bool,
) -> dict[str, ImageSource]:
    """Return images that are read from the file at each use, because all of them may be larger than the memory."""
    from neuroalign.datasets.image_sources import StoredImage

    some_object = next(node for nodes in objects.values() for node in nodes)
    frames = _Frames(Path(some_object.file.filename), reverse)
    return {
        stimulus: StoredImage(shape, partial(frames.read, place))
        for stimulus, (shape, place) in images.items()
    }


def _sources(objects: Mapping[str, Sequence[Any]]) -> Iterator[Callable[[xr.DataArray], _Found]]:
    """Yield a function for each object of the file from which images may be taken."""
    for series in objects.get("IndexSeries", []):
        if "indexed_images" in series or "indexed_timeseries" in series:
            yield partial(_by_index, series)
    for kind in _SERIES:
        for series in objects.get(kind, []):
            if "/presentation/" in series.name and "data" in series:
                yield partial(_by_time, series)
    nodes = {_short(node): node for kind in SINGLE_IMAGES for node in objects.get(kind, [])}
    if nodes:
        yield partial(_by_name, nodes)


def _by_index(series: Any, array: xr.DataArray) -> _Found:
    """Take images by the numbers in an IndexSeries, at the times of the presentations."""
    name = _short(series)
    numbers = values_of(member(series, "data")).astype("int64")
    chosen = numbers[_rows_of_onsets(series, array, len(numbers))]
    if "indexed_images" in series:
        container = member(series, "indexed_images")
        if "order_of_images" not in container:
            raise DatasetError(f"{_short(container)} has no order_of_images, to which {name} refers")
        references = member(container, "order_of_images")[()]
        places: list[_Place] = [(container.file[reference].name, None) for reference in references]
    else:
        stack = _stack(member(series, "indexed_timeseries"))
        places = [(stack.name, row) for row in range(stack.shape[0])]
    n_images = len(places)
    if chosen.min() < 0 or chosen.max() >= n_images:
        raise DatasetError(f"{name} refers to image {chosen.max()}, and there are {n_images}")
    return _one_image_each(array, chosen, places, series.file, name), f"chosen by the series {name}"


def _by_time(series: Any, array: xr.DataArray) -> _Found:
    """Take the frames of a series that was shown, at the times of the presentations."""
    stack, name = _stack(series), _short(series)
    rows = _rows_of_onsets(series, array, stack.shape[0])
    places: list[_Place] = [(stack.name, row) for row in range(stack.shape[0])]
    return _one_image_each(array, rows, places, series.file, name), f"the frames of {name}"


def _by_name(nodes: Mapping[str, ImagePlace], array: xr.DataArray) -> _Found:
    """Take images with the names of the stimuli."""
    stimuli = list(dict.fromkeys(array["stimulus_id"].values.tolist()))
    without = [stimulus for stimulus in stimuli if stimulus not in nodes]
    if without:
        raise DatasetError(
            f"no image is called {without[0]}, as a stimulus is; the first image is {next(iter(nodes))}"
        )
    shapes = {
        stimulus: _pixels(values_of(nodes[stimulus].open())).shape
        for stimulus in progress(stimuli, description="reading images", unit="image")
    }
    return {
        stimulus: (shape, (nodes[stimulus].name, None)) for stimulus, shape in shapes.items()
    }, "named like the stimuli"


def _rows_of_onsets(series: Any, array: xr.DataArray, n: int) -> NDArray[np.int64]:
    """Return the row of a series at each presentation."""
    import numpy as np

    if "timestamps" in series:
        times = values_of(member(series, "timestamps")).astype(np.float64)
    elif "starting_time" in series:
        start = member(series, "starting_time")
        times = float(start[()]) + np.arange(n) / float(start.attrs["rate"])
    else:
        raise DatasetError(f"{_short(series)} has no times")
    if len(times) != n or n == 0 or (np.diff(times) < 0).any():
        raise DatasetError(f"the times of {_short(series)} do not fit its {n} images")
    onsets = array["onset"].values
    after = np.clip(np.searchsorted(times, onsets), 1, max(n - 1, 1))
    if n > 1:
        rows = np.where(onsets - times[after - 1] <= times[after] - onsets, after - 1, after)
    else:
        rows = np.zeros(len(onsets), dtype=np.int64)
    distance = np.abs(times[rows] - onsets)
    if distance.max() > _TOLERANCE:
        raise DatasetError(
            f"the images of {_short(series)} are up to {distance.max():.3g} s away from the onsets"
        )
    return rows


def _one_image_each(
    array: xr.DataArray, rows: NDArray[np.int64], places: Sequence[_Place], file: Any, name: str
) -> dict[str, tuple[tuple[int, ...], _Place]]:
    """Return the place of the image of each stimulus, which must be the same in all presentations."""
    from neuroalign.files.digests import digest

    images: dict[str, tuple[tuple[int, ...], _Place]] = {}
    digests: dict[str, str] = {}
    pairs = dict.fromkeys(zip(array["stimulus_id"].values.tolist(), rows.tolist(), strict=True))
    for stimulus, row in progress(pairs, description="reading images", unit="image"):
        dataset, row_inside = places[row]
        image = _pixels(_values(file[dataset], row_inside))
        images.setdefault(stimulus, (image.shape, places[row]))
        if digests.setdefault(stimulus, digest(image)) != digest(image):
            raise DatasetError(f"stimulus {stimulus} has different images in {name}; choose another --label")
    return images


def _values(node: Any, row: int | None) -> NDArray[Any]:
    import numpy as np

    return values_of(node) if row is None else np.asarray(node[row])


def _stack(series: Any) -> Any:
    data = member(series, "data")
    expect_plausible_size(data)
    if data.ndim not in (3, 4):
        raise DatasetError(f"{_short(series)} must hold images, got shape {data.shape}")
    return data


def _pixels(values: NDArray[Any]) -> NDArray[np.uint8]:
    from neuroalign.datasets.image_sources import as_pixels

    return as_pixels(values[None])[0]


def _short(node: Any) -> str:
    return str(node.name).rsplit("/", 1)[-1]
