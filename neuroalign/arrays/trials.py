"""Single trials of a recording: averages, counts and the cube of repetitions."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays.blocks import slices
from neuroalign.arrays.building import responses
from neuroalign.errors import ArrayError, count_noun, name_some


def average_trials(array: xr.DataArray) -> xr.DataArray:
    """Average a recording over the presentations of each stimulus.

    Parameters
    ----------
    array : xarray.DataArray
        Recording with dimensions presentation, neuroid and at most one time bin.

    Returns
    -------
    xarray.DataArray of float64, shape (n_stimuli, n_neuroids)
        Responses, stimuli in sorted order.

    Raises
    ------
    ArrayError
        If there are several time bins, or a neuron has no trial of some stimulus.

    Examples
    --------
    >>> from neuroalign.arrays import average_trials, recording
    >>> array = recording([[3], [5], [0]], stimulus_id=["a", "a", "b"], neuroid_id=["n1"])
    >>> average_trials(array).values.ravel()
    array([4., 0.])
    """
    means, counts, stimuli = trial_means(array)
    if (counts == 0).any():
        neuroids = array["neuroid_id"].values[(counts == 0).any(axis=0)]
        missing = stimuli[(counts == 0).any(axis=1)]
        raise ArrayError(
            f"{count_noun(len(neuroids), 'neuron')} without a trial of some stimuli: neurons "
            f"{name_some(neuroids)}; stimuli {name_some(missing)}; leave either out"
        )
    return responses(
        means,
        stimulus=stimuli,
        neuroid=array["neuroid_id"].values,
        region=array["region"].values if "region" in array.coords else "unknown",
        animal=array["animal"].values if "animal" in array.coords else "unknown",
        attrs=array.attrs,
    )


def trial_means(
    array: xr.DataArray,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]:
    """Average and count the trials of each stimulus and neuroid, some of which may be missing.

    Parameters
    ----------
    array : xarray.DataArray
        Recording with dimensions presentation, neuroid and at most one time bin.

    Returns
    -------
    means : array of shape (n_stimuli, n_neuroids), float64
        NaN for missing trials.
    counts : array of shape (n_stimuli, n_neuroids), int64
        Number of trials.
    stimuli : array of str, shape (n_stimuli,)
        Stimulus ids in sorted order.
    """
    stimuli, blocks = trial_mean_blocks(array)
    means = np.empty((len(stimuli), array.sizes["neuroid"]))
    counts = np.empty(means.shape, dtype=np.int64)
    for neuroids, means_of_block, counts_of_block in blocks:
        means[:, neuroids], counts[:, neuroids] = means_of_block, counts_of_block
    return means, counts, stimuli


def trial_mean_blocks(
    array: xr.DataArray,
) -> tuple[NDArray[np.str_], Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]]:
    """Average and count the trials of some neuroids after the other; see :func:`trial_means`.

    Parameters
    ----------
    array : xarray.DataArray
        Recording with dimensions presentation, neuroid and at most one time bin.

    Returns
    -------
    stimuli : array of str, shape (n_stimuli,)
        Stimulus ids in sorted order.
    blocks : iterator of (slice, array, array)
        Neuroids of a block, with their means and counts of shape (n_stimuli, n_neuroids of the block).
    """
    array = _single_time_bin(array)
    codes, stimuli = pd.factorize(array["stimulus_id"].values.astype(str), sort=True)
    # Sums in the order of the repetitions have the same bits for any order of the presentations.
    order = np.lexsort((array["repetition"].values, codes))
    codes = codes[order]
    rank = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    # Rows of each first presentation, each second presentation and so on: no stimulus occurs twice among them.
    rows_of_rank = np.split(np.argsort(rank, kind="stable"), np.cumsum(np.bincount(rank))[:-1])
    trials = array.values

    def blocks() -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
        for neuroids in slices(trials, axis=1, itemsize=8):
            values = trials[:, neuroids][order].astype(np.float64, copy=False)  # the index makes a copy
            present = np.isfinite(values)
            sums = np.zeros((len(stimuli), values.shape[1]))
            counts = np.zeros(sums.shape, dtype=np.int64)
            values[~present] = 0.0
            for rows in rows_of_rank:
                sums[codes[rows]] += values[rows]
                counts[codes[rows]] += present[rows]
            with np.errstate(invalid="ignore"):
                yield neuroids, sums / counts, counts

    return stimuli, blocks()


def trial_cube(array: xr.DataArray) -> NDArray[np.float64]:
    """Arrange a recording as stimuli × repetitions × neuroids.

    Parameters
    ----------
    array : xarray.DataArray
        Recording with at most one time bin.

    Returns
    -------
    array of shape (n_stimuli, max_repetitions, n_neuroids), float64
        Stimuli in sorted order, as in :func:`average_trials`; NaN for missing trials.

    Examples
    --------
    >>> from neuroalign.arrays import recording, trial_cube
    >>> trial_cube(recording([[3], [5], [0]], stimulus_id=["a", "a", "b"], neuroid_id=["n1"]))[:, :, 0]
    array([[ 3.,  5.],
           [ 0., nan]])
    """
    array = _single_time_bin(array)
    stimulus_id = array["stimulus_id"].values.astype(str)
    codes, stimuli = pd.factorize(stimulus_id, sort=True)
    position = pd.DataFrame({"stimulus": codes, "repetition": array["repetition"].values})
    rank = position.groupby("stimulus")["repetition"].rank(method="first").to_numpy().astype(int) - 1
    cube = np.full((len(stimuli), rank.max(initial=0) + 1, array.sizes["neuroid"]), np.nan)
    cube[codes, rank] = array.values
    return cube


def _single_time_bin(array: xr.DataArray) -> xr.DataArray:
    if "time_bin" not in array.dims:
        return array
    if array.sizes["time_bin"] != 1:
        raise ArrayError(
            f"the recording has {array.sizes['time_bin']} time bins; select one first, "
            "for example recording.isel(time_bin=[0])"
        )
    return array.isel(time_bin=0)
