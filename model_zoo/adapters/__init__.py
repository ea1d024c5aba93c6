"""Adapters: turn an object of another library into a neuroalign model."""
