"""The face-patch AM recordings of Higgins et al. (2020), and the simulated stand-in for them.

The recordings are available only on request from their authors. After a user adds them under the name ``AM-faces``,
this name denotes the recordings. Before, the name denotes the stand-in, which every result names ``AM-faces-sim``.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import (
    RECORDING,
    TRUTH,
    read_folder,
    read_metadata,
    read_recording,
    read_truth,
)
from neuroalign.errors import warn_caller

#: Folder of the datasets that neuroalign comes with.
BUNDLED = Path(str(files("neuroalign.datasets.simulation"))) / "bundled"


def am_faces() -> Dataset:
    """AM-faces-sim, with a warning, until you add the recordings of Higgins et al. (2020)."""
    note_stand_in()
    return am_faces_sim()


@cache
def note_stand_in() -> None:
    """Say once in a process that the stand-in takes the place of the recordings."""
    warn_caller(
        "AM-faces has not been added (its recordings are available from the authors on request, see "
        "neuroalign data add --help); using the simulated stand-in AM-faces-sim"
    )


@cache
def am_faces_sim() -> Dataset:
    """159 simulated neurons, most of which follow one factor of 2,100 rendered faces."""
    return read_folder(BUNDLED / "AM-faces-sim")


@cache
def am_faces_sim_mixed() -> Dataset:
    """159 simulated neurons that follow random mixtures of the factors of the same faces."""
    folder = BUNDLED / "AM-faces-sim-mixed"
    metadata = read_metadata(folder)
    return Dataset(
        identifier=str(metadata["identifier"]),
        recording=read_recording(folder / RECORDING),
        stimuli=am_faces_sim().stimuli,
        simulated=True,
        metadata=metadata,
        truth=read_truth(folder / TRUTH),
    )
