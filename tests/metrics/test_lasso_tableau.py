"""The tableau of wide Lasso paths against the inverse matrices that it stands for."""

import numpy as np
import pytest

from neuroalign.metrics.lasso.screening import follow_screened
from neuroalign.metrics.lasso.tableau import admit, drop_rows, empty_tableau, exchange, flush

N_UNITS, N_FIRST, N_ACTIVE = 230, 200, 110


def problem():
    rng = np.random.default_rng(0)
    units = rng.standard_normal((900, N_UNITS)) + rng.standard_normal((900, 1))
    units = (units - units.mean(axis=0)) / units.std(axis=0)
    return units.T @ units / 900, units.T @ rng.standard_normal(900) / 900


def expected(G, active):
    """Return −G_AA⁻¹, G_AA⁻¹ G_AB and the Schur complement of A in one symmetric matrix."""
    inverse = np.linalg.inv(G[np.ix_(active, active)])
    whole = np.empty_like(G)
    whole[np.ix_(active, active)] = -inverse
    whole[np.ix_(active, ~active)] = inverse @ G[np.ix_(active, ~active)]
    whole[np.ix_(~active, active)] = whole[np.ix_(active, ~active)].T
    whole[np.ix_(~active, ~active)] = (
        G[np.ix_(~active, ~active)] - G[np.ix_(~active, active)] @ inverse @ G[np.ix_(active, ~active)]
    )
    return whole


def test_exchanges_in_groups_give_inverses_and_schur_complements():
    G, c = problem()
    tableau = empty_tableau(N_UNITS + 9)
    admit(G, c, np.arange(N_FIRST), N_FIRST, tableau, 0)
    row, rng = np.empty(N_UNITS), np.random.default_rng(1)
    entering = rng.permutation(N_FIRST)[:N_ACTIVE]
    # Ten units leave again, among other exchanges.
    for unit in [*entering, *entering[:10]]:
        assert exchange(tableau, N_FIRST, unit, row)
        tableau.sign[unit] = 0.0 if tableau.sign[unit] else 1.0
    # More units come in while exchanges wait.
    assert tableau.n_waiting[0] > 0
    new = np.arange(N_FIRST, N_UNITS)
    admit(G, c, new, new.size, tableau, N_FIRST)
    active = np.isin(np.arange(N_UNITS), entering[10:])
    flush(tableau, N_UNITS)
    whole = expected(G, active)
    np.testing.assert_allclose(tableau.M[:N_UNITS, :N_UNITS], whole, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        tableau.P[np.flatnonzero(active)], whole[active][:, active] @ -c[active], atol=1e-10
    )
    kept = active | (np.arange(N_UNITS) % 3 == 0)
    n = drop_rows(tableau, N_UNITS, kept)
    np.testing.assert_array_equal(tableau.unit[:n], np.flatnonzero(kept))
    np.testing.assert_allclose(tableau.M[:n, :n], whole[np.ix_(kept, kept)], rtol=0, atol=1e-10)


def test_a_wide_path_is_followed_to_its_end():
    rng = np.random.default_rng(2)
    latent = rng.standard_normal((300, 40))
    units = latent @ rng.standard_normal((40, 700)) + rng.standard_normal((300, 700))
    units = (units - units.mean(axis=0)) / units.std(axis=0)
    neuron = latent[:, 0] + rng.standard_normal(300)
    G, c = units.T @ units / 300, units.T @ (neuron - neuron.mean()) / 300
    lambdas = np.abs(c).max() * np.logspace(0, -2, 50)[np.newaxis]
    weights = np.zeros((1, 50, 700))
    # The path is not lost, so that nothing is left to the coordinate descent.
    assert follow_screened(G, c, np.ones(700, dtype=bool), False, lambdas, weights)
    for index in (10, 30, 49):
        residual, weight = c - G @ weights[0, index], weights[0, index]
        active = weight != 0.0
        np.testing.assert_allclose(
            residual[active], lambdas[0, index] * np.sign(weight[active]), rtol=0, atol=1e-9
        )
        assert np.abs(residual[~active]).max() <= lambdas[0, index] + 1e-9
    assert (weights[0, 49] != 0.0).sum() > 150


@pytest.mark.parametrize("positive", [False, True])
def test_a_path_on_which_all_units_come_in_is_optimal_at_each_penalty(positive):
    rng = np.random.default_rng(3)
    units = rng.standard_normal((1200, 700))
    units = (units - units.mean(axis=0)) / units.std(axis=0)
    # A tenth of the weights is negative, so that non-negative weights leave the tableau again.
    neuron = units @ (
        rng.uniform(0.5, 1, 700) * np.where(np.arange(700) % 10 == 0, -1, 1)
    ) + rng.standard_normal(1200)
    G, c = units.T @ units / 1200, units.T @ (neuron - neuron.mean()) / 1200
    lambdas = np.abs(c).max() * np.logspace(0, -2, 50)[np.newaxis]
    weights = np.zeros((1, 50, 700))
    assert follow_screened(G, c, np.ones(700, dtype=bool), positive, lambdas, weights)
    for index, lambda_ in enumerate(lambdas[0]):
        weight = weights[0, index]
        residual, active = c - G @ weight, weight != 0.0
        np.testing.assert_allclose(residual[active], lambda_ * np.sign(weight[active]), rtol=0, atol=1e-9)
        outside = residual[~active] if positive else np.abs(residual[~active])
        assert (outside <= lambda_ + 1e-9).all()
    assert (weights[0, 49] != 0.0).sum() > 560
    assert (weights >= 0).all() or not positive
