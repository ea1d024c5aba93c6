"""Error rates of shuffles and coverage of standard errors: ``python docs/calibration_shuffles.py [--run [--jobs N]]``.

The first part simulates neurons that are independent of the units and correlated with each other, scores them by every
benchmark that shuffles stimuli, and counts p ≤ .05 of 20 shuffles. The second part counts how often the score ± 1.96
standard errors contains the true score, without and with a common signal.

``--run`` adds rows to ``docs/calibration_shuffles.csv``, and leaves out the conditions that are there; it takes 11
minutes of processor time. Without it, the script prints the tables of the documentation from these rows.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread for each process: the recordings are the parallel part.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

TABLE = Path(__file__).parent / "calibration_shuffles.csv"
COLUMNS = [
    *("part", "condition", "benchmark", "n", "n_p", "by_p", "by_p_10", "mean_p"),
    *("mean", "spread", "error", "many", "covers_mean", "covers_many", "seconds"),
]
HEADINGS = {
    "mean": "mean score",
    "many": "true score",
    "spread": "SD of scores",
    "error": "median error",
    "covers_mean": "mean covered",
    "covers_many": "true covered",
}
N_SHUFFLES, N_FACTORS, N_MANY = 20, 5, 2000


@dataclass(frozen=True)
class Condition:
    """Numbers and distribution of simulated units and neurons.

    Parameters
    ----------
    n_stimuli, n_units, n_neurons : int
    n_variants : int
        Number of variants of each original.
    named : bool
        Whether the stimulus table names the originals.
    heavy : bool
        Whether units have heavy tails (Student's t with 2 degrees of freedom).
    """

    n_stimuli: int = 200
    n_units: int = 10
    n_neurons: int = 20
    n_variants: int = 1
    named: bool = True
    heavy: bool = False


CONDITIONS = {
    "narrow": Condition(),
    "heavy tails": Condition(heavy=True),
    "variants": Condition(n_variants=5),
    "variants, not named": Condition(n_variants=5, named=False),
    "wide": Condition(n_units=300, n_neurons=60),
    "25 stimuli": Condition(n_stimuli=25, n_neurons=60),
}
FOLDS = "n_folds=5"
RSA = (
    "rsa[dissimilarity=correlation,comparison=spearman]",
    "rsa[dissimilarity=correlation,comparison=pearson]",
    "rsa[dissimilarity=correlation,comparison=whitened_cosine]",
    "rsa[dissimilarity=euclidean,comparison=spearman]",
    "rsa[dissimilarity=euclidean,comparison=pearson]",
    "rsa[dissimilarity=euclidean,comparison=whitened_pearson]",
)
CKA = ("cka[estimator=debiased]", "cka[estimator=biased]")
SHAPE = (f"shape[{FOLDS}]", "shape[in_sample=true]")
FACTORS = tuple(
    f"factor_disentanglement[metric={metric},{FOLDS}]"
    for metric in ("disentanglement", "mig", "sap", "explicitness")
)
RIDGE, LINEAR, PLS = f"ridge[{FOLDS}]", f"linear[{FOLDS}]", f"pls[{FOLDS}]"
BANDED = f"banded_ridge[{FOLDS},n_draws=10]"
REVERSE = f"reverse_predictivity[{FOLDS}]"
SPARSE = f"sparse_encoding[{FOLDS},predictive_power=false]"
#: Benchmarks of each condition, with the number of recordings; slow benchmarks have fewer.
RECORDINGS: dict[str, dict[str, int]] = {
    "narrow": dict.fromkeys((RIDGE, LINEAR, *RSA, *CKA, *SHAPE, *FACTORS[1:3]), 200)
    | {PLS: 60, BANDED: 60, REVERSE: 60, SPARSE: 40, FACTORS[0]: 40, FACTORS[3]: 60},
    "heavy tails": dict.fromkeys((RIDGE, LINEAR, *RSA[::2], *CKA, SHAPE[1]), 200) | {SHAPE[0]: 100},
    "variants": dict.fromkeys((LINEAR, *RSA[::2], *CKA, *SHAPE, FACTORS[2]), 200)
    | {RIDGE: 100, PLS: 40, REVERSE: 40, SPARSE: 40, FACTORS[0]: 20, FACTORS[1]: 100, FACTORS[3]: 40},
    "variants, not named": dict.fromkeys((RIDGE, LINEAR, RSA[0], *CKA), 100),
    "wide": dict.fromkeys((*RSA[::4], *CKA), 100) | {RIDGE: 40, PLS: 15, SHAPE[0]: 15, SHAPE[1]: 40},
    "25 stimuli": dict.fromkeys((*RSA, *CKA, *SHAPE), 200),
}
#: Conditions of the standard errors, for populations of fixed units and neurons and new stimuli.
ERROR_CONDITIONS = {
    "200 stimuli": Condition(),
    "25 stimuli": Condition(n_stimuli=25),
    "40 originals × 5": Condition(n_variants=5),
}
ERROR_BENCHMARKS = (RSA[0], RSA[4], RSA[5], *CKA, *SHAPE)
N_ERRORS = 100
N_MANY_NEURONS = 500


def factors_of(condition: Condition, rng: np.random.Generator, *, heavy: bool) -> NDArray[np.float64]:
    """Draw factors, (n_stimuli, N_FACTORS); variants of one original differ by an SD of .3."""
    n_originals = condition.n_stimuli // condition.n_variants
    shape = (n_originals, N_FACTORS)
    originals = rng.standard_t(2, shape) if heavy else rng.standard_normal(shape)
    values = np.repeat(originals, condition.n_variants, axis=0)
    return values if condition.n_variants == 1 else values + 0.3 * rng.standard_normal(values.shape)


def mix(
    factors: NDArray[np.float64], n: int, weights: np.random.Generator, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Mix factors with random weights, and add noise with half the variance of the signal."""
    mixtures = factors @ weights.standard_normal((factors.shape[1], n)) / np.sqrt(factors.shape[1])
    return mixtures + np.sqrt(0.5) * rng.standard_normal(mixtures.shape)


def recording(
    condition: Condition,
    units: NDArray[np.float64],
    neurons: NDArray[np.float64],
    factors: NDArray[np.float64],
) -> tuple[Any, Any]:
    """Return a model and a dataset with a table of four factors."""
    import neuroalign as na
    from neuroalign import arrays
    from neuroalign.testing.units import GivenUnits

    ids = [f"s{index:04d}" for index in range(len(units))]
    table = pd.DataFrame({f"factor{index}": factors[:, index] for index in range(4)}, index=ids)
    if condition.n_variants > 1 and condition.named:
        table["original"] = [f"o{index // condition.n_variants:04d}" for index in range(len(units))]
    recorded = arrays.recording(
        neurons,
        stimulus_id=ids,
        neuroid_id=[f"n{index:04d}" for index in range(neurons.shape[1])],
        region="IT",
    )
    dataset = na.Dataset(
        identifier="simulated", recording=recorded, stimuli=na.StimulusSet("simulated", table), simulated=True
    )
    bands = np.where(np.arange(units.shape[1]) % 2, "odd", "even")
    latents = arrays.latents(units, stimulus=ids).assign_coords(band=("unit", bands))
    return GivenUnits(latents), dataset


def p_value(name: str, model: Any, dataset: Any, draw: int) -> float:
    """Return the p-value of shuffles that a benchmark gives, or ``neuroalign score --permutations 20``."""
    import neuroalign as na
    from neuroalign.scoring.chance import permutation_null
    from neuroalign.stats import permutation_p_value

    if name.startswith(("reverse_predictivity", "sparse_encoding")):
        benchmark = na.load_benchmark(f"{name[:-1]},n_permutations=0,seed={draw}]")
        value = benchmark.score(model, dataset).value
        shuffled = permutation_null(benchmark, model, dataset, n_permutations=N_SHUFFLES, seed=draw)
        return permutation_p_value(value, shuffled, higher_is_better=benchmark.higher_is_better)
    score = na.load_benchmark(f"{name[:-1]},n_permutations={N_SHUFFLES},seed={draw}]").score(model, dataset)
    numbers = {**score.provenance, **score.beside}
    return float(
        next(numbers[key] for key in ("p_of_shuffles", "permutation_p", "p_chance") if key in numbers)
    )


def rates(name: str) -> Iterator[dict[str, Any]]:
    """Yield the share of small p-values for each benchmark, with neurons that are independent of the units."""
    condition = CONDITIONS[name]
    wanted = RECORDINGS[name]
    p: dict[str, list[float]] = {benchmark: [] for benchmark in wanted}
    seconds = dict.fromkeys(wanted, 0.0)
    for draw in range(max(wanted.values())):
        rng = np.random.default_rng([draw, *map(ord, name)])
        of_units = factors_of(condition, rng, heavy=condition.heavy)
        of_neurons = factors_of(condition, rng, heavy=False)
        units = mix(of_units, condition.n_units, rng, rng)
        neurons = mix(of_neurons, condition.n_neurons, rng, rng)
        model, dataset = recording(condition, units, neurons, of_neurons)
        for benchmark, n in wanted.items():
            if draw < n:
                start = time.process_time()
                p[benchmark].append(p_value(benchmark, model, dataset, draw))
                seconds[benchmark] += time.process_time() - start
    for benchmark, drawn in p.items():
        values = np.array(drawn)
        yield {
            "part": "shuffles",
            "condition": name,
            "benchmark": benchmark,
            "n": values.size,
            "n_p": int(np.isfinite(values).sum()),
            # Twenty shuffles give multiples of 1/21.
            "by_p": float((values <= 0.05).mean()),
            "by_p_10": float((values <= 0.10).mean()),
            "mean_p": float(np.nanmean(values)),
            "seconds": seconds[benchmark],
        }


def coverage(
    values: NDArray[np.float64], errors: NDArray[np.float64], many: NDArray[np.float64] | float
) -> dict[str, float]:
    """Return the spread of scores over recordings, and the coverage of score ± 1.96 errors."""
    half = 1.96 * errors
    return {
        "n": values.size,
        "mean": float(values.mean()),
        "spread": float(values.std(ddof=1)),
        "error": float(np.median(errors)),
        "many": float(np.mean(many)),
        "covers_mean": float((np.abs(values - np.mean(values)) <= half).mean()),
        "covers_many": float((np.abs(values - many) <= half).mean()),
    }


def errors_of_populations(name: str, signal: bool) -> Iterator[dict[str, Any]]:
    """Yield the coverage of the jackknife over stimuli, for fixed units and neurons and new stimuli."""
    import neuroalign as na

    condition = ERROR_CONDITIONS[name]
    benchmarks = {
        benchmark: na.load_benchmark(f"{benchmark[:-1]},n_permutations=0]") for benchmark in ERROR_BENCHMARKS
    }

    def draw_stimuli(draw: int, n_stimuli: int) -> tuple[Any, Any]:
        rng, weights = np.random.default_rng([draw, n_stimuli]), np.random.default_rng(7)
        sized = Condition(n_stimuli=n_stimuli, n_variants=condition.n_variants)
        of_units = factors_of(sized, rng, heavy=False)
        of_neurons = of_units if signal else factors_of(sized, rng, heavy=False)
        units = mix(of_units, condition.n_units, weights, rng)
        return recording(sized, units, mix(of_neurons, condition.n_neurons, weights, rng), of_neurons)

    many: dict[str, list[float]] = {benchmark: [] for benchmark in benchmarks}
    for draw in range(3):
        model, dataset = draw_stimuli(draw, N_MANY)
        for key, benchmark in benchmarks.items():
            populations = benchmark.populations(*benchmark.align(model, dataset), dataset)
            neurons = benchmark.of_neurons(populations.neurons, None, populations.groups)
            many[key].append(benchmark.compare(benchmark.of_units(populations), neurons))
    scores: dict[str, list[tuple[float, float]]] = {benchmark: [] for benchmark in benchmarks}
    seconds = dict.fromkeys(benchmarks, 0.0)
    for draw in range(N_ERRORS):
        model, dataset = draw_stimuli(draw, condition.n_stimuli)
        for key, benchmark in benchmarks.items():
            start = time.process_time()
            score = benchmark.score(model, dataset)
            scores[key].append((score.value, score.error))
            seconds[key] += time.process_time() - start
    for key, pairs in scores.items():
        values, errors = np.array(pairs).T
        yield {
            "part": "errors",
            "condition": f"{name}, {'signal' if signal else 'nothing'}",
            "benchmark": key,
            **coverage(values, errors, float(np.mean(many[key]))),
            "seconds": seconds[key],
        }


def errors_of_ridge(signal: bool) -> Iterator[dict[str, Any]]:
    """Yield the coverage of the error over neurons: of many neurons on the same stimuli, and on new stimuli."""
    import neuroalign as na

    condition = Condition()
    benchmark = na.load_benchmark(f"{RIDGE[:-1]},n_permutations=0]")
    values, errors, many = (np.empty(N_ERRORS) for _ in range(3))
    start = time.process_time()
    for draw in range(N_ERRORS):
        rng = np.random.default_rng([draw, 11])
        of_units = factors_of(condition, rng, heavy=False)
        of_neurons = of_units if signal else factors_of(condition, rng, heavy=False)
        units = mix(of_units, condition.n_units, rng, rng)
        neurons = mix(of_neurons, condition.n_neurons + N_MANY_NEURONS, rng, rng)
        chosen = np.split(neurons, [condition.n_neurons], axis=1)
        sample, rest = (benchmark.score(*recording(condition, units, part, of_neurons)) for part in chosen)
        values[draw], errors[draw], many[draw] = sample.value, sample.error, rest.value
    yield {
        "part": "errors",
        "condition": f"over neurons, {'signal' if signal else 'nothing'}",
        "benchmark": RIDGE,
        **coverage(values, errors, many),
        "seconds": time.process_time() - start,
    }


def rows_of(part: str, name: str) -> list[dict[str, Any]]:
    """Simulate one condition."""
    print(part, name, flush=True)
    if part == "shuffles":
        return list(rates(name))
    setting, _, kind = name.rpartition(", ")
    if setting == "over neurons":
        return list(errors_of_ridge(kind == "signal"))
    return list(errors_of_populations(setting, kind == "signal"))


def conditions() -> Iterator[tuple[str, str]]:
    """Yield the parts and names of all conditions."""
    for name in CONDITIONS:
        yield "shuffles", name
    for setting in ("over neurons", *ERROR_CONDITIONS):
        for kind in ("nothing", "signal"):
            yield "errors", f"{setting}, {kind}"


def run(n_jobs: int) -> None:
    """Simulate the conditions that are not in the table yet in `n_jobs` processes, and add their rows."""
    import joblib

    done: set[tuple[str, ...]] = set()
    if TABLE.exists():
        done = set(map(tuple, pd.read_csv(TABLE)[["part", "condition"]].to_numpy()))
    jobs = (joblib.delayed(rows_of)(*condition) for condition in conditions() if condition not in done)
    # Written after each condition, so that a run that ends early keeps its numbers.
    for rows in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        table = pd.DataFrame(rows).reindex(columns=COLUMNS)
        table.round(4).to_csv(TABLE, index=False, lineterminator="\n", mode="a", header=not TABLE.exists())


def show() -> None:
    """Print the tables of the documentation, in Markdown."""
    table = pd.read_csv(TABLE)
    shuffled = table[table["part"] == "shuffles"]
    cells = shuffled.assign(
        cell=[
            f"{row.by_p:.3f} ({row.n})" if row.n != 200 else f"{row.by_p:.3f}"
            for row in shuffled.itertuples()
        ]
    )
    shown = cells.pivot_table("cell", index="benchmark", columns="condition", aggfunc="first", sort=False)
    shown = shown.rename(index=_plain)[list(dict.fromkeys(cells["condition"]))]
    print(shown.fillna("–").reset_index().to_markdown(index=False, disable_numparse=True))
    print()
    errors = table[table["part"] == "errors"]
    columns = ["condition", "benchmark", "mean", "many", "spread", "error", "covers_mean", "covers_many"]
    shown = errors[columns].assign(benchmark=errors["benchmark"].map(_plain))
    for column in columns[2:]:
        digits = 2 if column.startswith("covers") else 3
        shown[column] = [f"{value:.{digits}f}" for value in shown[column]]
    print(shown.rename(columns=HEADINGS).to_markdown(index=False, disable_numparse=True))


def _plain(benchmark: str) -> str:
    """Return the name of a benchmark without the options that speed it up."""
    name, _, options = benchmark.rstrip("]").partition("[")
    hidden = (FOLDS, "n_draws=10", "predictive_power=false")
    values = [option.split("=")[1] for option in options.split(",") if option not in hidden]
    values = ["in-sample" if value == "true" else value.replace("_", " ") for value in values]
    return f"{name}, {', '.join(values)}" if values else name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.jobs)
    else:
        show()
