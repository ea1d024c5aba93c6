"""Error rates of κ and of shuffles for matchings: ``python docs/calibration_matching.py [--run [--jobs N]]``.

Simulates recordings of 40 neurons and 600 stimuli, and scores them by the four matchings of units and neurons. In
"single" recordings each neuron follows one factor; in "mixtures" and "positive" it follows a random direction in the
space of the factors, so that no axis is special; "nothing" has neurons that are independent of the units.

``--run`` adds one row for each condition and benchmark to ``docs/calibration_matching.csv``, and leaves out the
conditions that are there. Without it, the script prints the tables of the documentation from these rows.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread for each process: the recordings are the parallel part.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

TABLE = Path(__file__).parent / "calibration_matching.csv"
BENCHMARKS = ("one_to_one", "semi_matching", "soft_matching", "partial_soft_matching")
N_STIMULI, N_NEURONS, N_UNITS, N_RECORDINGS = 600, 40, 15, 100
RELIABILITIES = (0.2, 0.6, "drawn")
#: Units, with a description.
UNITS = {
    "factors": "the factors themselves",
    "correlated": "factors that correlate by .5",
    "unequal": "factors with noise: correlations of unit and factor from .2 to 1",
}
KINDS = ("mixtures", "positive", "single")
CONDITION = ["benchmark", "absolute", "units", "kind", "reliability"]


def simulate(
    units: str, kind: str, reliability: float | str, seed: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate units, (n_stimuli, n_units), and neurons, (n_stimuli, n_neurons).

    Parameters
    ----------
    units : str
        Key of :data:`UNITS`.
    kind : str
        One of :data:`KINDS`, or "nothing".
    reliability : float or "drawn"
        Share of signal in the variance of a neuron; "drawn" from .05 to .9.
    seed : list of int
    """
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((N_STIMULI, N_UNITS))
    if units == "correlated":
        factors = np.sqrt(0.5) * (factors + rng.standard_normal((N_STIMULI, 1)))
    quality = np.linspace(0.2, 1.0, N_UNITS) if units == "unequal" else np.ones(N_UNITS)
    values = quality * factors + np.sqrt(1 - quality**2) * rng.standard_normal(factors.shape)
    weights = rng.standard_normal((N_UNITS, N_NEURONS))
    if kind == "positive":
        weights = np.abs(weights)
    if kind == "single":
        weights = np.zeros((N_UNITS, N_NEURONS))
        signs = rng.choice([-1.0, 1.0], N_NEURONS)
        weights[rng.integers(N_UNITS, size=N_NEURONS), np.arange(N_NEURONS)] = signs
    signal = factors @ weights
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    share = rng.uniform(0.05, 0.9, N_NEURONS) if reliability == "drawn" else np.full(N_NEURONS, reliability)
    if kind == "nothing":
        share = np.zeros(N_NEURONS)
    return values, np.sqrt(share) * signal + np.sqrt(1 - share) * rng.standard_normal(signal.shape)


def score(
    units: NDArray[np.float64], neurons: NDArray[np.float64], benchmark: str, absolute: bool, options: str
) -> Any:
    """Score one recording."""
    import neuroalign as na
    from neuroalign import arrays
    from neuroalign.testing.units import GivenUnits

    ids = [f"s{index:03d}" for index in range(N_STIMULI)]
    recorded = arrays.recording(
        neurons, stimulus_id=ids, neuroid_id=[f"n{index:02d}" for index in range(N_NEURONS)], region="IT"
    )
    stimuli = na.StimulusSet("simulated", pd.DataFrame(index=ids))
    dataset = na.Dataset(identifier="simulated", recording=recorded, stimuli=stimuli, simulated=True)
    name = f"{benchmark}[absolute={str(absolute).lower()},predictive_power=false,{options}]"
    return na.load_benchmark(name).score(GivenUnits(arrays.latents(units, stimulus=ids)), dataset)


def conditions() -> Iterator[tuple[str, str, float | str]]:
    """Yield units, kind and reliability."""
    yield "factors", "nothing", 0.0
    kinds = {"factors": KINDS, "correlated": ("mixtures",), "unequal": ("single", "mixtures")}
    for units in UNITS:
        for kind in kinds[units]:
            for reliability in RELIABILITIES:
                yield units, kind, reliability


def run_condition(condition: tuple[str, str, float | str]) -> list[dict[str, Any]]:
    """Score the recordings of one condition by all matchings."""
    units, kind, reliability = condition
    is_null = kind == "nothing"
    rows = []
    print(units, kind, reliability, flush=True)
    for draw in range(N_RECORDINGS):
        seed = [draw, *map(ord, f"{units}{kind}{reliability}")]
        recording = simulate(units, kind, reliability, seed)
        # Latents have arbitrary signs, and neurons of one sign ask for signed matchings.
        for absolute in (True, False) if is_null else (kind != "positive",):
            for benchmark in BENCHMARKS:
                options = "turns=0,n_permutations=20" if is_null else "turns=20,n_permutations=0"
                made = score(*recording, benchmark, absolute, f"{options},seed={draw}")
                rows.append(
                    {
                        "benchmark": benchmark,
                        "absolute": absolute,
                        "units": units,
                        "kind": kind,
                        "reliability": reliability,
                        "score": made.value,
                        "index": made.beside.get("axis_index", np.nan),
                        "error": made.beside.get("axis_index_error", np.nan),
                        "p": made.provenance.get("permutation_p", made.beside.get("axis_index_p", np.nan)),
                        "special": made.beside.get("axis_index_special", np.nan),
                    }
                )
    return rows


def run(n_jobs: int) -> None:
    """Simulate the conditions that are not in the table yet in `n_jobs` processes, and add their rows."""
    import joblib

    done: set[tuple[str, ...]] = set()
    if TABLE.exists():
        stored = pd.read_csv(TABLE, dtype=str)[["units", "kind", "reliability"]]
        done = set(map(tuple, stored.to_numpy()))
    jobs = (
        joblib.delayed(run_condition)(condition)
        for condition in conditions()
        if tuple(map(str, condition)) not in done
    )
    # Written after each condition, so that a run that ends early keeps its numbers.
    for rows in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        summarise(pd.DataFrame(rows))


def summarise(rows: pd.DataFrame) -> None:
    """Add a row for each benchmark to the table; a recording without an index is not called special."""
    rows = rows.assign(by_p=(rows["p"] <= 0.05).astype(float), special=rows["special"].fillna(0.0))
    summary = rows.groupby(CONDITION, sort=False).agg(
        n=("by_p", "size"),
        n_index=("index", "count"),
        score=("score", "mean"),
        index=("index", "mean"),
        sd=("index", "std"),
        error=("error", "median"),
        by_p=("by_p", "mean"),
        special=("special", "mean"),
    )
    summary.round(3).to_csv(TABLE, lineterminator="\n", mode="a", header=not TABLE.exists())


def show() -> None:
    """Print the tables of the documentation, in Markdown."""
    table = pd.read_csv(TABLE, dtype={"reliability": str})
    shuffled = table[table["kind"] == "nothing"]
    print(shuffled.pivot_table("by_p", index="absolute", columns="benchmark", sort=False).to_markdown(), "\n")
    for kind in KINDS:
        chosen = table[table["kind"] == kind]
        cells = chosen.assign(
            cell=[
                f"{index:z.2f} ± {sd:.2f}, {by_p:.2f}, {special:.2f}"
                for index, sd, by_p, special in chosen[["index", "sd", "by_p", "special"]].to_numpy()
            ]
        )
        pivoted = cells.pivot_table(
            "cell", index=["units", "reliability"], columns="benchmark", aggfunc="first", sort=False
        )
        print(kind, "\n")
        print(pivoted.reset_index().to_markdown(index=False), "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.jobs)
    else:
        show()
