"""The face-patch AM recordings of Higgins et al. (2020), and the simulated stand-in for them.

The recordings can be had only on request from their authors. Once they are added under the name
``AM-faces`` they are found there; until then the name resolves to the stand-in, which never passes
for the recordings: its identifier is ``AM-faces-sim`` everywhere.
"""

import warnings
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
from neuroalign.errors import NeuroalignWarning

_BUNDLED = Path(str(files("neuroalign.datasets.simulation"))) / "bundled"


def am_faces() -> Dataset:
    """The recordings of Higgins et al. (2020) once they are added; until then AM-faces-sim."""
    warnings.warn(
        "AM-faces has not been added (its recordings are available from the authors on request, see "
        "neuroalign data add --help); using the simulated stand-in AM-faces-sim",
        NeuroalignWarning,
        stacklevel=2,
    )
    return am_faces_sim()


@cache
def am_faces_sim() -> Dataset:
    """159 simulated neurons, most tuned to one generative factor of 2,100 rendered faces."""
    return read_folder(_BUNDLED / "AM-faces-sim")


@cache
def am_faces_sim_mixed() -> Dataset:
    """159 simulated neurons tuned to random mixtures of the same factors, for the same faces."""
    folder = _BUNDLED / "AM-faces-sim-mixed"
    metadata = read_metadata(folder)
    return Dataset(
        identifier=str(metadata["identifier"]),
        recording=read_recording(folder / RECORDING),
        stimuli=am_faces_sim().stimuli,
        simulated=True,
        metadata=metadata,
        truth=read_truth(folder / TRUTH),
    )
