"""The training loop: runs, groups, optimisation, checkpoints, devices."""
