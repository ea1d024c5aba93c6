"""A score: one number, how sure it is, between which bounds it lies, and everything behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.stats.standard_errors import standard_error

# To make one takes longer than to read a record.
_NO_ARRAYS = xr.Dataset()


#: How a note begins that says which images a model was trained on.
TRAINED_ON = "trained on the images of"


@dataclass(frozen=True, eq=False)
class Score:
    """The score of one model, or of a family of models, on one dataset by one benchmark.

    Parameters
    ----------
    value : float
        The score. NaN where it is undefined; `notes` say why.
    error : float
        Standard error of `value` over what `error_over` names; NaN with fewer than two of them.
    error_over : str
        What the error is over: "neurons", "stimuli", "originals", "units", "draws" or "instances".
    null : float
        Value expected by chance, NaN where it was not computed.
    ceiling : float
        Value that a perfect model could reach with this recording, NaN where it was not computed.
    model, dataset, benchmark : str
        Identifiers.
    benchmark_version : int
    family : str
        The family that the model belongs to; leaderboards compare families.
    options : mapping
        Options of the benchmark.
    higher_is_better : bool
    beside : mapping of str to float
        Numbers without which the value misleads, such as the effective number of units.
    data : xarray.Dataset
        Everything per neuron and per unit.
    provenance : mapping
        Versions, content hashes, numbers of stimuli and neurons, whether neurons are simulated.
    notes : sequence of str
        What a reader of the number should know, such as neurons without any weight.
    instances : sequence of Score
        For a family: the scores of its instances.
    """

    value: float
    error: float
    error_over: str
    model: str
    dataset: str
    benchmark: str
    benchmark_version: int
    family: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    higher_is_better: bool = True
    null: float = float("nan")
    ceiling: float = float("nan")
    beside: Mapping[str, float] = field(default_factory=dict)
    data: xr.Dataset = field(default_factory=xr.Dataset, repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: Sequence[str] = ()
    instances: Sequence["Score"] = field(default=(), repr=False)

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        error = "" if np.isnan(self.error) else f" ± {self.error:.4f} (SE over {self.error_over})"
        return f"{self.model} on {self.dataset}, {self.benchmark}: {self.value:.4f}{error}"

    def to_record(self) -> dict[str, Any]:
        """Return everything but the arrays as a dictionary that JSON can hold (NaN becomes None)."""
        return {
            "model": self.model,
            "dataset": self.dataset,
            "benchmark": self.benchmark,
            "benchmark_version": self.benchmark_version,
            "family": self.family,
            "options": dict(self.options),
            "value": _finite_or_none(self.value),
            "error": _finite_or_none(self.error),
            "error_over": self.error_over,
            "null": _finite_or_none(self.null),
            "ceiling": _finite_or_none(self.ceiling),
            "higher_is_better": self.higher_is_better,
            "beside": {name: _finite_or_none(value) for name, value in self.beside.items()},
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            **({"instances": [each.to_record() for each in self.instances]} if self.instances else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], data: xr.Dataset | None = None) -> "Score":
        """Make a score of what :meth:`to_record` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the record lacks a field or a field has the wrong type.
        """
        return cls(
            value=_nan_or_float(record["value"]),
            error=_nan_or_float(record["error"]),
            error_over=str(record["error_over"]),
            model=str(record["model"]),
            dataset=str(record["dataset"]),
            benchmark=str(record["benchmark"]),
            benchmark_version=int(record["benchmark_version"]),
            family=str(record["family"]),
            options=dict(record["options"]),
            higher_is_better=bool(record["higher_is_better"]),
            null=_nan_or_float(record["null"]),
            ceiling=_nan_or_float(record["ceiling"]),
            beside={str(name): _nan_or_float(value) for name, value in record["beside"].items()},
            data=_NO_ARRAYS if data is None else data,
            provenance=dict(record["provenance"]),
            notes=tuple(map(str, record["notes"])),
            instances=tuple(cls.from_record(each) for each in record.get("instances", ())),
        )


def describe_trained_on(trained_on: str, dataset: str) -> str:
    """Say that a model was trained on other stimuli than those that it is scored on.

    Parameters
    ----------
    trained_on : str
        Identifier of the dataset or stimulus set that the model was trained on.
    dataset : str
        Identifier of the dataset that it is scored on.
    """
    return f"{TRAINED_ON} {trained_on}, not on the images of {dataset}"


def find_repeated(scores: Sequence[Score]) -> dict[str, str]:
    """Find instances with the same latents as another instance of the family, which must not count again.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances of one family on one dataset, by any benchmarks.

    Returns
    -------
    dict of str to str
        For each instance that repeats another one, the instance that it repeats: the first of them in `scores`. Two
        instances whose latents are identical but whose scores differ, as decoders may, are two.
    """
    seen: dict[Any, str] = {}
    by_model: dict[str, list[Score]] = {}
    for score in scores:
        by_model.setdefault(score.model, []).append(score)
    repeated = {}
    for model, of_model in by_model.items():
        latents = {score.provenance.get("latents_hash") for score in of_model}
        if None in latents:
            continue
        values = sorted(
            (score.benchmark, str(sorted(score.options.items())), repr(score.value)) for score in of_model
        )
        first = seen.setdefault((tuple(sorted(map(str, latents))), tuple(values)), model)
        if first != model:
            repeated[model] = first
    return repeated


def summarise(scores: Sequence[Score], *, family: str) -> Score:
    """Average the scores of the instances of one family on one dataset by one benchmark.

    Parameters
    ----------
    scores : sequence of Score
        At least one.
    family : str
        Identifier of the family.

    Returns
    -------
    Score
        The mean over instances, also of what is beside the value; the error is the standard error over
        instances. NaN instances are left out, and a note counts them. Notes that all instances share are kept.
    """
    first = scores[0]
    values = np.array([each.value for each in scores])
    finite = values[np.isfinite(values)]
    notes = [f"mean over {finite.size} instances"]
    for note in dict.fromkeys(
        note for score in scores for note in score.notes if note.startswith(TRAINED_ON)
    ):
        notes.append(note)
    if finite.size < values.size:
        notes.append(f"{values.size - finite.size} of {values.size} instances have no score")
    notes += [note for note in first.notes if all(note in score.notes for score in scores)]
    return Score(
        value=float(finite.mean()) if finite.size else float("nan"),
        error=standard_error(values),
        error_over="instances",
        model=family,
        family=family,
        dataset=first.dataset,
        benchmark=first.benchmark,
        benchmark_version=first.benchmark_version,
        options=first.options,
        higher_is_better=first.higher_is_better,
        null=_mean_or_nan([each.null for each in scores]),
        ceiling=_mean_or_nan([each.ceiling for each in scores]),
        beside={
            name: _mean_or_nan([each.beside.get(name, float("nan")) for each in scores])
            for name in dict.fromkeys(name for each in scores for name in each.beside)
        },
        data=xr.Dataset(
            {"value": ("instance", values)}, coords={"instance": [each.model for each in scores]}
        ),
        provenance={
            key: value
            for key, value in first.provenance.items()
            if key in ("neuroalign", "dataset_hash", "simulated", "join")
            or (key == "trained_on" and all(score.provenance.get(key) == value for score in scores))
        },
        notes=notes,
        instances=tuple(scores),
    )


def _mean_or_nan(values: Sequence[float]) -> float:
    finite = [each for each in values if np.isfinite(each)]
    return float(np.mean(finite)) if finite else float("nan")


def _finite_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _nan_or_float(value: Any) -> float:
    return float("nan") if value is None else float(value)
