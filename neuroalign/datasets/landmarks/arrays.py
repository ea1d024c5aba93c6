"""Landmarks: named points on the images of a stimulus set, and their mirror partners.

An array of landmarks is a plain :class:`xarray.DataArray` with the dimensions stimulus, landmark and axis (x, y). The
coordinates of the first two are the stimulus ids and the names of the landmarks. Values are pixels from the upper left
corner of the stored image, y downwards; the middle of the first pixel is at 0.5. The array has only stimuli with
landmarks.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.landmarks.procrustes import mean_shape, place_on
from neuroalign.errors import ArrayError, DatasetError, name_some
from neuroalign.masked import as_labels, as_numbers
from neuroalign.validation import check_value

DIMENSIONS = ("stimulus", "landmark", "axis")

#: Largest distance of a landmark from its image, as a share of the width or height of the image.
MARGIN = 0.5

# Largest distance of a mirrored landmark from its partner, as a share of the root mean squared distance of the
# landmarks from their centroid.
_TOLERANCE = 0.25


def landmarks(points: ArrayLike, *, stimulus: ArrayLike, landmark: ArrayLike) -> xr.DataArray:
    """Build and validate an array of landmarks.

    Parameters
    ----------
    points : array of shape (n_stimuli, n_landmarks, 2)
        Positions (x, y) in pixels.
    stimulus : array of str, shape (n_stimuli,)
        Stimulus ids.
    landmark : array of str, shape (n_landmarks,)
        Names of the landmarks.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    ArrayError
        If a label repeats, a shape does not fit, a value is not finite, the array has fewer than three landmarks, or
        all landmarks of a stimulus lie at one place.

    Examples
    --------
    >>> from neuroalign.datasets.landmarks.arrays import landmarks
    >>> face = [[10.0, 20.0], [30.0, 20.0], [20.0, 40.0]]
    >>> marks = landmarks([face, face], stimulus=["a", "b"], landmark=["left eye", "right eye", "mouth"])
    >>> marks.sizes["landmark"], marks.sel(stimulus="a", landmark="mouth").values
    (3, array([20., 40.]))
    """
    values = as_numbers(points, np.float64)
    if values.ndim != 3 or values.shape[-1] != 2:
        raise ArrayError(f"landmarks must be (n_stimuli, n_landmarks, 2), got {values.shape}")
    labels = {
        "stimulus": as_labels(stimulus, "stimulus").astype(str),
        "landmark": as_labels(landmark, "landmark").astype(str),
        "axis": np.array(["x", "y"]),
    }
    for (name, names), length in zip(labels.items(), values.shape, strict=True):
        if names.shape != (length,):
            raise ArrayError(f"{names.size} labels were given for {length} along {name}")
    return validate_landmarks(xr.DataArray(values, dims=DIMENSIONS, coords=labels, name="landmarks"))


def validate_landmarks(array: xr.DataArray) -> xr.DataArray:
    """Check that an array has the form of :func:`landmarks`, and return it."""
    check_value(array, xr.DataArray, "landmarks")
    if array.dims != DIMENSIONS or array.sizes["axis"] != 2:
        raise ArrayError(
            f"landmarks must have the dimensions stimulus, landmark and axis (x, y), got {array.dims}"
        )
    for name in ("stimulus", "landmark"):
        index = array.indexes[name]
        if index.has_duplicates:
            repeated = index[index.duplicated()].unique()
            raise ArrayError(f"landmarks repeat along {name}: {name_some(repeated.tolist())}")
    if array.sizes["landmark"] < 3:
        raise ArrayError(f"landmarks must be at least three for each stimulus, got {array.sizes['landmark']}")
    finite = np.isfinite(array.values).all(axis=2)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ArrayError(
            f"landmark {array['landmark'].values[column]} of stimulus {str(array['stimulus'].values[row])!r} "
            "has no finite position"
        )
    same = np.ptp(array.values, axis=1).max(axis=1) == 0
    if same.any():
        raise ArrayError(
            f"all landmarks lie at one place in {name_some(array['stimulus'].values[same].tolist())}"
        )
    return array


def expect_near_images(array: xr.DataArray, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Refuse landmarks that cannot be in pixels of these images.

    Parameters
    ----------
    array : landmarks
    sizes : mapping of stimulus id to (width, height) in pixels

    Raises
    ------
    DatasetError
        If a landmark lies further outside its image than :data:`MARGIN` of its width or height.
    """
    size = np.array(
        [sizes[str(stimulus)] for stimulus in array["stimulus"].values], dtype=np.float64
    ).reshape(-1, 2)
    relative: NDArray[np.float64] = array.values / size[:, np.newaxis]
    far = np.argwhere(np.abs(relative - 0.5) > 0.5 + MARGIN)
    if len(far):
        row, column, _ = far[0]
        x, y = array.values[row, column]
        raise DatasetError(
            f"landmark {array['landmark'].values[column]} of stimulus {str(array['stimulus'].values[row])!r} lies "
            f"at ({x:g}, {y:g}), far outside its image of {size[row, 0]:g} × {size[row, 1]:g} pixels "
            f"(in all {len(np.unique(far[:, 0]))} such stimuli); landmarks are x, y in pixels from the upper "
            "left corner"
        )


def resample_landmarks(
    array: xr.DataArray, sizes: Mapping[str, tuple[int, int]], size: int, *, partners: ArrayLike | None = None
) -> xr.DataArray:
    """Return landmarks in pixels of images that are resampled to a square, and mirrored on request.

    Parameters
    ----------
    array : landmarks
    sizes : mapping of stimulus id to (width, height) in pixels
        Sizes of the stored images.
    size : int
        Side of the square in pixels.
    partners : array of int, shape (n_landmarks,), optional
        Partners of the landmarks, see :func:`mirror_partners`; the images are then mirrored left to right.
    """
    stored = np.array([sizes[str(name)] for name in array["stimulus"].values], dtype=np.float64)
    relative = array.values / stored[:, np.newaxis]
    if partners is not None:
        relative = relative[:, np.asarray(partners)]
        relative[..., 0] = 1 - relative[..., 0]
    return array.copy(data=relative * size)


def mirror_partners(array: xr.DataArray) -> NDArray[np.intp]:
    """Find the partner of each landmark on the other side of the face, with which a mirror swaps it.

    The mean shape of all faces is mirrored, and the landmarks are paired with their mirror images so that the sum of
    squared distances is smallest. The mirrored shape is then turned to fit better. Both steps repeat until the pairs
    no longer change. Names are not used. A landmark on the midline is its own partner.

    Parameters
    ----------
    array : landmarks

    Returns
    -------
    array of int, shape (n_landmarks,)
        Indices of the partners.

    Raises
    ------
    DatasetError
        If the landmarks are not symmetric, so that some have no partner.

    Examples
    --------
    >>> from neuroalign.datasets.landmarks.arrays import landmarks, mirror_partners
    >>> face = [[10.0, 20.0], [30.0, 20.0], [20.0, 40.0]]
    >>> mirror_partners(landmarks([face, face], stimulus=["a", "b"], landmark=["left eye", "right eye", "mouth"]))
    array([1, 0, 2])
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    mean = mean_shape(array.values)
    mirrored = mean * [-1, 1]
    partners = np.arange(len(mean))
    for _ in range(len(mean)):
        _, assigned = linear_sum_assignment(cdist(mean, mirrored, "sqeuclidean"))
        if np.array_equal(assigned, partners):
            break
        partners = assigned
        fitted = place_on(mean, mirrored[partners][np.newaxis]).shapes[0]
        mirrored[partners] = fitted
    distance = np.linalg.norm(mean - mirrored[partners], axis=1)
    typical = np.sqrt((mean**2).sum(axis=1).mean())
    unpaired = (partners[partners] != np.arange(len(mean))) | (distance > _TOLERANCE * typical)
    if unpaired.any():
        raise DatasetError(
            f"{int(unpaired.sum())} landmarks have no partner on the other side of the face: "
            f"{name_some(array['landmark'].values[unpaired].tolist())}; leave them out, or set mirror_training = false "
            "in dataset.toml"
        )
    return partners
