"""Images to train on that are not among the scored stimuli."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neuroalign.datasets.catalogue import load_dataset, names_dataset
from neuroalign.datasets.folder import is_dataset_folder
from neuroalign.datasets.image_sources import IMAGE_SUFFIXES
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.files.digests import digest
from neuroalign.files.plain import files_below

_NAMED = re.compile(r"(?P<folder>.+)#(?P<digest>[0-9a-f]{8})")


@dataclass(frozen=True, eq=False)
class NamedImages:
    """Images by name.

    Parameters
    ----------
    name : str
        Name of a dataset, or a folder with a digest of its images, as names of models have it.
    stimuli : StimulusSet
        Images that may be used for training; where a dataset marks training stimuli, only these. Never mirrored.
    """

    name: str
    stimuli: StimulusSet

    def other_than(self, scored: StimulusSet) -> tuple[StimulusSet, int]:
        """Return the images that are not among the scored stimuli, and the number of those left out.

        An image is left out if it has the pixels of a scored stimulus, or of its mirror image, or if it is a variant of
        such an image by the column ``original``. Copies in another size or with other compression are not recognised.

        Parameters
        ----------
        scored : StimulusSet
            Stimuli of the scored dataset. Where the column ``presented`` marks stimuli, only these count.

        Returns
        -------
        others : StimulusSet
        n_left_out : int

        Raises
        ------
        ModelError
            If no image is left, or the scored stimuli have no images.
        """
        if not scored.has_images:
            raise ModelError(
                f"the stimulus set {scored.identifier!r} has no images, so nothing could check that the images of "
                f"{self.name} are others; use +pca or +srp"
            )
        if "presented" in scored.table:
            scored = scored.select(scored.ids[scored.table["presented"].to_numpy(dtype=bool)])
        seen = [self.stimuli.image_size(name) for name in self.stimuli.ids]
        # Images of unequal size differ: most images need not be decoded.
        shared = set(seen) & {scored.image_size(name) for name in scored.ids}
        digests = {_digest(scored, name) for name in scored.ids if scored.image_size(name) in shared}
        same = np.array(
            [
                size in shared and _digest(self.stimuli, name) in digests
                for name, size in zip(self.stimuli.ids, seen, strict=True)
            ],
            dtype=bool,
        )
        originals = self.stimuli.groups(self.stimuli.ids)
        left_out = np.isin(originals, originals[same])
        if left_out.all():
            raise ModelError(
                f"all {len(self.stimuli)} images of {self.name} are among the scored stimuli of {scored.identifier}; "
                "name other images, as in images=OTHER-DATASET or images=./FOLDER"
            )
        return self.stimuli.select(self.stimuli.ids[~left_out]), int(left_out.sum())


def find_images(name: str, owner: str) -> NamedImages:
    """Find images by the name of a dataset, or by the path of a dataset folder or of a folder of image files.

    Parameters
    ----------
    name : str
        A folder may have the digest behind it that :attr:`NamedImages.name` has.
    owner : str
        Name of the reducer, for messages.

    Raises
    ------
    UsageError
        If the folder has no images, or other images than its digest says.
    UnknownNameError
        If no dataset has this name.
    ModelError
        If the dataset has no images.
    """
    match = None if Path(name).expanduser().is_dir() else _NAMED.fullmatch(name)
    given = match["folder"] if match else name
    folder = Path(given).expanduser()
    if names_dataset(name) or is_dataset_folder(folder) or not folder.is_dir():
        stimuli = load_dataset(given).stimuli
        if not stimuli.has_images:
            raise ModelError(f"{owner}: the dataset {given} has no images to train on; name other images")
        training = stimuli.select(stimuli.training().ids)
        return NamedImages(given, training)
    files = [path for path in files_below(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise UsageError(f"{owner}: the folder {folder} has no images ({', '.join(IMAGE_SUFFIXES)})")
    images = {path.relative_to(folder).as_posix(): path for path in files}
    stimuli = StimulusSet(given, pd.DataFrame(index=pd.Index(list(images))), images)
    short = stimuli.content_hash[:8]
    if match and match["digest"] != short:
        raise UsageError(
            f"{owner}: the images in {given} have the digest {short}, not {match['digest']}; give the folder that it "
            "was, or leave #… out"
        )
    return NamedImages(f"{given}#{short}", stimuli)


def _digest(stimuli: StimulusSet, name: str) -> str:
    """Return a digest of the pixels of an image that its mirror image shares."""
    with stimuli.open(name) as image:
        pixels = np.asarray(image.convert("RGB"))
    return min(digest(np.ascontiguousarray(pixels)), digest(np.ascontiguousarray(pixels[:, ::-1])))
