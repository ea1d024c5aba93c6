"""Angular distance of shapes: closed forms, a search over rotations, and the definition of Williams et al. (2021).

The program of the paper, netrep, needs Python < 3.11, so its numbers are not compared.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm, sqrtm
from scipy.optimize import minimize

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import fold_labels, shape_distance


def whitened(values, alpha):
    """Centred and partly whitened population, by the equation of the paper."""
    centred = values - values.mean(axis=0)
    inverse_root = np.linalg.inv(np.real(sqrtm(centred.T @ centred)))
    return centred @ (alpha * np.eye(values.shape[1]) + (1 - alpha) * inverse_root)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_no_rotation_is_better(alpha):
    """A search over rotations, from four starts, finds the distance and nothing below it."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((20, 3)) * [3.0, 1.0, 0.5]
    Y = Z @ rng.standard_normal((3, 3)) + rng.standard_normal((20, 3))
    a, b = whitened(Z, alpha), whitened(Y, alpha)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)

    def angle(parameters, reflection):
        skew = np.zeros((3, 3))
        skew[np.triu_indices(3, 1)] = parameters
        rotation = expm(skew - skew.T) @ np.diag([1.0, 1.0, reflection])
        return np.arccos(np.clip((a @ rotation * b).sum(), -1, 1))

    searched = [
        minimize(angle, rng.standard_normal(3), args=(reflection,)).fun
        for reflection in (-1.0, 1.0)
        for _ in range(2)
    ]
    assert shape_distance(Z, Y, alpha=alpha).angle == pytest.approx(min(searched), abs=1e-5)


def test_one_unit_and_one_neuron_have_the_angle_of_their_correlation():
    rng = np.random.default_rng(1)
    z, y = rng.standard_normal((2, 30, 1))
    r = np.corrcoef(z.ravel(), y.ravel())[0, 1]
    for alpha in (0.0, 0.5, 1.0):
        assert shape_distance(z, y, alpha=alpha).similarity == pytest.approx(abs(r))


def test_full_whitening_gives_the_mean_canonical_correlation():
    """With D units and J ≥ D neurons: Σ ρ / √(D J)."""
    rng = np.random.default_rng(2)
    Z, Y = rng.standard_normal((50, 3)), rng.standard_normal((50, 5))
    Y[:, 0] += 2 * Z[:, 0]
    bases = [np.linalg.qr(values - values.mean(axis=0))[0] for values in (Z, Y)]
    canonical = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    assert shape_distance(Z, Y, alpha=0.0).similarity == pytest.approx(canonical.sum() / np.sqrt(15))
    mixed = Z @ rng.standard_normal((3, 3))
    assert shape_distance(mixed, Y, alpha=0.0).angle == pytest.approx(shape_distance(Z, Y, alpha=0.0).angle)


def test_two_axes_by_hand():
    """Orthogonal patterns a and b of length 1: the populations [a, b] and [a, 0] meet at 45°."""
    a = np.array([1.0, -1.0, 0.0, 0.0]) / np.sqrt(2)
    b = np.array([0.0, 0.0, 1.0, -1.0]) / np.sqrt(2)
    Z, Y = np.column_stack([a, b]), np.column_stack([a, 0 * a])
    assert shape_distance(Z, Y).angle == pytest.approx(np.pi / 4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 40), st.floats(0, 1))
def test_distances_are_a_metric(seed, n_units, n_neurons, alpha):
    rng = np.random.default_rng(seed)
    A, B, C = (rng.standard_normal((12, size)) for size in (n_units, n_neurons, 4))
    ab, ba = shape_distance(A, B, alpha=alpha).angle, shape_distance(B, A, alpha=alpha).angle
    assert ab == pytest.approx(ba, abs=1e-6)
    around = shape_distance(A, C, alpha=alpha).angle + shape_distance(C, B, alpha=alpha).angle
    assert ab <= around + 1e-6
    assert shape_distance(A, A, alpha=alpha).angle == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("n_units", [4, 60])
def test_tall_and_wide_populations_agree(n_units):
    """Units that are copies of four units, divided by the root of their number, are a rotation of the four."""
    rng = np.random.default_rng(3)
    Z, Y = rng.standard_normal((25, 4)), rng.standard_normal((25, 6))
    copies = n_units // 4
    wide = np.tile(Z, (1, copies)) / np.sqrt(copies)
    folds = fold_labels(25, 5)
    for labels in (None, folds):
        for alpha in (0.0, 0.5, 1.0):
            expected = shape_distance(Z, Y, alpha=alpha, folds=labels).angle
            actual = shape_distance(wide, Y, alpha=alpha, folds=labels).angle
            assert actual == pytest.approx(expected, abs=1e-7)


def plain_held_out(Z, Y, folds):
    """The alignment of each fold, fitted to the other folds, with plain arrays."""
    cross = first = second = 0.0
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        a, b = Z - Z[train].mean(axis=0), Y - Y[train].mean(axis=0)
        a, b = a / np.linalg.norm(a[train]), b / np.linalg.norm(b[train])
        left, _, right = np.linalg.svd(a[train].T @ b[train])
        # The stimuli of the training fold span one dimension less than their number.
        rank = min(Z.shape[1], Y.shape[1], train.sum() - 1)
        rotation = left[:, :rank] @ right[:rank]
        cross += (a[test] @ rotation * b[test]).sum()
        first += (a[test] ** 2).sum()
        second += (b[test] ** 2).sum()
    return cross / np.sqrt(first * second)


@pytest.mark.parametrize("shape", [(30, 4, 4), (30, 3, 6), (12, 20, 5), (12, 20, 30)])
def test_held_out_stimuli_by_the_definition(shape):
    n, d, j = shape
    rng = np.random.default_rng(4)
    Z, Y = rng.standard_normal((n, d)), rng.standard_normal((n, j))
    Y[:, :3] += 2 * Z[:, :3]
    folds = fold_labels(n, 4)
    expected = plain_held_out(Z, Y, folds)
    assert shape_distance(Z, Y, folds=folds).similarity == pytest.approx(expected, abs=1e-9)


def test_held_out_angle_of_unrelated_populations_is_a_right_angle():
    """In sample, wide populations align by chance; on held-out stimuli the mean cosine is 0."""
    rng = np.random.default_rng(5)
    held_out, in_sample = [], []
    for _ in range(30):
        Z, Y = rng.standard_normal((40, 30)), rng.standard_normal((40, 30))
        held_out.append(shape_distance(Z, Y, folds=fold_labels(40, 5)).similarity)
        in_sample.append(shape_distance(Z, Y).similarity)
    assert abs(np.mean(held_out)) < 3 * np.std(held_out) / np.sqrt(30)
    assert np.mean(in_sample) > 0.5
    rotation = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    assert shape_distance(Z, Z @ rotation, folds=fold_labels(40, 5)).angle < 0.9


def test_faulty_input_is_explained():
    Z = np.random.default_rng(0).standard_normal((6, 2))
    with pytest.raises(UsageError, match="from 0 to 1"):
        shape_distance(Z, Z, alpha=1.5)
    with pytest.raises(UsageError, match="two labels"):
        shape_distance(Z, Z, folds=np.zeros(6, dtype=int))
    with pytest.raises(ArrayError, match="folds"):
        shape_distance(Z, Z, folds=np.zeros(5, dtype=int))
    assert np.isnan(shape_distance(np.ones((6, 2)), Z).angle)
    assert np.isnan(shape_distance(np.ones((6, 2)), Z, folds=np.arange(6) % 2).angle)
