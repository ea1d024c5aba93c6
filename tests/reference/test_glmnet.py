"""R's glmnet 4.1-6: cv.glmnet(X, y, foldid=f, lambda=lam, thresh=1e-14), on the numbers in the folder glmnet."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuroalign.metrics import lasso_cv

FOLDER = Path(__file__).parent / "glmnet"
# The intercept first, then the coefficients at lambda.1se on the scale of the data.
COEFFICIENTS = [
    3.950008935, 0.8406355713, 0, 0, 0, -0.4521951954, 0, -0.009341917688, 0.159240575, 0, 0, 0, 0,
]  # fmt: skip


def column(name):
    return pd.read_csv(FOLDER / name, header=None).to_numpy()


@pytest.fixture(scope="module")
def fit():
    return lasso_cv(column("X.csv"), column("y.csv"), folds=column("f.csv").ravel())


def test_grid_and_cross_validated_errors(fit):
    reference = pd.read_csv(FOLDER / "cv_fixed.csv")
    scale = column("y.csv").std()
    np.testing.assert_allclose(fit.lambdas[0] * scale, reference["l"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(fit.cv_mean[0] * scale**2, reference["cvm"], rtol=0, atol=3e-8)
    np.testing.assert_allclose(fit.cv_se[0] * scale**2, reference["cvsd"], rtol=0, atol=6e-9)


def test_lambda_1se_and_lambda_min(fit):
    X, y = column("X.csv"), column("y.csv")
    assert fit.lambda_[0] * y.std() == pytest.approx(0.3169835, abs=5e-8)
    smallest = lasso_cv(X, y, folds=column("f.csv").ravel(), rule="min")
    assert smallest.lambda_[0] * y.std() == pytest.approx(0.1139180, abs=5e-8)


def test_coefficients(fit):
    X, y = column("X.csv"), column("y.csv")
    slopes = fit.weights[:, 0] * y.std() / X.std(axis=0)
    intercept = y.mean() - X.mean(axis=0) @ slopes
    np.testing.assert_allclose([intercept, *slopes], COEFFICIENTS, rtol=0, atol=2e-9)
