"""Names of datasets: datasets that the user added, and registered ones.

Nothing here imports numpy, so that lists of names are quick.
"""

from pathlib import Path

from neuroalign.datasets.metadata import is_dataset_folder
from neuroalign.files.folders import restore_folders
from neuroalign.files.home import home
from neuroalign.names.registry import datasets


def datasets_folder() -> Path:
    """Return the folder that holds the datasets that the user added."""
    return home() / "datasets"


def added_names() -> list[str]:
    """Return the names of the datasets that the user added, sorted."""
    folder = datasets_folder()
    if not folder.is_dir():
        return []
    restore_folders(folder)
    return sorted(
        path.name for path in folder.iterdir() if not path.name.startswith(".") and is_dataset_folder(path)
    )


def dataset_names() -> list[str]:
    """Return all names that :func:`load_dataset` accepts, sorted."""
    return sorted({*datasets.names(), *added_names()})


def list_datasets() -> list[str]:
    """Return the names of the registered datasets and of the datasets that were added, sorted.

    Returns
    -------
    list of str
        Names that :func:`neuroalign.load_dataset` accepts.

    Examples
    --------
    >>> import neuroalign as na
    >>> "AM-faces-sim" in na.list_datasets()
    True
    """
    return sorted(dataset_names())
