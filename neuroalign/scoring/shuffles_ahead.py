"""Shuffled scores that are computed ahead of their score, in several jobs, where there are more workers than scores."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from neuroalign.jobs import count_workers, run_jobs
from neuroalign.models.model import Model
from neuroalign.scoring.instance import Ahead, Batch, Shuffles, shuffle_instance


def shuffle_ahead(tasks: Sequence[tuple[Model, Batch]], *, n_jobs: int) -> list[Ahead]:
    """Compute the shuffled scores of instances in several jobs for each instance.

    A score without shuffled scores ahead computes them itself, in one job. So nothing is computed ahead if there are
    no shuffles, or as many instances as workers.

    Parameters
    ----------
    tasks : sequence of (Model, Batch)
        Instances, each with its batch.
    n_jobs : int
        Number of jobs at the same time on this machine.

    Returns
    -------
    list of mapping of int to Shuffles
        Shuffled scores of each instance, by the number of the benchmark in its batch.
    """
    import joblib

    if not any(batch.n_permutations for _, batch in tasks):
        return [{} for _ in tasks]
    n_parts = -(-count_workers(n_jobs) // len(tasks))
    if n_parts < 2:
        return [{} for _ in tasks]
    jobs, places = [], []
    for place, (model, batch) in enumerate(tasks):
        edges = (
            np.linspace(0, batch.n_permutations, min(n_parts, batch.n_permutations) + 1).astype(int).tolist()
        )
        for start, stop in pairwise(edges):
            jobs.append(joblib.delayed(shuffle_instance)(model, batch, slice(start, stop)))
            places.append(place)
    parts: list[list[Mapping[int, Shuffles]]] = [[] for _ in tasks]
    for place, part in zip(
        places, run_jobs(jobs, n_jobs=n_jobs, description="shuffles", unit="part"), strict=True
    ):
        parts[place].append(part)
    return [_join(own) for own in parts]


def _join(parts: Sequence[Mapping[int, Shuffles]]) -> Ahead:
    """Join the parts of an instance; a benchmark that failed in one part is left out."""
    numbers = set.intersection(*(set(part) for part in parts)) if parts else set()
    return {
        number: Shuffles(
            np.concatenate([part[number].scores for part in parts]),
            sum(part[number].seconds for part in parts),
        )
        for number in sorted(numbers)
    }
