"""Stimulus sets: ids, properties, images and landmarks of stimuli."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from neuroalign.datasets.image_sources import (
    ImageSource,
    as_pixels,
    bytes_of,
    contents_of,
    open_image,
    read_batch,
    size_of,
    suffix_of,
)
from neuroalign.datasets.landmarks.arrays import mirror_partners, resample_landmarks, validate_landmarks
from neuroalign.datasets.variants import Originals, VariantTable
from neuroalign.errors import (
    DatasetError,
    MissingImagesError,
    MissingLandmarksError,
    name_some,
    unknown_stimuli,
)
from neuroalign.files.digests import digest, digest_all
from neuroalign.masked import as_labels
from neuroalign.validation import Positive, check_value


class StimulusSet:
    """Stimuli with their properties and, where available, images and landmarks.

    Parameters
    ----------
    identifier : str
        Name of the set.
    table : pandas.DataFrame
        One row for each stimulus, indexed by unique stimulus ids (str). Three columns have a meaning: ``presented``
        and ``training`` (bool) mark the stimuli that the animals saw and that models may be trained on, and
        ``original`` names the stimulus of which a stimulus is a variant (see ``originals()``).
    images : mapping of stimulus id to path, or to array of uint8 (height, width[, 3]), optional
        Image of each stimulus; None if the images are not available.
    mirror_training : bool
        Whether models are trained on mirror images of the stimuli, as in Higgins et al. (2020).
    mirrored : bool
        Whether the pixels and landmarks of this set are mirrored left to right when they are read.
    landmarks : landmarks, optional
        Landmarks of some or all stimuli; see :mod:`neuroalign.datasets.landmarks.arrays`. Landmarks of stimuli outside
        the set are ignored.
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
        table = check_value(table, pd.DataFrame, "the table of stimuli").copy()
        table.index = pd.Index(table.index.astype(str), name="stimulus_id")
        if table.index.has_duplicates:
            repeated = table.index[table.index.duplicated()].unique()
            raise DatasetError(f"stimulus ids must be unique; repeated: {name_some(repeated.tolist())}")
        if images is not None:
            if not isinstance(images, Mapping):
                raise DatasetError(f"images must be a mapping of ids to images, got {type(images).__name__}")
            if without := [stimulus_id for stimulus_id in table.index if stimulus_id not in images]:
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
            Stimulus ids; by default "0", "1", ….
        identifier : str
            Name of the set.

        Examples
        --------
        >>> import numpy as np
        >>> stimuli = StimulusSet.from_arrays(np.zeros((2, 8, 8), dtype=np.uint8), ids=["a", "b"])
        >>> stimuli.ids.tolist()
        ['a', 'b']
        >>> stimuli.pixels().shape
        (2, 8, 8)
        """
        pixels = as_pixels(images)
        names = [str(i) for i in range(len(pixels))] if ids is None else [str(name) for name in ids]
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
        """Landmarks of the stimuli that have landmarks, sorted by id; None if no stimulus has landmarks.

        Values are in pixels of the stored images, also in a mirrored set. :meth:`points` returns the landmarks on the
        images of :meth:`pixels`.
        """
        if self._landmarks is None:
            return None
        own = np.intersect1d(self.ids, self._landmarks["stimulus"].values)
        return self._landmarks.sel(stimulus=own) if own.size else None

    def with_landmarks(self, landmarks: xr.DataArray) -> "StimulusSet":
        """Return the set with other landmarks.

        Parameters
        ----------
        landmarks : landmarks
            Landmarks by :func:`neuroalign.datasets.landmarks.arrays.landmarks`.
        """
        return StimulusSet(
            self.identifier,
            self.table,
            self._images,
            mirror_training=self.mirror_training,
            mirrored=self.mirrored,
            landmarks=landmarks,
        )

    def select(self, ids: ArrayLike, *, identifier: str | None = None) -> "StimulusSet":
        """Return the set restricted to `ids`, in the order of `ids`; by default under its own name.

        Raises
        ------
        StimulusMismatchError
            If ids are not in the set; the message names them.
        """
        return self._with(table=self.table.loc[pd.Index(self._expect_known(ids))], identifier=identifier)

    def originals(self, ids: ArrayLike) -> Originals:
        """Return the original of each stimulus; folds, draws and shuffles keep the variants of one original together.

        Stimuli with the same value in the column ``original`` are variants of one original, and so are stimuli with
        images that are equal byte for byte. A stimulus without a value is its own original.

        Parameters
        ----------
        ids : array of str, shape (n,)
            Stimuli of this set, in any order.

        Returns
        -------
        Originals
            Originals; their ``labels`` are the result of :meth:`groups`.

        Raises
        ------
        StimulusMismatchError
            If ids are not in the set; the message names them.
        DatasetError
            If the column ``original`` holds flags, if an original is a variant itself, or if an image cannot be read.
        """
        return self._variants.originals(self._expect_known(ids))

    def groups(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return labels of the originals of some stimuli, int64 of shape (n,); see ``originals()``.

        Labels run from 0 to n_originals - 1, in the order of the smallest stimulus id of each original.
        """
        return self.originals(ids).labels

    def training(self) -> "StimulusSet":
        """Return the stimuli that models may be fitted to, mirrored if the set has ``mirror_training``.

        The column ``training`` marks these stimuli; without this column, all stimuli are returned.
        """
        marked = self._marked("training")
        return self._with(
            table=self.table if marked is None else self.table[marked],
            mirrored=self.mirrored ^ self.mirror_training,
        )

    def held_out(self) -> "StimulusSet | None":
        """Return the presented stimuli that are not for training; None without the column ``training``."""
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
            Side of the square to which images are resampled (antialiased); by default the size of the images.
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
        """Read the images in batches; see :meth:`pixels`."""
        check_value(batch_size, Positive, "batch_size")
        for start in range(0, len(self), batch_size):
            ids = self.ids[start : start + batch_size].tolist()
            yield read_batch(self._sources, ids, channels=channels, size=size, mirrored=self.mirrored)

    def open(self, stimulus_id: str) -> Image.Image:
        """Read one image as PIL image, mirrored if the set is mirrored.

        Raises
        ------
        StimulusMismatchError
            If the stimulus is not in the set; the message names it.
        MissingImagesError
            If the images are not available.
        DatasetError
            If the image cannot be read.
        """
        return open_image(self._source(stimulus_id), stimulus_id, mirrored=self.mirrored)

    def points(self, size: int) -> xr.DataArray:
        """Return the landmarks on the images that :meth:`pixels` returns for this size.

        In a mirrored set, each landmark has the name of its partner on the other side of the face; see
        :func:`neuroalign.datasets.landmarks.arrays.mirror_partners`. The partners follow from all landmarks with which
        the set was made.

        Parameters
        ----------
        size : int
            Side of the square to which images are resampled, in pixels.

        Returns
        -------
        landmarks
            Landmarks of the stimuli that have landmarks, sorted by id.

        Raises
        ------
        MissingLandmarksError
            If no stimulus has landmarks.
        MissingImagesError
            If the images are not available.
        DatasetError
            If the set is mirrored and its landmarks are not symmetric.
        """
        own = self.landmarks
        if self._landmarks is None or own is None:
            raise MissingLandmarksError(
                f"the stimulus set {self.identifier!r} has no landmarks, and this model needs them; import them "
                "(neuroalign data landmarks DATASET --file FILE.csv) or detect them (neuroalign data landmarks DATASET)"
            )
        sizes = {name: self.image_size(name) for name in own["stimulus"].values.tolist()}
        partners = mirror_partners(self._landmarks) if self.mirrored else None
        return resample_landmarks(own, sizes, size, partners=partners)

    def image_size(self, stimulus_id: str) -> tuple[int, int]:
        """Return the width and height of one stored image, in pixels.

        Raises
        ------
        StimulusMismatchError, MissingImagesError, DatasetError
            As :meth:`open`.
        """
        return size_of(self._source(stimulus_id), stimulus_id)

    def image_bytes(self, stimulus_id: str) -> bytes:
        """Return the file of one image as bytes (PNG for images in memory).

        Raises
        ------
        StimulusMismatchError, MissingImagesError, DatasetError
            As :meth:`open`.
        """
        return bytes_of(self._source(stimulus_id), stimulus_id)

    def image_suffix(self, stimulus_id: str) -> str:
        """Return the suffix of the file name of one image, with its dot."""
        return suffix_of(self._source(stimulus_id))

    @cached_property
    def content_hash(self) -> str:
        """Digest of ids, training marks, mirroring and image bytes; independent of order and name.

        Landmarks have their own digest, so that models without landmarks stay valid when landmarks are added.
        """
        return digest_all(self._contents())

    @cached_property
    def table_hash(self) -> str:
        """Digest of all columns of the table and their values; independent of the order of stimuli and columns."""
        table = self.table.iloc[np.argsort(self.ids)]
        columns = {str(name): [str(value) for value in table[name]] for name in table.columns}
        return digest(self.ids[np.argsort(self.ids)], columns)

    @cached_property
    def landmarks_hash(self) -> str | None:
        """Digest of the landmarks, their names and their stimuli; None if no stimulus has landmarks."""
        own = self.landmarks
        if own is None:
            return None
        return digest(own["stimulus"].values, own["landmark"].values, own.values)

    @cached_property
    def _variants(self) -> VariantTable:
        return VariantTable(self.table, self._images)

    def _contents(self) -> Iterator[object]:
        """Yield the parts of the content hash, one image at a time."""
        marked = self._marked("training")
        order = np.argsort(self.ids)
        yield self.ids[order]
        yield None if marked is None else marked[order]
        yield self.mirrored
        yield self.mirror_training
        if self.has_images:
            yield from contents_of(self._sources, self.ids[order])

    def _expect_known(self, ids: ArrayLike) -> NDArray[np.str_]:
        wanted = as_labels(ids, "ids").astype(str)
        if (unknown := wanted[~np.isin(wanted, self.ids)]).size:
            raise unknown_stimuli(unknown.tolist(), self.identifier, self.ids.tolist())
        return wanted

    def _source(self, stimulus_id: str) -> ImageSource:
        if str(stimulus_id) not in self.table.index:
            raise unknown_stimuli([stimulus_id], self.identifier, self.ids.tolist())
        return self._sources[str(stimulus_id)]

    @property
    def _sources(self) -> Mapping[str, ImageSource]:
        if self._images is None:
            raise MissingImagesError(
                f"the stimulus set {self.identifier!r} has no images, and this model needs them; "
                "use a model without images, such as neurons:DATASET or neuron_subset"
            )
        return self._images

    def _marked(self, column: str) -> NDArray[np.bool_] | None:
        return self.table[column].to_numpy(dtype=bool) if column in self.table else None

    def _with(
        self, *, table: pd.DataFrame, mirrored: bool | None = None, identifier: str | None = None
    ) -> "StimulusSet":
        return StimulusSet(
            identifier or self.identifier,
            table,
            self._images,
            mirror_training=self.mirror_training,
            mirrored=self.mirrored if mirrored is None else mirrored,
            landmarks=self._landmarks,
        )
