"""Figures of the scores of all families by one benchmark."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from neuroalign.comparison import Sample, make_sample
from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.errors import NeuroalignError
from neuroalign.reporting.figures.gathered import Gathered, draw_or_explain
from neuroalign.reporting.figures.neurons import neurons_in_order
from neuroalign.reporting.figures.recombination import NATIVE_AND_RECOMBINED, native_and_recombined
from neuroalign.reporting.figures.relations import UNIT_PROPORTION, score_against_unit_proportion
from neuroalign.reporting.figures.scores import scores_by_family
from neuroalign.reporting.figures.style import FamilyStyle
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.resampling import AXIS_INDEX


def draw_group(
    group: ScoreGroup, store: ResultsStore, *, ceiling: str, styles: Mapping[str, FamilyStyle]
) -> Iterator[Gathered]:
    """Draw the scores of all families by one benchmark, and the scores of their neurons.

    Parameters
    ----------
    group : ScoreGroup
    store : ResultsStore
        Store with the scores of the group.
    ceiling : str
        Family that provides the ceiling of scores without a ceiling of their own; empty for none.
    styles : mapping of str to FamilyStyle

    Yields
    ------
    Gathered
    """
    scores = [score for members in group.families.values() for score in members.values()]
    if not scores:
        return
    if all(name in score.beside for score in scores for name in NATIVE_AND_RECOMBINED):
        yield draw_or_explain(
            f"native_and_recombined_{group.name}", native_and_recombined, scores, styles=styles
        )
        return
    has_own = any(np.isfinite(score.ceiling) for score in scores)
    of_ceiling = [score for score in scores if score.family == ceiling and not has_own]
    shown = [score for score in scores if score not in of_ceiling] or scores
    loaded = (store.load(key) for members in group.families.values() for key in members)
    with_arrays = [score for score in loaded if score is not None]
    if any(AXIS_INDEX in score.beside for score in shown):
        yield draw_or_explain(
            f"scores_{group.name}_{AXIS_INDEX}",
            scores_by_family,
            shown,
            statistic=load_benchmark(group.name).find_statistic(AXIS_INDEX),
            samples=_samples(group, with_arrays, AXIS_INDEX),
            styles=styles,
        )
    yield draw_or_explain(
        f"scores_{group.name}",
        scores_by_family,
        shown,
        samples=_samples(group, with_arrays, "value"),
        ceiling=of_ceiling if shown is not scores else (),
        styles=styles,
    )
    name = f"neurons_{group.name}"
    if not with_arrays:
        yield Gathered(name, reason="the arrays of the scores cannot be read")
    elif all(group.benchmark in score.data for score in with_arrays):
        yield draw_or_explain(name, neurons_in_order, with_arrays, styles=styles)
    if all(UNIT_PROPORTION in score.beside for score in scores):
        yield draw_or_explain(
            f"{UNIT_PROPORTION}_{group.name}", score_against_unit_proportion, scores, styles=styles
        )


def _samples(group: ScoreGroup, scores: Sequence[Score], statistic: str) -> dict[str, Sample]:
    """Return the families as samples of one statistic; empty where the benchmark is not installed."""
    families: dict[str, list[Score]] = {}
    for score in scores:
        families.setdefault(score.family or score.model, []).append(score)
    try:
        resampling = load_benchmark(group.name).resampling(statistic, scores)
    except NeuroalignError:
        return {}
    return {name: make_sample(members, resampling, name=name) for name, members in families.items()}
