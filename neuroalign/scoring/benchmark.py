"""What a benchmark must offer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import UnionType
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join, align
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError, unknown_name
from neuroalign.models.model import Model
from neuroalign.names.registry import benchmarks
from neuroalign.names.syntax import parse_spec
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import Resampling, Statistic

#: What a benchmark can require besides latents and responses.
Need = Literal["images", "decoder", "held-out stimuli", "single trials"]
#: Transformations of stimuli, neurons or units under which a benchmark can claim the same score.
Invariance = Literal[
    "order of stimuli", "order of neurons", "sign of units", "scale of units", "order of units"
]

#: Size of the recording that :attr:`Benchmark.seconds` is measured on.
TIMED_STIMULI, TIMED_NEURONS = 2_100, 159


@dataclass(frozen=True, kw_only=True)
class Benchmark(ABC):
    """Scores any model on any dataset.

    A subclass is a frozen dataclass whose fields are its options; `score` aligns the labels, calls a
    pure function of :mod:`neuroalign.metrics` and labels what that returns.
    """

    #: Name in scores and leaderboards.
    identifier: ClassVar[str]
    #: Raised when the same input would give another number.
    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = True
    #: Symbol of the score in tables and sentences, such as "C"; by default the identifier in words.
    symbol: ClassVar[str] = ""
    #: Numbers beside the score, in the order of tables. Keys of ``Score.beside`` that are not declared keep their
    #: identifier as their label.
    numbers: ClassVar[tuple[Number, ...]] = ()
    #: Requirements besides latents and responses.
    needs: ClassVar[frozenset[Need]] = frozenset()
    #: Transformations of the units that leave the score as it is, up to rounding.
    invariances: ClassVar[frozenset[Invariance]] = frozenset({"order of stimuli"})
    #: Whether the score depends on the model's decoder as well as on its latents.
    uses_decoder: ClassVar[bool] = False
    #: Whether the benchmark is a control: it compares a score with another one and ranks no models.
    is_control: ClassVar[bool] = False
    #: Whether subsets of the recorded neurons, as a model, bound the score.
    has_ceiling: ClassVar[bool] = True
    #: Whether shuffled stimuli give a level of chance.
    has_chance: ClassVar[bool] = True
    #: Identifier of the number that tells special axes from others; empty for a benchmark without such a control.
    control: ClassVar[str] = ""
    #: Whether the benchmark asks about single units: its score means little where the model predicts no neuron.
    asks_about_single_units: ClassVar[bool] = False
    #: Whether scores depend on the number of informative units: models are compared at a matched number, too.
    depends_on_n_units: ClassVar[bool] = False
    #: Seconds for one score of 2,100 stimuli, 159 neurons and 50 units, measured on one core.
    seconds: ClassVar[float] = 1.0
    #: Whether a model is scored by the benchmark only on request, because a score takes many times as long as others.
    on_request: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the options against their types: names on a command line come as text."""
        hints = get_type_hints(type(self))
        for name, value in ((each.name, getattr(self, each.name)) for each in fields(self)):
            allowed = _alternatives(hints[name])
            if not any(_fits(value, each) for each in allowed):
                expected = ", ".join(
                    each.__name__ if isinstance(each, type) else repr(each) for each in allowed
                )
                raise UsageError(f"{self.identifier}: {name} must be one of {expected}, not {value!r}")
            if type(value) is int and value < 0:
                raise UsageError(f"{self.identifier}: {name} must not be negative, not {value}")

    @abstractmethod
    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score one model on one dataset.

        Parameters
        ----------
        model : Model
        dataset : Dataset
        join : {"exact", "intersection"}
            Whether latents are required for every recorded stimulus.
        """

    def align(
        self, model: Model, dataset: Dataset, *, join: Join = "exact"
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the model's latents and the dataset's responses, paired by stimulus id in sorted order."""
        return align(model.latents(dataset.stimuli), dataset.responses, join=join)

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate how long one score takes on one core, before any score has been timed.

        Parameters
        ----------
        n_stimuli, n_neurons : int
            Size of the recording.

        Returns
        -------
        float
            Seconds; by default :attr:`seconds` in proportion to the size of the recording.
        """
        return self.seconds * n_stimuli * n_neurons / (TIMED_STIMULI * TIMED_NEURONS)

    def effect_of_noise(self) -> str:
        """Say in a clause how noise of the neurons changes the score, after "noise ..."; empty where unknown."""
        return ""

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Say in sentences what other than the neurons could explain the difference of two families or models.

        Parameters
        ----------
        a, b : Score
            By this benchmark; of a family with its ``instances``.
        """
        return []

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Numbers of a score by which models can be ranked and tested; families are ranked by the first."""
        return (Statistic("value", self.identifier, self.higher_is_better),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Say how a statistic of this benchmark is resampled over neurons and stimuli.

        Parameters
        ----------
        statistic : str
            Identifier of one of `statistics`; the first by default.
        scores : sequence of Score
            All scores of a comparison, for statistics that put them on common terms, such as one number of units.

        Returns
        -------
        Resampling

        Raises
        ------
        UnknownNameError
            If the benchmark has no such statistic.
        """
        chosen = self.find_statistic(statistic)

        def read(score: Score) -> float:
            return (
                score.value if chosen.identifier == "value" else score.beside.get(chosen.identifier, np.nan)
            )

        return Resampling(chosen, read, reason=f"{self.identifier} has no terms of single neurons")

    def find_statistic(self, identifier: str = "") -> Statistic:
        """Return one of `statistics` by its identifier, the first by default.

        Raises
        ------
        UnknownNameError
            If the benchmark has no such statistic.
        """
        known = {each.identifier: each for each in self.statistics}
        if not identifier:
            return self.statistics[0]
        if identifier not in known:
            raise unknown_name(f"statistic of {self.identifier}", identifier, list(known))
        return known[identifier]

    def alone(self) -> Self:
        """Return the benchmark that computes the score alone: without shuffles, turns and predictive power.

        Controls and levels of chance score many times, and take nothing but the score.
        """
        beside = {"n_permutations": 0, "turns": 0, "predictive_power": False}
        return replace(self, **{name: value for name, value in beside.items() if name in self.options()})

    def options(self) -> dict[str, Any]:
        """Return the options as a dictionary."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def make_score(self, model: Model, dataset: Dataset, **values: Any) -> Score:
        """Make a score that carries the identifiers, version and options of this benchmark."""
        return Score(
            model=model.identifier,
            dataset=dataset.identifier,
            benchmark=self.identifier,
            benchmark_version=self.version,
            options=self.options(),
            higher_is_better=self.higher_is_better,
            **values,
        )


def _alternatives(hint: Any) -> list[Any]:
    """Flatten a type hint into the values and plain types that it allows."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return [each for part in get_args(hint) for each in _alternatives(part)]
    return [hint]


def _fits(value: Any, allowed: Any) -> bool:
    """Whether a value is what one alternative of a type hint allows; what cannot be checked is allowed."""
    if get_origin(allowed) is not None or allowed is Any:
        return True
    if not isinstance(allowed, type):
        return bool(value == allowed)
    if issubclass(allowed, Benchmark):
        return isinstance(value, allowed)
    # A bool is no int here.
    return type(value) is allowed or (allowed is float and type(value) is int)


def self_pairs(latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset) -> NDArray[np.int64]:
    """Find the neurons that are units of the model themselves.

    Parameters
    ----------
    latents : latents
        With the coordinate ``neuroid`` and the attribute ``neuroids_of`` where units are neurons.
    responses : responses
    dataset : Dataset
        What the responses are of.

    Returns
    -------
    array of int, shape (n_neurons,)
        Index of the unit that is the neuron itself; -1 where there is none.
    """
    none = np.full(responses.sizes["neuroid"], -1, dtype=np.int64)
    if "neuroid" not in latents.coords or latents.attrs.get("neuroids_of") != dataset.content_hash:
        return none
    return pd.Index(latents["neuroid"].values).get_indexer(responses["neuroid"].values).astype(np.int64)


def load_benchmark(spec: str | Benchmark) -> Benchmark:
    """Load a benchmark by name.

    Parameters
    ----------
    spec : str or Benchmark
        A name, with options if need be: ``alignment``, ``alignment[n_units=informative]``.

    Returns
    -------
    Benchmark

    Raises
    ------
    UnknownNameError
        Naming the nearest benchmark or option.
    """
    if isinstance(spec, Benchmark):
        return spec
    parsed = parse_spec(spec)
    if parsed.wrappers:
        raise UsageError(f"a benchmark takes no reducers: {spec!r}")
    return make_benchmark(parsed.name, benchmarks.get(parsed.name), parsed.options)


def make_benchmark(name: str, registered: Any, options: Mapping[str, Any]) -> Benchmark:
    """Make a benchmark of what is registered, a class or an instance, with options."""
    if isinstance(registered, Benchmark):
        given = {each.name: getattr(registered, each.name) for each in fields(registered)}
        options = {**given, **options}
        registered = type(registered)
    if not (isinstance(registered, type) and issubclass(registered, Benchmark)):
        raise UsageError(
            f"{name!r} is registered as {registered!r}, which is no subclass of neuroalign.Benchmark"
        )
    known = [each.name for each in fields(registered)]
    for option in options:
        if option not in known:
            raise unknown_name(f"option of {name}", option, known)
    return registered(**options)
