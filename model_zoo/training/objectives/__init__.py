"""Training objectives and early stopping."""
