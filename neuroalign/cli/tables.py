"""Plain-text tables of scores."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tabulate import tabulate

from neuroalign.scores import Score, standard_error
from neuroalign.specs import format_spec

#: What the p-value of ``--permutations`` tests.
PREDICTION = (
    "chance of prediction (shuffled stimuli), which tests whether the units predict the neurons, "
    "not whether their axes are special"
)

# Of a table that fits a terminal.
_MOST_COLUMNS = 8


def score_table(scores: Sequence[Score], *, is_family: bool) -> str:
    """Lay out scores as models × benchmarks, with the dataset, chance levels and ceilings.

    Parameters
    ----------
    scores : sequence of Score
    is_family : bool
        Whether to add the mean and standard error over instances.

    Returns
    -------
    str
    """
    scores = _tell_apart(scores)
    first = scores[0]
    shuffled = ""
    benchmarks = list(dict.fromkeys(each.benchmark for each in scores))
    by_model: dict[str, dict[str, Score]] = {}
    for each in scores:
        by_model.setdefault(each.model, {})[each.benchmark] = each
    rows = [[model, *(_cell(of.get(name)) for name in benchmarks)] for model, of in by_model.items()]
    if is_family and len(by_model) > 1:
        rows.append(["", *("" for _ in benchmarks)])
        values = {name: [of[name].value for of in by_model.values() if name in of] for name in benchmarks}
        rows.append([f"mean of {len(by_model)}", *(_number(_mean(values[name])) for name in benchmarks)])
        rows.append(["SE over instances", *(_number(standard_error(values[name])) for name in benchmarks)])
    for label, attribute in (("chance", "null"), ("ceiling", "ceiling")):
        bounds = {
            name: _mean([getattr(of[name], attribute) for of in by_model.values() if name in of])
            for name in benchmarks
        }
        if any(math.isfinite(bound) for bound in bounds.values()):
            rows.append([label, *(_number(bounds[name]) for name in benchmarks)])
    p_values = {name: _largest_p([of[name] for of in by_model.values() if name in of]) for name in benchmarks}
    if any(math.isfinite(p) for p in p_values.values()):
        label = "p of prediction" if len(by_model) == 1 else "largest p of prediction"
        rows.append([label, *(_p(p_values[name]) for name in benchmarks)])
        shuffled = f"{label}: {PREDICTION}"
    arrows = ["" if _of(scores, name).higher_is_better else " (lower is better)" for name in benchmarks]
    headers = ["model", *(f"{name}{arrow}" for name, arrow in zip(benchmarks, arrows, strict=True))]
    kind = "simulated neurons" if first.provenance.get("simulated") else "recorded neurons"
    table = tabulate(
        rows, headers=headers, disable_numparse=True, colalign=["left", *("right" for _ in benchmarks)]
    )
    title = f"{first.dataset} ({kind}); ± is the standard error over {_over(scores)}"
    return "\n\n".join(
        filter(
            None,
            [title, table, _beside_table(by_model), "\n".join(filter(None, [shuffled, *_notes(scores)]))],
        )
    )


def _tell_apart(scores: Sequence[Score]) -> list[Score]:
    """Name a benchmark that is there with several options by those that differ: ``alignment[n_units=50]``."""
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for each in scores:
        known = variants.setdefault(each.benchmark, [])
        if each.options not in known:
            known.append(each.options)

    def named(score: Score) -> Score:
        differing = {
            name: value
            for name, value in score.options.items()
            if any(other.get(name) != value for other in variants[score.benchmark])
        }
        return replace(score, benchmark=format_spec(score.benchmark, differing))

    return [named(each) for each in scores]


def _beside_table(by_model: dict[str, dict[str, Score]]) -> str:
    """Lay out the numbers that belong beside the scores, numbers × models, or their means over many models."""
    wanted = dict.fromkeys(
        (benchmark, name)
        for of in by_model.values()
        for benchmark, each in of.items()
        for name in each.beside
    )
    if not wanted:
        return ""
    rows = []
    for benchmark, name in wanted:
        values = [
            of[benchmark].beside.get(name, math.nan) if benchmark in of else math.nan
            for of in by_model.values()
        ]
        shown = values if len(values) <= _MOST_COLUMNS else [_mean(values)]
        rows.append([f"{benchmark}: {name}", *map(_plain, shown)])
    models = [re.sub(r"^\w+\[(.*)\]$", r"\1", model) for model in by_model]
    headers = ["beside the scores", *(models if len(models) <= _MOST_COLUMNS else [f"mean of {len(models)}"])]
    return tabulate(
        rows, headers=headers, disable_numparse=True, colalign=["left", *["right"] * (len(headers) - 1)]
    )


def _plain(value: float) -> str:
    if math.isnan(value):
        return "–"
    return str(int(value)) if value == int(value) else f"{value:.2f}"


def _cell(score: Score | None) -> str:
    if score is None:
        return "–"
    return _number(score.value) + ("" if math.isnan(score.error) else f" ± {score.error:.3f}")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _largest_p(scores: Sequence[Score]) -> float:
    """Return the largest exact p-value of scores that were shuffled; NaN where one of them was not."""
    values = [each.provenance.get("permutation_p") for each in scores]
    known = [float(each) for each in values if each is not None]
    return max(known) if known and len(known) == len(values) else math.nan


def _mean(values: Sequence[float]) -> float:
    finite = [each for each in values if math.isfinite(each)]
    return sum(finite) / len(finite) if finite else math.nan


def _of(scores: Sequence[Score], benchmark: str) -> Score:
    return next(each for each in scores if each.benchmark == benchmark)


def _over(scores: Sequence[Score]) -> str:
    over: dict[str, list[str]] = {}
    for each in scores:
        names = over.setdefault(each.error_over, [])
        if each.benchmark not in names:
            names.append(each.benchmark)
    if len(over) == 1:
        return next(iter(over))
    return ", ".join(f"{what} ({', '.join(names)})" for what, names in over.items())


def _notes(scores: Sequence[Score]) -> list[str]:
    """Each note once, with the models that it holds for unless it holds for all."""
    models = {each.model for each in scores}
    holds: dict[tuple[str, str], list[str]] = {}
    for each in scores:
        for note in each.notes:
            holds.setdefault((each.benchmark, note), []).append(each.model)
    lines = []
    for (benchmark, note), of in holds.items():
        who = "" if len(of) == len(models) else f" [{of[0] if len(of) == 1 else f'{len(of)} models'}]"
        lines.append(f"{benchmark}: {note}{who}")
    return lines
