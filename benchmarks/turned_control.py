"""Control of turned tuning, for benchmarks that ask about single units."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.files.digests import digest
from neuroalign.metrics.axis_index import AxisIndex, is_special
from neuroalign.metrics.turned_tuning import TurnedTuning, turned_tuning
from neuroalign.scoring.benchmark import self_pairs

FloatArray = NDArray[np.float64]

#: A warning says how long the control takes for models with more informative units.
MANY_UNITS = 500

#: Numbers beside a score: κ, its standard error over neurons, its p-value, whether the axes are special (1 or 0), the
#: score of the neurons regenerated with their tuning as it is, and the mean and SD of the scores of turned neurons.
BESIDE = (
    "axis_index",
    "axis_index_error",
    "axis_index_p",
    "axis_index_special",
    "regenerated",
    "turned",
    "turned_sd",
)


@dataclass(frozen=True, eq=False)
class Regenerated:
    """Neurons regenerated from their linear tuning, as it is and turned.

    Parameters
    ----------
    model : TurnedTuning
    neurons : array of int
        Columns of the responses that are regenerated, in the order of the neurons' names: neurons that are units of
        the model are left out.
    n_turns : int
    """

    model: TurnedTuning
    neurons: NDArray[np.int64]
    n_turns: int

    def sets(self) -> Iterator[FloatArray]:
        """Yield the regenerated neurons, first with their tuning as it is, then with each turn of it."""
        return chain([self.model.native()], self.model.turned(self.n_turns))


@dataclass(frozen=True, eq=False)
class _Problem:
    """Arguments of a linear model, which compare by their content."""

    content: str
    units: FloatArray = field(repr=False)
    neurons: FloatArray = field(repr=False)
    groups: NDArray[np.int64] = field(repr=False)
    seed: int

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Problem) and self.content == other.content


@lru_cache(maxsize=2)
def _fit(problem: _Problem) -> TurnedTuning:
    """Fit the linear model once for all benchmarks of one model."""
    return turned_tuning(problem.units, problem.neurons, seed=problem.seed, groups=problem.groups)


def regenerate(
    latents: xr.DataArray,
    responses: xr.DataArray,
    dataset: Dataset,
    *,
    n_turns: int,
    seed: int,
    rows: NDArray[np.int64] | None = None,
) -> Regenerated | None:
    """Fit the linear model of the neurons that are not units themselves.

    Parameters
    ----------
    latents, responses
        Paired arrays from ``neuroalign.scoring.benchmark.Benchmark.align``.
    dataset : Dataset
    n_turns : int
        Number of turns of the tuning; fewer than two turns return None.
    seed : int
        Seed of the turns.
    rows : array of int, optional
        Rows of stimuli, such as rows of a bootstrap; all rows by default.

    Returns
    -------
    Regenerated or None
        None if fewer than three neurons are tuned, so that the tuning cannot be turned.
    """
    if n_turns < 2:
        return None
    n_informative = int(latents["informative"].values.sum())
    if n_informative > MANY_UNITS:
        warnings.warn(
            f"the axis index of {n_informative:,} units takes about {n_turns} times as long as the score itself; "
            "turns=0 (--turns 0) leaves it out",
            NeuroalignWarning,
            stacklevel=3,
        )
    informative = latents["informative"].values
    # Sorted by name, so that the rotations do not depend on the order of the neurons.
    order = np.argsort(responses["neuroid"].values.astype(str), kind="stable")
    neurons = order[self_pairs(latents, responses, dataset)[order] < 0]
    if neurons.size < 3 or informative.sum() < 2:
        return None
    chosen = np.arange(responses.sizes["stimulus"]) if rows is None else rows
    units = np.asarray(latents.values[:, informative], dtype=np.float64)[chosen]
    values = responses.values[:, neurons][chosen]
    groups = dataset.stimuli.groups(responses["stimulus"].values)[chosen]
    model = _fit(_Problem(digest(units, values, groups, seed), units, values, groups, seed))
    return Regenerated(model, neurons, n_turns) if model.can_turn else None


def check_turns(turns: int) -> None:
    """Refuse a single turn.

    Raises
    ------
    UsageError
        If `turns` is 1.
    """
    if turns == 1:
        raise UsageError("turns must be 0 or at least 2, got 1: a single turn has no spread")


def describe(index: AxisIndex, error: float) -> dict[str, float]:
    """Return the numbers of an axis index that belong beside a score."""
    special = float(is_special(index.value, error, index.p)) if np.isfinite(index.p) else float("nan")
    numbers = (index.value, error, index.p, special, index.native, index.turned, index.turned_sd)
    return dict(zip(BESIDE, numbers, strict=True))


def undefined() -> dict[str, float]:
    """Return the numbers beside a score where the tuning cannot be turned."""
    return dict.fromkeys(BESIDE, float("nan"))
