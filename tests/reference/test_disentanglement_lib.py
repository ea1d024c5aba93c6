"""DCI completeness and UDR of disentanglement_lib, commit 86a644d."""

import numpy as np
import pytest

from neuroalign.metrics import completeness, relative_strength, udr


@pytest.mark.parametrize(
    ("weights", "score", "per_neuron"),
    [
        (
            [[4, 0, 1], [0, 3, 1], [0, 0, 1], [0, 1, 0]],
            0.6363636362558758,
            [1.0, 0.5943609377704335, 0.2075187496394219],
        ),
        ([[1, 0], [0, 1], [0, 0]], 1.0, [1.0, 1.0]),
        ([[0, 0], [0, 0]], 0.0, [np.nan, np.nan]),
    ],
)
def test_completeness(weights, score, per_neuron):
    # The library adds 1e-11 to each weight.
    result = completeness(np.array(weights, dtype=float))
    assert result.score == pytest.approx(score, abs=1e-9)
    np.testing.assert_allclose(result.per_neuron, per_neuron, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        ([[1, 0.2, 0], [0.1, 0.8, 0.3], [0, 0.5, 0.9]], 0.6593326118326118),
        ([[1, 0.2], [0.1, 0.8], [0, 0.5]], 0.6746801346801348),
        ([[1, 0, 0.2], [0.1, 0, 0.8]], 0.6442929292929294),
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], 0.3333333333333333),
    ],
)
def test_relative_strength(similarity, expected):
    assert relative_strength(similarity, pooling="disentanglement_lib") == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("correlation", "expected", "tolerance"),
    [
        # The sines repeat their values up to rounding, so ranks within ties hang on the last bit.
        ("spearman", [0.54228219, 0.6072201, 0.39644098], 5e-6),
        ("lasso", [0.52142914, 0.57315194, 0.37303819], 1e-8),
    ],
)
def test_udr(correlation, expected, tolerance):
    t = np.arange(1000)
    first = np.stack([np.sin(2 * np.pi * k * t / 1000 + 0.1 * k) for k in (1, 2, 3, 5)], axis=1)
    second = first[:, [2, 0, 3, 1]] * [1, -1, 1, 1] + 0.2 * first
    third = first @ np.array([[1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 1, 1], [0, 0, 1, -1]])
    kls = [np.ones(4), [1, 1, 1, 0.005], np.ones(4)]
    result = udr([first, second, third], kls, correlation=correlation, pooling="disentanglement_lib")
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)
