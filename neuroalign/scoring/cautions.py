"""Cautions: numbers of a score that must not be interpreted, with the reasons in the same words in every output."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from neuroalign.results.numbers import join_words, name_benchmark
from neuroalign.results.score import TRAINED_ON, Score
from neuroalign.scoring.declared import is_control, name_score

#: Smallest share of the explainable variance for a score to be interpreted. Below it, more than five sixths of the
#: signal of the neurons are outside the model, and the weights of the model follow the choice of λ and the noise.
LEAST_SHARE = 0.15
#: Smallest variance explained for a score to be interpreted, where the explainable variance is unknown because the
#: recording has no single trials.
LEAST_VARIANCE = 0.05
#: Smallest share of neurons predicted above chance for a score to be interpreted. Below it, the score describes a small
#: part of the recording.
LEAST_PREDICTED_SHARE = 0.10
#: Smallest number of neurons predicted above chance for a score to be interpreted: the tuning of fewer neurons cannot
#: be turned, so the control is missing.
LEAST_PREDICTED = 3
#: Largest share of neurons without weight for a score to be interpreted. Above it, C describes a minority of neurons.
MOST_WITHOUT_WEIGHT = 0.60
#: Largest distance between the score and the score of neurons regenerated from linear tuning. Above it, the linear
#: model of the control does not describe the neurons.
LARGEST_DEPARTURE = 0.10

#: Mark behind the name of a model or family with a score that must not be interpreted.
MARK = "!"

# Standard errors between a score and the end of its 95 % interval.
_NORMAL = 1.96

# Largest difference of two numbers that are equal up to rounding.
_ROUNDING = 1e-9

#: Numbers of one kind of caution, for one instance.
_Numbers = tuple[float, ...]


def cautions(score: Score) -> list[str]:
    """Return the cautions about a score: numbers that must not be interpreted, and why.

    Parameters
    ----------
    score : Score
        Score of a model, or of a family with its ``instances``. Cautions use its value, the numbers beside it and its
        provenance, so they are available for stored and imported scores, too.

    Returns
    -------
    list of str
        Sentences without a full stop. A model has one sentence with all reasons not to interpret its score; a family
        has one sentence for each reason, with the number of instances. A missing number causes no caution.

    Examples
    --------
    >>> from neuroalign.scoring.cautions import cautions
    >>> from neuroalign.testing import make_score
    >>> cautions(make_score(0.7, beside={"variance_explained": 0.01}))
    ['explains 1.0 % of the variance, and how much is explainable is not known: do not interpret alignment']
    """
    return merge_cautions([score])


def cautions_of_instances(instances: Sequence[Score]) -> list[str]:
    """Return the cautions about the instances of one family.

    Parameters
    ----------
    instances : sequence of Score
        Scores of the instances by one benchmark.

    Returns
    -------
    list of str
        Sentences as :func:`cautions` returns them.

    Examples
    --------
    >>> from neuroalign.scoring.cautions import cautions_of_instances
    >>> from neuroalign.testing import make_score
    >>> weak, strong = ({"variance_explained": explained} for explained in (0.01, 0.3))
    >>> instances = [make_score(model="vae[seed=0]", beside=weak), make_score(model="vae[seed=1]", beside=strong)]
    >>> [caution.partition(",")[0] for caution in cautions_of_instances(instances)]
    ['in 1 of 2 instances the units explain 1.0 % of the variance']
    """
    return merge_cautions_of_instances([instances])


def merge_cautions(scores: Sequence[Score]) -> list[str]:
    """Return the cautions about the scores of one model or family by several benchmarks, each reason once.

    Parameters
    ----------
    scores : sequence of Score
        Scores of one model or family, each by another benchmark.

    Returns
    -------
    list of str
        Sentences as :func:`cautions` returns them.

    Examples
    --------
    >>> from neuroalign.scoring.cautions import merge_cautions
    >>> from neuroalign.testing import make_score
    >>> weak = {"variance_explained": 0.01}
    >>> scores = [make_score(0.7, benchmark=name, beside=weak) for name in ("alignment", "correlation_ratio")]
    >>> [caution.partition(": ")[2] for caution in merge_cautions(scores)]
    ['do not interpret alignment and correlation ratio']
    """
    return merge_cautions_of_instances([score.instances or (score,) for score in scores])


def merge_cautions_of_instances(groups: Sequence[Sequence[Score]], noun: str = "instances") -> list[str]:
    """Return the cautions about the instances of one family by several benchmarks, each reason once.

    Parameters
    ----------
    groups : sequence of sequence of Score
        Scores of the instances, one sequence for each benchmark.
    noun : str
        Plural noun for the scores of a sequence: "instances" of a family, or "groups" of a dataset.

    Returns
    -------
    list of str
        Sentences as :func:`cautions` returns them.
    """
    benchmarks: dict[tuple[str, bool], list[str]] = {}
    additions: dict[tuple[str, bool], str] = {}
    for instances in groups:
        for text, addition, is_grave in _describe(instances, noun):
            names = benchmarks.setdefault((text, is_grave), [])
            if (name := name_benchmark(instances[0].benchmark)) not in names:
                names.append(name)
            additions[text, is_grave] = additions.get((text, is_grave)) or addition
    return [
        f"{text}{additions[text, is_grave]}: do not interpret {join_words(names)}" if is_grave else text
        for (text, is_grave), names in benchmarks.items()
    ]


def is_readable(*scores: Score) -> bool:
    """Return whether a score, or the scores of the instances of a family, may be interpreted.

    Parameters
    ----------
    *scores : Score
        Score of a model, score of a family with its ``instances``, or scores of the instances.

    Returns
    -------
    bool
        False for a model with a caution not to interpret its score, and for a family where at least half of the
        instances have such a caution.

    Examples
    --------
    >>> from neuroalign.scoring.cautions import is_readable
    >>> from neuroalign.testing import make_score
    >>> is_readable(make_score(0.7)), is_readable(make_score(0.7, beside={"variance_explained": 0.01}))
    (True, False)
    """
    instances = [instance for score in scores for instance in (score.instances or (score,))]
    return 2 * sum(bool(_grave(_findings(instance))) for instance in instances) < len(instances)


def _describe(instances: Sequence[Score], noun: str) -> list[tuple[str, str, bool]]:
    """Return the cautions of a model or family: text, addition to the text, and whether the score is unreadable."""
    findings = [_findings(instance) for instance in instances]
    notes = dict.fromkeys(note for score in instances for note in score.notes if note.startswith(TRAINED_ON))
    elsewhere = [(note, "", False) for note in notes]
    if len(instances) == 1:
        (kinds,), (score,) = findings, instances
        reasons = "; ".join(_ONE[kind](kinds[kind], score) for kind in _grave(kinds))
        # The number of neurons without weight follows any reason not to interpret C.
        some = kinds.get("some without weight")
        addition = f"; {_ONE['some without weight'](some, score)}" if some else ""
        return [
            *([(reasons, addition, True)] if reasons else []),
            *((_ONE[kind](kinds[kind], score), "", False) for kind in kinds if kind in _MILD),
            *elsewhere,
        ]
    described = []
    first = instances[0]
    if len({_count_neurons(score) for score in instances}) > 1:
        # Groups of a dataset differ in their numbers of neurons.
        first = replace(first, provenance={})
    for kind in (*_GRAVE, *_MILD):
        numbers = [kinds[kind] for kinds in findings if kind in kinds]
        if numbers:
            n = len(instances)
            count = f"all {n} {noun}" if len(numbers) == n else f"{len(numbers)} of {n} {noun}"
            described.append((_MANY[kind](count, numbers, first), "", kind in _GRAVE))
    return [*described, *elsewhere]


def _grave(findings: Mapping[str, _Numbers]) -> list[str]:
    return [kind for kind in findings if kind in _GRAVE]


def _findings(score: Score) -> dict[str, _Numbers]:
    """Return the kinds of cautions about one instance, with their numbers."""
    findings: dict[str, _Numbers] = {}
    explained, share = _number(score, "variance_explained"), _number(score, "explained_share")
    if explained <= 0:
        findings["no variance"] = (explained,)
    elif explained > 0 and 0 < share < LEAST_SHARE:
        findings["little of the ceiling"] = (share, explained, explained / share)
    elif math.isnan(share) and explained < LEAST_VARIANCE:
        findings["little variance"] = (explained,)
    n_neurons = _count_neurons(score)
    predicted = _number(score, "predicted_neurons")
    if predicted < LEAST_PREDICTED or predicted < LEAST_PREDICTED_SHARE * n_neurons - _ROUNDING:
        findings["few predicted"] = (predicted,)
    without = _number(score, "neurons_without_weight")
    if without > MOST_WITHOUT_WEIGHT * n_neurons + _ROUNDING:
        findings["many without weight"] = (without,)
    elif without > 0:
        findings["some without weight"] = (without,)
    regenerated = _number(score, "regenerated")
    if abs(regenerated - score.value) > LARGEST_DEPARTURE + _ROUNDING:
        findings["not linear"] = (score.value, regenerated)
    if "axis_index" in score.beside and math.isnan(score.beside["axis_index"]):
        turned = _number(score, "turned")
        findings["perfect when turned" if math.isfinite(turned) else "nothing to turn"] = (turned,)
    # A control may fall to either side of its level of chance.
    short = (score.null - score.value) if score.higher_is_better else (score.value - score.null)
    error = score.error if math.isfinite(score.error) else 0.0
    if short > max(_NORMAL * error, _ROUNDING) and not is_control(score.benchmark):
        findings["below chance"] = (score.value, score.null)
    return findings


def _number(score: Score, key: str) -> float:
    return float(score.beside.get(key, math.nan))


def _count_neurons(score: Score) -> float:
    n = score.provenance.get("n_neurons")
    return float(n) if isinstance(n, int | float) and n else math.nan


def _of_neurons(score: Score) -> str:
    n = _count_neurons(score)
    return "neurons" if math.isnan(n) else f"of {n:,.0f} neurons"


def _percent(share: float) -> str:
    # Rounded down, so that a share below the limit is not shown as the limit.
    return f"{math.floor(1000 * share + 1e-6) / 10:.1f}"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _whole(value: float) -> str:
    return f"{value:g}"


def _range(numbers: Sequence[_Numbers], column: int, write: Callable[[float], str]) -> str:
    """Write the smallest and the largest number of a column, or one number where both are written alike."""
    low, high = (write(pick(row[column] for row in numbers)) for pick in (min, max))
    return low if low == high else f"{low} to {high}"


def _name_score(score: Score) -> str:
    return name_score(score.benchmark)


def _worse(score: Score) -> str:
    return "below" if score.higher_is_better else "worse than"


_LINEAR = "κ describes the linear part only"
_NOTHING_TO_TURN = "a linear model predicts fewer than three neurons, so no tuning can be turned"

_ONE: Mapping[str, Callable[[_Numbers, Score], str]] = {
    "no variance": lambda n, score: f"explains no variance ({_three(n[0])})",
    "little of the ceiling": lambda n, score: (
        f"explains {_percent(n[0])} % of the explainable variance ({_three(n[1])} of {_three(n[2])})"
    ),
    "little variance": lambda n, score: (
        f"explains {_percent(n[0])} % of the variance, and how much is explainable is not known"
    ),
    "few predicted": lambda n, score: f"predicts {_whole(n[0])} {_of_neurons(score)} above chance",
    "many without weight": lambda n, score: f"{_whole(n[0])} {_of_neurons(score)} have no weight",
    "some without weight": lambda n, score: (
        f"{_whole(n[0])} {_of_neurons(score)} {'has' if n[0] == 1 else 'have'} no weight"
    ),
    "not linear": lambda n, score: (
        f"the linear model does not describe the data: {_name_score(score)} is {_three(n[0])}, regenerated neurons "
        f"give {_three(n[1])}; {_LINEAR}"
    ),
    "nothing to turn": lambda n, score: f"no axis index: {_NOTHING_TO_TURN}",
    "perfect when turned": lambda n, score: (
        f"no axis index: with turned tuning {_name_score(score)} is {_three(n[0])}, which leaves no room above it"
    ),
    "below chance": lambda n, score: (
        f"{_name_score(score)} is {_worse(score)} chance ({_three(n[0])}, chance is {_three(n[1])})"
    ),
}

_MANY: Mapping[str, Callable[[str, Sequence[_Numbers], Score], str]] = {
    "no variance": lambda count, n, score: (
        f"in {count} the units explain no variance ({_range(n, 0, _three)})"
    ),
    "little of the ceiling": lambda count, n, score: (
        f"in {count} the units explain {_range(n, 0, _percent)} % of the explainable variance "
        f"({_range(n, 1, _three)} of {_range(n, 2, _three)})"
    ),
    "little variance": lambda count, n, score: (
        f"in {count} the units explain {_range(n, 0, _percent)} % of the variance, and how much is explainable is "
        "not known"
    ),
    "few predicted": lambda count, n, score: (
        f"in {count} the units predict {_range(n, 0, _whole)} {_of_neurons(score)} above chance"
    ),
    "many without weight": lambda count, n, score: (
        f"in {count} {_range(n, 0, _whole)} {_of_neurons(score)} have no weight"
    ),
    "not linear": lambda count, n, score: (
        f"in {count} the linear model does not describe the data: {_name_score(score)} is {_range(n, 0, _three)}, "
        f"regenerated neurons give {_range(n, 1, _three)}; {_LINEAR}"
    ),
    "nothing to turn": lambda count, n, score: f"no axis index in {count}: {_NOTHING_TO_TURN}",
    "perfect when turned": lambda count, n, score: (
        f"no axis index in {count}: with turned tuning {_name_score(score)} is {_range(n, 0, _three)}, which leaves no "
        "room above it"
    ),
    "below chance": lambda count, n, score: (
        f"in {count} {_name_score(score)} is {_worse(score)} chance ({_range(n, 0, _three)}, chance is "
        f"{_range(n, 1, _three)})"
    ),
}

# Kinds of cautions not to interpret the score, and other kinds, in the order of the output.
_GRAVE = ("no variance", "little of the ceiling", "little variance", "few predicted", "many without weight")
_MILD = ("below chance", "not linear", "nothing to turn", "perfect when turned")
