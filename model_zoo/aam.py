"""Active appearance models: principal components of the shape and the shape-free appearance of faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.landmarks.procrustes import Placed, mean_shape, place_on
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.fitted.base import IMAGE_SIZE, FittedFamily, FittedModel
from neuroalign.model_zoo.fitted.components import (
    Matrix,
    PrincipalComponents,
    most_components,
    principal_components,
)
from neuroalign.model_zoo.fitted.mesh import Mesh
from neuroalign.progress import progress

#: Sizes of the family in Higgins et al. (2020).
PAPER_SIZES = tuple(range(10, 51, 2))

_BATCH = 256


@dataclass(frozen=True)
class Frame:
    """Common frame of the faces: the mean shape, at the mean position and size in the image.

    Parameters
    ----------
    mean : array of shape (n_landmarks, 2)
        Mean shape, with centroid 0 and centroid size 1.
    centroid : array of shape (2,)
        Mean centroid of the training faces, in pixels.
    size : float
        Mean centroid size of the training faces, in pixels.
    image_size : int
        Side of the images in pixels.
    """

    mean: Matrix
    centroid: Matrix
    size: float
    image_size: int

    @classmethod
    def of(cls, points: Matrix, image_size: int) -> "Frame":
        """Return the frame of training faces from their landmarks, shape (n, n_landmarks, 2)."""
        mean = mean_shape(points)
        placed = place_on(mean, points)
        return cls(mean, placed.centroid.mean(axis=0), float(placed.size.mean()), image_size)

    @cached_property
    def border(self) -> Matrix:
        """Corners of the image and middles of its sides, shape (8, 2), with which the mesh reaches the edge."""
        steps = np.array([0.0, 0.5, 1.0]) * self.image_size
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        return np.delete(grid, 4, axis=0)

    @cached_property
    def mesh(self) -> Mesh:
        """Mesh between the landmarks of the mean face and the border of the image."""
        return Mesh(self.points_of(self.mean * self.size), self.image_size)

    def shapes(self, placed: Placed) -> Matrix:
        """Return normalised landmarks in pixels of the frame, shape (n, 2 · n_landmarks)."""
        return (placed.shapes * self.size).reshape(len(placed.shapes), -1)

    def points_of(self, shape: Matrix) -> Matrix:
        """Return the points of the mesh, in pixels of the image, for one shape in pixels of the frame."""
        return np.concatenate([shape.reshape(-1, 2) + self.centroid, self.border])

    def points_on(self, placed: Placed, points: Matrix) -> Matrix:
        """Return the points of the mesh on the original faces, shape (n, n_points, 2).

        The border is shifted, scaled and rotated with the face, so that it adds only position, size and orientation
        to the warp.
        """
        border = placed.place((self.border - self.centroid) / self.size)
        return np.concatenate([points, border], axis=1)


@dataclass(frozen=True)
class Appearance:
    """Components of the training faces, and the coordinates of all faces on them.

    Parameters
    ----------
    frame : Frame
    shape : PrincipalComponents
        Components of normalised landmarks, x and y alternating, in pixels of the frame.
    texture : PrincipalComponents
        Components of shape-free images, row by row.
    ids : array of str, shape (n_stimuli,)
        Ids of the stimuli with landmarks, sorted.
    shape_everything, texture_everything : arrays of shape (n_stimuli, n_components)
        Coordinates of these stimuli.
    """

    frame: Frame
    shape: PrincipalComponents
    texture: PrincipalComponents
    ids: NDArray[np.str_]
    shape_everything: Matrix
    texture_everything: Matrix


@dataclass(frozen=True)
class AppearanceRequest:
    """Arguments of :func:`fit_appearance`. Two requests are equal if images and landmarks have the same content.

    Parameters
    ----------
    content_hash : str
        Content hash of the stimuli.
    landmarks_hash : str or None
        Digest of the landmarks.
    image_size : int
        Side of the images in pixels.
    n_shape, n_texture : int
        Numbers of components.
    stimuli : StimulusSet
    """

    content_hash: str
    landmarks_hash: str | None
    image_size: int
    n_shape: int
    n_texture: int
    stimuli: StimulusSet = field(compare=False, repr=False)


# All instances for one stimulus set share an entry of some megabytes.
@lru_cache(maxsize=4)
def fit_appearance(request: AppearanceRequest) -> Appearance:
    """Fit shape and appearance to the training faces, and compute the coordinates of all faces."""
    size, stimuli, training = request.image_size, request.stimuli, request.stimuli.training()
    points = training.points(size)
    frame = Frame.of(points.values, size)
    shape = principal_components(frame.shapes(place_on(frame.mean, points.values)), request.n_shape)
    texture = principal_components(_shape_free(training, frame), request.n_texture)
    everything = stimuli.points(size)
    placed = place_on(frame.mean, everything.values)
    return Appearance(
        frame,
        shape,
        texture,
        everything["stimulus"].values,
        shape.project(frame.shapes(placed)),
        texture.project(_shape_free(stimuli, frame)),
    )


class ActiveAppearanceModel(FittedModel):
    """The first n/2 components of shape, then the first n/2 of shape-free appearance.

    **Shape.** Landmarks, in pixels of the resampled image, are moved to centroid 0, scaled to centroid size 1
    and turned to the mean shape of the training faces (generalised Procrustes analysis, see
    :func:`neuroalign.datasets.landmarks.procrustes.mean_shape`), then multiplied by the mean centroid size of the
    training faces. So units are in pixels, and independent of the position, size and tilt of a face in its image.

    **Appearance.** Each image is warped so that its landmarks come to lie on the landmarks of the mean shape at the
    mean position and size. The warp is affine in each triangle between landmarks. Eight points on the border of the
    image, which follow the position, size and tilt of the face, extend the warp to hair and background. Brightness and
    contrast are not normalised.

    Both are fitted to the training images. Where the stimulus set asks for mirrored images, landmarks change sides
    with them. Stimuli without landmarks are left out of the fit and get no latents. Decoded faces are upright, at the
    mean position and size.

    Parameters
    ----------
    identifier : str
    n : int
        Number of units, even.
    image_size : int
        Images are resampled to image_size × image_size grey pixels.
    dataset : Dataset, optional
        See :class:`FittedModel`.

    References
    ----------
    Cootes, Edwards & Taylor (2001), IEEE PAMI 23:681; Chang & Tsao (2017), Cell 169:1013.
    """

    def __init__(
        self, identifier: str, *, n: int, image_size: int = IMAGE_SIZE, dataset: Dataset | None = None
    ) -> None:
        super().__init__(identifier, n=n, image_size=image_size, dataset=dataset)
        if n % 2:
            raise UsageError(f"{identifier}: n must be even, half for shape and half for appearance, got {n}")

    def _encode(self, stimuli: StimulusSet) -> xr.DataArray:
        appearance = self._appearance(stimuli)
        half = self.n // 2
        values = np.hstack([appearance.shape_everything[:, :half], appearance.texture_everything[:, :half]])
        ids = stimuli.ids[np.isin(stimuli.ids, appearance.ids)]
        return arrays.latents(values[np.searchsorted(appearance.ids, ids)], stimulus=ids)

    def _decode(self, stimuli: StimulusSet, values: Matrix) -> Matrix:
        appearance = self._appearance(stimuli)
        half = self.n // 2
        shapes = appearance.shape.first(half).reconstruct(values[:, :half])
        textures = appearance.texture.first(half).reconstruct(values[:, half:])
        images = np.empty((len(values), self.image_size, self.image_size))
        shown = progress(shapes, description="reconstructing", total=len(values), unit="face")
        for image, texture, shape in zip(images, textures, shown, strict=True):
            shape_free = texture.reshape(image.shape)
            image[:] = appearance.frame.mesh.from_reference(shape_free, appearance.frame.points_of(shape))
        return images

    def _appearance(self, stimuli: StimulusSet) -> Appearance:
        points = stimuli.training().points(self.image_size)
        n_faces, n_landmarks, _ = points.shape
        limits = (most_components(n_faces, 2 * n_landmarks), most_components(n_faces, self.image_size**2))
        if self.n // 2 > min(limits):
            raise ModelError(
                f"{self.identifier} needs more faces, landmarks or pixels: {n_faces} training faces with "
                f"{n_landmarks} landmarks and {self.image_size}×{self.image_size} pixels have {limits[0]} components "
                f"of shape and {limits[1]} of appearance; choose n ≤ {2 * min(limits)}"
            )
        most = max(self.n, PAPER_SIZES[-1]) // 2
        n_shape, n_texture = (min(limit, most) for limit in limits)
        key = (stimuli.content_hash, stimuli.landmarks_hash)
        return fit_appearance(AppearanceRequest(*key, self.image_size, n_shape, n_texture, stimuli))


class AAM(FittedFamily):
    """Active appearance models, fitted to the training images and the landmarks on them.

    The family has the 21 instances of Higgins et al. (2020), n = 10, 12, …, 50. Any other even n is available by name:
    ``aam[n=6]``, ``aam[n=20,image_size=128]``. Faces are warped once for all instances. See
    :class:`ActiveAppearanceModel`.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units, even.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baselines".
    """

    identifier = "aam"
    model = ActiveAppearanceModel
    option_names = ("n", "image_size")

    def __init__(self, *, sizes: Sequence[int] = PAPER_SIZES) -> None:
        self.sizes = tuple(sizes)

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return one set of options for each size."""
        return [{"n": n} for n in self.sizes]


def _shape_free(stimuli: StimulusSet, frame: Frame) -> Matrix:
    """Return the images with landmarks, warped to the mean shape, one row for each image, sorted by id."""
    points = stimuli.points(frame.image_size)
    mesh_points = frame.points_on(place_on(frame.mean, points.values), points.values)
    faces = stimuli.select(points["stimulus"].values)
    images = (image for batch in faces.batches(_BATCH, size=frame.image_size) for image in batch)
    rows = np.empty((len(faces), frame.image_size**2))
    shown = progress(images, description="warping faces", total=len(faces), unit="face")
    for row, face_points, image in zip(rows, mesh_points, shown, strict=True):
        row[:] = frame.mesh.to_reference(image.astype(np.float64), face_points).ravel()
    return rows
