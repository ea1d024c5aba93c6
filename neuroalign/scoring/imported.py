"""Import of scores of other laboratories, checked against their benchmarks, their arrays and the datasets here."""

import os
import warnings
from contextlib import suppress
from functools import cached_property

import numpy as np

from neuroalign.datasets.catalogue import dataset_names, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.results.agreement import agree
from neuroalign.results.exchange.importing import ImportReport, import_records
from neuroalign.results.score import Score, imported_from
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import bounds_of, installed_benchmark, number_of

# A mean of numbers at a bound can lie beyond it by rounding.
_ROUNDING = 1e-9

#: Smallest and largest number of some kinds.
_OF_KINDS = {"p": (0.0, 1.0), "flag": (0.0, 1.0), "count": (0.0, np.inf)}


def import_results(
    path: "str | os.PathLike[str]", *, store: ResultsStore | None = None, replace_imported: bool = False
) -> ImportReport:
    """Put results of others beside the scores of the store.

    Parameters
    ----------
    path : path
        Untrusted source: a folder that was exported or copied from another store, a ZIP archive of such a folder, or
        one record (``.json``, with its ``.nc`` beside it).
    store : ResultsStore, optional
        Store that receives the records; by default the store in the neuroalign folder.
    replace_imported : bool
        Whether a record replaces a record that was imported before, with the same key and other numbers. A score that
        was computed here is never replaced.

    Returns
    -------
    ImportReport

    Raises
    ------
    UsageError
        If `path` is missing or of another kind.
    ArchiveError
        If an archive could do harm when unpacked.

    Notes
    -----
    Beside the checks of :func:`neuroalign.results.exchange.importing.import_records`, a record is refused if its score
    lies outside the bounds of its benchmark, if value, error or another number does not follow from its arrays, where
    the benchmark can compute it from them, or if it calls a dataset recorded that is simulated here, or the reverse.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"path must be a file or folder of results, got {type(path).__name__}")
    store = store or ResultsStore()
    check = _Checks(store)
    return import_records(path, check=check, store=store, replace_imported=replace_imported)


class _Checks:
    """Checks of one score after another."""

    def __init__(self, store: ResultsStore) -> None:
        self._store = store
        self._datasets: dict[str, Dataset | None] = {}

    def __call__(self, score: Score) -> None:
        self._check_dataset(score)
        benchmark = installed_benchmark(
            score.benchmark, score.benchmark_version, score.options, recomputes=True
        )
        _check_bounds(score, bounds_of(score.benchmark) if benchmark is None else benchmark.limits())
        # Another version may have had other arrays.
        if benchmark is not None:
            _check_arrays(score, benchmark)

    def _check_dataset(self, score: Score) -> None:
        """Refuse a score that calls a simulated dataset recorded, or the reverse."""
        claimed, content = score.provenance["simulated"], score.provenance["dataset_hash"]
        simulated = self._scored_here.get(content)
        dataset = self._dataset(score.dataset.partition("[")[0])
        if dataset is not None and (dataset.simulated or dataset.content_hash == content):
            simulated = dataset.simulated
        if simulated is None:
            # The dataset can have another name here.
            simulated = self._of_datasets.get(content)
        if simulated is not None and claimed is not simulated:
            kind = "simulated" if simulated else "recorded"
            raise ValueError(f"simulated must be {str(simulated).lower()}: the dataset is {kind} here")

    @cached_property
    def _scored_here(self) -> dict[str, bool]:
        """Whether the content of a dataset is simulated, by its digest, from the scores that were computed here."""
        return {
            score.provenance["dataset_hash"]: bool(score.provenance.get("simulated"))
            for score in self._store.scores()
            if not imported_from(score) and "dataset_hash" in score.provenance
        }

    @cached_property
    def _of_datasets(self) -> dict[str, bool]:
        """Whether a dataset on this machine is simulated, by the digest of its content."""
        return {
            dataset.content_hash: dataset.simulated
            for name in dataset_names()
            if (dataset := self._dataset(name)) is not None
        }

    def _dataset(self, name: str) -> Dataset | None:
        """Return the dataset of this name; None without one that can be read. A path is not a name."""
        if name not in self._datasets:
            self._datasets[name] = None
            if name in dataset_names():
                with warnings.catch_warnings(), suppress(NeuroalignError):
                    warnings.simplefilter("ignore")
                    self._datasets[name] = load_dataset(name)
        return self._datasets[name]


def _check_bounds(score: Score, bounds: tuple[float, float]) -> None:
    """Refuse a score outside the bounds of its benchmark, or with a number beside it that its kind does not allow."""
    lowest, highest = bounds
    for name, value in (("value", score.value), ("null", score.null)):
        if value < lowest - _ROUNDING or value > highest + _ROUNDING:
            raise ValueError(
                f"{name} of {score.benchmark} must be between {lowest:g} and {highest:g}, got {value:g}"
            )
    for name, value in score.beside.items():
        lowest, highest = _OF_KINDS.get(number_of(score.benchmark, name).kind, (-np.inf, np.inf))
        if value < lowest or value > highest:
            raise ValueError(f"{name} must be between {lowest:g} and {highest:g}, got {value:g}")


def _check_arrays(score: Score, benchmark: Benchmark) -> None:
    """Refuse a score with numbers that do not follow from its arrays, or that is better in the other direction."""
    if score.higher_is_better != benchmark.higher_is_better:
        raise ValueError(f"higher_is_better must be {str(benchmark.higher_is_better).lower()}")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            numbers = benchmark.recompute(score)
    except Exception as error:  # arrays of others can be of any kind
        reason = " ".join(str(error).split())
        raise ValueError(f"its arrays must be arrays of {benchmark.identifier}, got {reason:.200}") from error
    stored = {**score.beside, "value": score.value, "error": score.error}
    for name, number in numbers.items():
        claimed = stored.get(name, float("nan"))
        if np.isfinite(claimed) and not agree(claimed, number):
            raise ValueError(f"{name} must be {number:.6g}, as its arrays give, got {claimed:.6g}")
