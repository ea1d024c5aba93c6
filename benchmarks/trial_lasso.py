"""Held-out predictions of the Lasso by fits to single trials."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics import lasso_test_set, lasso_variance_explained, variance_explained
from neuroalign.metrics.lasso.held_out import LassoVarianceExplained


def explain_trials(arguments: dict[str, Any], counts: NDArray[np.int64]) -> LassoVarianceExplained:
    """Predict mean responses by fits in which a stimulus counts by the number of its trials.

    Parameters
    ----------
    arguments : dict
        Arguments of :func:`neuroalign.metrics.lasso_variance_explained`, or of
        :func:`neuroalign.metrics.lasso_test_set`; ``Y`` has the mean responses to the stimuli of the fit.
    counts : array of int, shape (n_stimuli, n_neurons)
        Number of trials behind each response in ``Y``.

    Returns
    -------
    LassoVarianceExplained
        Predictions and variance explained of the mean responses, each stimulus once.

    Notes
    -----
    For n_i trials y_ir of stimulus i with mean ȳ_i,

    ``Σ_ir (y_ir − f_i)² = Σ_i n_i (ȳ_i − f_i)² + Σ_ir (y_ir − ȳ_i)²``

    and the last term depends neither on the fit f nor on λ. So the fit to single trials is the fit to rows of means, of
    which row i occurs n_i times; a common factor of all n_i changes nothing and is left out. The standard error
    of the one-standard-error rule is taken over the errors of the means. Neurons with the same numbers of trials are
    fitted together.
    """
    is_test_set = "new_Z" in arguments
    predict = lasso_test_set if is_test_set else lasso_variance_explained
    units, neurons = arguments["Z"], arguments["Y"]
    shown = arguments["new_Y"] if is_test_set else neurons
    predicted, baseline = np.empty(shown.shape), np.empty(shown.shape)
    labels = np.zeros(len(shown), dtype=np.int64)
    patterns, pattern_of = np.unique(counts // np.gcd.reduce(counts, axis=0), axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        own = np.flatnonzero(pattern_of.ravel() == number)
        rows = np.repeat(np.arange(len(units)), pattern)
        part = {**arguments, "Z": units[rows], "Y": neurons[rows][:, own], "folds": arguments["folds"][rows]}
        if arguments["exclude"] is not None:
            part["exclude"] = arguments["exclude"][own]
        if is_test_set:
            part["new_Y"] = shown[:, own]
        fit = predict(**part)
        once = np.arange(len(shown)) if is_test_set else np.cumsum(pattern) - pattern
        predicted[:, own], baseline[:, own], labels = fit.predicted[once], fit.baseline[once], fit.folds[once]
    return LassoVarianceExplained(variance_explained(shown, predicted), predicted, baseline, labels)
