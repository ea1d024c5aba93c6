"""Folders of the THINGS ventral stream spiking dataset (TVSD): multi-unit activity of macaque V1, V4 and IT."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.mat73 import has_variables, numbers, open_mat73, texts
from neuroalign.datasets.formats.reader import RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import PART
from neuroalign.datasets.formats.unit_quality import QUALITY, choose_units
from neuroalign.datasets.formats.whole_folders import advice_on_parent
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

FILE, IMAGES = "THINGS_normMUA.mat", "_logs/things_imgs.mat"
PARTS = ("train", "test", "all")

#: First and last electrode of each area, counted from 1. The areas of the two animals lie in different order.
AREAS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "N": {"V1": (1, 512), "V4": (513, 768), "IT": (769, 1024)},
    "F": {"V1": (1, 512), "IT": (513, 832), "V4": (833, 1024)},
}
_N_ELECTRODES = 1024
#: Reliability above which the authors keep an electrode.
_RELIABLE = 0.3
#: Variables with one value for each electrode and day or pair of trials, and the names of their means.
_LABELS = {"SNR": "snr", "oracle": "oracle", "reliab": "reliability", "lats": "latency"}
_FOLDER = re.compile(r"monkey([NF])", re.IGNORECASE)
#: Presentations that are read at a time.
_ROWS = 2048


@dataclass(frozen=True, eq=False)
class _Monkey:
    """Files of one animal, and the ids and classes of its images by split, in the order of the arrays."""

    name: str
    path: Path
    ids: Mapping[str, list[str]]
    classes: Mapping[str, list[str]]


def read_tvsd(paths: Sequence[Path], part: str, quality: str | None) -> RecordingParts:
    """Read the normalised multi-unit activity of one or both animals.

    Parameters
    ----------
    paths : sequence of Path
        Files ``THINGS_normMUA.mat``, each in a folder ``monkeyN`` or ``monkeyF`` with ``_logs/things_imgs.mat``.
    part : {"train", "test", "all"}
        Images to take: "train" (one value for each image), "test" (single trials) or "all" (one value for each image,
        which is the mean over trials for test images).
    quality : str, optional
        Condition on the labels of the electrodes; see :func:`neuroalign.datasets.formats.unit_quality.choose_units`.

    Returns
    -------
    RecordingParts
        Electrodes of the animals are joined by image. Ids of electrodes start with the animal, because numbers repeat
        in both. The stimuli have the columns ``split`` (train or test) and ``category``.

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or arrays and names of images do not fit each other.
    """
    import pandas as pd

    splits = ("train", "test") if part == "all" else (part,)
    monkeys = [_open(path, splits) for path in paths]
    repeated = [monkey.name for monkey in monkeys if sum(monkey.name == other.name for other in monkeys) > 1]
    if repeated:
        raise UsageError(f"--responses must name each animal once, got monkey{repeated[0]} twice")
    table = pd.concat([_electrodes(monkey) for monkey in monkeys])
    chosen, notes = choose_units(table, quality, "TVSD")
    names = " and ".join(f"monkey{monkey.name}" for monkey in monkeys)
    notes.insert(
        0,
        f"Neurons are electrodes of {names}, with normalised multi-unit activity that the authors averaged over time; "
        "there are no single units.",
    )
    if "reliability" in table:
        n_reliable = int((table["reliability"] > _RELIABLE).sum())
        hint = f': --quality "reliability > {_RELIABLE}"' if quality is None else ""
        notes.append(
            f"{n_reliable:,} of {len(table):,} electrodes have a reliability above {_RELIABLE}, the criterion of the "
            f"authors{hint}."
        )
        notes.append(
            "Labels of electrodes: reliability is the mean of reliab over pairs of trials, snr and latency are means "
            "of SNR and lats over days."
        )
    array = _recording(monkeys, part, table, chosen)
    stimuli = _describe(monkeys)
    if part == "test":
        notes.append(
            "Responses are the single trials of test_MUA_reps, the training images were passed over."
        )
    elif part == "train":
        notes.append("Responses are train_MUA, one value for each image; the test images were passed over.")
    else:
        notes.append(
            "Responses are train_MUA and test_MUA, one value for each image: the values of the test images are means "
            "over their trials and less noisy. The column split of the stimuli says which image is of which part."
        )
    if len(monkeys) > 1:
        notes.append(
            "The animals are joined by image; equal repetition numbers of two animals do not denote one presentation."
        )
    notes.append(
        "Stimulus ids are the names of the image files in things_path; the images (THINGS) are published apart."
    )
    files = [file for monkey in monkeys for file in (monkey.path, monkey.path.parent / IMAGES)]
    return RecordingParts(
        array,
        averaged=part != "test",
        stimuli=stimuli,
        notes=tuple(notes),
        files={"responses": tuple(files)},
    )


class TvsdReader(RecordingReader):
    """Reader of the folders of TVSD."""

    title = "folder of TVSD (monkeyN, monkeyF)"
    options = (PART, QUALITY)
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a folder or file has the normalised activity of an animal."""
        return bool(_files(path)) or (path.is_file() and has_variables(path, "train_MUA", "test_MUA_reps"))

    def advice(self, path: Path) -> str:
        """Return advice on the names of the images, on the activity in time, and on a folder around the dataset."""
        names = path / "things_imgs.mat" if path.is_dir() else path
        if has_variables(names, "train_imgs", "test_imgs"):
            folder = names.absolute().parent.parent
            return f"{path} holds the names of the images of TVSD; give the folder of the animal: --responses {folder}"
        if has_variables(path, "ALLMUA", "ALLMAT"):
            return f"{path} holds the activity of TVSD in time; give {FILE} of this animal, which is averaged over time"
        return advice_on_parent(path, lambda entry: bool(_files(entry)), "folder of TVSD")

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read one or both animals; see :func:`read_tvsd`."""
        files: list[Path] = []
        for path in paths:
            inside = _files(path) if path.is_dir() else [path]
            if not inside:
                raise DatasetError(
                    self.advice(path)
                    or f"{path} must be a folder of TVSD: monkeyN, monkeyF, or the folder of both"
                )
            if path.is_file() and (advice := self.advice(path)):
                raise DatasetError(advice)
            files += inside
        part = options["part"]
        if part is None:
            with open_mat73(files[0]) as file:
                n_train = numbers(file, "train_MUA").shape[0]
                n_trials, n_test = numbers(file, "test_MUA_reps").shape[:2]
            raise DatasetError(
                f"{files[0]} has {n_train:,} training images with one value each, and {n_test:,} test images with "
                f"{n_trials} trials each: choose with --part train, --part test (single trials) or --part all (means)"
            )
        if part not in PARTS:
            raise UsageError(f"--part must be one of {', '.join(PARTS)} for TVSD, got {part!r}")
        return read_tvsd(files, part, options["quality"])


def _files(folder: Path) -> list[Path]:
    """Return the files of the animals in a folder of one animal or of the dataset."""
    if not folder.is_dir():
        return []
    if (folder / FILE).is_file():
        return [folder / FILE]
    return [path for name in ("monkeyN", "monkeyF") if (path := folder / name / FILE).is_file()]


def _open(path: Path, splits: Sequence[str]) -> _Monkey:
    """Find the animal of a file, and read the names of its images in the given splits."""
    match = _FOLDER.fullmatch(path.absolute().parent.name)
    if match is None:
        raise DatasetError(
            f"the folder of {path} must be called monkeyN or monkeyF, as published, because the electrodes of the two "
            "animals lie in different areas; rename it"
        )
    names = path.parent / IMAGES
    if not names.is_file():
        raise DatasetError(f"{path} needs {names}, which names its images; download it, too")
    files: dict[str, list[PureWindowsPath]] = {}
    with open_mat73(names) as file:
        for split in splits:
            # things_path is CLASS\NAME.jpg: tens of thousands of cells with the class need not be read, too.
            files[split] = [PureWindowsPath(text) for text in texts(file[f"{split}_imgs"], "things_path")]
    every = [file.stem for split in splits for file in files[split]]
    if len(set(every)) < len(every):
        repeated = list(dict.fromkeys(name for name in every if every.count(name) > 1))
        raise DatasetError(f"{names} names images twice: {name_some(repeated)}")
    return _Monkey(
        match[1].upper(),
        path,
        {split: [file.stem for file in files[split]] for split in splits},
        {split: [file.parent.name or "unknown" for file in files[split]] for split in splits},
    )


def _electrodes(monkey: _Monkey) -> pd.DataFrame:
    """Return the labels of the electrodes of an animal, indexed by their ids."""
    import numpy as np
    import pandas as pd

    electrode = np.arange(1, _N_ELECTRODES + 1)
    table = pd.DataFrame(
        {"electrode": electrode, "animal": monkey.name, "region": "unknown", "unit_type": "multi"},
        index=pd.Index([f"{monkey.name}-{number:04d}" for number in electrode]),
    )
    for area, (first, last) in AREAS[monkey.name].items():
        table.loc[table["electrode"].between(first, last), "region"] = area
    with open_mat73(monkey.path) as file:
        for variable, label in _LABELS.items():
            if variable not in file:
                continue
            values = np.asarray(numbers(file, variable)[()], dtype=np.float64)
            if values.ndim != 2 or _N_ELECTRODES not in values.shape:
                raise DatasetError(
                    f"{variable} of {monkey.path} must have {_N_ELECTRODES:,} electrodes, got "
                    f"{' × '.join(map(str, values.shape[::-1]))}"
                )
            values = values if values.shape[1] == _N_ELECTRODES else values.T
            count = (~np.isnan(values)).sum(axis=0)
            with np.errstate(invalid="ignore"):
                table[label] = np.nansum(values, axis=0) / np.where(count, count, np.nan)
    return table


def _recording(
    monkeys: Sequence[_Monkey], part: str, table: pd.DataFrame, chosen: NDArray[np.bool_]
) -> xr.DataArray:
    """Join the animals by image."""
    import numpy as np

    from neuroalign.arrays import recording

    sources = list(monkeys[0].ids)
    stimuli = list(
        dict.fromkeys(name for split in sources for monkey in monkeys for name in monkey.ids[split])
    )
    row_of = {name: row for row, name in enumerate(stimuli)}
    n_trials = 1
    if part == "test":
        for monkey in monkeys:
            with open_mat73(monkey.path) as file:
                n_trials = max(n_trials, numbers(file, "test_MUA_reps").shape[0])
    values: NDArray[Any] = np.empty((0, 0))
    column = 0
    for monkey in monkeys:
        own = (table["animal"] == monkey.name).to_numpy()
        kept = np.flatnonzero(chosen[own])
        columns = slice(column, column + len(kept))
        column = columns.stop
        for split in sources:
            rows = np.array([row_of[name] for name in monkey.ids[split]])
            name = "test_MUA_reps" if part == "test" else f"{split}_MUA"
            with open_mat73(monkey.path) as file:
                node = numbers(file, name)
                _expect_shape(node, name, len(rows), monkey)
                if not values.size:
                    # A whole array of the file has 180 MB: it is read into its place in parts.
                    values = np.full((len(stimuli) * n_trials, int(chosen.sum())), np.nan, node.dtype)
                if node.ndim == 3:
                    for trial in range(node.shape[0]):
                        values[rows * n_trials + trial, columns] = node[trial][:, kept]
                    continue
                step = _ROWS if node.chunks is None else -(-_ROWS // node.chunks[0]) * node.chunks[0]
                for start in range(0, len(rows), step):
                    block = node[start : start + step]
                    values[rows[start : start + step], columns] = block[:, kept]
    kept_table = table[chosen]
    array = recording(
        values,
        stimulus_id=np.repeat(np.array(stimuli), n_trials),
        repetition=np.tile(np.arange(n_trials), len(stimuli)),
        neuroid_id=kept_table.index.to_numpy().astype(str),
        region=kept_table["region"].to_numpy().astype(str),
        animal=kept_table["animal"].to_numpy().astype(str),
    )
    labels = [name for name in kept_table if name not in ("region", "animal")]
    return array.assign_coords({name: ("neuroid", kept_table[name].to_numpy()) for name in labels})


def _expect_shape(node: Any, name: str, n_images: int, monkey: _Monkey) -> None:
    expected = (n_images, _N_ELECTRODES)
    if node.shape[-2:] != expected or node.ndim not in (2, 3) or node.dtype.kind != "f":
        raise DatasetError(
            f"{name} of {monkey.path} must have {_N_ELECTRODES:,} electrodes × {count_noun(n_images, 'image')} as "
            f"{IMAGES} names them, got {' × '.join(map(str, node.shape[::-1]))}"
        )


def _describe(monkeys: Sequence[_Monkey]) -> pd.DataFrame:
    """Return the split and the category of each image."""
    import pandas as pd

    rows: dict[str, tuple[str, str]] = {}
    for monkey in monkeys:
        for split in monkey.ids:
            for name, category in zip(monkey.ids[split], monkey.classes[split], strict=True):
                if rows.setdefault(name, (split, category)) != (split, category):
                    raise DatasetError(
                        f"the image {name} is {' and '.join(rows[name])} in one animal and {split} and {category} in "
                        f"monkey{monkey.name}"
                    )
    return pd.DataFrame.from_dict(rows, orient="index", columns=["split", "category"]).rename_axis(
        "stimulus_id"
    )
