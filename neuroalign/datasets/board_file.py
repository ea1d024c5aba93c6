"""TOML file of a collection or a board: its datasets, and the benchmarks, models and options of a leaderboard."""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from neuroalign.errors import UsageError
from neuroalign.files.plain import read_toml
from neuroalign.validation import NonNegative, check_value

#: Whether families with missing scores have a mean: only over all datasets, or over the available ones.
MeanOver = Literal["all", "available"]

# A list of datasets is shorter.
_MOST_BYTES = 1_000_000


class BoardFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Content of the file of a collection or a board.

    Parameters
    ----------
    datasets : tuple of str
        Names or folders of datasets, collections, and other files. A path is relative to the folder of the file.
    name, title : str
        Short name, by default the name of the file, and title.
    benchmarks : tuple of str
        Benchmarks with their options; by default all that were scored.
    models : tuple of str
        Families that are shown; by default all that were scored.
    over : {"animals", "sessions", "neurons"}
        Highest level of the bootstrap.
    mean : {"all", "available"}
        Whether families with missing scores have a mean.
    over_ceiling : bool
        Whether scores are divided by their ceiling.
    separate_animals : bool
        Whether animals of one name in different datasets are different animals.
    members : bool
        Whether each dataset of a collection has a column.
    resamples, seed : int
        Number of draws, and their seed.
    """

    datasets: tuple[str, ...]
    name: str = ""
    title: str = ""
    benchmarks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    over: Literal["animals", "sessions", "neurons"] = "animals"
    mean: MeanOver = "all"
    over_ceiling: bool = False
    separate_animals: bool = False
    members: bool = False
    resamples: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    seed: NonNegative = 0

    def located(self, folder: Path) -> list[str]:
        """Return the datasets, with relative paths taken from a folder: the folder of the file."""
        return [
            str(folder / name) if _is_relative_path(name) else os.path.expanduser(name)
            for name in self.datasets
        ]


def read_board_file(path: Path) -> BoardFile:
    """Read the file of a collection or a board.

    Parameters
    ----------
    path : Path

    Returns
    -------
    BoardFile

    Raises
    ------
    UsageError
        If the file cannot be read, is not TOML, or has a wrong entry.
    UnknownNameError
        If the file has an unknown entry; the message names the nearest entry.
    """
    try:
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            raise UsageError(
                f"{path} must be a list of datasets of at most {_MOST_BYTES:,} bytes, got a larger file"
            )
        content = read_toml(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{path} is not a TOML file: {error}") from error
    file: BoardFile = check_value(content, BoardFile, "", owner=str(path))
    if not file.datasets:
        raise UsageError(f"{path}: datasets must have at least one name, got none")
    return file


def _is_relative_path(name: str) -> bool:
    """Whether an entry is a path within the folder of the file, and not the name of a dataset."""
    bare = name.partition("[")[0]
    if os.path.isabs(os.path.expanduser(bare)):
        return False
    return "/" in bare or os.sep in bare or bare.endswith(".toml")
