"""Generalisation over time: predictions fitted in one window, compared with the responses in another window."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.columns import Label
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.jobs import run_jobs
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import benchmarks
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.evaluate import instances_of
from neuroalign.scoring.grouped import as_columns
from neuroalign.scoring.held_out import HeldOut, PredictsHeldOut
from neuroalign.scoring.instance import Prepared, SharedLatents
from neuroalign.scoring.parts import Part, load_for_parts, select_parts

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AcrossWindows:
    """Scores of the predictions of each window on the responses in each window.

    Parameters
    ----------
    conditions : mapping of str to value
        Values of the columns that make the group; empty for the whole dataset.
    model, benchmark : str
        Identifiers.
    windows : tuple of (float, float)
        Start and end of each window in milliseconds.
    scores : array of float64, shape (n_windows, n_windows)
        Score of the predictions that are fitted to the window of the row, on the responses in the window of the
        column; the mean over the instances of a family. The diagonal has the ordinary scores. NaN where a window
        cannot be predicted.
    reasons : tuple of str
        Reason for each window that cannot be predicted; empty for the other windows.
    """

    conditions: Mapping[str, Label]
    model: str
    benchmark: str
    windows: tuple[Window, ...]
    scores: FloatArray
    reasons: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Return the scores as a dictionary that JSON can hold."""
        return {
            "conditions": dict(self.conditions),
            "model": self.model,
            "benchmark": self.benchmark,
            "windows_ms": [list(window) for window in self.windows],
            "scores": [[float(s) if np.isfinite(s) else None for s in row] for row in self.scores],
            "reasons": list(self.reasons),
        }


def score_across_windows(
    model: str | Model | ModelFamily,
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark = DEFAULT_BENCHMARK,
    *,
    windows: str | Sequence[Window],
    by: str | Sequence[str] = (),
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
) -> list[AcrossWindows]:
    """Compare the predictions that are fitted to each window with the responses in each other window.

    The folds are the same in all windows: a response is predicted by fits to other stimuli, in the same window or in
    another one.

    Parameters
    ----------
    model : str, Model or ModelFamily
    dataset : str, path or Dataset
        Recording with time bins.
    benchmark : str or Benchmark
        Benchmark with held-out predictions; see :class:`neuroalign.scoring.held_out.PredictsHeldOut`.
    windows, by, join, use_cache
        See :func:`neuroalign.scoring.grouped.score_by`. Latents are cached, and the scores are not stored.
    n_jobs : int
        Number of groups and instances at the same time.

    Returns
    -------
    list of AcrossWindows
        One matrix for each group.

    Raises
    ------
    UsageError
        If the benchmark has no held-out predictions, no windows are given, or the windows of a group have different
        stimuli.
    NeuroalignError
        If a name is unknown, or the model cannot be loaded.

    References
    ----------
    King & Dehaene (2014), Trends Cogn. Sci. 18:203, for the generalisation over time.

    Examples
    --------
    >>> from neuroalign.scoring.across_windows import score_across_windows
    >>> from neuroalign.testing import make_time_course
    >>> dataset = make_time_course(signal=[0, 1, 1], bin_width=50)
    >>> (result,) = score_across_windows("factors", dataset, "linear", windows="bins", use_cache=False)
    >>> result.scores.shape, result.windows[0]
    ((3, 3), (0.0, 50.0))
    """
    import joblib

    chosen = load_benchmark(benchmark)
    predicting = _expect_predictions(chosen)
    if not len(windows):
        raise UsageError("scores across windows must have windows, got none; give bins for every time bin")
    loaded = load_dataset(dataset)
    models, parts = load_for_parts(model, loaded, select_parts(loaded, as_columns(by), windows))
    groups: dict[str, list[tuple[Part, Model | ModelFamily | None]]] = {}
    for part, owner in zip(parts, models, strict=True):
        groups.setdefault(repr(list(part.conditions.items())), []).append((part, owner))
    jobs, places = [], []
    for place, members in enumerate(groups.values()):
        _expect_same_stimuli([part for part, _ in members])
        instances: dict[str, dict[int, Model]] = {}
        for number, (part, owner) in enumerate(members):
            if part.dataset is not None and owner is not None:
                for instance in instances_of(owner, part.dataset):
                    instances.setdefault(instance.identifier, {})[number] = instance
        for of_windows in instances.values():
            pairs = [(of_windows.get(number), part.dataset) for number, (part, _) in enumerate(members)]
            jobs.append(joblib.delayed(_score_pairs)(pairs, predicting, join, use_cache))
            places.append(place)
    finished = run_jobs(jobs, n_jobs=n_jobs, description="scoring across windows")
    name = next((owner.identifier for owner in models if owner is not None), str(model))
    return [
        _summarise(
            [part for part, _ in members],
            AcrossWindows(
                conditions=members[0][0].conditions,
                model=name,
                benchmark=chosen.identifier,
                windows=tuple(part.window for part, _ in members if part.window is not None),
                scores=np.full((len(members), len(members)), np.nan),
                reasons=tuple(part.reason for part, _ in members),
            ),
            [result for result, own in zip(finished, places, strict=True) if own == place],
        )
        for place, members in enumerate(groups.values())
    ]


def to_table(matrices: Sequence[AcrossWindows]) -> "pd.DataFrame":
    """Return the scores of all pairs of windows as a table.

    Parameters
    ----------
    matrices : sequence of AcrossWindows
        Scores from :func:`score_across_windows`.

    Returns
    -------
    pandas.DataFrame
        A row for each pair of windows: the columns that make the groups, ``model``, ``benchmark``, ``fitted_start``,
        ``fitted_end``, ``tested_start`` and ``tested_end`` in milliseconds, and ``score``.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            **matrix.conditions,
            "model": matrix.model,
            "benchmark": matrix.benchmark,
            "fitted_start": fitted[0],
            "fitted_end": fitted[1],
            "tested_start": tested[0],
            "tested_end": tested[1],
            "score": matrix.scores[row, column],
        }
        for matrix in matrices
        for row, fitted in enumerate(matrix.windows)
        for column, tested in enumerate(matrix.windows)
    )


def _expect_predictions(benchmark: Benchmark) -> PredictsHeldOut:
    if isinstance(benchmark, PredictsHeldOut):
        return benchmark
    able = [name for name, registered in benchmarks.items() if hasattr(registered, "score_across")]
    raise UsageError(
        f"{benchmark.identifier} has no held-out predictions of neurons to compare across windows; take "
        f"{', '.join(able)}"
    )


def _expect_same_stimuli(parts: Sequence[Part]) -> None:
    """Refuse windows with different stimuli, which have different folds."""
    sizes = {tuple(part.stimuli): len(part.stimuli) for part in parts if part.dataset is not None}
    if len(sizes) > 1:
        raise UsageError(
            f"windows must have the same stimuli to share folds, got {min(sizes.values())} to {max(sizes.values())}; "
            "leave out the stimuli that some windows lack"
        )


def _score_pairs(
    pairs: Sequence[tuple[Model | None, Dataset | None]],
    benchmark: PredictsHeldOut,
    join: Join,
    use_cache: bool,
) -> tuple[FloatArray, list[str]]:
    """Predict every window by one instance, and score all pairs of windows."""
    latents = SharedLatents()
    predictions: list[HeldOut | None] = []
    reasons = []
    for model, dataset in pairs:
        held_out, reason = None, ""
        if model is not None and dataset is not None:
            try:
                with foreign_code(f"{model.identifier} cannot be fitted"):
                    computed = latents.compute(model, dataset.stimuli, use_cache=use_cache)[0]
                    prepared = Prepared(model, dataset.stimuli, computed, use_cache)
                    held_out = benchmark.held_out(prepared, dataset, join=join)
            except NeuroalignError as error:
                reason = str(error)
        predictions.append(held_out)
        reasons.append(reason)
    scores = np.full((len(pairs), len(pairs)), np.nan)
    for row, fitted in enumerate(predictions):
        for column, tested in enumerate(predictions):
            if fitted is not None and tested is not None:
                scores[row, column] = benchmark.score_across(fitted, tested)
    return scores, reasons


def _summarise(
    parts: Sequence[Part], empty: AcrossWindows, results: Sequence[tuple[FloatArray, list[str]]]
) -> AcrossWindows:
    """Return the mean over instances."""
    if not results:
        return empty
    stacked = np.stack([scores for scores, _ in results])
    finite = np.isfinite(stacked)
    count = finite.sum(axis=0)
    total = np.where(finite, stacked, 0.0).sum(axis=0)
    # A single model keeps its scores bit by bit.
    mean = stacked[0] if len(stacked) == 1 else np.where(count > 0, total / np.maximum(count, 1), np.nan)
    reasons = tuple(
        part.reason or next((given[number] for _, given in results if given[number]), "")
        for number, part in enumerate(parts)
    )
    return replace(empty, scores=mean, reasons=reasons)
