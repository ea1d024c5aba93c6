"""Training of the model families that learn."""
