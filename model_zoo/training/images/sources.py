"""Sources of training images: a dataset, or a folder or ZIP archive of images."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from neuroalign.datasets.catalogue import load_dataset, names_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import is_dataset_folder
from neuroalign.datasets.formats.images import check_images, collect_images, stems
from neuroalign.datasets.stimuli import StimulusSet


@contextmanager
def open_stimuli(source: str | os.PathLike[str] | Dataset | StimulusSet) -> Iterator[StimulusSet]:
    """Open the stimuli of a dataset, or the images in a folder or a ZIP archive.

    Parameters
    ----------
    source : str, path, Dataset or StimulusSet
        Name or path of a dataset, which :func:`neuroalign.datasets.catalogue.names_dataset` distinguishes, or path of
        a folder of images (with its subfolders) or of a ZIP archive of images. All images of a folder or an archive are
        for training.

    Yields
    ------
    StimulusSet
        The images of an archive exist only inside the context.

    Raises
    ------
    DatasetError
        If the source has no images, or an image cannot be read.
    ArchiveError
        If the archive is unsafe to unpack.
    """
    if isinstance(source, StimulusSet):
        yield source
        return
    path = None if isinstance(source, Dataset) or names_dataset(source) else Path(source).expanduser()
    holds_images = path is not None and (
        (path.is_dir() and not is_dataset_folder(path)) or (path.is_file() and path.suffix.lower() == ".zip")
    )
    if path is None or not holds_images:
        yield load_dataset(source).stimuli
        return
    with tempfile.TemporaryDirectory(prefix="neuroalign-") as scratch:
        images = collect_images(path, Path(scratch))
        by_id = dict(zip(stems(list(images)), images.values(), strict=True))
        check_images(by_id)
        table = pd.DataFrame(index=pd.Index(list(by_id), name="stimulus_id"))
        yield StimulusSet(path.resolve().stem, table, by_id)


def folder_name(stimulus_set: str) -> str:
    """Return the name of a stimulus set in a form that names a folder, and an option of instances."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stimulus_set).strip(".-") or "stimuli"
