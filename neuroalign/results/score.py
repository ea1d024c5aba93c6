"""Scores: a value with its error, its bounds, the numbers beside it, its arrays and its provenance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import printable
from neuroalign.results.display import as_html
from neuroalign.results.numbers import identify_number
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import check_value

# A new dataset takes longer to make than a record to read.
_NO_ARRAYS = xr.Dataset()

#: Mark behind the name of a family or model with scores that come with neuroalign.
SHIPPED = "(shipped)"

# Relative and absolute difference that counts as rounding between two runs of one model.
_ROUNDING, _ABSOLUTE = 1e-5, 1e-7

#: Types of the fields that every score has.
_CHECKED = {
    **dict.fromkeys(("value", "error", "null", "ceiling"), float),
    **dict.fromkeys(("error_over", "model", "dataset", "benchmark", "family"), str),
    "benchmark_version": int,
}

#: Start of the note that names the images that a model was trained on.
TRAINED_ON = "trained on the images of"


@dataclass(frozen=True, eq=False)
class Score:
    """The score of one model, or of a family of models, on one dataset by one benchmark.

    Parameters
    ----------
    value : float
        Score; NaN where it is undefined, and `notes` give the reason.
    error : float
        Standard error of `value` over the samples that `error_over` names; NaN with fewer than two samples.
    error_over : str
        Samples of the standard error: "neurons", "stimuli", "originals", "units", "draws" or "instances".
    null : float
        Value expected by chance; NaN where it was not computed.
    ceiling : float
        Value that a perfect model could reach with this recording; NaN where it was not computed.
    model, dataset, benchmark : str
        Identifiers.
    benchmark_version : int
        Version of the benchmark, which changes when the same input gives another number.
    family : str
        Family of the model; leaderboards compare families.
    options : mapping of str to object
        Options of the benchmark.
    higher_is_better : bool
        Whether a higher value stands for a better model.
    beside : mapping of str to float
        Numbers that a reader needs to judge the value, such as the effective number of units, by their identifiers
        (see :class:`neuroalign.results.numbers.Number`).
    data : xarray.Dataset
        Arrays with the results of every neuron and unit.
    provenance : mapping
        Versions, content hashes, numbers of stimuli and neurons, whether neurons are simulated.
    notes : sequence of str
        Remarks for a reader of the number, such as the number of neurons without weight.
    instances : sequence of Score
        Scores of the instances of a family; empty for a single model.
    members : sequence of Score
        Scores on the datasets of a collection; empty for one dataset.

    Raises
    ------
    UsageError
        If a number is text, or a name is not.
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
    members: Sequence["Score"] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name, declared in _CHECKED.items():
            value = getattr(self, name)
            # Leaderboards make thousands of scores, so values of the very type are not converted.
            if type(value) is not declared:
                object.__setattr__(self, name, check_value(value, declared, name, owner="Score"))

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        error = "" if np.isnan(self.error) else f" ± {self.error:.4f} (SE over {self.error_over})"
        return f"{self.model} on {self.dataset}, {self.benchmark}: {self.value:.4f}{error}"

    def _repr_html_(self) -> str | None:
        return as_html("score", self)

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
            **({"instances": [score.to_record() for score in self.instances]} if self.instances else {}),
            **({"members": [score.to_record() for score in self.members]} if self.members else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], data: xr.Dataset | None = None) -> "Score":
        """Make a score from a dictionary that :meth:`to_record` returned.

        Parameters
        ----------
        record : mapping
        data : xarray.Dataset, optional
            Arrays of the score.

        Returns
        -------
        Score

        Raises
        ------
        KeyError, TypeError, ValueError
            If a field of the record is missing or has the wrong type.
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
            # Records of earlier versions have names with spaces: "effective units".
            beside={
                name if name.isidentifier() and name.isascii() else identify_number(name): _nan_or_float(
                    value
                )
                for name, value in record["beside"].items()
            },
            data=_NO_ARRAYS if data is None else data,
            provenance=dict(record["provenance"]),
            notes=tuple(map(str, record["notes"])),
            instances=tuple(cls.from_record(instance) for instance in record.get("instances", ())),
            members=tuple(cls.from_record(member) for member in record.get("members", ())),
        )


def imported_from(score: Score) -> str:
    """Return the name of the source of an imported score; empty for a score that was computed here.

    Parameters
    ----------
    score : Score
    """
    origin = score.provenance.get("imported")
    if not origin:
        return ""
    name = origin.get("from") if isinstance(origin, Mapping) else None
    return printable(name)[:60] if isinstance(name, str) and name.strip() else "another laboratory"


def name_with_source(name: str, score: Score) -> str:
    """Return the name of a family or model, with the source of an imported score, so that tables mark its row.

    Parameters
    ----------
    name : str
    score : Score

    Returns
    -------
    str
        The name alone for a score that was computed here.
    """
    if is_shipped(score):
        return f"{name} {SHIPPED}"
    source = imported_from(score)
    return f"{name} (imported from {source})" if source else name


def is_shipped(score: Score) -> bool:
    """Return whether a score comes with neuroalign itself.

    Parameters
    ----------
    score : Score
    """
    origin = score.provenance.get("imported")
    return isinstance(origin, Mapping) and bool(origin.get("shipped"))


def describe_trained_on(trained_on: str, dataset: str, remark: str = "") -> str:
    """Write the note of a model that was trained on the stimuli of another dataset.

    Parameters
    ----------
    trained_on : str
        Identifier of the dataset or stimulus set of the training.
    dataset : str
        Identifier of the dataset of the score.
    remark : str, optional
        Remark of the model on the stimuli of the dataset.
    """
    return f"{TRAINED_ON} {trained_on}, not on the images of {dataset}{remark and f'; {remark}'}"


def find_repeated(scores: Sequence[Score]) -> dict[str, str]:
    """Find instances with the same latents as another instance of the family: they count once.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances of one family on one dataset, by any benchmarks.

    Returns
    -------
    dict of str to str
        For each instance that repeats another one, the first instance in `scores` with the same latents and scores, up
        to the rounding of two runs.
        Instances with the same latents and different scores count separately: their decoders may differ.
    """
    by_model: dict[str, list[Score]] = {}
    for score in scores:
        by_model.setdefault(score.model, []).append(score)
    seen: dict[Any, list[tuple[str, list[Score]]]] = {}
    repeated = {}
    for model, own in by_model.items():
        if any(score.provenance.get("latents_hash") is None for score in own):
            continue
        own = sorted(own, key=_kind)
        alike = seen.setdefault(tuple(map(_kind, own)), [])
        first = next((name for name, others in alike if all(map(_repeats, others, own))), None)
        if first is None:
            alike.append((model, own))
        else:
            repeated[model] = first
    return repeated


def _kind(score: Score) -> tuple[str, str]:
    return score.benchmark, str(sorted(score.options.items()))


def _repeats(first: Score, second: Score) -> bool:
    """Return whether two scores have the same latents and the same value, up to the rounding of two runs."""
    both_missing = math.isnan(first.value) and math.isnan(second.value)
    if not (both_missing or math.isclose(first.value, second.value, rel_tol=_ROUNDING, abs_tol=_ABSOLUTE)):
        return False
    if first.provenance["latents_hash"] == second.provenance["latents_hash"]:
        return True
    ours, theirs = (score.provenance.get("latents_projections") for score in (first, second))
    if not ours or not theirs or len(ours) != len(theirs):  # scores of earlier versions
        return False
    return all(abs(a - b) <= _ROUNDING * ours[0] for a, b in zip(ours, theirs, strict=True))


def summarise(scores: Sequence[Score], *, family: str) -> Score:
    """Average the scores of the instances of one family on one dataset by one benchmark.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances, at least one.
    family : str
        Identifier of the family.

    Returns
    -------
    Score
        Mean of the values and of the numbers beside them; the error is the standard error over instances. Instances
        with the value NaN are left out, and a note counts them. Notes that all instances share are kept.
    """
    first = scores[0]
    values = np.array([score.value for score in scores])
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
        null=_mean_or_nan([score.null for score in scores]),
        ceiling=_mean_or_nan([score.ceiling for score in scores]),
        beside={
            name: _mean_or_nan([score.beside.get(name, float("nan")) for score in scores])
            for name in dict.fromkeys(name for score in scores for name in score.beside)
        },
        data=xr.Dataset(
            {"value": ("instance", values)}, coords={"instance": [score.model for score in scores]}
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
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _finite_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _nan_or_float(value: Any) -> float:
    return float("nan") if value is None else float(value)
