"""Plain code of the cross-validated Lasso, fold by fold and neuron by neuron, on the solver of scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import lasso_path


def solve(X, y, lambdas):
    """Return weights (D, L) of centred y on standardised X; a unit without variance gets no weight."""
    weights = np.zeros((X.shape[1], len(lambdas)))
    usable = X.std(axis=0) > 1e-12
    if usable.any() and np.abs(y).max() > 0:
        # scikit-learn refuses λ = 0, the λ of a neuron without any correlation.
        _, path, _ = lasso_path(
            X[:, usable], y, alphas=np.maximum(lambdas, 1e-300), tol=1e-14, max_iter=1_000_000
        )
        weights[usable] = path
    return weights


def plain_lasso_cv(Z, Y, folds, *, n_lambdas=100, ratio=None, rule="1se"):
    """Return weights (D, J), index of the chosen λ, grids, cvm and cvsd (J, L)."""
    n, d = Z.shape
    ratio = ratio or (1e-4 if n >= d else 1e-2)
    deviation = Z.std(axis=0)
    Z = (Z - Z.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    labels = np.unique(folds)
    weights, chosen, grids, means, errors = [], [], [], [], []
    for y in Y.T:
        largest = np.abs(Z.T @ y / n).max()
        grid = largest * ratio ** (np.arange(n_lambdas) / (n_lambdas - 1))
        mse, size = [], []
        for label in labels:
            train, test = folds != label, folds == label
            mean, scale = Z[train].mean(axis=0), Z[train].std(axis=0)
            scale = np.where(scale > 1e-12, scale, 1.0)
            path = solve((Z[train] - mean) / scale, y[train] - y[train].mean(), grid)
            predicted = y[train].mean() + ((Z[test] - mean) / scale) @ path
            mse.append(((y[test][:, None] - predicted) ** 2).mean(axis=0))
            size.append(test.sum())
        cvm = np.average(mse, axis=0, weights=size)
        cvsd = np.sqrt(np.average((mse - cvm) ** 2, axis=0, weights=size) / (len(labels) - 1))
        best = int(cvm.argmin())
        limit = cvm[best] + (cvsd[best] if rule == "1se" else 0)
        index = int(np.flatnonzero(cvm <= limit)[0])
        weights.append(solve(Z, y, grid[: index + 1])[:, -1] if index else np.zeros(d))
        chosen.append(index)
        grids.append(grid)
        means.append(cvm)
        errors.append(cvsd)
    return np.array(weights).T, np.array(chosen), np.array(grids), np.array(means), np.array(errors)


@pytest.fixture(name="plain_lasso_cv", scope="session")
def plain_lasso_cv_fixture():
    """Return the plain code, as a fixture because test modules cannot import each other."""
    return plain_lasso_cv
