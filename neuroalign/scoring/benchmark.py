"""Interface of a benchmark, and loading of benchmarks by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join, align
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UnknownNameError, UsageError, name_some
from neuroalign.models.model import Model
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import benchmarks
from neuroalign.names.syntax import parse_spec
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Declarations
from neuroalign.scoring.declarations import Invariance as Invariance
from neuroalign.scoring.declarations import Need as Need
from neuroalign.scoring.exchange import Exchange
from neuroalign.scoring.resampled import Resampled
from neuroalign.validation import check_fields, check_names


@dataclass(frozen=True, kw_only=True)
class Benchmark(Declarations, Resampled, ABC):
    """Base class of benchmarks: a benchmark scores any model on any dataset.

    A subclass needs an ``identifier`` and a :meth:`score`. It is a frozen dataclass with its options as fields.
    `score` pairs latents and responses by :meth:`align`, calls a pure function of :mod:`neuroalign.metrics`, and labels
    the result by :meth:`make_score`. All other members have defaults: the declarations of
    :class:`neuroalign.scoring.declarations.Declarations`, and the statistics of
    :class:`neuroalign.scoring.resampled.Resampled`.
    """

    def __post_init__(self) -> None:
        """Check the options against their declared types; options from a command line are text and are converted."""
        check_fields(self, self.identifier)

    @abstractmethod
    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score one model on one dataset.

        Parameters
        ----------
        model : Model
            Model that computes latents for the stimuli.
        dataset : Dataset
            Recording with stimuli and responses.
        join : {"exact", "intersection"}
            "exact" if latents are required for every recorded stimulus, "intersection" to score the stimuli that have
            both latents and responses.

        Returns
        -------
        Score
            Score with its arrays, made by :meth:`make_score`.
        """

    def align(
        self, model: Model, dataset: Dataset, *, join: Join = "exact"
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the latents of the model and the responses of the dataset, paired by stimulus id in sorted order."""
        return align(model.latents(dataset.stimuli), dataset.responses, join=join)

    def exchange(self, dataset: Dataset, stimuli: NDArray[np.str_]) -> Exchange:
        """Return the shuffles of stimuli that leave a model exchangeable if it has nothing to do with the neurons.

        Parameters
        ----------
        dataset : Dataset
        stimuli : array of str, shape (n_stimuli,)
            Stimuli to shuffle.
        """
        return Exchange(dataset.stimuli.originals(stimuli))

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Columns of the stimulus table that the score depends on, by the options of this benchmark."""
        return ()

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Return sentences about alternative explanations for the difference of two models or families.

        Parameters
        ----------
        a, b : Score
            Scores by this benchmark; the score of a family has its ``instances``.
        """
        return []

    def alone(self) -> Self:
        """Return this benchmark without shuffles, turns and predictive power.

        Controls and levels of chance compute the score many times and need the score alone.
        """
        switched_off = {"n_permutations": 0, "turns": 0, "predictive_power": False}
        return replace(
            self, **{name: value for name, value in switched_off.items() if name in self.options()}
        )

    def options(self) -> dict[str, Any]:
        """Return the options as a dictionary."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def make_score(self, model: Model, dataset: Dataset, **values: Any) -> Score:
        """Return a score with the identifiers, version and options of this benchmark."""
        return Score(
            model=model.identifier,
            dataset=dataset.identifier,
            benchmark=self.identifier,
            benchmark_version=self.version,
            options=self.options(),
            higher_is_better=self.higher_is_better,
            **values,
        )


def self_pairs(latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset) -> NDArray[np.int64]:
    """Find the recorded neurons that are also units of the model.

    Parameters
    ----------
    latents : latents
        Latents, with the coordinate ``neuroid`` and the attribute ``neuroids_of`` where units are neurons: the
        :attr:`~neuroalign.Dataset.recording_hash` of their dataset.
    responses : responses
        Responses with the coordinate ``neuroid``.
    dataset : Dataset
        Dataset of the responses.

    Returns
    -------
    array of int, shape (n_neurons,)
        Index of the unit that is this neuron; -1 for a neuron that is not a unit of the model.
    """
    none = np.full(responses.sizes["neuroid"], -1, dtype=np.int64)
    # A dataset and its parts have the same recording. Models of other packages may name the content of the dataset.
    names = (dataset.recording_hash, dataset.content_hash)
    if "neuroid" not in latents.coords or latents.attrs.get("neuroids_of") not in names:
        return none
    return pd.Index(latents["neuroid"].values).get_indexer(responses["neuroid"].values).astype(np.int64)


def load_benchmark(spec: str | Benchmark) -> Benchmark:
    """Load a benchmark by name.

    Parameters
    ----------
    spec : str or Benchmark
        Name, with or without options, such as ``alignment`` or ``alignment[n_units=informative]``.

    Returns
    -------
    Benchmark

    Raises
    ------
    UnknownNameError
        If the benchmark or an option is unknown; the message names the nearest one.
    UsageError
        If the name has reducers, or a value does not fit its option.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.load_benchmark("alignment[n_units=informative]").n_units
    'informative'
    """
    if isinstance(spec, Benchmark):
        return spec
    if not isinstance(spec, str):
        raise UsageError(
            f"a benchmark must be a name or an instance of neuroalign.Benchmark, got {type(spec).__name__}"
            + (f" {spec.__name__}; write {spec.__name__}()" if isinstance(spec, type) else "")
        )
    parsed = parse_spec(spec)
    if parsed.wrappers:
        raise UsageError(
            f"a benchmark must be named without reducers, got {spec!r}; leave out the part after +"
        )
    return make_benchmark(parsed.name, benchmarks.get(parsed.name), parsed.options)


def registered_benchmarks() -> list[Benchmark]:
    """Return every registered benchmark with its default options, by name; a warning names each broken plug-in."""
    made = []
    for name, registered in benchmarks.items():
        try:
            made.append(make_benchmark(name, registered, {}))
        except NeuroalignError as error:
            benchmarks.skip(name, error)
    return made


def make_benchmark(name: str, registered: Any, options: Mapping[str, Any]) -> Benchmark:
    """Make a benchmark from a registered class or instance, with options.

    Parameters
    ----------
    name : str
        Registered name.
    registered : type of Benchmark or Benchmark
        Registered class, or registered instance with options that are the defaults.
    options : mapping of str to object
        Options of the class. Entries that the benchmark itself adds to its :meth:`Benchmark.options`, such as the
        version of a wrapped benchmark, are accepted where they are equal, so that the name of a score can be loaded.

    Raises
    ------
    UnknownNameError
        If the benchmark has no such option; the message names the nearest option.
    UsageError
        If a value does not fit the type of its option, an option without a default is missing, or no benchmark is
        registered under the name.
    """
    if isinstance(registered, Benchmark):
        defaults = {field.name: getattr(registered, field.name) for field in fields(registered)}
        options = {**defaults, **options}
        registered = type(registered)
    if not (isinstance(registered, type) and issubclass(registered, Benchmark)):
        raise UsageError(
            f"{name!r} must be registered as a subclass of neuroalign.Benchmark, got {registered!r}"
        )
    names = [field.name for field in fields(registered)]
    missing = [
        field.name
        for field in fields(registered)
        if field.default is MISSING and field.default_factory is MISSING and field.name not in options
    ]
    if missing:
        raise UsageError(f"{name} needs the option {missing[0]}; write {name}[{missing[0]}=…]")
    with foreign_code(f"the benchmark {name} cannot be made"):
        benchmark = registered(**{option: value for option, value in options.items() if option in names})
    reported = benchmark.options()
    for option, value in options.items():
        if option in names:
            continue
        if option not in reported:
            elsewhere = [
                other
                for other, candidate in benchmarks.items()
                if isinstance(candidate, type)
                and issubclass(candidate, Benchmark)
                and option in {field.name for field in fields(candidate)}
            ]
            if elsewhere:
                raise UnknownNameError(
                    f"no option of {name} is called {option!r}: {name_some(elsewhere, most=12)} "
                    f"{'has' if len(elsewhere) == 1 else 'have'} it; leave it out, or score one of these"
                )
        check_names([option], reported, f"option of {name}")
        if value != reported[option]:
            raise UsageError(f"{name}: {option} must be {reported[option]}, got {value!r}; leave it out")
    return benchmark
