"""Declarations of installed benchmarks, looked up for stored scores, and numbers that several benchmarks share."""

import math
import re
from collections.abc import Mapping
from typing import Any

from neuroalign.errors import NeuroalignError
from neuroalign.names.references import references_in
from neuroalign.names.registry import benchmarks
from neuroalign.results.numbers import Number, name_benchmark, undeclared_number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark, make_benchmark
from neuroalign.scoring.resampling import Statistic

#: Numbers of the axis index κ, the control of turned tuning; see :func:`neuroalign.metrics.axis_index`.
AXIS_NUMBERS = (
    Number("axis_index", "axis index κ", "κ"),
    Number("axis_index_error", "SE of κ over neurons", "SE of κ"),
    Number("axis_index_p", "p of κ against turned tuning", "p of κ", "p"),
    Number("axis_index_special", "axes are special", "special", "flag"),
    Number("regenerated", "score of neurons regenerated from linear tuning", "regen-\nerated"),
    Number("turned", "score with turned tuning, mean over turns", "turned"),
    Number("turned_sd", "SD over turns", "SD over\nturns"),
)
#: Numbers of the prediction of held-out responses from all units.
PREDICTION_NUMBERS = (
    Number("variance_explained", "variance explained, mean over neurons", "VE"),
    Number("explained_share", "share of the explainable variance", "VE of\nceiling", "percent"),
    Number("predicted_neurons", "neurons predicted above chance", "pre-\ndicted", "count"),
    Number("reliability", "reliability of the median neuron (split halves)", "reli-\nability"),
)
#: Number of neurons that a sparse fit gives no weight.
NEURONS_WITHOUT_WEIGHT = Number("neurons_without_weight", "neurons without weight", "no\nweight", "count")
#: Number of informative units of a model.
INFORMATIVE_UNITS = Number("informative_units", "informative units", "informative\nunits", "count")

#: Numbers of a choice among layers, beside the score of any benchmark; see
#: :class:`neuroalign.scoring.chosen_layers.LayerChoice`.
CHOICE_NUMBERS = (
    Number("naive_maximum", "naive maximum over layers", "naive\nmaximum"),
    Number("naive_gain", "naive maximum less score", "naive\ngain"),
    Number("chance_gain", "gain of the naive maximum by chance", "gain by\nchance"),
    Number("p_of_maximum", "p of the naive maximum, corrected for the choice", "p of\nmaximum", "p"),
)
_OF_CHOICES = {number.identifier: number for number in CHOICE_NUMBERS}


def number_of(benchmark: str, identifier: str) -> Number:
    """Return the declaration of a number beside a score.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.
    identifier : str
        Key of ``Score.beside``.

    Returns
    -------
    Number
        For a number that is not declared, or a benchmark that is not installed, the identifier is the label.
    """
    registered = _registered(benchmark.partition("[")[0])
    declared = {number.identifier: number for number in registered.numbers} if registered is not None else {}
    return declared.get(identifier) or _OF_CHOICES.get(identifier) or undeclared_number(identifier)


def symbol_of(benchmark: str, default: str = "") -> str:
    """Return the symbol of a benchmark's score, such as "C".

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.
    default : str
        Symbol for a score without a declared symbol; by default the name of the benchmark in words.
    """
    registered = _registered(benchmark.partition("[")[0])
    return (registered.symbol if registered is not None else "") or default or name_benchmark(benchmark)


def name_score(benchmark: str) -> str:
    """Name a score in a sentence: by its symbol, or as "the decoding"."""
    symbol = symbol_of(benchmark)
    return f"the {symbol}" if symbol == name_benchmark(benchmark) else symbol


def question_of(benchmark: str) -> str:
    """Return the question that a benchmark answers; empty where it is not installed.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.

    Examples
    --------
    >>> from neuroalign.scoring.declared import question_of
    >>> question_of("variance_explained")
    'How much of the neurons do all units of the model explain together?'
    """
    registered = _registered(benchmark.partition("[")[0])
    return "" if registered is None else registered.question


def advice_of(benchmark: str) -> str:
    """Return the advice when to take a benchmark and when another one; empty where it is not installed.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.
    """
    registered = _registered(benchmark.partition("[")[0])
    return "" if registered is None else registered.advice


def draws_stimuli(benchmark: str) -> bool:
    """Return whether a benchmark is the bootstrap of another one over stimuli; False where it is not installed."""
    registered = _registered(benchmark)
    return registered is not None and registered.draws_stimuli


def is_control(benchmark: str) -> bool:
    """Return whether a benchmark is a control, which does not rank models; False where it is not installed."""
    registered = _registered(benchmark)
    return registered is not None and registered.is_control


def has_chance(benchmark: str) -> bool:
    """Return whether shuffled stimuli give a benchmark a level of chance; True where it is not installed."""
    registered = _registered(benchmark)
    return registered is None or registered.has_chance


def chance_of(benchmark: str) -> float:
    """Return the score by chance that a benchmark declares as a number.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.

    Returns
    -------
    float
        NaN where chance depends on the model and the recording, or the benchmark is not installed.

    Examples
    --------
    >>> chance_of("variance_explained"), chance_of("alignment")
    (0.0, nan)
    """
    registered = _registered(benchmark.partition("[")[0])
    declared = re.match(
        r"(-?\d+(?:\.\d+)?)(?=$|[,;])", registered.score_by_chance if registered is not None else ""
    )
    return float(declared[1]) if declared else math.nan


def has_ceiling(benchmark: str) -> bool:
    """Return whether subsets of the neurons bound a benchmark's score; True where it is not installed."""
    registered = _registered(benchmark)
    return registered is None or registered.has_ceiling


def bounds_of(benchmark: str) -> tuple[float, float]:
    """Return the smallest and the largest score of a benchmark; infinite where it is not installed.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark.
    """
    registered = _registered(benchmark)
    return (-math.inf, math.inf) if registered is None else registered.bounds


def limit_interval(
    low: float, high: float, statistic: Statistic, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Let an interval end at the bounds of a number, and at the value of a perfect model.

    Parameters
    ----------
    low, high : float
        Ends of the interval; NaN ends stay NaN.
    statistic : Statistic
        The number, with its value for a perfect model.
    bounds : tuple of float
        Smallest and largest possible value.

    Examples
    --------
    >>> limit_interval(0.9, 1.1, Statistic("value", "score"), (0.0, 2.0))
    (0.9, 1.0)
    """
    least, most = bounds
    if math.isfinite(statistic.perfect):
        if statistic.higher_is_better:
            most = min(most, statistic.perfect)
        else:
            least = max(least, statistic.perfect)
    return (max(low, least), min(high, most)) if math.isfinite(low) else (low, high)


def statistic_of(benchmark: Benchmark | None, identifier: str, score: Score) -> Statistic:
    """Return a statistic of a benchmark; without a benchmark one that has no value of a perfect model.

    Parameters
    ----------
    benchmark : Benchmark or None
    identifier : str
        Identifier of the statistic.
    score : Score
        Score that says which direction is better, where the benchmark lacks the statistic.
    """
    for statistic in () if benchmark is None else benchmark.statistics:
        if statistic.identifier == identifier:
            return statistic
    return Statistic(identifier, identifier, score.higher_is_better, perfect=math.nan)


def has_array(benchmark: str, name: str) -> bool:
    """Return whether a benchmark declares an array of its scores; False where it is not installed.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark.
    name : str
        Name of the array in ``Score.data``; see ``neuroalign.scoring.benchmark.Benchmark.arrays``.
    """
    registered = _registered(benchmark)
    return registered is not None and name in registered.arrays


def installed_benchmark(
    name: str, version: int, options: Mapping[str, Any], *, recomputes: bool = False
) -> Benchmark | None:
    """Return the installed benchmark with the options of a score.

    Parameters
    ----------
    name : str
        Identifier.
    version : int
    options : mapping
        Options in the record of a score; a benchmark that wraps another one adds the version of the wrapped one.
    recomputes : bool
        Whether the benchmark only computes the numbers of the score from its arrays, so that earlier versions from
        :attr:`~neuroalign.scoring.declarations.Declarations.recomputes_since` serve as well.

    Returns
    -------
    Benchmark or None
        None if the benchmark, or the benchmark that it wraps, is missing or has another version.
    """
    if name not in benchmarks:
        return None
    try:
        benchmark = make_benchmark(name, benchmarks.get(name), options)
    except NeuroalignError:
        return None
    # Another version of a wrapped benchmark was refused above, but not a record without its version.
    wrapped = benchmark.options().get("benchmark_version")
    serves = benchmark.version == version
    if recomputes and benchmark.recomputes_since:
        serves = benchmark.recomputes_since <= version <= benchmark.version
    same = serves and options.get("benchmark_version") == wrapped
    return benchmark if same else None


def effect_of_noise(score: Score) -> str:
    """Return a clause about the effect of noise on a score with its options; empty if the benchmark has no clause."""
    options = {name: value for name, value in score.options.items() if name != "benchmark_version"}
    if score.benchmark not in benchmarks:
        return ""
    try:
        return make_benchmark(score.benchmark, benchmarks.get(score.benchmark), options).effect_of_noise()
    except NeuroalignError:
        return ""


def effect_of_units(benchmark: str) -> str:
    """Return a clause about the effect of the number of units on a score; empty if the benchmark has no clause.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.
    """
    registered = _registered(benchmark.partition("[")[0])
    if registered is None:
        return ""
    default = (
        "the scores of layers with different D are not comparable" if registered.depends_on_n_units else ""
    )
    return registered.units_note or default


def references_of(benchmark: str) -> list[str]:
    """Return the references of a benchmark: the section References of its docstring.

    Parameters
    ----------
    benchmark : str
        Identifier of the benchmark, with or without options in brackets.

    Returns
    -------
    list of str
        One text for each reference, which semicolons separate; empty without the section, or where the benchmark is not
        installed.

    Examples
    --------
    >>> references_of("cka")
    ['Kornblith et al. (2019), ICML', 'Song et al. (2012), J. Mach. Learn. Res. 13:1393']
    """
    registered = _registered(benchmark.partition("[")[0])
    return [] if registered is None else references_in(registered)


def _registered(name: str) -> type[Benchmark] | Benchmark | None:
    """Return the registered class, or an instance of it; None where the benchmark is not installed or fails."""
    if name not in benchmarks:
        return None
    try:
        registered: Any = benchmarks.get(name)
    except NeuroalignError:
        return None
    is_class = isinstance(registered, type) and issubclass(registered, Benchmark)
    return registered if is_class or isinstance(registered, Benchmark) else None
