"""Stimulus sets: ids, a table of what is known of each stimulus, the images, and landmarks on them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from neuroalign.datasets.image_sources import (
    ImageSource,
    as_pixels,
    bytes_of,
    open_image,
    size_of,
)
from neuroalign.datasets.landmarks.arrays import mirror_partners, validate_landmarks
from neuroalign.datasets.variants import Originals, VariantTable
from neuroalign.errors import (
    DatasetError,
    MissingImagesError,
    MissingLandmarksError,
    StimulusMismatchError,
    name_some,
)
from neuroalign.files.digests import digest
from neuroalign.masked import as_labels


class StimulusSet:
    """Stimuli, by id.

    Parameters
    ----------
    identifier : str
    table : pandas.DataFrame
        One row for each stimulus, indexed by unique stimulus ids (str). Columns are free; three have
        a meaning: ``presented`` and ``training`` (bool) say which stimuli the animals saw and which
        models may be trained on; ``original`` names the stimulus of which this one is a variant; see
        :meth:`originals`.
    images : mapping of stimulus id to path, or to array of uint8 (height, width[, 3]), optional
        None for a set whose images are not available.
    mirror_training : bool
        Whether models are trained on mirror images of the stimuli, as in Higgins et al. (2020).
    mirrored : bool
        Whether the pixels and landmarks of this set are mirrored left to right when they are read.
    landmarks : landmarks, optional
        See :mod:`neuroalign.datasets.landmarks.arrays`. Some stimuli may have none; those of others are left out.
    """

    def __init__(
        self,
        identifier: str,
        table: pd.DataFrame,
        images: Mapping[str, ImageSource] | None = None,
        *,
        mirror_training: bool = False,
        mirrored: bool = False,
        landmarks: xr.DataArray | None = None,
    ) -> None:
        table = table.copy()
        table.index = pd.Index(table.index.astype(str), name="stimulus_id")
        if table.index.has_duplicates:
            repeated = table.index[table.index.duplicated()].unique()
            raise DatasetError(f"stimulus ids must be unique; repeated: {name_some(repeated.tolist())}")
        if images is not None:
            without = [each for each in table.index if each not in images]
            if without:
                raise DatasetError(f"{len(without)} stimuli have no image: {name_some(without)}")
        self.identifier = identifier
        self.table = table
        self.mirror_training = mirror_training
        self.mirrored = mirrored
        self._images = images
        self._landmarks = None if landmarks is None else validate_landmarks(landmarks)

    @classmethod
    def from_arrays(
        cls, images: ArrayLike, *, ids: Sequence[str] | None = None, identifier: str = "stimuli"
    ) -> "StimulusSet":
        """Make a set of images in memory.

        Parameters
        ----------
        images : array of uint8, or of float in [0, 1], shape (n, height, width) or (n, height, width, 3)
        ids : sequence of str, optional
            By default "0", "1", ….
        identifier : str
        """
        pixels = as_pixels(images)
        names = [str(i) for i in range(len(pixels))] if ids is None else [str(each) for each in ids]
        if len(names) != len(pixels):
            raise DatasetError(f"{len(names)} ids were given for {len(pixels)} images")
        table = pd.DataFrame(index=pd.Index(names))
        return cls(identifier, table, dict(zip(names, pixels, strict=True)))

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        images = "with images" if self.has_images else "no images"
        return f"<StimulusSet {self.identifier}: {len(self)} stimuli, {images}>"

    @property
    def ids(self) -> NDArray[np.str_]:
        """Stimulus ids, shape (n,), in the order of the table."""
        return self.table.index.to_numpy().astype(str)

    @property
    def has_images(self) -> bool:
        """Whether the images themselves are available."""
        return self._images is not None

    @property
    def landmarks(self) -> xr.DataArray | None:
        """Landmarks of those stimuli that have them, sorted by id; None if there are none.

        In pixels of the images as they are stored, whether or not the set is mirrored; what fits
        :meth:`pixels` is :meth:`points`.
        """
        if self._landmarks is None:
            return None
        own = np.intersect1d(self.ids, self._landmarks["stimulus"].values)
        return self._landmarks.sel(stimulus=own) if own.size else None

    def with_landmarks(self, landmarks: xr.DataArray) -> "StimulusSet":
        """Return the set with these landmarks in place of its own.

        See :func:`neuroalign.datasets.landmarks.arrays.landmarks`.
        """
        return StimulusSet(
            self.identifier,
            self.table,
            self._images,
            mirror_training=self.mirror_training,
            mirrored=self.mirrored,
            landmarks=landmarks,
        )

    def select(self, ids: ArrayLike) -> "StimulusSet":
        """Return the set restricted to `ids`, in that order.

        Raises
        ------
        StimulusMismatchError
            Naming ids that are not in the set.
        """
        return self._with(table=self.table.loc[pd.Index(self._expect_known(ids))])

    def originals(self, ids: ArrayLike) -> Originals:
        """Return the original of each of some stimuli, the unit that folds, draws and shuffles keep together.

        Stimuli with one value in the column ``original`` are variants of one original, and so are stimuli whose
        images are equal byte for byte. A stimulus without a value is its own original.

        Parameters
        ----------
        ids : array of str, shape (n,)
            Stimuli of this set, in any order.

        Returns
        -------
        Originals
            Its ``labels`` are those of :meth:`groups`.

        Raises
        ------
        StimulusMismatchError
            Naming ids that are not in the set.
        DatasetError
            If the column ``original`` holds flags, if an original is a variant itself, or if an image cannot be read.
        """
        return self._variants.originals(self._expect_known(ids))

    def groups(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return labels of the originals of some stimuli, int64 of shape (n,); see :meth:`originals`.

        They run from 0 to n_originals - 1, in the order of the smallest stimulus id of each original.
        """
        return self.originals(ids).labels

    def training(self) -> "StimulusSet":
        """Return the stimuli that models may be fitted to, mirrored where the set asks for it.

        These are the ones marked in the column ``training``; without that column, all of them.
        """
        marked = self._marked("training")
        return self._with(
            table=self.table if marked is None else self.table[marked],
            mirrored=self.mirrored ^ self.mirror_training,
        )

    def held_out(self) -> "StimulusSet | None":
        """Return the presented stimuli that no model was trained on; None if the set does not say."""
        marked = self._marked("training")
        if marked is None:
            return None
        presented = self._marked("presented")
        return self._with(table=self.table[~marked if presented is None else ~marked & presented])

    def pixels(self, size: int | None = None, *, channels: int = 1) -> NDArray[np.float32]:
        """Read all images into one array.

        Parameters
        ----------
        size : int, optional
            Resample to size × size pixels (antialiased); by default the images' own size.
        channels : {1, 3}
            Grey or RGB.

        Returns
        -------
        array of float32 in [0, 1], shape (n, height, width) or (n, height, width, 3)

        Raises
        ------
        MissingImagesError
            If the images are not available.
        DatasetError
            If an image cannot be read, or images differ in size and `size` is not given.
        """
        batches = list(self.batches(len(self) or 1, size=size, channels=channels))
        return batches[0] if batches else np.empty((0, size or 0, size or 0), dtype=np.float32)

    def batches(
        self, batch_size: int, *, size: int | None = None, channels: int = 1
    ) -> Iterator[NDArray[np.float32]]:
        """Read the images a batch at a time; see :meth:`pixels`."""
        mode = {1: "L", 3: "RGB"}.get(channels)
        if mode is None:
            raise DatasetError(f"channels must be 1 (grey) or 3 (RGB), not {channels!r}")

        if size is not None and size < 1:
            raise DatasetError(f"size must be at least 1 pixel, not {size}")

        def read(stimulus_id: str) -> NDArray[np.uint8]:
            image = self.open(stimulus_id).convert(mode)
            if size is not None and image.size != (size, size):
                # Pillow widens the kernel when it shrinks an image, so this is antialiased both ways.
                image = image.resize((size, size), Image.Resampling.BICUBIC)
            return np.asarray(image)

        for start in range(0, len(self), batch_size):
            ids = self.ids[start : start + batch_size]
            arrays = [read(each) for each in ids]
            shapes = {array.shape for array in arrays}
            if len(shapes) > 1:
                raise DatasetError(
                    f"the images of {self.identifier!r} differ in size ({name_some(sorted(shapes))}); give a size"
                )
            yield np.stack(arrays).astype(np.float32) / np.float32(255)

    def open(self, stimulus_id: str) -> Image.Image:
        """Read one image as PIL image, mirrored if the set is.

        Raises
        ------
        MissingImagesError
            If the images are not available.
        DatasetError
            If the image cannot be read.
        """
        return open_image(self._sources[stimulus_id], stimulus_id, mirrored=self.mirrored)

    def points(self, size: int) -> xr.DataArray:
        """Return the landmarks on the images that :meth:`pixels` returns for this size.

        In a mirrored set each landmark bears the name of the one whose place it takes; see
        :func:`neuroalign.datasets.landmarks.arrays.mirror_partners`, which looks at all faces that the set
        was made with.

        Parameters
        ----------
        size : int
            Images are resampled to size × size pixels.

        Returns
        -------
        landmarks
            Of those stimuli that have them, sorted by id.

        Raises
        ------
        MissingLandmarksError
            If no stimulus has landmarks.
        MissingImagesError
            If the images are not available.
        DatasetError
            If the set is mirrored and its landmarks are not symmetric.
        """
        found = self.landmarks
        if self._landmarks is None or found is None:
            raise MissingLandmarksError(
                f"the stimulus set {self.identifier!r} has no landmarks, and this model needs them; import them "
                "(neuroalign data landmarks DATASET --file FILE.csv) or detect them (neuroalign data landmarks DATASET)"
            )
        sizes = np.array([self.image_size(each) for each in found["stimulus"].values], dtype=np.float64)
        relative = found.values / sizes[:, np.newaxis]
        if self.mirrored:
            relative = relative[:, mirror_partners(self._landmarks)]
            relative[..., 0] = 1 - relative[..., 0]
        return found.copy(data=relative * size)

    def image_size(self, stimulus_id: str) -> tuple[int, int]:
        """Return the width and height of one image as it is stored, in pixels.

        Raises
        ------
        MissingImagesError
            If the images are not available.
        DatasetError
            If the file cannot be read.
        """
        return size_of(self._sources[stimulus_id], stimulus_id)

    def image_bytes(self, stimulus_id: str) -> bytes:
        """Return the file of one image as bytes (PNG for images in memory).

        Raises
        ------
        MissingImagesError
            If the images are not available.
        DatasetError
            If the file cannot be read.
        """
        return bytes_of(self._sources[stimulus_id], stimulus_id)

    def image_suffix(self, stimulus_id: str) -> str:
        """Return the file name ending of one image, with its dot."""
        source = self._sources[stimulus_id]
        return source.suffix if isinstance(source, Path) else ".png"

    @cached_property
    def content_hash(self) -> str:
        """Digest of ids, training marks, mirroring and image bytes; independent of order and name.

        Landmarks have a digest of their own: models that do not look at them stay valid when a set gets some.
        """
        marked = self._marked("training")
        order = np.argsort(self.ids)
        parts: list[object] = [self.ids[order], None if marked is None else marked[order]]
        parts += [self.mirrored, self.mirror_training]
        if self.has_images:
            for stimulus_id in self.ids[order]:
                source = self._sources[stimulus_id]
                parts.append(self.image_bytes(stimulus_id) if isinstance(source, Path) else source)
        return digest(*parts)

    @cached_property
    def landmarks_hash(self) -> str | None:
        """Digest of the landmarks, with their names and whose they are; None if there are none."""
        found = self.landmarks
        if found is None:
            return None
        return digest(found["stimulus"].values, found["landmark"].values, found.values)

    @cached_property
    def _variants(self) -> VariantTable:
        return VariantTable(self.table, self._images)

    def _expect_known(self, ids: ArrayLike) -> NDArray[np.str_]:
        wanted = as_labels(ids, "ids").astype(str)
        unknown = wanted[~np.isin(wanted, self.ids)]
        if unknown.size:
            raise StimulusMismatchError(
                f"{unknown.size} stimuli are not in the stimulus set {self.identifier!r}: {name_some(unknown)}"
            )
        return wanted

    @property
    def _sources(self) -> Mapping[str, ImageSource]:
        if self._images is None:
            raise MissingImagesError(
                f"the stimulus set {self.identifier!r} has no images, and this model needs them; "
                "use a model that needs none, such as neurons:DATASET or neuron_subset"
            )
        return self._images

    def _marked(self, column: str) -> NDArray[np.bool_] | None:
        return self.table[column].to_numpy(dtype=bool) if column in self.table else None

    def _with(self, *, table: pd.DataFrame, mirrored: bool | None = None) -> "StimulusSet":
        return StimulusSet(
            self.identifier,
            table,
            self._images,
            mirror_training=self.mirror_training,
            mirrored=self.mirrored if mirrored is None else mirrored,
            landmarks=self._landmarks,
        )
