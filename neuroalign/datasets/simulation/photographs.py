"""Stand-in recordings over photographs of a face set: simulated neurons with known tuning."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.landmarks.measured import FACTORS
from neuroalign.datasets.simulation.face_neurons import (
    POPULATIONS,
    Rates,
    draw_counts,
    draw_presentations,
    draw_rates,
    expected_counts,
    random_directions,
    single_directions,
    standardise_columns,
)
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, UsageError, name_some

#: Name of the stand-in.
NAME = "AM-faces-photos-sim"
#: Label of the neurons with their population; ``NAME[population=single]`` is a part.
LABEL = "population"
#: File with the directions of the population ``appearance`` in the folder of the dataset.
DIRECTIONS = "directions.csv"

_SIMULATED = (
    "SIMULATED. The faces are photographs and the neurons are simulated; "
    "nothing here was recorded from an animal. "
)


def simulate_faces(
    faces: Dataset,
    space: xr.DataArray,
    *,
    space_name: str = "",
    factors: Sequence[str] = (),
    n_neurons: int = 60,
    seed: int = 0,
    identifier: str = NAME,
) -> tuple[Dataset, pd.DataFrame]:
    """Simulate three populations of neurons over the photographs of a face set.

    Neuron k of each population has the same mean count and variation, so that populations differ in the
    directions of their neurons only: single measured factors, random directions in a space of shape and appearance,
    or random mixtures of the factors.

    Parameters
    ----------
    faces : Dataset
        Photographs with measured factors in the stimulus table. Its responses, if any, have no influence.
    space : latents, dimensions (stimulus, unit)
        Coordinates of the faces in the space of the population ``appearance``; each unit is standardised.
    space_name : str
        Name of the model that gives the coordinates, for the metadata.
    factors : sequence of str
        Columns that the populations ``single`` and ``mixed`` follow; by default all measured factors.
    n_neurons : int
        Number of neurons of each population.
    seed : int
    identifier : str

    Returns
    -------
    dataset : Dataset
        Recording with single trials of 3 to 5 presentations. Its neurons have the label ``population``. Its ``truth``
        has the weights of the standardised factors; neurons of ``appearance`` follow no factor and have zeros.
    directions : pandas.DataFrame
        Weight of each standardised unit of `space` (column) for each neuron of ``appearance`` (row).

    Raises
    ------
    UsageError
        If a number is out of range, or a factor is given twice.
    DatasetError
        If the photographs lack the images or factors, or fewer than 50 faces have all values.

    References
    ----------
    Chang & Tsao (2017), Cell 169:1013.
    """
    if n_neurons < 1 or seed < 0:
        raise UsageError(
            f"the number of neurons must be positive and the seed not negative, got {n_neurons} and {seed}"
        )
    names = tuple(factors) or tuple(FACTORS)
    values, coordinates, shown = _measured(faces.stimuli, names, space)
    rates, presentations = draw_rates(n_neurons, seed=seed), draw_presentations(len(shown), seed=seed)
    single = single_directions(n_neurons, len(names), seed=seed)
    appearance = random_directions(n_neurons, coordinates.shape[1], seed=seed, stream=1)
    mixed = random_directions(n_neurons, len(names), seed=seed, stream=2)
    along = {
        "single": values @ single.T,
        "appearance": coordinates @ appearance.T,
        "mixed": values @ mixed.T,
    }
    neuroids = {
        population: [f"{population}_{number:03d}" for number in range(1, n_neurons + 1)]
        for population in POPULATIONS
    }
    counts = _count(along, rates, presentations, seed)
    recording = arrays.recording(
        counts,
        stimulus_id=np.repeat(shown, presentations),
        neuroid_id=np.concatenate([neuroids[population] for population in POPULATIONS]),
        region="AM",
        animal="simulated",
        attrs={"unit": "spikes in 250 ms", "simulated": "yes"},
    ).assign_coords({LABEL: ("neuroid", np.repeat(list(POPULATIONS), n_neurons))})
    weights = np.vstack([single, np.zeros_like(single), mixed])
    truth = pd.DataFrame(
        weights, columns=list(names), index=pd.Index(recording["neuroid_id"].values, name="neuroid_id")
    )
    dataset = Dataset(
        identifier=identifier,
        recording=recording,
        stimuli=_presented(faces.stimuli, shown),
        simulated=True,
        metadata=_describe(faces, names, space_name, n_neurons, seed, len(shown)),
        truth=truth,
    )
    units = [str(unit) for unit in space["unit"].values]
    return dataset, pd.DataFrame(
        appearance, columns=units, index=pd.Index(neuroids["appearance"], name="neuroid_id")
    )


def _measured(
    stimuli: StimulusSet, names: Sequence[str], space: xr.DataArray
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Return standardised factors and coordinates of the faces that have all of them, with their ids, sorted."""
    if not stimuli.has_images:
        raise DatasetError(f"the face set {stimuli.identifier!r} must have images, and it has no images")
    repeated = [name for name in names if list(names).count(name) > 1]
    if repeated:
        raise UsageError(f"each factor must be given once, got {repeated[0]} twice")
    missing = [name for name in names if name not in stimuli.table]
    if missing:
        raise DatasetError(
            f"the stimulus table of {stimuli.identifier!r} has no {name_some(missing)}; measure the faces with "
            "neuroalign data measure-faces DATASET"
        )
    text = [name for name in names if not pd.api.types.is_numeric_dtype(stimuli.table[name].dtype)]
    if text:
        raise DatasetError(f"factors must be columns of numbers, got {name_some(text)}; leave them out")
    complete = stimuli.table.index[stimuli.table[list(names)].notna().all(axis=1)].astype(str)
    shown = np.intersect1d(complete.to_numpy(str), space["stimulus"].values.astype(str))
    if len(shown) < 50:
        raise DatasetError(
            f"50 faces or more must have all measured factors, got {len(shown)} of {len(stimuli)}; align and measure "
            "more photographs"
        )
    values = standardise_columns(stimuli.table.loc[shown, list(names)].to_numpy(np.float64))
    constant = [name for name, column in zip(names, values.T, strict=True) if not column.any()]
    if constant:
        raise DatasetError(
            f"each factor must vary over the faces, and {name_some(constant)} has one value; leave it out"
        )
    coordinates = standardise_columns(space.sel(stimulus=shown).values.astype(np.float64))
    return values, coordinates, shown


def _count(
    along: dict[str, NDArray[np.float64]], rates: Rates, presentations: NDArray[np.int64], seed: int
) -> NDArray[np.uint16]:
    counts = []
    for population in POPULATIONS:
        positions = standardise_columns(along[population])
        expected = expected_counts(positions, rates)
        counts.append(draw_counts(expected, presentations, seed=seed, population=population))
    return np.hstack(counts)


def _presented(stimuli: StimulusSet, shown: NDArray[np.str_]) -> StimulusSet:
    """Return the stimuli with a mark of the faces that the neurons saw; networks may train on the others, too."""
    marked = stimuli.select(stimuli.ids)
    marked.table = marked.table.assign(presented=np.isin(stimuli.ids, shown))
    return marked


def _describe(
    faces: Dataset, names: Sequence[str], space_name: str, n_neurons: int, seed: int, n_shown: int
) -> dict[str, Any]:
    """Return the metadata of the stand-in: origin of the photographs, and all options of the simulation."""
    populations = "; ".join(
        f"{n_neurons} neurons of the population {population} follow {meaning}"
        for population, meaning in POPULATIONS.items()
    )
    origin = {
        name: faces.metadata[name]
        for name in ("licence", "citation", "landmarks_from")
        if faces.metadata.get(name)
    }
    notes = []
    if n_shown < len(faces.stimuli):
        notes.append(
            f"{len(faces.stimuli) - n_shown} of {len(faces.stimuli)} photographs lack a factor and were not presented."
        )
    return {
        **origin,
        # Networks of photographs score the neurons, although the neurons are simulated.
        "photographs": True,
        "description": f"{_SIMULATED}{populations}.",
        "source": f"neuroalign data simulate-faces {faces.identifier}"
        + (f"; photographs: {faces.metadata['source']}" if faces.metadata.get("source") else ""),
        "simulation": {
            "faces": faces.identifier,
            "faces_hash": faces.stimuli.content_hash,
            "factors": list(names),
            "space": space_name,
            "neurons": n_neurons,
            "seed": seed,
        },
        **({"notes": notes} if notes else {}),
    }


def directions_text(directions: pd.DataFrame) -> str:
    """Return the content of :data:`DIRECTIONS` for the directions of the population ``appearance``."""
    return directions.to_csv(lineterminator="\n")
