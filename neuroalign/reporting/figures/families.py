"""Comparable scores of families by instance, with means and intervals, as figures take them."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neuroalign.comparison import instances_of
from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.reporting.figures.style import FamilyStyle, family_styles, shown, source
from neuroalign.results.score import Score
from neuroalign.stats.standard_errors import standard_error


def by_family(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Group the scores of instances by family, in the order of names.

    The score of a family is replaced by the scores of its instances.

    Raises
    ------
    UsageError
        Without a score, with two scores of one instance, or with scores of two datasets, benchmarks, versions or
        options, which cannot share an axis.
    """
    families: dict[str, list[Score]] = {}
    seen: set[tuple[str, str]] = set()
    first: Score | None = None
    for score in instances_of(scores):
        first = score if first is None else first
        if _kind_of(score) != _kind_of(first):
            raise UsageError(
                f"one figure cannot show {_named(first)} and {_named(score)}; give scores of one kind"
            )
        family = score.family or score.model
        if (family, score.model) in seen:
            raise UsageError(f"{score.model} has two scores; give one for each instance")
        seen.add((family, score.model))
        families.setdefault(family, []).append(score)
    if first is None:
        raise UsageError("a figure needs one score at least")
    return dict(sorted(families.items()))


def first_score(families: Mapping[str, list[Score]]) -> Score:
    """Return one of the scores, which all have one dataset, benchmark and options."""
    return next(iter(families.values()))[0]


def count_instances(families: Mapping[str, list[Score]]) -> dict[str, str]:
    """Return a label for each family, with its number of instances."""
    return {family: f"{shown(family)} (n = {len(members)})" for family, members in families.items()}


def values_of(scores: Iterable[Score]) -> NDArray[np.float64]:
    """Return the values of scores, shape (n,)."""
    return np.array([score.value for score in scores], dtype=np.float64)


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean of the finite values and its 95 % interval by Student's t; NaN where they are undefined."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.nan, np.nan, np.nan
    half = float(stats.t.ppf(0.975, finite.size - 1)) * standard_error(finite) if finite.size > 1 else np.nan
    mean = float(finite.mean())
    return mean, mean - half, mean + half


def source_of(families: Mapping[str, list[Score]]) -> str:
    """Name the dataset of the scores, and whether its neurons are simulated."""
    first = first_score(families)
    return source(first.dataset, simulated=bool(first.provenance.get("simulated")))


def styles_of(
    families: Mapping[str, list[Score]], styles: Mapping[str, FamilyStyle] | None
) -> Mapping[str, FamilyStyle]:
    """Return the given styles, with default styles for the other families."""
    return {**family_styles(families), **(styles or {})}


def wrapped_benchmark(score: Score) -> str:
    """Return the name of the benchmark that a control wraps; its own name where it wraps no benchmark."""
    return parse_spec(str(score.options.get("benchmark", score.benchmark))).name


def _kind_of(score: Score) -> tuple[object, ...]:
    options = {name: str(value) for name, value in score.options.items()}
    content = score.provenance.get("dataset_hash")
    return score.dataset, content, score.benchmark, score.benchmark_version, options


def _named(score: Score) -> str:
    spec = format_spec(score.benchmark, score.options)
    return f"{spec} version {score.benchmark_version} on {score.dataset}"
