"""Reliabilities of the neurons of a dataset, computed once for each choice of stimuli."""

import numpy as np

from neuroalign import metrics
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.testing import make_dataset


def test_each_choice_of_stimuli_is_computed_once(monkeypatch):
    calls = []

    def counted(trials):
        calls.append(len(trials))
        return real(trials)

    real = metrics.reliability
    monkeypatch.setattr(metrics, "reliability", counted)
    dataset = make_dataset(n_stimuli=40, n_neurons=5)
    stimuli = dataset.responses["stimulus"].values
    first = neuron_reliability(dataset)
    np.testing.assert_array_equal(first, real(dataset.trials).per_neuron)
    first[:] = 0.5
    np.testing.assert_array_equal(neuron_reliability(dataset, stimuli), real(dataset.trials).per_neuron)
    for _ in range(2):
        part = neuron_reliability(dataset, stimuli[:30])
        np.testing.assert_array_equal(part, real(dataset.trials[:30]).per_neuron)
    np.testing.assert_array_equal(
        neuron_reliability(dataset, stimuli[10:]), real(dataset.trials[10:]).per_neuron
    )
    assert calls == [40, 30, 30]
