"""One number of each instance of a family, with what it depends on: neurons, drawn stimuli, held-out stimuli."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmark import Benchmark, make_benchmark
from neuroalign.errors import NeuroalignError
from neuroalign.registry import benchmarks, unknown_name
from neuroalign.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.scores import Score
from neuroalign.specs import parse_spec
from neuroalign.studies.evidence import Evidence, scores_of

_NAN = float("nan")

#: Number of a score that says how special the axes of the neurons are.
AXIS_INDEX = "axis_index"


@dataclass(frozen=True, eq=False)
class Sample:
    """One number of each instance of a family.

    Parameters
    ----------
    values : array of float64, shape (n_instances,)
        Higher is better.
    statistics : tuple of NeuronStatistic
        The numbers that are finite as functions of the neurons, all with the same neurons in the same order; empty
        where scores have no terms of single neurons.
    draws : tuple of tuple of NeuronStatistic
        For each draw of stimuli the same functions after a fit to it; empty without draws.
    n_stimuli : int
        Stimuli of those fits; 0 without any.
    held_out : array of float64, shape (n_instances, n_held_out), or None
        Values of single stimuli, in the order of `stimuli`, whose means the numbers are.
    stimuli : tuple of str
        Names of those stimuli, sorted.
    sign : {1, -1}
        Sign of a number in terms of `values`: -1 where lower is better.
    is_sampled : bool
        Whether the instances are a sample: they differ in their seeds. Principal components of several numbers are
        none, however many there are.
    reason : str
        Why there are no `statistics`.
    """

    values: NDArray[np.float64]
    statistics: tuple[NeuronStatistic, ...] = ()
    draws: tuple[tuple[NeuronStatistic, ...], ...] = ()
    n_stimuli: int = 0
    held_out: NDArray[np.float64] | None = None
    stimuli: tuple[str, ...] = ()
    sign: float = 1.0
    is_sampled: bool = True
    reason: str = ""

    @property
    def neurons(self) -> tuple[str, ...]:
        """Names of the neurons, sorted; empty without `statistics`."""
        return self.statistics[0].neurons if self.statistics else ()

    @property
    def n(self) -> int:
        """Number of instances with a number."""
        return int(np.isfinite(self.values).sum())

    @property
    def is_comparable(self) -> bool:
        """Whether the family can be compared: two instances that are a sample, or any that are none."""
        return self.n > (1 if self.is_sampled else 0)

    @property
    def mean(self) -> float:
        """Mean of those numbers, as they are given; NaN without any."""
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
        "value"; "above chance", the share of what is left beyond the level of chance, 0 there and 1 for a perfect
        score; "common D", alignment at the largest D of all these families; the identifier of a statistic of the
        benchmark, such as "axis_index"; or the name of a number beside the value.
    needed : sequence of str
        Families that must have scores.
    ceiling : str
        A family whose D does not count.
    stimuli : str
        A scoring that fits drawn stimuli; empty for samples without draws.

    Returns
    -------
    dict of str to Sample

    Raises
    ------
    NeuroalignError
        If a family that is needed has no scores, or scores have no such number.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in needed}
    scores |= {
        name: members
        for name, members in evidence.kept.get(scoring, {}).items()
        if members and name != ceiling
    }
    return read_scores(scores, read, fits_to_draws(evidence, stimuli))


def fits_to_draws(evidence: Evidence, stimuli: str) -> dict[str, Score]:
    """Return the scores of a scoring that fits drawn stimuli, by their models."""
    return {score.model: score for members in evidence.kept.get(stimuli, {}).values() for score in members}


def read_scores(
    scores: Mapping[str, Sequence[Score]], read: str, drawn: Mapping[str, Score] | None = None
) -> dict[str, Sample]:
    """Read one number of each score of each family, each by its own options; see :func:`samples`."""
    flat = [score for members in scores.values() for score in members]
    if read == AXIS_INDEX and not any(np.isfinite(score.beside.get(read, _NAN)) for score in flat):
        raise NeuroalignError("scores have no axis index; score them again")
    return {name: _sample(members, read, flat, drawn or {}) for name, members in scores.items()}


def _sample(scores: Sequence[Score], read: str, every: Sequence[Score], drawn: Mapping[str, Score]) -> Sample:
    resamplings = [_resampling(score, read, every) for score in scores]
    changes = [
        _above_chance(score, resampling.statistic)
        if read == "above chance"
        else (0.0, 1.0 if resampling.statistic.higher_is_better else -1.0)
        for score, resampling in zip(scores, resamplings, strict=True)
    ]
    numbers = [resampling.read(score) for score, resampling in zip(scores, resamplings, strict=True)]
    values = np.array(
        [offset + scale * number for number, (offset, scale) in zip(numbers, changes, strict=True)]
    )
    lower = read != "above chance" and not resamplings[0].statistic.higher_is_better
    sample = _with_held_out(
        Sample(values, sign=-1.0 if lower else 1.0, is_sampled=is_sampled(scores)), scores, changes
    )
    finite = np.flatnonzero(np.isfinite(values))
    statistics: list[NeuronStatistic] = []
    for index in finite:
        resampling, score = resamplings[index], scores[index]
        if resampling.from_score is None:
            return replace(sample, reason=resampling.reason)
        try:
            own = resampling.from_score(score)
            neurons = statistics[0].neurons if statistics else tuple(sorted(own.neurons))
            if sorted(own.neurons) != list(neurons):
                return replace(sample, reason="the scores of the family are of different neurons")
            statistics.append(_changed(own.in_order(neurons), *changes[index]))
        except (KeyError, ValueError, TypeError, NeuroalignError):
            return replace(sample, reason=f"the arrays of {score.model} are not those of {score.benchmark}")
    sample = replace(sample, statistics=tuple(statistics))
    return _with_draws(sample, [scores[index] for index in finite], resamplings, drawn)


def _resampling(score: Score, read: str, every: Sequence[Score]) -> Resampling:
    """Return how a number of a score is read and resampled, by the options that the score was made with."""
    benchmark = _benchmark(score)
    wanted = {"above chance": "value", "common D": "at_common_d"}.get(read, read)
    known = [statistic.identifier for statistic in benchmark.statistics] if benchmark is not None else []
    if benchmark is not None and wanted in known:
        return benchmark.resampling(wanted, every)
    missing = f"{score.benchmark} has no terms of single neurons for {read.replace('_', ' ')}"
    if wanted == "value":
        bound = 1.0 if score.higher_is_better else 0.0
        statistic = Statistic("value", score.benchmark, score.higher_is_better, bound)
        return Resampling(statistic, reason=missing)
    if wanted != AXIS_INDEX and wanted not in score.beside:
        raise unknown_name(
            f"number of {score.benchmark}", read, ["value", "above chance", *known, *score.beside]
        )
    return Resampling(
        Statistic(wanted, wanted), read=lambda score: score.beside.get(wanted, _NAN), reason=missing
    )


def _benchmark(score: Score) -> Benchmark | None:
    """Return the installed benchmark with the options of a score; None where it is another version or missing."""
    if score.benchmark not in benchmarks:
        return None
    registered = benchmarks.get(score.benchmark)
    # A benchmark of benchmarks lists the version of the wrapped one among its options.
    options = {name: value for name, value in score.options.items() if name in _options(registered)}
    try:
        return make_benchmark(score.benchmark, registered, options)
    except NeuroalignError:
        return None


def _options(registered: object) -> list[str]:
    kind = registered if isinstance(registered, type) else type(registered)
    return [option.name for option in fields(kind)] if issubclass(kind, Benchmark) else []


def _above_chance(score: Score, statistic: Statistic) -> tuple[float, float]:
    """Return offset and scale that put chance at 0 and a perfect score at 1; chance is taken as known."""
    left = statistic.perfect - score.null
    if not (left > 0 if statistic.higher_is_better else left < 0):
        return _NAN, _NAN
    return -score.null / left, 1.0 / left


def _changed(statistic: NeuronStatistic, offset: float, scale: float) -> NeuronStatistic:
    return replace(statistic, combine=lambda sums: offset + scale * statistic.combine(sums))


def is_sampled(scores: Sequence[Score]) -> bool:
    """Whether instances differ in a seed, or the names do not say."""
    for score in scores:
        try:
            spec = parse_spec(score.model)
        except NeuroalignError:
            return True
        if any("seed" in options for options in (spec.options, *(part.options for part in spec.wrappers))):
            return True
    return False


def _with_held_out(sample: Sample, scores: Sequence[Score], changes: Sequence[tuple[float, float]]) -> Sample:
    """Add the values of single stimuli whose mean each score is, where all scores have the same stimuli."""
    rows, names = [], None
    for score, (offset, scale) in zip(scores, changes, strict=True):
        found = [
            array
            for array in score.data.data_vars.values()
            if array.dims == ("stimulus",) and np.isclose(float(array.mean()), score.value, rtol=1e-9)
        ]
        if not found:
            return sample
        own = found[0].sortby("stimulus")
        stimuli = tuple(map(str, own["stimulus"].values))
        if names is not None and stimuli != names:
            return sample
        names = stimuli
        rows.append(offset + scale * own.values.astype(np.float64))
    return replace(sample, held_out=np.array(rows), stimuli=names or ())


def _with_draws(
    sample: Sample, scores: Sequence[Score], resamplings: Sequence[Resampling], drawn: Mapping[str, Score]
) -> Sample:
    """Add the statistics of fits to drawn stimuli, where every instance has them for the same neurons."""
    if not scores or any(score.model not in drawn for score in scores):
        return sample
    terms = []
    for score in scores:
        fits = drawn[score.model]
        own = fits.options.get("statistic", "value")
        if "terms" not in fits.data or any(resampling.terms_of != own for resampling in resamplings):
            return sample
        names = fits.data["neuroid"].values.astype(str)
        if tuple(sorted(names)) != sample.neurons:
            return sample
        order = np.argsort(names, kind="stable")
        terms.append(fits.data["terms"].transpose("draw", "neuroid", "term").values[:, order])
    if len({len(of_draws) for of_draws in terms}) > 1:
        return sample
    draws = tuple(
        tuple(
            replace(statistic, terms=of_draws[index])
            for statistic, of_draws in zip(sample.statistics, terms, strict=True)
        )
        for index in range(len(terms[0]))
    )
    return replace(sample, draws=draws, n_stimuli=int(drawn[scores[0].model].provenance["n_stimuli"]))
