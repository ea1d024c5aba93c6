"""Signs that an array does not hold responses of neurons to stimuli: time stamps, time bins, trials as stimuli."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import trial_mean_blocks
from neuroalign.arrays.blocks import slices
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import name_some

#: Fewer stimuli than this say nothing about the order of values.
_FEWEST_STIMULI = 20
#: Share of the steps from one stimulus to the next that do not fall, in a list of times.
_RISING = 0.99
#: Correlation of neighbouring stimuli, in the median neuron and in the mean of all neurons. Recordings reach 0.2, also
#: where stimuli are sorted; fluorescence and smoothed rates reach 0.9.
_NEIGHBOURS, _NEIGHBOURS_OF_MEAN = 0.6, 0.8
_MANY_STIMULI = 1000
#: Number of stimuli for each different image, above which rows are probably trials.
_STIMULI_PER_IMAGE = 3
#: Largest share of spikes among zeros in bins of milliseconds.
_SPARSE = 0.2


def implausible(array: xr.DataArray, stimuli: StimulusSet) -> list[str]:
    """Return sentences on signs that an array does not hold responses to stimuli; empty without such signs.

    Parameters
    ----------
    array : recording
        Recording with at most one time bin. The order of its presentations is the order in the file.
    stimuli : StimulusSet
        Stimuli of the recording.

    Returns
    -------
    list of str
        Sentences for the user. They are warnings: sorted stimuli, for example, resemble their neighbours, too.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from neuroalign.arrays import recording
    >>> times = np.cumsum(np.ones((2000, 1)), axis=0)
    >>> ids = [f"{i:04d}" for i in range(2000)]
    >>> array = recording(times, stimulus_id=ids, neuroid_id=["a"])
    >>> for sentence in implausible(array, StimulusSet("s", pd.DataFrame(index=ids))):
    ...     print(sentence[:50])
    The values of 1 of 1 neurons rise from stimulus to
    The recording has 1 neuron and 2,000 stimuli witho
    """
    ids, blocks = trial_mean_blocks(array)
    order = pd.Index(ids).get_indexer(pd.Index(array["stimulus_id"].values.astype(str)).unique())
    names = array["neuroid_id"].values.astype(str)
    named, rising, correlations = list[str](), list[bool](), list[float]()
    total = np.zeros(len(ids))
    for columns, means, counts in blocks:
        complete = (counts > 0).all(axis=0)
        means = means[order][:, complete]
        rises = _rising(means)
        named += names[columns][complete].tolist()
        rising += rises.tolist()
        if len(ids) >= _FEWEST_STIMULI:
            correlations += _with_next(means[:, ~rises]).tolist()
        total += means[:, ~rises].sum(axis=1)
    return [
        *_on_rising(np.array(rising, dtype=bool), np.array(named, dtype=str)),
        *_on_neighbours(np.array(correlations), total),
        *_on_bins(array.values, len(ids)),
        *_on_numbers(array.sizes["neuroid"], ids, stimuli),
    ]


def _rising(means: NDArray[np.float64]) -> NDArray[np.bool_]:
    if len(means) < _FEWEST_STIMULI:
        return np.zeros(means.shape[1], dtype=bool)
    steps = np.diff(means, axis=0)
    rising: NDArray[np.bool_] = ((steps >= 0).mean(axis=0) >= _RISING) & ((steps > 0).mean(axis=0) > 0.5)
    return rising


def _on_rising(rising: NDArray[np.bool_], neuroids: NDArray[np.str_]) -> list[str]:
    if not rising.any():
        return []
    return [
        f"The values of {int(rising.sum())} of {rising.size} neurons rise from stimulus to stimulus "
        f"({name_some(neuroids[rising])}): they look like times or numbers of trials, not like responses."
    ]


def _on_neighbours(correlations: NDArray[np.float64], total: NDArray[np.float64]) -> list[str]:
    """Compare the responses to each stimulus with the responses to the next one in the file.

    Parameters
    ----------
    correlations : array of shape (n_neurons,)
        Correlation of the responses of each neuron with those to the next stimulus; empty for few stimuli.
    total : array of shape (n_stimuli,)
        Sum of the responses of these neurons.
    """
    if correlations.size == 0:
        return []
    of_mean = float(_with_next(total[:, np.newaxis])[0]) if correlations.size > 1 else 0.0
    correlations = correlations[np.isfinite(correlations)]
    median = float(np.median(correlations)) if correlations.size else 0.0
    if median <= _NEIGHBOURS and not of_mean > _NEIGHBOURS_OF_MEAN:
        return []
    shown = (
        f"r = {median:.2f} in the median neuron"
        if median > _NEIGHBOURS
        else f"r = {of_mean:.2f} in the mean of all neurons"
    )
    return [
        f"Responses to neighbouring stimuli resemble each other ({shown}): are the rows time bins or frames, and not "
        "stimuli? Sorted stimuli resemble their neighbours, too."
    ]


def _with_next(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of each column with itself, moved by one row."""
    first, second = values[:-1] - values[:-1].mean(axis=0), values[1:] - values[1:].mean(axis=0)
    scale = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: NDArray[np.float64] = (first * second).sum(axis=0) / scale
    return correlations


def _on_bins(values: NDArray[np.generic], n_stimuli: int) -> list[str]:
    if n_stimuli < 5 * _FEWEST_STIMULI:
        return []
    ones, zeros, missing = 0, 0, 0
    for block in slices(values):
        part = values[block]
        ones, zeros = ones + int((part == 1).sum()), zeros + int((part == 0).sum())
        missing += int(np.isnan(part).sum()) if part.dtype.kind == "f" else 0
    if ones + zeros + missing < values.size or not 0 < ones < _SPARSE * (ones + zeros):
        return []
    return [
        f"All responses are 0 or 1, and {100 * ones / (ones + zeros):.2g} % are 1: are they spikes in time bins of "
        "milliseconds? Count the spikes of each trial in a window (--format rasters --window)."
    ]


def _on_numbers(n_neuroids: int, ids: NDArray[np.str_], stimuli: StimulusSet) -> list[str]:
    if not stimuli.has_images:
        if n_neuroids > 1 or len(ids) < _MANY_STIMULI:
            return []
        return [
            f"The recording has 1 neuron and {len(ids):,} stimuli without images: is it a list of values, such "
            "as spike times or one trace?"
        ]
    originals = stimuli.originals(ids)
    if originals.n_identical < len(ids) / 2 or len(ids) < _STIMULI_PER_IMAGE * originals.n:
        return []
    return [
        f"The recording has {len(ids):,} stimuli and only {originals.n:,} different images: are the rows trials? Give "
        "the trials of one image the same stimulus_id in --stimuli."
    ]
