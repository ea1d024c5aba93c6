"""Program that reads files of unknown origin, one for each line of standard input, and says how each went.

Each answer is a line of JSON: "ok", "refused" with the message, or "fault" with the error, where the error is not one
of neuroalign or its message has several lines. A file that ends or stops this program is seen by its absence.
"""

import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from neuroalign.datasets.folder import read_folder, read_recording
from neuroalign.datasets.formats.images import image_fault
from neuroalign.datasets.image_sources import open_image
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import NeuroalignError, printable
from neuroalign.files import judging
from neuroalign.files.netcdf_reading import read_arrays, read_netcdf
from neuroalign.models.latents_file import read_latents
from neuroalign.results.exchange.array_files import read_arrays as read_foreign_arrays
from neuroalign.results.store import ResultsStore

#: Errors that the cache of latents and the store of scores take for a damaged entry.
_OF_ENTRIES = (NeuroalignError, ValueError, OSError, KeyError)


def _import(path: Path) -> None:
    options = (
        {"window": "50,150", "label": "stimulus_name", "drop": ("constant-neuroids",)}
        if path.suffix == ".nwb"
        else {}
    )
    options |= {"format": "hdf5"} if path.suffix == ".h5" else {}
    has_axes = path.suffix not in (".nwb", ".nc") and not path.name.startswith("tidy")
    axes = "stimulus,neuroid" if has_axes else None
    import_dataset("d", responses=path, axes=axes, force=True, **options)


def _record(path: Path) -> None:
    list(ResultsStore(path.parents[1]).items())
    ResultsStore(path.parents[1]).load(path.stem)


def _arrays(path: Path) -> None:
    for read in (read_netcdf, read_arrays, read_foreign_arrays):
        try:
            read(path)
        except ValueError as error:
            if read is read_foreign_arrays:
                raise NeuroalignError(str(error)) from error


def _image(path: Path) -> None:
    fault = image_fault(path)
    open_image(path, "s")
    if fault is not None:
        raise NeuroalignError(fault)


ACTIONS = {
    "recording": (read_recording, NeuroalignError),
    "folder": (lambda path: read_folder(path if path.is_dir() else path.parent), NeuroalignError),
    "latents": (read_latents, _OF_ENTRIES),
    "record": (_record, NeuroalignError),
    "arrays": (_arrays, _OF_ENTRIES),
    "import": (_import, NeuroalignError),
    "image": (_image, NeuroalignError),
}


def main() -> None:
    """Answer each line of standard input."""
    warnings.simplefilter("ignore")
    # Two seconds of computation, so that the files that HDF5 reads without end cost little time.
    judging.PATIENCE = 2.0
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["NEUROALIGN_HOME"] = home
        for line in sys.stdin:
            action, path = json.loads(line)
            read, refusals = ACTIONS[action]
            outcome, message = "ok", ""
            try:
                read(Path(path))
            except refusals as error:
                outcome, message = "refused", str(error)
                if len(message) > 1500 or (isinstance(error, NeuroalignError) and "\n" in message.strip()):
                    outcome = "fault"
            except BaseException as error:
                place = error.__traceback__
                while place is not None and place.tb_next is not None:
                    place = place.tb_next
                where = "" if place is None else f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
                outcome, message = "fault", f"{type(error).__name__}: {error} ({where})"
            answers.write(json.dumps([outcome, printable(message)[:1600]]) + "\n")
            answers.flush()
            shutil.rmtree(Path(home, "datasets"), ignore_errors=True)


if __name__ == "__main__":
    main()
