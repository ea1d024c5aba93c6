"""Interface of the readers of file formats.

A reader is a small class that declares a format and reads its files. It is registered under the name that users
give to ``--format``, either as an entry point in the group ``neuroalign.formats``::

    [project.entry-points."neuroalign.formats"]
    my_format = "my_package.my_format:MyReader"

or in code with ``@neuroalign.register_reader("my_format")``. The importer and the command line ask the registry and
name no format themselves.

There are two kinds of reader. Derive from :class:`ArrayReader` if a file holds an array and does not say which axis
is which; the user names the axes with ``--axes``. Derive from :class:`RecordingReader` if a file names its stimuli
and neurons.
"""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from neuroalign.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from neuroalign.datasets.formats.bare import BareArray
    from neuroalign.datasets.image_sources import ImageSource
    from neuroalign.datasets.time_windows import Window

Part = Literal["recording", "stimuli", "images", "landmarks"]


@dataclass(frozen=True)
class ReaderOption:
    """An option that a reader takes.

    ``csv_labels`` is the keyword ``csv_labels=`` of :func:`neuroalign.import_dataset` and the option ``--csv-labels``
    of ``neuroalign data add``. Several readers may declare an option of the same name: the reader of the format gets
    the value, and ``--help`` shows the help of the first.

    Parameters
    ----------
    name : str
        Python name of the option.
    help : str
        One or two sentences for ``--help``.
    metavar : str
        Placeholder of the value in ``--help``, such as "START,END".
    choices : tuple of str
        Permitted values; empty if any value is permitted.
    convert : callable, optional
        Function that checks a value and returns it as the reader needs it. It receives text from the command line,
        text or any object from Python, and its own results; it raises :class:`neuroalign.errors.UsageError`.
    """

    name: str
    help: str
    metavar: str = "TEXT"
    choices: tuple[str, ...] = ()
    convert: Callable[[Any], Any] | None = None

    @property
    def flag(self) -> str:
        """Name of the option on the command line, such as "--csv-labels"."""
        return f"--{self.name.replace('_', '-')}"

    def parse(self, value: Any) -> Any:
        """Check a value and convert it; None, an option that is not given, stays None.

        Raises
        ------
        UsageError
            If the value is not one of the choices, or `convert` refuses it.
        """
        if value is None:
            return None
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.flag} must be one of {', '.join(self.choices)}, got {value!r}")
        return value if self.convert is None else self.convert(value)


def split_names(value: str | Sequence[str]) -> list[str]:
    """Return names as a list; text holds them with commas in between."""
    names = value.split(",") if isinstance(value, str) else value
    return [name.strip() for name in names]


@dataclass(frozen=True)
class RecordingParts:
    """A recording as a reader returns it, with everything else that its files hold.

    Parameters
    ----------
    recording : xarray.DataArray
        Responses with the dimensions presentation and neuroid, as :func:`neuroalign.arrays.recording` makes them. A
        recording that keeps time bins has the third dimension time_bin, the coordinates ``time_bin_start`` and
        ``time_bin_end`` (milliseconds), and ``attrs["response"]`` "counts" or "rates" where this is known. The import
        may overwrite writeable values, to save memory.
        ``attrs["stimulus_set"]``, where present, names the stimulus set.
    averaged : bool
        Whether the values are means over trials.
    stimuli : pandas.DataFrame, optional
        Properties of the stimuli, one row for each, indexed by stimulus id.
    images : mapping of stimulus id to path, or to array of uint8 (height, width[, 3]), optional
        Image of each recorded stimulus.
    landmarks : xarray.DataArray, optional
        Landmarks on the images; see :func:`neuroalign.datasets.landmarks.arrays.landmarks`.
    window : (float, float), optional
        Time after stimulus onset from which the responses are, in milliseconds.
    notes : tuple of str
        Sentences for the user on every choice that the reader made, each with a full stop.
    files : mapping of str to sequence of Path
        Files that the reader read, by role, such as "events"; their checksums are stored with the dataset. Files
        with the role "responses" replace the paths that the user gave, such as a folder with raw data.
    """

    recording: xr.DataArray
    averaged: bool
    stimuli: pd.DataFrame | None = None
    images: Mapping[str, ImageSource] | None = None
    landmarks: xr.DataArray | None = None
    window: Window | None = None
    notes: tuple[str, ...] = ()
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)


class Reader(ABC):
    """Declaration of a file format; derive from :class:`ArrayReader` or :class:`RecordingReader`.

    The format of a file is recognised in three steps, and a step is taken only if the steps before it recognise
    nothing: by the first bytes (`signatures`), by the content (:meth:`recognises`) and by the end of the file name
    (`suffixes`). If several readers recognise a file in one step, the user chooses with ``--format``. A format that
    names its stimuli and neurons (:class:`RecordingReader`) goes before formats of arrays: its :meth:`recognises` and
    :meth:`advice` are also asked about files with the first bytes of an array.

    Attributes
    ----------
    title : str
        Name of the format for people, such as "MATLAB (.mat, also 7.3)".
    suffixes : tuple of str
        Ends of file names in lower case with their dot. They decide only where the content does not, as in a damaged
        file: its reader then reports the damage.
    signatures : tuple of bytes
        First bytes of a file that no other format has.
    options : tuple of ReaderOption
        Options that the reader takes.
    must_be_named : str
        Rest of a sentence "FILE is TITLE, which ..." for a format that is too general to be assumed. The user must
        name it with ``--format``, and it yields to every other format that recognises the file. Empty otherwise.
    gives : tuple of {"recording", "stimuli", "images", "landmarks"}
        Parts that a file of this format can hold.
    """

    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    signatures: ClassVar[tuple[bytes, ...]] = ()
    options: ClassVar[tuple[ReaderOption, ...]] = ()
    must_be_named: ClassVar[str] = ""
    gives: ClassVar[tuple[Part, ...]] = ("recording",)

    def recognises(self, path: Path) -> bool:
        """Return whether the content of a file or folder shows that it has this format.

        Read as little as possible: the method is called for files of every format. Return False for a damaged file.

        Parameters
        ----------
        path : Path
            An existing folder, or an existing file that is not empty.
        """
        return False

    def advice(self, path: Path) -> str:
        """Return a sentence on a file or folder that belongs to the format, where the user must give another one.

        An example is one file of a folder that is read as a whole. The sentence names the content and the path or the
        option that helps, without a full stop. Return empty text for every other path.

        Parameters
        ----------
        path : Path
            An existing folder, or an existing file that is not empty.
        """
        return ""


class ArrayReader(Reader):
    """Reader of files with an array; the user names its axes with ``--axes``.

    Several files hold further neurons. The importer names the axes, joins the files, and names the stimuli.

    Examples
    --------
    A format with one array in a text file:

    >>> import numpy as np
    >>> from neuroalign.datasets.formats.bare import BareArray
    >>> class TextReader(ArrayReader):
    ...     title = "text (.dat)"
    ...     suffixes = (".dat",)
    ...
    ...     def read(self, path, options):
    ...         return BareArray(np.loadtxt(path))
    """

    @abstractmethod
    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read the array in one file.

        Parameters
        ----------
        path : Path
        options : mapping of str to object
            Converted value of every declared option; None for an option that is not given.

        Returns
        -------
        BareArray

        Raises
        ------
        DatasetError
            If the file cannot be read: one line that names the file and the fault.
        """


class RecordingReader(Reader):
    """Reader of files that name their stimuli and neurons."""

    @abstractmethod
    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read one recording from one or several files.

        Parameters
        ----------
        paths : sequence of Path
            At least one file or folder, as the user gave them.
        options : mapping of str to object
            Converted value of every declared option; None for an option that is not given.

        Returns
        -------
        RecordingParts

        Raises
        ------
        DatasetError
            If a file cannot be read: one line that names the file and the fault.
        UsageError
            If there are more files than the format allows, or an option does not fit the files.
        """


def names_in_zip(path: Path) -> list[str]:
    """Return the names of the members of a ZIP archive; an empty list for every other file and for folders."""
    if path.is_dir() or not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        return []


def parse_options(
    format: str, declared: Sequence[ReaderOption], given: Mapping[str, Any], elsewhere: Sequence[str] = ()
) -> dict[str, Any]:
    """Check the options of an import and convert the ones that a reader takes.

    Parameters
    ----------
    format : str
        Name of the format in messages.
    declared : sequence of ReaderOption
        Options that the reader of this format takes.
    given : mapping of str to object
        Values by name of option; None for an option that is not given.
    elsewhere : sequence of str
        Names of the options of all readers.

    Returns
    -------
    dict of str to object
        One item for each declared option.

    Raises
    ------
    UnknownNameError
        If no reader takes an option of this name.
    UsageError
        If an option is given that this format does not take, or a value is not permitted.
    """
    names = {option.name for option in declared}
    for name, value in given.items():
        if name not in names and name not in elsewhere:
            raise unknown_name("option of an import", name, [*names, *elsewhere])
        if name not in names and value is not None:
            raise option_without_effect(name, format)
    return {option.name: option.parse(given.get(option.name)) for option in declared}


def option_without_effect(name: str, format: str) -> UsageError:
    """Return the error for an option that a format does not take."""
    return UsageError(
        f"--{name.replace('_', '-')} has no effect on responses in the format {format}; leave it out"
    )
