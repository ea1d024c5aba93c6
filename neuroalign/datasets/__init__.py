"""Datasets: recordings, their stimuli, and the formats that they come in."""
