"""DCI completeness, UDR, MIG and SAP of disentanglement_lib, commit 86a644d, and InfoMEC of its authors."""

import numpy as np
import pytest

from neuroalign.metrics import completeness, factor_information, factor_separation, relative_strength, udr


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


def made_codes():
    """Three factors of 5, 4 and 3 values, and four units, as the reference values have them."""
    t = np.arange(1000)
    factors = np.stack([(t * 7) % 5, (t * 3) % 4, (t // 10) % 3], axis=1)
    units = [
        np.sin(factors[:, 0] * 1.3) + 0.3 * np.sin(t * 1.7),
        factors[:, 1] + 0.4 * np.cos(t * 2.3),
        factors[:, 2] * 0.8 + factors[:, 0] * 0.5 + 0.2 * np.sin(t * 0.9),
        np.cos(t * 3.1),
    ]
    return np.stack(units, axis=1), factors.astype(float)


def test_mutual_information_gap():
    # Values of _compute_mig with the histogram discretizer of 20 bins.
    units, factors = made_codes()
    result = factor_information(units, factors, categorical=[True] * 3)
    assert result.mig == pytest.approx(0.5173158819659993, abs=1e-12)
    np.testing.assert_allclose(
        result.mutual_information,
        [
            [1.2360986533562766, 0.001939406854343434, 0.0015713592921633053],
            [0.004725262260963526, 1.3862943611198901, 0.011132691547609166],
            [0.9239195357009388, 0.0052985489562799686, 0.42953495622649335],
            [0.035241334832511316, 0.0030557600252044924, 0.03209094992572388],
        ],
        rtol=0,
        atol=1e-12,
    )


def test_separated_attribute_predictability():
    # Value of _compute_sap for continuous factors, on the stimuli of the fit.
    units, factors = made_codes()
    assert factor_separation(units, factors, in_sample=True).score == pytest.approx(
        0.49356598314323147, abs=1e-12
    )


def test_modularity_and_compactness_of_infomec():
    # Values of compute_infomec of latent_quantization, commit 9a420a3, for the units in 20 bins.
    units, factors = made_codes()
    result = factor_information(units, factors, categorical=[True] * 3)
    assert result.modularity == pytest.approx(0.6714479456237734, abs=1e-12)
    assert result.compactness == pytest.approx(0.7600256939938875, abs=1e-12)
