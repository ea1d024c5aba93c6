"""Size and seed of the batteries, from the environment.

A battery of the size that a release needs takes longer than a test should. It is run by hand::

    NEUROALIGN_BATTERY_TRIES=3000 NEUROALIGN_BATTERY_SEED=7 pytest -m slow tests/robustness/test_mutations.py
"""

import os


def tries(default: int) -> int:
    """Return the number of tries of a slow battery: NEUROALIGN_BATTERY_TRIES, or a default that takes seconds."""
    return int(os.environ.get("NEUROALIGN_BATTERY_TRIES", default))


def seed() -> int:
    """Return the seed of a slow battery: NEUROALIGN_BATTERY_SEED, by default 1."""
    return int(os.environ.get("NEUROALIGN_BATTERY_SEED", "1"))
