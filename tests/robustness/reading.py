"""Program that reads files of unknown origin, one for each line of standard input, and says how each went.

Each answer is a line of JSON: "ok", "refused" with the message, or "fault" with the error, where the error is not one
of neuroalign or its message has several lines. A file that ends or stops this program is seen by its absence.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

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

#: Number in files outside the folder that is read; no reader may return it.
SECRET = 31337.5

#: Bytes of memory that one file may take.
_MEMORY = 8 << 30

#: Errors that the cache of latents and the store of scores take for a damaged entry.
_OF_ENTRIES = (NeuroalignError, ValueError, OSError, KeyError)


def _import(path: Path) -> object:
    options = (
        {"window": "50,150", "label": "stimulus_name", "drop": ("constant-neuroids",)}
        if path.suffix == ".nwb"
        else {}
    )
    options |= {"format": "hdf5"} if path.suffix == ".h5" else {}
    has_axes = path.suffix not in (".nwb", ".nc") and not path.name.startswith("tidy")
    axes = "stimulus,neuroid" if has_axes else None
    return import_dataset("d", responses=path, axes=axes, force=True, **options).recording


def _import_with(option: str, path: Path) -> object:
    """Import sound responses with a file of unknown origin."""
    responses = path.with_name("resp.csv")
    given = {option: path}
    if option == "landmarks":
        given["images"] = path.with_name("images.zip")
    if option != "neurons" and option != "stimuli":
        given["stimuli"] = path.with_name("stimuli of responses.csv")
    dataset = import_dataset("d", responses=responses, axes="stimulus,neuroid", force=True, **given)
    return dataset.stimuli.pixels() if dataset.stimuli.has_images else dataset.recording


def _results(path: Path) -> None:
    """Import a record of another laboratory; a refusal is a line of its report."""
    from neuroalign.scoring.imported import import_results

    source = path.with_suffix(".json") if path.suffix == ".nc" else path
    report = import_results(source, store=ResultsStore(Path(os.environ["NEUROALIGN_HOME"], "imported")))
    shutil.rmtree(os.environ["NEUROALIGN_HOME"] + "/imported", ignore_errors=True)
    if report.refused:
        raise NeuroalignError(next(iter(report.refused.values())))


def _latents_of_user(path: Path) -> object:
    from neuroalign.models.latent_arrays import read_latents_array

    return read_latents_array(path.with_suffix(".npy"), str(path.with_suffix(".txt")))


def _study(path: Path) -> None:
    from neuroalign.studies.study import load_study

    load_study(path)


def _board(path: Path) -> None:
    from neuroalign.datasets.board_file import read_board_file

    read_board_file(path)


def _grid(path: Path) -> None:
    from neuroalign.model_zoo.training.grids import load_grid

    load_grid("beta_vae", path)


def _autoencoder(path: Path) -> None:
    from neuroalign.model_zoo.fitted.topk import read_autoencoder

    read_autoencoder(path)


def _weights(path: Path) -> None:
    from neuroalign.model_zoo.adapters.checkpoint_files import read_checkpoint

    read_checkpoint(path, "m", wanted=["conv.weight", "conv.bias"])


def _trained(path: Path) -> None:
    from neuroalign.model_zoo.beta_vae import BetaVAERecipe
    from neuroalign.model_zoo.training.weights_file import find_trained, read_trained

    read_trained(path, BetaVAERecipe).weights({"weight": (3,)})
    find_trained(path.parent, BetaVAERecipe)


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
    "stimuli": (partial(_import_with, "stimuli"), NeuroalignError),
    "neurons": (partial(_import_with, "neurons"), NeuroalignError),
    "landmarks": (partial(_import_with, "landmarks"), NeuroalignError),
    "images": (partial(_import_with, "images"), NeuroalignError),
    "latents of a user": (_latents_of_user, NeuroalignError),
    "results": (_results, NeuroalignError),
    "study": (_study, NeuroalignError),
    "board": (_board, NeuroalignError),
    "grid": (_grid, NeuroalignError),
    "weights": (_weights, NeuroalignError),
    "trained": (_trained, NeuroalignError),
    "autoencoder": (_autoencoder, (OSError, ValueError)),
}


def main() -> None:
    """Answer each line of standard input."""
    warnings.simplefilter("ignore")
    # No test takes the power away.
    os.fsync = lambda descriptor: None
    os.sync = lambda: None
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
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
                values = getattr(read(Path(path)), "values", None)
                if isinstance(values, np.ndarray) and values.dtype.kind == "f" and (values == SECRET).any():
                    outcome, message = "fault", "a number of another file was read"
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
