"""Program that makes the bundled datasets: ``python -m neuroalign.datasets.simulation.build [FOLDER]``."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import NDArray
from PIL import Image

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import (
    METADATA,
    RECORDING,
    TRUTH,
    write_folder,
    write_recording,
)
from neuroalign.datasets.simulation.energy import pixel_energy
from neuroalign.datasets.simulation.factors import FACTORS, SEED, stimulus_table
from neuroalign.datasets.simulation.landmarks import LANDMARKS, landmarks
from neuroalign.datasets.simulation.neurons import N_NEURONS, population, record
from neuroalign.datasets.simulation.renderer import VERSION, render
from neuroalign.datasets.stimuli import StimulusSet

NAME = "AM-faces-sim"
MIXED = "AM-faces-sim-mixed"
_QUALITY = 86

_PROVENANCE = {
    "licence": "MIT",
    "citation": "neuroalign, simulated stand-in AM-faces-sim",
    "source": "python -m neuroalign.datasets.simulation.build",
    "renderer_version": VERSION,
    "seed": SEED,
}
_SIMULATED = (
    "SIMULATED. The faces are rendered from seven independent factors and the neurons are simulated; "
    "nothing here was recorded from an animal. "
)


def build(folder: Path) -> None:
    """Render the faces, simulate the neurons and write both datasets.

    Parameters
    ----------
    folder : Path
        Folder for AM-faces-sim and AM-faces-sim-mixed; existing datasets of these names are replaced.
    """
    table = stimulus_table()
    factors = table[list(FACTORS)].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        images = {}
        for stimulus_id, face in zip(table.index, factors, strict=True):
            images[stimulus_id] = Path(scratch) / f"{stimulus_id}.webp"
            write_image(render(face), images[stimulus_id])
        stimuli = StimulusSet(NAME, table, images, mirror_training=True)
        write_folder(simulate(stimuli, mixed=False), folder / NAME, replace=True)
    columns = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
    points = np.stack([landmarks(face).ravel() for face in factors])
    pd.DataFrame(points, columns=columns, index=table.index).to_csv(
        folder / NAME / "landmarks.csv", float_format="%.2f", lineterminator="\n"
    )
    pixel_energy().to_csv(folder / NAME / "factors.csv", lineterminator="\n")

    mixed = simulate(stimuli, mixed=True)
    assert mixed.truth is not None
    (folder / MIXED).mkdir(exist_ok=True)
    write_recording(mixed.recording, folder / MIXED / RECORDING)
    mixed.truth.to_csv(folder / MIXED / TRUTH, lineterminator="\n")
    metadata = {"identifier": MIXED, "stimulus_set": NAME, "simulated": True, **mixed.metadata}
    (folder / MIXED / METADATA).write_text(tomli_w.dumps(metadata), encoding="utf-8")


def simulate(stimuli: StimulusSet, *, mixed: bool) -> Dataset:
    """Record simulated neurons while the presented stimuli are shown.

    Parameters
    ----------
    stimuli : StimulusSet
        Stimuli with the column ``presented`` and a column for each factor.
    mixed : bool
        Whether neurons follow mixtures of factors; see :func:`neuroalign.datasets.simulation.neurons.population`.

    Returns
    -------
    Dataset
    """
    shown = stimuli.table[stimuli.table["presented"]]
    neurons = population(mixed=mixed)
    recording = record(
        neurons, shown[list(FACTORS)].to_numpy(), shown.index.to_numpy().astype(str), mixed=mixed
    )
    tuning = (
        f"The tuned neurons of the {N_NEURONS} follow random directions through all factors; "
        f"the faces come from {NAME}."
        if mixed
        else f"Most of the {N_NEURONS} neurons follow one factor, some follow two or three, and some follow no factor."
    )
    metadata: Mapping[str, Any] = {"description": _SIMULATED + tuning, **_PROVENANCE}
    return Dataset(
        identifier=MIXED if mixed else NAME,
        recording=recording,
        stimuli=stimuli,
        simulated=True,
        metadata=metadata,
        truth=pd.DataFrame(
            neurons.weights, columns=list(FACTORS), index=pd.Index(neurons.neuroids, name="neuroid_id")
        ),
    )


def write_image(image: NDArray[np.float32], path: Path) -> None:
    """Write an image of values in [0, 1] as grey WebP.

    The WebP decoder is specified to the bit, so the shipped files give the same pixels on every machine. Lossless
    files would be three times as large.
    """
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(path, quality=_QUALITY, method=6)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "bundled")
