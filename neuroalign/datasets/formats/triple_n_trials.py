"""Single trials of Triple-N, in the files ``GoodUnit_*.mat`` of MATLAB 7.3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import Bins, group_bins
from neuroalign.datasets.formats.mat73 import open_mat73, referenced, vector
from neuroalign.datasets.time_windows import bins_of_window
from neuroalign.errors import DatasetError, count_noun
from neuroalign.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neuroalign.datasets.time_windows import Window

#: Distance in micrometres at which the depths of one unit in two files differ.
_SLACK = 1.0


@dataclass(frozen=True, eq=False)
class Trials:
    """Spike counts of single trials.

    Parameters
    ----------
    counts : array of float32, shape (n_trials, n_units) or (n_trials, n_units, n_bins)
    image : array of int, shape (n_trials,)
        Number of the image of each trial, from 1.
    repetition : array of int, shape (n_trials,)
        Number of the trial among the trials of its image, from 0.
    edges : array of float64, shape (n_bins, 2), optional
        Start and end of each time bin in milliseconds.
    """

    counts: NDArray[np.float32]
    image: NDArray[np.int64]
    repetition: NDArray[np.int64]
    edges: NDArray[np.float64] | None = None


def good_unit_files(folder: Path) -> list[Path]:
    """Return the files of single trials in a folder, or in its folder GoodUnit, sorted by name."""
    for place in (folder, folder / "GoodUnit"):
        files = sorted(path for path in place.glob("GoodUnit_*.mat") if path.is_file())
        if files:
            return files
    return []


def read_trials(
    path: Path,
    kept: NDArray[np.int64],
    n_units: int,
    depth: NDArray[np.float64] | None,
    images: NDArray[np.int64],
    window: Window | None,
    bins: Bins | None = None,
) -> Trials:
    """Count the spikes of the chosen units in each trial of the chosen images.

    ``Raster`` has one row for each trial that did not fail, thus with a number in ``trial_valid_idx`` other than 0. Its
    column ``c``, counted from 0, has the spikes from ``c − pre_onset`` to before ``c − pre_onset + 1`` ms after onset;
    ``PsthRange`` names these bins by their ends.

    Parameters
    ----------
    path : Path
    kept : array of int
        Indices of the units to read.
    n_units : int
        Number of units of the session in its processed file.
    depth : array of float, shape (n_units,), optional
        Depth of each unit in its processed file, with which the order of the units is compared.
    images : array of int
        Numbers of the images to take.
    window : (float, float), optional
        Start and end in milliseconds after onset; by default the whole raster, for `bins`.
    bins : float or "file", optional
        Width in milliseconds of the time bins to keep, or "file" for the bins of 1 ms. By default the spikes in the
        window are counted.

    Raises
    ------
    DatasetError
        If the file is damaged or does not fit the processed file.
    """
    import numpy as np
    import pandas as pd

    with open_mat73(path) as file:
        units, meta = file["GoodUnitStrc"], file["meta_data"]
        rasters = list(referenced(units, "Raster"))
        if len(rasters) != n_units:
            raise DatasetError(
                f"{path} has {count_noun(len(rasters), 'unit')}, and the processed file of its session has {n_units}"
            )
        if depth is not None and "spikepos" in units:
            place = np.array([np.ravel(item[()])[-1] for item in referenced(units, "spikepos")])
            if place.shape != depth.shape:
                raise DatasetError(f"spikepos of {path} must have a depth for each of {n_units} units")
            differing = np.flatnonzero(np.abs(place - depth) > _SLACK)
            if len(differing):
                unit = int(differing[0])
                raise DatasetError(
                    f"{path} has other units than the processed file of its session: unit {unit + 1} lies at "
                    f"{place[unit]:g} µm, in the processed file at {depth[unit]:g} µm"
                )
        image = _images_of_trials(meta, path)
        pre_onset = vector(file["global_params"], "pre_onset")
        n_bins = rasters[0].shape[0]
        starts = np.arange(n_bins) - pre_onset[0]
        edges = None
        if bins is not None:
            groups, edges = group_bins(starts, starts + 1, window, bins, str(path))
        else:
            window = (float(starts[0]), float(starts[-1]) + 1) if window is None else window
            groups = [bins_of_window(starts, starts + 1, window, str(path))]
        first, last = int(groups[0][0]), int(groups[-1][-1]) + 1
        chosen = np.isin(image, images)
        counts = np.empty((int(chosen.sum()), len(kept), len(groups)), dtype=np.float32)
        for column, unit in enumerate(
            progress(kept, description=f"reading {path.name}", unit="unit", total=len(kept))
        ):
            raster = rasters[unit]
            if raster.shape != (n_bins, len(image)) or raster.dtype.kind not in "fiub":
                raise DatasetError(
                    f"the raster of unit {unit + 1} of {path} must have {len(image):,} trials × {n_bins:,} ms, got "
                    f"{' × '.join(map(str, raster.shape[::-1]))}"
                )
            spikes = raster[first:last]
            for number, group in enumerate(groups):
                counts[:, column, number] = spikes[group - first].sum(axis=0, dtype=np.float64)[chosen]
    image = image[chosen]
    repetition = pd.Series(image).groupby(image).cumcount().to_numpy().astype(np.int64)
    return Trials(counts[:, :, 0] if edges is None else counts, image, repetition, edges)


def _images_of_trials(meta: Any, path: Path) -> NDArray[np.int64]:
    """Return the image of each trial that did not fail."""
    import numpy as np

    number = vector(meta, "trial_valid_idx")
    if not (number % 1 == 0).all() or number.min(initial=0) < 0:
        raise DatasetError(f"trial_valid_idx of {path} must hold whole numbers, 0 for a failed trial")
    valid = number != 0
    if "dataset_valid_idx" in meta:
        of_dataset = vector(meta, "dataset_valid_idx")
        if of_dataset.shape != number.shape:
            raise DatasetError(f"dataset_valid_idx and trial_valid_idx of {path} must have equal lengths")
        valid &= of_dataset != 0
    return number[valid].astype(np.int64)
