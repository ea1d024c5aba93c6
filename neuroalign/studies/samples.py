"""Samples of a claim: one number of each instance of a family, where higher is better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.comparison import Sample as TestedSample
from neuroalign.comparison import make_sample
from neuroalign.comparison.samples import has_seeds
from neuroalign.errors import NeuroalignError, unknown_name
from neuroalign.results.score import Score
from neuroalign.scoring.declared import installed_benchmark, number_of
from neuroalign.scoring.resampling import (
    AXIS_INDEX,
    NeuronStatistic,
    Resampling,
    Statistic,
)
from neuroalign.studies.evidence import Evidence, scores_of

#: Number of a score that is 0 at the level of chance and 1 for a perfect score.
ABOVE_CHANCE = "above chance"

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """One number of each instance of a family.

    Parameters
    ----------
    values : array of float64, shape (n_instances,)
        Numbers of the instances, with the sign that makes higher better; NaN for an instance without the number.
    tested : neuroalign.comparison.Sample or None
        The finite numbers as a function of neurons and drawn stimuli; None for numbers that only Welch's test over
        instances is made with.
    held_out : array of float64, shape (n_instances, n_held_out), or None
        Values of single stimuli, in the order of `stimuli`, for numbers that are means over stimuli.
    stimuli : tuple of str
        Sorted names of the stimuli in `held_out`.
    n_originals : int
        Number of originals that these stimuli are variants of; 0 without `held_out`.
    sign : {1, -1}
        Sign of `values` relative to the numbers: -1 where lower is better.
    has_seeds : bool
        Whether the names of the instances have seeds. A single instance with a seed does not represent its family.
    label : str
        Name of the number; empty for the score itself.
    """

    values: NDArray[np.float64]
    tested: TestedSample | None = None
    held_out: NDArray[np.float64] | None = None
    stimuli: tuple[str, ...] = ()
    n_originals: int = 0
    sign: float = 1.0
    has_seeds: bool = True
    label: str = ""

    @property
    def n(self) -> int:
        """Number of instances with a finite number."""
        return int(np.isfinite(self.values).sum())

    @property
    def is_sample(self) -> bool:
        """Whether the instances are a random sample; several sizes of one model are not."""
        return self.tested is None or self.tested.is_sample

    @property
    def is_comparable(self) -> bool:
        """Whether the family can be compared: it has two instances, or one instance without a seed."""
        return self.n > (1 if self.has_seeds else 0)

    @property
    def mean(self) -> float:
        """Mean of the numbers with their own sign; NaN without finite numbers."""
        finite = self.values[np.isfinite(self.values)]
        return self.sign * float(finite.mean()) if finite.size else _NAN


def samples(
    evidence: Evidence,
    scoring: str,
    *,
    read: str,
    needed: Sequence[str] = (),
    ceiling: str = "",
    stimuli: str = "",
) -> dict[str, Sample]:
    """Read one number of each instance that was selected.

    Parameters
    ----------
    evidence : Evidence
    scoring : str
        Name of a scoring.
    read : str
        "value" for the score; "above chance" for the score on a scale with 0 at the level of chance and 1 for a perfect
        score; the identifier of a statistic of the benchmark, such as "axis_index"; or the identifier of a number
        beside the score.
    needed : sequence of str
        Families that must have scores.
    ceiling : str
        Family that is left out, also from statistics on common terms.
    stimuli : str
        Scoring that fits drawn stimuli; empty for samples without draws.

    Returns
    -------
    dict of str to Sample
        Samples by family.

    Raises
    ------
    NeuroalignError
        If a needed family has no scores, or scores do not have the number.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in needed}
    scores |= {
        name: members
        for name, members in evidence.kept.get(scoring, {}).items()
        if members and name != ceiling
    }
    return read_scores(scores, read, fits_to_draws(evidence, stimuli))


def fits_to_draws(evidence: Evidence, stimuli: str) -> dict[str, Score]:
    """Return the scores of a scoring that fits drawn stimuli, by model."""
    return {score.model: score for members in evidence.kept.get(stimuli, {}).values() for score in members}


def read_scores(
    scores: Mapping[str, Sequence[Score]], read: str, drawn: Mapping[str, Score] | None = None
) -> dict[str, Sample]:
    """Read one number of each score of each family, with the options of its benchmark; see :func:`samples`."""
    flat = [score for members in scores.values() for score in members]
    if read == AXIS_INDEX and not any(np.isfinite(score.beside.get(read, _NAN)) for score in flat):
        raise NeuroalignError("scores have no axis index; score them again")
    return {name: _sample(name, members, read, flat, drawn) for name, members in scores.items()}


def _sample(
    name: str,
    scores: Sequence[Score],
    read: str,
    every: Sequence[Score],
    drawn: Mapping[str, Score] | None,
) -> Sample:
    # All scores of a family come from one scoring, so they have the same options.
    resampling = _resampling(scores[0], read, every)
    statistic = resampling.statistic

    def change(score: Score) -> tuple[float, float]:
        if read == ABOVE_CHANCE:
            return _above_chance(score, statistic)
        return 0.0, 1.0 if statistic.higher_is_better else -1.0

    upward = _changed(resampling, change)
    values = np.array([upward.read(score) for score in scores], dtype=np.float64)
    sample = Sample(
        values,
        make_sample(scores, upward, name=name, bootstraps=drawn or None),
        sign=-1.0 if read != ABOVE_CHANCE and not statistic.higher_is_better else 1.0,
        has_seeds=has_seeds(scores),
        label="" if read == "value" else ABOVE_CHANCE if read == ABOVE_CHANCE else statistic.label,
    )
    return _with_held_out(sample, scores, change) if resampling.from_score is None else sample


def _changed(resampling: Resampling, change: Callable[[Score], tuple[float, float]]) -> Resampling:
    """Return the resampling of a linear function of a statistic, with an offset and a scale for each score."""

    def read(score: Score) -> float:
        offset, scale = change(score)
        return offset + scale * resampling.read(score)

    def from_score(score: Score) -> NeuronStatistic:
        assert resampling.from_score is not None
        (offset, scale), own = change(score), resampling.from_score(score)
        return replace(own, combine=lambda sums: offset + scale * own.combine(sums))

    has_terms = resampling.from_score is not None
    return replace(resampling, read=read, from_score=from_score if has_terms else None, refit=None)


def _resampling(score: Score, read: str, every: Sequence[Score]) -> Resampling:
    """Return the resampling of a number of a score, by the options of the score."""
    benchmark = installed_benchmark(score.benchmark, score.benchmark_version, score.options)
    wanted = "value" if read == ABOVE_CHANCE else read
    identifiers = (
        [statistic.identifier for statistic in benchmark.statistics] if benchmark is not None else []
    )
    if benchmark is not None and wanted in identifiers:
        return benchmark.resampling(wanted, every)
    missing = f"{score.benchmark} has no terms of single neurons for {read.replace('_', ' ')}"
    if wanted == "value":
        bound = 1.0 if score.higher_is_better else 0.0
        statistic = Statistic("value", score.benchmark, score.higher_is_better, bound)
        return Resampling(statistic, reason=missing)
    if wanted != AXIS_INDEX and wanted not in score.beside:
        raise unknown_name(
            f"number of {score.benchmark}", read, ["value", ABOVE_CHANCE, *identifiers, *score.beside]
        )
    return Resampling(
        Statistic(wanted, number_of(score.benchmark, wanted).label),
        read=lambda score: score.beside.get(wanted, _NAN),
        reason=missing,
    )


def _above_chance(score: Score, statistic: Statistic) -> tuple[float, float]:
    """Return the offset and scale that map the level of chance to 0 and a perfect score to 1.

    The level of chance is treated as known, without an error.
    """
    room = statistic.perfect - score.null
    if not (room > 0 if statistic.higher_is_better else room < 0):
        return _NAN, _NAN
    return -score.null / room, 1.0 / room


def _with_held_out(
    sample: Sample, scores: Sequence[Score], change: Callable[[Score], tuple[float, float]]
) -> Sample:
    """Add the values of single stimuli, for scores that are means over the same stimuli."""
    rows, names = [], None
    for score in scores:
        offset, scale = change(score)
        arrays = [
            array
            for array in score.data.data_vars.values()
            if array.dims == ("stimulus",) and np.isclose(float(array.mean()), score.value, rtol=1e-9)
        ]
        if not arrays:
            return sample
        own = arrays[0].sortby("stimulus")
        stimuli = tuple(map(str, own["stimulus"].values))
        if names is not None and stimuli != names:
            return sample
        names = stimuli
        rows.append(offset + scale * own.values.astype(np.float64))
    n_originals = min(int(score.provenance.get("n_held_out_originals", len(names or ()))) for score in scores)
    return replace(sample, held_out=np.array(rows), stimuli=names or (), n_originals=n_originals)
