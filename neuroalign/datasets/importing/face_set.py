"""Stimulus sets of aligned frontal faces from a folder of photographs."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from neuroalign.datasets.catalogue import load_dataset, new_folder
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import scratch_folder, write_folder
from neuroalign.datasets.formats.images import collect_images, stems
from neuroalign.datasets.formats.tables import read_table
from neuroalign.datasets.image_sources import open_image
from neuroalign.datasets.importing.provenance import checksums
from neuroalign.datasets.importing.stimulus_columns import FILE_NAMES, plain_name
from neuroalign.datasets.landmarks.alignment import Crop, align
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.finding import ORIGIN, FaceFinder
from neuroalign.datasets.landmarks.frontal import (
    FrontalFace,
    LeftOut,
    Limits,
    choose_frontal,
    count_reasons,
)
from neuroalign.datasets.landmarks.parts import names_of_68
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.stimulus_flags import as_flags
from neuroalign.errors import DatasetError, UsageError, name_some
from neuroalign.files.home import write_file
from neuroalign.progress import progress

#: Name of the log of the photographs that were left out, in the folder of the dataset.
LOG = "left_out.csv"

_ID = "stimulus_id"


@dataclass(frozen=True)
class FaceSet:
    """An aligned set of faces, and the photographs that are not in it.

    Parameters
    ----------
    dataset : Dataset
        Stimuli without responses.
    left_out : list of LeftOut
        Photographs that were left out, in the order of their names.
    log : Path
        Table of these photographs.
    """

    dataset: Dataset
    left_out: list[LeftOut]
    log: Path


def align_faces(
    photographs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    crop: Crop | None = None,
    limits: Limits | None = None,
    grey: bool = False,
    table: str | os.PathLike[str] | None = None,
    where: str | None = None,
    n_training: int | None = None,
    n_held_out: int | None = None,
    seed: int = 0,
    force: bool = False,
    **provenance: str | None,
) -> FaceSet:
    """Make a dataset of aligned frontal faces without responses from photographs.

    Each photograph gives one face with 68 landmarks; a similarity transform brings the centres of eyes and lips as
    near as possible to fixed places.

    Parameters
    ----------
    photographs : path
        Folder with photographs in it and in its subfolders, or a ZIP archive.
    output : str or path
        Name of the dataset to add, or a path with a folder to write, such as ``./faces``.
    crop : Crop, optional
        Size of the images, and places of eyes and mouth.
    limits : Limits, optional
        Limits of the faces that are kept.
    grey : bool
        Whether the images are grey; by default they are RGB.
    table : path, optional
        Table with a row for each photograph: a column with its file, named ``file``, ``filename`` or the like, and
        columns that describe the stimuli; ``stimulus_id`` names them, by default the names of the files do.
        Photographs without a row are left out.
    where : str, optional
        Condition on a column of the table, ``COLUMN=VALUE|VALUE``; other photographs are left out.
    n_training : int, optional
        Number of faces for training, drawn at random. By default the column ``training`` of the table decides, and
        without one all faces are for training.
    n_held_out : int, optional
        Number of held-out faces, drawn at random among the others; faces that are not drawn are left out. By default
        all others are held out. Needs `n_training`.
    seed : int
        Seed of the draw.
    force : bool
        Whether to replace a dataset.
    **provenance
        ``source``, ``licence``, ``citation`` and ``description`` of the photographs.

    Returns
    -------
    FaceSet

    Raises
    ------
    DatasetError
        If the extra ``landmarks`` is not installed, no face is left, or a file cannot be read.
    UsageError
        If an option cannot be followed.
    """
    source, crop, limits = Path(photographs).expanduser(), crop or Crop(), limits or Limits()
    target = new_folder(output, force=force)
    find = FaceFinder()
    table_path = None if table is None else Path(table).expanduser()
    if where is not None and table_path is None:
        raise UsageError("--where chooses rows of a table: give it with --table, or leave --where out")
    rows = None if table_path is None else read_table(table_path, "table of photographs", _is_name)
    with scratch_folder(target.parent) as scratch:
        (scratch / "photographs").mkdir()
        pictures = collect_images(source, scratch / "photographs")
        described, left_out = _describe(list(pictures), rows, where)
        kept, others = choose_frontal(
            list(described.index),
            lambda name: _open(pictures[name], name),
            find,
            crop=crop,
            limits=limits,
        )
        left_out = sorted([*left_out, *others], key=lambda one: one.photograph)
        if not kept:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in count_reasons(left_out).items())
            raise DatasetError(
                f"none of {len(pictures):,} photographs has a face within the limits: {reasons}"
            )
        parts, notes_on_draw = _draw(list(kept), n_training, n_held_out, seed)
        if parts is not None:
            left_out += [LeftOut(name, "not drawn") for name in kept if name not in parts]
            left_out.sort(key=lambda one: one.photograph)
            kept = {name: one for name, one in kept.items() if name in parts}
            described = described.loc[list(kept)].assign(training=[parts[name] for name in kept])
        stimuli, notes = _stimuli(target.name, kept, described, pictures, crop, scratch, grey=grey)
        notes += notes_on_draw
        counts = ", ".join(f"{n:,} {reason}" for reason, n in count_reasons(left_out).items()) or "none"
        notes += [f"{len(kept):,} of {len(pictures):,} photographs are in the set; left out: {counts}."]
        metadata: dict[str, Any] = {
            **{name: value for name, value in provenance.items() if value is not None},
            "landmarks_from": ORIGIN,
            "alignment": {**asdict(crop), "grey": grey, "limits": asdict(limits)},
            "notes": notes,
            "files": checksums(images=[source], stimuli=[table_path]),
        }
        dataset = Dataset.of_stimuli(stimuli, identifier=target.name, metadata=metadata)
        write_folder(dataset, target, replace=force)
    write_file(target / LOG, _log(left_out))
    return FaceSet(load_dataset(target), left_out, target / LOG)


def _is_name(column: str) -> bool:
    return plain_name(column) in ("file", *FILE_NAMES) or column == _ID


def _open(path: Path, name: str) -> Image.Image:
    from PIL import ImageOps

    photograph = open_image(path, name)
    # Cameras store the orientation beside the pixels.
    return ImageOps.exif_transpose(photograph).convert("RGB")


def _describe(
    names: Sequence[str], rows: pd.DataFrame | None, where: str | None
) -> tuple[pd.DataFrame, list[LeftOut]]:
    """Return the columns of each photograph by its name, and photographs that the table leaves out."""
    if rows is None:
        return pd.DataFrame(index=pd.Index(names)), []
    columns = [column for column in rows.columns if _is_name(str(column)) and column != _ID]
    if not columns:
        raise UsageError(
            "the table of photographs must have a column file or filename, got "
            f"{name_some(list(map(str, rows.columns)), most=8)}"
        )
    listed = [str(name).replace("\\", "/") for name in rows[columns[0]]]
    repeated = pd.Index(listed)[pd.Index(listed).duplicated()].unique()
    if len(repeated):
        raise UsageError(f"the table of photographs has several rows for {name_some(repeated.tolist())}")
    if _ID in rows and (rows[_ID].isna().any() or rows[_ID].astype(str).duplicated().any()):
        raise UsageError(
            f"the column {_ID} of the table of photographs must have one name for each photograph"
        )
    row_of = {name: number for number, name in enumerate(listed)}
    row_of_photograph = {name: _find(name, row_of) for name in names}
    left_out = [
        LeftOut(name, "no row in the table") for name, row in row_of_photograph.items() if row is None
    ]
    if len(left_out) == len(names):
        raise DatasetError(
            f"no photograph has a row in the table: the table has {name_some(listed, most=3)}, the photographs are "
            f"{name_some(list(names), most=3)}"
        )
    chosen = {name: row for name, row in row_of_photograph.items() if row is not None}
    described = rows.drop(columns=columns[0]).iloc[list(chosen.values())]
    described.index = pd.Index(list(chosen))
    if where is not None:
        column, equals, value = where.partition("=")
        if not equals or column not in described:
            raise UsageError(
                f"--where must be COLUMN=VALUE|VALUE with a column of the table, got {where!r}; the columns are "
                f"{name_some(list(map(str, described.columns)), most=12)}"
            )
        values = described[column].astype(str)
        fits = values.isin(value.split("|"))
        left_out += [LeftOut(name, "not chosen", f"{column}={values[name]}") for name in values.index[~fits]]
        described = described[fits]
    return described, left_out


def _find(name: str, rows: Mapping[str, int]) -> int | None:
    """Return the row of a photograph, by its name with all, some or none of its folders."""
    parts = name.split("/")
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((rows[tail] for tail in tails if tail in rows), None)


def _stimuli(
    identifier: str,
    kept: Mapping[str, FrontalFace],
    described: pd.DataFrame,
    pictures: Mapping[str, Path],
    crop: Crop,
    scratch: Path,
    *,
    grey: bool,
) -> tuple[StimulusSet, list[str]]:
    """Align the faces that are kept, into files of a scratch folder, and return the set with notes on its table."""
    (scratch / "aligned").mkdir()
    given = described.loc[list(kept)]
    names = given[_ID].astype(str).tolist() if _ID in given else stems(list(kept))
    ids = dict(zip(kept, names, strict=True))
    images: dict[str, Path] = {}
    for number, (name, one) in enumerate(
        progress(kept.items(), description="aligning faces", unit="face", total=len(kept))
    ):
        aligned = align(_open(pictures[name], name), one.to_crop, crop)
        images[ids[name]] = scratch / "aligned" / f"{number:06d}.png"
        (aligned.convert("L") if grey else aligned).save(images[ids[name]])
    measured: dict[str, Any] = {
        "photograph": list(kept),
        "yaw": [round(one.pose.yaw, 1) for one in kept.values()],
        "pitch": [round(one.pose.pitch, 1) for one in kept.values()],
        "roll": [round(one.pose.roll, 1) for one in kept.values()],
        "eye_distance": [round(one.eye_distance, 1) for one in kept.values()],
        "face_score": [round(one.face.score, 3) for one in kept.values()],
    }
    notes = [
        f"Column {column} of the table of photographs was left out: the measured values have its place."
        for column in given.columns.intersection(list(measured))
    ]
    table = given.drop(columns=["filename", _ID], errors="ignore").assign(**measured)
    if "training" in table:
        table["training"] = as_flags(table["training"], "training", "the table of photographs")
    table.index = pd.Index(list(ids.values()), name="stimulus_id")
    points = [one.to_crop.move(one.face.points).round(2) for one in kept.values()]
    marks = landmarks(points, stimulus=list(ids.values()), landmark=names_of_68())
    return StimulusSet(identifier, table, images, landmarks=marks), notes


def _draw(
    names: Sequence[str], n_training: int | None, n_held_out: int | None, seed: int
) -> tuple[dict[str, bool] | None, list[str]]:
    """Return whether each face that is drawn is for training, by its name, with a note; None without a draw."""
    if n_training is None:
        if n_held_out is not None:
            raise UsageError("--held-out draws from the faces beside --training: give both, or neither")
        return None, []
    n_others = len(names) - n_training if n_held_out is None else n_held_out
    if n_training < 1 or n_others < 0 or n_training + n_others > len(names):
        wanted = f"--training {n_training}" + ("" if n_held_out is None else f" and --held-out {n_held_out}")
        raise UsageError(
            f"{wanted} must be numbers from 1 that add up to at most {len(names):,}, the faces that are kept"
        )
    order = np.random.default_rng(seed).permutation(len(names))[: n_training + n_others]
    parts = {names[place]: number < n_training for number, place in enumerate(order.tolist())}
    return parts, [
        f"{n_training:,} faces, drawn with the seed {seed}, are for training; {n_others:,} are held out."
    ]


def _log(left_out: Sequence[LeftOut]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photograph", "reason", "detail"])
    writer.writerows((one.photograph, one.reason, one.detail) for one in left_out)
    return text.getvalue()
