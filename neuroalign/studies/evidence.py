"""What claims are tested with: the scores of instances, and numbers that are read from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.benchmark import make_benchmark
from neuroalign.errors import NeuroalignError
from neuroalign.metrics import completeness_at
from neuroalign.registry import benchmarks, unknown_name
from neuroalign.scores import Score

#: Values and weights of neurons, whose weighted mean is a number.
NeuronTerms = tuple[NDArray[np.float64], NDArray[np.float64]]

_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Evidence:
    """The scores that claims are tested with.

    Parameters
    ----------
    kept : mapping of str to mapping of str to sequence of Score
        For each scoring and family the scores, with arrays, of the instances that were selected.
    every : mapping of str to mapping of str to sequence of Score
        Those of all instances.
    table : pandas.DataFrame
        Of all instances, with ``instance``, ``family`` and, where there is any, ``udr`` and hyper-parameters.
    expected : mapping of str to sequence of str
        For each scoring the families that were to be scored.
    missing : mapping of str to str
        Why families have no scores.
    unsupported : mapping of str to str
        Why scorings cannot be had of the dataset.
    """

    kept: Mapping[str, Mapping[str, Sequence[Score]]]
    every: Mapping[str, Mapping[str, Sequence[Score]]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    expected: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sample:
    """One number of each instance of a family.

    Parameters
    ----------
    values : array of float64, shape (n_instances,)
        Higher is better.
    terms : tuple of arrays of float64, shape (n_instances, n_neurons), or None
        Values and weights of neurons, whose weighted mean each number is, in the order of `neurons`.
    neurons : tuple of str
        Sorted; empty without `terms`.
    draws : tuple of arrays of float64, shape (n_draws, n_instances, n_neurons), or None
        Those of fits to stimuli that were drawn anew, the same for all samples.
    n_stimuli : int
        Of those fits; 0 without any.
    sign : {1, -1}
        That of a number in terms of `values`: -1 where lower is better.
    """

    values: NDArray[np.float64]
    terms: NeuronTerms | None = None
    neurons: tuple[str, ...] = ()
    draws: NeuronTerms | None = None
    n_stimuli: int = 0
    sign: float = 1.0

    @property
    def n(self) -> int:
        """How many instances have a number."""
        return int(np.isfinite(self.values).sum())

    @property
    def mean(self) -> float:
        """The mean of those numbers, as they are given; NaN without any."""
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
    read : str
        "value"; "above chance", the share of what is left beyond the level of chance, 0 there and 1 for a perfect
        score; "common D", alignment at the largest D of all these families; or the name of a number beside the value.
    needed : sequence of str
        Families that must have scores.
    ceiling : str
        A family whose D does not count.
    stimuli : str
        A scoring that fits stimuli that are drawn anew; empty for samples without draws.

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
        name: each for name, each in evidence.kept.get(scoring, {}).items() if each and name != ceiling
    }
    return read_scores(scores, read, fits_to_draws(evidence, stimuli))


def fits_to_draws(evidence: Evidence, stimuli: str) -> dict[str, Score]:
    """Return the scores of a scoring that fits stimuli that are drawn anew, by their models."""
    return {score.model: score for of in evidence.kept.get(stimuli, {}).values() for score in of}


def scores_of(evidence: Evidence, scoring: str, family: str, *, every: bool = False) -> Sequence[Score]:
    """Return the scores of a family by one scoring: of the instances that were selected, or of every one.

    Raises
    ------
    NeuroalignError
        If there are none, with the reason.
    """
    found = (evidence.every if every else evidence.kept).get(scoring, {}).get(family, ())
    if not found:
        reason = evidence.unsupported.get(scoring) or evidence.missing.get(family)
        raise NeuroalignError(f"{family} has no score by {scoring}" + (f": {reason}" if reason else ""))
    return found


def read_scores(
    scores: Mapping[str, Sequence[Score]], read: str, drawn: Mapping[str, Score] | None = None
) -> dict[str, Sample]:
    """Read one number of each score of each family; see :func:`samples` and :func:`fits_to_draws`."""
    known = drawn or {}
    flat = [each for of in scores.values() for each in of]
    if read == "common D":
        for each in flat:
            if "D" not in each.beside:
                raise unknown_name("number beside the score", "D", each.beside)
        common = int(max(each.beside["D"] for each in flat))
        return {
            name: _sample(of, lambda each: _at_common(each, common), known) for name, of in scores.items()
        }
    sign = -1.0 if read == "value" and any(not each.higher_is_better for each in flat) else 1.0
    return {name: _sample(of, lambda each: _number(each, read), known, sign) for name, of in scores.items()}


# A number of a score, and what makes of the values of its neurons terms of that number.
_Number = tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]] | None]


def _at_common(score: Score, common: int) -> _Number:
    d = int(score.beside["D"])
    scale = float(np.log(d) / np.log(common))
    # Without any weight C is 0 at every D.
    if score.value == 0 and _neurons(score) is not None and not np.any(_terms(score)[1]):
        return 0.0, lambda values: values
    return completeness_at(score.value, d, common), lambda values: 1.0 - (1.0 - values) * scale


def _number(score: Score, read: str) -> _Number:
    sign = 1.0 if score.higher_is_better else -1.0
    if read == "value":
        return sign * score.value, (lambda values: values) if score.higher_is_better else None
    if read == "above chance":
        left = 1.0 - score.null if score.higher_is_better else score.null
        return (sign * (score.value - score.null) / left if left > 0 else _NAN), None
    if read not in score.beside:
        raise unknown_name(f"number of {score.benchmark}", read, ["value", "above chance", *score.beside])
    return float(score.beside[read]), None


def _sample(
    scores: Sequence[Score], number: Callable[[Score], _Number], drawn: Mapping[str, Score], sign: float = 1.0
) -> Sample:
    numbers = [number(each) for each in scores]
    values = np.array([value for value, _ in numbers], dtype=np.float64)
    names = [_neurons(each) for each in scores]
    first = names[0]
    if first is None or any(each != first for each in names) or any(of is None for _, of in numbers):
        return Sample(values, sign=sign)
    terms = [_terms(each) for each in scores]
    changes = [of for _, of in numbers if of is not None]
    of_neurons = np.array([of(v) for (v, _), of in zip(terms, changes, strict=True)])
    sample = Sample(values, (of_neurons, np.array([weights for _, weights in terms])), first, sign=sign)
    fits = [_fits(drawn[each.model], first) for each in scores if each.model in drawn]
    if len(fits) < len(scores) or any(each is None for each in fits):
        return sample
    known = [each for each in fits if each is not None]
    of_draws = np.stack([of(v) for (v, _), of in zip(known, changes, strict=True)], axis=1)
    weights = np.stack([each for _, each in known], axis=1)
    provenance = drawn[scores[0].model].provenance
    # Where stimuli are variants, their originals were drawn.
    n_stimuli = int(provenance.get("n_originals", provenance["n_stimuli"]))
    return replace(sample, draws=(of_draws, weights), n_stimuli=n_stimuli)


def _fits(score: Score, neurons: tuple[str, ...]) -> NeuronTerms | None:
    """Return values and weights of fits to drawn stimuli, (n_draws, n_neurons), in the order of the neurons."""
    if tuple(sorted(map(str, score.data["neuroid"].values))) != neurons:
        return None
    order = np.argsort(score.data["neuroid"].values.astype(str), kind="stable")
    return _values_and_weights(score.data["terms"].values[:, order])


def _values_and_weights(terms: NDArray[np.float64]) -> NeuronTerms:
    """Return values and weights of neurons whose terms are the value times the weight, and the weight."""
    weights = terms[..., 1]
    return np.where(weights > 0, terms[..., 0] / np.where(weights > 0, weights, 1.0), np.nan), weights


def _neurons(score: Score) -> tuple[str, ...] | None:
    """Return the names of the neurons whose weighted mean a score is, sorted; None if it is none."""
    if not score.data or "neuroid" not in score.data.coords or score.benchmark not in benchmarks:
        return None
    if _over_neurons(score) is None:
        return None
    return tuple(sorted(map(str, score.data["neuroid"].values)))


def _terms(score: Score) -> NeuronTerms:
    """Return values and weights of the neurons in the order of their sorted names."""
    found = _over_neurons(score)
    assert found is not None
    order = np.argsort(score.data["neuroid"].values.astype(str), kind="stable")
    return found[0][order], found[1][order]


def _over_neurons(score: Score) -> NeuronTerms | None:
    benchmark = make_benchmark(score.benchmark, benchmarks.get(score.benchmark), dict(score.options))
    resampling = benchmark.resampling("value")
    if resampling.from_score is None:
        return None
    terms = resampling.from_score(score).terms
    return _values_and_weights(terms) if terms.shape[1] == 2 else None
