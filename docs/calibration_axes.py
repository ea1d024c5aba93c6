"""Error rates of the test of privileged axes: ``python docs/calibration_axes.py``.

Simulates units and neurons that follow eight factors, with axes that they share or do not share, and tests the units
by `privileged_axes` with several scores, and by the axis index κ. It writes one row for each condition and test to
``docs/calibration_axes.csv``. ``--clusters`` simulates tuning vectors with and without clusters, tests them by
`axis_clustering`, and writes ``docs/calibration_clusters.csv``. ``--absolute`` ignores signs, as the benchmark does by
default, and writes ``docs/calibration_axes_absolute.csv``. ``--only WORD`` simulates the conditions with this word in
their name, and keeps the other rows of the table.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# One thread: the numbers do not depend on it, and other work goes on beside it.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

FloatArray = NDArray[np.float64]
FOLDER = Path(__file__).parent
TABLE, CLUSTERS = FOLDER / "calibration_axes.csv", FOLDER / "calibration_clusters.csv"
ABSOLUTE = FOLDER / "calibration_axes_absolute.csv"
N_STIMULI, N_UNITS, N_NEURONS, N_FACTORS = 600, 40, 40, 8
N_ROTATIONS, N_SIMULATIONS, N_FOLDS = 19, 60, 5


@dataclass(frozen=True)
class Condition:
    """Simulated units and neurons.

    Parameters
    ----------
    name : str
    special : bool
        Whether units and neurons share axes.
    shape : {"linear", "relu", "exp", "exp of neurons"}
        Nonlinearity of units and neurons.
    factors : {"gauss", "laplace"}
        Distribution of the factors.
    unit_noise, neuron_noise : float
        SD of the noise; signals have SD 1.
    ranknormal : bool
        Whether the values of each unit and neuron are replaced by normal scores of their ranks.
    before : bool
        Whether the inputs of rectified units are rotated.
    reliable : int
        Number of units with little noise (SD .2); 0 where all units have the same noise.
    index : bool
        Whether the axis index κ is computed, too.
    """

    name: str
    special: bool = False
    shape: str = "linear"
    factors: str = "gauss"
    unit_noise: float = 1.0
    neuron_noise: float = 1.0
    ranknormal: bool = False
    before: bool = False
    reliable: int = 0
    index: bool = True

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Return units, neurons and the inputs of rectified units, if these are to be rotated."""
        shape = (N_STIMULI, N_FACTORS)
        factors = rng.standard_normal(shape) if self.factors == "gauss" else rng.laplace(size=shape) / 2**0.5
        signals = []
        for n in (N_UNITS, N_NEURONS):
            if self.special:
                signals.append(factors[:, rng.integers(N_FACTORS, size=n)])
            else:
                signals.append(factors @ rng.standard_normal((N_FACTORS, n)) / N_FACTORS**0.5)
        units, neurons = (self._apply(signal, side) for side, signal in enumerate(signals))
        sd = np.full(N_UNITS, self.unit_noise)
        if self.reliable:
            sd[: self.reliable] = 0.2
        units = units + sd * rng.standard_normal(units.shape)
        neurons = neurons + self.neuron_noise * rng.standard_normal(neurons.shape)
        if self.ranknormal:
            units, neurons = _normal_scores(units), _normal_scores(neurons)
        return units, neurons, signals[0] if self.before else None

    def _apply(self, signal: FloatArray, side: int) -> FloatArray:
        if self.shape == "relu":
            signal = np.maximum(signal, 0.0)
        if self.shape == "exp" or (self.shape == "exp of neurons" and side == 1):
            signal = np.exp(signal)
        # Where inputs are rotated, the units stay a rectification of these inputs.
        if self.before and side == 0:
            return signal
        scaled: FloatArray = (signal - signal.mean(axis=0)) / signal.std(axis=0)
        return scaled


CONDITIONS = (
    Condition("random, noise in both"),
    Condition("random, no noise", index=False, unit_noise=0.0, neuron_noise=0.0),
    Condition("random, noise in neurons", unit_noise=0.0),
    Condition("random, noise in both, ranks", index=False, ranknormal=True),
    Condition("random, heavy-tailed factors, noise in both", index=False, factors="laplace"),
    Condition("random, exponential neurons, noise in both", index=False, shape="exp of neurons"),
    Condition("random, exponential, noise in both", shape="exp"),
    Condition("random, rectified, noise in both", shape="relu"),
    Condition("random, rectified, noise in both, ranks", index=False, shape="relu", ranknormal=True),
    Condition("random, rectified, noise in neurons", shape="relu", unit_noise=0.0),
    Condition(
        "random, rectified, noise in neurons, inputs rotated", index=False, shape="relu", unit_noise=0.0, before=True
    ),
    Condition("random, 5 reliable units of 40", unit_noise=3.0, reliable=5),
    Condition("random, 10 reliable units of 40", unit_noise=3.0, reliable=10),
    Condition("shared axes, noise in both", special=True),
    Condition("shared axes, noise in both, ranks", index=False, special=True, ranknormal=True),
    Condition("shared axes, noise in neurons", special=True, unit_noise=0.0),
    Condition("shared axes, noise of SD 3 in neurons", special=True, unit_noise=0.0, neuron_noise=3.0),
    Condition("shared axes, noise of SD 6 in neurons", special=True, unit_noise=0.0, neuron_noise=6.0),
    Condition(
        "shared axes, rectified, inputs rotated", index=False, special=True, shape="relu", unit_noise=0.0, before=True
    ),
)  # fmt: skip


def _normal_scores(values: FloatArray) -> FloatArray:
    from scipy.stats import norm, rankdata

    scores: FloatArray = norm.ppf(rankdata(values, axis=0) / (len(values) + 1))
    return scores


def calibrate(
    conditions: tuple[Condition, ...], *, n_simulations: int, absolute: bool = False
) -> Iterator[dict[str, object]]:
    """Yield one row for each condition and test: share of rejections at 5 %, mean drop and mean native score."""
    from neuroalign.metrics import fold_labels, is_special, privileged_axes, turned_alignment, turned_tuning

    folds = fold_labels(N_STIMULI, N_FOLDS)
    for condition in conditions:
        tests = ("semi", "soft", "κ, p", "κ, rule") if condition.index and not absolute else ("semi", "soft")
        results: dict[str, list[tuple[bool, float, float]]] = {name: [] for name in tests}
        for simulation in range(n_simulations):
            units, neurons, before = condition.draw(np.random.default_rng([simulation, N_UNITS]))
            for metric in ("semi", "soft"):
                tested = privileged_axes(
                    units, neurons, metric=metric, before=before, folds=folds, n_rotations=N_ROTATIONS, seed=simulation,
                    absolute=absolute,
                )  # fmt: skip
                results[metric].append((tested.p <= 0.05, tested.drop, tested.native))
            if "κ, p" not in tests:
                continue
            model = turned_tuning(units, neurons, seed=simulation)
            if not model.can_turn:
                for name in ("κ, p", "κ, rule"):
                    results[name].append((False, float("nan"), float("nan")))
                continue
            turned = turned_alignment(units, model, n_turns=N_ROTATIONS)
            index = turned.index(N_UNITS)
            results["κ, p"].append((index.p <= 0.05, index.value, index.native))
            special = is_special(index.value, turned.error(n_resamples=500), index.p)
            results["κ, rule"].append((special, index.value, index.native))
        for test, outcomes in results.items():
            rejected, drop, native = np.array(outcomes, dtype=np.float64).T
            yield {
                "condition": condition.name, "shared_axes": condition.special, "test": test, "n": n_simulations,
                "rejected": round(float(rejected.mean()), 3), "drop": round(float(np.nanmean(drop)), 4),
                "native": round(float(np.nanmean(native)), 4),
            }  # fmt: skip


@dataclass(frozen=True)
class Cloud:
    """Simulated neurons with tuning vectors in the space of ten units.

    Parameters
    ----------
    name : str
    n_neurons : int
    spread : float
        Ratio of the largest to the smallest SD of the tuning vectors over dimensions; 1 for a sphere.
    mean : float
        Length of the mean of the tuning vectors, in units of the length of their deviations.
    noise : tuple of float
        Smallest and largest SD of the noise; signals have SD 1. The SD of a neuron is log-uniform between them.
    clusters : int
        Number of clusters; 0 for none.
    clustered : float
        Share of the neurons in clusters.
    copies : int
        Number of neurons that are copies of others.
    """

    name: str
    n_neurons: int = 60
    spread: float = 1.0
    mean: float = 0.0
    noise: tuple[float, float] = (1.0, 1.0)
    clusters: int = 0
    clustered: float = 1.0
    copies: int = 0

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return units and neurons."""
        n_units = 10
        units = rng.standard_normal((N_STIMULI, n_units))
        scale = np.geomspace(self.spread, 1.0, n_units)
        tuning = scale[:, None] * rng.standard_normal((n_units, self.n_neurons))
        tuning[0] += self.mean * np.linalg.norm(scale)
        if self.clusters:
            centres = scale[:, None] * rng.standard_normal((n_units, self.clusters))
            n = round(self.clustered * self.n_neurons)
            tuning[:, :n] = centres[:, rng.integers(self.clusters, size=n)] + 0.3 * tuning[:, :n]
        signal = units @ (tuning / np.linalg.norm(tuning, axis=0))
        sd = np.exp(rng.uniform(*np.log(self.noise), self.n_neurons))
        neurons = signal + sd * rng.standard_normal(signal.shape)
        if self.copies:
            neurons[:, -self.copies :] = neurons[:, : self.copies] + 0.01 * neurons[:, -self.copies :]
        return units, neurons


CLOUDS = (
    Cloud("no clusters, sphere"),
    Cloud("no clusters, sphere, 20 neurons", n_neurons=20),
    Cloud("no clusters, sphere, 159 neurons", n_neurons=159),
    Cloud("no clusters, SD 1 to 4 over dimensions", spread=4.0),
    Cloud("no clusters, SD 1 to 4 over dimensions, 20 neurons", spread=4.0, n_neurons=20),
    Cloud("no clusters, mean of length 1", mean=1.0),
    Cloud("no clusters, noise of SD .3 to 10", noise=(0.3, 10.0)),
    Cloud("no clusters, SD 1 to 4, noise of SD .3 to 10", spread=4.0, noise=(0.3, 10.0)),
    Cloud("no clusters, noise of SD 5", noise=(5.0, 5.0)),
    Cloud("no clusters, 6 copies among 60", copies=6),
    Cloud("4 clusters", clusters=4),
    Cloud("4 clusters of half of the neurons", clusters=4, clustered=0.5),
    Cloud("10 clusters", clusters=10),
    Cloud("4 clusters of half of the neurons, noise of SD 5", clusters=4, clustered=0.5, noise=(5.0, 5.0)),
)


def calibrate_clusters(clouds: tuple[Cloud, ...], *, n_simulations: int) -> Iterator[dict[str, object]]:
    """Yield one row for each condition and null: share of rejections at 5 % and mean index."""
    from neuroalign.metrics import axis_clustering

    for cloud in clouds:
        for null in ("elliptical", "spherical"):
            outcomes = []
            for simulation in range(n_simulations):
                units, neurons = cloud.draw(np.random.default_rng([simulation, cloud.n_neurons]))
                tested = axis_clustering(units, neurons, null=null, n_draws=99, seed=simulation)
                outcomes.append((tested.p <= 0.05, tested.value, tested.tuned.sum(), tested.rank))
            rejected, value, tuned, rank = np.array(outcomes, dtype=np.float64).T
            yield {
                "condition": cloud.name, "clusters": bool(cloud.clusters), "null": null, "n": n_simulations,
                "rejected": round(float(rejected.mean()), 3), "value": round(float(np.nanmean(value)), 4),
                "tuned": round(float(tuned.mean()), 1), "rank": round(float(rank.mean()), 1),
            }  # fmt: skip


def write(table: Path, rows: list[dict[str, object]]) -> None:
    """Add rows to a table, in place of earlier rows of the same conditions."""
    new = pd.DataFrame(rows)
    if table.exists():
        old = pd.read_csv(table)
        new = pd.concat([old[~old["condition"].isin(new["condition"])], new])
    new.to_csv(table, index=False, lineterminator="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", action="store_true")
    parser.add_argument("--absolute", action="store_true", help="ignore signs, and leave out κ")
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--simulations", type=int, help="60, with --clusters 200")
    arguments = parser.parse_args()
    for condition in CLOUDS if arguments.clusters else CONDITIONS:
        if arguments.only not in condition.name:
            continue
        if isinstance(condition, Cloud):
            rows = list(calibrate_clusters((condition,), n_simulations=arguments.simulations or 200))
        else:
            n_simulations = arguments.simulations or N_SIMULATIONS
            rows = list(calibrate((condition,), n_simulations=n_simulations, absolute=arguments.absolute))
        print(pd.DataFrame(rows).to_string(header=False), flush=True)
        write(CLUSTERS if arguments.clusters else ABSOLUTE if arguments.absolute else TABLE, rows)
