"""Scores that come with neuroalign, beside the user's own scores."""

import hashlib
import lzma
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import xarray as xr

from neuroalign.errors import warn_caller
from neuroalign.files.folders import put_folder
from neuroalign.files.home import home, private_name
from neuroalign.results.score import Score
from neuroalign.results.store import IMPORTED, ResultsStore
from neuroalign.scoring.imported import import_results

#: Folder of the package with one archive of records for each dataset.
ARCHIVES = Path(str(files("neuroalign.results"))) / "shipped"

#: Ending of their names: one stream of compressed bytes is a third of a ZIP archive, because records repeat much text.
ENDING = ".tar.xz"

#: Folder of the checked records in the neuroalign folder.
FOLDER = "shipped"


class StoreWithShipped(ResultsStore):
    """The user's scores, and the scores that come with neuroalign where the user has no scores under their keys.

    Parameters
    ----------
    own : ResultsStore
        Store of the user.
    shipped : ResultsStore
        Store that received the records of the package.
    """

    def __init__(self, own: ResultsStore, shipped: ResultsStore) -> None:
        super().__init__(own.folder)
        self._shipped = shipped

    def items(self, **equal: str) -> Iterator[tuple[str, Score]]:
        """Yield the user's scores as :meth:`ResultsStore.items` does, then the scores of the package."""
        own = list(super().items(**equal))
        keys = {key.removesuffix(IMPORTED) for key, _ in own}
        yield from own
        for key, score in self._shipped.items(**equal):
            if key.removesuffix(IMPORTED) not in keys:
                yield key, _as_shipped(score)

    def load(self, key: str) -> Score | None:
        """Return the score under this key from the first store that has it."""
        if (own := super().load(key)) is not None:
            return own
        shipped = self._shipped.load(key)
        return None if shipped is None else _as_shipped(shipped)

    def load_own(self, key: str) -> Score | None:
        """Return the user's own score under this key; None without one."""
        return ResultsStore(self.folder).load_own(key)

    def load_arrays(self, key: str) -> xr.Dataset:
        """Return the arrays of the score under this key from the first store that has it."""
        store = self if self._path(key).is_file() else self._shipped
        return ResultsStore(store.folder).load_arrays(key)

    def files(self, key: str) -> tuple[bytes, bytes]:
        """Return the content of the record under this key, and of its arrays, from the first store that has it."""
        store = self if self._path(key).is_file() else self._shipped
        return ResultsStore(store.folder).files(key)


def store_with_shipped(dataset: str) -> ResultsStore:
    """Return the user's store together with the scores on a dataset that come with neuroalign.

    Parameters
    ----------
    dataset : str
        Identifier of the dataset.

    Returns
    -------
    ResultsStore
        The user's store alone where no scores on this dataset come with neuroalign.

    Notes
    -----
    ``neuroalign results import`` and this function make the same checks of records, here once for each neuroalign
    folder and version of the archive.
    """
    own = ResultsStore()
    archive = ARCHIVES / f"{dataset}{ENDING}"
    if os.sep in dataset or not archive.is_file():
        return own
    checked = _checked(archive, home())
    return own if checked is None else StoreWithShipped(own, ResultsStore(checked))


@cache
def _checked(archive: Path, folder: Path) -> Path | None:
    """Import an archive into a store of its own; return the folder of this store, None if the archive is damaged."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    checked = folder / FOLDER / f"{archive.name.removesuffix(ENDING)}-{digest}"
    if checked.is_dir():
        return checked
    with tempfile.TemporaryDirectory() as temporary:
        # The bar of the import shows the name of this folder.
        unpacked = Path(temporary) / "shipped scores"
        try:
            unpack(archive, unpacked)
        except (tarfile.TarError, lzma.LZMAError, EOFError):
            warn_caller(f"{archive} is damaged, so that its scores are left out; install neuroalign again")
            return None
        try:
            new = checked.with_name(private_name())
            new.mkdir(parents=True)
            import_results(unpacked, store=ResultsStore(new))
            with suppress(FileExistsError):
                put_folder(new, checked, replace=False)
        except OSError:
            # Nothing can be written there: the records are checked again in each process.
            new = Path(tempfile.mkdtemp(prefix="neuroalign-shipped-"))
            import_results(unpacked, store=ResultsStore(new))
            return new
    return checked


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive of the package into a folder.

    Parameters
    ----------
    archive : Path
        One of the files in :data:`ARCHIVES`.
    folder : Path
    """
    with tarfile.open(archive, "r:xz") as file:
        for member in file:
            content = file.extractfile(member)
            if content is not None:
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def _as_shipped(score: Score) -> Score:
    origin = score.provenance.get("imported")
    given = dict(origin) if isinstance(origin, Mapping) else {}
    shipped = {**given, "from": "neuroalign", "shipped": version("neuroalign")}
    return replace(score, provenance={**score.provenance, "imported": shipped})
