"""Scores of the groups of a dataset and of windows of time, each a part of the dataset, with shared latents."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.columns import Label
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import UsageError, count_noun
from neuroalign.files.digests import digest
from neuroalign.jobs import count_workers, run_jobs
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.names.syntax import format_value
from neuroalign.results.score import Score, summarise
from neuroalign.results.store import ResultsStore, now
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.evaluate import check_shuffles, count_once, instances_of
from neuroalign.scoring.groups import load_benchmarks
from neuroalign.scoring.instance import Batch, Failure, score_instance_on_parts
from neuroalign.scoring.parts import Part, load_for_parts, select_parts
from neuroalign.scoring.shuffles_ahead import shuffle_ahead
from neuroalign.validation import checks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class GroupScore:
    """Score of one group of a dataset, or the reason why the score is missing.

    Parameters
    ----------
    conditions : mapping of str to value
        Value of each column that makes the group; None stands for a missing value.
    window : (float, float) or None
        Start and end of the window in milliseconds; None for scores without windows.
    model, dataset, benchmark : str
        Identifiers; the dataset is the part, or the whole dataset where the part does not exist.
    n_neurons, n_stimuli : int
        Neurons and recorded stimuli of the part; 0 where the part does not exist.
    options : mapping of str to object
        Options of the benchmark.
    stimuli_hash : str
        Digest of the ids of the recorded stimuli; empty where the part does not exist.
    score : Score or None
        Score of the model, or mean over the instances of a family; None where it could not be computed.
    reason : str
        Reason why the score, or the score of some instances, is missing; empty otherwise.
    """

    conditions: Mapping[str, Label]
    window: Window | None
    model: str
    dataset: str
    benchmark: str
    n_neurons: int
    n_stimuli: int
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stimuli_hash: str = field(default="", repr=False)
    score: Score | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def name(self) -> str:
        """Conditions in words: ``animal=Tito, region=IT, 70:90 ms``."""
        parts = [f"{column}={format_value(value)}" for column, value in self.conditions.items()]
        if self.window is not None:
            parts.append(f"{self.window[0]:g}:{self.window[1]:g} ms")
        return ", ".join(parts)

    def to_record(self) -> dict[str, Any]:
        """Return the group, its size and its score as a dictionary that JSON can hold."""
        return {
            "conditions": dict(self.conditions),
            **({} if self.window is None else {"window_ms": list(self.window)}),
            "model": self.model,
            "dataset": self.dataset,
            "benchmark": self.benchmark,
            "n_neurons": self.n_neurons,
            "n_stimuli": self.n_stimuli,
            "score": None if self.score is None else self.score.to_record(),
            "reason": self.reason,
        }


@checks("join", "use_cache", "store")
def score_by(
    model: str | Model | ModelFamily,
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark | Sequence[str | Benchmark] = DEFAULT_BENCHMARK,
    *,
    by: str | Sequence[str] = (),
    windows: str | Sequence[Window] = (),
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
) -> list[GroupScore]:
    """Score a model on each group of a dataset, and in each window of time.

    Each group is a part of the dataset: its score is the score of ``DATASET[animal=Tito,region=IT]``, under the same
    key in the results store. Latents are computed once for all parts with the same stimuli.

    Parameters
    ----------
    model : str, Model or ModelFamily
        Name of a model or family, or an object. A family gives the mean over its instances in each group.
    dataset : str, path or Dataset
    benchmark : str, Benchmark, or sequence of them
        Benchmarks of the scores, or names of groups of benchmarks.
    by : str or sequence of str
        Columns of the neurons, trials or stimuli; each existing combination of their values is a group. A text may
        name several, with commas. Without columns the whole dataset is one group.
    windows : str or sequence of (float, float)
        Windows in milliseconds, for recordings with time bins; see
        ``neuroalign.datasets.window_lists.list_windows``. With windows, stored scores without the shuffled scores
        that :func:`neuroalign.scoring.time_courses.time_courses` needs are computed again.
    join, use_cache, n_permutations, permutation_seed
        See :func:`neuroalign.score`.
    n_jobs : int
        Number of jobs at the same time: instances, or parts of one instance. The numbers do not depend on it.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.

    Returns
    -------
    list of GroupScore
        Groups in the order of their values, for each group the windows in the order of time, for each window the
        benchmarks. A group that cannot be scored is in the list, with the reason.

    Raises
    ------
    NeuroalignError
        If a name or a column is unknown, a window does not fit the time bins, or the model cannot be loaded for any
        group.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign import as_model
    >>> from neuroalign.scoring.grouped import score_by
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=4)
    >>> model = as_model(lambda pixels: pixels.reshape(len(pixels), -1)[:, :3], identifier="corner")
    >>> groups = score_by(model, dataset, "linear", by="neuroid_id", use_cache=False)
    >>> [(group.name, group.n_neurons) for group in groups[:2]]
    [('neuroid_id=n00', 1), ('neuroid_id=n01', 1)]
    """
    check_shuffles(n_permutations, permutation_seed)
    named = [benchmark] if isinstance(benchmark, str | Benchmark) else list(benchmark)
    benchmarks = load_benchmarks(named)
    loaded = load_dataset(dataset)
    parts = select_parts(loaded, as_columns(by), windows)
    models, parts = load_for_parts(model, loaded, parts)
    store, created = store or ResultsStore(), now()
    serial = store.new_serial() if use_cache else None

    def batch(part: Dataset, owner: Model | ModelFamily) -> Batch:
        return Batch(
            dataset=part,
            benchmarks=benchmarks,
            family=owner.identifier,
            is_sample=owner.is_sample if isinstance(owner, ModelFamily) else None,
            join=join,
            use_cache=use_cache,
            store=store,
            created=created,
            serial=serial,
            n_permutations=n_permutations,
            permutation_seed=permutation_seed,
            needs_shuffles=bool(windows),
        )

    tasks: dict[str, list[tuple[int, Model, Batch]]] = {}
    for place, (part, owner) in enumerate(zip(parts, models, strict=True)):
        if part.dataset is not None and owner is not None:
            shared = batch(part.dataset, owner)
            for instance in instances_of(owner, part.dataset):
                tasks.setdefault(instance.identifier, []).append((place, instance, shared))
    outcomes = _run(list(tasks.values()), n_jobs)
    owners = [owner for owner in models if owner is not None]
    family = owners[0].identifier if owners else str(model)
    return [
        _summarise(
            part,
            owner,
            GroupScore(
                conditions=part.conditions,
                window=part.window,
                model=family,
                dataset=loaded.identifier if part.dataset is None else part.dataset.identifier,
                benchmark=chosen.identifier,
                n_neurons=part.n_neurons,
                n_stimuli=len(part.stimuli),
                options=chosen.options(),
                stimuli_hash=digest(part.stimuli) if part.stimuli else "",
                reason=part.reason,
            ),
            [of_instance[number] for of_instance in outcomes.get(place, [])],
        )
        for place, (part, owner) in enumerate(zip(parts, models, strict=True))
        for number, chosen in enumerate(benchmarks)
    ]


def to_table(groups: Sequence[GroupScore]) -> "pd.DataFrame":
    """Return the scores of groups as a table.

    Parameters
    ----------
    groups : sequence of GroupScore
        Groups from :func:`score_by`.

    Returns
    -------
    pandas.DataFrame
        A row for each group. Columns are the columns that make the groups, ``window_start`` and ``window_end`` in
        milliseconds where there are windows, ``model``, ``dataset``, ``benchmark``, ``n_neurons``, ``n_stimuli``,
        ``score``, ``error``, ``chance``, ``ceiling``, the numbers beside the scores, and ``reason``.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.scoring.grouped import score_by, to_table
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=2)
    >>> groups = score_by("factors", dataset, "linear", by="neuroid_id", use_cache=False)
    >>> to_table(groups)[["neuroid_id", "model", "n_stimuli"]]
      neuroid_id    model  n_stimuli
    0        n00  factors         60
    1        n01  factors         60
    """
    import pandas as pd

    rows = []
    for group in groups:
        row: dict[str, Any] = dict(group.conditions)
        if group.window is not None:
            row["window_start"], row["window_end"] = group.window
        for name in ("model", "dataset", "benchmark", "n_neurons", "n_stimuli"):
            row[name] = getattr(group, name)
        if group.score is not None:
            named = {"score": "value", "error": "error", "chance": "null", "ceiling": "ceiling"}
            row |= {column: getattr(group.score, name) for column, name in named.items()}
            row |= {name: value for name, value in group.score.beside.items() if name not in row}
        rows.append({**row, "reason": group.reason})
    return pd.DataFrame(rows)


def as_columns(by: str | Sequence[str]) -> list[str]:
    """Return names of columns from a text with commas, or from a sequence of such texts."""
    texts = [by] if isinstance(by, str) else by
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"by must be the name of a column, or a sequence of names, got {by!r}")
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _run(
    tasks: Sequence[Sequence[tuple[int, Model, Batch]]], n_jobs: int
) -> dict[int, list[list[Score | Failure]]]:
    """Score each instance on its parts; return the outcomes of each part, instance by instance."""
    import joblib

    if not tasks:
        return {}
    ahead = iter(shuffle_ahead([(model, batch) for task in tasks for _, model, batch in task], n_jobs=n_jobs))
    with_shuffles = [[(place, (model, batch, next(ahead))) for place, model, batch in task] for task in tasks]
    # One instance alone keeps several jobs busy with some of its parts each; latents are then computed in each job.
    chunks = max(1, count_workers(n_jobs) // len(tasks))
    divided = [task[start::chunks] for task in with_shuffles for start in range(min(chunks, len(task)))]
    jobs = [
        joblib.delayed(score_instance_on_parts)([part for _, part in task], shows_progress=n_jobs == 1)
        for task in divided
    ]
    finished = run_jobs(jobs, n_jobs=n_jobs, description="scoring groups")
    outcomes: dict[int, list[list[Score | Failure]]] = {}
    for task, results in zip(divided, finished, strict=True):
        for (place, _), result in zip(task, results, strict=True):
            outcomes.setdefault(place, []).append(result)
    return outcomes


def _summarise(
    part: Part,
    owner: Model | ModelFamily | None,
    group: GroupScore,
    outcomes: Sequence[Score | Failure],
) -> GroupScore:
    """Add the score of one part by one benchmark to its group: of a model, or the mean over instances of a family."""
    scores = [outcome for outcome in outcomes if isinstance(outcome, Score)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    reason = str(failures[0].reason) if failures else group.reason
    if not scores:
        return replace(group, reason=reason)
    # Stimuli without latents are left out of an intersection.
    group = replace(group, n_stimuli=int(scores[0].provenance.get("n_stimuli", group.n_stimuli)))
    if not isinstance(owner, ModelFamily):
        return replace(group, score=scores[0], reason=reason)
    if failures:
        reason = f"{len(failures)} of {count_noun(len(outcomes), 'instance')}: {reason}"
    mean = summarise(count_once(group.model, scores), family=group.model)
    size = {"n_neurons": group.n_neurons, "n_stimuli": group.n_stimuli}
    part_text = {} if part.dataset is None else {"part": part.dataset.metadata.get("part")}
    return replace(
        group, score=replace(mean, provenance={**mean.provenance, **size, **part_text}), reason=reason
    )
