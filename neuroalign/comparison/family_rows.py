"""Rows of a leaderboard: means, intervals and numbers beside the score of each family."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neuroalign.comparison.groups import GroupSamples
from neuroalign.comparison.inference import infer_own_mean
from neuroalign.comparison.samples import Sample
from neuroalign.results.score import TRAINED_ON, Score
from neuroalign.scoring.resampling import Statistic
from neuroalign.stats.standard_errors import standard_error

#: Columns of :func:`describe_family`.
FAMILY_COLUMNS = [
    "family",
    "n",
    "mean",
    "ci_low",
    "ci_high",
    "interval_over",
    "sd",
    "se",
    "error",
    "value",
    "null",
    "ceiling",
]


def describe_family(sample: Sample, scores: Sequence[Score], statistic: Statistic) -> dict[str, Any]:
    """Return the mean, interval, error, chance and ceiling of a family.

    Parameters
    ----------
    sample : Sample
        Sample of `statistic`.
    scores : sequence of Score
        Scores of the instances.
    statistic : Statistic

    Returns
    -------
    dict
        With the keys :data:`FAMILY_COLUMNS`.
    """
    errors = [
        score.error if statistic.is_score else score.beside.get(_error_of(statistic), np.nan)
        for score in scores
    ]
    interval = infer_own_mean(sample)
    return {
        "family": sample.name,
        "n": sample.n,
        "mean": sample.mean,
        "ci_low": interval.ci_low,
        "ci_high": interval.ci_high,
        "interval_over": "" if interval.reason else interval.over,
        "sd": sample.values.std(ddof=1) if sample.n > 1 else np.nan,
        "se": standard_error(sample.values),
        "error": _of_finite(np.mean, errors),
        "value": _of_finite(np.mean, [score.value for score in scores]),
        "null": _of_finite(np.mean, [score.null for score in scores]),
        "ceiling": _of_finite(np.mean, [score.ceiling for score in scores]),
    }


def numbers_beside(
    families: Mapping[str, Sequence[Score]], samples: GroupSamples
) -> dict[str, dict[str, float]]:
    """Return the numbers beside the scores: means over the instances of each family, and medians of p-values.

    Parameters
    ----------
    families : mapping of str to sequence of Score
    samples : GroupSamples

    Returns
    -------
    dict of str to dict of str to float
        For each number its value in each family; with the score on common terms, where families are ranked by
        another number.
    """
    names = dict.fromkeys(name for scores in families.values() for score in scores for name in score.beside)
    # The ranking statistic and its error have columns of their own.
    in_columns = (samples.statistic.identifier, _error_of(samples.statistic))
    beside = {
        name: {
            family: _of_finite(
                np.median if name.endswith("_p") else np.mean,
                [score.beside.get(name, np.nan) for score in scores],
            )
            for family, scores in families.items()
        }
        for name in names
        if name not in in_columns
    }
    value = samples.value_statistic
    if value is not None and value.equalises:
        beside[value.label] = {name: sample.mean for name, sample in samples.value_samples.items()}
    return beside


def training_notes(families: Mapping[str, Sequence[Score]]) -> dict[str, list[str]]:
    """Return the notes of families that were trained on other images than the images of the dataset."""
    notes = {
        family: sorted({note for score in scores for note in score.notes if note.startswith(TRAINED_ON)})
        for family, scores in families.items()
    }
    return {family: sentences for family, sentences in notes.items() if sentences}


def _error_of(statistic: Statistic) -> str:
    """Return the key in ``Score.beside`` of the standard error of a statistic."""
    return f"{statistic.identifier}_error"


def _of_finite(aggregate: Callable[..., Any], values: Sequence[float]) -> float:
    """Return an aggregate of the finite values; NaN without any."""
    finite = [value for value in values if np.isfinite(value)]
    return float(aggregate(finite)) if finite else float("nan")
