"""Simulated faces and simulated neurons: the stand-in for recordings that cannot be shared."""
