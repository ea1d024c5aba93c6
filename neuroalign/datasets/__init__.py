"""Datasets: recordings, their stimuli, and their file formats."""
