"""Stimuli in the folder of a dataset: their table, landmarks and images."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from neuroalign.datasets.image_sources import ImageSource, SummedFile
from neuroalign.datasets.landmarks.csv import read_landmark_csv
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.stimulus_flags import as_flags
from neuroalign.datasets.variants import COLUMN
from neuroalign.datasets.versions import FolderImages
from neuroalign.errors import DatasetError, brief, name_some
from neuroalign.files.plain import oddity

STIMULI = "stimuli.csv"
IMAGES = "images"
LANDMARKS = "landmarks.csv"


def read_stimuli(path: Path, metadata: dict[str, Any], sums: Mapping[str, str]) -> StimulusSet:
    """Read ``stimuli.csv`` of a dataset folder and its landmarks, and locate its images with their sums."""
    file = path / STIMULI
    if kind := oddity(file):
        raise DatasetError(f"{file} must be a file, got {kind}")
    try:
        table = pd.read_csv(
            file,
            dtype={"stimulus_id": str, "filename": str, COLUMN: str},
            keep_default_na=False,
            na_values=[""],
        )
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {file}: {brief(error)}") from error
    if "stimulus_id" not in table:
        raise DatasetError(f"{file} needs the column stimulus_id, got {', '.join(table.columns)}")
    if table["stimulus_id"].isna().any():
        raise DatasetError(f"{file} has rows without a stimulus_id")
    table = table.set_index("stimulus_id")
    for column in ("presented", "training"):
        if column in table:
            table[column] = as_flags(table[column], column, str(file))
    images: FolderImages | None = None
    if "filename" in table and (path / IMAGES).is_dir():
        # Models of users may change the current folder before the images are read.
        folder = path.absolute() / IMAGES
        files = {
            str(stimulus_id): _image_path(folder, name) for stimulus_id, name in table["filename"].items()
        }
        missing = [image.name for image in files.values() if not os.path.isfile(image)]
        if missing:
            raise DatasetError(
                f"{len(missing)} images are missing from {path / IMAGES}: {name_some(missing)}"
            )
        summed: dict[str, ImageSource] = {}
        for stimulus_id, image in files.items():
            stored = sums.get(image.relative_to(path.absolute()).as_posix())
            summed[stimulus_id] = image if stored is None else SummedFile(image, stored)
        images = FolderImages(folder, summed)
    return StimulusSet(
        metadata.get("stimulus_set", metadata.get("identifier", path.name)),
        table,
        images,
        mirror_training=metadata.get("mirror_training", False),
        landmarks=read_landmark_csv(path / LANDMARKS) if (path / LANDMARKS).is_file() else None,
    )


def name_images(stimuli: StimulusSet) -> dict[str, str]:
    """Name each image after its stimulus id if the id is a plain name, else by number."""
    names = {}
    for number, stimulus_id in enumerate(stimuli.ids):
        # Some file systems change the spelling of letters with accents.
        plain = stimulus_id.isascii() and stimulus_id.replace("-", "").replace("_", "").isalnum()
        plain = plain and len(stimulus_id) < 100
        stem = stimulus_id if plain else f"{number:05d}"
        names[stimulus_id] = stem + stimuli.image_suffix(stimulus_id).lower()
    if len({name.lower() for name in names.values()}) < len(names):
        names = {
            stimulus_id: f"{number:05d}{stimuli.image_suffix(stimulus_id).lower()}"
            for number, stimulus_id in enumerate(stimuli.ids)
        }
    return names


def _image_path(folder: Path, name: str) -> Path:
    relative = PurePosixPath(str(name))
    path = folder / relative
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (
        OSError,
        RuntimeError,
        ValueError,
    ):  # a link that leads to itself, or a character that no path has
        raise DatasetError(
            f"the image {name!r} of {folder} cannot be opened: no file has this name"
        ) from None
    if relative.is_absolute() or ".." in relative.parts or not inside:
        raise DatasetError(f"the image {name!r} lies outside {folder}; images must be inside it")
    return path
