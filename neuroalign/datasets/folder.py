"""Folder of a dataset on disk, with a recording or with stimuli alone.

::

    NAME/
      dataset.toml    identifier, description, provenance
      recording.nc    netCDF-4: variable "recording", dimensions presentation, neuroid[, time_bin]; absent where
                      dataset.toml says responses = false: the dataset then has stimuli alone
      stimuli.csv     stimulus_id, filename (if there are images), any other columns
      images/         the files that stimuli.csv names; absent where images are not available
      landmarks.csv   stimulus_id, and NAME_x and NAME_y in pixels for each landmark; optional
      truth.csv       simulated neurons only: neuroid_id and the weight of each generative factor
      SHA256SUMS      sums of all other files; see neuroalign.datasets.folder_sums
"""

import csv
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.arrays import validate_recording
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder_stimuli import IMAGES as IMAGES
from neuroalign.datasets.folder_stimuli import LANDMARKS as LANDMARKS
from neuroalign.datasets.folder_stimuli import STIMULI as STIMULI
from neuroalign.datasets.folder_stimuli import name_images, read_stimuli
from neuroalign.datasets.folder_sums import expect_listed, expect_sum, read_folder_sums, replacing_files
from neuroalign.datasets.landmarks.csv import write_landmark_csv
from neuroalign.datasets.metadata import METADATA as METADATA
from neuroalign.datasets.metadata import check_metadata
from neuroalign.datasets.metadata import is_dataset_folder as is_dataset_folder
from neuroalign.datasets.versions import read_one_version
from neuroalign.errors import DatasetError, printable
from neuroalign.files.folders import delete_folder, put_folder, restore_folder, sweep
from neuroalign.files.home import (
    atomic_path,
    naming_full_disk,
    private_name,
    sync_folder,
    sync_tree,
    write_file,
)
from neuroalign.files.netcdf import row_blocks, write_netcdf
from neuroalign.files.netcdf_reading import open_netcdf, read_netcdf
from neuroalign.files.plain import read_toml
from neuroalign.files.sums import SUMS, sha256_of, write_sums
from neuroalign.progress import byte_bar, progress

RECORDING = "recording.nc"
TRUTH = "truth.csv"


def read_folder(path: Path) -> Dataset:
    """Read a dataset from its folder.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Dataset
        Dataset with images that stay on disk until they are needed. All its files are of one version, also where
        another command replaces the folder; images that are needed after that are an error.

    Raises
    ------
    DatasetError
        If a file is missing, damaged or names an image outside the folder.
    """
    return read_one_version(Path(path), _read_summed)


def _read_summed(path: Path) -> Dataset:
    sums = read_folder_sums(path)
    for name in (METADATA, STIMULI, LANDMARKS, TRUTH, RECORDING):
        expect_sum(path / name, name, sums)
    expect_listed(path, (LANDMARKS, TRUTH), sums)
    return _read_folder(path, read_recording, sums)


def _read_folder(path: Path, read: Callable[[Path], xr.DataArray], sums: Mapping[str, str]) -> Dataset:
    """Read a dataset from its folder, and its recording with a function."""
    metadata = read_metadata(path)
    identifier = metadata.get("identifier", path.name)
    stimuli = read_stimuli(path, metadata, sums)
    if not _says_responses(path, metadata):
        return Dataset.of_stimuli(stimuli, identifier=identifier, metadata=metadata)
    return Dataset(
        identifier=identifier,
        recording=read(path / RECORDING),
        stimuli=stimuli,
        averaged=metadata.get("averaged", False),
        simulated=metadata.get("simulated", False),
        metadata=metadata,
        truth=read_truth(path / TRUTH),
        part_of=metadata.get("part_of"),
    )


def _says_responses(path: Path, metadata: dict[str, Any]) -> bool:
    """Return whether a dataset folder has responses, as its metadata say; a lost recording is an error."""
    says = metadata.get("responses", True)
    if not isinstance(says, bool):
        raise DatasetError(f"responses in {path / METADATA} must be true or false, got {says!r}")
    if not says and (path / RECORDING).exists():
        raise DatasetError(
            f"{path / METADATA} says responses = false, and {RECORDING} is there; delete one of the two"
        )
    return says


def write_folder(dataset: Dataset, path: Path, *, replace: bool = False) -> None:
    """Write a dataset as a folder, completely or not at all.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        Folder to write.
    replace : bool
        Whether the new dataset replaces an existing one, once the new dataset is complete.

    Raises
    ------
    DatasetError
        If the folder exists and may not be replaced, or is not a dataset.
    """
    path = Path(path)
    restore_folder(path)
    if path.exists() or path.is_symlink():
        if not replace:
            raise DatasetError(f"{path} exists already; choose another folder")
        if not is_dataset_folder(path) or path.is_symlink():
            raise DatasetError(f"{path} is not a dataset folder, so it is not replaced")
    with scratch_folder(path.parent) as scratch:
        new = scratch / "new"
        with naming_full_disk(path.parent):
            new.mkdir()
            _write_files(dataset, new)
            sync_tree(new)
        # An unreadable dataset must not replace a readable one.
        _read_folder(new, partial(_compare_recording, dataset.recording), {})
        try:
            put_folder(new, path, replace=replace)
        except FileExistsError:
            raise DatasetError(
                f"{path} was written by another command at the same time; choose another name"
            ) from None
        sync_folder(path.parent)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Provide an empty folder inside `beside`, and so on the same disk, and delete it afterwards.

    If the process is killed, a folder remains, which the next call deletes. Its name starts with a dot, so that no
    dataset has it.
    """
    with naming_full_disk(beside):
        beside.mkdir(parents=True, exist_ok=True)
        sweep(beside)
    with tempfile.TemporaryDirectory(
        prefix=f"{private_name()}-", dir=beside, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _write_files(dataset: Dataset, path: Path) -> None:
    import tomli_w

    stimuli = dataset.stimuli
    table = stimuli.table.copy()
    sums = {}
    if stimuli.has_images:
        (path / IMAGES).mkdir()
        names = name_images(stimuli)
        for stimulus_id, name in progress(
            names.items(), description="writing images", unit="image", total=len(names)
        ):
            content = stimuli.image_bytes(stimulus_id)
            (path / IMAGES / name).write_bytes(content)
            sums[f"{IMAGES}/{name}"] = sha256(content).hexdigest()
        table["filename"] = [names[stimulus_id] for stimulus_id in table.index]
    else:
        table = table.drop(columns="filename", errors="ignore")
    (path / STIMULI).write_text(table_text(table), encoding="utf-8", newline="")
    if stimuli.landmarks is not None:
        write_landmark_csv(stimuli.landmarks, path / LANDMARKS)
    if dataset.has_responses:
        write_recording(dataset.recording, path / RECORDING)
    if dataset.truth is not None:
        dataset.truth.rename_axis("neuroid_id").to_csv(path / TRUTH, lineterminator="\n")
    metadata = {
        **dataset.metadata,
        "identifier": dataset.identifier,
        "stimulus_set": stimuli.identifier,
        "mirror_training": stimuli.mirror_training,
        "responses": None if dataset.has_responses else False,
        "averaged": dataset.averaged if dataset.has_responses else None,
        "simulated": dataset.simulated,
        "part_of": dataset.part_of,
    }
    metadata = {key: value for key, value in metadata.items() if value is not None}
    (path / METADATA).write_text(tomli_w.dumps(metadata, multiline_strings=True), encoding="utf-8")
    texts = (METADATA, STIMULI, LANDMARKS, TRUTH)
    sums |= {name: sha256_of(path / name) for name in (RECORDING, *texts) if (path / name).is_file()}
    (path / SUMS).write_text(write_sums(sums), encoding="utf-8")


def table_text(table: pd.DataFrame) -> str:
    """Return the content of ``stimuli.csv`` for a stimulus table."""
    text = table.to_csv(lineterminator="\n")
    if "\r" in text:  # pandas does not quote a lone carriage return, which would end the row
        text = table.to_csv(lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text


def replace_landmarks(path: Path, landmarks: xr.DataArray, *, origin: str) -> None:
    """Write landmarks into a dataset folder; they replace the landmarks that it has.

    Parameters
    ----------
    path : Path
        Folder of the dataset.
    landmarks : landmarks
    origin : str
        Origin of the landmarks; ``dataset.toml`` stores it as ``landmarks_from``.
    """
    import tomli_w

    metadata = read_metadata(path) | {"landmarks_from": origin}
    with replacing_files(path, (LANDMARKS, METADATA)):
        with atomic_path(path / LANDMARKS) as file:
            write_landmark_csv(landmarks, file)
        write_file(path / METADATA, tomli_w.dumps(metadata, multiline_strings=True))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read ``dataset.toml`` of a dataset folder.

    Raises
    ------
    DatasetError
        If the file is missing or damaged, or a field has the wrong type.
    """
    file = path / METADATA
    try:
        metadata = read_toml(file)
    except FileNotFoundError:
        raise DatasetError(f"{path} is not a dataset folder: it has no {METADATA}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {file}: {error}") from error
    check_metadata(metadata, file)
    return metadata


def read_recording(file: Path) -> xr.DataArray:
    """Read a recording from netCDF-4."""
    try:
        opened = read_netcdf(file)
    except FileNotFoundError:
        raise DatasetError(
            f"{file} is missing; a dataset of stimuli alone says responses = false in {METADATA}"
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {file}: {error}") from error
    if "recording" not in opened:
        raise DatasetError(f"{file} has no variable 'recording'; it has {', '.join(map(str, opened))}")
    return _with_texts(opened["recording"])


def _with_texts(array: xr.DataArray) -> xr.DataArray:
    """Validate a recording with ids and labels as text."""
    for name in ("stimulus_id", "neuroid_id", "region", "animal"):
        if name in array.coords:
            array[name] = array[name].astype(str)
    return validate_recording(array)


def write_recording(array: xr.DataArray, file: Path) -> None:
    """Write a recording as compressed netCDF-4."""
    encoding = {"recording": {"zlib": True, "complevel": 4, "shuffle": True}}
    attrs = {key: _netcdf_attribute(value) for key, value in array.attrs.items() if value is not None}
    write_netcdf(array.rename("recording").assign_attrs(attrs).to_dataset(), file, encoding)


def _compare_recording(array: xr.DataArray, file: Path) -> xr.DataArray:
    """Compare a recording on disk with the one in memory, and return its labels, with zeros in place of the values.

    Raises
    ------
    DatasetError
        If the file cannot be read, or values differ.
    """
    values = array.values
    try:
        with open_netcdf(file) as opened:
            stored = opened["recording"]
            with byte_bar(values.nbytes, description="checking the recording") as bar:
                for rows in row_blocks(values.shape, values.itemsize, stored.encoding.get("chunksizes")):
                    if not np.array_equal(stored[rows].values, values[rows], equal_nan=True):
                        raise DatasetError(
                            f"{file} differs from the recording in memory; is the disk damaged?"
                        )
                    bar.update(values[rows].nbytes)
            zeros = np.broadcast_to(np.zeros((), values.dtype), values.shape)
            return _with_texts(stored.copy(data=zeros).load())
    except (ValueError, OSError) as error:
        raise DatasetError(f"cannot read {file}: {error}") from error


def read_truth(file: Path) -> pd.DataFrame | None:
    """Read the weights of simulated neurons; None if the file does not exist."""
    if not file.is_file():
        return None
    return pd.read_csv(file, dtype={"neuroid_id": str}, index_col="neuroid_id")


def remove_folder(path: Path) -> None:
    """Delete a dataset folder, and refuse every other folder.

    The folder is renamed first, so that its name is free even if the process is killed while it deletes files.
    """
    if not is_dataset_folder(path):
        raise DatasetError(f"{path} is not a dataset folder: it has no {METADATA}")
    restore_folder(path)
    sweep(path.parent)
    delete_folder(path)


def _netcdf_attribute(value: object) -> object:
    if isinstance(value, int | float | np.ndarray) and not isinstance(value, bool):
        return value
    return printable(str(value))  # HDF5 stores no text with the character NUL
