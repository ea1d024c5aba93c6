"""Import of a public recording from the files at its public address."""

from pathlib import Path

from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_metadata
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.public.downloading import download
from neuroalign.datasets.public.listing import PublicRecording, members_of
from neuroalign.errors import DatasetError, UsageError, name_some
from neuroalign.files.home import home


def downloads_folder() -> Path:
    """Return the folder that keeps the downloaded files."""
    return home() / "downloads"


def fetch_dataset(name: str, *, force: bool = False) -> Dataset:
    """Download a public recording and import it, so that :func:`neuroalign.load_dataset` finds it under its name.

    Files that were downloaded before are not downloaded again. The size and the SHA-256 of every file are checked. A
    download or an import that fails leaves nothing behind, except complete files.

    Parameters
    ----------
    name : str
        Name of a public recording; ``neuroalign data fetch`` lists the names.
    force : bool
        Whether to import the recording again, in place of the dataset of this name.

    Returns
    -------
    Dataset
        Dataset in the user's folder. If it was fetched before, nothing is downloaded.

    Raises
    ------
    UnknownNameError
        If no public recording has this name.
    UsageError
        If the name denotes several recordings.
    DownloadError
        If a file cannot be downloaded, or is not the listed file.
    DatasetError
        If another dataset has this name.

    Examples
    --------
    >>> from neuroalign.datasets.public.fetching import fetch_dataset
    >>> fetch_dataset("cowley2023-210325")  # doctest: +SKIP
    """
    members = members_of(name)
    if len(members) > 1:
        raise UsageError(
            f"{name} denotes {len(members)} recordings; fetch one of them: "
            f"{name_some([member.name for member in members], most=len(members))}"
        )
    recording = members[0]
    if not force and is_fetched(recording):
        return load_dataset(recording.name)
    folder = downloads_folder() / recording.name
    responses = [download(file, folder) for file in recording.responses]
    images = None if recording.images is None else download(recording.images, folder)
    return import_dataset(
        recording.name,
        responses=responses,
        images=images,
        source=recording.source,
        licence=recording.licence,
        citation=recording.citation,
        description=recording.description,
        force=force,
        **recording.options,
    )


def is_fetched(recording: PublicRecording) -> bool:
    """Return whether the user's folder has a dataset that was made from the files of a public recording.

    Raises
    ------
    DatasetError
        If a dataset that was made from other files has the name of the recording.
    """
    if recording.name not in added_names():
        return False
    metadata = read_metadata(datasets_folder() / recording.name)
    files = {(file["role"], file["sha256"]) for file in metadata.get("files", [])}
    listed = {("responses", file.sha256) for file in recording.responses}
    listed |= set() if recording.images is None else {("images", recording.images.sha256)}
    if not listed <= files:
        raise DatasetError(
            f"the dataset {recording.name!r} was made from other files than the public recording of this name; "
            "replace it with --force"
        )
    return True
