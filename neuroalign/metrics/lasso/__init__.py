"""Lasso with cross-validation: problem, sums over folds, solution path, choice of λ, held-out predictions."""
