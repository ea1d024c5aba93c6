"""Pure numerics: NumPy arrays in, NumPy arrays out; no labels, no files, no models."""
