"""Reliability of the neurons of a dataset, from its single trials or from the standard errors of its averages."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.dataset import Dataset


def neuron_reliability(dataset: Dataset, stimuli: ArrayLike | None = None) -> NDArray[np.float64] | None:
    """Return the reliability of each neuron's mean response: the largest share of variance that a model can explain.

    Parameters
    ----------
    dataset : Dataset
    stimuli : array of str, shape (n_stimuli,), optional
        Stimuli that count; by default all recorded stimuli.

    Returns
    -------
    array of float64, shape (n_neuroids,), or None
        From single trials, :func:`neuroalign.metrics.reliability`; from averages with standard errors,
        :func:`neuroalign.metrics.reliability_of_means`. None where the dataset has neither.

    Examples
    --------
    >>> from neuroalign.testing import make_dataset
    >>> neuron_reliability(make_dataset()).shape
    (12,)
    """
    from neuroalign.metrics import reliability, reliability_of_means

    trials, errors = dataset.trials, dataset.standard_errors
    if trials is None and errors is None:
        return None
    responses = dataset.responses
    chosen = np.ones(responses.sizes["stimulus"], dtype=bool)
    if stimuli is not None:
        chosen = np.isin(responses["stimulus"].values, np.asarray(stimuli).astype(str))
    # Each benchmark of each instance asks for the same values, and half of a second of computation adds up.
    key = chosen.tobytes()
    if key not in dataset.kept_reliabilities:
        if trials is not None:
            values = reliability(trials[chosen]).per_neuron
        else:
            assert errors is not None
            values = reliability_of_means(responses.values[chosen], errors[chosen])
        dataset.kept_reliabilities[key] = values
    return dataset.kept_reliabilities[key].copy()
