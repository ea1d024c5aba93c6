"""Image files in a folder or a ZIP archive, and their stimuli."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, get_args

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.image_sources import (
    IMAGE_SUFFIXES,
    OTHER_SUFFIXES,
    ImageSource,
    bytes_of,
    decode_file,
)
from neuroalign.datasets.image_survey import ImageSurvey
from neuroalign.datasets.picture_faults import picture_fault
from neuroalign.errors import DatasetError, UsageError, brief, name_some, printable
from neuroalign.files.archives import is_hidden, open_archive, unpack_files, visible_files
from neuroalign.files.plain import files_below
from neuroalign.progress import progress

Order = Literal["name", "number"]

#: Digits of the longest number that is read as one.
_LONGEST_NUMBER = 1000


def collect_images(source: Path, scratch: Path) -> dict[str, Path]:
    """Find the images in a folder or a ZIP archive.

    Parameters
    ----------
    source : Path
    scratch : Path
        Existing, empty folder into which an archive is unpacked.

    Returns
    -------
    dict of str to Path
        Paths by name relative to the source with forward slashes, sorted by name.

    Raises
    ------
    ArchiveError
        If a member of the archive could do harm.
    DatasetError
        If the source has no images, images of a format that is not read, or links to folders.
    """
    if source.is_dir():
        names = {path.relative_to(source).as_posix(): path for path in files_below(source)}
        visible = [name for name in names if not is_hidden(PurePosixPath(name))]
        images = {name: names[name] for name in visible if _suffix(name) in IMAGE_SUFFIXES}
        others = [name for name in visible if _suffix(name) in OTHER_SUFFIXES]
    elif source.is_file():
        images = unpack_files(source, scratch, IMAGE_SUFFIXES)
        with open_archive(source) as archive:
            others = [member.filename for member in visible_files(archive, OTHER_SUFFIXES)]
    else:
        raise DatasetError(f"{source} does not exist; --images takes a folder or a ZIP archive")
    # A copy in another format beside an image is not an image of its own.
    read = {PurePosixPath(name).with_suffix("") for name in images}
    others = [name for name in others if PurePosixPath(name).with_suffix("") not in read]
    if others:
        raise DatasetError(
            f"{len(others)} images in {source} have a format that is not read: "
            f"{name_some([printable(name) for name in others])}; save them as PNG"
        )
    odd = [name for name in images if printable(name) != name]
    if odd:
        raise DatasetError(
            f"{len(odd)} images have names with characters that cannot be written as text: "
            f"{name_some([printable(name) for name in odd])}; rename them (to UTF-8)"
        )
    if not images:
        raise DatasetError(f"{source} holds no images ({' '.join(IMAGE_SUFFIXES)})")
    return dict(sorted(images.items()))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def ids_of_images(names: Sequence[str], order: Order | None = None) -> list[str]:
    """Name stimuli after their image files, in sorted order.

    Parameters
    ----------
    names : sequence of str
    order : {"name", "number"}, optional
        "name" puts image10 before image2, "number" after it.

    Returns
    -------
    list of str
        File names without suffix; with their folders where the names alone are not unique.

    Raises
    ------
    DatasetError
        If the two orders differ and `order` is not given: the pairing of images and responses would be a guess.
    """
    if order is not None and order not in get_args(Order):
        raise UsageError(f"--image-order must be name or number, got {order!r}")
    ids = stems(names)
    by_name, by_number = sorted(ids), sorted(ids, key=_natural)
    if order is None and by_name != by_number:
        raise DatasetError(
            f"the images sort one way by name ({name_some(by_name, most=3)}) and another by number "
            f"({name_some(by_number, most=3)}); give the order of the responses with "
            "--image-order name|number, or list the stimuli in a CSV and give --stimuli"
        )
    return by_number if order == "number" else by_name


def match_images(
    ids: Sequence[str], images: Mapping[str, Path], filenames: Sequence[str] | None = None
) -> dict[str, Path]:
    """Find the image of each stimulus.

    Parameters
    ----------
    ids : sequence of str
    images : mapping of relative file name to Path
    filenames : sequence of str, optional
        File of each stimulus, with or without its folders; by default the file named after the id.

    Returns
    -------
    dict of str to Path
        Image of each stimulus id.

    Raises
    ------
    DatasetError
        If stimuli have no image or several; the message names them.
    """
    exact: dict[str, set[Path]] = {}
    loose: dict[str, set[Path]] = {}
    for (name, path), stem in zip(images.items(), stems(list(images)), strict=True):
        pure = PurePosixPath(_spelling(name))
        for key in (str(pure), _spelling(stem)):
            exact.setdefault(key, set()).add(path)
        for key in (pure.name, pure.stem, str(pure.with_suffix(""))):
            loose.setdefault(key, set()).add(path)
    wanted = dict(zip(ids, map(_spelling, ids if filenames is None else filenames), strict=True))
    # The full name of one image comes before a name that images in several folders share.
    matches = {
        name: exact.get(name) or loose.get(name) or _by_tail(name, loose | exact) for name in wanted.values()
    }
    without = [name for name, paths in matches.items() if not paths]
    if without:
        raise DatasetError(
            f"{len(without)} of {len(wanted)} images are missing: {name_some(without)}; "
            f"the images are {name_some(list(images), most=3)}; give the others too, or leave these stimuli out with "
            "--drop-stimulus ID"
        )
    several = [name for name, paths in matches.items() if len(paths) > 1]
    if several:
        raise DatasetError(
            f"several images are called {name_some(several)}; give their folders in the column filename of --stimuli"
        )
    return {stimulus_id: next(iter(matches[name])) for stimulus_id, name in wanted.items()}


def _spelling(name: str) -> str:
    """Return a name in one spelling: composed letters as Windows and Linux write them (NFC), folders behind slashes."""
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _by_tail(name: str, images: Mapping[str, set[Path]]) -> set[Path]:
    """Find the image at the end of an absolute path of another machine, as brainio's tables have them."""
    windows = PureWindowsPath(name)
    pure = windows if windows.drive or "\\" in name else PurePosixPath(name)
    if not pure.is_absolute():
        return set()
    tails = ("/".join(pure.parts[start:]) for start in range(1, len(pure.parts)))
    return next((images[tail] for tail in tails if tail in images), set())


def check_images(images: Mapping[str, ImageSource], survey: ImageSurvey | None = None) -> None:
    """Decode every image once.

    Parameters
    ----------
    images : mapping of stimulus id to Path, or to array of uint8
    survey : ImageSurvey, optional
        Receives the fingerprint of each image.

    Raises
    ------
    DatasetError
        If images cannot be read; the message names them.
    """
    faults = {
        stimulus_id: fault
        for stimulus_id, source in progress(
            images.items(), description="checking images", unit="image", total=len(images)
        )
        if (fault := image_fault(_file(source, stimulus_id), stimulus_id, survey)) is not None
    }
    if faults:
        first, fault = next(iter(faults.items()))
        raise DatasetError(
            f"{len(faults)} images cannot be used: {name_some(list(faults))}; {first}: {fault}"
        )


def _file(source: ImageSource, stimulus_id: str) -> Path | BytesIO:
    return source if isinstance(source, Path) else BytesIO(bytes_of(source, stimulus_id))


def image_fault(
    source: Path | BytesIO, stimulus_id: str = "", survey: ImageSurvey | None = None
) -> str | None:
    """Return the reason why an image cannot be used; None if it can be used.

    Parameters
    ----------
    source : Path or BytesIO
        File of the image, or its bytes.
    stimulus_id : str
        Id of the image in the survey.
    survey : ImageSurvey, optional
        Receives the fingerprint of an image that can be used.
    """
    try:
        with decode_file(source) as image:
            image.load()
            fault = picture_fault(image)
            if fault is None and survey is not None:
                survey.add(stimulus_id, image)
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        return f"{brief(error)}; save it again as PNG"
    return fault


def stems(names: Sequence[str]) -> list[str]:
    """Return file names without suffix; with the folders that distinguish them where names repeat."""
    paths = [PurePosixPath(name) for name in names]
    short = [path.stem for path in paths]
    if len(set(short)) == len(short):
        return short
    while len({path.parts[0] for path in paths}) == 1 and all(len(path.parts) > 1 for path in paths):
        paths = [PurePosixPath(*path.parts[1:]) for path in paths]
    long = [str(path.with_suffix("")) for path in paths]
    return long if len(set(long)) == len(long) else [str(path) for path in paths]


def ids_spelt_as(ids: Iterable[str], images: Mapping[str, Path]) -> list[str]:
    """Return the ids of image files, in the spelling of existing ids where both have letters with accents."""
    return respell(stems(list(images)), ids)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key in which runs of digits count as numbers."""
    return [
        (0, *_by_size(part)) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    ]


def _by_size(digits: str) -> tuple[int, str]:
    """Return a sort key of a number of any length; Python itself refuses to read thousands of digits."""
    number = str(int(digits)) if len(digits) <= _LONGEST_NUMBER else digits.lstrip("0")
    return len(number), f"{number} {digits}"
