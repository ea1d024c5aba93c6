"""Images as users have them: a folder or a ZIP archive of picture files."""

import re
import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, get_args

from PIL import Image, UnidentifiedImageError

from neuroalign.datasets.image_survey import ImageSurvey
from neuroalign.datasets.picture_faults import picture_fault
from neuroalign.datasets.stimuli import IMAGE_SUFFIXES
from neuroalign.errors import DatasetError, UsageError, name_some
from neuroalign.files.archives import is_hidden, unpack_files
from neuroalign.progress import progress

Order = Literal["name", "number"]

#: The only decoders that may see a user's files.
_DECODERS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP", "GIF")


def collect_images(source: Path, scratch: Path) -> dict[str, Path]:
    """Find the images in a folder or a ZIP archive.

    Parameters
    ----------
    source : Path
    scratch : Path
        An existing, empty folder to which an archive is unpacked.

    Returns
    -------
    dict of str to Path
        Names relative to the source, with forward slashes, sorted.

    Raises
    ------
    ArchiveError
        If a member of the archive could do harm.
    DatasetError
        If there are no images.
    """
    if source.is_dir():
        found = {
            path.relative_to(source).as_posix(): path
            for path in source.rglob("*")
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        }
        found = {name: path for name, path in found.items() if not is_hidden(PurePosixPath(name))}
    elif source.is_file():
        found = unpack_files(source, scratch, IMAGE_SUFFIXES)
    else:
        raise DatasetError(f"{source} does not exist; --images takes a folder or a ZIP archive")
    if not found:
        raise DatasetError(f"{source} holds no images ({' '.join(IMAGE_SUFFIXES)})")
    return dict(sorted(found.items()))


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
        File names without ending; with their folders where the names alone are not unique.

    Raises
    ------
    DatasetError
        If the two orders differ and `order` does not say which is meant: then the pairing of images
        and responses would be a guess.
    """
    if order is not None and order not in get_args(Order):
        raise UsageError(f"images are ordered by name or by number, not by {order!r}")
    ids = stems(names)
    by_name, by_number = sorted(ids), sorted(ids, key=_natural)
    if order is None and by_name != by_number:
        raise DatasetError(
            f"the images sort one way by name ({name_some(by_name, most=3)}) and another by number "
            f"({name_some(by_number, most=3)}); say which order the responses have with "
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
        The file of each stimulus, with or without its folders; by default the one named after the id.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    DatasetError
        Naming the stimuli that have no image, or several.
    """
    exact: dict[str, set[Path]] = {}
    loose: dict[str, set[Path]] = {}
    for (name, path), stem in zip(images.items(), stems(list(images)), strict=True):
        pure = PurePosixPath(name)
        for key in (name, stem):
            exact.setdefault(key, set()).add(path)
        for key in (pure.name, pure.stem, str(pure.with_suffix(""))):
            loose.setdefault(key, set()).add(path)
    wanted = dict(zip(ids, ids if filenames is None else filenames, strict=True))
    # A name that is an image's own comes before one that it shares with images in other folders.
    found = {
        name: exact.get(name) or loose.get(name) or _by_tail(name, loose | exact) for name in wanted.values()
    }
    without = [name for name, paths in found.items() if not paths]
    if without:
        raise DatasetError(
            f"{len(without)} of {len(wanted)} images are missing: {name_some(without)}; "
            f"there are {name_some(list(images), most=3)}"
        )
    several = [name for name, paths in found.items() if len(paths) > 1]
    if several:
        raise DatasetError(
            f"several images are called {name_some(several)}; give their folders in the column filename of --stimuli"
        )
    return {each: next(iter(found[name])) for each, name in wanted.items()}


def _by_tail(name: str, images: Mapping[str, set[Path]]) -> set[Path]:
    """Find the image at the end of an absolute path of another machine, such as in a table of brainio's."""
    windows = PureWindowsPath(name)
    pure = windows if windows.drive or "\\" in name else PurePosixPath(name)
    if not pure.is_absolute():
        return set()
    tails = ("/".join(pure.parts[start:]) for start in range(1, len(pure.parts)))
    return next((images[tail] for tail in tails if tail in images), set())


def check_images(images: Mapping[str, Path], survey: ImageSurvey | None = None) -> None:
    """Decode every image once.

    Parameters
    ----------
    images : mapping of stimulus id to Path
    survey : ImageSurvey, optional
        Gathers the fingerprint of each image.

    Raises
    ------
    DatasetError
        Naming the images that cannot be read.
    """
    faults = {
        stimulus_id: fault
        for stimulus_id, path in progress(
            images.items(), description="checking images", unit="image", total=len(images)
        )
        if (fault := image_fault(path, stimulus_id, survey)) is not None
    }
    if faults:
        first, fault = next(iter(faults.items()))
        raise DatasetError(
            f"{len(faults)} images cannot be used: {name_some(list(faults))}; {first}: {fault}"
        )


def image_fault(
    source: Path | BytesIO, stimulus_id: str = "", survey: ImageSurvey | None = None
) -> str | None:
    """Say why an image, a file or its bytes, cannot be used; None if it can.

    Parameters
    ----------
    source : Path or BytesIO
    stimulus_id : str
        The id under which the survey knows the image.
    survey : ImageSurvey, optional
        Takes the fingerprint of an image that can be used.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source, formats=_DECODERS) as image:
                image.load()
                fault = picture_fault(image)
                if fault is None and survey is not None:
                    survey.add(stimulus_id, image)
    except UnidentifiedImageError:
        return "it is not an image, or of an unknown kind"
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        return str(error) or type(error).__name__
    return fault


def stems(names: Sequence[str]) -> list[str]:
    """Return file names without ending; with those folders that tell them apart where they must be."""
    paths = [PurePosixPath(name) for name in names]
    short = [path.stem for path in paths]
    if len(set(short)) == len(short):
        return short
    while len({path.parts[0] for path in paths}) == 1 and all(len(path.parts) > 1 for path in paths):
        paths = [PurePosixPath(*path.parts[1:]) for path in paths]
    long = [str(path.with_suffix("")) for path in paths]
    return long if len(set(long)) == len(long) else [str(path) for path in paths]


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key in which runs of digits count as numbers."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    ]
