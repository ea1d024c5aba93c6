"""Search for datasets: by path, in the user's folder, and among registered names."""

import os
import re
import warnings
from pathlib import Path

from neuroalign.datasets.added import added_names as added_names
from neuroalign.datasets.added import dataset_names as dataset_names
from neuroalign.datasets.added import datasets_folder as datasets_folder
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import is_dataset_folder, read_folder, remove_folder
from neuroalign.datasets.public.listing import members_of, public_names
from neuroalign.datasets.selection import select_part
from neuroalign.errors import DatasetError, NeuroalignWarning, UnknownNameError, UsageError, unknown_name
from neuroalign.files.folders import restore_folders
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import datasets
from neuroalign.names.syntax import parse_spec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def expect_free_name(name: str, *, force: bool = False) -> None:
    """Refuse a name that cannot be given to a new dataset.

    Parameters
    ----------
    name : str
    force : bool
        Whether a dataset of this name may be replaced.

    Raises
    ------
    DatasetError
        If the name could leave the folder of datasets, or a dataset has this name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 100:
        raise DatasetError(
            f"{name!r} cannot name a dataset: use letters, digits, dots, dashes and underscores, "
            "at most 100, the first a letter or digit"
        )
    restore_folders(datasets_folder())
    if (datasets_folder() / name).exists() and not force:
        raise DatasetError(
            f"the dataset {name!r} exists already; replace it with --force, or choose another name"
        )


def new_folder(output: "str | os.PathLike[str]", *, force: bool = False) -> Path:
    """Return the folder of a new dataset, from a name for a dataset to add, or a path such as ``./faces``.

    Parameters
    ----------
    output : str or path
        A string without a separator is a name; every other output is a path.
    force : bool
        Whether a dataset in this place may be replaced.

    Raises
    ------
    DatasetError
        If the place is taken, or the name cannot name a dataset.
    """
    text = os.fspath(output)
    if not isinstance(output, str) or os.sep in text or text in (".", ".."):
        path = Path(text).expanduser().absolute()
        if path.exists() and not (force and is_dataset_folder(path)):
            advice = "replace it with --force" if is_dataset_folder(path) else "choose another folder"
            raise DatasetError(f"{path} exists already; {advice}")
        return path
    expect_free_name(text, force=force)
    return datasets_folder() / text


def expect_added(name: str) -> None:
    """Refuse a name under which the user added no dataset.

    Raises
    ------
    UnknownNameError
        If the user added no dataset of this name; the message names the most similar names.
    """
    if name not in added_names():
        raise unknown_name("added dataset", name, added_names())


def folder_of(name: str) -> Path:
    """Return the folder of a dataset that the user added, or that the user gives by its path.

    Raises
    ------
    UnknownNameError
        If the user added no dataset of this name; the message names the most similar names.
    """
    if not names_dataset(name) and is_dataset_folder(Path(name).expanduser()):
        return Path(name).expanduser()
    expect_added(name)
    return datasets_folder() / name


def remove_dataset(name: str) -> None:
    """Delete a dataset that the user added.

    Raises
    ------
    UnknownNameError
        If the user added no dataset of this name.
    """
    expect_added(name)
    remove_folder(datasets_folder() / name)


def names_dataset(source: "str | os.PathLike[str]") -> bool:
    """Return whether a source is the name of a dataset, and not the path of a folder or file.

    A string is a name if a dataset of this name was added or is registered. This holds, with a note, also where a
    folder or file has the same name. Every other source is a path.

    Parameters
    ----------
    source : str or path
        Name or path, as the user gave it.
    """
    if not isinstance(source, str) or (source not in added_names() and source not in datasets):
        return False
    if Path(source).exists():
        warnings.warn(
            f"{source} names both a dataset and a {'folder' if Path(source).is_dir() else 'file'} here; the dataset is "
            f"used; write .{os.sep}{source} for the {'folder' if Path(source).is_dir() else 'file'}",
            NeuroalignWarning,
            stacklevel=3,
        )
    return True


def name_of_source(source: "str | os.PathLike[str]") -> str:
    """Return the name or path of a dataset as text.

    Raises
    ------
    UsageError
        If the source is neither text nor a path.
    """
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            f"a dataset must be a name, the path of a folder, or a neuroalign.Dataset, got {type(source).__name__}"
        )
    return os.fspath(source)


def load_dataset(dataset: "str | os.PathLike[str] | Dataset") -> Dataset:
    """Load a dataset by name or from its folder.

    Parameters
    ----------
    dataset : str, path or Dataset
        Name of a dataset that was added or is registered, or path of a dataset folder; see ``names_dataset()``. A
        string may have conditions in square brackets, ``my-cells[animal=Tito,region=[IT,V4]]``, which select a part;
        see :func:`neuroalign.datasets.selection.select_part`; ``window=70:170`` among them selects a window of a
        recording with time bins. A Dataset is returned unchanged.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownNameError
        If no dataset has this name, or a condition names an unknown column or value; the message names the most
        similar names.
    UsageError
        If the name has reducers, or the conditions do not follow the grammar of names.
    DatasetError
        If the folder is not a dataset, or is damaged, or nothing fulfils the conditions.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("AM-faces-sim")
    >>> dataset
    <Dataset AM-faces-sim: 159 simulated neurons × 2100 stimuli>
    """
    if isinstance(dataset, Dataset):
        return dataset
    name = name_of_source(dataset)
    if not names_dataset(dataset):
        path = Path(name).expanduser()
        if isinstance(dataset, str) and "[" in name and not is_dataset_folder(path):
            return _load_part(name)
        if is_dataset_folder(path) or os.sep in name or not isinstance(dataset, str):
            return read_folder(path)
        _expect_fetched(name)
        raise datasets.unknown(name, also=added_names())
    if name in added_names():
        return read_folder(datasets_folder() / name)
    made = datasets.get(name)
    if callable(made):
        with foreign_code(f"the dataset {name!r} cannot be made"):
            made = made()
    if not isinstance(made, Dataset):
        raise DatasetError(f"the dataset {name!r} must be registered as a Dataset, got {type(made).__name__}")
    return made


def _expect_fetched(name: str) -> None:
    """Say how to fetch a public recording; other names pass.

    Raises
    ------
    UnknownNameError
        If a public recording, or a collection of several, has this name.
    """
    if name not in public_names():
        return
    members = [member.name for member in members_of(name)]
    if len(members) > 1:
        raise UnknownNameError(
            f"{name} denotes {len(members)} public recordings, and each is a dataset: {', '.join(members)}; fetch them "
            f"with: neuroalign data fetch {name}; neuroalign score and leaderboard take them together"
        )
    raise UnknownNameError(
        f"{name} is a public recording that you do not have yet; get it with: neuroalign data fetch {name}"
    )


def _load_part(name: str) -> Dataset:
    spec = parse_spec(name)
    if spec.wrappers:
        raise UsageError(
            f"a dataset must be named without reducers, got {name!r}; leave out the part after +"
        )
    return select_part(load_dataset(spec.name), spec.options)
