"""Error rates of the tests for families of equal quality: ``python docs/calibration.py [OPTION]``.

Simulates pairs of families of equal quality, and counts how often each test calls them different at 5 % and how often
each 95 % interval holds the true difference, which is 0. Writes ``docs/calibration.csv`` (and with ``--alignment``
``docs/calibration_alignment.csv``, from fits of the Lasso; with ``--correlation-ratio`` its standard errors);
``--picture`` draws the stored numbers.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from neuroalign.metrics import (
    aggregate_ratios,
    completeness,
    correlation_ratio,
    lasso_cv,
    leave_one_out_ratios,
)
from neuroalign.stats import (
    crossed_test,
    dual_bootstrap,
    dual_variance,
    jackknife_standard_error,
    weighted_mean,
    welch,
)

FOLDER = Path(__file__).parent
N_INSTANCES, N_NEURONS, N_STIMULI = (3, 10, 50), (30, 159, 1000), 200
#: Standard deviations of the effects of an instance, a neuron, a stimulus, and a pair of neuron and stimulus on the
#: score of a family. Alignment on AM-faces-sim has effects of this size.
SD = {"instance": 0.03, "neuron": 0.1, "stimulus": 0.03, "rest": 0.7}
TESTS = ("welch", "neurons", "stimuli", "both", "instances and neurons", "all three")


def simulate(
    n_instances: int, n_neurons: int, *, n_simulations: int = 1000, n_resamples: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Count the errors of each test over simulated pairs of families of equal quality.

    Parameters
    ----------
    n_instances, n_neurons : int
        Number of instances of each family, and number of neurons; both families share the neurons and the stimuli.
    n_simulations, n_resamples, seed : int

    Returns
    -------
    pandas.DataFrame
        One row for each test: ``false_positives`` at 5 % and ``coverage`` of the 95 % interval.

    Notes
    -----
    The score of an instance is the mean over neurons and stimuli of family-by-neuron, family-by-stimulus, instance and
    residual effects. Each simulation draws all effects again, so the families are equal over all instances, neurons
    and stimuli. A bootstrap of such a mean is a product with counts.
    """
    rng = np.random.default_rng([seed, n_instances, n_neurons])
    p = {test: np.empty(n_simulations) for test in TESTS}
    covered = np.empty(n_simulations, dtype=bool)
    for index in range(n_simulations):
        # A paired bootstrap depends on the differences between the families alone.
        by_neuron = np.sqrt(2) * SD["neuron"] * rng.standard_normal(n_neurons)
        by_stimulus = np.sqrt(2) * SD["stimulus"] * rng.standard_normal(N_STIMULI)
        rest = np.sqrt(2) * SD["rest"] * rng.standard_normal((n_neurons, N_STIMULI))
        values = by_neuron[:, None] + by_stimulus + rest
        instances = SD["instance"] * rng.standard_normal((2, n_instances))
        instances[0] += values.mean()
        test = welch(*instances)
        p["welch"][index] = test.p
        drawn_neurons = rng.multinomial(n_neurons, np.full(n_neurons, 1 / n_neurons), n_resamples) / n_neurons
        drawn_stimuli = rng.multinomial(N_STIMULI, np.full(N_STIMULI, 1 / N_STIMULI), n_resamples) / N_STIMULI
        shift = test.difference - values.mean()
        over_neurons = drawn_neurons @ values.mean(axis=1) + shift
        over_stimuli = drawn_stimuli @ values.mean(axis=0) + shift
        over_both = np.einsum("bs,bs->b", drawn_neurons @ values, drawn_stimuli) + shift
        v_neurons, v_stimuli = over_neurons.var(ddof=1), over_stimuli.var(ddof=1)
        v_both = dual_variance(
            v_neurons, v_stimuli, over_both.var(ddof=1), n_neurons=n_neurons, n_stimuli=N_STIMULI
        )
        rarer = min((over_neurons <= 0).sum(), (over_neurons >= 0).sum())
        p["neurons"][index] = min(1.0, 2 * (1 + rarer) / (1 + n_resamples))
        low, high = np.quantile(over_neurons, [0.025, 0.975])
        covered[index] = low <= 0 <= high
        freedom = min(n_neurons, N_STIMULI) - 1
        for name, variance, df in (("stimuli", v_stimuli, N_STIMULI - 1), ("both", v_both, freedom)):
            p[name][index] = 2 * stats.t.sf(abs(test.difference) / np.sqrt(variance), df)
        error = abs(test.difference / test.t)
        for name, variance, df in (
            ("instances and neurons", v_neurons, n_neurons - 1),
            ("all three", v_both, freedom),
        ):
            p[name][index] = crossed_test(test.difference, [error, np.sqrt(variance)], [test.df, df]).p
    return _table(p, covered, n_instances, n_neurons)


def simulate_alignment(
    n_instances: int, n_neurons: int, *, n_simulations: int, n_resamples: int = 40, seed: int = 0
) -> pd.DataFrame:
    """Count the errors of each test for alignment, by Lasso fits to units of equal quality; see :func:`simulate`.

    Twelve factors drive the neurons, with few strong factors for each neuron. The units of an instance are the factors
    after a small random rotation; a part of the rotation is common to a family and favours some neurons. There are 300
    stimuli.
    """
    n_stimuli, n_factors = 300, 12
    p = {test: np.empty(n_simulations) for test in TESTS}
    covered = np.empty(n_simulations, dtype=bool)
    folds = np.arange(n_stimuli) % 5

    for index in range(n_simulations):
        rng = np.random.default_rng([seed, n_instances, n_neurons, index])
        factors = rng.standard_normal((n_stimuli, n_factors))
        tuning = rng.standard_normal((n_factors, n_neurons)) ** 3
        responses = factors @ tuning
        responses += responses.std(axis=0) * rng.standard_normal(responses.shape)
        units = [
            [factors @ rotation for rotation in _rotations(n_instances, n_factors, rng)] for _ in range(2)
        ]

        def fit(stimuli, units=units, responses=responses):
            of_families = []
            for family in units:
                fits = [
                    lasso_cv(unit[stimuli], responses[stimuli], folds=folds[stimuli], n_lambdas=40).weights
                    for unit in family
                ]
                of_families.append(
                    weighted_mean(
                        np.stack([completeness(weights).per_neuron for weights in fits]),
                        np.stack([np.abs(weights).sum(axis=0) for weights in fits]),
                    )
                )
            return lambda neurons: of_families[0](neurons) - of_families[1](neurons)

        scores = [
            [
                completeness(lasso_cv(unit, responses, folds=folds, n_lambdas=40).weights).score
                for unit in family
            ]
            for family in units
        ]
        test = welch(*scores)
        drawn = dual_bootstrap(
            fit, n_stimuli=n_stimuli, n_neurons=n_neurons, n_resamples=n_resamples, n_neuron_resamples=999
        )
        error = abs(test.difference / test.t)
        p["welch"][index] = test.p
        p["neurons"][index], p["stimuli"][index], p["both"][index] = (
            drawn.neurons.p,
            drawn.stimuli.p,
            drawn.both.p,
        )
        covered[index] = drawn.neurons.low <= 0 <= drawn.neurons.high
        freedom = min(n_neurons, n_stimuli) - 1
        for name, bootstrap, df in (
            ("instances and neurons", drawn.neurons, n_neurons - 1),
            ("all three", drawn.both, freedom),
        ):
            errors = [error, bootstrap.standard_error]
            p[name][index] = crossed_test(test.difference, errors, [test.df, df]).p
    return _table(p, covered, n_instances, n_neurons)


def _rotations(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield rotations near a common rotation of a family."""
    common = 0.15 * rng.standard_normal((size, size))
    for _ in range(n):
        step = common + 0.1 * rng.standard_normal((size, size))
        yield np.linalg.qr(np.eye(size) + step - step.T)[0]


def simulate_correlation_ratio(
    n_units: int, n_neurons: int, *, n_simulations: int = 500, n_resamples: int = 200, seed: int = 0
) -> dict[str, float]:
    """Compare standard errors of the correlation ratio over neurons with its spread over recordings.

    All recordings have the same units, some of them favoured, and 300 stimuli; each recording has new neurons. Returns
    the spread and the root mean squares of three standard errors: from a bootstrap that keeps the weights of neurons,
    from a bootstrap that aggregates the ratios of each draw, and from the jackknife.
    """
    rng = np.random.default_rng([seed, n_units, n_neurons])
    units, favour = rng.standard_normal((300, n_units)), rng.standard_normal(n_units) ** 2 + 0.2
    scores, squares = [], []
    for _ in range(n_simulations):
        responses = units @ (rng.standard_normal((n_units, n_neurons)) ** 3 * favour[:, None])
        responses += responses.std(axis=0) * rng.standard_normal(responses.shape)
        result = correlation_ratio(units, responses)
        ratios, best = result.per_neuron, result.best_unit
        weights = 1 / np.bincount(best)[best]
        draws = rng.integers(n_neurons, size=(n_resamples, n_neurons))
        aggregated = [aggregate_ratios(ratios[draw], best[draw], "unit_mean") for draw in draws]
        without = leave_one_out_ratios(ratios, best, "unit_mean")
        errors = (
            weighted_mean(ratios, weights)(draws).std(ddof=1),
            np.std(aggregated, ddof=1),
            jackknife_standard_error(without),
        )
        scores.append(result.score)
        squares.append(np.square(errors))
    kept, of_draws, jackknife = np.sqrt(np.mean(squares, axis=0))
    return {
        "n_units": n_units,
        "n_neurons": n_neurons,
        "n_simulations": n_simulations,
        "score": float(np.mean(scores)),
        "spread": float(np.std(scores, ddof=1)),
        "weights kept": float(kept),
        "aggregated by draw": float(of_draws),
        "jackknife": float(jackknife),
    }


def _table(p: dict[str, np.ndarray], covered: np.ndarray, n_instances: int, n_neurons: int) -> pd.DataFrame:
    """Count errors; all intervals except the bootstrap over neurons contain 0 where their t-test does not reject it."""
    return pd.DataFrame(
        [
            {
                "test": test,
                "n_instances": n_instances,
                "n_neurons": n_neurons,
                "n_simulations": len(values),
                "false_positives": float((values < 0.05).mean()),
                "coverage": float((covered if test == "neurons" else values >= 0.05).mean()),
            }
            for test, values in p.items()
        ]
    )


def draw_picture() -> None:
    """Draw the share of false positives of each test, a panel for each number of neurons."""
    import matplotlib.pyplot as plt

    table = pd.read_csv(FOLDER / "calibration.csv")
    figure, axes = plt.subplots(1, len(N_NEURONS), figsize=(9, 3.2), sharey=True, layout="constrained")
    labels = {
        "welch": "Welch over instances",
        "neurons": "bootstrap over neurons",
        "stimuli": "bootstrap over stimuli",
        "both": "dual bootstrap",
        "instances and neurons": "instances and neurons",
        "all three": "instances, neurons and stimuli",
    }
    styles = dict(
        zip(
            TESTS,
            [
                ("#1b3a57", "o", "-"),
                ("#7a8794", "s", "--"),
                ("#7a8794", "^", ":"),
                ("#b0561f", "D", "--"),
                ("#1b3a57", "v", ":"),
                ("#b0561f", "o", "-"),
            ],
            strict=True,
        )
    )
    for axis, n_neurons in zip(axes, N_NEURONS, strict=True):
        axis.axhline(0.05, color="0.75", lw=1, zorder=0)
        for test in TESTS:
            rows = table[(table["test"] == test) & (table["n_neurons"] == n_neurons)]
            colour, marker, line = styles[test]
            axis.plot(
                rows["n_instances"],
                rows["false_positives"],
                line,
                marker=marker,
                color=colour,
                ms=5,
                label=labels[test],
            )
        axis.set(xscale="log", xticks=N_INSTANCES, ylim=(0, 1), title=f"{n_neurons:,} neurons")
        axis.set_xticks(N_INSTANCES, [str(n) for n in N_INSTANCES])
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("false positives at 5 %")
    axes[1].set_xlabel("instances in each family")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(FOLDER / "_static" / "calibration.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alignment", action="store_true", help="fit the Lasso; takes about ten minutes")
    parser.add_argument(
        "--correlation-ratio", action="store_true", help="standard errors of the ratio; takes half a minute"
    )
    parser.add_argument("--picture", action="store_true", help="only draw the stored numbers")
    arguments = parser.parse_args()
    if arguments.picture:
        draw_picture()
        sys.exit()
    if arguments.correlation_ratio:
        rows = [simulate_correlation_ratio(units, n) for units in (10, 50) for n in N_NEURONS[:2]]
        name = FOLDER / "calibration_correlation_ratio.csv"
        pd.DataFrame(rows).to_csv(name, index=False, float_format="%.5f", lineterminator="\n")
        sys.exit()
    tables = []
    if arguments.alignment:
        tables.append(simulate_alignment(3, 30, n_simulations=100))
        name = "calibration_alignment.csv"
    else:
        tables = [simulate(n, j) for j in N_NEURONS for n in N_INSTANCES]
        name = "calibration.csv"
    pd.concat(tables).to_csv(FOLDER / name, index=False, lineterminator="\n")
